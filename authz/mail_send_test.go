package authz

import (
	"context"
	"crypto/x509"
	"fmt"
	"mime"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"gatehouse/store/storetest"
)

func TestMailIsDelivered(t *testing.T) {
	for _, secure := range []string{"starttls", "implicit", "none"} {
		t.Run(secure, func(t *testing.T) {
			storetest.Each(t, func(t *testing.T, url string) {
				w := newSender(t, url, secure, nil, nil)
				id := w.put(hello)
				w.put(Message{Subject: "to nobody", Text: "secret"})
				w.put(Message{To: "al@example.com", Subject: "two", Text: "t", HTML: "h"})
				w.round()
				got := w.office.all()
				if len(got) != 2 || w.waiting() != 0 || w.office.hadPlain() != (secure == "none") {
					t.Fatalf("%d delivered, %d wait, unsealed: %t, %s", len(got), w.waiting(), w.office.hadPlain(), w.log)
				}
				if got[0].from != "no-reply@id.example.com" || got[0].to != "bo@example.com" || got[1].to != "al@example.com" {
					t.Errorf("envelope: %+v", got)
				}
				header, parts := got[0].parse(t)
				subject, err := new(mime.WordDecoder).DecodeHeader(header.Get("Subject"))
				if subject != hello.Subject || err != nil {
					t.Errorf("subject %q, %v", subject, err)
				}
				for name, want := range map[string]string{"Message-Id": "<" + id + "@id.example.com>", "Auto-Submitted": "auto-generated",
					"From": `"Gatehouse" <no-reply@id.example.com>`, "To": "<bo@example.com>"} {
					if header.Get(name) != want {
						t.Errorf("%s: %q", name, header.Get(name))
					}
				}
				if date, err := header.Date(); err != nil || w.store.Now().Sub(date).Abs() > time.Hour {
					t.Errorf("date %s, %v", date, err)
				}
				if parts["text/plain; charset=UTF-8"] != hello.Text || parts["text/html; charset=UTF-8"] != hello.HTML {
					t.Errorf("%q", parts)
				}
				w.keepsQuiet()
			})
		})
	}
}

func TestServerWithoutSTARTTLSGetsNothing(t *testing.T) {
	for _, mode := range []string{"", "starttls", "implicit"} {
		w := newSender(t, storetest.SQLite(t), "none", func(s *smtp.Server) { s.AllowInsecureAuth = true }, func(c *MailConfig) {
			c.TLS, c.Username, c.Password = mode, "postmaster", "hunter2"
		})
		w.put(hello)
		w.round()
		if mails, logins := w.office.heard(); mails != 0 || len(logins) != 0 || w.waiting() != 1 {
			t.Errorf("%q: %d mails, %v, %d wait", mode, mails, logins, w.waiting())
		}
		w.keepsQuiet()
	}
}

func TestServerIsWhoItSays(t *testing.T) {
	for _, secure := range []string{"starttls", "implicit"} {
		w := newSender(t, storetest.SQLite(t), secure, nil, func(c *MailConfig) { c.Roots = x509.NewCertPool() })
		w.put(hello)
		w.round()
		if mails, _ := w.office.heard(); mails != 0 || w.waiting() != 1 || !strings.Contains(w.log.String(), "certificate") {
			t.Errorf("%s: %d mails, %s", secure, mails, w.log)
		}
	}
}

func TestMailAuthenticates(t *testing.T) {
	for _, tt := range []struct {
		name, password string
		sent           int
	}{{"right password", "hunter2", 1}, {"wrong password", "hunter3", 0}} {
		t.Run(tt.name, func(t *testing.T) {
			w := newSender(t, storetest.SQLite(t), "starttls", nil, func(c *MailConfig) { c.Username, c.Password = "postmaster", tt.password })
			w.put(hello)
			w.round()
			_, logins := w.office.heard()
			if len(w.office.all()) != tt.sent || w.waiting() != 1-tt.sent || len(logins) != 1 || logins[0] != "postmaster:"+tt.password {
				t.Errorf("%d sent, %d wait, %v", len(w.office.all()), w.waiting(), logins)
			}
			w.keepsQuiet()
		})
	}
}

func TestRefusedMail(t *testing.T) {
	for _, tt := range []struct {
		stage string
		code  int
		kept  bool
	}{
		{"rcpt", 550, false}, {"rcpt", 553, false}, {"data", 554, false},
		{"rcpt", 450, true}, {"data", 451, true}, {"mail", 421, true},
		{"mail", 550, true}, {"rcpt", 530, true}, // it is us that it does not take
	} {
		t.Run(fmt.Sprint(tt.stage, tt.code), func(t *testing.T) {
			storetest.Each(t, func(t *testing.T, url string) {
				w := newSender(t, url, "starttls", nil, nil)
				w.office.refuses(tt.stage, tt.code)
				id := w.put(hello)
				w.round()
				if got := w.waiting() == 1; got != tt.kept || len(w.office.all()) != 0 {
					t.Fatalf("kept: %t, %d delivered", got, len(w.office.all()))
				}
				if !strings.Contains(w.log.String(), id) || !strings.Contains(w.log.String(), fmt.Sprintf(`"code":%d`, tt.code)) {
					t.Errorf("the log: %s", w.log)
				}
				w.keepsQuiet()
				w.office.refuses("", 0)
				w.round()
				if len(w.office.all()) != 0 {
					t.Error("tried again at once")
				}
				w.clock.move(time.Minute)
				w.round()
				if got := len(w.office.all()) == 1; got != tt.kept || w.waiting() != 0 {
					t.Errorf("later: delivered %t, %d wait", got, w.waiting())
				}
			})
		})
	}
}

