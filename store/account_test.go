package store_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"

	"gatehouse/store"
	"gatehouse/store/storetest"
)

const (
	goodPassword = "correct horse battery"
	djangoHash   = "pbkdf2_sha256$1000$saltsaltsalt$GacV8oEzUl3KM0Mwey9yrMcTPKpkL4jXrFpbKB8oOnI="
)

func person(email string) store.NewAccount {
	return store.NewAccount{Email: email, Username: "bo", FirstName: "Bo", Password: goodPassword}
}

func TestCreateUserChecksWhatItIsGiven(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		s := storetest.Open(t, store.Config{URL: url})
		ctx := context.Background()
		no := false
		for _, tt := range []struct {
			name   string
			change func(*store.NewAccount)
			field  string
		}{
			{"no e-mail", func(n *store.NewAccount) { n.Email = "" }, "email"},
			{"blank e-mail", func(n *store.NewAccount) { n.Email = "  " }, "email"},
			{"no at sign", func(n *store.NewAccount) { n.Email = "bo.example.com" }, "email"},
			{"a name around it", func(n *store.NewAccount) { n.Email = "Bo <bo@example.com>" }, "email"},
			{"two addresses", func(n *store.NewAccount) { n.Email = "a@example.com, b@example.com" }, "email"},
			{"quoted local part", func(n *store.NewAccount) { n.Email = `"a b"@example.com` }, "email"},
			{"line break", func(n *store.NewAccount) { n.Email = "a@example.com\nb" }, "email"},
			{"invisible character in it", func(n *store.NewAccount) { n.Email = "bo\u200b@example.com" }, "email"},
			{"blank beyond ASCII", func(n *store.NewAccount) { n.Email = "bo\u00a0x@example.com" }, "email"},
			{"domain that is none", func(n *store.NewAccount) { n.Email = "a@%00" }, "email"},
			{"domain with an empty label", func(n *store.NewAccount) { n.Email = "a@example..com" }, "email"},
			{"too long", func(n *store.NewAccount) { n.Email = strings.Repeat("a", 243) + "@example.com" }, "email"},
			{"no username", func(n *store.NewAccount) { n.Username = " " }, "username"},
			{"username too long", func(n *store.NewAccount) { n.Username = strings.Repeat("é", 151) }, "username"},
			{"no first name", func(n *store.NewAccount) { n.FirstName = "" }, "first_name"},
			{"name written backwards", func(n *store.NewAccount) { n.Username = "\u202enimda" }, "username"},
			{"next line in a name", func(n *store.NewAccount) { n.FirstName = "a\u0085b" }, "first_name"},
			{"NUL in a name", func(n *store.NewAccount) { n.LastName = "a\x00b" }, "last_name"},
			{"invalid UTF-8", func(n *store.NewAccount) { n.LastName = "a\xff" }, "last_name"},
		} {
			n := person("bo@example.com")
			tt.change(&n)
			var field *store.FieldError
			if _, err := s.CreateUser(ctx, n); !errors.As(err, &field) || field.Field != tt.field {
				t.Errorf("%s: %v, want a fault of %s", tt.name, err, tt.field)
			}
		}
		_, err := s.CreateUser(ctx, store.NewAccount{})
		if err == nil || !strings.Contains(err.Error(), "Please provide an email address") {
			t.Error(err)
		}
		var policy *store.PolicyError
		weak := person("bo@example.com")
		weak.Password = "password"
		if _, err := s.CreateUser(ctx, weak); !errors.As(err, &policy) {
			t.Errorf("a common password: %v", err)
		}
		for name, n := range map[string]store.NewAccount{
			"is_staff":     {Email: "a@example.com", Username: "a", FirstName: "A", Password: goodPassword, Staff: &no},
			"is_superuser": {Email: "a@example.com", Username: "a", FirstName: "A", Password: goodPassword, Superuser: &no},
		} {
			if _, err := s.CreateSuperuser(ctx, n); err == nil || !strings.Contains(err.Error(), name) {
				t.Errorf("a superuser without %s: %v", name, err)
			}
		}
		if a, err := s.CreateUser(ctx, person("bø@exämple.com")); err != nil {
			t.Errorf("an address in another script: %v", err)
		} else if _, err := s.Account(ctx, strings.ToUpper(a.ID)); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("an id in upper case: %v", err)
		}
		if a, err := s.CreateSuperuser(ctx, person("root@example.com")); err != nil || !a.IsStaff || !a.IsSuperuser {
			t.Errorf("%+v, %v", a, err)
		}
	})
}

func TestEmailIsKeptAsTypedAndUniqueInAnyCase(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		s := storetest.Open(t, store.Config{URL: url})
		ctx := context.Background()
		a, err := s.CreateUser(ctx, person("  Bo.É@Example.COM "))
		if err != nil || a.Email != "Bo.É@Example.COM" {
			t.Fatalf("%+v, %v", a, err)
		}
		for _, same := range []string{"bo.é@example.com", "BO.É@EXAMPLE.COM", "bo.e\u0301@example.com"} {
			if _, err := s.CreateUser(ctx, person(same)); !errors.Is(err, store.ErrExists) {
				t.Errorf("%s: %v", same, err)
			}
			if found, err := s.AccountByEmail(ctx, same); err != nil || found.ID != a.ID {
				t.Errorf("%s: %v", same, err)
			}
		}
		var wg sync.WaitGroup
		results := make(chan error, 10)
		for range 10 {
			wg.Go(func() {
				_, err := s.CreateUser(ctx, person("twin@example.com"))
				results <- err
			})
		}
		wg.Wait()
		close(results)
		made := 0
		for err := range results {
			if err == nil {
				made++
			} else if !errors.Is(err, store.ErrExists) {
				t.Error(err)
			}
		}
		if made != 1 {
			t.Errorf("%d accounts of one address", made)
		}
	})
}

func TestAccountsArePagedAndSearched(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		s := storetest.Open(t, store.Config{URL: url})
		ctx := context.Background()
		for _, name := range []string{"a_1", "a_2", "ab3", "b4", "b5"} {
			if _, err := s.CreateUser(ctx, person(name+"@example.com")); err != nil {
				t.Fatal(err)
			}
		}
		var seen []string
		for cursor := ""; ; {
			page, next, err := s.Accounts(ctx, "", cursor, 2)
			if err != nil {
				t.Fatal(err)
			}
			for _, a := range page {
				seen = append(seen, a.Email[:2])
			}
			if cursor = next; next == "" {
				break
			}
		}
		if got := strings.Join(seen, " "); got != "a_ a_ ab b4 b5" {
			t.Error(got)
		}
		for search, want := range map[string]int{"A_": 2, "a": 3, "%": 0, "!": 0, "b4@EXAMPLE.com": 1} {
			if page, _, err := s.Accounts(ctx, search, "", 10); err != nil || len(page) != want {
				t.Errorf("%s: %d, %v; want %d", search, len(page), err, want)
			}
		}
		var field *store.FieldError
		if _, _, err := s.Accounts(ctx, "", "x'; --", 10); !errors.As(err, &field) {
			t.Errorf("a made-up cursor: %v", err)
		}
	})
}
