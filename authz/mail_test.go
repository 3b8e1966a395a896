package authz

import (
	"bytes"
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"gatehouse/store/storetest"
)

func TestMailLiesSealed(t *testing.T) {
	w := newSender(t, storetest.SQLite(t), "none", nil, nil)
	before := w.store.Now()
	row, err := w.mail(hello, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	text, _ := json.Marshal(hello)
	if bytes.Contains(row.Sealed, text[:20]) || bytes.Contains(row.Sealed, []byte("bo@")) {
		t.Error("the row can be read")
	}
	if life := row.ExpiresAt.Add(-time.Hour); life.Before(before) || life.After(w.store.Now()) {
		t.Errorf("expires %s", row.ExpiresAt)
	}
	other := *row
	other.ID = "0190a000-0000-7000-8000-000000000000" // another row's text
	if err := w.store.Post(context.Background(), other); err != nil {
		t.Fatal(err)
	}
	w.round()
	if len(w.office.all()) != 0 || w.waiting() != 1 {
		t.Error("it opens as another row's")
	}
}

func TestUnconfiguredMailWaits(t *testing.T) {
	w := newSender(t, storetest.SQLite(t), "none", nil, func(c *MailConfig) { *c = MailConfig{} })
	w.put(hello)
	ctx, stop := context.WithCancel(context.Background())
	w.warnOfWaiting(ctx)
	stop()
	w.Run(ctx)
	if w.waiting() != 1 || !strings.Contains(w.log.String(), "mail is not configured") || !strings.Contains(w.log.String(), `"messages":1`) {
		t.Errorf("%d wait, %s", w.waiting(), w.log)
	}
	w.keepsQuiet()
}

func TestMailConfigIsChecked(t *testing.T) {
	good := MailConfig{Server: "smtp.example.com:587", From: "Example <no-reply@example.com>", Username: "u", Password: "hunter2"}
	for _, tt := range []struct {
		name   string
		change func(*MailConfig)
		want   string
	}{
		{"good", func(*MailConfig) {}, ""},
		{"none", func(c *MailConfig) { *c = MailConfig{} }, ""},
		{"no authentication", func(c *MailConfig) { c.Username, c.Password = "", "" }, ""},
		{"implicit TLS", func(c *MailConfig) { c.TLS = "implicit" }, ""},
		{"no TLS on loopback", func(c *MailConfig) { *c = MailConfig{Server: "[::1]:25", From: "a@b.c", TLS: "none"} }, ""},
		{"no TLS to elsewhere", func(c *MailConfig) { *c = MailConfig{Server: "127.0.0.1.example.com:25", From: "a@b.c", TLS: "none"} }, "mail.tls"},
		{"password without TLS", func(c *MailConfig) { c.Server, c.TLS = "localhost:25", "none" }, "mail.password"},
		{"password without a server", func(c *MailConfig) { *c = MailConfig{Password: "hunter2"} }, "mail.server"},
		{"no port", func(c *MailConfig) { c.Server = "smtp.example.com" }, "mail.server"},
		{"port 0", func(c *MailConfig) { c.Server = "smtp.example.com:0" }, "mail.server"},
		{"no host", func(c *MailConfig) { c.Server = ":25" }, "mail.server"},
		{"no sender", func(c *MailConfig) { c.From = "" }, "mail.from"},
		{"sender with a line end", func(c *MailConfig) { c.From = "a@b.c\r\nBcc: <eve@example.com>" }, "mail.from"},
		{"sender that needs SMTPUTF8", func(c *MailConfig) { c.From = "ü@example.com" }, "mail.from"},
		{"unknown mode", func(c *MailConfig) { c.TLS = "maybe" }, "mail.tls"},
		{"password without a user", func(c *MailConfig) { c.Username = "" }, "mail.username"},
		{"user without a password", func(c *MailConfig) { c.Password = "" }, "mail.password"},
	} {
		c := good
		tt.change(&c)
		if key, problem := c.Check(); key != tt.want || (problem == "") != (tt.want == "") || strings.Contains(problem, "hunter2") {
			t.Errorf("%s: %s %s", tt.name, key, problem)
		}
	}
}
