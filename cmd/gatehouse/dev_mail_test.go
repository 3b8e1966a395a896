package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/smtp"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gatehouse/authz"
	"gatehouse/store"
)

// postMail puts a message into the outbox of a `gatehouse dev` beside it, as
// another process would.
func (d *devRun) postMail(dir string, m authz.Message) {
	d.t.Helper()
	ctx := context.Background()
	st, err := store.Open(ctx, store.Config{URL: "sqlite://" + filepath.Join(dir, "data", "gatehouse.db")})
	if err != nil {
		d.t.Fatal(err)
	}
	defer st.Close()
	secret, err := os.ReadFile(filepath.Join(dir, "data", "secrets"))
	if err != nil {
		d.t.Fatal(err)
	}
	s, err := authz.New(authz.Config{Issuer: d.ready.Issuer, Secrets: [][]byte{[]byte(strings.TrimSpace(string(secret)))}}, st)
	if err == nil {
		err = s.PostMail(ctx, m, time.Hour)
	}
	if err != nil {
		d.t.Fatal(err)
	}
}

// caught are the messages, newest first, once there are n.
func (d *devRun) caught(n int) (list []caughtMail) {
	d.t.Helper()
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if code, text, _ := d.get("/messages"); code != 200 || json.Unmarshal([]byte(text), &list) != nil || list == nil {
			d.t.Fatalf("%d %s", code, text)
		}
		if len(list) == n {
			return list
		}
	}
	d.t.Fatalf("%d messages, want %d", len(list), n)
	return nil
}

// get reads from the catcher.
func (d *devRun) get(path string) (int, string, http.Header) {
	d.t.Helper()
	resp, err := http.Get(d.ready.Mail + path)
	if err != nil {
		d.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, _ := io.ReadAll(resp.Body)
	return resp.StatusCode, string(text), resp.Header
}

func TestDevCatchesMail(t *testing.T) {
	dir := t.TempDir()
	d := startDev(t, dir)
	if !strings.Contains(d.screen.String(), d.ready.Mail) || d.ready.Mail == "" {
		t.Errorf("the screen does not name %q", d.ready.Mail)
	}
	if list := d.caught(0); list == nil {
		t.Error("no messages are null")
	}
	d.postMail(dir, authz.Message{To: "bo@example.com", Subject: "<b>Grüße</b>", HTML: `<p style="color:red">Hi<script>alert(1)</script></p>`,
		Text: "Open <https://id.example.com/verify?x=1&y=2>, or (http://id.example.com/a).\n\nBye"})
	first := d.caught(1)[0]
	want := caughtMail{ID: first.ID, To: []string{"bo@example.com"}, From: "gatehouse@localhost", Subject: "<b>Grüße</b>", Date: first.Date,
		Text: "Open <https://id.example.com/verify?x=1&y=2>, or (http://id.example.com/a).\n\nBye",
		HTML: `<p style="color:red">Hi<script>alert(1)</script></p>`, Links: []string{"https://id.example.com/verify?x=1&y=2", "http://id.example.com/a"}}
	if diff := cmp.Diff(want, first); diff != "" || time.Since(first.Date) > time.Hour {
		t.Errorf("(-want, +got):\n%s", diff)
	}
	if code, one := d.call("GET", d.ready.Mail+"/messages/"+first.ID, "", ""); code != 200 || one["subject"] != want.Subject {
		t.Errorf("%d %v", code, one)
	}
	if code, _, _ := d.get("/messages/none"); code != 404 {
		t.Errorf("an unknown one: %d", code)
	}
	d.showsSafely(first)

	d.postMail(dir, authz.Message{To: "al@example.com", Subject: "two", Text: "no links"})
	list := d.caught(2)
	if list[0].Subject != "two" || list[0].Links == nil {
		t.Errorf("newest first: %+v", list)
	}
	if err := d.stop(); err != nil {
		t.Fatal(err)
	}
	files, err := os.ReadDir(filepath.Join(dir, "data", "mail"))
	if err != nil || len(files) != 2 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, f := range files {
		if info, err := f.Info(); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s is open to others", f.Name())
		}
	}
	d = startDev(t, dir)
	if diff := cmp.Diff(list, d.caught(2)); diff != "" {
		t.Errorf("after another start:\n%s", diff)
	}
	if code, _ := d.call("DELETE", d.ready.Mail+"/messages", "", ""); code != 204 {
		t.Errorf("delete: %d", code)
	}
	d.caught(0)
	if files, err := os.ReadDir(filepath.Join(dir, "data", "mail")); err != nil || len(files) != 0 {
		t.Errorf("%d files are left, %v", len(files), err)
	}
}

