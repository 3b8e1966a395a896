package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/emersion/go-smtp"
	"github.com/google/uuid"

	"gatehouse/authz"
)

const (
	mailKept    = 200     // messages that the catcher holds
	mailMaxSize = 1 << 20 // bytes of one
)

// mail is the listener that shows what the catcher has, unless mail is
// configured. Its handler is made before the public one, whose server sends to
// the catcher.
func (p *devProcess) mail() []part {
	if p.cfg.Mail.Server != "" {
		return nil
	}
	return []part{{"mail.addr", p.cfg.MailAddr, p.mailHandler}}
}

func (p *devProcess) mailHandler() (http.Handler, error) {
	c, err := newMailCatcher(filepath.Join(p.data.dir, "mail"), p.log)
	if err != nil {
		return nil, fmt.Errorf("catch mail: %w", err)
	}
	p.catcher = c
	p.cfg.Mail = authz.MailConfig{Server: c.addr, From: "Gatehouse <gatehouse@localhost>", TLS: "none"}
	return c.handler(), nil
}

// mailCatcher is an SMTP server on a free port of this machine that delivers
// nothing. It holds the last messages, in a folder too.
type mailCatcher struct {
	addr   string
	dir    string
	server *smtp.Server
	done   chan struct{} // closed when the server has stopped
	log    *slog.Logger

	mu     sync.Mutex
	caught []caughtMail // oldest first
}

func newMailCatcher(dir string, log *slog.Logger) (*mailCatcher, error) {
	c := &mailCatcher{dir: dir, done: make(chan struct{}), log: log}
	if err := c.load(); err != nil {
		return nil, err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	c.addr = l.Addr().String()
	c.server = smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) { return &catching{catcher: c}, nil }))
	c.server.Domain = "localhost"
	c.server.MaxMessageBytes = mailMaxSize
	c.server.EnableSMTPUTF8 = true
	c.server.ReadTimeout, c.server.WriteTimeout = readTimeout, writeTimeout
	c.server.ErrorLog = slog.NewLogLogger(log.Handler(), slog.LevelDebug)
	go func() {
		defer close(c.done)
		if err := c.server.Serve(l); err != nil {
			log.Error("catch mail", "err", err)
		}
	}()
	return c, nil
}

// close stops the SMTP server; of no catcher it does nothing.
func (c *mailCatcher) close() {
	if c == nil {
		return
	}
	c.server.Close()
	<-c.done
}

// load finds again what an earlier run has caught.
func (c *mailCatcher) load() error {
	if err := os.MkdirAll(c.dir, 0o700); err != nil {
		return err
	}
	files, err := os.ReadDir(c.dir) // by name, and so by time
	if err != nil {
		return err
	}
	for _, f := range files {
		id, ok := strings.CutSuffix(f.Name(), ".json")
		if !ok || uuid.Validate(id) != nil {
			continue
		}
		text, err := os.ReadFile(filepath.Join(c.dir, f.Name()))
		if err != nil {
			return err
		}
		m := caughtMail{}
		if err := json.Unmarshal(text, &m); err != nil || m.ID != id {
			c.log.Warn("a caught mail cannot be read", "file", f.Name())
			continue
		}
		c.caught = append(c.caught, m)
	}
	return nil
}

// keep takes a message, and lets the oldest go if there are too many.
func (c *mailCatcher) keep(m caughtMail) error {
	id, err := uuid.NewV7()
	if err != nil {
		return err
	}
	m.ID = id.String()
	text, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := writeWhole(c.file(m.ID), text); err != nil {
		return err
	}
	c.caught = append(c.caught, m)
	return c.drop(len(c.caught) - mailKept)
}

// drop removes the n oldest, with mu held.
func (c *mailCatcher) drop(n int) error {
	var errs []error
	for ; n > 0; n-- {
		errs = append(errs, os.Remove(c.file(c.caught[0].ID)))
		c.caught = c.caught[1:]
	}
	return errors.Join(errs...)
}

func (c *mailCatcher) file(id string) string { return filepath.Join(c.dir, id+".json") }

// newestFirst are all that are held.
func (c *mailCatcher) newestFirst() []caughtMail {
	c.mu.Lock()
	defer c.mu.Unlock()
	list := append([]caughtMail{}, c.caught...)
	slices.Reverse(list)
	return list
}

// clear removes everything.
func (c *mailCatcher) clear() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.drop(len(c.caught))
}

// catching is one SMTP session.
type catching struct {
	catcher *mailCatcher
	to      []string
}

func (s *catching) Reset()        { s.to = nil }
func (s *catching) Logout() error { return nil }

func (s *catching) Mail(string, *smtp.MailOptions) error { return nil }

func (s *catching) Rcpt(to string, _ *smtp.RcptOptions) error {
	s.to = append(s.to, to)
	return nil
}

func (s *catching) Data(r io.Reader) error {
	m, err := parseMail(r)
	if err != nil {
		return &smtp.SMTPError{Code: 554, EnhancedCode: smtp.EnhancedCode{5, 6, 0}, Message: "This is no message: " + err.Error()}
	}
	m.To = s.to
	return s.catcher.keep(m)
}
