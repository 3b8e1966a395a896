package authz

import (
	"context"
	"fmt"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"gatehouse/store"
	"gatehouse/store/storetest"
)

// django hashes cost little here: 1 iteration.
const (
	djangoHash = "pbkdf2_sha256$1$salt$kbetH8pvQW2woEDkqwW3lBiusahaNsvlbcMnQlA1Qxc="
)

// imported brings accounts of an old system, by their addresses, and what
// belongs to them. Old ids count from 1.
func (w *world) imported(addresses []string, rest func(i *store.Import) ([]store.Fate, error)) []*store.Account {
	w.t.Helper()
	ctx := context.Background()
	i := w.store.NewImport("test", false)
	i.KeepStaff = true
	var old []store.OldAccount
	for n, address := range addresses {
		old = append(old, store.OldAccount{OldID: fmt.Sprint(n + 1), Email: address, Username: "x", FirstName: "X", Password: djangoHash,
			Active: !strings.HasPrefix(address, "gone"), Staff: strings.HasPrefix(address, "staff")})
	}
	for _, bring := range []func(*store.Import) ([]store.Fate, error){
		func(i *store.Import) ([]store.Fate, error) { return i.Accounts(ctx, old) }, rest,
	} {
		fates, err := bring(i)
		if err != nil {
			w.t.Fatal(err)
		}
		for _, f := range fates {
			if f.Skipped != "" {
				w.t.Errorf("skipped: %s %s", f.Skipped, f.Detail)
			}
		}
	}
	var list []*store.Account
	for _, address := range addresses {
		a, err := w.store.AccountByEmail(ctx, address)
		if err != nil {
			w.t.Fatal(err)
		}
		list = append(list, a)
	}
	return list
}

func TestImportedGoogleIdentities(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := context.Background()
		a := w.imported([]string{"grace@gmail.com", "boss@company.example", "carl@other.example", "gone@gmail.com", "staff@gmail.com", "old@example.com"},
			func(i *store.Import) ([]store.Fate, error) {
				var old []store.OldIdentity
				for n, address := range []string{"Grace@gmail.com", "boss@company.example", "carl@other.example", "gone@gmail.com", "staff@gmail.com", "moved@gmail.com"} {
					old = append(old, store.OldIdentity{OldID: fmt.Sprint(n), AccountOldID: fmt.Sprint(n + 1), Provider: "google", Email: address})
				}
				return i.Identities(ctx, old)
			})
		w.signUp("moved@gmail.com", store.EmailProven, 0) // has the address of another account's imported identity
		for _, tt := range []struct {
			name, sub, address, hd string
			verified               bool
			code                   int
			reason, account        string
		}{
			{"not verified", "1", "grace@gmail.com", "", false, 400, "link_required", ""},
			{"Google is not the authority", "2", "carl@other.example", "", true, 400, "link_required", ""},
			{"deactivated", "3", "gone@gmail.com", "", true, 400, "account_disabled", ""},
			{"staff", "4", "staff@gmail.com", "", true, 400, "link_required", ""},
			{"two matches", "5", "moved@gmail.com", "", true, 400, "link_required", ""},
			{"gmail binds", "6", "GRACE@gmail.com", "", true, 200, "", a[0].ID},
			{"then by sub alone", "6", "elsewhere@example.com", "", false, 200, "", a[0].ID},
			{"Workspace binds", "7", "boss@company.example", "company.example", true, 200, "", a[1].ID},
			{"another person with the bound address", "8", "grace@gmail.com", "", true, 400, "link_required", ""},
		} {
			got := w.googleSignIn(tt.sub, tt.address, tt.verified, tt.hd)
			sub := w.introspect(got.str("access_token")).str("sub")
			if got.code != tt.code || got.str("reason") != tt.reason || sub != tt.account {
				t.Errorf("%s: %d %s, sub %s", tt.name, got.code, got.text, sub)
			}
		}
		if n := w.count(`SELECT count(*) FROM audit WHERE action = 'identity.bind' AND target IN ($1, $2)`, a[0].ID, a[1].ID); n != 2 {
			t.Errorf("%d rows of identity.bind", n)
		}
		if n := w.count(`SELECT count(*) FROM identities WHERE subject IS NULL`); n != 4 {
			t.Errorf("%d identities without subject", n)
		}
	})
}

// Of two people whom Google vouches for at once one gets the identity.
func TestImportedIdentityIsBoundOnce(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := context.Background()
		a := w.imported([]string{"grace@gmail.com"}, func(i *store.Import) ([]store.Fate, error) {
			return i.Identities(ctx, []store.OldIdentity{{OldID: "1", AccountOldID: "1", Provider: "google", Email: "grace@gmail.com"}})
		})
		var mu sync.Mutex
		in := 0
		var wg sync.WaitGroup
		for n := range 8 {
			wg.Go(func() {
				got := w.googleSignIn(fmt.Sprint(n), "grace@gmail.com", true, "")
				mu.Lock()
				defer mu.Unlock()
				if got.code == 200 && w.introspect(got.str("access_token")).str("sub") == a[0].ID {
					in++
				} else if got.str("reason") != "link_required" {
					t.Errorf("%d %s", got.code, got.text)
				}
			})
		}
		wg.Wait()
		if n := w.count(`SELECT count(*) FROM audit WHERE action = 'identity.bind'`); in != 1 || n != 1 {
			t.Errorf("%d signed in, %d bound", in, n)
		}
	})
}

