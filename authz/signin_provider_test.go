package authz

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/html"

	"gatehouse/social"
	"gatehouse/social/socialtest"
	"gatehouse/store"
)

const graceEmail = "grace.hopper@gmail.com"

// link is the address of the page's first link that begins so.
func (a answer) link(t *testing.T, prefix string) string {
	t.Helper()
	doc, err := html.Parse(strings.NewReader(a.text))
	if err != nil {
		t.Fatal(err)
	}
	for n := range doc.Descendants() {
		for _, attr := range n.Attr {
			if n.Data == "a" && attr.Key == "href" && strings.HasPrefix(attr.Val, prefix) {
				return attr.Val
			}
		}
	}
	t.Fatalf("no link to %s on the page: %d %s", prefix, a.code, a.text)
	return ""
}

// away follows a link to a provider, and returns where the browser is sent.
func (b *browser) away(path string) *url.URL {
	b.w.t.Helper()
	a := b.visit("GET", path, nil)
	to, err := url.Parse(a.header.Get("Location"))
	if err != nil || !to.IsAbs() || a.code != 302 {
		b.w.t.Fatalf("not sent to a provider: %d %q %s", a.code, a.header.Get("Location"), a.text)
	}
	return to
}

// there is somebody at the provider, who continues as that address; an empty one
// breaks it off. It returns where the browser is sent back to, on this server.
func (w *world) there(at *url.URL, address string) string {
	w.t.Helper()
	form := url.Values{"email": {address}, "answer": {"continue"}}
	if address == "" {
		form = url.Values{"answer": {"cancel"}}
	}
	req, err := http.NewRequest("POST", at.String(), strings.NewReader(form.Encode()))
	if err != nil {
		w.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		w.t.Fatal(err)
	}
	resp.Body.Close()
	back, ok := strings.CutPrefix(resp.Header.Get("Location"), "https://id.example.com")
	if !ok {
		w.t.Fatalf("sent back to %d %q", resp.StatusCode, resp.Header.Get("Location"))
	}
	back, _, _ = strings.Cut(back, "#")
	return back
}

// by signs in by a provider, from the link on a page.
func (b *browser) by(provider string, page answer, address string) answer {
	b.w.t.Helper()
	at := b.away(page.link(b.w.t, "/signin/"+provider))
	return b.follow("GET", b.w.there(at, address), nil)
}

// callback is the address that somebody who continues comes back to.
func (b *browser) callback(provider, address string) string {
	b.w.t.Helper()
	return b.w.there(b.away("/signin/"+provider), address)
}

// spare is a Google that tests may break, and that corp, a provider of kind
// oidc, is too.
var spare struct {
	once   sync.Once
	google *socialtest.Google
	url    string

	mu     sync.Mutex
	issued string // the last answer of its token endpoint
}

func spareGoogle(t *testing.T, fault string) string {
	t.Helper()
	spare.once.Do(func() {
		spare.google = socialtest.NewGoogle(socialtest.GoogleConfig{ClientIDs: []string{webAudience}, ClientSecret: googleSecret})
		spare.url = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/token" {
				spare.google.ServeHTTP(w, r)
				return
			}
			seen := httptest.NewRecorder()
			spare.google.ServeHTTP(seen, r)
			spare.mu.Lock()
			spare.issued = seen.Body.String()
			spare.mu.Unlock()
			for name, values := range seen.Header() {
				w.Header()[name] = values
			}
			w.WriteHeader(seen.Code)
			io.WriteString(w, seen.Body.String())
		})).URL
	})
	if err := spare.google.SetFault(fault); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { spare.google.SetFault("ok") })
	return spare.url
}

// atSpare puts a provider at the spare Google in the place of all others.
func (w *world) atSpare(fault string, cfg social.Config) {
	w.t.Helper()
	base := spareGoogle(w.t, fault)
	cfg.ClientID, cfg.ClientSecret = webAudience, googleSecret
	cfg.AuthorizationURL, cfg.TokenURL, cfg.JWKSURI = base+"/o/oauth2/v2/auth", base+"/token", base+"/oauth2/v3/certs"
	cfg.AllowLoopback, cfg.Log, cfg.CallTimeout = true, slog.New(slog.DiscardHandler), 2*time.Second
	if cfg.Kind == "oidc" {
		cfg.Issuer, cfg.UserInfoURL, cfg.IntrospectURL = "https://accounts.google.com", base+"/v1/userinfo", base+"/introspect"
	}
	p, err := social.New(cfg)
	if err != nil {
		w.t.Fatal(err)
	}
	w.server = w.serveFor([]social.Provider{p}, []byte(strings.Repeat("s", 32)))
	w.http.Config.Handler = w.server.Handler()
}

