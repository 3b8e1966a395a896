package authz

import (
	"context"
	"net/url"
	"strings"
	"testing"

	"gatehouse/social/socialtest"
	"gatehouse/store"
)

// TestReset goes from a client to the page, the mail, and back to the client.
func TestReset(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		b := w.browser()
		page := b.visit("GET", hrefTo(t, b.authorize(), "/forgot"), nil)
		if a := b.visit("POST", "/forgot", url.Values{"ticket": {page.hidden(t, "ticket")}, "email": {" " + strings.ToLower(email) + " "}}); a.code != 200 {
			t.Fatalf("%d %s", a.code, a.text)
		}
		target, token := w.mailTo(email).link(t)
		for range 2 {
			if a := b.visit("GET", target, nil); a.code != 200 || a.hidden(t, "token") != token || strings.Contains(a.text, "another browser") {
				t.Fatalf("%d %s", a.code, a.text)
			}
		}
		if a := b.visit("POST", "/reset", url.Values{"token": {token}}); a.code != 422 || !w.signsIn(email, password) {
			t.Errorf("without a password: %d", a.code)
		}
		got := b.follow("POST", "/reset", url.Values{"token": {token}, "password": {chosen}}).arrival(t)
		if got.Get("code") == "" || got.Get("state") != "a state" {
			t.Fatalf("%v", got)
		}
		if w.signsIn(email, password) || !w.signsIn(email, chosen) || w.emailState(w.account.ID) != store.EmailProven {
			t.Error("the new password and no other should sign in, and the address is proven")
		}
		if m := w.mailTo(email); !strings.Contains(m.Subject, "password") || tokenInMail.MatchString(m.Text) {
			t.Errorf("%+v", m)
		}
		if n := w.count(`SELECT count(*) FROM audit WHERE action = 'account.recover' AND target = $1`, w.account.ID); n != 1 {
			t.Errorf("%d audit rows", n)
		}
		if log := w.log.String(); strings.Contains(log, token[7:]) || strings.Contains(log, chosen) {
			t.Error("the log tells too much")
		}
	})
}

// TestResetElsewhere does not take whoever opens the link to the application of
// who asked for it.
func TestResetElsewhere(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		attacker := w.browser()
		page := attacker.visit("GET", hrefTo(t, attacker.authorize(), "/forgot"), nil)
		attacker.visit("POST", "/forgot", url.Values{"ticket": {page.hidden(t, "ticket")}, "email": {email}})
		_, token := w.mailTo(email).link(t)
		owner := w.browser()
		if a := owner.visit("POST", "/reset", url.Values{"token": {token}, "password": {chosen}}); !a.enteredAccount() || !owner.signedInAs(w.account.ID) {
			t.Errorf("%d to %q", a.code, a.header.Get("Location"))
		}
	})
}

// TestResetLinksEndWithWhatTheyAreFor tells what a link does not outlive.
func TestResetLinksEndWithWhatTheyAreFor(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := context.Background()
		for name, end := range map[string]func(*store.Account) error{
			"password change": func(a *store.Account) error { return w.store.SetPassword(ctx, a.ID, chosen) },
			"deactivation":    func(a *store.Account) error { return w.store.Deactivate(ctx, a.ID) },
			"deactivation, and back": func(a *store.Account) error {
				if err := w.store.Deactivate(ctx, a.ID); err != nil {
					return err
				}
				return w.store.Reactivate(ctx, a.ID)
			},
			"deletion": func(a *store.Account) error { return w.store.DeleteAccount(ctx, a.ID, "cli") },
			"claim":    func(a *store.Account) error { w.googleSignIn(a.ID, a.Email, true, ""); w.mails(); return nil },
		} {
			a := w.addPerson(strings.ReplaceAll(strings.ReplaceAll(name, " ", "-"), ",", "") + "@gmail.com")
			_, token := w.browser().askReset(a.Email)
			if err := end(a); err != nil {
				t.Fatal(err)
			}
			got := w.browser().visit("POST", "/reset", url.Values{"token": {token}, "password": {"another password, too late"}})
			if got.code != 400 || w.signsIn(a.Email, "another password, too late") {
				t.Errorf("after %s: %d %s", name, got.code, got.text)
			}
		}
	})
}

