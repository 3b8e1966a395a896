package authz

import (
	"context"
	"crypto/sha256"
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"gatehouse/store"
)

const (
	verifier    = "a-code-verifier-that-is-long-enough-for-rfc-7636"
	callback    = "https://app.example.com/callback"
	openidScope = "openid profile email offline_access"
)

func challenge() string {
	digest := sha256.Sum256([]byte(verifier))
	return strict.EncodeToString(digest[:])
}

// browser is somebody's browser as far as it matters here: it keeps cookies, and
// follows redirects that stay on this server.
type browser struct {
	w       *world
	cookies map[string]string
}

func (w *world) browser() *browser { return &browser{w, map[string]string{}} }

// visit sends one request, form by POST, and keeps its cookies.
func (b *browser) visit(method, target string, form url.Values) answer {
	b.w.t.Helper()
	if strings.HasPrefix(target, "/") {
		target = b.w.http.URL + target
	}
	req, err := http.NewRequest(method, target, strings.NewReader(form.Encode()))
	if err != nil {
		b.w.t.Fatal(err)
	}
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	for name, value := range b.cookies {
		req.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		b.w.t.Fatal(err)
	}
	for _, c := range resp.Cookies() {
		if c.MaxAge < 0 {
			delete(b.cookies, c.Name)
		} else {
			b.cookies[c.Name] = c.Value
		}
	}
	return read(resp)
}

// follow visits, and follows redirects until one leaves this server, or there
// is a page.
func (b *browser) follow(method, target string, form url.Values) answer {
	b.w.t.Helper()
	a := b.visit(method, target, form)
	for range 10 {
		to := a.header.Get("Location")
		if !strings.HasPrefix(to, "/") {
			return a
		}
		a = b.visit("GET", to, nil)
	}
	b.w.t.Fatal("redirects without end")
	return a
}

// params are an authorization request's, with changes: name, value, … where an
// empty value leaves the parameter out.
func params(changes ...string) url.Values {
	v := url.Values{"response_type": {"code"}, "client_id": {"site"}, "redirect_uri": {callback}, "scope": {"openid profile email"},
		"state": {"a state"}, "nonce": {"a nonce"}, "code_challenge": {challenge()}, "code_challenge_method": {"S256"}}
	for i := 0; i < len(changes); i += 2 {
		v.Del(changes[i])
		if changes[i+1] != "" {
			v.Set(changes[i], changes[i+1])
		}
	}
	return v
}

func (b *browser) authorize(changes ...string) answer {
	b.w.t.Helper()
	return b.follow("GET", "/oauth2/authorize?"+params(changes...).Encode(), nil)
}

// signIn fills in the form of the page.
func (b *browser) signIn(page answer) answer {
	b.w.t.Helper()
	return b.signInAs(page, email)
}

func (b *browser) signInAs(page answer, address string) answer {
	b.w.t.Helper()
	return b.follow("POST", "/signin", url.Values{"ticket": {page.hidden(b.w.t, "ticket")}, "email": {address}, "password": {password}})
}

// sameButFor compares two pages but for what was typed, and for their tickets,
// which are sealed anew each time.
func sameButFor(a, b, typedA, typedB string) bool {
	plain := func(text, typed string) string {
		return ticketText.ReplaceAllString(strings.ReplaceAll(text, html.EscapeString(typed), "…"), "…")
	}
	return plain(a, typedA) == plain(b, typedB)
}

var ticketText = regexp.MustCompile(`[A-Za-z0-9_-]{100,}`)

// arrival takes apart where the browser was sent with the answer.
func (a answer) arrival(t *testing.T) url.Values {
	t.Helper()
	u, err := url.Parse(a.header.Get("Location"))
	if err != nil || u.Scheme == "" {
		t.Fatalf("no redirect to the client: %d %q %s", a.code, a.header.Get("Location"), a.text)
	}
	return u.Query()
}

// signedIn is whose session the browser has.
func (b *browser) signedIn() *store.SignedIn {
	b.w.t.Helper()
	in, err := b.w.store.SignedIn(context.Background(), b.w.server.keys.verify(b.cookies[cookieSession], sessionCookie).signature, b.w.server.cfg.SessionLife)
	if err != nil {
		b.w.t.Fatal(err)
	}
	return in
}

