package authz

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"gatehouse/social/socialtest"
	"gatehouse/store"
)

// press sends a form of the account's page.
func (b *browser) press(path string, form ...string) answer {
	b.w.t.Helper()
	v := url.Values{}
	for i := 0; i < len(form); i += 2 {
		v.Set(form[i], form[i+1])
	}
	return b.follow("POST", path, v)
}

func TestAccountPage(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		b := w.browser()
		page := b.follow("GET", "/account", nil)
		if page.code != 200 || !strings.Contains(page.text, `name="password"`) {
			t.Fatalf("nobody signed in: %d %s", page.code, page.text)
		}
		page = b.signIn(page)
		if page.code != 200 || page.header.Get("Cache-Control") != "no-store" || !strings.Contains(page.text, email) || !strings.Contains(page.text, "127.0.0.1") {
			t.Fatalf("back from signing in: %d %s", page.code, page.text)
		}
		w.linkWith(w.passwordToken("web", apiAlone).str("access_token"), w.google(socialtest.TokenOptions{Sub: "1", Email: "elsewhere@example.com"}).IDToken)
		page = b.follow("GET", "/account", nil)
		for _, want := range []string{"Google", "elsewhere@example.com", `href="/account/password"`} {
			if !strings.Contains(page.text, want) {
				t.Errorf("no %s on the page: %s", want, page.text)
			}
		}
		mine, phone := b.session()["id"].(string), w.browser()
		phones := phone.session()["id"].(string)
		page = b.follow("GET", "/account", nil)
		for _, want := range []string{mine, phones} {
			if !strings.Contains(page.text, `name="id" value="`+want+`"`) {
				t.Errorf("no form for session %s", want)
			}
		}
		if page = b.press("/account/end-session", "id", phones); page.code != 200 || phone.isSignedIn() || strings.Contains(page.text, phones) || !strings.Contains(page.text, `role="status"`) {
			t.Errorf("one: %d %s", page.code, page.text)
		}
		if page = b.press("/account/end-session", "id", phones); page.code != 200 || !b.isSignedIn() {
			t.Errorf("one that has ended: %d %s", page.code, page.text)
		}
		phone.signIn(phone.authorize())
		if page = b.press("/account/end-session", "id", "others"); page.code != 200 || phone.isSignedIn() || !b.isSignedIn() {
			t.Errorf("others: %d %s", page.code, page.text)
		}
		w.clock.move(ticketLife + time.Minute)
		if page = b.press("/account/end-session", "id", mine); page.code != 200 || !strings.Contains(page.text, saidLogout) || b.isSignedIn() || b.cookies[cookieSession] != "" {
			t.Errorf("its own: %d %s", page.code, page.text)
		}
	})
}

// TestAccountPageWithoutAddress is somebody whose provider vouches for none.
func TestAccountPageWithoutAddress(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		b := w.browser()
		page := b.by("facebook", b.visit("GET", "/signin", nil), "fay@example.com")
		if page = b.visit("GET", "/account", nil); page.code != 200 || !strings.Contains(page.text, "Username") || !strings.Contains(page.text, "fay@example.com") {
			t.Fatalf("%d %s", page.code, page.text)
		}
		for _, not := range []string{"E-mail address", "confirmed", "/account/verify-email", "/forgot"} {
			if strings.Contains(page.text, not) {
				t.Errorf("%q on the page of who has no address", not)
			}
		}
	})
}

func TestAccountPageApplications(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		b := w.browser()
		b.code()
		a := b.authorize("client_id", "partner")
		a = b.follow("POST", "/consent", url.Values{"ticket": {a.hidden(t, "ticket")}, "decision": {"allow"}})
		partners := w.redeem("partner", a.arrival(t).Get("code")).str("access_token")
		if page := b.visit("GET", "/account", nil); !strings.Contains(page.text, "A Partner") || !strings.Contains(page.text, `name="client_id" value="partner"`) {
			t.Fatalf("%d %s", page.code, page.text)
		}
		w.setClient("partner", func(c *clientRow) { c.Name = "<script>alert(1)</script>" })
		if page := b.visit("GET", "/account", nil); page.code != 200 || strings.Contains(page.text, "<script>alert") {
			t.Error("a client's name is markup")
		}
		if page := b.press("/account/revoke-application", "client_id", "partner"); page.code != 200 || strings.Contains(page.text, `value="partner"`) || w.active(partners) {
			t.Errorf("%d %s", page.code, page.text)
		}
	})
}