// TestResetGivesAWayIn is for accounts without a password, and for those of
// superusers.
func TestResetGivesAWayIn(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		if _, err := w.store.CreateSuperuser(context.Background(), store.NewAccount{Email: "root@example.com", Username: "r", FirstName: "R", Password: password}); err != nil {
			t.Fatal(err)
		}
		w.googleSignIn("1", "federated@gmail.com", true, "")
		for _, address := range []string{"root@example.com", "federated@gmail.com"} {
			_, token := w.browser().askReset(address)
			if a := w.browser().visit("POST", "/reset", url.Values{"token": {token}, "password": {chosen}}); !a.enteredAccount() || !w.signsIn(address, chosen) {
				t.Errorf("%s: %d %s", address, a.code, a.text)
			}
			w.mails()
		}
		if w.browser().visit("POST", "/forgot", url.Values{"email": {"no address"}}).code != 422 {
			t.Error("what is no address is taken for one")
		}
	})
}

// TestResetEndsWhatAnAttackerSetUp plants an account for somebody else's
// address, with every way back in that there is.
func TestResetEndsWhatAnAttackerSetUp(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := context.Background()
		const victim = "victim@example.com"
		planted := w.addPerson(victim)
		attacker := w.browser()
		attacker.signInAs(attacker.visit("GET", "/signin", nil), victim)
		_, verification := func() (string, string) {
			attacker.visit("POST", "/account/verify-email", url.Values{})
			return w.mailTo(victim).link(t)
		}()
		waiting := attacker.authorize().arrival(t).Get("code")
		byCode := w.redeem("site", attacker.code())
		byPassword := w.token("web", url.Values{"grant_type": {"password"}, "username": {victim}, "password": {password}, "audience": {"https://api.example.com"}})
		if a := w.linkWith(byPassword.str("access_token"), w.google(socialtest.TokenOptions{Sub: "attacker", Email: "attacker@gmail.com"}).IDToken); a.code != 201 {
			t.Fatalf("%d %s", a.code, a.text)
		}
		byGoogle := w.googleSignIn("attacker", "attacker@gmail.com", true, "")
		child := w.exchange("web", byPassword.str("access_token"), typeAccessToken, "")
		consents := func() int { return w.count(`SELECT count(*) FROM consents WHERE account_id = $1`, planted.ID) }
		if err := w.store.Consent(ctx, attacker.signedIn(), "partner", store.Words{"openid"}); err != nil {
			t.Fatal(err)
		}
		w.mails()
		tokens := map[string]answer{"code": byCode, "password": byPassword, "Google": byGoogle, "exchange": child}
		for name, a := range tokens {
			if !w.active(a.str("access_token")) {
				t.Fatalf("%s: %d %s", name, a.code, a.text)
			}
		}

		owner := w.browser()
		_, token := owner.askReset(victim)
		if a := owner.visit("POST", "/reset", url.Values{"token": {token}, "password": {chosen}}); !a.enteredAccount() {
			t.Fatalf("%d %s", a.code, a.text)
		}
		for name, a := range tokens {
			if w.active(a.str("access_token")) {
				t.Errorf("the token by %s lives on", name)
			}
			if refresh := a.str("refresh_token"); refresh != "" && (w.refresh("site", refresh).code == 200 || w.refresh("web", refresh).code == 200) {
				t.Errorf("the refresh token by %s lives on", name)
			}
		}
		if a := w.redeem("site", waiting); a.code != 400 {
			t.Errorf("the code that waited: %d %s", a.code, a.text)
		}
		if a := w.googleSignIn("attacker", "attacker@gmail.com", true, ""); w.introspect(a.str("access_token")).str("sub") == planted.ID {
			t.Error("the attacker's Google signs in")
		}
		if a := attacker.visit("POST", "/verify", url.Values{"token": {verification}}); a.code != 400 {
			t.Errorf("the link of before: %d", a.code)
		}
		if attacker.signedInAs(planted.ID) || w.signsIn(victim, password) || consents() != 0 {
			t.Error("a session, the password or a consent lives on")
		}
		if !owner.signedInAs(planted.ID) || !w.signsIn(victim, chosen) {
			t.Error("the owner is not signed in")
		}
	})
}