// code goes through signing in to a code.
func (b *browser) code(changes ...string) string {
	b.w.t.Helper()
	a := b.authorize(changes...)
	if a.code == 200 && strings.Contains(a.text, `name="password"`) {
		a = b.signIn(a)
	}
	got := a.arrival(b.w.t)
	if got.Get("code") == "" {
		b.w.t.Fatalf("no code: %v", got)
	}
	return got.Get("code")
}

func (w *world) redeem(client, code string, changes ...string) answer {
	w.t.Helper()
	v := url.Values{"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {callback}, "code_verifier": {verifier}}
	for i := 0; i < len(changes); i += 2 {
		v.Del(changes[i])
		if changes[i+1] != "" {
			v.Set(changes[i], changes[i+1])
		}
	}
	return w.token(client, v)
}

// TestAuthorizeRefusesBeforeItRedirects has what may send nobody anywhere: the
// client or its address is not known good (RFC 9700 §4.1, §4.11).
func TestAuthorizeRefusesBeforeItRedirects(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		b := w.browser()
		for _, tt := range []struct{ name, parameter, value string }{
			{"no client", "client_id", ""},
			{"unknown client", "client_id", "nobody"},
			{"client with markup", "client_id", "<script>"},
			{"no address although openid asks for one", "redirect_uri", ""},
			{"another host", "redirect_uri", "https://evil.example.com/callback"},
			{"userinfo", "redirect_uri", "https://app.example.com@evil.example.com/callback"},
			{"userinfo before the right host", "redirect_uri", "https://evil@app.example.com/callback"},
			{"path traversal", "redirect_uri", callback + "/../evil"},
			{"encoded traversal", "redirect_uri", callback + "/%2e%2e/evil"},
			{"longer path", "redirect_uri", callback + "/x"},
			{"slash at the end", "redirect_uri", callback + "/"},
			{"encoded letter", "redirect_uri", "https://app.example.com/c%61llback"},
			{"other letter case in the path", "redirect_uri", "https://app.example.com/Callback"},
			{"other letter case in the host", "redirect_uri", "https://APP.example.com/callback"},
			{"plain http", "redirect_uri", "http://app.example.com/callback"},
			{"other scheme", "redirect_uri", "javascript:alert(1)"},
			{"data", "redirect_uri", "data:text/html,x"},
			{"fragment", "redirect_uri", callback + "#x"},
			{"empty fragment", "redirect_uri", callback + "#"},
			{"added query", "redirect_uri", callback + "?x=1"},
			{"subdomain", "redirect_uri", "https://a.app.example.com/callback"},
			{"suffixed host", "redirect_uri", "https://app.example.com.evil.example/callback"},
			{"port", "redirect_uri", "https://app.example.com:444/callback"},
			{"default port written out", "redirect_uri", "https://app.example.com:443/callback"},
			{"backslash", "redirect_uri", `https://app.example.com\@evil.example.com/callback`},
			{"tab", "redirect_uri", "https://app.example.com/call\tback"},
			{"blank before", "redirect_uri", " " + callback},
			{"without scheme", "redirect_uri", "//app.example.com/callback"},
			{"relative", "redirect_uri", "/callback"},
			{"NUL", "redirect_uri", callback + "\x00"},
			{"too long", "redirect_uri", callback + "?" + strings.Repeat("x", 3000)},
		} {
			for _, method := range []string{"GET", "POST"} {
				a := b.visit("GET", "/oauth2/authorize?"+params(tt.parameter, tt.value).Encode(), nil)
				if method == "POST" {
					a = b.visit("POST", "/oauth2/authorize", params(tt.parameter, tt.value))
				}
				if a.code < 400 || a.code > 499 || a.header.Get("Location") != "" {
					t.Errorf("%s by %s: %d to %q", tt.name, method, a.code, a.header.Get("Location"))
				}
				if strings.Contains(a.text, "<script>") {
					t.Errorf("%s: echoed as it came", tt.name)
				}
			}
		}
		for name, query := range map[string]string{
			"two clients":    params().Encode() + "&client_id=partner",
			"two addresses":  params().Encode() + "&redirect_uri=https%3A%2F%2Fevil.example.com",
			"bad encoding":   "client_id=%zz",
			"forged ticket":  "ticket=" + strict.EncodeToString([]byte(strings.Repeat("x", 80))),
			"nothing at all": "",
		} {
			if a := b.visit("GET", "/oauth2/authorize?"+query, nil); a.code != 400 || a.header.Get("Location") != "" {
				t.Errorf("%s: %d to %q", name, a.code, a.header.Get("Location"))
			}
		}
	})
}

