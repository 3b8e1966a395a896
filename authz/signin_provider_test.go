package authz

import (
	"context"
	"fmt"
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

// TestCallbackSignsNobodyIn has a row for each answer that is not what this
// browser left for.
func TestCallbackSignsNobodyIn(t *testing.T) {
	const elsewhere, tryAgain = "This was started in another browser", "Signing in there did not work"
	change := func(change func(url.Values)) func(*world, *browser) string {
		return func(w *world, b *browser) string {
			path, query, _ := strings.Cut(b.callback("google", graceEmail), "?")
			v, _ := url.ParseQuery(query)
			change(v)
			return path + "?" + v.Encode()
		}
	}
	set := func(pairs ...string) func(*world, *browser) string {
		return change(func(v url.Values) {
			for i := 0; i < len(pairs); i += 2 {
				if v.Set(pairs[i], pairs[i+1]); pairs[i+1] == "" {
					v.Del(pairs[i])
				}
			}
		})
	}
	failed := func(pairs ...string) func(*world, *browser) string {
		return set(append([]string{"code", ""}, pairs...)...)
	}
	other := social.NewRedirection("x").State
	rows := []struct {
		name string
		at   func(*world, *browser) string
		code int
		say  string
	}{
		{"no state", set("state", ""), 400, elsewhere},
		{"another state", set("state", other), 400, elsewhere},
		{"the beginning of the state", change(func(v url.Values) { v.Set("state", v.Get("state")[:16]) }), 400, elsewhere},
		{"a state that begins alike", change(func(v url.Values) { v.Set("state", v.Get("state")[:16]+other[16:]) }), 400, elsewhere},
		{"two states", change(func(v url.Values) { v.Add("state", v.Get("state")) }), 400, elsewhere},
		{"nothing", func(*world, *browser) string { return "/signin/google/callback" }, 400, elsewhere},
		{"another browser's", func(w *world, _ *browser) string { return w.browser().callback("google", "attacker@gmail.com") }, 400, elsewhere},
		{"not well-formed", func(w *world, b *browser) string { return b.callback("google", graceEmail) + "&a=%zz" }, 400, "asked for something wrong"},
		{"another provider's", func(w *world, b *browser) string {
			return strings.Replace(b.callback("google", graceEmail), "/google/", "/facebook/", 1)
		}, 400, "does not answer"},
		{"a provider that is not there", func(w *world, b *browser) string {
			return strings.Replace(b.callback("google", graceEmail), "/google/", "/nobody/", 1)
		}, 404, "There is nothing here"},
		{"too late", func(w *world, b *browser) string {
			at := b.callback("google", graceEmail)
			w.clock.move(departureLife + time.Second)
			return at
		}, 400, "This took too long"},
		{"a second time, from a browser that keeps its cookies", func(w *world, b *browser) string {
			at := b.callback("google", graceEmail)
			kept := &browser{w, map[string]string{}}
			for name, value := range b.cookies {
				kept.cookies[name] = value
			}
			if a := kept.visit("GET", at, nil); a.code != 303 {
				w.t.Fatalf("the first time: %d %s", a.code, a.text)
			}
			return at
		}, 400, "This sign-in is done already"},
		{"a second time", func(w *world, b *browser) string {
			at := b.callback("google", graceEmail)
			b.visit("GET", at, nil)
			delete(b.cookies, cookieSession)
			return at
		}, 400, elsewhere},
		{"another's code", func(w *world, b *browser) string {
			theirs, _ := url.Parse(w.browser().callback("google", "attacker@gmail.com"))
			return set("code", theirs.Query().Get("code"))(w, b)
		}, 400, tryAgain},
		{"a made-up code", set("code", "4/0Amade-up"), 400, tryAgain},
		{"no code", set("code", ""), 400, tryAgain},
		{"two codes", change(func(v url.Values) { v.Add("code", v.Get("code")) }), 400, tryAgain},
		{"a parameter twice", change(func(v url.Values) { v["scope"] = []string{"a", "b"} }), 400, tryAgain},
		{"another provider's iss", set("iss", "https://evil.example"), 400, tryAgain},
		{"an error", failed("error", "server_error", "error_description", `"><script>alert(1)</script>`), 400, tryAgain},
		{"an error with markup in it", failed("error", `"><script>alert(1)</script>`, "error_uri", "javascript:alert(1)"), 400, tryAgain},
		{"declined", failed("error", "access_denied", "error_description", `"><script>alert(1)</script>`), 403, "You stopped signing in there"},
	}
	each(t, func(t *testing.T, w *world) {
		for _, tt := range rows {
			t.Run(tt.name, func(t *testing.T) {
				b := w.browser()
				at := tt.at(w, b)
				a := b.visit("GET", at, nil)
				if a.code != tt.code || !strings.Contains(a.text, tt.say) || a.header.Get("Location") != "" {
					t.Errorf("%d %q, want %d %q: %s", a.code, a.header.Get("Location"), tt.code, tt.say, a.text)
				}
				if b.cookies[cookieSession] != "" {
					t.Error("somebody is signed in")
				}
				if strings.Contains(a.text, "alert(1)") || strings.Contains(a.text, "evil.example") {
					t.Errorf("the page repeats it: %s", a.text)
				}
				if u, err := url.Parse(at); err == nil && (u.Query().Get("code") != "" && strings.Contains(w.log.String(), u.Query().Get("code")) ||
					len(u.Query().Get("state")) == stateLength && strings.Contains(w.log.String(), u.Query().Get("state"))) {
					t.Error("the log has it")
				}
			})
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

func TestProviderAnswersByForm(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		// post is what a browser does that another site has told to: without our cookies.
		post := func(b *browser, at string, more ...string) answer {
			path, query, _ := strings.Cut(at, "?")
			for i := 0; i < len(more); i += 2 {
				query += "&" + url.Values{more[i]: {more[i+1]}}.Encode()
			}
			req := mustRequest(w, path, query)
			req.Header.Set("Sec-Fetch-Site", "cross-site")
			req.Header.Set("Origin", "https://accounts.google.com")
			resp, err := http.DefaultTransport.RoundTrip(req)
			if err != nil {
				t.Fatal(err)
			}
			return read(resp)
		}
		b := w.browser()
		at := b.callback("google", graceEmail)
		a := post(b, at, "user", `{"name":"Grace"}`, "id_token", "a.b.c", "error_description", "x")
		to, err := url.Parse(a.header.Get("Location"))
		if err != nil || a.code != 303 || to.Host != "" || to.Path != "/signin/google/callback" {
			t.Fatalf("%d %v %s", a.code, to, a.text)
		}
		if q := to.Query(); len(q) != 3 || q.Get("code") == "" || q.Get("state") == "" || q.Get("iss") == "" {
			t.Errorf("%v", q)
		}
		if got := b.follow("GET", to.String(), nil); got.code != 200 || b.cookies[cookieSession] == "" {
			t.Errorf("%d %s", got.code, got.text)
		}
		b = w.browser()
		at = b.callback("google", graceEmail)
		a = post(b, at, "code", "another")
		if a = b.follow("GET", a.header.Get("Location"), nil); a.code != 400 || b.cookies[cookieSession] != "" {
			t.Errorf("two codes: %d %s", a.code, a.text)
		}
		if a = post(b, at, "code", strings.Repeat("x", maxRequest)); a.code != 413 || a.header.Get("Location") != "" {
			t.Errorf("too long: %d %s", a.code, a.header.Get("Location"))
		}
		if a = post(b, "/signin/nobody/callback?a=b"); a.code != 404 {
			t.Errorf("nobody: %d %s", a.code, a.text)
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
		if a := b.visit("GET", at, nil); a.code != 303 || a.header.Get("Location") != "/account" {
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

// TestOneCallbackAtOnce: of many calls with the same answer one signs in.
func TestOneCallbackAtOnce(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		b := w.browser()
		at := b.callback("google", graceEmail)
		var all sync.WaitGroup
		codes := make([]int, 6)
		for i := range codes {
			same := &browser{w, map[string]string{}}
			for name, value := range b.cookies {
				same.cookies[name] = value
			}
			all.Go(func() { codes[i] = same.visit("GET", at, nil).code })
		}
		all.Wait()
		if slices.Sort(codes); fmt.Sprint(codes) != "[303 400 400 400 400 400]" {
			t.Error(codes)
		}
	})
}

// TestDepartures: a request of any length fits, and a browser keeps few.
func TestDepartures(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		b := w.browser()
		page := b.authorize("state", strings.Repeat("s&", 1900))
		at := b.away(page.link(t, "/signin/google"))
		for name, value := range b.cookies {
			if len(name)+len(value) > 4096 {
				t.Errorf("%s has %d bytes", name, len(value))
			}
		}
		if len(b.cookies) < 2 {
			t.Errorf("%d cookies", len(b.cookies))
		}
		if got := b.follow("GET", w.there(at, graceEmail), nil).arrival(t); got.Get("code") == "" || len(got.Get("state")) != 3800 {
			t.Errorf("%v", got)
		}
		b = w.browser()
		var last string
		for range 5 {
			last = b.callback("google", graceEmail)
		}
		if len(b.cookies) != maxDepartures {
			t.Errorf("%d cookies", len(b.cookies))
		}
		if a := b.visit("GET", last, nil); a.code != 303 {
			t.Errorf("%d %s", a.code, a.text)
		}
	})
}
