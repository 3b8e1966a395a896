package authz

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log/slog"
	"math/big"
	"mime"
	"mime/multipart"
	"net"
	"net/mail"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"

	"gatehouse/store"
	"gatehouse/store/storetest"
)

// postOffice is an SMTP server that notes what it is told, and refuses what a
// test wants refused.
type postOffice struct {
	server *smtp.Server
	addr   string
	roots  *x509.CertPool

	mu     sync.Mutex
	got    []delivered
	logins []string
	mails  int
	refuse map[string]*smtp.SMTPError // by stage: mail, rcpt, data
	cut    bool                       // the connection ends after the message, without an answer
	plain  bool                       // something came before TLS
}

type delivered struct {
	from, to string
	utf8     bool
	raw      []byte
}

// postSession is one connection.
type postSession struct {
	o    *postOffice
	conn *smtp.Conn
	now  delivered
}

func (o *postOffice) refused(stage string) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if err := o.refuse[stage]; err != nil {
		return err
	}
	return nil
}

func (s *postSession) Mail(from string, opts *smtp.MailOptions) error {
	s.o.mu.Lock()
	s.o.mails++
	if _, secure := s.conn.TLSConnectionState(); !secure {
		s.o.plain = true
	}
	s.o.mu.Unlock()
	s.now = delivered{from: from, utf8: opts.UTF8}
	return s.o.refused("mail")
}

func (s *postSession) Rcpt(to string, _ *smtp.RcptOptions) error {
	s.now.to += to
	return s.o.refused("rcpt")
}

func (s *postSession) Data(r io.Reader) error {
	var err error
	if s.now.raw, err = io.ReadAll(r); err != nil {
		return err
	}
	if err := s.o.refused("data"); err != nil {
		return err
	}
	s.o.mu.Lock()
	defer s.o.mu.Unlock()
	s.o.got = append(s.o.got, s.now)
	if s.o.cut {
		s.conn.Conn().Close()
	}
	return nil
}

func (s *postSession) Reset()                   { s.now = delivered{} }
func (s *postSession) Logout() error            { return nil }
func (s *postSession) AuthMechanisms() []string { return []string{sasl.Plain} }

func (s *postSession) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, username, password string) error {
		s.o.mu.Lock()
		defer s.o.mu.Unlock()
		s.o.logins = append(s.o.logins, username+":"+password)
		if password != "hunter2" {
			return errors.New("wrong password for " + username)
		}
		return nil
	}), nil
}

// newPostOffice listens at 127.0.0.1. secure is how: "starttls", "implicit" or "none".
func newPostOffice(t *testing.T, secure string, configure func(*smtp.Server)) *postOffice {
	t.Helper()
	o := &postOffice{refuse: map[string]*smtp.SMTPError{}}
	o.server = smtp.NewServer(smtp.BackendFunc(func(c *smtp.Conn) (smtp.Session, error) { return &postSession{o: o, conn: c}, nil }))
	o.server.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug)
	if configure != nil {
		configure(o.server)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	o.addr = l.Addr().String()
	if secure != "none" {
		pair := selfSigned(t)
		o.roots = x509.NewCertPool()
		o.roots.AddCert(pair.Leaf)
		o.server.TLSConfig = &tls.Config{Certificates: []tls.Certificate{pair}}
	}
	if secure == "implicit" {
		l = tls.NewListener(l, o.server.TLSConfig)
	}
	done := make(chan struct{})
	go func() { defer close(done); o.server.Serve(l) }()
	t.Cleanup(func() { o.server.Close(); <-done })
	return o
}

func selfSigned(t *testing.T) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}

// sender is a server that has mail to send.
type sender struct {
	*Server
	t      *testing.T
	clock  *clock
	office *postOffice
	log    *logBuffer
}

func newSender(t *testing.T, databaseURL, secure string, configure func(*smtp.Server), change func(*MailConfig)) *sender {
	t.Helper()
	w := &sender{t: t, clock: &clock{}, log: &logBuffer{}, office: newPostOffice(t, secure, configure)}
	st := storetest.Open(t, store.Config{URL: databaseURL, Now: w.clock.now})
	cfg := MailConfig{Server: w.office.addr, From: "Gatehouse <no-reply@id.example.com>", TLS: secure, Roots: w.office.roots}
	if change != nil {
		change(&cfg)
	}
	var err error
	w.Server, err = New(Config{Issuer: "https://id.example.com", Secrets: [][]byte{[]byte(strings.Repeat("s", 32))}, Mail: cfg,
		Log: slog.New(slog.NewJSONHandler(w.log, &slog.HandlerOptions{Level: slog.LevelDebug}))}, st)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

var hello = Message{To: "bo@example.com", Subject: "Grüße", Text: "Open https://id.example.com/verify?x=1\n\n.\nBye, Bö\n", HTML: "<p>Höi</p>"}

func (w *sender) put(m Message) string {
	w.t.Helper()
	row, err := w.mail(m, time.Hour)
	if err == nil {
		err = w.store.Post(context.Background(), *row)
	}
	if err != nil {
		w.t.Fatal(err)
	}
	return row.ID
}

func (w *sender) round() { w.sendMail(context.Background()) }

func (w *sender) waiting() int {
	w.t.Helper()
	n, err := w.store.Count(context.Background(), `SELECT count(*) FROM outbox`)
	if err != nil {
		w.t.Fatal(err)
	}
	return n
}

func (o *postOffice) all() []delivered {
	o.mu.Lock()
	defer o.mu.Unlock()
	return append([]delivered(nil), o.got...)
}

// heard tells how many mails were begun, and who signed in.
func (o *postOffice) heard() (mails int, logins []string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.mails, append([]string(nil), o.logins...)
}

func (o *postOffice) hadPlain() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.plain
}

func (o *postOffice) cuts(yes bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.cut = yes
}

func (o *postOffice) refuses(stage string, code int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.refuse = map[string]*smtp.SMTPError{}
	if code > 0 {
		o.refuse[stage] = &smtp.SMTPError{Code: code, EnhancedCode: smtp.NoEnhancedCode, Message: "no bo@example.com here"}
	}
}

func (d delivered) parse(t *testing.T) (header mail.Header, parts map[string]string) {
	t.Helper()
	m, err := mail.ReadMessage(bytes.NewReader(d.raw))
	if err != nil {
		t.Fatalf("%v: %s", err, d.raw)
	}
	kind, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/alternative" {
		t.Fatalf("%s, %v", kind, err)
	}
	parts = map[string]string{}
	for r := multipart.NewReader(m.Body, params["boundary"]); ; {
		p, err := r.NextPart()
		if err == io.EOF {
			return m.Header, parts
		}
		if err != nil {
			t.Fatal(err)
		}
		text, _ := io.ReadAll(p)
		parts[p.Header.Get("Content-Type")] = strings.ReplaceAll(string(text), "\r\n", "\n")
	}
}

// keepsQuiet looks for what no log may have.
func (w *sender) keepsQuiet() {
	w.t.Helper()
	rows, err := w.store.Count(context.Background(), `SELECT count(*) FROM outbox WHERE last_error LIKE '%@%' OR last_error LIKE '%here%'`)
	if err != nil || rows > 0 {
		w.t.Errorf("%d rows tell an address, %v", rows, err)
	}
	for _, secret := range []string{"bo@", "example.com/verify", "no bo", "hunter2", "Grüße", "postmaster"} {
		if strings.Contains(w.log.String(), secret) {
			w.t.Errorf("the log has %q: %s", secret, w.log)
		}
	}
}
