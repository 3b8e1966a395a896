package authz

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"net"
	"net/mail"
	"net/netip"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/google/uuid"

	"gatehouse/store"
)

// MailConfig is the server that mail is handed to. Without a Server mail waits
// in the outbox.
type MailConfig struct {
	Server   string         // host:port
	From     string         // the sender's address, with or without a name (RFC 5322 §3.4)
	Username string         // empty: no authentication
	Password string         // never sent without TLS
	TLS      string         // starttls (RFC 3207; default), implicit (RFC 8314 §3.3), or none, which is for loopback
	Roots    *x509.CertPool // who may vouch for Server; default the machine's
}

// Check names the setting that cannot be, by its key, and says why; two empty
// texts if all can be.
func (c MailConfig) Check() (key, problem string) {
	if c.Server == "" {
		for _, k := range []struct{ name, value string }{{"mail.from", c.From}, {"mail.username", c.Username}, {"mail.password", c.Password}} {
			if k.value != "" {
				return "mail.server", "is not set, but " + k.name + " is"
			}
		}
		return "", ""
	}
	host, port, err := net.SplitHostPort(c.Server)
	if n, bad := strconv.ParseUint(port, 10, 16); err != nil || bad != nil || n == 0 || host == "" {
		return "mail.server", "is not host:port"
	}
	if from, err := mail.ParseAddress(c.From); err != nil || hasControl(c.From) || !isASCII(from.Address) {
		return "mail.from", "is not an address like no-reply@example.com or Example <no-reply@example.com>"
	}
	switch c.TLS {
	case "", "starttls", "implicit":
	case "none":
		if !isLoopbackHost(host) {
			return "mail.tls", "mail goes without TLS to loopback addresses only: its links sign people in"
		}
		if c.Password != "" {
			return "mail.password", "is never sent without TLS: mail.tls is none"
		}
	default:
		return "mail.tls", "is not one of starttls, implicit, none"
	}
	switch {
	case c.Username == "" && c.Password != "":
		return "mail.username", "is not set, but mail.password is"
	case c.Username != "" && c.Password == "":
		return "mail.password", "is not set, but mail.username is"
	}
	return "", ""
}

func isLoopbackHost(host string) bool {
	addr, err := netip.ParseAddr(host)
	return strings.EqualFold(host, "localhost") || err == nil && addr.Unmap().IsLoopback()
}

func hasControl(text string) bool { return strings.ContainsFunc(text, unicode.IsControl) }

func isASCII(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return r > unicode.MaxASCII })
}

// Message is one mail as it lies sealed in the outbox.
type Message struct {
	To      string `json:"to"` // a bare address; empty: nobody gets it
	Subject string `json:"subject"`
	Text    string `json:"text"`
	HTML    string `json:"html"` // the same once more; may be empty
}

func mailContext(id string) string { return "outbox " + id }

// mail makes the outbox's row of a message that is of use for life. It is
// written by Post, or by the method of the store that writes what the message
// tells of; mailPosted then has it sent at once.
//
// An address that no mail can be sent to is no error here: the sender drops what
// is for it, and the answer does not tell either.
//
// A message to nobody has a row too, which the sender drops unsent: where an
// answer must not tell whether an address has an account, both cases write the
// same.
func (s *Server) mail(m Message, life time.Duration) (*store.Mail, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return nil, fmt.Errorf("make mail: %w", err)
	}
	text, err := json.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("make mail: %w", err)
	}
	return &store.Mail{
		ID: id.String(), Sealed: s.keys.seal(atRest, mailContext(id.String()), text), ExpiresAt: s.store.Now().Add(life),
	}, nil
}

// PostMail puts a message that tells of nothing written with it into the outbox,
// and has it sent.
func (s *Server) PostMail(ctx context.Context, m Message, life time.Duration) error {
	row, err := s.mail(m, life)
	if err != nil {
		return err
	}
	if err := s.store.Post(ctx, *row); err != nil {
		return err
	}
	s.mailPosted()
	return nil
}

func (s *Server) openMail(row store.Mail) (m Message, err error) {
	text, err := s.keys.open(atRest, mailContext(row.ID), row.Sealed)
	if err == nil {
		err = json.Unmarshal(text, &m)
	}
	return m, err
}

// mailPosted wakes this process's sender: it does not wait for its next round.
func (s *Server) mailPosted() {
	select {
	case s.posted <- struct{}{}:
	default: // it has been woken already
	}
}