func (w *world) importTokens(addresses []string, tokens ...store.OldToken) []*store.Account {
	w.t.Helper()
	ctx := context.Background()
	return w.imported(addresses, func(i *store.Import) ([]store.Fate, error) {
		var clients []store.OldClient
		for _, id := range []string{"old-web", "old-other"} {
			clients = append(clients, store.OldClient{OldID: id, Secret: secret, Client: store.Client{ID: id, FirstParty: true, RotateRefresh: true, ExposedSecret: true,
				GrantTypes: store.Words{store.GrantPassword, store.GrantRefreshToken}, Scope: store.Words{"read", "write"}, DefaultScope: store.Words{"read", "write"}}})
		}
		if _, err := i.Clients(ctx, clients); err != nil {
			return nil, err
		}
		for n := range tokens {
			t := &tokens[n]
			t.OldID, t.ClientOldID, t.Scope = t.Token, "old-web", "read write more"
			if t.AccountOldID == "" {
				t.AccountOldID = "1"
			}
		}
		return i.Tokens(ctx, tokens)
	})
}

func TestImportedRefreshToken(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := context.Background()
		a := w.importTokens([]string{"bo@example.com", "al@example.com"}, store.OldToken{Token: "one"}, store.OldToken{Token: "narrow"},
			store.OldToken{Token: "revoked"}, store.OldToken{Token: "late"}, store.OldToken{Token: "kept"}, store.OldToken{Token: "al", AccountOldID: "2"})
		for name, b := range map[string]answer{"another client's": w.refresh("old-other", "one"), "unknown": w.refresh("old-web", "none")} {
			if b.code != 400 || b.str("error") != "invalid_grant" {
				t.Errorf("%s: %d %s", name, b.code, b.text)
			}
		}
		answers := make([]answer, 8)
		var wg sync.WaitGroup
		for n := range answers {
			wg.Go(func() { answers[n] = w.refresh("old-web", "one") })
		}
		wg.Wait()
		var first answer
		for _, b := range answers {
			if b.code == 200 && first.code == 200 || b.code != 200 && b.str("error") != "invalid_grant" {
				t.Errorf("%d %s", b.code, b.text)
			}
			if b.code == 200 {
				first = b
			}
		}
		told := w.introspect(first.str("access_token"))
		if told.str("sub") != a[0].ID || told.str("username") != "bo@example.com" || told.str("scope") != "read write" || told.body["auth_time"].(float64) > float64(time.Now().Add(-time.Hour).Unix()) {
			t.Errorf("%s of %s", told.text, first.text)
		}
		next := w.refresh("old-web", first.str("refresh_token"))
		if next.code != 200 || !w.active(next.str("access_token")) {
			t.Fatalf("the new refresh token: %d %s", next.code, next.text)
		}
		w.clock.move(grace + time.Second)
		if b := w.refresh("old-web", "one"); b.code != 400 || w.active(next.str("access_token")) {
			t.Errorf("reuse after the grace leaves the family: %d %s", b.code, b.text)
		}

		narrow := w.token("old-web", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {"narrow"}, "scope": {"read"}})
		if narrow.str("scope") != "read" {
			t.Errorf("%d %s", narrow.code, narrow.text)
		}
		for _, client := range []string{"old-other", "old-web"} { // another client's revocation does nothing
			if b := w.post("/oauth2/revoke", client, url.Values{"token": {"revoked"}}); b.code != 200 {
				t.Errorf("%d %s", b.code, b.text)
			}
			w.post("/oauth2/revoke", client, url.Values{"token": {"narrow"}})
			if active := w.active(narrow.str("access_token")); active != (client == "old-other") {
				t.Errorf("after %s revoked it: %v", client, active)
			}
		}
		if b := w.refresh("old-web", "revoked"); b.code != 400 {
			t.Errorf("revoked: %s", b.text)
		}
		if err := w.store.SetPassword(ctx, a[1].ID, "a new long password"); err != nil {
			t.Fatal(err)
		}
		if b := w.refresh("old-web", "al"); b.code != 400 || b.str("error") != "invalid_grant" {
			t.Errorf("after a new password: %d %s", b.code, b.text)
		}
		if _, err := w.store.RevokeGrants(ctx, a[0].ID, "old-web"); err != nil {
			t.Fatal(err)
		}
		if b := w.refresh("old-web", "kept"); b.code != 400 {
			t.Errorf("after the account's sign-ins were ended: %s", b.text)
		}
		w.clock.move(14 * 24 * time.Hour)
		if b := w.refresh("old-web", "late"); b.code != 400 {
			t.Errorf("after 14 days: %s", b.text)
		}
		if _, err := w.store.Purge(ctx); err != nil || w.count(`SELECT count(*) FROM imported_tokens`) != 0 {
			t.Errorf("after the purge: %d, %v", w.count(`SELECT count(*) FROM imported_tokens`), err)
		}
	})
}