// TestAuthorizeTellsTheClient has a row for each error of RFC 6749 §4.1.2.1,
// OpenID Connect Core §3.1.2.6, RFC 8707 §2 and RFC 7636 §4.4.1.
func TestAuthorizeTellsTheClient(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.addClient(confidential("nocode", callback, "refresh_token"))
		for _, tt := range []struct {
			name    string
			changes []string
			want    string
		}{
			{"no response type", []string{"response_type", ""}, "invalid_request"},
			{"token", []string{"response_type", "token"}, "unsupported_response_type"},
			{"hybrid", []string{"response_type", "code id_token"}, "unsupported_response_type"},
			{"fragment mode", []string{"response_mode", "fragment"}, "invalid_request"},
			{"no challenge", []string{"code_challenge", ""}, "invalid_request"},
			{"plain challenge", []string{"code_challenge_method", "plain"}, "invalid_request"},
			{"method left out, which means plain", []string{"code_challenge_method", ""}, "invalid_request"},
			{"challenge of another length", []string{"code_challenge", "short"}, "invalid_request"},
			{"challenge with padding", []string{"code_challenge", challenge() + "="}, "invalid_request"},
			{"scope that is not registered", []string{"scope", "openid admin"}, "invalid_scope"},
			{"offline access alone, without consent", []string{"client_id", "partner", "scope", "offline_access"}, "invalid_scope"},
			{"resource that is not registered", []string{"resource", "https://evil.example.com"}, "invalid_target"},
			{"resource with a fragment", []string{"resource", "https://api.example.com#x"}, "invalid_target"},
			{"resource that is relative", []string{"resource", "api"}, "invalid_target"},
			{"request object", []string{"request", "eyJhbGciOiJub25lIn0.e30."}, "request_not_supported"},
			{"request object by reference", []string{"request_uri", "https://evil.example.com/x"}, "request_uri_not_supported"},
			{"registration", []string{"registration", "{}"}, "registration_not_supported"},
			{"prompt that is none of ours", []string{"prompt", "dance"}, "invalid_request"},
			{"none together with another", []string{"prompt", "none login"}, "invalid_request"},
			{"max_age below zero", []string{"max_age", "-1"}, "invalid_request"},
			{"max_age that is no number", []string{"max_age", "1h"}, "invalid_request"},
			{"silently, by a hint that is no ID token", []string{"id_token_hint", "x.y.z", "prompt", "none"}, "login_required"},
			{"grant that the client lacks", []string{"client_id", "nocode", "scope", "read"}, "unauthorized_client"},
			{"nobody signed in", []string{"prompt", "none"}, "login_required"},
		} {
			t.Run(tt.name, func(t *testing.T) {
				got := w.browser().authorize(tt.changes...).arrival(t)
				if got.Get("error") != tt.want || got.Get("state") != "a state" || got.Get("iss") != "https://id.example.com" || got.Has("code") {
					t.Errorf("got %v, want %s", got, tt.want)
				}
			})
		}
		for name, more := range map[string]string{"scope": "&scope=read", "state": "&state=other", "nonce": "&nonce=other", "challenge": "&code_challenge=" + challenge()} {
			got := w.browser().visit("GET", "/oauth2/authorize?"+params().Encode()+more, nil).arrival(t)
			if got.Get("error") != "invalid_request" {
				t.Errorf("%s twice: %v", name, got)
			}
		}
	})
}

