package authz

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	netmail "net/mail"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/wneessen/go-mail"
	"github.com/wneessen/go-mail/smtp"
	"golang.org/x/net/idna"
)

// None has an address in it: they may be logged.
var (
	errFrom      = errors.New("mail cannot be sent from the address that mail.from is")
	errAddress   = errors.New("mail cannot be sent to such an address")
	errNeedsUTF8 = errors.New("the address needs SMTPUTF8 (RFC 6531), which the server does not have")
)

// deliverable is an address as SMTP takes it: the domain in its ASCII form (RFC
// 5891 §4). The part before the @ stays as it is and may need SMTPUTF8. What is
// not one bare address is errAddress: no name, no second address, nothing that
// ends a header or a command.
func deliverable(address string) (*netmail.Address, error) {
	a, err := netmail.ParseAddress(address)
	if err != nil || a.Name != "" || a.Address != address || hasControl(address) {
		return nil, errAddress
	}
	at := strings.LastIndexByte(address, '@')
	if domain := address[at+1:]; !isASCII(domain) {
		if domain, err = idna.Lookup.ToASCII(domain); err != nil {
			return nil, errAddress
		}
		a.Address = address[:at+1] + domain
	}
	return a, nil
}

// letter is a message with its headers. Its Message-ID comes from the row's id,
// so that one that is sent twice is known to be the same.
func (s *Server) letter(id string, m Message) (*mail.Msg, error) {
	to, err := deliverable(m.To)
	if err != nil {
		return nil, err
	}
	l := mail.NewMsg(mail.WithNoDefaultUserAgent())
	if l.From(s.cfg.Mail.From) != nil {
		return nil, errFrom
	}
	l.ToMailAddress(to)
	l.Subject(strings.Map(func(r rune) rune {
		if hasControl(string(r)) {
			return ' '
		}
		return r
	}, m.Subject))
	l.SetDateWithValue(s.store.Now())
	l.SetMessageIDWithValue(id + "@" + s.mailHost())
	l.SetGenHeader("Auto-Submitted", "auto-generated") // RFC 3834 §5: no vacation notice comes back
	l.SetBodyString(mail.TypeTextPlain, m.Text)
	if m.HTML != "" {
		l.AddAlternativeString(mail.TypeTextHTML, m.HTML)
	}
	return l, nil
}

// mailHost is the right side of a Message-ID (RFC 5322 §3.6.4).
func (s *Server) mailHost() string {
	u, _ := url.Parse(s.cfg.Issuer) // New has
	if strings.Contains(u.Hostname(), ":") {
		return "[" + u.Hostname() + "]"
	}
	return u.Hostname()
}

// courier hands messages to the configured server. It connects at the first
// one, and anew after close.
type courier struct {
	cfg    MailConfig
	client *mail.Client
	conn   *smtp.Client // nil: not connected
	sock   net.Conn
	unhook func() bool // from the context that ends the connection
}

func (c *courier) send(ctx context.Context, l *mail.Msg) error {
	if c.conn == nil {
		if err := c.connect(ctx); err != nil {
			return err
		}
	}
	needsUTF8 := !isASCII(l.GetTo()[0].Address)
	if has, _ := c.conn.Extension("SMTPUTF8"); needsUTF8 && !has {
		return errNeedsUTF8
	}
	c.conn.SkipSMTPUTF8(!needsUTF8) // not every server on the way has it
	return c.client.SendWithSMTPClient(c.conn, l)
}

// connect greets the server, begins TLS unless it is not to, and authenticates.
// When ctx ends, what is under way on the connection has mailStopGrace left.
func (c *courier) connect(ctx context.Context) error {
	host, port, _ := net.SplitHostPort(c.cfg.Server) // Check has
	n, _ := strconv.Atoi(port)
	secure := &tls.Config{ServerName: host, RootCAs: c.cfg.Roots, MinVersion: tls.VersionTLS12}
	policy := mail.TLSMandatory // with STARTTLS
	if c.cfg.TLS == "none" || c.cfg.TLS == "implicit" {
		policy = mail.NoTLS // or it is there from the first byte
	}
	dial := func(dialing context.Context, network, addr string) (conn net.Conn, err error) {
		if c.cfg.TLS == "implicit" {
			conn, err = (&tls.Dialer{Config: secure}).DialContext(dialing, network, addr)
		} else {
			conn, err = new(net.Dialer).DialContext(dialing, network, addr)
		}
		if err == nil {
			c.sock = conn
			c.unhook = context.AfterFunc(ctx, func() { time.AfterFunc(mailStopGrace, func() { conn.Close() }) })
		}
		return conn, err
	}
	opts := []mail.Option{mail.WithPort(n), mail.WithTimeout(mailTimeout), mail.WithTLSPolicy(policy), mail.WithTLSConfig(secure),
		mail.WithDialContextFunc(dial), mail.WithoutNoop(), mail.WithoutRset()}
	if c.cfg.Username != "" {
		opts = append(opts, mail.WithUsername(c.cfg.Username), mail.WithPassword(c.cfg.Password),
			mail.WithOpportunisticSMTPAuth(mail.SMTPAuthSCRAMSHA256, mail.SMTPAuthPlain, mail.SMTPAuthLogin))
	}
	var err error
	if c.client, err = mail.NewClient(host, opts...); err == nil {
		c.conn, err = c.client.DialToSMTPClientWithContext(ctx)
	}
	if err != nil {
		c.close() // go-mail leaves the socket open where the greeting fails
	}
	return err
}

// close ends the connection, if there is one. It says QUIT for courtesy and
// does not wait long for the answer.
func (c *courier) close() {
	if c.sock == nil {
		return
	}
	c.unhook()
	c.sock.SetDeadline(time.Now().Add(quitTimeout))
	if c.conn != nil {
		c.conn.Quit()
	}
	c.sock.Close()
	c.conn, c.sock = nil, nil
}
