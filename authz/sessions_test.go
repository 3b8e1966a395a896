package authz

import (
	"errors"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"gatehouse/store"
)

// own asks about the own account with an access token.
func (w *world) own(method, path, token string) answer {
	w.t.Helper()
	return w.call(method, path, token, "", "")
}

// items are the members of a list by their ids.
func (a answer) items(key string) map[string]map[string]any {
	list, _ := a.body["items"].([]any)
	byID := map[string]map[string]any{}
	for _, item := range list {
		m := item.(map[string]any)
		byID[m[key].(string)] = m
	}
	return byID
}

// forAccount is a token with which the account can be looked after.
func (b *browser) forAccount(scope string) string {
	b.w.t.Helper()
	return b.tokens("scope", scope, "resource", "https://api.example.com").str("access_token")
}

// session is this browser's, as its owner sees it.
func (b *browser) session() map[string]any {
	b.w.t.Helper()
	for _, item := range b.w.own("GET", "/account/sessions", b.forAccount("read")).items("id") {
		if item["current"] == true {
			return item
		}
	}
	b.w.t.Fatal("no session is the current one")
	return nil
}

func TestSessions(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		b, phone, theirs := w.browser(), w.browser(), w.browser()
		token := b.forAccount("read write")
		w.clock.move(10 * time.Minute)
		onPhone := phone.forAccount("read")
		w.addPerson("else@example.com")
		theirs.signInAs(theirs.authorize(), "else@example.com")

		a := w.own("GET", "/account/sessions", token)
		list := a.items("id")
		if a.code != 200 || len(list) != 2 || a.header.Get("Cache-Control") != "no-store" || a.body["next_cursor"] != nil {
			t.Fatalf("%d %s", a.code, a.text)
		}
		mine, theirPhone := b.session(), phone.session()
		if mine["id"] == theirPhone["id"] || list[mine["id"].(string)]["current"] != true || list[theirPhone["id"].(string)]["current"] != false {
			t.Errorf("which is the current one: %v", list)
		}
		if mine["user_agent"] != "Go-http-client/1.1" || mine["address"] != "127.0.0.1" || mine["amr"].([]any)[0] != "pwd" {
			t.Errorf("%v", mine)
		}
		at := map[string]time.Time{}
		for _, name := range []string{"auth_time", "created_at", "last_seen_at", "expires_at"} {
			var err error
			if at[name], err = time.Parse(time.RFC3339, mine[name].(string)); err != nil || !strings.HasSuffix(mine[name].(string), "Z") {
				t.Errorf("%s: %v", name, mine[name])
			}
		}
		if !at["last_seen_at"].After(at["created_at"]) || !at["expires_at"].After(at["last_seen_at"]) || at["auth_time"].After(at["created_at"]) {
			t.Errorf("times: %v", at)
		}
		for name, tt := range map[string]struct {
			path string
			want int
		}{
			"somebody else's session":  {"/account/sessions/" + theirs.session()["id"].(string), 404},
			"a session that never was": {"/account/sessions/" + store.NewGrantID(), 404},
			"an id that is none":       {"/account/sessions/x%00y", 404},
			"the phone's":              {"/account/sessions/" + theirPhone["id"].(string), 204},
		} {
			if a := w.own("DELETE", tt.path, token); a.code != tt.want {
				t.Errorf("%s: %d %s", name, a.code, a.text)
			}
		}
		if a := w.own("DELETE", "/account/sessions/"+theirPhone["id"].(string), token); a.code != 404 {
			t.Errorf("ended twice: %d", a.code)
		}
		if phone.isSignedIn() || w.active(onPhone) || !b.isSignedIn() || !theirs.isSignedIn() {
			t.Error("the wrong session has ended")
		}
		phone.signIn(phone.authorize())
		if a := w.own("DELETE", "/account/sessions", token); a.code != 204 || phone.isSignedIn() || !b.isSignedIn() || !theirs.isSignedIn() || !w.active(token) {
			t.Errorf("all others: %d %s", a.code, a.text)
		}
		if a := w.own("DELETE", "/account/sessions/"+mine["id"].(string), token); a.code != 204 || b.isSignedIn() || w.active(token) {
			t.Errorf("its own: %d %s", a.code, a.text)
		}
	})
}

