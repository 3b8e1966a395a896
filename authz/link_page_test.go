package authz

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"gatehouse/store"
)

const bossEmail = "boss@company.example" // at Google, which is not the authority for it

// linkRequired is a browser that has shown the identity of somebody who has an
// account here: it is back at the sign-in page, on the way to a client.
func (w *world) linkRequired() (*browser, answer, *store.Account) {
	w.t.Helper()
	account, err := w.store.AccountByEmail(context.Background(), bossEmail)
	if err != nil {
		account = w.signUp(bossEmail, store.EmailProven, 0)
	}
	b := w.browser()
	page := b.by("google", b.authorize(), bossEmail)
	if page.code != 200 || !strings.Contains(page.text, "from then on <bdi>Google</bdi> works too") || b.cookies[cookieSession] != "" {
		w.t.Fatalf("%d %s", page.code, page.text)
	}
	return b, page, account
}

func (b *browser) decide(page answer, decision string) answer {
	b.w.t.Helper()
	return b.follow("POST", "/link", url.Values{"ticket": {page.hidden(b.w.t, "ticket")}, "decision": {decision}})
}

func (w *world) identitiesOf(accountID string) int {
	w.t.Helper()
	return w.count(`SELECT count(*) FROM identities WHERE account_id = $1`, accountID)
}

func TestLinkAfterSigningInAsBefore(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		b, page, account := w.linkRequired()
		if !strings.Contains(page.text, `value="`+bossEmail+`"`) || !strings.Contains(page.text, "The Site") {
			t.Errorf("the sign-in page: %s", page.text)
		}
		wrong := b.follow("POST", "/signin", url.Values{"ticket": {page.hidden(t, "ticket")}, "email": {bossEmail}, "password": {"no"}})
		if wrong.code != 422 || !strings.Contains(wrong.text, "works too") {
			t.Errorf("wrong password: %d %s", wrong.code, wrong.text)
		}
		ask := b.signInAs(wrong, bossEmail)
		if ask.code != 200 || !strings.Contains(ask.text, "Link <bdi>Google</bdi>?") || strings.Count(ask.text, bossEmail) < 2 {
			t.Fatalf("%d %s", ask.code, ask.text)
		}
		if n := w.identitiesOf(account.ID); n != 0 {
			t.Fatalf("%d are linked unasked", n)
		}
		if got := b.decide(ask, "allow").arrival(t); got.Get("code") == "" || got.Get("state") != "a state" {
			t.Errorf("%v", got)
		}
		if n := w.identitiesOf(account.ID); n != 1 || b.cookies[cookieLink] != "" {
			t.Errorf("%d are linked, cookies %v", n, b.cookies)
		}
		b = w.browser()
		got := b.by("google", b.authorize(), bossEmail).arrival(t)
		token := w.redeem("site", got.Get("code")).str("access_token")
		if sub := w.introspect(token).str("sub"); sub != account.ID {
			t.Errorf("signed in as %s", sub)
		}
		if n := w.count(`SELECT count(*) FROM audit WHERE action = 'identity.link' AND target = $1`, account.ID); n != 1 {
			t.Errorf("%d records", n)
		}
	})
}

func TestLinkDenied(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		b, page, account := w.linkRequired()
		if got := b.decide(b.signInAs(page, bossEmail), "deny").arrival(t); got.Get("code") == "" {
			t.Errorf("%v", got)
		}
		if n := w.identitiesOf(account.ID); n != 0 || b.cookies[cookieLink] != "" {
			t.Errorf("%d are linked, cookies %v", n, b.cookies)
		}
	})
}

