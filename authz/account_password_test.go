package authz

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"gatehouse/store"
)

// changes sends the form of /account/password.
func (b *browser) changes(old, password string) answer {
	b.w.t.Helper()
	return b.follow("POST", "/account/password", url.Values{"email": {email}, "old_password": {old}, "password": {password}})
}

// TestChangePasswordAtItsPage ends every session but this one, and nothing that
// the account has set up.
func TestChangePasswordAtItsPage(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		b, other := w.browser(), w.browser()
		here, there := b.tokens(), other.tokens()
		byPassword := w.login("web")
		if err := w.store.Consent(t.Context(), b.signedIn(), "partner", store.Words{"openid"}); err != nil {
			t.Fatal(err)
		}
		w.googleSignIn("1", "elsewhere@gmail.com", true, "")
		w.mails()
		if page := b.visit("GET", "/account/password", nil); page.code != 200 || page.header.Get("Cache-Control") != "no-store" || page.hidden(t, "email") != email {
			t.Fatalf("%d %s", page.code, page.text)
		}
		if page := b.changes(password, chosen); page.code != 200 || !strings.Contains(page.text, "Your password is changed") {
			t.Fatalf("%d %s", page.code, page.text)
		}
		if w.signsIn(email, password) || !w.signsIn(email, chosen) {
			t.Error("the new password and no other should sign in")
		}
		if !b.isSignedIn() || !w.active(here.str("access_token")) || w.refresh("site", here.str("refresh_token")).code != 200 {
			t.Error("what this browser has should go on")
		}
		if other.isSignedIn() || w.active(there.str("access_token")) || w.active(byPassword.str("access_token")) {
			t.Error("what others have should end")
		}
		if n := w.count(`SELECT count(*) FROM consents WHERE account_id = $1`, w.account.ID); n != 1 {
			t.Errorf("%d consents", n)
		}
		if m := w.mailTo(email); m.Subject != "Your password was changed" {
			t.Errorf("%+v", m)
		}
		if n := w.count(`SELECT count(*) FROM audit WHERE action = 'account.set_password' AND actor = $1`, w.account.ID); n != 1 {
			t.Errorf("%d on record", n)
		}
		if log := w.log.String(); strings.Contains(log, password) || strings.Contains(log, chosen) {
			t.Error("the log tells too much")
		}
	})
}

func TestChangePasswordRefusals(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		b := w.browser()
		b.signIn(b.visit("GET", "/signin", nil))
		for _, tt := range []struct {
			name, old, password, says string
			code                      int
		}{
			{"wrong old one", "wrong horse", chosen, "This is not your current password.", 422},
			{"no old one", "", chosen, "Enter your password.", 422},
			{"no new one", password, "", "aria-invalid", 422},
			{"too short", password, "short", "at least 8", 422},
			{"the address", password, email, "aria-invalid", 422},
			{"too long", strings.Repeat("x", 129), chosen, "Back to your account", 400},
			{"NUL", "\x00", chosen, "Back to your account", 400},
		} {
			if a := b.changes(tt.old, tt.password); a.code != tt.code || !strings.Contains(a.text, tt.says) || strings.Contains(a.text, chosen) {
				t.Errorf("%s: %d %s", tt.name, a.code, a.text)
			}
		}
		if !w.signsIn(email, password) || len(w.mails()) != 0 {
			t.Error("something was changed, or told")
		}
		if a := w.browser().changes(password, chosen); a.code != 200 || !strings.Contains(a.text, "<h1>Sign in") || !w.signsIn(email, password) {
			t.Errorf("nobody signed in: %d %s", a.code, a.text)
		}
		gone := w.browser()
		gone.signIn(gone.visit("GET", "/signin", nil))
		in := gone.signedIn()
		if _, err := w.store.EndLoginSessions(t.Context(), w.account.ID, ""); err != nil {
			t.Fatal(err)
		}
		if err := w.store.ChangePassword(t.Context(), in.Presence(), password, chosen, nil); err == nil {
			t.Error("a session that has ended changed the password")
		}
	})
}