func TestSignInByProvider(t *testing.T) {
	for _, tt := range []struct{ provider, email string }{{"google", graceEmail}, {"facebook", ""}, {"corp", graceEmail}} {
		t.Run(tt.provider, func(t *testing.T) {
			each(t, func(t *testing.T, w *world) {
				if tt.provider == "corp" {
					w.atSpare("ok", social.Config{Name: "corp", Kind: "oidc"})
				}
				subjects := map[string]bool{}
				for range 2 { // the first makes an account, the second finds it
					b := w.browser()
					arrived := b.by(tt.provider, b.authorize(), graceEmail).arrival(t)
					if arrived.Get("state") != "a state" || arrived.Get("iss") != "https://id.example.com" {
						t.Fatalf("%v", arrived)
					}
					a := w.redeem("site", arrived.Get("code"))
					if a.code != 200 {
						t.Fatalf("%d %s", a.code, a.text)
					}
					me := w.post("/oauth2/userinfo", "", url.Values{"access_token": {a.str("access_token")}})
					if me.str("email") != tt.email || me.str("given_name") == "" {
						t.Errorf("userinfo: %s", me.text)
					}
					subjects[me.str("sub")] = true
					for name := range b.cookies {
						if name != cookieSession {
							t.Errorf("the cookie %s stays", name)
						}
					}
				}
				if len(subjects) != 1 {
					t.Errorf("accounts: %v", subjects)
				}
				if n := w.count(`SELECT count(*) FROM login_sessions s JOIN identities i ON i.id = s.identity_id
					WHERE s.amr = 'fed' AND i.provider = $1`, tt.provider); n != 2 {
					t.Errorf("%d sessions", n)
				}
				if n := w.count(`SELECT count(*) FROM audit WHERE action = 'account.create' AND actor = 'site'`); n != 1 {
					t.Errorf("%d records", n)
				}
			})
		})
	}
}

func TestSignInByProviderWithoutAClient(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		b := w.browser()
		a := b.by("google", b.visit("GET", "/signin", nil), graceEmail)
		if a.code != 200 || !strings.Contains(a.text, graceEmail) {
			t.Errorf("%d %s", a.code, a.text)
		}
		if n := w.count(`SELECT count(*) FROM audit WHERE action = 'account.create' AND actor = 'browser'`); n != 1 {
			t.Errorf("%d records", n)
		}
	})
}

// TestProviderCanBeTriedAgain on the way to the same client.
func TestProviderCanBeTriedAgain(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		b := w.browser()
		a := b.by("google", b.authorize(), "")
		if a.code != 403 || !strings.Contains(a.text, "The Site") {
			t.Fatalf("declined: %d %s", a.code, a.text)
		}
		if got := b.by("google", a, graceEmail).arrival(t); got.Get("code") == "" {
			t.Errorf("again: %v", got)
		}
	})
}

// TestProviderMisbehaves: in its answers, its tokens, or by giving none.
func TestProviderMisbehaves(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		for _, tt := range []struct {
			fault string
			code  int
		}{
			{"wrong_nonce", 400}, {"wrong_iss", 400}, {"other_audience", 400},
			{"down", 503}, {"garbage", 503}, {"reset", 503}, {"rate_limited", 503},
		} {
			t.Run(tt.fault, func(t *testing.T) {
				w.atSpare("ok", social.Config{Name: "google"})
				b := w.browser()
				at := b.away(b.authorize().link(t, "/signin/google"))
				if tt.fault == "wrong_iss" {
					spareGoogle(t, tt.fault)
				}
				back := w.there(at, graceEmail)
				spareGoogle(t, tt.fault)
				a := b.follow("GET", back, nil)
				if a.code != tt.code || !strings.Contains(a.text, "Signing in there did not work") || b.cookies[cookieSession] != "" {
					t.Errorf("%d %s", a.code, a.text)
				}
				if (a.header.Get("Retry-After") != "") != (tt.code == 503) {
					t.Errorf("Retry-After %q", a.header.Get("Retry-After"))
				}
				spareGoogle(t, "ok")
				if got := b.by("google", a, graceEmail).arrival(t); got.Get("code") == "" {
					t.Errorf("afterwards: %v", got)
				}
			})
		}
	})
}

// TestProviderCannotBeFound is a provider of kind oidc whose discovery fails.
func TestProviderCannotBeFound(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		p, err := social.New(social.Config{Name: "corp", Kind: "oidc", Issuer: spareGoogle(t, "down"), ClientID: "us",
			AllowLoopback: true, Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		w.server = w.serveFor([]social.Provider{p}, []byte(strings.Repeat("s", 32)))
		w.http.Config.Handler = w.server.Handler()
		b := w.browser()
		a := b.visit("GET", b.authorize().link(t, "/signin/corp"), nil)
		if a.code != 503 || !strings.Contains(a.text, "Signing in there did not work") || len(b.cookies) != 0 {
			t.Errorf("%d %v %s", a.code, b.cookies, a.text)
		}
	})
}

