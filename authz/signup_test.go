package authz

import (
	"context"
	"net/url"
	"strings"
	"testing"

	"gatehouse/store"
)

// TestSignUp goes all the way from a client that nobody knows the person at.
func TestSignUp(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := context.Background()
		b := w.browser()
		page := b.visit("GET", hrefTo(t, b.authorize(), "/signup"), nil)
		if page.code != 200 || !strings.Contains(page.text, "The Site") {
			t.Fatalf("%d %s", page.code, page.text)
		}
		told := b.visit("POST", "/signup", signUpForm("ticket", page.hidden(t, "ticket")))
		if told.code != 200 || !strings.Contains(told.text, newcomerEmail) {
			t.Fatalf("%d %s", told.code, told.text)
		}
		if _, err := w.store.AccountByEmail(ctx, newcomerEmail); err != store.ErrNotFound {
			t.Fatalf("an account before the link was used: %v", err)
		}
		target, token := w.mailTo(newcomerEmail).link(t)
		for range 2 { // as mail scanners do
			if a := b.visit("GET", target, nil); a.code != 200 || !strings.Contains(a.text, "Confirm this address") || a.header.Get("Referrer-Policy") == "" {
				t.Fatalf("%d %s", a.code, a.text)
			}
		}
		got := b.follow("POST", "/verify", url.Values{"token": {token}}).arrival(t)
		if got.Get("state") != "a state" || got.Get("code") == "" {
			t.Fatalf("%v", got)
		}
		tokens := w.redeem("site", got.Get("code"))
		me := w.post("/oauth2/userinfo", "", url.Values{"access_token": {tokens.str("access_token")}})
		if me.str("email") != newcomerEmail || me.body["email_verified"] != true || me.str("given_name") != "New" || me.str("preferred_username") != "New.Comer" {
			t.Errorf("%d %s", me.code, me.text)
		}
		if !w.signsIn(newcomerEmail, "typed at the sign-up") {
			t.Error("the password does not sign in")
		}
		if n := w.count(`SELECT count(*) FROM audit WHERE action = 'account.create' AND target = $1`, me.str("sub")); n != 1 {
			t.Errorf("%d audit rows", n)
		}
		if log := w.log.String(); strings.Contains(log, token[7:]) || strings.Contains(log, "Comer") || strings.Contains(log, "typed at") {
			t.Error("the log tells too much")
		}
	})
}

// hrefTo is the address of the page's link that begins with this path.
func hrefTo(t *testing.T, a answer, path string) string {
	t.Helper()
	_, rest, ok := strings.Cut(a.text, `href="`+path)
	end := strings.IndexByte(rest, '"')
	if !ok || end < 0 {
		t.Fatalf("no link to %s: %s", path, a.text)
	}
	return path + strings.ReplaceAll(rest[:end], "&amp;", "&")
}

// TestSignUpElsewhere opens the link in another browser: whoever typed the
// password may not be whose address it is.
func TestSignUpElsewhere(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		attacker := w.browser()
		page := attacker.visit("GET", hrefTo(t, attacker.authorize(), "/signup"), nil)
		target, token := attacker.askSignUp("ticket", page.hidden(t, "ticket"))
		owner := w.browser()
		owner.cookies[cookieBrowser] = "planted"
		form := url.Values{"token": {token}}
		for name, a := range map[string]answer{"opened": owner.visit("GET", target, nil), "confirmed": owner.visit("POST", "/verify", form)} {
			if a.code != 200 || a.hidden(t, "token") != token || !strings.Contains(a.text, "another browser") || strings.Contains(a.text, "signs you out") {
				t.Fatalf("%s: %d %s", name, a.code, a.text)
			}
		}
		for _, weak := range []string{"short", "password123", "new.comer"} {
			form.Set("password", weak)
			if a := owner.visit("POST", "/verify", form); a.code != 422 || a.hidden(t, "token") != token {
				t.Errorf("%q: %d %s", weak, a.code, a.text)
			}
		}
		form.Set("password", chosen)
		if a := owner.visit("POST", "/verify", form); !a.enteredAccount() {
			t.Fatalf("%d to %q, want this server's own page and not the attacker's application", a.code, a.header.Get("Location"))
		}
		account, err := w.store.AccountByEmail(context.Background(), newcomerEmail)
		if err != nil || account.EmailState != store.EmailProven || !owner.signedInAs(account.ID) || attacker.signedInAs(account.ID) {
			t.Errorf("%+v, %v", account, err)
		}
		if w.signsIn(newcomerEmail, "typed at the sign-up") || !w.signsIn(newcomerEmail, chosen) {
			t.Error("the password is not the one that was chosen last")
		}
	})
}

func TestSignUpChecksWhatWasTyped(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		for _, tt := range []struct{ name, field, value, id string }{
			{"no address", "email", "", "email"},
			{"no address at all", "email", "x", "email"},
			{"no name", "first_name", "", "first_name"},
			{"a long name", "last_name", strings.Repeat("x", 151), "last_name"},
			{"a bad name", "first_name", "a\u202eb", "first_name"},
			{"a short password", "password", "short", "password"},
			{"the address as password", "password", newcomerEmail, "password"},
			{"the username as password", "password", "New.Comer", "password"},
		} {
			a := w.browser().visit("POST", "/signup", signUpForm(tt.field, tt.value))
			if a.code != 422 || !strings.Contains(a.text, `id="`+tt.id+`-problem"`) {
				t.Errorf("%s: %d %s", tt.name, a.code, a.text)
			}
			if strings.Contains(a.text, "username-problem") || strings.Contains(a.text, "#username") || strings.Contains(a.text, "typed at the sign-up") {
				t.Errorf("%s: %s", tt.name, a.text)
			}
		}
		if a := w.browser().visit("POST", "/signup", signUpForm("ticket", "x")); a.code != 400 {
			t.Errorf("a ticket of nobody's: %d", a.code)
		}
		if n := len(w.mails()); n != 0 {
			t.Errorf("%d mails", n)
		}
	})
}

func TestSignUpOfATakenAddress(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		b := w.browser()
		b.visit("POST", "/signup", signUpForm("email", strings.ToUpper(email)))
		list := w.mails()
		if len(list) != 1 || list[0].To != strings.ToUpper(email) || tokenInMail.MatchString(list[0].Text) ||
			!strings.Contains(list[0].Text, "https://id.example.com/signin\n") || !strings.Contains(list[0].Text, "https://id.example.com/forgot\n") {
			t.Fatalf("%+v", list)
		}
		_, token := b.askSignUp()
		w.addPerson(newcomerEmail)
		for range 2 {
			a := b.visit("POST", "/verify", url.Values{"token": {token}})
			if a.code != 409 || !strings.Contains(a.text, "There is an account with this address") || !strings.Contains(a.text, `action="/signin"`) {
				t.Errorf("%d %s", a.code, a.text)
			}
		}
		if !w.signsIn(newcomerEmail, password) {
			t.Error("the account changed")
		}
	})
}