func TestImportedTokenEndsWithItsAccountOrClient(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := context.Background()
		a := w.importTokens([]string{"bo@example.com", "al@example.com"}, store.OldToken{Token: "bo"}, store.OldToken{Token: "al", AccountOldID: "2"})
		if err := w.store.Deactivate(ctx, a[0].ID); err != nil {
			t.Fatal(err)
		}
		for _, change := range []func() error{
			func() error { return nil },
			func() error { return w.store.Reactivate(ctx, a[0].ID) },
		} {
			if err := change(); err != nil {
				t.Fatal(err)
			}
			if b := w.refresh("old-web", "bo"); b.code != 400 || b.str("error") != "invalid_grant" {
				t.Errorf("deactivated, then reactivated: %d %s", b.code, b.text)
			}
		}
		for _, disabled := range []bool{true, false} {
			if err := w.store.DisableClient(ctx, "old-web", disabled); err != nil {
				t.Fatal(err)
			}
		}
		if b := w.refresh("old-web", "al"); b.code != 400 || b.str("error") != "invalid_grant" {
			t.Errorf("of a client that was disabled: %d %s", b.code, b.text)
		}
	})
}

// A secret that came as a slow hash works, and is a digest from then on.
func TestImportedSecretHash(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := context.Background()
		w.imported(nil, func(i *store.Import) ([]store.Fate, error) {
			return i.Clients(ctx, []store.OldClient{{OldID: "1", SecretHash: "pbkdf2_sha256$1$salt$mj444ysFHMMYn0VQLjWFQr2LlIU+AuFBJiw6YdAJkgo=", Client: store.Client{ID: "hashed",
				GrantTypes: store.Words{store.GrantClientCredentials}, Scope: store.Words{"read"}, DefaultScope: store.Words{"read"}}}})
		})
		ask := func(secret string) answer {
			return w.token("", url.Values{"grant_type": {"client_credentials"}, "client_id": {"hashed"}, "client_secret": {secret}})
		}
		wrong, unknown := ask(secret+"x"), w.token("", url.Values{"grant_type": {"client_credentials"}, "client_id": {"nobody"}, "client_secret": {secret}})
		if wrong.code != 401 || wrong.text != unknown.text {
			t.Errorf("%d %s; of an unknown client %s", wrong.code, wrong.text, unknown.text)
		}
		if n := w.count(`SELECT count(*) FROM client_secrets WHERE client_id = 'hashed' AND digest IS NULL AND hash <> ''`); n != 1 {
			t.Error("a wrong secret replaced the hash")
		}
		for range 2 {
			if b := ask(secret); b.code != 200 {
				t.Errorf("%d %s", b.code, b.text)
			}
		}
		if n := w.count(`SELECT count(*) FROM client_secrets WHERE client_id = 'hashed' AND digest IS NOT NULL AND hash = ''`); n != 1 {
			t.Error("the hash is still there")
		}
		if b := ask(secret + "x"); b.code != 401 {
			t.Errorf("%d %s", b.code, b.text)
		}
	})
}

// Wrong secrets of one client, however many, neither pass the queue nor keep
// people from signing in.
func TestSlowSecretsAreBounded(t *testing.T) {
	hasher := store.NewHasher(store.HasherConfig{Memory: 64, Time: 1, Workers: 2, Queue: 100})
	w := newWorld(t, storetest.SQLite(t))
	w.store = storetest.Open(t, store.Config{URL: w.url, Hasher: hasher})
	w.http = httptest.NewServer(w.serve([]byte(strings.Repeat("s", 32))).Handler())
	defer w.http.Close()
	ctx := context.Background()
	w.imported(nil, func(i *store.Import) ([]store.Fate, error) {
		return i.Clients(ctx, []store.OldClient{{OldID: "1", SecretHash: "pbkdf2_sha256$2000000$salt$mj444ysFHMMYn0VQLjWFQr2LlIU+AuFBJiw6YdAJkgo=", Client: store.Client{ID: "hashed"}}})
	})
	client, err := w.store.ReadClient(ctx, "hashed")
	if err != nil {
		t.Fatal(err)
	}
	answers := make(chan error, 30)
	flood, stop := context.WithCancel(ctx)
	for range cap(answers) {
		go func() {
			_, err := w.store.CheckSecret(flood, client, "guess")
			answers <- err
		}()
	}
	busy := 0
	for range cap(answers) - 9 { // the nine are at work or wait
		if err := <-answers; refusalOf(err).status == 503 {
			busy++
		}
	}
	if busy != cap(answers)-9 {
		t.Errorf("%d were told to come back", busy)
	}
	began := time.Now()
	w.login("web")
	if waited := time.Since(began); waited > 2*time.Second {
		t.Errorf("a sign-in took %v", waited)
	}
	stop()
	for range 9 {
		<-answers
	}
}
