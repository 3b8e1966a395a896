package store_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"gatehouse/store"
	"gatehouse/store/storetest"
)

func oldAccounts(from, to int) []store.OldAccount {
	var list []store.OldAccount
	for n := from; n < to; n++ {
		list = append(list, store.OldAccount{OldID: fmt.Sprint(n), Email: fmt.Sprintf("U%d@example.com", n), Username: "u", FirstName: "U", Active: true})
	}
	return list
}

// fates names what became of rows by one letter each.
func fates(list []store.Fate) string {
	var b strings.Builder
	for _, f := range list {
		switch {
		case f.Known:
			b.WriteByte('k')
		case f.Skipped != "":
			b.WriteByte('s')
		default:
			b.WriteByte('i')
		}
	}
	return b.String()
}

// A dry run foretells what the import does, across batches, and writes nothing.
func TestDryRunForetells(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		ctx := context.Background()
		s := storetest.Open(t, store.Config{URL: url})
		if _, err := s.CreateUser(ctx, person("here@example.com")); err != nil {
			t.Fatal(err)
		}
		account := func(id, email string, active bool) store.OldAccount {
			return store.OldAccount{OldID: id, Email: email, Username: "u", FirstName: "U", Active: active}
		}
		run := func(dry bool) []string {
			t.Helper()
			i := s.NewImport("test", dry)
			var all []string
			note := func(list []store.Fate, err error) {
				t.Helper()
				if err != nil {
					t.Fatal(err)
				}
				all = append(all, fates(list))
			}
			note(i.Accounts(ctx, []store.OldAccount{account("1", "bo@example.com", true), account("2", "BO@example.com", true), account("3", "HERE@example.com", true)}))
			note(i.Accounts(ctx, []store.OldAccount{account("4", "Bo@Example.com", true), account("5", "gone@example.com", false), account("6", "", true), account("7", "", true)}))
			note(i.Clients(ctx, []store.OldClient{{OldID: "1", Secret: "any text: will do", Client: store.Client{ID: "web"}}, {OldID: "2", Secret: "x", Client: store.Client{ID: "a:b"}}}))
			for range 2 { // the second batch finds the first one's
				note(i.Identities(ctx, []store.OldIdentity{
					{OldID: "1", AccountOldID: "1", Provider: "google", Email: "Bo@gmail.com"}, {OldID: "2", AccountOldID: "6", Provider: "google", Email: "bo@gmail.com"},
					{OldID: "3", AccountOldID: "2", Provider: "google", Subject: "17"}, {OldID: "4", AccountOldID: "5", Provider: "google", Subject: "18"}, {OldID: "5", AccountOldID: "5", Provider: "google", Email: "none"}}))
				if dry {
					all[len(all)-1] = strings.ReplaceAll(all[len(all)-1], "k", "s") // in a dry run the second sees no more than a duplicate
				}
			}
			token := func(id, account, client, scope string) store.OldToken {
				return store.OldToken{OldID: id, Token: "token " + id, AccountOldID: account, ClientOldID: client, Scope: scope}
			}
			note(i.Tokens(ctx, []store.OldToken{token("1", "1", "1", "read"), token("2", "2", "1", "read"), token("3", "5", "1", "read"), token("4", "1", "2", "read"), token("5", "1", "1", "")}))
			return all
		}
		count := func() int {
			n, err := s.Count(ctx, `SELECT (SELECT count(*) FROM imports) + (SELECT count(*) FROM accounts) + (SELECT count(*) FROM identities) + (SELECT count(*) FROM clients) + (SELECT count(*) FROM imported_tokens)`)
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
		want := []string{"iss", "siii", "is", "issis", "sssss", "issss"}
		if diff := cmp.Diff(want, run(true)); diff != "" || count() != 1 {
			t.Errorf("the dry run (-want): %s%d rows", diff, count())
		}
		want[4] = "kssks"
		if diff := cmp.Diff(want, run(false)); diff != "" {
			t.Errorf("the import (-want): %s", diff)
		}
	})
}