// TestLinkAfterAnotherProvider: the old way in may be a provider too, and the
// account another one.
func TestLinkAfterAnotherProvider(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		b, page, _ := w.linkRequired()
		ask := b.by("facebook", page, "")
		if ask.code == 200 {
			t.Fatalf("declined, and yet asked: %s", ask.text)
		}
		ask = b.by("facebook", ask, graceEmail)
		if !strings.Contains(ask.text, "Link <bdi>Google</bdi>?") {
			t.Fatalf("%d %s", ask.code, ask.text)
		}
		if got := b.decide(ask, "allow").arrival(t); got.Get("code") == "" {
			t.Errorf("%v", got)
		}
		if n := w.count(`SELECT count(DISTINCT account_id) FROM identities`); n != 1 || w.count(`SELECT count(*) FROM identities`) != 2 {
			t.Errorf("%d accounts", n)
		}
	})
}

// TestPendingLinkIsItsBrowsers: somebody who is led to sign in with another's
// ticket does not let the other in.
func TestPendingLinkIsItsBrowsers(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		attacker, page, _ := w.linkRequired()
		ticketOf := url.Values{"ticket": {page.hidden(t, "ticket")}}
		for name, plant := range map[string]string{"without a cookie": "", "with another one": "AAAAAAAAAAAAAAAAAAAAAAAAAA"} {
			victim := w.browser()
			if plant != "" {
				victim.cookies[cookieLink] = plant
			}
			led := victim.visit("GET", "/signin?"+ticketOf.Encode(), nil)
			if led.code != 200 || strings.Contains(led.text, "works too") {
				t.Errorf("%s: %d %s", name, led.code, led.text)
			}
			for _, page := range []answer{led, page} { // theirs, and the attacker's own form
				if got := victim.signInAs(page, email).arrival(t); got.Get("code") == "" {
					t.Errorf("%s: %v", name, got)
				}
			}
			if got := victim.follow("GET", "/link?"+ticketOf.Encode(), nil).arrival(t); got.Get("code") == "" {
				t.Errorf("%s: %v", name, got)
			}
			if got := victim.follow("POST", "/link", url.Values{"ticket": ticketOf["ticket"], "decision": {"allow"}}).arrival(t); got.Get("code") == "" {
				t.Errorf("%s: %v", name, got)
			}
		}
		if n := w.identitiesOf(w.account.ID); n != 0 {
			t.Errorf("%d are linked", n)
		}
		_ = attacker
	})
}

// TestLinkIsAsked of the very session that is there, which is fresh.
func TestLinkIsAsked(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		b, page, account := w.linkRequired()
		path := "/link?" + url.Values{"ticket": {page.hidden(t, "ticket")}}.Encode()
		allow := url.Values{"ticket": {page.hidden(t, "ticket")}, "decision": {"allow"}}
		if a := b.follow("GET", path, nil); a.code != 200 || !strings.Contains(a.text, `name="password"`) {
			t.Errorf("nobody is signed in: %d %s", a.code, a.text)
		}
		if a := b.follow("POST", "/link", allow); a.code != 200 || !strings.Contains(a.text, `name="password"`) {
			t.Errorf("nobody is signed in: %d %s", a.code, a.text)
		}
		ask := b.signInAs(page, bossEmail)
		if a := b.follow("POST", "/link", allow); a.code != 200 || !strings.Contains(a.text, "Link <bdi>Google</bdi>?") {
			t.Errorf("a ticket that asked nobody: %d %s", a.code, a.text)
		}
		for _, decision := range []string{"", "ALLOW"} {
			if a := b.decide(ask, decision); a.code != 400 {
				t.Errorf("%q: %d", decision, a.code)
			}
		}
		w.clock.move(freshSignIn + time.Second)
		for name, a := range map[string]answer{"asked": b.follow("GET", path, nil), "answered": b.decide(ask, "allow")} {
			if a.code != 200 || !strings.Contains(a.text, "Confirm that it is you") || !strings.Contains(a.text, "works too") {
				t.Errorf("not fresh, %s: %d %s", name, a.code, a.text)
			}
		}
		other := w.addPerson("else@example.com")
		if a := b.signInAs(page, other.Email); !strings.Contains(a.text, "Link <bdi>Google</bdi>?") {
			t.Fatalf("%d %s", a.code, a.text)
		}
		if a := b.decide(ask, "allow"); a.code != 200 || !strings.Contains(a.text, other.Email) {
			t.Errorf("somebody else was asked: %d %s", a.code, a.text)
		}
		if n := w.identitiesOf(account.ID) + w.identitiesOf(other.ID); n != 0 {
			t.Errorf("%d are linked", n)
		}
		w.clock.move(linkLife - freshSignIn)
		if got := b.signInAs(page, bossEmail).arrival(t); got.Get("code") == "" {
			t.Errorf("too late: %v", got)
		}
		if n := w.identitiesOf(account.ID); n != 0 {
			t.Errorf("%d are linked", n)
		}
	})
}

