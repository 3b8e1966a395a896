package authz

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"gatehouse/store"
)

const afterLogout = "https://app.example.com/bye"

// tokens signs in, if nobody is, and exchanges a code.
func (b *browser) tokens(changes ...string) answer {
	b.w.t.Helper()
	a := b.w.redeem(params(changes...).Get("client_id"), b.code(changes...))
	if a.code != 200 {
		b.w.t.Fatalf("%d %s", a.code, a.text)
	}
	return a
}

// isSignedIn asks without being seen.
func (b *browser) isSignedIn() bool {
	b.w.t.Helper()
	return b.authorize("prompt", "none").arrival(b.w.t).Has("code")
}

func (b *browser) logout(form url.Values) answer {
	b.w.t.Helper()
	return b.follow("GET", "/oauth2/logout?"+form.Encode(), nil)
}

// confirm presses the button of the page.
func (b *browser) confirm(page answer) answer {
	b.w.t.Helper()
	return b.follow("POST", "/oauth2/logout", url.Values{"ticket": {page.hidden(b.w.t, "ticket")}, "decision": {"sign_out"}})
}

const (
	askedLogout = `name="decision" value="sign_out"`
	saidLogout  = "signed out"
)

func TestLogout(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		for _, tt := range []struct {
			name   string
			form   func(hint string) url.Values
			asked  bool
			sentTo string // empty: a page says that it is done
		}{
			{"with the hint of this session", func(h string) url.Values { return url.Values{"id_token_hint": {h}} }, false, ""},
			{"with hint and client", func(h string) url.Values { return url.Values{"id_token_hint": {h}, "client_id": {"site"}} }, false, ""},
			{"with hint, address and state", func(h string) url.Values {
				return url.Values{"id_token_hint": {h}, "post_logout_redirect_uri": {afterLogout}, "state": {"a state&x"}}
			}, false, afterLogout + "?state=a+state%26x"},
			{"to an address with a query", func(h string) url.Values {
				return url.Values{"id_token_hint": {h}, "post_logout_redirect_uri": {afterLogout + "?x=1"}, "state": {"s"}}
			}, false, afterLogout + "?x=1&state=s"},
			{"without state", func(h string) url.Values {
				return url.Values{"id_token_hint": {h}, "post_logout_redirect_uri": {afterLogout}}
			}, false, afterLogout},
			{"with what is tolerated", func(h string) url.Values {
				return url.Values{"id_token_hint": {h}, "logout_hint": {email}, "ui_locales": {"de fr"}, "unknown": {"<script>"}}
			}, false, ""},
			{"with nothing", func(string) url.Values { return url.Values{} }, true, ""},
			{"with parameters that are empty", func(string) url.Values { return url.Values{"id_token_hint": {""}, "client_id": {"site"}} }, true, ""},
			{"with client and address", func(string) url.Values {
				return url.Values{"client_id": {"site"}, "post_logout_redirect_uri": {afterLogout}, "state": {"s"}}
			}, true, afterLogout + "?state=s"},
			{"with a hint of no session", func(string) url.Values {
				return url.Values{"id_token_hint": {w.hintOf(t, w.account.ID, "")}, "post_logout_redirect_uri": {afterLogout}}
			}, true, afterLogout},
		} {
			for _, method := range []string{"GET", "POST"} {
				t.Run(tt.name+" by "+method, func(t *testing.T) {
					b := w.browser()
					first := b.tokens()
					form := tt.form(first.str("id_token"))
					a := b.logoutBy(method, form)
					if asked := strings.Contains(a.text, askedLogout); asked != tt.asked {
						t.Fatalf("asked %t: %d %s", asked, a.code, a.text)
					}
					if tt.asked {
						if !b.isSignedIn() {
							t.Error("signed out before the answer")
						}
						a = b.confirm(a)
					}
					if to := a.header.Get("Location"); to != tt.sentTo || tt.sentTo == "" && (a.code != 200 || !strings.Contains(a.text, saidLogout)) {
						t.Errorf("%d to %q, want %q: %s", a.code, to, tt.sentTo, a.text)
					}
					if b.cookies[cookieSession] != "" || b.isSignedIn() || w.active(first.str("access_token")) {
						t.Error("still signed in")
					}
					if a := b.logoutBy(method, form); a.header.Get("Location") != tt.sentTo {
						t.Errorf("nobody signed in: %d to %q", a.code, a.header.Get("Location"))
					}
				})
			}
		}
	})
}