// TestIDTokenOfARedirectIsUsedUp: what signed somebody in signs nobody in again.
func TestIDTokenOfARedirectIsUsedUp(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.atSpare("ok", social.Config{Name: "google"})
		b := w.browser()
		if got := b.by("google", b.authorize(), graceEmail).arrival(t); got.Get("code") == "" {
			t.Fatal(got)
		}
		spare.mu.Lock()
		issued := spare.issued
		spare.mu.Unlock()
		_, token, _ := strings.Cut(issued, `"id_token":"`)
		token, _, _ = strings.Cut(token, `"`)
		for _, client := range []string{"web", "spa"} {
			if a := w.exchange(client, token, typeIDToken, ""); a.code != 400 || a.str("reason") != "replayed" {
				t.Errorf("%s: %d %s", client, a.code, a.text)
			}
		}
	})
}

// TestFailedCallbacksAreCounted with the other sign-ins that failed from there.
func TestFailedCallbacksAreCounted(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.server.cfg.Limits.PasswordAddress = store.Limit{Max: 2, Window: time.Hour}
		b := w.browser()
		made := func() string {
			u, _ := url.Parse(b.callback("google", graceEmail))
			v := u.Query()
			v.Set("code", "4/0Amade-up")
			return u.Path + "?" + v.Encode()
		}
		for range 3 { // what is good is given back
			if a := b.visit("GET", b.callback("google", graceEmail), nil); a.code != 303 {
				t.Fatalf("%d %s", a.code, a.text)
			}
		}
		for i, code := range []int{400, 400, 429} {
			a := b.visit("GET", made(), nil)
			if a.code != code || (a.header.Get("Retry-After") != "") != (code == 429) {
				t.Errorf("%d: %d %s", i, a.code, a.text)
			}
		}
		if a := b.visit("GET", b.callback("google", graceEmail), nil); a.code != 429 || !strings.Contains(a.text, "Try again in") {
			t.Errorf("%d %s", a.code, a.text)
		}
	})
}

func TestProviderIsAskedAnew(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		for _, tt := range []struct {
			name    string
			changes []string
			prompt  string
		}{
			{"nobody asks for it", nil, ""},
			{"prompt=login", []string{"prompt", "login"}, "select_account"},
			{"prompt=select_account", []string{"prompt", "select_account"}, "select_account"},
			{"max_age", []string{"max_age", "600"}, "select_account"},
		} {
			b := w.browser()
			at := b.away(b.authorize(append(tt.changes, "login_hint", "g@gmail.com")...).link(t, "/signin/google"))
			if q := at.Query(); q.Get("prompt") != tt.prompt || q.Get("login_hint") != "g@gmail.com" || q.Get("code_challenge_method") != "S256" ||
				q.Get("redirect_uri") != "https://id.example.com/signin/google/callback" {
				t.Errorf("%s: %v", tt.name, at.Query())
			}
			if got := b.follow("GET", w.there(at, graceEmail), nil).arrival(t); got.Get("code") == "" {
				t.Errorf("%s: %v", tt.name, got)
			}
		}
		b := w.browser()
		b.signIn(b.visit("GET", "/signin", nil))
		if at := b.away("/signin/google"); at.Query().Get("prompt") != "select_account" {
			t.Errorf("somebody is signed in: %v", at.Query())
		}
	})
}

// TestProviderAndHost: nothing in a request decides where anybody is sent.
// TestRememberedByAProviderIsNoFreshSignIn has somebody whom the provider knows
// from days ago: that answers no request for a fresh sign-in, by whatever way they
// came.
func TestRememberedByAProviderIsNoFreshSignIn(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		b := w.browser()
		asked := b.visit("GET", "/oauth2/authorize?"+params("prompt", "login").Encode(), nil)
		if a := b.visit("GET", b.callback("google", graceEmail), nil); a.code != 303 {
			t.Fatalf("%d %s", a.code, a.text)
		}
		ticket := strings.TrimPrefix(asked.header.Get("Location"), "/signin")
		if a := b.visit("GET", "/oauth2/authorize"+ticket, nil); a.code != 303 || !strings.HasPrefix(a.header.Get("Location"), "/signin?") {
			t.Errorf("prompt=login: %d to %q", a.code, a.header.Get("Location"))
		}
		if got := b.authorize("prompt", "none", "max_age", "60").arrival(t); got.Get("error") != "login_required" {
			t.Errorf("max_age: %v", got)
		}
		if a := b.visit("POST", "/account/link", url.Values{"provider": {"facebook"}}); !strings.HasPrefix(a.header.Get("Location"), "/signin") {
			t.Errorf("linking: %d to %q", a.code, a.header.Get("Location"))
		}
		if got := b.authorize().arrival(t); got.Get("code") == "" {
			t.Errorf("a request that asks for nothing: %v", got)
		}
	})
}