// elsewhere links the pending identity to another account.
func (w *world) elsewhere(b *browser, page answer) *store.Account {
	w.t.Helper()
	t, err := w.server.readTicket(page.hidden(w.t, "ticket"))
	if err != nil {
		w.t.Fatal(err)
	}
	other := w.addPerson("else@example.com")
	in := w.browser()
	in.signInAs(in.visit("GET", "/signin", nil), other.Email)
	who, err := w.store.SignedIn(context.Background(), w.server.keys.verify(in.cookies[cookieSession], sessionCookie).signature, store.SessionLife{})
	if err != nil {
		w.t.Fatal(err)
	}
	f := store.Federated{Provider: t.Link.Provider, Subject: t.Link.Subject, Email: bossEmail, Actor: other.ID}
	if _, err := w.store.LinkIdentity(context.Background(), f, who.Presence(), nil, time.Time{}); err != nil {
		w.t.Fatal(err)
	}
	return other
}

func TestIdentityOfAnotherIsNotMoved(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		b, page, account := w.linkRequired()
		ask := b.signInAs(page, bossEmail)
		other := w.elsewhere(b, page)
		a := b.decide(ask, "allow")
		if a.code != 409 || !strings.Contains(a.text, "That sign-in belongs to another account") {
			t.Errorf("%d %s", a.code, a.text)
		}
		if a = b.begin("google", bossEmail); a.code != 409 || !strings.Contains(a.text, "That sign-in belongs to another account") {
			t.Errorf("from the account's page: %d %s", a.code, a.text)
		}
		if w.identitiesOf(account.ID) != 0 || w.identitiesOf(other.ID) != 1 {
			t.Error("it moved")
		}
	})
}

// begin links a provider from the account's page.
func (b *browser) begin(provider, address string) answer {
	b.w.t.Helper()
	a := b.visit("POST", "/account/link", url.Values{"provider": {provider}})
	at, err := url.Parse(a.header.Get("Location"))
	if err != nil || a.code != 303 || !at.IsAbs() {
		b.w.t.Fatalf("not sent to the provider: %d %s %s", a.code, at, a.text)
	}
	return b.follow("GET", b.w.there(at, address), nil)
}

func (w *world) signedInBrowser() *browser {
	b := w.browser()
	if a := b.signIn(b.visit("GET", "/signin", nil)); a.code != 200 {
		w.t.Fatalf("%d %s", a.code, a.text)
	}
	return b
}