func (b *browser) logoutBy(method string, form url.Values) answer {
	b.w.t.Helper()
	if method == "GET" {
		return b.logout(form)
	}
	return b.follow("POST", "/oauth2/logout", form)
}

// hintOf is an ID token with what claims a test wants.
func (w *world) hintOf(t *testing.T, subject, sid string, changes ...func(*idToken)) string {
	t.Helper()
	now := w.store.Now()
	c := idToken{Issuer: "https://id.example.com", Subject: subject, Audience: "site", SID: sid, IssuedAt: now.Unix(), ExpiresAt: now.Add(time.Minute).Unix()}
	for _, change := range changes {
		change(&c)
	}
	text, err := w.server.sign(context.Background(), "RS256", c)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// TestLogoutRefusals has each parameter wrong: nobody is sent anywhere, and
// nothing ends.
func TestLogoutRefusals(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		b := w.browser()
		hint := b.tokens().str("id_token")
		parts := strings.Split(hint, ".")
		good := url.Values{"id_token_hint": {hint}, "client_id": {"site"}, "post_logout_redirect_uri": {afterLogout}}
		for _, tt := range []struct {
			name string
			form url.Values // in place of the good one's
		}{
			{"hint that is garbage", url.Values{"id_token_hint": {"x"}}},
			{"hint that is three times garbage", url.Values{"id_token_hint": {"x.y.z"}}},
			{"hint without signature", url.Values{"id_token_hint": {parts[0] + "." + parts[1] + "."}}},
			{"hint with the algorithm none", url.Values{"id_token_hint": {strict.EncodeToString([]byte(`{"alg":"none"}`)) + "." + parts[1] + "."}}},
			{"hint that was changed", url.Values{"id_token_hint": {parts[0] + "." + strict.EncodeToString([]byte(`{"iss":"https://id.example.com","aud":"site"}`)) + "." + parts[2]}}},
			{"hint of another issuer", url.Values{"id_token_hint": {w.hintOf(t, w.account.ID, "", func(c *idToken) { c.Issuer = "https://other.example.com" })}}},
			{"hint of a client that is gone", url.Values{"id_token_hint": {w.hintOf(t, w.account.ID, "", func(c *idToken) { c.Audience = "gone" })}, "client_id": nil}},
			{"hint of another client", url.Values{"client_id": {"partner"}}},
			{"hint that is an access token", url.Values{"id_token_hint": {w.login("web").str("access_token")}}},
			{"hint that is too long", url.Values{"id_token_hint": {strings.Repeat("x", 8001)}}},
			{"hint twice", url.Values{"id_token_hint": {hint, hint}}},
			{"unknown client", url.Values{"id_token_hint": nil, "client_id": {"nobody"}}},
			{"client twice", url.Values{"client_id": {"site", "site"}}},
			{"address without a client", url.Values{"id_token_hint": nil, "client_id": nil}},
			{"address that is not registered", url.Values{"post_logout_redirect_uri": {"https://evil.example.com/"}}},
			{"redirect URI for address", url.Values{"post_logout_redirect_uri": {callback}}},
			{"address of another client", url.Values{"id_token_hint": nil, "client_id": {"partner"}}},
			{"added path", url.Values{"post_logout_redirect_uri": {afterLogout + "/x"}}},
			{"path traversal", url.Values{"post_logout_redirect_uri": {afterLogout + "/../x"}}},
			{"added query", url.Values{"post_logout_redirect_uri": {afterLogout + "?y=1"}}},
			{"fragment", url.Values{"post_logout_redirect_uri": {afterLogout + "#x"}}},
			{"userinfo", url.Values{"post_logout_redirect_uri": {"https://app.example.com@evil.example.com/bye"}}},
			{"subdomain", url.Values{"post_logout_redirect_uri": {"https://app.example.com.evil.example.com/bye"}}},
			{"port", url.Values{"post_logout_redirect_uri": {"https://app.example.com:444/bye"}}},
			{"other scheme", url.Values{"post_logout_redirect_uri": {"javascript:alert(1)"}}},
			{"without scheme", url.Values{"post_logout_redirect_uri": {"//evil.example.com"}}},
			{"relative", url.Values{"post_logout_redirect_uri": {"/account"}}},
			{"blank between two", url.Values{"post_logout_redirect_uri": {afterLogout + " https://evil.example.com"}}},
			{"address with NUL", url.Values{"post_logout_redirect_uri": {afterLogout + "\x00"}}},
			{"address that is too long", url.Values{"post_logout_redirect_uri": {afterLogout + strings.Repeat("x", 2000)}}},
			{"address twice", url.Values{"post_logout_redirect_uri": {afterLogout, afterLogout}}},
			{"state twice", url.Values{"state": {"a", "b"}}},
			{"state that is not UTF-8", url.Values{"state": {"\xff"}}},
			{"state that is too long", url.Values{"state": {strings.Repeat("x", 4001)}}},
			{"forged ticket", url.Values{"ticket": {strings.Repeat("x", 100)}}},
			{"ticket of another page", url.Values{"ticket": {w.server.sealTicket(ticket{Asked: w.store.Now(), Query: good.Encode()})}}},
		} {
			for _, method := range []string{"GET", "POST"} {
				form := url.Values{}
				for name, values := range good {
					if !tt.form.Has("ticket") { // which stands alone
						form[name] = values
					}
				}
				for name, values := range tt.form {
					form[name] = values
				}
				a := b.visit("GET", "/oauth2/logout?"+form.Encode(), nil)
				if method == "POST" {
					a = b.visit("POST", "/oauth2/logout", form)
				}
				if a.code < 400 || a.code > 499 || a.header.Get("Location") != "" || a.header.Get("Set-Cookie") != "" {
					t.Errorf("%s by %s: %d to %q", tt.name, method, a.code, a.header.Get("Location"))
				}
				if strings.Contains(a.text, "<script>alert") || strings.Contains(a.text, hint) {
					t.Errorf("%s: echoed", tt.name)
				}
			}
		}
		if !b.isSignedIn() {
			t.Error("a wrong request has signed out")
		}
	})
}

