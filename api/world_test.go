package api

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"gatehouse/store"
	"gatehouse/store/storetest"
)

const (
	password = "correct horse battery"
	audience = "https://api.example.com"
	secret   = "secret-secret-secret-secret-secret-0123"
)

// world is a running API on a real database, beside an authorization server
// that knows what the test tells it.
type world struct {
	testing.TB
	store   *store.Store
	server  *Server
	as      *fakeAS
	log     *logBuffer
	account *store.Account
}

// fakeAS answers introspection from a table, the token endpoint by token, and
// /account/identities by identities.
type fakeAS struct {
	*httptest.Server
	mu         sync.Mutex
	tokens     map[string]map[string]any
	token      http.HandlerFunc
	form       map[string][]string // of the last call of the token endpoint
	header     http.Header         // of the last call of either
	identities http.HandlerFunc
	calls      []string // of /account/identities: method and URL
	body       string   // of the last of them
}

func newFakeAS(t testing.TB) *fakeAS {
	a := &fakeAS{tokens: map[string]map[string]any{}}
	a.token = answering(200, `{"access_token":"gth_at_new","token_type":"bearer","expires_in":900,"refresh_token":"gth_rt_new","scope":"read write"}`)
	a.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a.mu.Lock()
		defer a.mu.Unlock()
		switch path, _, _ := strings.Cut(r.URL.Path+"/", "identities/"); path {
		case "/account/":
			body, _ := io.ReadAll(r.Body)
			a.calls, a.header, a.body = append(a.calls, r.Method+" "+r.URL.String()), r.Header, string(body)
			a.identities(w, r)
		case "/oauth2/introspect/":
			if id, pass, _ := r.BasicAuth(); id != "resource" || pass != secret {
				w.WriteHeader(http.StatusUnauthorized)
				return
			}
			answer, ok := a.tokens[r.PostFormValue("token")]
			if !ok {
				answer = map[string]any{"active": false}
			}
			w.Header().Set("Content-Type", "application/json")
			json.NewEncoder(w).Encode(answer)
		case "/oauth2/token/":
			r.ParseForm()
			a.form, a.header = r.PostForm, r.Header
			a.token(w, r)
		default:
			t.Errorf("the API calls %s", r.URL.Path)
		}
	}))
	t.Cleanup(a.Close)
	return a
}

func answering(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		io.WriteString(w, body)
	}
}

func (a *fakeAS) answerIdentities(h http.HandlerFunc) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.identities = h
}

// takeCalls returns how /account/identities was called since it was last asked.
func (a *fakeAS) takeCalls() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	calls := a.calls
	a.calls = nil
	return calls
}

// issue makes a token known: an account's, for this API, with these changes.
func (a *fakeAS) issue(token, subject, scope string, changes map[string]any) {
	answer := map[string]any{"active": true, "token_type": "Bearer", "client_id": "web", "sub": subject,
		"sub_type": "account", "aud": audience, "scope": scope, "grant_id": store.NewGrantID()}
	for name, value := range changes {
		answer[name] = value
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.tokens[token] = answer
}

func (a *fakeAS) answerToken(h http.HandlerFunc) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.token = h
}

type logBuffer struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *logBuffer) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

// take returns what was logged since it was last asked.
func (l *logBuffer) take() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	defer l.text.Reset()
	return l.text.String()
}

func each(t *testing.T, test func(t *testing.T, w *world)) {
	t.Helper()
	storetest.Each(t, func(t *testing.T, databaseURL string) { test(t, newWorld(t, databaseURL)) })
}

// newWorld has one account, demo, and its tokens: "rw" with every scope, "r"
// and "w" with one, "client", "delegated", "other" for another API.
func newWorld(t testing.TB, databaseURL string) *world {
	t.Helper()
	w := &world{TB: t, log: &logBuffer{}, as: newFakeAS(t)}
	w.store = storetest.Open(t, store.Config{URL: databaseURL, ClientCache: -1})
	w.configure(nil)
	w.account = w.addAccount("Demo@example.com", "demo")
	w.addClient(store.Client{ID: "web", FirstParty: true})
	all := "read write accounts:read"
	w.as.issue("rw", w.account.ID, all, nil)
	w.as.issue("r", w.account.ID, "read", nil)
	w.as.issue("w", w.account.ID, "write", nil)
	w.as.issue("client", "service", all, map[string]any{"sub_type": "client"})
	w.as.issue("delegated", w.account.ID, all, map[string]any{"act": map[string]any{"sub": "agent"}})
	w.as.issue("third", w.account.ID, all, map[string]any{"client_id": "partner"})
	w.as.issue("third+email", w.account.ID, all+" email", map[string]any{"client_id": "partner"})
	w.as.issue("other", w.account.ID, all, map[string]any{"aud": "https://other.example.com"})
	return w
}