func TestLinkAndUnlinkAtTheAccount(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		b := w.signedInBrowser()
		page := b.visit("GET", "/account", nil)
		if !strings.Contains(page.text, `value="google"`) || !strings.Contains(page.header.Get("Content-Security-Policy"), "form-action 'self' https:") {
			t.Errorf("%v %s", page.header, page.text)
		}
		before := b.cookies[cookieSession]
		a := b.begin("google", graceEmail)
		if a.code != 200 || !strings.Contains(a.text, "It is linked") || !strings.Contains(a.text, graceEmail) || strings.Contains(a.text, `value="google"`) {
			t.Fatalf("%d %s", a.code, a.text)
		}
		if b.cookies[cookieSession] != before || w.identitiesOf(w.account.ID) != 1 {
			t.Errorf("%d identities", w.identitiesOf(w.account.ID))
		}
		if a = b.begin("google", graceEmail); a.code != 200 || w.identitiesOf(w.account.ID) != 1 {
			t.Errorf("once more: %d %s", a.code, a.text)
		}
		other := w.browser()
		code := other.by("google", other.authorize(), graceEmail).arrival(t).Get("code")
		token := w.redeem("site", code).str("access_token")
		if w.introspect(token).str("sub") != w.account.ID {
			t.Fatal("it does not sign in")
		}
		list, err := w.store.Identities(context.Background(), w.account.ID)
		if err != nil || len(list) != 1 {
			t.Fatal(list, err)
		}
		if a := b.follow("POST", "/account/unlink", url.Values{"id": {list[0].ID}}); a.code != 200 || !strings.Contains(a.text, "It is unlinked") {
			t.Errorf("%d %s", a.code, a.text)
		}
		if w.active(token) || w.identitiesOf(w.account.ID) != 0 {
			t.Error("what it signed in goes on")
		}
		if a := other.follow("GET", "/account", nil); !strings.Contains(a.text, `name="password"`) {
			t.Error("the browser that it signed in goes on")
		}
		if a := b.follow("GET", "/account", nil); strings.Contains(a.text, `name="password"`) {
			t.Error("the browser that unlinked it is signed out")
		}
	})
}

func TestLastWayInStays(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		b := w.browser()
		for range 2 { // the second time Google is to ask anew, and that is fresh
			b.follow("GET", b.callback("google", graceEmail), nil)
		}
		account, err := w.store.AccountByEmail(context.Background(), graceEmail)
		if err != nil {
			t.Fatal(err)
		}
		list, err := w.store.Identities(context.Background(), account.ID)
		if err != nil || len(list) != 1 {
			t.Fatal(list, err)
		}
		unlink := url.Values{"id": {list[0].ID}}
		if a := b.follow("POST", "/account/unlink", unlink); a.code != 409 || !strings.Contains(a.text, "This is your only way in") {
			t.Errorf("%d %s", a.code, a.text)
		}
		theirs := w.signedInBrowser()
		if a := theirs.follow("POST", "/account/unlink", unlink); a.code != 200 || w.identitiesOf(account.ID) != 1 {
			t.Errorf("by somebody else: %d %s", a.code, a.text)
		}
		if a := b.begin("facebook", graceEmail); a.code != 200 {
			t.Fatalf("%d %s", a.code, a.text)
		}
		if a := b.follow("POST", "/account/unlink", unlink); a.code != 200 || w.identitiesOf(account.ID) != 1 {
			t.Errorf("%d %s", a.code, a.text)
		}
		if a := b.follow("GET", "/account", nil); !strings.Contains(a.text, "Facebook") || strings.Contains(a.text, `name="password"`) {
			t.Errorf("who unlinked it is signed out: %d %s", a.code, a.text)
		}
	})
}

