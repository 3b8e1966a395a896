package main

import (
	"context"
	"errors"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gatehouse/social/socialtest"
	"gatehouse/store"
	"gatehouse/store/storetest"
)

// everyOld runs the test for each database here, each one there, and each
// generation of its library.
func everyOld(t *testing.T, test func(t *testing.T, w *importWorld, old, generation string, crossed bool)) {
	storetest.Each(t, func(t *testing.T, databaseURL string) {
		for _, dialect := range []string{"sqlite", "postgres"} {
			for _, generation := range []string{"1", "2"} {
				t.Run("from "+dialect+" of generation "+generation, func(t *testing.T) {
					to := databaseURL + generation + dialect
					if strings.HasPrefix(databaseURL, "postgres") {
						to = storetest.Postgres(t)
					}
					crossed := !strings.HasPrefix(to, dialect)
					test(t, newImportWorld(t, to), oldDatabase(t, generation, dialect), generation, crossed)
				})
			}
		}
	})
}

func TestImportDjango(t *testing.T) {
	everyOld(t, func(t *testing.T, w *importWorld, old, generation string, crossed bool) {
		accounts := map[string][4]int64{"1": {11, 9, 0, 2}, "2": {12, 10, 0, 2}}[generation]
		want := map[string][4]int64{"accounts": accounts, "identities": {6, 4, 0, 2}, "applications": {7, 5, 0, 2}, "tokens": {7, 6, 0, 1}}
		if diff := cmp.Diff(want, w.brought("--from", old, "--dry-run").counts()); diff != "" || w.rows() != 0 {
			t.Fatalf("the dry run (-want): %s%d rows", diff, w.rows())
		}
		r, out, err := w.run("--from", old)
		if diff := cmp.Diff(want, r.counts()); diff != "" || err != nil {
			t.Fatalf("(-want): %s%v", diff, err)
		}
		for _, secret := range []string{"pbkdf2", "saltsalt", "the-old-secret", "old-refresh", "old-access", "provider-token", "md5$", "robot secret"} {
			if strings.Contains(out, secret) {
				t.Errorf("the report has %q", secret)
			}
		}
		before := w.rows()
		for part, c := range want {
			want[part] = [4]int64{c[0], 0, c[1], c[3]}
		}
		if diff := cmp.Diff(want, w.brought("--from", old).counts()); diff != "" || w.rows() != before+1 {
			t.Errorf("again (-want): %s%d rows more", diff, w.rows()-before)
		}
		if n := w.count(`SELECT count(*) FROM audit WHERE action = 'import.django' AND actor = 'cli' AND detail LIKE '%"complete":true%'`); n != 2 {
			t.Errorf("%d audit rows", n)
		}
		if !crossed { // its hashes are slow, and from one database to the other they pass all the code there is
			return
		}
		signInAsBefore(t, w, generation)
		refreshAsBefore(t, w, generation)
		convertAsBefore(t, w, generation)
		codeAsNow(t, w, r)
	})
}

func oldSecret(generation string) string {
	return "the-old-secret-of-the-tutorial-" + generation + "-0123456789"
}

func signInAsBefore(t *testing.T, w *importWorld, generation string) {
	t.Helper()
	for _, tt := range []struct {
		name, client, secret, email, password string
		code                                  int
		err                                   string
	}{
		{"with the old password", "tutorial-frontend", oldSecret(generation), "bo@example.com", "correct horse battery", 200, ""},
		{"again", "tutorial-frontend", oldSecret(generation), "Bo@Example.com", "correct horse battery", 200, ""},
		{"at another frontend", "other-frontend", "other-secret-0123456789-other-" + generation, "bo@example.com", "correct horse battery", 200, ""},
		{"at the public one", "mobile", "", "odd@example.com", "odd password 12", 200, ""},
		{"with a wrong secret", "tutorial-frontend", oldSecret(generation) + "x", "bo@example.com", "correct horse battery", 401, "invalid_client"},
		{"with a wrong password", "mobile", "", "bo@example.com", "other password 1", 400, "invalid_grant"},
		{"deactivated", "mobile", "", "gone@example.com", "gone password 12", 400, "invalid_grant"},
		{"without password", "mobile", "", "grace@gmail.com", "", 400, "invalid_request"},
		{"with a hash that nobody knows", "mobile", "", "weird@example.com", "weird", 400, "invalid_grant"},
	} {
		code, body := w.token(tt.client, tt.secret, "password", url.Values{"username": {tt.email}, "password": {tt.password}})
		life, _ := body["expires_in"].(float64)
		if problem, _ := body["error"].(string); code != tt.code || problem != tt.err || code == 200 && (life < 35000 || life > 36000) {
			t.Errorf("%s: %d %v", tt.name, code, body)
		}
	}
	if code, body := w.token("robot", "robot secret: with blanks, % and more", "client_credentials", url.Values{}); code != 200 {
		t.Errorf("the robot: %d %v", code, body)
	}
	a, err := w.store.AccountByEmail(context.Background(), "bo@example.com")
	if err != nil || !strings.HasPrefix(a.PasswordHash, "$argon2id$") || a.EmailState != store.EmailImported || a.LastName != "Berg" || a.AuthEpoch != 0 {
		t.Errorf("%+v, %v", a, err)
	}
	if root, err := w.store.AccountByEmail(context.Background(), "root@example.com"); err != nil || root.IsStaff || root.IsSuperuser {
		t.Errorf("%+v, %v", root, err)
	}
}