func TestAuthorizeAnswers(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		b := w.browser()
		b.code()
		if got := b.authorize("state", "").arrival(t); got.Get("code") == "" || got.Has("state") || got.Get("iss") != "https://id.example.com" {
			t.Errorf("without state: %v", got)
		}
		a := b.authorize("client_id", "partner", "redirect_uri", "https://partner.example.com/cb?x=1")
		a = b.follow("POST", "/consent", url.Values{"ticket": {a.hidden(t, "ticket")}, "decision": {"allow"}})
		if to := a.header.Get("Location"); !strings.HasPrefix(to, "https://partner.example.com/cb?x=1&") {
			t.Errorf("with a query of its own: %q", to)
		}
		for _, uri := range []string{"http://127.0.0.1/cb", "http://127.0.0.1:49152/cb", "com.example.app:/cb"} {
			if to := b.authorize("client_id", "partner", "redirect_uri", uri).header.Get("Location"); !strings.HasPrefix(to, uri+"?") {
				t.Errorf("%s: sent to %q", uri, to)
			}
		}
		for _, uri := range []string{"http://127.0.0.1:0/cb", "http://127.0.0.1:70000/cb", "http://127.0.0.1:080/cb", "http://127.0.0.2:80/cb", "http://localhost:80/cb",
			"http://127.0.0.1:80/other", "http://127.0.0.1:80@evil.example.com/cb", "http://x@127.0.0.1:80/cb", "https://127.0.0.1:80/cb", "http://127.1:80/cb"} {
			if a := b.authorize("client_id", "partner", "redirect_uri", uri); a.code != 400 || a.header.Get("Location") != "" {
				t.Errorf("%s: %d to %q", uri, a.code, a.header.Get("Location"))
			}
		}
		if a := b.authorize("response_mode", "form_post"); a.code != 200 || !strings.Contains(a.text, "gth_ac_") || a.header.Get("Cache-Control") != "no-store" {
			t.Errorf("form_post: %d %s", a.code, a.text)
		}
		if a := b.authorize("response_mode", "form_post", "scope", "nothing"); a.code != 200 || !strings.Contains(a.text, "invalid_scope") {
			t.Errorf("an error by form_post: %d %s", a.code, a.text)
		}
		if got := b.follow("POST", "/oauth2/authorize", params()).arrival(t); got.Get("code") == "" {
			t.Errorf("by POST: %v", got)
		}
		if got := b.authorize("redirect_uri", "", "scope", "read").arrival(t); got.Get("code") == "" {
			t.Errorf("the only registered address, unnamed: %v", got)
		}
		for name, tolerated := range map[string][]string{
			"acr_values": {"acr_values", "urn:x"}, "ui_locales": {"ui_locales", "de"}, "display": {"display", "page"}, "a hint that cannot be read": {"id_token_hint", "x.y.z"}, "a ticket of their own": {"ticket", "x"}, "offline access without consent": {"scope", "openid offline_access"}, "claims": {"claims", "{}"}, "anything": {"x", "<script>"},
		} {
			if got := b.authorize(tolerated...).arrival(t); got.Get("code") == "" {
				t.Errorf("%s: %v", name, got)
			}
		}
	})
}

// TestPrompt holds who is asked to sign in again, and that doing so is enough.
func TestPrompt(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		b := w.browser()
		b.code()
		hint := w.redeem("site", b.code()).str("id_token")
		for _, tt := range []struct {
			name    string
			changes []string
			asked   bool
		}{
			{"nothing said", nil, false},
			{"none", []string{"prompt", "none"}, false},
			{"login", []string{"prompt", "login"}, true},
			{"select account", []string{"prompt", "select_account"}, true},
			{"too long ago", []string{"max_age", "60"}, true},
			{"not too long ago", []string{"max_age", "6000"}, false},
			{"any age is too old", []string{"max_age", "0"}, true},
			{"the same person expected", []string{"id_token_hint", hint}, false},
		} {
			w.clock.move(2 * time.Minute)
			a := b.authorize(tt.changes...)
			if asked := a.code == 200; asked != tt.asked {
				t.Errorf("%s: %d %s", tt.name, a.code, a.text)
				continue
			}
			if tt.asked {
				a = b.signIn(a)
			}
			if got := a.arrival(t); got.Get("code") == "" {
				t.Errorf("%s: %v", tt.name, got)
			}
		}
		w.clock.move(2 * time.Minute)
		if got := b.authorize("prompt", "none", "max_age", "60").arrival(t); got.Get("error") != "login_required" {
			t.Errorf("none and too old: %v", got)
		}
		other := w.browser()
		w.addPerson("else@example.com")
		other.signInAs(other.authorize(), "else@example.com")
		if got := other.authorize("prompt", "none", "id_token_hint", hint).arrival(t); got.Get("error") != "login_required" {
			t.Errorf("somebody else is signed in: %v", got)
		}
		w.clock.move(time.Minute)
		page := other.authorize("id_token_hint", hint)
		if page.code != 200 || strings.Contains(page.text, "else@example.com") {
			t.Fatalf("the page for who is expected: %d %s", page.code, page.text)
		}
		if got := other.signInAs(page, "else@example.com").arrival(t); got.Get("error") != "login_required" {
			t.Errorf("somebody else signs in: %v", got)
		}
		if got := other.signIn(other.authorize("id_token_hint", hint)).arrival(t); got.Get("code") == "" {
			t.Errorf("who was expected signs in: %v", got)
		}
	})
}

