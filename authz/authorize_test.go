package authz

import (
	"crypto/sha256"
	"net/http"
	"net/url"
	"strings"
	"testing"

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
	return b.follow("POST", "/signin", url.Values{"ticket": {page.hidden(b.w.t, "ticket")}, "email": {email}, "password": {password}})
}

// arrival takes apart where the browser was sent with the answer.
func (a answer) arrival(t *testing.T) url.Values {
	t.Helper()
	u, err := url.Parse(a.header.Get("Location"))
	if err != nil || u.Scheme == "" {
		t.Fatalf("no redirect to the client: %d %q %s", a.code, a.header.Get("Location"), a.text)
	}
	return u.Query()
}

// code goes through signing in to a code.
func (b *browser) code(changes ...string) string {
	b.w.t.Helper()
	a := b.authorize(changes...)
	if a.code == 200 && strings.Contains(a.text, "SignIn") {
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

func TestCodeFlow(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		b := w.browser()
		a := w.redeem("site", b.code())
		if a.code != 200 || a.str("id_token") == "" || a.str("refresh_token") == "" {
			t.Fatalf("%d %s", a.code, a.text)
		}
		me := w.post("/oauth2/userinfo", "", url.Values{"access_token": {a.str("access_token")}})
		if me.code != 200 || me.str("sub") != w.account.ID || me.str("email") != email || me.str("given_name") != "Demo" {
			t.Errorf("userinfo: %d %s", me.code, me.text)
		}
		again := w.refresh("site", a.str("refresh_token"))
		if again.code != 200 || again.str("id_token") == "" {
			t.Errorf("refresh: %d %s", again.code, again.text)
		}
		_ = store.ScopeOpenID
	})
}