func refreshAsBefore(t *testing.T, w *importWorld, generation string) {
	t.Helper()
	refresh := func(client, secret, token string) (int, string) {
		code, body := w.token(client, secret, "refresh_token", url.Values{"refresh_token": {token}})
		scope, _ := body["scope"].(string)
		return code, scope
	}
	for _, tt := range []struct {
		name, client, secret, token string
		code                        int
		scope                       string
	}{
		{"another client's", "other-frontend", "other-secret-0123456789-other-" + generation, "bo", 400, ""},
		{"its own", "tutorial-frontend", oldSecret(generation), "bo", 200, "read write"},
		{"a second time", "tutorial-frontend", oldSecret(generation), "bo", 400, ""},
		{"narrow", "tutorial-frontend", oldSecret(generation), "bo-read", 200, "read"},
		{"revoked", "tutorial-frontend", oldSecret(generation), "bo-revoked", 400, ""},
		{"cut off", "tutorial-frontend", oldSecret(generation), "bo-detached", 400, ""},
		{"of a deactivated account", "tutorial-frontend", oldSecret(generation), "gone", 400, ""},
		{"of a social account", "tutorial-frontend", oldSecret(generation), "grace", 200, "read write"},
	} {
		if code, scope := refresh(tt.client, tt.secret, "old-refresh-"+tt.token+"-"+generation); code != tt.code || scope != tt.scope {
			t.Errorf("refresh, %s: %d %q", tt.name, code, scope)
		}
	}
}

func convertAsBefore(t *testing.T, w *importWorld, generation string) {
	t.Helper()
	yes := true
	google, facebook := importStandIns.google, importStandIns.facebook
	for _, tt := range []struct {
		name, token, provider, email string
		code                         int
		reason                       string
	}{
		{"gmail binds", google.Mint(socialtest.TokenOptions{Sub: "g1", Email: "Grace@gmail.com", EmailVerified: &yes}).IDToken, "google", "grace@gmail.com", 200, ""},
		{"then by sub alone", google.Mint(socialtest.TokenOptions{Sub: "g1", Email: "new@example.com", EmailVerified: &yes}).IDToken, "google", "grace@gmail.com", 200, ""},
		{"another domain must link", google.Mint(socialtest.TokenOptions{Sub: "g2", Email: "carl@corp.example", EmailVerified: &yes}).IDToken, "google", "", 400, "link_required"},
		{"by the number", google.Mint(socialtest.TokenOptions{Sub: "117000000000000000001", Email: "num@gmail.com", EmailVerified: &yes}).IDToken, "google", "num@gmail.com", 200, ""},
		{"Facebook", facebook.Mint(socialtest.TokenOptions{Sub: "1509"}).IDToken, "facebook", "fay@example.com", 200, ""},
	} {
		code, body := w.token("tutorial-frontend", oldSecret(generation), store.GrantTokenExchange, url.Values{
			"subject_token": {tt.token}, "subject_token_type": {"urn:ietf:params:oauth:token-type:id_token"}, "subject_issuer": {tt.provider}})
		reason, _ := body["reason"].(string)
		if code != tt.code || reason != tt.reason {
			t.Errorf("%s: %d %v", tt.name, code, body)
		}
		if code != 200 {
			continue
		}
		a, err := w.store.AccountByEmail(context.Background(), tt.email)
		if err != nil || w.count(`SELECT count(*) FROM grants WHERE account_id = $1 AND identity_id IS NOT NULL`, a.ID) == 0 {
			t.Errorf("%s: no sign-in to the imported account: %v", tt.name, err)
		}
	}
}

// codeAsNow signs in at an application that had the authorization-code grant,
// which has to prove itself by PKCE from now on.
func codeAsNow(t *testing.T, w *importWorld, r importReport) {
	t.Helper()
	const note = "it must send a code_challenge now (PKCE, S256)"
	if !slices.ContainsFunc(r.Items, func(i importItem) bool { return i.Who == "web-code" && !i.Skipped && i.Reason == note }) {
		t.Errorf("the report does not say what is new: %+v", r.Items)
	}
	c, err := w.store.ReadClient(context.Background(), "web-code")
	if err != nil || c.GrantTypes.String() != "authorization_code refresh_token" || c.RedirectURIs.String() != "https://web.example.com/cb" || c.FirstParty || c.ExposedSecret {
		t.Fatalf("%+v, %v", c, err)
	}
	const back = "https://web.example.com/cb"
	bo := &person{t: t, issuer: w.http.URL}
	if got := bo.authorize("", "", "web-code", back, "code_challenge", ""); got.Get("error") != "invalid_request" {
		t.Errorf("without PKCE: %v", got)
	}
	got := bo.authorize("bo@example.com", "correct horse battery", "web-code", back)
	code, body := w.token("web-code", "another-secret-another-secret", "authorization_code",
		url.Values{"code": {got.Get("code")}, "redirect_uri": {back}, "code_verifier": {codeVerifier}})
	if code != 200 || body["scope"] != "read write" || body["refresh_token"] == nil {
		t.Errorf("from %v: %d %v", got, code, body)
	}
}