func TestConsent(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		b := w.browser()
		b.code()
		partner := []string{"client_id", "partner"}
		page := b.authorize(partner...)
		if page.code != 200 || !strings.Contains(page.text, "A Partner") {
			t.Fatalf("a stranger's application is not asked about: %d %s", page.code, page.text)
		}
		if got := b.authorize(append(partner, "prompt", "none")...).arrival(t); got.Get("error") != "consent_required" {
			t.Errorf("silently: %v", got)
		}
		allow := url.Values{"ticket": {page.hidden(t, "ticket")}, "decision": {"allow"}}
		if got := b.follow("POST", "/consent", url.Values{"ticket": allow["ticket"], "decision": {"deny"}}).arrival(t); got.Get("error") != "access_denied" || got.Get("state") != "a state" {
			t.Errorf("denied: %v", got)
		}
		if a := b.follow("POST", "/consent", url.Values{"ticket": allow["ticket"]}); a.code != 400 {
			t.Errorf("no decision: %d", a.code)
		}
		// Somebody else's form, in the browser of another person, allows nothing.
		other := w.browser()
		w.addPerson("else@example.com")
		other.signInAs(other.authorize(), "else@example.com")
		if a := other.follow("POST", "/consent", allow); a.code != 200 || !strings.Contains(a.text, "A Partner") {
			t.Errorf("another session: %d %s", a.code, a.text)
		}
		if got := b.follow("POST", "/consent", allow).arrival(t); got.Get("code") == "" {
			t.Errorf("allowed: %v", got)
		}
		if got := b.authorize(partner...).arrival(t); got.Get("code") == "" {
			t.Errorf("asked again: %v", got)
		}
		if a := b.authorize(append(partner, "scope", "openid read")...); a.code != 200 {
			t.Errorf("more than was allowed: %d", a.code)
		}
		if a := b.authorize(append(partner, "prompt", "consent")...); a.code != 200 {
			t.Errorf("asked for: %d", a.code)
		}
		// Nor does the operator's word count where any app may be listening.
		w.setClient("partner", func(c *clientRow) { c.FirstParty = true })
		if a := b.authorize(append(partner, "redirect_uri", "http://127.0.0.1:5000/cb", "scope", "write")...); a.code != 200 {
			t.Errorf("first party on loopback: %d", a.code)
		}
		if a := b.authorize(append(partner, "scope", "write")...); a.code != 302 {
			t.Errorf("first party at https: %d", a.code)
		}
	})
}

// TestOfflineAccess holds OpenID Connect Core §11.
func TestOfflineAccess(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		b := w.browser()
		b.code()
		granted := func(a answer) string {
			if a.code == 200 {
				a = b.follow("POST", "/consent", url.Values{"ticket": {a.hidden(t, "ticket")}, "decision": {"allow"}})
			}
			return w.redeem("partner", a.arrival(t).Get("code")).str("scope")
		}
		scope := []string{"client_id", "partner", "scope", "openid offline_access"}
		if got := granted(b.authorize(scope...)); got != "openid" {
			t.Errorf("without prompt=consent: %q", got)
		}
		if got := granted(b.authorize(append(scope, "prompt", "consent")...)); got != "openid offline_access" {
			t.Errorf("with prompt=consent: %q", got)
		}
		if got := granted(b.authorize(scope...)); got != "openid" {
			t.Errorf("the consent of before does not do: %q", got)
		}
		got := w.redeem("site", b.authorize("scope", "openid offline_access").arrival(t).Get("code"))
		if got.str("scope") != "openid offline_access" {
			t.Errorf("a client that the operator vouches for: %s", got.text)
		}
	})
}

