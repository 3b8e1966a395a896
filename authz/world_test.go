package authz

import (
	"context"
	"crypto"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/net/html"

	"gatehouse/social"
	"gatehouse/store"
	"gatehouse/store/storetest"
)

// world is a running server on a real database, with the clients and the
// account that tests need.
type world struct {
	t       *testing.T
	url     string // of the database
	store   *store.Store
	server  *Server
	http    *httptest.Server
	clock   *clock
	account *store.Account
	log     *logBuffer
	queries *queryCount
}

const (
	email    = "Demo@example.com"
	password = "correct horse battery"
	secret   = "secret-secret-secret-secret-secret-0123"
	grace    = 30 * time.Second
)

// clock is a clock that tests move.
type clock struct {
	mu    sync.Mutex
	ahead time.Duration
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Add(c.ahead)
}

func (c *clock) move(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ahead += d
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

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// queryCount counts the statements that reach PostgreSQL.
type queryCount struct {
	mu sync.Mutex
	n  int
}

func (q *queryCount) TraceQueryStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryStartData) context.Context {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.n++
	return ctx
}

func (q *queryCount) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

func (q *queryCount) take() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	n := q.n
	q.n = 0
	return n
}

var testLimits = store.Limits{
	PasswordAccount: store.Limit{Max: 10, Window: 15 * time.Minute},
	PasswordAddress: store.Limit{Max: 1000, Window: 15 * time.Minute},
	Mails:           store.Limit{Max: 5, Window: time.Hour},
}

func each(t *testing.T, test func(t *testing.T, w *world)) {
	storetest.Each(t, func(t *testing.T, databaseURL string) { test(t, newWorld(t, databaseURL)) })
}