// TestGuessesAtThePasswordAreCounted with those of signing in.
func TestGuessesAtThePasswordAreCounted(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		b := w.browser()
		b.signIn(b.visit("GET", "/signin", nil))
		for range testLimits.PasswordAccount.Max {
			if a := b.changes("wrong horse", chosen); a.code != 422 {
				t.Fatalf("%d %s", a.code, a.text)
			}
		}
		if a := b.changes(password, chosen); a.code != 429 || a.header.Get("Retry-After") == "" || !strings.Contains(a.text, "Try again in") {
			t.Errorf("%d %s", a.code, a.text)
		}
		if w.signsIn(email, password) {
			t.Error("guesses here are not counted there")
		}
		w.clock.move(31 * time.Minute)
		if a := b.changes(password, chosen); a.code != 200 || !w.signsIn(email, chosen) {
			t.Errorf("after the window: %d %s", a.code, a.text)
		}
	})
}

// TestPasswordOfWhoHasNone is set by mail, or not at all.
func TestPasswordOfWhoHasNone(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		b := w.browser()
		b.by("google", b.visit("GET", "/signin", nil), "ada@gmail.com")
		if page := b.visit("GET", "/account", nil); !strings.Contains(page.text, "Set a password") || strings.Contains(page.text, "/account/password") {
			t.Fatalf("%d %s", page.code, page.text)
		}
		if page := b.visit("GET", "/forgot", nil); page.code != 200 || !strings.Contains(page.text, `value="ada@gmail.com"`) {
			t.Errorf("%d %s", page.code, page.text)
		}
		if a := b.visit("GET", "/account/password", nil); a.code != 303 || a.header.Get("Location") != "/account" {
			t.Errorf("%d to %q", a.code, a.header.Get("Location"))
		}
		if a := b.changes("", chosen); a.code != 422 || w.signsIn("ada@gmail.com", chosen) {
			t.Errorf("%d %s", a.code, a.text)
		}
		if a := b.changes("!", chosen); a.code != 422 || w.signsIn("ada@gmail.com", chosen) {
			t.Errorf("%d %s", a.code, a.text)
		}
		if page := w.browser().visit("GET", "/forgot", nil); strings.Contains(page.text, "@gmail.com") {
			t.Errorf("nobody signed in: %s", page.text)
		}
	})
}

// TestErrorPagesLeadOn holds that there is a way on from what a person can mend.
func TestErrorPagesLeadOn(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		b := w.browser()
		for range 2 { // the second time Facebook is to ask anew, and that is fresh
			b.by("facebook", b.visit("GET", "/signin", nil), "fay@example.com")
		}
		identity, _, ok := strings.Cut(strings.SplitN(b.visit("GET", "/account", nil).text, `action="/account/unlink"><input type="hidden" name="id" value="`, 2)[1], `"`)
		if !ok {
			t.Fatal("no form to unlink")
		}
		for name, tt := range map[string]struct {
			got  answer
			next string
		}{
			"only way in":     {b.press("/account/unlink", "id", identity), "/account"},
			"no identity":     {b.press("/account/unlink", "x", "y"), "/account"},
			"no provider":     {b.press("/account/link", "provider", "nobody"), "/account"},
			"reset":           {w.browser().visit("GET", "/reset?token=x", nil), "/forgot"},
			"sign-up":         {w.browser().visit("GET", "/verify?token=x", nil), "/signup"},
			"verification":    {b.visit("GET", "/verify?token=x", nil), "/account"},
			"reset, the form": {w.browser().visit("POST", "/reset", url.Values{"token": {"x"}}), "/forgot"},
		} {
			if tt.got.code < 400 || !strings.Contains(tt.got.text, `class="button primary" href="`+tt.next+`"`) {
				t.Errorf("%s: %d %s", name, tt.got.code, tt.got.text)
			}
			if only := name == "only way in"; only && strings.Contains(tt.got.text, "For the developer") {
				t.Errorf("%s: %s", name, tt.got.text)
			}
		}
	})
}

func TestIssuerLeadsToTheAccount(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		if a := w.browser().visit("GET", "/", nil); a.code != 303 || a.header.Get("Location") != "/account" {
			t.Errorf("%d to %q", a.code, a.header.Get("Location"))
		}
	})
}