// TestSessionsRefusals has whose tokens do not do.
func TestSessionsRefusals(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		b := w.browser()
		id := b.session()["id"].(string)
		b.follow("POST", "/consent", url.Values{"ticket": {b.authorize("client_id", "partner").hidden(t, "ticket")}, "decision": {"allow"}})
		ended := b.tokens("resource", "https://api.example.com")
		w.post("/oauth2/revoke", "site", url.Values{"token": {ended.str("refresh_token")}})
		password := w.token("web", url.Values{"grant_type": {"password"}, "username": {email}, "password": {password}, "resource": {"https://api.example.com"}})
		for _, tt := range []struct {
			name, token string
			read, end   int
		}{
			{"none", "", 401, 401},
			{"garbage", "gth_at_x", 401, 401},
			{"ended", ended.str("access_token"), 401, 401},
			{"for other APIs too", b.tokens().str("access_token"), 401, 401},
			{"without write", b.forAccount("read"), 200, 403},
			{"without read", b.forAccount("write openid"), 403, 204},
			{"of a client's own", w.token("backend", url.Values{"grant_type": {"client_credentials"}, "scope": {"read"}}).str("access_token"), 401, 401},
			{"by password", password.str("access_token"), 200, 204},
		} {
			for _, path := range []string{"/account/sessions", "/account/consents"} {
				if a := w.own("GET", path, tt.token); a.code != tt.read || a.code == 401 && a.header.Get("WWW-Authenticate") == "" {
					t.Errorf("%s: GET %s: %d %s", tt.name, path, a.code, a.text)
				}
			}
			if tt.end == 204 { // tried where it does no harm: there is no such thing
				tt.end = 404
			}
			for _, path := range []string{"/account/sessions/" + store.NewGrantID(), "/account/consents/nobody"} {
				if a := w.own("DELETE", path, tt.token); a.code != tt.end {
					t.Errorf("%s: DELETE %s: %d %s", tt.name, path, a.code, a.text)
				}
			}
		}
		if a := w.own("DELETE", "/account/sessions", b.forAccount("read")); a.code != 403 || !b.isSignedIn() {
			t.Errorf("all others without write: %d", a.code)
		}
		for path, methods := range map[string]string{"/account/sessions": "GET, HEAD, DELETE", "/account/sessions/" + id: "DELETE", "/account/consents": "GET, HEAD", "/account/consents/x": "DELETE"} {
			if a := w.own("PATCH", path, ""); a.code != 405 || a.header.Get("Allow") != methods {
				t.Errorf("%s: %d %q", path, a.code, a.header.Get("Allow"))
			}
		}
		// All browsers' sessions end for who signed in by none.
		if a := w.own("DELETE", "/account/sessions", password.str("access_token")); a.code != 204 || b.isSignedIn() || !w.active(password.str("access_token")) {
			t.Errorf("by a token of no browser: %d %s", a.code, a.text)
		}
	})
}

func TestConsents(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		b := w.browser()
		token := b.forAccount("read write")
		allow := func() answer {
			a := b.authorize("client_id", "partner")
			if a.code == 200 {
				a = b.follow("POST", "/consent", url.Values{"ticket": {a.hidden(t, "ticket")}, "decision": {"allow"}})
			}
			return w.redeem("partner", a.arrival(t).Get("code"))
		}
		if a := w.own("GET", "/account/consents", token); a.code != 200 || len(a.items("client_id")) != 1 || a.items("client_id")["site"]["scope"] != "read write" || a.body["next_cursor"] != nil {
			t.Errorf("nothing yet: %d %s", a.code, a.text)
		}
		first := allow()
		code := b.authorize("client_id", "partner").arrival(t).Get("code")
		c := w.own("GET", "/account/consents", token).items("client_id")["partner"]
		if c["client_name"] != "A Partner" || c["scope"] != "openid profile email" || c["granted_at"] == nil {
			t.Errorf("%v", c)
		}
		w.addPerson("else@example.com")
		theirs := w.browser()
		theirs.signInAs(theirs.authorize(), "else@example.com")
		if a := w.own("DELETE", "/account/consents/partner", theirs.forAccount("read write")); a.code != 404 || !w.active(first.str("access_token")) {
			t.Errorf("by somebody else: %d %s", a.code, a.text)
		}
		if a := w.own("DELETE", "/account/consents/partner", token); a.code != 204 || w.active(first.str("access_token")) || !w.active(token) {
			t.Errorf("%d %s", a.code, a.text)
		}
		if a := w.own("DELETE", "/account/consents/partner", token); a.code != 404 {
			t.Errorf("again: %d", a.code)
		}
		if a := w.redeem("partner", code); a.str("error") != "invalid_grant" {
			t.Errorf("a code of before: %d %s", a.code, a.text)
		}
		if a := b.authorize("client_id", "partner"); a.code != 200 {
			t.Errorf("not asked again: %d", a.code)
		}
		allow()
		w.store.DisableClient(t.Context(), "partner", true)
		if c := w.own("GET", "/account/consents", token).items("client_id")["partner"]; c["client_name"] != "partner" {
			t.Errorf("of a client that is disabled: %v", c)
		}
	})
}