// configure starts the server anew, with a change of its configuration.
func (w *world) configure(change func(*Config)) {
	w.Helper()
	cfg := Config{
		Issuer: w.as.URL, ClientID: "resource", ClientSecret: secret, Audience: audience,
		SignInClientID: "web", SignInClientSecret: secret,
		Origins:        []string{"https://app.example.com"},
		TrustedProxies: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")},
		Log:            slog.New(slog.NewJSONHandler(w.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	if change != nil {
		change(&cfg)
	}
	var err error
	if w.server, err = New(cfg, w.store); err != nil {
		w.Fatal(err)
	}
}

func (w *world) addAccount(email, name string) *store.Account {
	w.Helper()
	a, err := w.store.CreateUser(context.Background(), store.NewAccount{Email: email, Username: name, FirstName: name, Password: password})
	if err != nil {
		w.Fatal(err)
	}
	return a
}

// addGrant gives an account a live grant, as a sign-in would.
func (w *world) addGrant(id string, a *store.Account) {
	w.Helper()
	ctx := w.store.Begin(context.Background())
	now := w.store.Now()
	session := &store.Session{Grant: store.Grant{ID: id, RootID: id, AccountID: &a.ID, ClientID: "web", Subject: a.ID,
		AuthTime: now, CreatedAt: now, ExpiresAt: now.Add(time.Hour)}, AuthEpoch: a.AuthEpoch}
	w.store.AddGrant(ctx, session, &store.AccessToken{Signature: []byte(id), GrantID: id, IssuedAt: now, ExpiresAt: now.Add(time.Hour)}, nil)
	if err := w.store.Flush(ctx); err != nil {
		w.Fatal(err)
	}
}

func (w *world) addClient(c store.Client) {
	w.Helper()
	if _, err := w.store.CreateClient(context.Background(), &c, ""); err != nil {
		w.Fatal(err)
	}
}

// answer is a response with its body read.
type answer struct {
	*httptest.ResponseRecorder
	t testing.TB
}

// do sends a request, from 192.0.2.1 unless it is changed. A body makes it JSON.
func (w *world) do(method, target, token, body string, change ...func(*http.Request)) answer {
	w.Helper()
	var reader io.Reader
	if body != "" {
		reader = strings.NewReader(body)
	}
	r := httptest.NewRequest(method, target, reader)
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	for _, f := range change {
		f(r)
	}
	rec := httptest.NewRecorder()
	w.server.Handler().ServeHTTP(rec, r)
	return answer{rec, w.TB}
}

func header(name, value string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set(name, value) }
}

// json reads the body into v.
func (a answer) json(v any) {
	a.t.Helper()
	if err := json.Unmarshal(a.Body.Bytes(), v); err != nil {
		a.t.Fatalf("%d %q: %v", a.Code, a.Body, err)
	}
}

// problem checks that the answer is a whole problem document with this status
// and code, and returns it.
func (a answer) problem(status int, code string) problem {
	a.t.Helper()
	var p problem
	if a.Code != status || a.Header().Get("Content-Type") != problemType {
		a.t.Fatalf("%d %s %s, want %d", a.Code, a.Header().Get("Content-Type"), a.Body, status)
	}
	a.json(&p)
	if p.Status != status || p.Code != code || p.Title != http.StatusText(status) || p.Detail == "" {
		a.t.Errorf("%s, want code %s", a.Body, code)
	}
	if strings.Contains(a.Body.String(), password) || strings.Contains(a.Body.String(), `"value"`) {
		a.t.Errorf("the problem repeats what was sent: %s", a.Body)
	}
	return p
}

// count is how many accounts there are.
func (w *world) count() int {
	w.Helper()
	list, _, err := w.store.Accounts(context.Background(), "", "", 1000)
	if err != nil {
		w.Fatal(err)
	}
	return len(list)
}
