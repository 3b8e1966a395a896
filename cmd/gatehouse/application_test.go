package main

import (
	"context"
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

// application is a client as anybody writes one: golang.org/x/oauth2 and go-oidc
// do the talking and judge what they are told. It is at a site of its own.
type application struct {
	t        *testing.T
	url      string // http://localhost:port, which to a browser is another site than 127.0.0.1
	config   oauth2.Config
	provider *oidc.Provider
	verifier *oidc.IDTokenVerifier

	mu       sync.Mutex
	begun    map[string]attempt // by state
	arrivals []*arrival
}

// attempt is a sign-in that the application has begun.
type attempt struct{ nonce, verifier, maxAge string }

// arrival is a sign-in that it has taken for good.
type arrival struct {
	method  string // of the request to the callback
	token   *oauth2.Token
	idToken string
	claims  appClaims
}

type appClaims struct {
	Subject       string   `json:"sub"`
	Email         string   `json:"email"`
	EmailVerified bool     `json:"email_verified"`
	GivenName     string   `json:"given_name"`
	AuthTime      int64    `json:"auth_time"`
	AMR           []string `json:"amr"`
	SID           string   `json:"sid"`
	Nonce         string   `json:"nonce"`
}

// newApplication registers a client on the machine, with more flags, and starts
// its server.
func newApplication(t *testing.T, d *devRun, id, name string, flags ...string) *application {
	t.Helper()
	a := &application{t: t, begun: map[string]attempt{}}
	server := httptest.NewServer(a.handler())
	t.Cleanup(server.Close)
	a.url = strings.Replace(server.URL, "127.0.0.1", "localhost", 1)
	made := d.run(append([]string{"clients", "create", id, "--name", name, "--grant-types", "authorization_code,refresh_token",
		"--scope", "openid profile email offline_access read", "--default-scope", "read",
		"--redirect-uris", a.url + "/callback", "--post-logout-redirect-uris", a.url + "/bye"}, flags...)...)
	var err error
	if a.provider, err = oidc.NewProvider(context.Background(), d.ready.Issuer); err != nil {
		t.Fatal(err)
	}
	secret, _ := made["client_secret"].(string)
	a.config = oauth2.Config{ClientID: id, ClientSecret: secret, Endpoint: a.provider.Endpoint(), RedirectURL: a.url + "/callback",
		Scopes: []string{oidc.ScopeOpenID, "profile", "email"}}
	a.verifier = a.provider.Verifier(&oidc.Config{ClientID: id, SupportedSigningAlgs: []string{oidc.RS256, oidc.ES256}})
	return a
}

// begin is the address that it sends a browser to, with more parameters.
func (a *application) begin(more url.Values) string {
	state, try := oauth2.GenerateVerifier(), attempt{oauth2.GenerateVerifier(), oauth2.GenerateVerifier(), more.Get("max_age")}
	a.mu.Lock()
	a.begun[state] = try
	a.mu.Unlock()
	options := []oauth2.AuthCodeOption{oauth2.S256ChallengeOption(try.verifier), oidc.Nonce(try.nonce)}
	for name := range more {
		options = append(options, oauth2.SetAuthURLParam(name, more.Get(name)))
	}
	return a.config.AuthCodeURL(state, options...)
}

// finish takes what the browser brought back.
func (a *application) finish(ctx context.Context, method string, answer url.Values) (*arrival, error) {
	if iss := answer.Get("iss"); iss != a.issuer() { // RFC 9207 §2.4
		return nil, fmt.Errorf("the answer is of %q", iss)
	}
	a.mu.Lock()
	try, ok := a.begun[answer.Get("state")]
	delete(a.begun, answer.Get("state"))
	a.mu.Unlock()
	switch {
	case !ok:
		return nil, errors.New("no such state")
	case answer.Has("error"):
		return nil, errors.New(answer.Get("error"))
	}
	token, err := a.config.Exchange(ctx, answer.Get("code"), oauth2.VerifierOption(try.verifier))
	if err != nil {
		return nil, err
	}
	in := &arrival{method: method, token: token}
	if err := a.judge(ctx, in); err != nil {
		return nil, err
	}
	if in.claims.Nonce != try.nonce {
		return nil, errors.New("another nonce")
	}
	if err := in.recent(try.maxAge); err != nil {
		return nil, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.arrivals = append(a.arrivals, in)
	return in, nil
}

// judge has go-oidc check the ID token, as OpenID Connect Core §3.1.3.7 says.
func (a *application) judge(ctx context.Context, in *arrival) error {
	in.idToken, _ = in.token.Extra("id_token").(string)
	checked, err := a.verifier.Verify(ctx, in.idToken)
	if err == nil {
		err = checked.VerifyAccessToken(in.token.AccessToken)
	}
	if err == nil {
		err = checked.Claims(&in.claims)
	}
	return err
}

// recent tells whether they signed in within the seconds that were asked for, and
// a minute by which clocks may differ.
func (in *arrival) recent(maxAge string) error {
	if maxAge == "" {
		return nil
	}
	most, err := strconv.Atoi(maxAge)
	if err == nil && time.Since(time.Unix(in.claims.AuthTime, 0)) > time.Duration(most)*time.Second+time.Minute {
		err = fmt.Errorf("signed in at %d", in.claims.AuthTime)
	}
	return err
}

func (a *application) issuer() string {
	return strings.TrimSuffix(a.config.Endpoint.AuthURL, "/oauth2/authorize")
}

// last is the newest arrival of how many there were.
func (a *application) last() (in *arrival, n int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if n = len(a.arrivals); n == 0 {
		return &arrival{}, 0
	}
	return a.arrivals[n-1], n
}

// signOutURL asks for the end of the session that the newest arrival is of.
func (a *application) signOutURL() string {
	in, _ := a.last()
	return a.issuer() + "/oauth2/logout?" + url.Values{"id_token_hint": {in.idToken}, "post_logout_redirect_uri": {a.url + "/bye"}, "state": {"bye"}}.Encode()
}

var appPage = template.Must(template.New("page").Parse(`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><link rel="icon" href="data:,"><title>Harbour Log</title></head>
<body><h1>{{.Heading}}</h1><p id="said">{{.Text}}</p>
{{with .Post}}<form method="post" action="{{.Path}}">{{range $name, $values := .Query}}<input type="hidden" name="{{$name}}" value="{{index $values 0}}">{{end}}<button>Send</button></form>{{end}}
{{if .Opens}}<button id="open">Open</button><script>
document.getElementById("open").onclick = () => { open("/start", "", "popup,width=480,height=700") }
addEventListener("message", (e) => { if (e.origin === location.origin) document.getElementById("said").textContent = e.data })
</script>{{else}}<script>if (window.opener) window.opener.postMessage({{.Heading}}, location.origin)</script>{{end}}
</body></html>`))

type appPost struct {
	Path  string
	Query url.Values
}

// handler serves its pages: /start sends to the provider, /callback is where the
// browser comes back, and /post and /popup begin in other ways.
func (a *application) handler() http.Handler {
	type view struct {
		Heading, Text string
		Opens         bool
		Post          *appPost
	}
	show := func(w http.ResponseWriter, v view) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		appPage.Execute(w, v)
	}
	m := http.NewServeMux()
	m.HandleFunc("GET /start", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, a.begin(r.URL.Query()), http.StatusFound)
	})
	m.HandleFunc("GET /post", func(w http.ResponseWriter, r *http.Request) {
		u, _ := url.Parse(a.begin(r.URL.Query()))
		v := view{Heading: "Post", Post: &appPost{a.config.Endpoint.AuthURL, u.Query()}}
		show(w, v)
	})
	m.HandleFunc("GET /popup", func(w http.ResponseWriter, _ *http.Request) { show(w, view{Heading: "Pop up", Opens: true}) })
	m.HandleFunc("GET /bye", func(w http.ResponseWriter, r *http.Request) { show(w, view{Heading: "Bye", Text: r.URL.RawQuery}) })
	m.HandleFunc("/callback", func(w http.ResponseWriter, r *http.Request) {
		r.ParseForm()
		in, err := a.finish(r.Context(), r.Method, r.Form)
		if err != nil {
			show(w, view{Heading: "Not signed in", Text: err.Error()})
			return
		}
		show(w, view{Heading: "Welcome", Text: in.claims.Subject + " " + in.claims.Email})
	})
	return m
}
