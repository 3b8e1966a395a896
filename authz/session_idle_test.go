package authz

import (
	"testing"
	"time"

	"gatehouse/store"
)

// purge is what the store does from time to time.
func (w *world) purge() {
	w.t.Helper()
	if _, err := w.store.Purge(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
}

// TestIdleSessionEndsItsGrants: what was not allowed offline is gone with the
// session, whether or not anybody has ended that.
func TestIdleSessionEndsItsGrants(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		b := w.browser()
		online, offline := b.tokens(), b.tokens("scope", openidScope)
		phone := w.browser().tokens()
		w.clock.move(4 * 24 * time.Hour)
		if phone = w.refresh("site", phone.str("refresh_token")); phone.code != 200 {
			t.Fatalf("%d %s", phone.code, phone.text)
		}
		w.clock.move(4 * 24 * time.Hour)
		w.purge()
		if a := w.refresh("site", online.str("refresh_token")); a.str("error") != "invalid_grant" {
			t.Errorf("online: %d %s", a.code, a.text)
		}
		if a := w.refresh("site", offline.str("refresh_token")); a.code != 200 {
			t.Errorf("offline: %d %s", a.code, a.text)
		}
		if a := w.refresh("site", phone.str("refresh_token")); a.code != 200 || !w.active(a.str("access_token")) {
			t.Errorf("of a session with a client at work: %d %s", a.code, a.text)
		}
		if n := w.count(`SELECT count(*) FROM login_sessions`); n != 1 {
			t.Errorf("%d sessions left", n)
		}
	})
}

// TestRefreshKeepsItsSession: while a client is at work the session does not go
// idle, and yet it ends.
func TestRefreshKeepsItsSession(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		const day = 24 * time.Hour
		for _, tt := range []struct {
			name, scope    string
			rotated        bool
			kept, outlives bool
		}{
			{"rotated", "openid", true, true, false},
			{"not rotated", "openid", false, true, false},
			{"offline", openidScope, true, false, true},
			{"offline, not rotated", openidScope, false, false, true},
		} {
			w.setClient("site", func(c *clientRow) { c.RotateRefresh = tt.rotated })
			b := w.browser()
			a := b.tokens("scope", tt.scope)
			id := b.signedIn().ID
			alive := func() bool { return w.count(`SELECT count(*) FROM login_sessions WHERE id = $1`, id) == 1 }
			for n := range 4 {
				w.clock.move(6 * day)
				w.purge()
				if (n == 0 || tt.kept) != alive() {
					t.Errorf("%s: after %d days alive: %t", tt.name, 6*(n+1), alive())
				}
				if a = w.refresh("site", a.str("refresh_token")); a.code != 200 {
					t.Fatalf("%s: %d %s", tt.name, a.code, a.text)
				}
			}
			w.clock.move(6*day + time.Minute)
			w.purge()
			if a = w.refresh("site", a.str("refresh_token")); alive() || (a.code == 200) != tt.outlives {
				t.Errorf("%s: when its time is over: %d %s", tt.name, a.code, a.text)
			}
		}
	})
}

// TestEndingAllEndsWhatHasNoSession: a grant whose session is gone is one of the
// others.
func TestEndingAllEndsWhatHasNoSession(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		b, here := w.browser(), w.browser()
		online, offline, mine := b.tokens(), b.tokens("scope", openidScope), here.forAccount("read write")
		w.tamper(`DELETE FROM login_sessions WHERE id = '` + b.signedIn().ID + `'`)
		if a := w.own("DELETE", "/account/sessions", mine); a.code != 204 || w.active(online.str("access_token")) {
			t.Errorf("%d %s", a.code, a.text)
		}
		if !w.active(offline.str("access_token")) || !w.active(mine) {
			t.Error("too much has ended")
		}
	})
}

// TestSessionsOfAnAccountAreFew has somebody who signs in without end.
func TestSessionsOfAnAccountAreFew(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		first, second := w.browser(), w.browser()
		ended, lives, offline := first.tokens(), second.tokens(), first.tokens("scope", openidScope)
		w.clock.move(2 * time.Minute)
		second.authorize() // used since
		account, err := w.store.Account(t.Context(), w.account.ID)
		if err != nil {
			t.Fatal(err)
		}
		for range 99 {
			w.clock.move(time.Second)
			_, err := w.store.OpenLoginSession(w.store.Begin(t.Context()), store.NewLoginSession{Account: account, Signature: w.server.keys.mint(sessionCookie).signature,
				AuthTime: w.store.Now(), AMR: store.Words{"pwd"}, Life: w.server.cfg.SessionLife})
			if err != nil {
				t.Fatal(err)
			}
		}
		if n := w.count(`SELECT count(*) FROM login_sessions WHERE ended_at IS NULL`); n != 100 {
			t.Errorf("%d sessions", n)
		}
		if first.isSignedIn() || w.active(ended.str("access_token")) {
			t.Error("the one that was used longest ago lives on")
		}
		if !second.isSignedIn() || !w.active(lives.str("access_token")) || !w.active(offline.str("access_token")) {
			t.Error("another one has ended")
		}
	})
}

// TestUnspentCodesAreNotKept: only of a code that was exchanged can a second use
// be told.
func TestUnspentCodesAreNotKept(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		b := w.browser()
		b.code()
		spent := b.code()
		a := w.redeem("site", spent)
		w.clock.move(codeLife + time.Minute)
		w.purge()
		if n := w.count(`SELECT count(*) FROM codes`); n != 1 {
			t.Errorf("%d codes are kept", n)
		}
		w.clock.move(10 * time.Minute)
		w.purge()
		if again := w.redeem("site", spent); again.str("error") != "invalid_grant" || w.active(a.str("access_token")) {
			t.Errorf("used again: %d %s", again.code, again.text)
		}
		w.clock.move(24 * time.Hour)
		w.purge()
		if n := w.count(`SELECT count(*) FROM codes`); n != 0 {
			t.Errorf("%d codes are kept for good", n)
		}
	})
}