func TestSignInPage(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		b := w.browser()
		b.cookies[cookieSession] = "gth_se_planted"
		page := b.authorize()
		post := func(mail, pass string) answer {
			return b.visit("POST", "/signin", url.Values{"ticket": {page.hidden(t, "ticket")}, "email": {mail}, "password": {pass}})
		}
		unknown, wrong := post("nobody@example.com", "x-x-x-x-x-x"), post(email, "x-x-x-x-x-x")
		if unknown.code != 422 || wrong.code != 422 || !sameButFor(unknown.text, wrong.text, "nobody@example.com", email) {
			t.Errorf("unknown and wrong differ: %d %s\n%d %s", unknown.code, unknown.text, wrong.code, wrong.text)
		}
		if a := post("", ""); a.code != 422 {
			t.Errorf("empty form: %d", a.code)
		}
		if a := post(`"><script>alert(1)</script>`, "x"); strings.Contains(a.text, "<script>alert") {
			t.Error("echoed as it came")
		}
		planted := b.cookies[cookieSession]
		if a := b.signIn(page); a.arrival(t).Get("code") == "" || b.cookies[cookieSession] == planted {
			t.Errorf("%d %s", a.code, a.text)
		}
		first := b.cookies[cookieSession]
		b.signIn(b.authorize("prompt", "login"))
		if b.cookies[cookieSession] == first {
			t.Error("the cookie stayed the same at a new sign-in")
		}
		stale := w.browser()
		stale.cookies[cookieSession] = first
		if got := stale.authorize("prompt", "none").arrival(t); got.Get("error") != "login_required" {
			t.Errorf("the cookie of before still works: %v", got)
		}
		w.clock.move(8 * 24 * time.Hour)
		if got := b.authorize("prompt", "none").arrival(t); got.Get("error") != "login_required" {
			t.Errorf("after a week without use: %v", got)
		}
	})
}

// TestMaxAgeHoldsUntilTheAnswer has somebody who signs in and then takes their
// time to consent.
func TestMaxAgeHoldsUntilTheAnswer(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		b := w.browser()
		page := b.signIn(b.authorize("client_id", "partner", "max_age", "60"))
		allow := url.Values{"ticket": {page.hidden(t, "ticket")}, "decision": {"allow"}}
		w.clock.move(time.Hour)
		b.follow("POST", "/consent", allow) // remembered, and yet:
		if a := b.authorize("client_id", "partner", "max_age", "60"); a.code != 200 || !strings.Contains(a.text, `name="password"`) {
			t.Errorf("an hour later: %d %s", a.code, a.text)
		}
	})
}

// TestBrowserWithoutCookies is told so, and not led in a circle.
func TestBrowserWithoutCookies(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		for name, page := range map[string]answer{"from a client": w.browser().authorize(), "by themselves": w.browser().visit("GET", "/signin", nil)} {
			a := w.browser().visit("POST", "/signin", url.Values{"ticket": {page.hidden(t, "ticket")}, "email": {email}, "password": {password}})
			if a = w.browser().visit("GET", a.header.Get("Location"), nil); a.code != 400 || strings.Contains(a.text, `name="password"`) {
				t.Errorf("%s: %d to %q %s", name, a.code, a.header.Get("Location"), a.text)
			}
		}
		if a := w.browser().visit("HEAD", "/oauth2/authorize?"+params().Encode(), nil); a.code != 405 {
			t.Errorf("HEAD: %d", a.code)
		}
	})
}

// TestFormsFromElsewhere holds that no other site can send our forms, and that
// the authorization endpoint alone takes them.
func TestFormsFromElsewhere(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		for _, path := range []string{"/signin", "/consent"} {
			for name, headers := range map[string]map[string]string{
				"another site":         {"Sec-Fetch-Site": "cross-site"},
				"a site of the domain": {"Sec-Fetch-Site": "same-site"},
				"an old browser":       {"Origin": "https://evil.example.com"},
				"a sandboxed frame":    {"Origin": "null"},
			} {
				req := mustRequest(w, path, "email=a%40example.com&password=x")
				for key, value := range headers {
					req.Header.Set(key, value)
				}
				if a := w.send(req); a.code != 403 {
					t.Errorf("%s from %s: %d %s", path, name, a.code, a.text)
				}
			}
		}
		req := mustRequest(w, "/oauth2/authorize", params().Encode())
		req.Header.Set("Sec-Fetch-Site", "cross-site")
		resp, err := http.DefaultTransport.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		if to := resp.Header.Get("Location"); resp.StatusCode != 303 || !strings.HasPrefix(to, "/oauth2/authorize?ticket=") {
			t.Errorf("%d to %q", resp.StatusCode, to)
		}
	})
}
