package authz

import (
	"context"
	"net/url"
	"sync"
	"testing"
	"time"

	"gatehouse/store"
)

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
		a := w.importTokens([]string{"bo@example.com"}, store.OldToken{Token: "one"})
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
	})
}

func TestImportedRefreshTokenEnds(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := context.Background()
		a := w.importTokens([]string{"bo@example.com", "al@example.com", "li@example.com"}, store.OldToken{Token: "narrow"}, store.OldToken{Token: "revoked"},
			store.OldToken{Token: "late", AccountOldID: "3"}, store.OldToken{Token: "in time", AccountOldID: "3"}, store.OldToken{Token: "kept"}, store.OldToken{Token: "al", AccountOldID: "2"})
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
		w.clock.move(14*24*time.Hour - time.Minute)
		if b := w.refresh("old-web", "in time"); b.code != 200 {
			t.Errorf("within 14 days: %d %s", b.code, b.text)
		}
		w.clock.move(time.Hour)
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
