package main

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gatehouse/api"
	"gatehouse/authz"
	"gatehouse/social"
	"gatehouse/social/socialtest"
	"gatehouse/store"
	"gatehouse/store/storetest"
)

// The tests of drf_*_test.go hold the wire of the Django service that Gatehouse
// replaces. Each row of its contract is a subtest, named by section and row.

const (
	drfOrigin   = "http://localhost:3000"
	drfPassword = "correct horse battery"
	drfSecret   = "secret-secret-secret-secret-secret-0123"
	drfAudience = "https://api.example.com"
	googleApp   = "web.apps.googleusercontent.com"
)

// drfWorld is an authorization server and an API with the facade on one
// database, as serve --api has them, beside stand-ins of the providers.
type drfWorld struct {
	testing.TB
	store    *store.Store
	ahead    *movedClock
	as       *httptest.Server
	api      *httptest.Server
	log      *syncBuffer
	bo       *store.Account // bo@example.com
	standIns *drfStandIns
}

type movedClock struct {
	mu    sync.Mutex
	ahead time.Duration
}

func (c *movedClock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Add(c.ahead)
}

func (c *movedClock) move(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ahead += d
}

func eachDRF(t *testing.T, test func(t *testing.T, w *drfWorld)) {
	t.Helper()
	storetest.Each(t, func(t *testing.T, databaseURL string) { test(t, newDRFWorld(t, databaseURL, nil)) })
}

func newDRFWorld(t testing.TB, databaseURL string, change func(*api.Config)) *drfWorld {
	t.Helper()
	w := &drfWorld{TB: t, ahead: new(movedClock), log: new(syncBuffer), standIns: newDRFStandIns(t)}
	w.store = storetest.Open(t, store.Config{URL: databaseURL, RefreshGrace: 30 * time.Second, ClientCache: -1, Now: w.ahead.now})
	log := slog.New(slog.NewJSONHandler(w.log, nil))
	limits := store.Limits{
		PasswordAccount: store.Limit{Max: 5, Window: 15 * time.Minute},
		PasswordAddress: store.Limit{Max: 8, Window: 15 * time.Minute},
		SignUp:          store.Limit{Max: 8, Window: time.Hour},
	}
	proxies := []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	server, err := authz.New(authz.Config{Issuer: "http://127.0.0.1:9000", Secrets: [][]byte{[]byte(strings.Repeat("s", 32))}, Limits: limits,
		TrustedProxies: proxies, Providers: w.standIns.providers(t), AccountAudiences: []string{drfAudience}, Log: log}, w.store)
	if err != nil {
		t.Fatal(err)
	}
	w.as = httptest.NewServer(server.Handler())
	t.Cleanup(w.as.Close)
	cfg := api.Config{Issuer: w.as.URL, ClientID: "resource", ClientSecret: drfSecret, Audience: drfAudience, Limits: limits,
		TrustedProxies: proxies, Log: log, DRF: true, DRFClientID: "tutorial", DRFClientSecret: drfSecret, DRFAll: "public"}
	if change != nil {
		change(&cfg)
	}
	facade, err := api.New(cfg, w.store)
	if err != nil {
		t.Fatal(err)
	}
	w.api = httptest.NewServer(facade.Handler())
	t.Cleanup(w.api.Close)
	w.addClients()
	w.bo = w.addAccount("bo@example.com", "bo", "Bo")
	return w
}

func (w *drfWorld) addClients() {
	w.Helper()
	readWrite, audience := store.Words{"read", "write"}, store.Words{drfAudience}
	frontend := store.Words{store.GrantPassword, store.GrantRefreshToken, store.GrantTokenExchange}
	providers := store.Words{"google", "facebook"}
	for _, c := range []store.Client{
		{ID: "tutorial", ExposedSecret: true, GrantTypes: frontend, Providers: providers, FirstParty: true, RotateRefresh: true,
			AccessTokenLifetime: 36000, Origins: store.Words{drfOrigin, "http://127.0.0.1:3000"}},
		{ID: "other", GrantTypes: frontend, Providers: providers, FirstParty: true, RotateRefresh: true},
		{ID: "spa", Type: store.Public, GrantTypes: frontend, FirstParty: true, RotateRefresh: true},
		{ID: "refresher", GrantTypes: store.Words{store.GrantRefreshToken}, RotateRefresh: true, RedirectURIs: store.Words{"https://app.example.com/back"}},
		{ID: "service", GrantTypes: store.Words{store.GrantClientCredentials}},
		{ID: "lister", GrantTypes: frontend, FirstParty: true, RotateRefresh: true},
		{ID: "agent", GrantTypes: store.Words{store.GrantTokenExchange}},
		{ID: "resource", IntrospectAll: true},
	} {
		c.Scope, c.DefaultScope, c.Audience = readWrite, readWrite, audience
		secret := drfSecret
		switch c.ID {
		case "spa":
			secret = ""
		case "lister":
			c.Scope = store.Words{"read", "write", "accounts:read"}
		}
		if _, err := w.store.CreateClient(context.Background(), &c, secret); err != nil {
			w.Fatalf("client %s: %v", c.ID, err)
		}
	}
}

