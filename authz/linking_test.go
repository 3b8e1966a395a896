package authz

import (
	"context"
	"net/url"
	"testing"

	"gatehouse/social"
	"gatehouse/social/socialtest"
	"gatehouse/store"
	"gatehouse/store/storetest"
)

// The table of first sign-ins, a row a cell: what the provider says of the
// address, and whose it is here.
func TestDecide(t *testing.T) {
	none, unverified := social.Identity{}, social.Identity{Email: "a@example.com"}
	verified := social.Identity{Email: "a@example.com", EmailVerified: true}
	authority := social.Identity{Email: "a@gmail.com", EmailVerified: true, Authoritative: true}
	held := func(a store.Account, other bool) *store.Holder {
		a.IsActive = true
		return &store.Holder{Account: a, OtherSubject: other}
	}
	fresh := held(store.Account{EmailState: store.EmailUnproven}, false)
	proven := held(store.Account{EmailState: store.EmailProven}, false)
	open := social.Policy{SignUp: social.SignUpOpen}
	auto, strict := social.Policy{AutoLink: true}, social.Policy{SignUp: social.SignUpVerifiedOnly}
	for _, tt := range []struct {
		name   string
		id     social.Identity
		holder *store.Holder
		policy social.Policy
		want   verdict
	}{
		{"no address, nobody", none, nil, open, createBare},
		{"no address, verified only", none, nil, strict, refuseUnproven},
		{"unverified, nobody", unverified, nil, open, createBare},
		{"unverified, unproven account", unverified, fresh, open, createBare},
		{"unverified, proven account", unverified, proven, open, createBare},
		{"unverified, verified only", unverified, proven, strict, refuseUnproven},
		{"verified, nobody", verified, nil, open, createProven},
		{"verified, nobody, verified only", verified, nil, strict, createProven},
		{"verified, unproven account", verified, fresh, open, linkRequired},
		{"verified, unproven account, auto", verified, fresh, auto, linkRequired},
		{"verified, proven account", verified, proven, open, linkRequired},
		{"verified, proven account, auto", verified, proven, auto, join},
		{"verified, proven account with another subject, auto", verified, held(store.Account{EmailState: store.EmailProven}, true), auto, linkRequired},
		{"authority, nobody", authority, nil, open, createProven},
		{"authority, unproven account", authority, fresh, open, claim},
		{"authority, unproven account of who came back", authority, held(store.Account{EmailState: store.EmailUnproven, Returned: true}, false), open, linkRequired},
		{"authority, unproven account with another subject", authority, held(store.Account{EmailState: store.EmailUnproven}, true), open, claim},
		{"authority, imported account", authority, held(store.Account{EmailState: store.EmailImported}, false), open, linkRequired},
		{"authority, unproven staff", authority, held(store.Account{EmailState: store.EmailUnproven, IsStaff: true}, false), open, linkRequired},
		{"authority, unproven superuser", authority, held(store.Account{EmailState: store.EmailUnproven, IsSuperuser: true}, false), open, linkRequired},
		{"authority, proven account", authority, proven, open, join},
		{"authority, account proven by another provider's word", authority, held(store.Account{EmailState: store.EmailProven, Vouched: true}, false), open, linkRequired},
		{"verified, account proven by another provider's word, auto", verified, held(store.Account{EmailState: store.EmailProven, Vouched: true}, false), auto, linkRequired},
		{"authority, proven account with another subject", authority, held(store.Account{EmailState: store.EmailProven}, true), open, linkRequired},
		{"authority, proven staff", authority, held(store.Account{EmailState: store.EmailProven, IsStaff: true}, false), open, linkRequired},
		{"authority, proven superuser, auto", authority, held(store.Account{EmailState: store.EmailProven, IsSuperuser: true}, false), auto, linkRequired},
		{"authority, deactivated account", authority, &store.Holder{Account: store.Account{EmailState: store.EmailProven}}, open, refuseDisabled},
		{"verified, deactivated account", verified, &store.Holder{Account: store.Account{EmailState: store.EmailUnproven}}, open, refuseDisabled},
	} {
		if got := decide(&tt.id, tt.holder, tt.policy); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}

// signUp makes an account by its e-mail, and signs in to it so many times.
func (w *world) signUp(address, state string, signIns int) *store.Account {
	w.t.Helper()
	a, err := w.store.CreateUser(context.Background(), store.NewAccount{Email: address, Username: "x", FirstName: "X", Password: password, EmailState: state})
	if err != nil {
		w.t.Fatal(err)
	}
	for range signIns {
		if a := w.token("web", url.Values{"grant_type": {"password"}, "username": {address}, "password": {password}}); a.code != 200 {
			w.t.Fatalf("%d %s", a.code, a.text)
		}
	}
	return a
}

// googleSignIn signs in with a Google account that has this address.
func (w *world) googleSignIn(sub, address string, verified bool, hd string) answer {
	w.t.Helper()
	return w.exchange("web", w.google(socialtest.TokenOptions{Sub: sub, Email: address, EmailVerified: &verified, Hd: hd}).IDToken, typeIDToken, "")
}

func TestClaimRetiresTheAccountThatNobodyProved(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := context.Background()
		planted := w.signUp("Victim@gmail.com", store.EmailUnproven, 0)
		attacker := w.token("web", url.Values{"grant_type": {"password"}, "username": {"victim@gmail.com"}, "password": {password}, "audience": {"https://api.example.com"}})
		if a := w.linkWith(attacker.str("access_token"), w.google(socialtest.TokenOptions{Sub: "attacker", Email: "attacker@example.com"}).IDToken); a.code != 201 {
			t.Fatalf("%d %s", a.code, a.text)
		}
		a := w.googleSignIn("victim", "victim@gmail.com", true, "")
		told := w.introspect(a.str("access_token"))
		if a.code != 200 || told.str("sub") == planted.ID || told.str("username") != "victim@gmail.com" {
			t.Fatalf("%d %s; %s", a.code, a.text, told.text)
		}
		if w.active(attacker.str("access_token")) {
			t.Error("who planted it is still signed in")
		}
		for name, b := range map[string]answer{
			"by the old password":   w.token("web", url.Values{"grant_type": {"password"}, "username": {"victim@gmail.com"}, "password": {password}}),
			"by the refresh token":  w.refresh("web", attacker.str("refresh_token")),
			"by the planted Google": w.googleSignIn("attacker", "attacker@example.com", true, ""),
		} {
			if sub := w.introspect(b.str("access_token")).str("sub"); b.code == 200 && (sub == told.str("sub") || sub == planted.ID) {
				t.Errorf("%s: %s", name, b.text)
			}
		}
		old, err := w.store.Account(ctx, planted.ID)
		if err != nil || old.IsActive || old.EmailKey != nil || old.PasswordHash != "" {
			t.Errorf("%+v, %v", old, err)
		}
		if n := w.count(`SELECT count(*) FROM audit WHERE action IN ('account.claim', 'account.create', 'identity.link')`); n < 3 {
			t.Errorf("%d audit rows", n)
		}
		if again := w.googleSignIn("victim", "moved@gmail.com", true, ""); w.introspect(again.str("access_token")).str("sub") != told.str("sub") {
			t.Errorf("after the address changed at Google: %s", again.text)
		}
		if now, err := w.store.Account(ctx, told.str("sub")); err != nil || now.Email != "victim@gmail.com" {
			t.Errorf("the address moved: %+v, %v", now, err)
		}
	})
}