// TestLogoutNeedsThisSession holds who can be signed out by a hint alone.
func TestLogoutNeedsThisSession(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		b, phone, theirs := w.browser(), w.browser(), w.browser()
		hint, fromPhone := b.tokens().str("id_token"), phone.tokens().str("id_token")
		w.addPerson("else@example.com")
		theirs.signInAs(theirs.authorize(), "else@example.com")
		for name, form := range map[string]url.Values{
			"somebody else's":     {"id_token_hint": {hint}},
			"and sends them away": {"id_token_hint": {hint}, "post_logout_redirect_uri": {afterLogout}},
		} {
			if a := theirs.logout(form); !strings.Contains(a.text, askedLogout) || !theirs.isSignedIn() {
				t.Errorf("%s: %d %s", name, a.code, a.text)
			}
		}
		if a := b.logout(url.Values{"id_token_hint": {fromPhone}}); !strings.Contains(a.text, askedLogout) || !b.isSignedIn() || !phone.isSignedIn() {
			t.Errorf("the same person's other browser: %d %s", a.code, a.text)
		}
		if a := b.visit("HEAD", "/oauth2/logout?"+url.Values{"id_token_hint": {hint}}.Encode(), nil); a.code != 405 || !b.isSignedIn() {
			t.Errorf("HEAD: %d", a.code)
		}
		w.setClient("site", func(c *clientRow) { c.Name = "<script>alert(1)</script>" })
		page := b.logout(url.Values{"client_id": {"site"}, "post_logout_redirect_uri": {afterLogout}})
		if strings.Contains(page.text, "<script>alert") {
			t.Error("a client's name is markup")
		}
		// The page that asked one person does not sign another one out.
		if a := theirs.confirm(page); !strings.Contains(a.text, askedLogout) || !theirs.isSignedIn() {
			t.Errorf("another one's answer: %d %s", a.code, a.text)
		}
		for name, form := range map[string]url.Values{
			"no decision":         {"ticket": {page.hidden(t, "ticket")}},
			"another decision":    {"ticket": {page.hidden(t, "ticket")}, "decision": {"stay"}},
			"no ticket's ticket":  {"ticket": {"x"}, "decision": {"sign_out"}},
			"a sign-in's ticket":  {"ticket": {w.server.sealTicket(ticket{Asked: w.store.Now(), Query: "x=y"})}, "decision": {"sign_out"}},
			"the request's alone": {"ticket": {w.server.sealTicket(ticket{Asked: w.store.Now(), Page: pageAccount})}, "decision": {"sign_out"}},
		} {
			if a := b.visit("POST", "/oauth2/logout", form); a.code != 400 || !b.isSignedIn() {
				t.Errorf("%s: %d %s", name, a.code, a.text)
			}
		}
		w.setClient("site", func(c *clientRow) { c.PostLogoutRedirectURIs = nil })
		if a := b.confirm(page); a.code != 400 || !b.isSignedIn() {
			t.Errorf("an address that is registered no more: %d to %q", a.code, a.header.Get("Location"))
		}
		w.clock.move(ticketLife + time.Minute)
		if a := b.confirm(page); a.code != 400 || !b.isSignedIn() {
			t.Errorf("a page of hours ago: %d", a.code)
		}
		if a := b.logout(url.Values{"id_token_hint": {hint}}); a.code != 200 || b.isSignedIn() || !phone.isSignedIn() || !theirs.isSignedIn() {
			t.Errorf("by an ID token that has expired: %d %s", a.code, a.text)
		}
	})
}