func newWorld(t *testing.T, databaseURL string) *world {
	t.Helper()
	w := &world{t: t, url: databaseURL, clock: &clock{}, log: &logBuffer{}, queries: &queryCount{}}
	w.store = storetest.Open(t, store.Config{URL: databaseURL, RefreshGrace: grace, Now: w.clock.now, Tracer: w.queries})
	w.server = w.serve([]byte(strings.Repeat("s", 32)))
	seedRSA(t, w.server)
	w.http = httptest.NewServer(w.server.Handler())
	t.Cleanup(w.http.Close)
	ctx := context.Background()
	all := store.Words{store.GrantPassword, store.GrantRefreshToken, store.GrantClientCredentials, store.GrantTokenExchange}
	frontend := store.Words{store.GrantPassword, store.GrantRefreshToken, store.GrantTokenExchange}
	providers := store.Words{"google", "facebook"}
	readWrite := store.Words{"read", "write"}
	for _, c := range []store.Client{
		{ID: "web", Type: store.Confidential, GrantTypes: all, FirstParty: true, RotateRefresh: true, Audience: store.Words{"https://api.example.com", "https://other.example.com"}, Providers: providers},
		{ID: "spa", Type: store.Public, GrantTypes: frontend, FirstParty: true, RotateRefresh: true, Origins: store.Words{"https://app.example.com"}, Providers: providers},
		{ID: "tutorial", Type: store.Confidential, ExposedSecret: true, GrantTypes: frontend, FirstParty: true, RotateRefresh: true},
		{ID: "kept", Type: store.Confidential, GrantTypes: frontend, FirstParty: true},
		{ID: "third", Type: store.Confidential, GrantTypes: store.Words{store.GrantRefreshToken}, RotateRefresh: true},
		{ID: "plain", Type: store.Confidential, GrantTypes: store.Words{store.GrantTokenExchange}, Providers: store.Words{"google"}, ProviderAudiences: store.Words{"android.apps.googleusercontent.com"}},
		{ID: "plainthird", Type: store.Confidential, GrantTypes: store.Words{store.GrantTokenExchange}, Providers: store.Words{"google"}, Audience: store.Words{"https://api.example.com"}},
		{ID: "backend", Type: store.Confidential, GrantTypes: store.Words{store.GrantTokenExchange, store.GrantClientCredentials}, Audience: store.Words{"https://other.example.com"}, ExchangeAudiences: store.Words{"https://third.example.com", "https://id.example.com/admin"}},
		{ID: "mask", Type: store.Confidential, GrantTypes: store.Words{store.GrantTokenExchange}, Audience: store.Words{"https://other.example.com"}, Impersonate: true},
		{ID: "resource", Type: store.Confidential, IntrospectAll: true},
		{ID: "api", Type: store.Confidential, Audience: store.Words{"https://api.example.com"}},
		{ID: "stranger", Type: store.Confidential, Audience: store.Words{"https://stranger.example.com"}},
		{ID: "forwarder", Type: store.Confidential, GrantTypes: frontend, FirstParty: true, TrustedForwarder: true, RotateRefresh: true},
	} {
		c.Scope = store.Words{"read", "write", "more"}
		c.DefaultScope = readWrite
		w.addClient(c)
	}
	openid := store.Client{Scope: store.ParseWords(openidScope + " read write"), DefaultScope: readWrite, RotateRefresh: true,
		GrantTypes: store.Words{store.GrantAuthorizationCode, store.GrantRefreshToken, store.GrantTokenExchange}}
	for _, c := range []store.Client{
		{ID: "site", Name: "The Site", Type: store.Confidential, FirstParty: true, RedirectURIs: store.Words{callback}, PostLogoutRedirectURIs: store.Words{afterLogout, afterLogout + "?x=1"}, Audience: store.Words{"https://api.example.com", "https://other.example.com"}},
		{ID: "partner", Name: "A Partner", Type: store.Public, RedirectURIs: store.Words{callback, "https://partner.example.com/cb?x=1", "http://127.0.0.1/cb", "com.example.app:/cb"}, IDTokenSignedResponseAlg: "ES256", Origins: store.Words{"https://app.example.com"}},
	} {
		c.Scope, c.DefaultScope, c.GrantTypes, c.RotateRefresh = openid.Scope, openid.DefaultScope, openid.GrantTypes, true
		w.addClient(c)
	}
	w.addClient(store.Client{ID: "operator", Type: store.Confidential, Operator: true,
		GrantTypes: all, FirstParty: true, RotateRefresh: true, Scope: store.Words{"admin", "read"}})
	var err error
	w.account, err = w.store.CreateUser(ctx, store.NewAccount{Email: email, Username: "demo", FirstName: "Demo", Password: password})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// testRSA is the one RSA key of these tests: making one takes a while.
var testRSA = sync.OnceValues(func() (crypto.Signer, error) { return generateKey(RS256) })

// seedRSA is what the first signature with RS256 would do.
func seedRSA(t *testing.T, s *Server) {
	t.Helper()
	private, err := testRSA()
	if err != nil {
		t.Fatal(err)
	}
	row, err := sealKey(s.keys.load(), RS256, private)
	if err != nil {
		t.Fatal(err)
	}
	row.Generation, row.CreatedAt, row.ActiveAt = 1, s.store.Now(), s.store.Now()
	if err := s.store.AddSigningKey(t.Context(), row, false, actorServer); err != nil {
		t.Fatal(err)
	}
}

// serve makes one more server on the same database.
func (w *world) serve(secrets ...[]byte) *Server { return w.serveFor(testProviders(w.t), secrets...) }

// serveFor makes one with providers of its own.
func (w *world) serveFor(providers []social.Provider, secrets ...[]byte) *Server {
	w.t.Helper()
	s, err := New(Config{
		Issuer: "https://id.example.com", Secrets: secrets, Limits: testLimits, Origins: []string{"https://operator.example.com"},
		Providers: providers, AccountAudiences: []string{"https://api.example.com"},
		Log: slog.New(slog.NewJSONHandler(w.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}, w.store)
	if err != nil {
		w.t.Fatal(err)
	}
	return s
}

func (w *world) addClient(c store.Client) {
	w.t.Helper()
	given := secret
	if c.Type == store.Public {
		given = ""
	}
	if _, err := w.store.CreateClient(context.Background(), &c, given); err != nil {
		w.t.Fatalf("client %s: %v", c.ID, err)
	}
}

type clientRow = store.Client

func confidential(id, redirectURI string, grants ...string) store.Client {
	return store.Client{ID: id, Type: store.Confidential, RedirectURIs: store.Words{redirectURI}, GrantTypes: grants, Scope: store.Words{"read"}, RotateRefresh: true}
}

// setClient changes a client, and waits for no cache: tests' stores keep none.
func (w *world) setClient(id string, change func(*clientRow)) {
	w.t.Helper()
	if _, err := w.store.UpdateClient(context.Background(), id, func(c *store.Client) error { change(c); return nil }); err != nil {
		w.t.Fatal(err)
	}
}

// addPerson makes one more account, with the password of all.
func (w *world) addPerson(address string) *store.Account {
	w.t.Helper()
	a, err := w.store.CreateUser(context.Background(), store.NewAccount{Email: address, Username: "else", FirstName: "Else", Password: password})
	if err != nil {
		w.t.Fatal(err)
	}
	return a
}

// answer is what an endpoint said.
type answer struct {
	code   int
	header http.Header
	text   string
	body   map[string]any
}

func (a answer) str(name string) string {
	s, _ := a.body[name].(string)
	return s
}

// post sends a form; a client with a secret authenticates by HTTP Basic.
func (w *world) post(path, client string, form url.Values) answer {
	w.t.Helper()
	req, err := http.NewRequest("POST", w.http.URL+path, strings.NewReader(form.Encode()))
	if err != nil {
		w.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	switch client {
	case "":
	case "spa", "partner":
		form.Set("client_id", client)
		return w.send(mustRequest(w, path, form.Encode()))
	default:
		req.SetBasicAuth(client, secret)
	}
	return w.send(req)
}

func mustRequest(w *world, path, body string) *http.Request {
	w.t.Helper()
	req, err := http.NewRequest("POST", w.http.URL+path, strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return req
}

func (w *world) send(req *http.Request) answer {
	w.t.Helper()
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		w.t.Error(err) // not Fatal: called by goroutines too
		return answer{}
	}
	return read(resp)
}

func read(resp *http.Response) answer {
	defer resp.Body.Close()
	text, _ := io.ReadAll(resp.Body)
	a := answer{code: resp.StatusCode, header: resp.Header, text: string(text)}
	json.Unmarshal(text, &a.body)
	return a
}

// hidden is the value of a page's hidden field.
func (a answer) hidden(t *testing.T, name string) string {
	t.Helper()
	doc, err := html.Parse(strings.NewReader(a.text))
	if err != nil {
		t.Fatal(err)
	}
	for n := range doc.Descendants() {
		found := map[string]string{}
		for _, attr := range n.Attr {
			found[attr.Key] = attr.Val
		}
		if n.Data == "input" && strings.EqualFold(found["name"], name) {
			return found["value"]
		}
	}
	t.Fatalf("no field %s on the page: %d %s", name, a.code, a.text)
	return ""
}

func (w *world) token(client string, form url.Values) answer {
	w.t.Helper()
	return w.post("/oauth2/token", client, form)
}

// login signs in and fails the test if that fails.
func (w *world) login(client string) answer {
	w.t.Helper()
	a := w.token(client, url.Values{"grant_type": {"password"}, "username": {email}, "password": {password}})
	if a.code != 200 {
		w.t.Fatalf("sign-in at %s: %d %s", client, a.code, a.text)
	}
	return a
}

func (w *world) refresh(client, token string) answer {
	w.t.Helper()
	return w.token(client, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}})
}

// introspect asks as the client that sees everything.
func (w *world) introspect(token string) answer {
	w.t.Helper()
	return w.post("/oauth2/introspect", "resource", url.Values{"token": {token}})
}

func (w *world) active(token string) bool {
	w.t.Helper()
	a := w.introspect(token)
	if a.code != 200 {
		w.t.Fatalf("introspect: %d %s", a.code, a.text)
	}
	return a.body["active"] == true
}

// count runs a counting query.
func (w *world) count(query string, args ...any) int {
	w.t.Helper()
	n, err := w.store.Count(context.Background(), query, args...)
	if err != nil {
		w.t.Fatal(err)
	}
	return n
}