func TestWhoeverCameBackIsNotClaimed(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		once, twice := w.signUp("once@gmail.com", store.EmailUnproven, 1), w.signUp("twice@gmail.com", store.EmailUnproven, 2)
		if a := w.googleSignIn("1", "once@gmail.com", true, ""); a.code != 200 || w.introspect(a.str("access_token")).str("sub") == once.ID {
			t.Errorf("after the sign-up session: %d %s", a.code, a.text)
		}
		if a := w.googleSignIn("2", "twice@gmail.com", true, ""); a.code != 400 || a.str("reason") != "link_required" || a.str("error") != "invalid_request" {
			t.Errorf("%d %s", a.code, a.text)
		}
		if n := w.count(`SELECT count(*) FROM accounts WHERE id = $1 AND is_active`, twice.ID); n != 1 {
			t.Error("the account is gone")
		}
	})
}

func TestJoinLinkAndRefusalsAreOnRecord(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := context.Background()
		proven := w.signUp("proven@gmail.com", store.EmailProven, 1)
		company := w.signUp("boss@company.example", store.EmailProven, 1)
		other := w.signUp("bo@other.example", store.EmailProven, 1)
		gone := w.signUp("gone@gmail.com", store.EmailProven, 0)
		if err := w.store.Deactivate(ctx, gone.ID); err != nil {
			t.Fatal(err)
		}
		if _, err := w.store.CreateSuperuser(ctx, store.NewAccount{Email: "root@gmail.com", Username: "r", FirstName: "R", Password: password, EmailState: store.EmailProven}); err != nil {
			t.Fatal(err)
		}
		for _, tt := range []struct {
			name, sub, address, hd string
			verified               bool
			code                   int
			reason, joins          string
		}{
			{"gmail joins", "1", "Proven@gmail.com", "", true, 200, "", proven.ID},
			{"Workspace joins", "2", "boss@company.example", "company.example", true, 200, "", company.ID},
			{"another domain must link", "3", "bo@other.example", "", true, 400, "link_required", ""},
			{"unverified stays apart", "4", "bo@other.example", "", false, 200, "", ""},
			{"another subject must link", "5", "proven@gmail.com", "", true, 400, "link_required", ""},
			{"deactivated", "6", "gone@gmail.com", "", true, 400, "account_disabled", ""},
			{"superuser must link", "7", "root@gmail.com", "", true, 400, "link_required", ""},
		} {
			a := w.googleSignIn(tt.sub, tt.address, tt.verified, tt.hd)
			sub := w.introspect(a.str("access_token")).str("sub")
			if a.code != tt.code || a.str("reason") != tt.reason || tt.joins != "" && sub != tt.joins || tt.joins == "" && sub == other.ID {
				t.Errorf("%s: %d %s, sub %s", tt.name, a.code, a.text, sub)
			}
		}
		for action, want := range map[string]int{"identity.join": 2, "identity.refuse": 4, "account.create": 1} {
			if n := w.count(`SELECT count(*) FROM audit WHERE action = $1 AND detail LIKE '%google%' AND detail LIKE '%reason%'`, action); n != want {
				t.Errorf("%d rows of %s, want %d", n, action, want)
			}
		}
		if err := w.store.Deactivate(ctx, proven.ID); err != nil {
			t.Fatal(err)
		}
		if a := w.googleSignIn("1", "proven@gmail.com", true, ""); a.code != 400 || a.str("reason") != "account_disabled" {
			t.Errorf("a known identity of a deactivated account: %d %s", a.code, a.text)
		}
	})
}