// Two imports of one source at once bring each row once.
func TestImportsAtOnce(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		ctx := context.Background()
		s := storetest.Open(t, store.Config{URL: url})
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				i := s.NewImport("test", false)
				for n := 0; n < 500; n += 100 {
					if list, err := i.Accounts(ctx, oldAccounts(n, n+100)); err != nil || strings.Contains(fates(list), "s") {
						t.Errorf("%s, %v", fates(list), err)
					}
				}
			})
		}
		wg.Wait()
		for table, want := range map[string]int{"accounts": 500, "imports": 500} {
			if n, err := s.Count(ctx, `SELECT count(*) FROM `+table); n != want || err != nil {
				t.Errorf("%s: %d, %v", table, n, err)
			}
		}
	})
}

// Ids are of version 7, in the order of the old ones, and older than any made
// here.
func TestImportedIDs(t *testing.T) {
	ctx := context.Background()
	s := storetest.Open(t, store.Config{URL: storetest.SQLite(t)})
	if _, err := s.NewImport("test", false).Accounts(ctx, oldAccounts(1, 30)); err != nil {
		t.Fatal(err)
	}
	if _, err := s.CreateUser(ctx, person("bo@example.com")); err != nil {
		t.Fatal(err)
	}
	list, _, err := s.Accounts(ctx, "", "", 100)
	if err != nil || len(list) != 30 {
		t.Fatalf("%d, %v", len(list), err)
	}
	for n, a := range list {
		want := fmt.Sprintf("U%d@example.com", n+1)
		if n == 29 {
			want = "bo@example.com"
		}
		if id := uuid.MustParse(a.ID); a.Email != want || id.Version() != 7 || id.Variant() != uuid.RFC4122 {
			t.Errorf("%s has %s, version %d", a.Email, a.ID, id.Version())
		}
	}
}

// SQLite keeps any bytes in a text; PostgreSQL takes none that are not UTF-8.
func TestImportOfHostileText(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		ctx := context.Background()
		i := storetest.Open(t, store.Config{URL: url}).NewImport("test", false)
		bad := "a\xff\x00b\u202e" + strings.Repeat("x", 5000)
		list, err := i.Accounts(ctx, []store.OldAccount{
			{OldID: "1", Email: "a\xff@example.com"}, {OldID: "2", Email: "a\x00@example.com"}, {OldID: "3", Email: strings.Repeat("x", 5000) + "@example.com"},
			{OldID: "4", Email: "ok@example.com", Username: bad, FirstName: bad, LastName: bad, Password: "pbkdf2_sha256$1$\xff$x"},
		})
		if err != nil || fates(list) != "sssi" {
			t.Errorf("accounts: %s, %v", fates(list), err)
		}
		list, err = i.Identities(ctx, []store.OldIdentity{{OldID: "1", AccountOldID: "4", Provider: "google", Email: bad}, {OldID: "2", AccountOldID: "4", Provider: "google", Subject: bad}})
		if err != nil || fates(list) != "ss" {
			t.Errorf("identities: %s, %v", fates(list), err)
		}
		list, err = i.Clients(ctx, []store.OldClient{{OldID: "1", Secret: bad, Client: store.Client{ID: "ok", Name: bad, RedirectURIs: store.Words{"https://x.example/" + bad}}},
			{OldID: "2", Client: store.Client{ID: bad}}})
		if err != nil || fates(list) != "is" {
			t.Errorf("clients: %s, %v", fates(list), err)
		}
		list, err = i.Tokens(ctx, []store.OldToken{{OldID: "1", AccountOldID: "4", ClientOldID: "1", Token: bad, Scope: bad}})
		if err != nil || fates(list) != "s" {
			t.Errorf("tokens: %s, %v", fates(list), err)
		}
	})
}
