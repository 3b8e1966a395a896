package admin

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"gatehouse/store"
	"gatehouse/store/storetest"
)

const (
	issuer   = "https://id.example.com"
	password = "correct horse battery"
)

// world is a running server on a real database, with the operator client ops
// and one account.
type world struct {
	t       testing.TB
	store   *store.Store
	server  *Server
	http    *httptest.Server
	account *store.Account
	log     *logBuffer
}

type logBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logBuffer) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// newWorld starts a server on an empty database.
func newWorld(t testing.TB, database string) *world { return newWorldWith(t, database, nil) }

func newWorldWith(t testing.TB, database string, hasher *store.Hasher) *world {
	t.Helper()
	w := &world{t: t, log: new(logBuffer)}
	log := slog.New(slog.NewTextHandler(w.log, nil))
	w.store = storetest.Open(t, store.Config{URL: database, Hasher: hasher, Log: log})
	ops := &store.Client{
		ID: "ops", Operator: true, RotateRefresh: true, Scope: store.Words{"admin"},
		GrantTypes: store.Words{store.GrantClientCredentials}, Audience: store.Words{issuer + "/admin"},
	}
	if _, err := w.store.CreateClient(t.Context(), ops, ""); err != nil {
		t.Fatal(err)
	}
	var err error
	w.account, err = w.store.CreateUser(t.Context(), store.NewAccount{
		Email: "Demo@example.com", Username: "demo", FirstName: "Demo", Password: password,
	})
	if err != nil {
		t.Fatal(err)
	}
	if w.server, err = New(Config{Issuer: issuer, Check: w.check, Log: log}, w.store); err != nil {
		t.Fatal(err)
	}
	w.http = httptest.NewServer(w.server.Handler())
	t.Cleanup(w.http.Close)
	return w
}

// check knows a few tokens by name.
func (w *world) check(r *http.Request) (Actor, error) {
	switch r.Header.Get("Authorization") {
	case "":
		return Actor{}, ErrNoToken
	case "Bearer ops":
		return Actor{ClientID: "ops"}, nil
	case "Bearer person":
		return Actor{ClientID: "console", AccountID: w.account.ID}, nil
	case "Bearer user":
		return Actor{}, ErrForbidden
	case "Bearer unsure":
		return Actor{}, errors.New("database is away")
	case "Bearer panic":
		panic("a secret thing")
	}
	return Actor{}, ErrBadToken
}

// reply is an answer, its body decoded.
type reply struct {
	status int
	header http.Header
	text   string
	body   map[string]any
}

// str is a member of the body that is a string.
func (r reply) str(name string) string {
	text, _ := r.body[name].(string)
	return text
}

// items are the members of a list.
func (r reply) items() []map[string]any {
	var all []map[string]any
	items, _ := r.body["items"].([]any)
	for _, item := range items {
		all = append(all, item.(map[string]any))
	}
	return all
}

// locations are those that a problem's errors name.
func (r reply) locations() string {
	var all []string
	list, _ := r.body["errors"].([]any)
	for _, e := range list {
		location, _ := e.(map[string]any)["location"].(string)
		all = append(all, location)
	}
	return strings.Join(all, " ")
}

// do sends a request as ops. Extra headers come in pairs; an empty value
// removes one.
func (w *world) do(method, path, body string, headers ...string) reply {
	w.t.Helper()
	var content io.Reader
	if body != "" {
		content = strings.NewReader(body)
	}
	req, err := http.NewRequestWithContext(w.t.Context(), method, w.http.URL+path, content)
	if err != nil {
		w.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer ops")
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Del(headers[i])
		if headers[i+1] != "" {
			req.Header.Set(headers[i], headers[i+1])
		}
	}
	return w.send(req)
}

// send also checks what holds of every answer.
func (w *world) send(req *http.Request) reply {
	w.t.Helper()
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		w.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	r := reply{status: resp.StatusCode, header: resp.Header, text: string(text)}
	if got := resp.Header.Get("Cache-Control"); got != "no-store" {
		w.t.Errorf("Cache-Control %q", got)
	}
	if got := resp.Header.Get("X-Content-Type-Options"); got != "nosniff" {
		w.t.Errorf("X-Content-Type-Options %q", got)
	}
	if resp.Header.Get("X-Request-Id") == "" {
		w.t.Error("no X-Request-Id")
	}
	if len(text) > 0 {
		if err := json.Unmarshal(text, &r.body); err != nil {
			w.t.Errorf("status %d, body %q: %v", r.status, text, err)
		}
	}
	if r.status >= 400 && req.Method != http.MethodHead {
		if got := resp.Header.Get("Content-Type"); got != "application/problem+json" {
			w.t.Errorf("status %d as %q", r.status, got)
		}
		if r.body["status"] != float64(r.status) || r.str("title") != http.StatusText(r.status) || r.str("detail") == "" {
			w.t.Errorf("status %d: not a whole problem: %s", r.status, text)
		}
	}
	return r
}

// must is do for a request that is to succeed.
func (w *world) must(status int, method, path, body string) reply {
	w.t.Helper()
	r := w.do(method, path, body)
	if r.status != status {
		w.t.Fatalf("%s %s: status %d, want %d: %s", method, path, r.status, status, r.text)
	}
	return r
}

// signIn makes a grant of the account, with an access token that is live, and
// returns the grant's id and the token's signature.
func (w *world) signIn(a *store.Account) (id string, signature []byte) {
	w.t.Helper()
	return w.signInAt(a, w.store.Now())
}

// signInAt is signIn by somebody who signed in then; zero: nobody knows when.
func (w *world) signInAt(a *store.Account, authTime time.Time) (id string, signature []byte) {
	w.t.Helper()
	a, err := w.store.Account(w.t.Context(), a.ID) // the epoch of now
	if err != nil {
		w.t.Fatal(err)
	}
	now := w.store.Now()
	g := store.Grant{
		ID: store.NewGrantID(), AccountID: &a.ID, ClientID: "ops", Subject: a.ID, Username: a.Email,
		Scope: store.Words{"read"}, Audience: store.Words{"https://api.example.com"}, AMR: store.Words{"pwd"},
		AuthTime: authTime, CreatedAt: now, ExpiresAt: now.Add(time.Hour),
	}
	g.RootID = g.ID
	signature = make([]byte, 32)
	rand.Read(signature)
	ctx := w.store.Begin(context.Background())
	w.store.AddGrant(ctx, &store.Session{Grant: g, AuthEpoch: a.AuthEpoch},
		&store.AccessToken{Signature: signature, GrantID: g.ID, IssuedAt: now, ExpiresAt: now.Add(time.Minute)}, nil)
	if err := w.store.Flush(ctx); err != nil {
		w.t.Fatal(err)
	}
	return g.ID, signature
}

// live tells whether the access token is.
func (w *world) live(signature []byte) bool {
	w.t.Helper()
	_, err := w.store.ActiveAccess(w.t.Context(), signature)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		w.t.Fatal(err)
	}
	return err == nil
}

// trail is the audit trail, oldest first, as "actor action target outcome".
func (w *world) trail() []string {
	w.t.Helper()
	entries, err := w.store.AuditEntries(w.t.Context(), "", 1000)
	if err != nil {
		w.t.Fatal(err)
	}
	list := make([]string, len(entries))
	for i, e := range entries {
		list[len(list)-1-i] = strings.Join([]string{e.Actor, e.Action, e.Target, e.Outcome}, " ")
	}
	return list
}