// One recipient whom the server does not take keeps nobody else waiting.
func TestRefusalOfOneLetsTheNextThrough(t *testing.T) {
	w := newSender(t, storetest.SQLite(t), "none", nil, nil)
	w.put(Message{To: "no\r\nRCPT TO:<bo@example.com>", Subject: "x", Text: "x"})
	w.put(Message{To: "bö@example.com", Subject: "x", Text: "x"}) // the server has no SMTPUTF8
	w.put(hello)
	w.round()
	if got := w.office.all(); len(got) != 1 || got[0].to != "bo@example.com" || w.waiting() != 0 {
		t.Errorf("%+v, %d wait", got, w.waiting())
	}
}

func TestMailIsSentAgainAsTheSame(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		ids := func(w *sender) (list []string) {
			for _, d := range w.office.all() {
				header, _ := d.parse(t)
				list = append(list, header.Get("Message-Id"))
			}
			return list
		}
		t.Run("after a cut connection", func(t *testing.T) {
			w := newSender(t, url, "starttls", nil, nil)
			w.office.cuts(true)
			w.put(hello)
			w.round()
			w.office.cuts(false)
			w.clock.move(time.Minute)
			w.round()
			if got := ids(w); len(got) != 2 || got[0] == "" || got[0] != got[1] || w.waiting() != 0 {
				t.Errorf("%q, %d wait, %s", got, w.waiting(), w.log)
			}
		})
		t.Run("after its sender died", func(t *testing.T) {
			w := newSender(t, url, "starttls", nil, nil)
			id := w.put(hello)
			if list, err := w.store.ClaimMail(context.Background(), 1, mailLease); len(list) != 1 || err != nil {
				t.Fatal(list, err)
			}
			w.round()
			if got := ids(w); len(got) != 0 {
				t.Errorf("within the lease: %q", got)
			}
			w.clock.move(mailLease)
			w.round()
			if got := ids(w); len(got) != 1 || got[0] != "<"+id+"@id.example.com>" || w.waiting() != 0 {
				t.Errorf("%q, %d wait", got, w.waiting())
			}
		})
	})
}

func TestNothingInAMessageBecomesAHeaderOrACommand(t *testing.T) {
	w := newSender(t, storetest.SQLite(t), "none", func(s *smtp.Server) { s.EnableSMTPUTF8 = true }, nil)
	for _, tt := range []struct {
		name, to, subject string
		want              string // the recipient; empty: dropped
		utf8              bool
	}{
		{"subject", "bo@example.com", "x\r\nBcc: eve@example.com\r\n\r\nbody\x00\u0085", "bo@example.com", false},
		{"address with a line end", "bo@example.com\r\nBcc: eve@example.com", "s", "", false},
		{"address with a command", "bo@example.com>\r\nRCPT TO:<eve@example.com", "s", "", false},
		{"address with a parameter", "bo@example.com> NOTIFY=NEVER", "s", "", false},
		{"two addresses", "bo@example.com, eve@example.com", "s", "", false},
		{"a name", "eve@example.com <bo@example.com>", "s", "", false},
		{"a group", "all: bo@example.com, eve@example.com;", "s", "", false},
		{"quoted part", `"bo> RCPT"@example.com`, "s", "", false},
		{"no address", "bo", "s", "", false},
		{"local part that is not ASCII", "bö@example.com", "s", "bö@example.com", true},
		{"domain that is not ASCII", "bo@bücher.example", "s", "bo@xn--bcher-kva.example", false},
		{"both", "bö@bücher.example", "s", "bö@xn--bcher-kva.example", true},
		{"a domain that is none", "bo@ü\u2028.example", "s", "", false},
		{"plus and dots", "bo.x+y@example.com", "s", "bo.x+y@example.com", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			before := len(w.office.all())
			w.put(Message{To: tt.to, Subject: tt.subject, Text: "t", HTML: "h"})
			w.round()
			got := w.office.all()[before:]
			if w.waiting() != 0 || (len(got) == 1) != (tt.want != "") {
				t.Fatalf("%+v, %d wait: %s", got, w.waiting(), w.log)
			}
			if tt.want == "" {
				return
			}
			header, _ := got[0].parse(t)
			if got[0].to != tt.want || got[0].utf8 != tt.utf8 || header.Get("Bcc") != "" || len(header) != 8 {
				t.Errorf("%q, utf8 %t, %v", got[0].to, got[0].utf8, header)
			}
		})
	}
	w.keepsQuiet()
}

func TestASenderThatCannotBeIsNamed(t *testing.T) {
	w := newSender(t, storetest.SQLite(t), "starttls", nil, nil)
	w.cfg.Mail.From = "nobody" // which New would have refused
	w.put(hello)
	w.round()
	if log := w.log.String(); w.waiting() != 1 || !strings.Contains(log, `"reason":"mail cannot be sent from the address that mail.from is"`) || strings.Contains(log, "connect") {
		t.Errorf("%d wait, %s", w.waiting(), log)
	}
}

func TestRunSendsAtOnceAndStops(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		w := newSender(t, url, "starttls", nil, nil)
		ctx, stop := context.WithCancel(context.Background())
		done := make(chan struct{})
		go func() { defer close(done); w.Run(ctx) }()
		for range 3 { // never blocks
			if err := w.PostMail(ctx, hello, time.Hour); err != nil {
				t.Fatal(err)
			}
		}
		deadline := time.After(20 * time.Second)
		for len(w.office.all()) < 3 {
			select {
			case <-deadline:
				t.Fatal(w.log)
			case <-time.After(5 * time.Millisecond):
			}
		}
		stop()
		<-done
		if w.waiting() != 0 {
			t.Error("what was sent is still in the outbox")
		}
	})
}