// What has ended or changed here stays so, however often the import is run.
func TestImportLeavesWhatMovedOn(t *testing.T) {
	storetest.Each(t, func(t *testing.T, databaseURL string) {
		ctx := context.Background()
		w, old := newImportWorld(t, databaseURL), oldDatabase(t, "1", "sqlite")
		w.brought("--from", old)
		account := func(email string) *store.Account {
			a, err := w.store.AccountByEmail(ctx, email)
			if err != nil {
				t.Fatal(err)
			}
			return a
		}
		identities, err := w.store.Identities(ctx, account("fay@example.com").ID)
		if err != nil || len(identities) != 1 {
			t.Fatalf("%v, %v", identities, err)
		}
		if err := errors.Join(
			w.store.DeleteAccount(ctx, account("num@gmail.com").ID, "test"),
			w.store.Deactivate(ctx, account("grace@gmail.com").ID),
			w.store.SetPassword(ctx, account("bo@example.com").ID, "a new long password"),
			w.store.SetPassword(ctx, account("fay@example.com").ID, "a new long password"),
			w.store.Unlink(ctx, w.signedIn(account("fay@example.com")).Presence(), identities[0].ID),
			w.store.DeleteClient(ctx, "mobile"),
		); err != nil {
			t.Fatal(err)
		}
		before := w.rows()
		r := w.brought("--from", old)
		if n := w.rows(); n != before+1 { // its audit row
			t.Errorf("%d rows more", n-before)
		}
		for part, c := range r.counts() {
			if c[1] != 0 {
				t.Errorf("%s: %d imported", part, c[1])
			}
		}
		if account("grace@gmail.com").IsActive {
			t.Error("the deactivated account is active again")
		}
		for _, token := range []string{"old-refresh-bo-spare-1", "old-refresh-grace-1"} {
			if code, body := w.token("tutorial-frontend", oldSecret("1"), "refresh_token", url.Values{"refresh_token": {token}}); code != 400 {
				t.Errorf("%s: %v", token, body)
			}
		}
		if code, _ := w.token("tutorial-frontend", oldSecret("1"), "password", url.Values{"username": {"bo@example.com"}, "password": {"a new long password"}}); code != 200 {
			t.Errorf("the new password: %d", code)
		}
	})
}

func TestImportFlags(t *testing.T) {
	ctx := context.Background()
	w, old := newImportWorld(t, storetest.SQLite(t)), oldDatabase(t, "2", "sqlite")
	r := w.brought("--from", old, "--only", "accounts", "--source", "shop", "--account-table", "accounts_account", "--keep-staff", "--assume-verified")
	if r.Source != "django shop accounts_account" || len(r.Parts) != 1 {
		t.Errorf("%+v", r)
	}
	a, err := w.store.AccountByEmail(ctx, "root@example.com")
	if err != nil || !a.IsStaff || !a.IsSuperuser || a.EmailState != store.EmailProven {
		t.Errorf("%+v, %v", a, err)
	}
	w.brought("--from", old, "--source", "shop", "--only", "applications", "--keep-secrets-private")
	c, err := w.store.ReadClient(ctx, "tutorial-frontend")
	if err != nil || c.ExposedSecret || !c.FirstParty || c.RedirectURIs.String() != "https://app.example.com/cb https://two.example.com/" {
		t.Errorf("%+v, %v", c, err)
	}
	if got := w.brought("--from", old, "--source", "shop").counts(); got["accounts"][2] != 10 || got["tokens"][1] != 6 {
		t.Errorf("the rest: %v", got)
	}
}

// signedIn is a live token of an account, as the store knows it.
func (w *importWorld) signedIn(a *store.Account) *store.SubjectToken {
	w.t.Helper()
	clients, _, err := w.store.Clients(context.Background(), "", 1)
	if err != nil || len(clients) == 0 {
		w.t.Fatal(clients, err)
	}
	now, id, signature := w.store.Now(), store.NewGrantID(), []byte(strings.Repeat("s", 32))
	ctx := w.store.Begin(context.Background())
	w.store.AddGrant(ctx, &store.Session{AuthEpoch: a.AuthEpoch, Grant: store.Grant{ID: id, RootID: id, AccountID: &a.ID,
		ClientID: clients[0].ID, Subject: a.ID, AuthTime: now, CreatedAt: now, ExpiresAt: now.Add(time.Hour)}},
		&store.AccessToken{Signature: signature, GrantID: id, IssuedAt: now, ExpiresAt: now.Add(time.Hour)}, nil)
	if err := w.store.Flush(ctx); err != nil {
		w.t.Fatal(err)
	}
	who, err := w.store.SubjectToken(ctx, signature)
	if err != nil {
		w.t.Fatal(err)
	}
	return who
}