// showsSafely looks at the page and at the HTML part in its frame.
func (d *devRun) showsSafely(m caughtMail) {
	d.t.Helper()
	for _, path := range []string{"/", "/?id=" + m.ID} {
		code, page, header := d.get(path)
		policy := header.Get("Content-Security-Policy")
		for _, part := range []string{"&lt;b&gt;Grüße&lt;/b&gt;", `href="https://id.example.com/verify?x=1&amp;y=2"`, ` sandbox></iframe>`, "bo@example.com"} {
			if !strings.Contains(page, part) {
				d.t.Errorf("%s has no %s: %s", path, part, page)
			}
		}
		if code != 200 || strings.Contains(page, "alert") || strings.Contains(page, " style=") || strings.Contains(page, "<style") ||
			!strings.HasPrefix(policy, "default-src 'none'; style-src 'self';") || !strings.Contains(policy, "frame-ancestors 'none'") {
			d.t.Errorf("%d %s: %s", code, policy, page)
		}
	}
	if code, page, _ := d.get("/?id=none"); code != 404 || !strings.Contains(page, "no such message") {
		d.t.Errorf("an unknown one: %d", code)
	}
	code, html, header := d.get("/messages/" + m.ID + "/html")
	if policy := header.Get("Content-Security-Policy"); code != 200 || html != m.HTML || !strings.HasPrefix(policy, "sandbox; default-src 'none';") {
		d.t.Errorf("%d %s %s", code, policy, html)
	}
	if code, _, header := d.get("/style.css"); code != 200 || !strings.HasPrefix(header.Get("Content-Type"), "text/css") {
		d.t.Errorf("style: %d", code)
	}
}

func TestDevSendsWhereMailIsConfigured(t *testing.T) {
	elsewhere := newTestCatcher(t)
	dir := t.TempDir()
	d := startDev(t, dir, "--mail-server", elsewhere.addr, "--mail-from", "no-reply@example.com", "--mail-tls", "none")
	if d.ready.Mail != "" {
		t.Errorf("there is a catcher at %s", d.ready.Mail)
	}
	d.postMail(dir, authz.Message{To: "bo@example.com", Subject: "x", Text: "x"})
	for len(elsewhere.newestFirst()) == 0 {
		time.Sleep(20 * time.Millisecond)
	}
	if m := elsewhere.newestFirst()[0]; m.From != "no-reply@example.com" {
		t.Errorf("%+v", m)
	}
}

func newTestCatcher(t *testing.T) *mailCatcher {
	t.Helper()
	c, err := newMailCatcher(t.TempDir(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.close)
	return c
}

func TestCatcherKeepsTheLast(t *testing.T) {
	c := newTestCatcher(t)
	for i := range mailKept + 3 {
		if err := c.keep(caughtMail{Subject: fmt.Sprint(i), To: []string{}, Links: []string{}}); err != nil {
			t.Fatal(err)
		}
	}
	files, err := os.ReadDir(c.dir)
	list := c.newestFirst()
	if err != nil || len(files) != mailKept || len(list) != mailKept || list[0].Subject != fmt.Sprint(mailKept+2) || list[mailKept-1].Subject != "3" {
		t.Errorf("%d files, %d messages, %v", len(files), len(list), err)
	}
	again := &mailCatcher{dir: c.dir, log: c.log}
	if err := os.WriteFile(filepath.Join(c.dir, list[0].ID+".json"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := again.load(); err != nil || len(again.caught) != mailKept-1 {
		t.Errorf("beside a file that is damaged: %d, %v", len(again.caught), err)
	}
}

func TestCatcherReadsWhatOthersSend(t *testing.T) {
	const head = "From: a@example.com\r\nDate: Mon, 02 Jan 2006 15:04:05 +0000\r\nSubject: s\r\n"
	for _, tt := range []struct{ name, raw, text, html string }{
		{"plain", head + "\r\nHi\r\n", "Hi\n", ""},
		{"html alone", head + "Content-Type: text/html\r\nContent-Transfer-Encoding: base64\r\n\r\nPGI+SGk8L2I+\r\n", "", "<b>Hi</b>"},
		{"nested", head + "Content-Type: multipart/mixed; boundary=a\r\n\r\n--a\r\nContent-Type: multipart/alternative; boundary=b\r\n\r\n" +
			"--b\r\nContent-Type: text/plain\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\nH=C3=B6i\r\n--b--\r\n\r\n--a--\r\n", "Höi", ""},
		{"no sender", "Subject: s\r\n\r\nHi\r\n", "refused", ""},
		{"no such date", "From: a@example.com\r\nDate: soon\r\n\r\nHi\r\n", "refused", ""},
		{"no boundary", head + "Content-Type: multipart/mixed\r\n\r\nHi\r\n", "refused", ""},
		{"too deep", head + nest(8), "refused", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := newTestCatcher(t)
			err := smtp.SendMail(c.addr, nil, "a@example.com", []string{"b@example.com", "c@example.com"}, []byte(tt.raw))
			list := c.newestFirst()
			if tt.text == "refused" {
				if err == nil || !strings.HasPrefix(err.Error(), "554") || len(list) != 0 {
					t.Errorf("%v, %+v", err, list)
				}
				return
			}
			if err != nil || len(list) != 1 || list[0].Text != tt.text || list[0].HTML != tt.html || !slices.Equal(list[0].To, []string{"b@example.com", "c@example.com"}) {
				t.Errorf("%v, %+v", err, list)
			}
		})
	}
}

// nest are the headers and the body of parts within parts.
func nest(depth int) string {
	if depth == 0 {
		return "\r\nHi\r\n"
	}
	return fmt.Sprintf("Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n%s\r\n--b%d--\r\n", depth, depth, nest(depth-1), depth)
}