func (w *drfWorld) addAccount(email, username, first string) *store.Account {
	w.Helper()
	a, err := w.store.CreateUser(context.Background(), store.NewAccount{Email: email, Username: username, FirstName: first, Password: drfPassword})
	if err != nil {
		w.Fatal(err)
	}
	return a
}

// drfStandIns are Google and Facebook for all tests of this package: their keys
// take a while to make. Each world has adapters of its own.
type drfStandIns struct {
	google   *socialtest.Google
	facebook *socialtest.Facebook
	urls     [2]string
}

var theDRFStandIns struct {
	once sync.Once
	*drfStandIns
}

func newDRFStandIns(t testing.TB) *drfStandIns {
	t.Helper()
	theDRFStandIns.once.Do(func() {
		s := &drfStandIns{google: socialtest.NewGoogle(socialtest.GoogleConfig{ClientIDs: []string{googleApp}}),
			facebook: socialtest.NewFacebook(socialtest.FacebookConfig{AppID: "250250", AppSecret: "the-secret-of-the-facebook-app"})}
		s.urls = [2]string{httptest.NewServer(s.google).URL, httptest.NewServer(s.facebook).URL}
		theDRFStandIns.drfStandIns = s
	})
	return theDRFStandIns.drfStandIns
}

func (s *drfStandIns) providers(t testing.TB) []social.Provider {
	t.Helper()
	quiet, google, facebook := slog.New(slog.DiscardHandler), s.urls[0], s.urls[1]
	var list []social.Provider
	for _, cfg := range []social.Config{
		{Name: "google", Audiences: []string{googleApp}, AccessTokens: true,
			JWKSURI: google + "/oauth2/v3/certs", TokenInfoURL: google + "/tokeninfo", UserInfoURL: google + "/v1/userinfo"},
		{Name: "facebook", ClientID: "250250", ClientSecret: "the-secret-of-the-facebook-app", GraphURL: facebook,
			JWKSURI: facebook + "/.well-known/oauth/openid/jwks/"},
	} {
		cfg.AllowLoopback, cfg.Log = true, quiet
		p, err := social.New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, p)
	}
	return list
}

// reply is what the facade answered.
type reply struct {
	t      testing.TB
	code   int
	status string
	header http.Header
	text   string
	body   any
}

func (r reply) str(name string) string {
	m, _ := r.body.(map[string]any)
	s, _ := m[name].(string)
	return s
}

// is checks status and body; want is JSON, or empty for an empty body.
func (r reply) is(code int, want string) {
	r.t.Helper()
	if want == "" {
		if r.code != code || r.text != "" {
			r.t.Errorf("%d %s, want %d and no body", r.code, r.text, code)
		}
		return
	}
	var wanted any
	if err := json.Unmarshal([]byte(want), &wanted); err != nil {
		r.t.Fatal(err)
	}
	if diff := cmp.Diff(wanted, r.body); r.code != code || diff != "" || r.header.Get("Content-Type") != "application/json" {
		r.t.Errorf("%d %s %s, want %d %s", r.code, r.header.Get("Content-Type"), r.text, code, want)
	}
}

// change is one more thing about a request.
type change func(*http.Request)

func with(name, value string) change { return func(r *http.Request) { r.Header.Set(name, value) } }
func bearerOf(token string) change   { return with("Authorization", "Bearer "+token) }
func basic(id, secret string) change {
	return func(r *http.Request) { r.SetBasicAuth(url.QueryEscape(id), url.QueryEscape(secret)) }
}

// call sends a request to the facade. A string is a body of JSON, url.Values one
// of a form, a map is marshalled.
func (w *drfWorld) call(t testing.TB, method, path string, body any, changes ...change) reply {
	t.Helper()
	contentType, text := "application/json", ""
	switch b := body.(type) {
	case nil:
		contentType = ""
	case string:
		text = b
	case url.Values:
		contentType, text = "application/x-www-form-urlencoded", b.Encode()
	default:
		bytes, err := json.Marshal(b)
		if err != nil {
			t.Fatal(err)
		}
		text = string(bytes)
	}
	r, err := http.NewRequest(method, w.api.URL+path, strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	for _, f := range changes {
		f(r)
	}
	return w.send(t, r)
}

func (w *drfWorld) send(t testing.TB, r *http.Request) reply {
	t.Helper()
	resp, err := http.DefaultTransport.RoundTrip(r) // no redirect is followed
	if err != nil {
		t.Error(err) // not Fatal: called by goroutines too
		return reply{t: t}
	}
	defer resp.Body.Close()
	text, _ := io.ReadAll(resp.Body)
	out := reply{t: t, code: resp.StatusCode, status: resp.Status, header: resp.Header, text: string(text)}
	json.Unmarshal(text, &out.body)
	return out
}
