package pages

import (
	"slices"
	"strings"
	"testing"
	"time"
)

const mailLink = "https://id.example.com/verify?token=gth_ml_x&y=z"

var mails = map[string]Mail{
	"verify":       VerifyMail{"Bo", mailLink, time.Hour},
	"sign up":      SignUpMail{mailLink, 24 * time.Hour},
	"known":        SignUpKnownMail{"Bo", mailLink, "https://id.example.com/forgot"},
	"reset":        ResetMail{"Bo", mailLink, 30 * time.Minute},
	"new password": PasswordChangedMail{"Bo", mailLink},
	"linked":       LinkedMail{"Bo", "Google", mailLink},
	"claimed":      ClaimedMail{"Bo", "Google", mailLink},
}

func TestMails(t *testing.T) {
	p := newPages(t, Config{Name: "Harbour"})
	subjects := map[string]bool{}
	for name, m := range mails {
		t.Run(name, func(t *testing.T) {
			subject, text, body := p.Mail(m)
			if subjects[subject] || subject == "" || strings.ContainsAny(subject+text+body, "{}") {
				t.Errorf("subject %q\n%s", subject, text)
			}
			subjects[subject] = true
			if !slices.Contains(strings.Split(text, "\n"), mailLink) {
				t.Errorf("the link does not stand on a line of its own:\n%s", text)
			}
			if !strings.Contains(text, "not you?") && !strings.Contains(text, "not ask for this?") {
				t.Errorf("it does not say what to do if it was somebody else:\n%s", text)
			}
			if !strings.Contains(text, "Harbour") {
				t.Errorf("it does not say who it is from:\n%s", text)
			}
			links := 0
			for _, n := range elements(t, body) {
				if n.Data == "a" && attribute(n, "href") == mailLink {
					links++
				}
				if n.Data == "img" || n.Data == "script" || n.Data == "link" {
					t.Errorf("it loads %s", n.Data)
				}
			}
			if links != 2 {
				t.Errorf("%d links", links)
			}
		})
	}
}

func TestHostileMails(t *testing.T) {
	p := newPages(t, Config{})
	for name, m := range mails {
		t.Run(name, func(t *testing.T) {
			_, _, body := p.Mail(filled(m, "x"))
			plain := shape(t, body)
			for _, payload := range append(payloads, "Bo\r\nBcc: a@b.example\r\n\r\n<p>") {
				if webLink(payload) != "" {
					continue // it is a link then, and escaped
				}
				subject, text, body := p.Mail(filled(m, payload))
				if !slices.Equal(shape(t, body), plain) {
					t.Errorf("%q changes the mail:\n%s", payload, body)
				}
				if strings.ContainsAny(subject, "\r\n\x00") || strings.Contains(text, "\r") || strings.Contains(text, "\nBcc") {
					t.Errorf("%q breaks lines: %q\n%s", payload, subject, text)
				}
			}
		})
	}
}

// TestGreeting holds that a name carries no message to whoever is written to.
func TestGreeting(t *testing.T) {
	p := newPages(t, Config{})
	for _, tt := range []struct{ name, want string }{
		{"Bo", "Hello Bo,"},
		{"María-José O’Neil", "Hello María-José O’Neil,"},
		{"李小龙", "Hello 李小龙,"},
		{"", "Hello,"},
		{"evil.example", "Hello,"},
		{"https://evil.example", "Hello,"},
		{"call 0900 1234", "Hello,"},
		{strings.Repeat("win ", 20), "Hello,"},
		{"Bo\nyour account is closed", "Hello Bo your account is closed,"},
	} {
		_, text, _ := p.Mail(ResetMail{Name: tt.name, Link: mailLink})
		if got, _, _ := strings.Cut(text, "\n"); got != tt.want {
			t.Errorf("%q: %q", tt.name, got)
		}
	}
}