// Accounts of before the upgrade have been signed in to, and stay.
func TestUpgradeLeavesAccountsWithTheirOwners(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := context.Background()
		old, unused := w.signUp("old@gmail.com", store.EmailUnproven, 1), w.signUp("unused@gmail.com", store.EmailUnproven, 0)
		for last := int64(0); last != 2; { // to the version before identities
			m, err := w.store.MigrateDown(ctx)
			if err != nil {
				t.Fatal(err)
			}
			last = m.Version
		}
		if _, err := w.store.MigrateUp(ctx); err != nil {
			t.Fatal(err)
		}
		upgraded := storetest.Open(t, store.Config{URL: w.url})
		for a, want := range map[*store.Account]bool{old: true, unused: false} {
			if now, err := upgraded.Account(ctx, a.ID); err != nil || now.Returned != want {
				t.Errorf("%s: returned %v, %v", a.Email, now.Returned, err)
			}
		}
	})
}

// A refused sign-in can be repeated at will, and yet its record has an end.
func TestRefusalsDoNotFillTheAudit(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.signUp("bo@other.example", store.EmailProven, 1)
		for range 12 {
			if a := w.googleSignIn("1", "bo@other.example", true, ""); a.str("reason") != "link_required" {
				t.Fatalf("%d %s", a.code, a.text)
			}
		}
		if n := w.count(`SELECT count(*) FROM audit WHERE action = 'identity.refuse'`); n == 0 || n > 5 {
			t.Errorf("%d rows", n)
		}
	})
}

// Letters that fold to ASCII, and what is no address, prove no address.
func TestLookAlikeAddressesAreNobodys(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		victim := w.signUp("kim@gmail.com", store.EmailProven, 1)
		for i, address := range []string{"\u212aim@gmail.com", "k\u0130m@gmail.com", `"kim"@gmail.com`, "kim@gmail.com@gmail.com"} {
			a := w.googleSignIn(string(rune('a'+i)), address, true, "")
			if sub := w.introspect(a.str("access_token")).str("sub"); a.code != 200 || sub == victim.ID {
				t.Errorf("%s: %d %s", address, a.code, a.text)
			}
		}
	})
}