// TestFirstPartyClientsCanBeEnded: what nobody was asked about is listed, and
// ends, like the rest.
func TestFirstPartyClientsCanBeEnded(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		b := w.browser()
		offline := b.tokens("scope", openidScope)
		w.login("web")
		byPassword := w.login("web")
		if page := b.visit("GET", "/account", nil); !strings.Contains(page.text, "The Site") || strings.Count(page.text, `name="client_id" value="web"`) != 1 {
			t.Errorf("the page: %d %s", page.code, page.text)
		}
		token := w.browser().forAccount("read write")
		list := w.own("GET", "/account/consents", token).items("client_id")
		if c := list["site"]; len(list) != 2 || c["scope"] != "read write openid profile email offline_access" || !strings.HasSuffix(c["granted_at"].(string), "Z") {
			t.Errorf("%v", list)
		}
		if a := w.own("DELETE", "/account/consents/web", token); a.code != 204 || w.active(byPassword.str("access_token")) {
			t.Errorf("by password: %d %s", a.code, a.text)
		}
		if a := w.own("DELETE", "/account/consents/web", token); a.code != 404 {
			t.Errorf("again: %d", a.code)
		}
		code := b.code("scope", openidScope)
		if page := b.press("/account/revoke-application", "client_id", "site"); page.code != 200 || strings.Contains(page.text, `value="site"`) {
			t.Errorf("%d %s", page.code, page.text)
		}
		if w.active(offline.str("access_token")) || w.refresh("site", offline.str("refresh_token")).code == 200 || w.active(token) {
			t.Error("what the site had lives on")
		}
		if a := w.redeem("site", code); a.str("error") != "invalid_grant" {
			t.Errorf("a code of before: %d %s", a.code, a.text)
		}
	})
}

// TestImportedTokensCanBeEnded takes back what a client brought along.
func TestImportedTokensCanBeEnded(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		a := w.importTokens([]string{"bo@example.com"}, store.OldToken{Token: "one"}, store.OldToken{Token: "two"})
		if one := w.refresh("old-web", "one"); one.code != 200 {
			t.Fatalf("%d %s", one.code, one.text)
		}
		if err := w.store.WithdrawConsent(t.Context(), a[0].ID, "old-other"); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("another client: %v", err)
		}
		if err := w.store.WithdrawConsent(t.Context(), a[0].ID, "old-web"); err != nil {
			t.Fatal(err)
		}
		if two := w.refresh("old-web", "two"); two.str("error") != "invalid_grant" {
			t.Errorf("%d %s", two.code, two.text)
		}
	})
}

// TestSessionEndRace ends a session while a code of it is exchanged: what comes
// of the code ends with the session, or nothing comes of it.
func TestSessionEndRace(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		b, ender := w.browser(), w.browser()
		for range 20 {
			code, token, id := b.code(), ender.forAccount("read write"), b.session()["id"].(string)
			withdrawn := b.authorize("client_id", "partner")
			if withdrawn.code == 200 {
				withdrawn = b.follow("POST", "/consent", url.Values{"ticket": {withdrawn.hidden(t, "ticket")}, "decision": {"allow"}})
			}
			var redeemed, partners, end, withdraw answer
			var all sync.WaitGroup
			all.Go(func() { redeemed = w.redeem("site", code) })
			all.Go(func() { partners = w.redeem("partner", withdrawn.arrival(t).Get("code")) })
			all.Go(func() { end = w.own("DELETE", "/account/sessions/"+id, token) })
			all.Go(func() { withdraw = w.own("DELETE", "/account/consents/partner", token) })
			all.Wait()
			for name, a := range map[string]answer{"code": redeemed, "partner's code": partners} {
				if a.code != 200 && a.str("error") != "invalid_grant" {
					t.Errorf("%s: %d %s", name, a.code, a.text)
				}
				if a.code == 200 && w.active(a.str("access_token")) {
					t.Errorf("%s: what came of it lives on", name)
				}
			}
			if end.code != 204 || withdraw.code != 204 {
				t.Errorf("%d %d", end.code, withdraw.code)
			}
		}
		if n := w.count(`SELECT count(*) FROM grants g JOIN login_sessions s ON s.id = g.login_session_id WHERE s.ended_at IS NOT NULL AND g.revoked_at IS NULL`); n != 0 {
			t.Errorf("%d grants outlive their session", n)
		}
	})
}