// TestAccountPageRefusals has what its forms do not do.
func TestAccountPageRefusals(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		b, theirs := w.browser(), w.browser()
		b.code()
		w.addPerson("else@example.com")
		theirs.signInAs(theirs.authorize(), "else@example.com")
		id := theirs.session()["id"].(string)
		for _, tt := range []struct {
			name, path string
			form       []string
			code       int
		}{
			{"somebody else's session", "/account/end-session", []string{"id", id}, 200}, // as one that has ended
			{"no session", "/account/end-session", []string{"x", "y"}, 400},
			{"nothing", "/account/end-session", nil, 400},
			{"an id that is none", "/account/end-session", []string{"id", "' OR 1=1 --"}, 200},
			{"NUL", "/account/end-session", []string{"id", "\x00"}, 400},
			{"no application", "/account/revoke-application", []string{"x", "y"}, 400},
			{"unknown application", "/account/revoke-application", []string{"client_id", "nobody"}, 200},
		} {
			if a := b.press(tt.path, tt.form...); a.code != tt.code {
				t.Errorf("%s: %d %s", tt.name, a.code, a.text)
			}
		}
		if !theirs.isSignedIn() || !b.isSignedIn() {
			t.Error("a session ended")
		}
		for _, path := range []string{"/account/end-session", "/account/revoke-application"} {
			if a := b.visit("GET", path, nil); a.code != 405 {
				t.Errorf("GET %s: %d", path, a.code)
			}
			if a := w.browser().press(path, "id", id, "client_id", "partner"); a.code != 200 || !strings.Contains(a.text, `name="password"`) {
				t.Errorf("%s, signed out: %d %s", path, a.code, a.text)
			}
			for name, headers := range map[string]map[string]string{
				"another site":   {"Sec-Fetch-Site": "cross-site"},
				"an old browser": {"Origin": "https://evil.example.com"},
			} {
				req := mustRequest(w, path, "id=others&client_id=partner")
				req.AddCookie(&http.Cookie{Name: cookieSession, Value: b.cookies[cookieSession]})
				for key, value := range headers {
					req.Header.Set(key, value)
				}
				if a := w.send(req); a.code != 403 {
					t.Errorf("%s from %s: %d", path, name, a.code)
				}
			}
		}
		for name, text := range map[string]string{
			"forged":    "x",
			"another":   w.server.sealTicket(ticket{Asked: w.store.Now(), Query: "x=y", Notice: "notice.linked"}),
			"another's": w.server.sealTicket(ticket{Asked: w.store.Now(), Page: pageAccount, Session: theirs.signedIn().ID, Notice: "notice.linked"}),
			"nobody's":  w.server.sealTicket(ticket{Asked: w.store.Now(), Page: pageAccount, Notice: "notice.linked"}),
			"old":       w.server.sealTicket(ticket{Asked: w.store.Now().Add(-ticketLife - time.Minute), Page: pageAccount, Session: b.signedIn().ID, Notice: "notice.linked"}),
		} {
			if a := b.visit("GET", "/account?ticket="+text, nil); a.code != 200 || strings.Contains(a.text, `role="status"`) {
				t.Errorf("a notice of a %s ticket: %d %s", name, a.code, a.text)
			}
		}
		if _, err := w.store.EndLoginSessions(t.Context(), w.account.ID, ""); err != nil {
			t.Fatal(err)
		}
		if err := w.store.DeleteAccount(t.Context(), w.account.ID, "operator"); err != nil {
			t.Fatal(err)
		}
		if a := b.visit("GET", "/account", nil); a.code != 303 {
			t.Errorf("an account that is gone: %d", a.code)
		}
	})
}

// TestSessionsEndWithSignIns holds what ends everything, by its front door where
// this server has it.
func TestSessionsEndWithSignIns(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		for _, tt := range []struct {
			name string
			end  func() error
		}{
			{"password set by the operator", func() error { return w.store.SetPassword(ctx, w.account.ID, password) }},
			{"deactivated", func() error {
				if err := w.store.Deactivate(ctx, w.account.ID); err != nil {
					return err
				}
				return w.store.Reactivate(ctx, w.account.ID)
			}},
			{"ended by the operator", func() error {
				_, err := w.store.EndLoginSessions(ctx, w.account.ID, "")
				return err
			}},
			{"deleted", func() error { return w.store.DeleteAccount(ctx, w.account.ID, "operator") }},
		} {
			b := w.browser()
			online, offline := b.tokens(), b.tokens("scope", openidScope)
			if err := tt.end(); err != nil {
				t.Fatal(err)
			}
			if b.isSignedIn() || w.active(online.str("access_token")) {
				t.Errorf("%s: the session lives on", tt.name)
			}
			survives := tt.name == "ended by the operator"
			if w.active(offline.str("access_token")) != survives {
				t.Errorf("%s: offline access lives %t", tt.name, !survives)
			}
		}
		if n := w.count(`SELECT count(*) FROM login_sessions WHERE ended_at IS NULL`); n != 0 {
			t.Errorf("%d sessions left", n)
		}
	})
}

// TestFormsAreCounted holds that no page's form can be sent without end, and that
// what clients send people with is not among them.
func TestFormsAreCounted(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		b := w.browser()
		b.code()
		page := b.logout(url.Values{})
		cfg := w.server.cfg
		cfg.Limits.Forms = store.Limit{Max: 3, Window: 15 * time.Minute}
		strict, err := New(cfg, w.store)
		if err != nil {
			t.Fatal(err)
		}
		w.http.Config.Handler = strict.Handler()
		for range 3 {
			if a := b.visit("POST", "/account/end-session", url.Values{"id": {store.NewGrantID()}}); a.code != 303 {
				t.Fatalf("%d %s", a.code, a.text)
			}
		}
		for path, form := range map[string]url.Values{
			"/signin":                     {"email": {email}, "password": {password}},
			"/consent":                    {"decision": {"allow"}},
			"/oauth2/logout":              {"ticket": {page.hidden(t, "ticket")}, "decision": {"sign_out"}},
			"/account/end-session":        {"id": {"others"}},
			"/account/revoke-application": {"client_id": {"partner"}},
		} {
			if a := b.visit("POST", path, form); a.code != 429 || a.header.Get("Retry-After") == "" {
				t.Errorf("%s: %d", path, a.code)
			}
		}
		if a := b.visit("POST", "/oauth2/logout", url.Values{"client_id": {"site"}}); a.code != 303 || !b.isSignedIn() {
			t.Errorf("a client's request: %d", a.code)
		}
		w.clock.move(31 * time.Minute)
		if b.confirm(page); b.isSignedIn() {
			t.Error("still counted after the window")
		}
	})
}