// TestLogoutFromElsewhere has forms of other sites, which bring no cookie and
// are asked about after a redirect at the latest.
func TestLogoutFromElsewhere(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		b := w.browser()
		b.tokens()
		page := b.logout(url.Values{})
		for name, headers := range map[string]map[string]string{
			"another site":         {"Sec-Fetch-Site": "cross-site"},
			"a site of the domain": {"Sec-Fetch-Site": "same-site"},
			"an old browser":       {"Origin": "https://evil.example.com"},
			"a sandboxed frame":    {"Origin": "null"},
		} {
			send := func(body string) answer {
				req := mustRequest(w, "/oauth2/logout", body)
				req.AddCookie(&http.Cookie{Name: cookieSession, Value: b.cookies[cookieSession]}) // were it sent all the same
				for key, value := range headers {
					req.Header.Set(key, value)
				}
				resp, err := http.DefaultTransport.RoundTrip(req)
				if err != nil {
					t.Fatal(err)
				}
				return read(resp)
			}
			if a := send(url.Values{"ticket": {page.hidden(t, "ticket")}, "decision": {"sign_out"}}.Encode()); a.code != 403 {
				t.Errorf("%s answers the question: %d %s", name, a.code, a.text)
			}
			for _, body := range []string{"", "client_id=site", "decision=sign_out"} {
				a := send(body)
				if to := a.header.Get("Location"); a.code != 303 || !strings.HasPrefix(to, "/oauth2/logout?ticket=") {
					t.Errorf("%s with %q: %d to %q", name, body, a.code, to)
				} else if a := b.follow("GET", to, nil); !strings.Contains(a.text, askedLogout) {
					t.Errorf("%s with %q: not asked: %d %s", name, body, a.code, a.text)
				}
			}
		}
		if !b.isSignedIn() {
			t.Error("signed out by another site")
		}
		if a := b.visit("POST", "/oauth2/logout?client_id=site", url.Values{}); a.code != 400 {
			t.Errorf("parameters of a POST in the address: %d", a.code)
		}
		for name, form := range map[string]url.Values{"authorize": {"ticket": {page.hidden(t, "ticket")}}, "signin": {"ticket": {page.hidden(t, "ticket")}}} {
			path := map[string]string{"authorize": "/oauth2/authorize", "signin": "/signin"}[name]
			if a := b.visit("GET", path+"?"+form.Encode(), nil); a.code != 400 {
				t.Errorf("%s takes a ticket of the sign-out: %d", name, a.code)
			}
		}
	})
}

// TestLogoutEndsGrants holds what ends with a session and what may go on
// (OpenID Connect Core §11).
func TestLogoutEndsGrants(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		b := w.browser()
		online, offline := b.tokens(), b.tokens("scope", openidScope)
		phone := w.browser().tokens()
		child := w.token("site", url.Values{"grant_type": {store.GrantTokenExchange}, "subject_token": {online.str("access_token")},
			"subject_token_type": {"urn:ietf:params:oauth:token-type:access_token"}})
		code := b.code()
		if !strings.Contains(offline.str("scope"), store.ScopeOffline) || !w.active(child.str("access_token")) {
			t.Fatalf("%s %s", offline.text, child.text)
		}
		b.logout(url.Values{"id_token_hint": {online.str("id_token")}})
		for name, tt := range map[string]struct {
			token answer
			live  bool
		}{"online": {online, false}, "exchanged from it": {child, false}, "offline": {offline, true}, "another browser's": {phone, true}} {
			if w.active(tt.token.str("access_token")) != tt.live {
				t.Errorf("%s: live %t", name, !tt.live)
			}
		}
		if a := w.refresh("site", online.str("refresh_token")); a.str("error") != "invalid_grant" {
			t.Errorf("refresh: %d %s", a.code, a.text)
		}
		if a := w.refresh("site", offline.str("refresh_token")); a.code != 200 {
			t.Errorf("refresh offline: %d %s", a.code, a.text)
		}
		if a := w.redeem("site", code); a.str("error") != "invalid_grant" {
			t.Errorf("a code of before: %d %s", a.code, a.text)
		}
	})
}