func TestProviderAndHost(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		b := w.browser()
		for _, path := range []string{"/signin/google?redirect_uri=https://evil.example&next=https://evil.example&ticket=", "/signin/google?return_to=//evil.example"} {
			req, _ := http.NewRequest("GET", w.http.URL+path, nil)
			req.Host = "evil.example"
			req.Header.Set("X-Forwarded-Host", "evil.example")
			resp, err := http.DefaultTransport.RoundTrip(req)
			if err != nil {
				t.Fatal(err)
			}
			if a := read(resp); a.code != 302 || strings.Contains(a.header.Get("Location"), "evil") {
				t.Errorf("%s: %d %s", path, a.code, a.header.Get("Location"))
			}
		}
		at := b.callback("google", graceEmail) + "&redirect_uri=https://evil.example&next=//evil.example"
		if a := b.visit("GET", at, nil); a.code != 303 || !strings.HasPrefix(a.header.Get("Location"), "/account?ticket=") {
			t.Errorf("%d %s", a.code, a.header.Get("Location"))
		}
		for path, code := range map[string]int{"/signin/google?ticket=made-up": 400, "/signin/https:%2f%2fevil.example": 404, "/signin/nobody": 404,
			"/signin/google%2fcallback": 404} {
			if a := b.visit("GET", path, nil); a.code != code || a.header.Get("Location") != "" {
				t.Errorf("%s: %d %q", path, a.code, a.header.Get("Location"))
			}
		}
	})
}

func TestProviderSignInBeginsANewSession(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		b := w.browser()
		planted := w.server.keys.mint(sessionCookie).String()
		b.cookies[cookieSession] = planted
		b.follow("GET", b.callback("google", graceEmail), nil)
		first := b.cookies[cookieSession]
		b.follow("GET", b.callback("google", graceEmail), nil)
		again := b.cookies[cookieSession]
		b.follow("GET", b.callback("google", "other.person@gmail.com"), nil)
		if now := b.cookies[cookieSession]; first == planted || again == first || now == again || now == "" {
			t.Errorf("cookies: %q %q %q %q", planted, first, again, now)
		}
		if n := w.count(`SELECT count(*) FROM login_sessions WHERE ended_at IS NULL`); n != 1 {
			t.Errorf("%d sessions live", n)
		}
	})
}

func TestDisabledAccountDoesNotSignInByProvider(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		b := w.browser()
		b.follow("GET", b.callback("google", graceEmail), nil)
		known, err := w.store.AccountByEmail(context.Background(), graceEmail)
		if err != nil {
			t.Fatal(err)
		}
		if err := w.store.Deactivate(context.Background(), known.ID); err != nil {
			t.Fatal(err)
		}
		b = w.browser()
		a := b.by("google", b.authorize(), graceEmail)
		if a.code != 400 || !strings.Contains(a.text, "This account is switched off") || b.cookies[cookieSession] != "" {
			t.Errorf("%d %s", a.code, a.text)
		}
	})
}

func TestSignUpPolicyHoldsForRedirects(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.server = w.serveFor([]social.Provider{newTestProvider(t, "facebook", social.Config{Policy: social.Policy{SignUp: social.SignUpVerifiedOnly}})},
			[]byte(strings.Repeat("s", 32)))
		w.http.Config.Handler = w.server.Handler()
		b := w.browser()
		a := b.by("facebook", b.authorize(), graceEmail)
		if a.code != 400 || !strings.Contains(a.text, "An account here needs an address that facebook has verified.") || b.cookies[cookieSession] != "" {
			t.Errorf("%d %s", a.code, a.text)
		}
	})
}

// TestFirstSignInsAtOnce: many browsers of one person make one account.
func TestFirstSignInsAtOnce(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		const n = 8
		var all sync.WaitGroup
		accounts := make([]string, n)
		for i := range n {
			b := w.browser()
			at := b.callback("google", graceEmail)
			all.Go(func() {
				if a := b.visit("GET", at, nil); a.code != 303 {
					t.Errorf("%d %s", a.code, a.text)
				}
				in, err := w.store.SignedIn(context.Background(), w.server.keys.verify(b.cookies[cookieSession], sessionCookie).signature, store.SessionLife{})
				if err != nil {
					t.Error(err)
					return
				}
				accounts[i] = in.AccountID
			})
		}
		all.Wait()
		if slices.Sort(accounts); accounts[0] == "" || accounts[0] != accounts[n-1] {
			t.Errorf("accounts: %v", accounts)
		}
		if got := w.count(`SELECT count(*) FROM identities`); got != 1 {
			t.Errorf("%d identities", got)
		}
	})
}
