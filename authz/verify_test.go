package authz

import (
	"context"
	"net/url"
	"strings"
	"testing"
	"time"

	"gatehouse/social/socialtest"
	"gatehouse/store"
)

func (w *world) emailState(id string) string {
	w.t.Helper()
	a, err := w.store.Account(context.Background(), id)
	if err != nil {
		w.t.Fatal(err)
	}
	return a.EmailState
}

// TestVerificationInItsSession proves the address, and nothing else ends.
func TestVerificationInItsSession(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		tokens := w.login("web")
		b := w.browser()
		if a := b.visit("POST", "/account/verify-email", url.Values{}); a.code != 303 || a.header.Get("Location") != "/signin" {
			t.Errorf("nobody signed in: %d to %q", a.code, a.header.Get("Location"))
		}
		b.signIn(b.visit("GET", "/signin", nil))
		target, token := b.askVerify()
		if a := b.visit("GET", target, nil); a.code != 200 || !strings.Contains(a.text, "Confirm this address") {
			t.Fatalf("%d %s", a.code, a.text)
		}
		if w.emailState(w.account.ID) != store.EmailUnproven {
			t.Fatal("opening the page proves the address")
		}
		if a := b.follow("POST", "/verify", url.Values{"token": {token}}); a.code != 200 || !strings.Contains(a.text, "Your address is confirmed.") {
			t.Fatalf("%d %s", a.code, a.text)
		}
		if w.emailState(w.account.ID) != store.EmailProven || !b.signedInAs(w.account.ID) || !w.active(tokens.str("access_token")) || !w.signsIn(email, password) {
			t.Error("proving the address in its session should end nothing")
		}
		if a := b.visit("POST", "/account/verify-email", url.Values{}); !a.enteredAccount() || len(w.mails()) != 0 {
			t.Errorf("once more, proven: %d", a.code)
		}
	})
}

func TestVerificationIsLimited(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		b := w.browser()
		b.signIn(b.visit("GET", "/signin", nil))
		for range 5 {
			b.askVerify()
		}
		if a := b.visit("POST", "/account/verify-email", url.Values{}); a.code != 429 || len(w.mails()) != 0 {
			t.Errorf("the sixth in an hour: %d", a.code)
		}
		w.clock.move(2 * time.Hour)
		b.askVerify()
	})
}

// TestVerificationElsewhere opens the link outside of the session that asked,
// which then has to be somebody else's.
func TestVerificationElsewhere(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		attacker := w.browser()
		attacker.signIn(attacker.visit("GET", "/signin", nil))
		target, token := attacker.askVerify()
		w.addPerson("else@example.com")
		other := w.browser()
		other.signInAs(other.visit("GET", "/signin", nil), "else@example.com")
		for name, b := range map[string]*browser{"nobody": w.browser(), "somebody else": other} {
			if a := b.visit("GET", target, nil); a.code != 200 || !strings.Contains(a.text, "another browser") || !strings.Contains(a.text, "signs you out") {
				t.Errorf("%s: %d %s", name, a.code, a.text)
			}
			if a := b.visit("POST", "/verify", url.Values{"token": {token}}); a.code != 200 || !strings.Contains(a.text, "another browser") {
				t.Errorf("%s: %d %s", name, a.code, a.text)
			}
		}
		if w.emailState(w.account.ID) != store.EmailUnproven {
			t.Error("proven without a password")
		}
		owner := w.browser()
		if a := owner.visit("POST", "/verify", url.Values{"token": {token}, "password": {chosen}}); !a.enteredAccount() {
			t.Fatalf("%d %s", a.code, a.text)
		}
		if w.emailState(w.account.ID) != store.EmailProven || !owner.signedInAs(w.account.ID) || attacker.signedInAs(w.account.ID) ||
			w.signsIn(email, password) || !w.signsIn(email, chosen) {
			t.Error("what was set up before should have ended")
		}
	})
}

// TestOwnersAreToldOfSignIns reads the mails of linking, joining and claiming.
func TestOwnersAreToldOfSignIns(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		token := w.passwordToken("web", apiAlone).str("access_token")
		idToken := w.google(socialtest.TokenOptions{Sub: "1", Email: "elsewhere@example.com"}).IDToken
		for _, want := range []int{201, 200} {
			if a := w.linkWith(token, idToken); a.code != want {
				t.Fatalf("%d %s", a.code, a.text)
			}
		}
		told := func(name, address, words string) {
			t.Helper()
			m := w.mailTo(address)
			if !strings.Contains(m.Text, "Google") || !strings.Contains(m.Text, words) || !strings.Contains(m.Text, "https://id.example.com/forgot\n") {
				t.Errorf("%s: %s", name, m.Text)
			}
		}
		told("linked", email, "linked")
		w.signUp("proven@gmail.com", store.EmailProven, 1)
		w.googleSignIn("2", "Proven@gmail.com", true, "")
		told("joined", "proven@gmail.com", "linked")
		w.signUp("planted@gmail.com", store.EmailUnproven, 1)
		w.googleSignIn("3", "planted@gmail.com", true, "")
		told("claimed", "planted@gmail.com", "nobody had confirmed")
		w.googleSignIn("3", "planted@gmail.com", true, "")
		w.googleSignIn("4", "fresh@gmail.com", true, "")
		if list := w.mails(); len(list) != 0 {
			t.Errorf("of sign-ins that change nothing: %+v", list)
		}
	})
}