// TestLinkAtTheAccountIsBound to one session that is there and fresh.
func TestLinkAtTheAccountIsBound(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := context.Background()
		left := func(b *browser) string {
			a := b.visit("POST", "/account/link", url.Values{"provider": {"google"}})
			at, err := url.Parse(a.header.Get("Location"))
			if err != nil || !at.IsAbs() {
				t.Fatalf("%d %s", a.code, a.text)
			}
			return w.there(at, graceEmail)
		}
		b := w.signedInBrowser()
		back := left(b)
		if a := w.signedInBrowser().visit("GET", back, nil); a.code != 400 || !strings.Contains(a.text, "in another browser") {
			t.Errorf("at another browser of the same person: %d %s", a.code, a.text)
		}
		if _, err := w.store.EndLoginSessions(ctx, w.account.ID, ""); err != nil {
			t.Fatal(err)
		}
		if a := b.visit("GET", back, nil); a.code != 400 || !strings.Contains(a.text, "This took too long") {
			t.Errorf("the session ended: %d %s", a.code, a.text)
		}
		b = w.signedInBrowser()
		back = left(b)
		other := w.addPerson("else@example.com")
		b.signInAs(b.visit("GET", "/signin", nil), other.Email)
		if a := b.visit("GET", back, nil); a.code != 400 {
			t.Errorf("somebody else is signed in: %d %s", a.code, a.text)
		}
		if n := w.count(`SELECT count(*) FROM identities`); n != 0 {
			t.Errorf("%d are linked", n)
		}

		b = w.signedInBrowser()
		declined := b.visit("POST", "/account/link", url.Values{"provider": {"google"}})
		at, _ := url.Parse(declined.header.Get("Location"))
		if a := b.follow("GET", w.there(at, ""), nil); a.code != 200 || strings.Contains(a.text, "It is linked") {
			t.Errorf("declined: %d %s", a.code, a.text)
		}
		for _, provider := range []string{"", "nobody"} {
			if a := b.visit("POST", "/account/link", url.Values{"provider": {provider}, "x": {"y"}}); a.code != 400 {
				t.Errorf("%q: %d %s", provider, a.code, a.text)
			}
		}
		if a := w.browser().follow("POST", "/account/link", url.Values{"provider": {"google"}}); a.code != 200 || !strings.Contains(a.text, `name="password"`) {
			t.Errorf("nobody is signed in: %d %s", a.code, a.text)
		}
		w.clock.move(freshSignIn + time.Second)
		for _, path := range []string{"/account/link", "/account/unlink"} {
			a := b.follow("POST", path, url.Values{"provider": {"google"}, "id": {store.NewGrantID()}})
			if a.code != 200 || !strings.Contains(a.text, "Confirm that it is you") {
				t.Errorf("%s, not fresh: %d %s", path, a.code, a.text)
			}
			req := mustRequest(w, path, "provider=google&id=x")
			req.Header.Set("Sec-Fetch-Site", "cross-site")
			req.AddCookie(&http.Cookie{Name: cookieSession, Value: b.cookies[cookieSession]})
			if a := w.send(req); a.code != 403 {
				t.Errorf("%s from another site: %d %s", path, a.code, a.text)
			}
		}
	})
}

// TestEndedSessionChangesNothing: what ended while a request was under way counts.
func TestEndedSessionChangesNothing(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := context.Background()
		b := w.signedInBrowser()
		if a := b.begin("google", graceEmail); a.code != 200 {
			t.Fatalf("%d %s", a.code, a.text)
		}
		who, err := w.store.SignedIn(ctx, w.server.keys.verify(b.cookies[cookieSession], sessionCookie).signature, store.SessionLife{})
		if err != nil {
			t.Fatal(err)
		}
		list, err := w.store.Identities(ctx, w.account.ID)
		if err != nil || len(list) != 1 {
			t.Fatal(list, err)
		}
		forged := who.Presence()
		forged.AccountID = w.addPerson("else@example.com").ID
		refused := func(name string, p store.Presence) {
			f := store.Federated{Provider: "google", Subject: "thief", Actor: w.account.ID}
			if _, err := w.store.LinkIdentity(ctx, f, p, nil, time.Time{}); !errors.Is(err, store.ErrNotFound) {
				t.Errorf("%s: link: %v", name, err)
			}
			if err := w.store.Unlink(ctx, p, list[0].ID); !errors.Is(err, store.ErrNotFound) {
				t.Errorf("%s: unlink: %v", name, err)
			}
		}
		refused("another account's", forged)
		if err := w.store.EndLoginSession(ctx, w.account.ID, who.ID); err != nil {
			t.Fatal(err)
		}
		refused("ended", who.Presence())
		if n := w.identitiesOf(w.account.ID); n != 1 {
			t.Errorf("%d identities", n)
		}
	})
}
