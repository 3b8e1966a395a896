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

func TestChangePasswordNeedsTheOldOne(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		s := storetest.Open(t, store.Config{URL: url})
		ctx := context.Background()
		a := user(t, s, "bo@example.com")
		who := atBrowser(t, s, a, nil).Presence()
		const next = nextPassword
		if err := s.ChangePassword(ctx, who, "wrong", next, nil); !errors.Is(err, store.ErrWrongPassword) {
			t.Error(err)
		}
		var policy *store.PolicyError
		if err := s.ChangePassword(ctx, who, goodPassword, "bo@example.com", nil); !errors.As(err, &policy) {
			t.Error(err)
		}
		if err := s.ChangePassword(ctx, who, goodPassword, next, nil); err != nil {
			t.Error(err)
		}
		if _, err := s.Login(s.Begin(ctx), store.Limits{}, "bo@example.com", goodPassword, ""); !errors.Is(err, store.ErrWrongPassword) {
			t.Errorf("the old password: %v", err)
		}
		if _, err := s.Login(s.Begin(ctx), store.Limits{}, "bo@example.com", next, ""); err != nil {
			t.Errorf("the new password: %v", err)
		}
		// Of two changes at once that both know the old password one wins.
		var wg sync.WaitGroup
		results := make(chan error, 4)
		for range 4 {
			wg.Go(func() { results <- s.ChangePassword(ctx, who, next, "yet another passphrase", nil) })
		}
		wg.Wait()
		close(results)
		done := 0
		for err := range results {
			if err == nil {
				done++
			} else if !errors.Is(err, store.ErrNotFound) && !errors.Is(err, store.ErrWrongPassword) {
				t.Error(err)
			}
		}
		if done != 1 {
			t.Errorf("%d changes went through", done)
		}
	})
}

func TestImportedHashIsReplacedAtTheFirstSignIn(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		s := storetest.Open(t, store.Config{URL: url})
		ctx := context.Background()
		a, err := s.CreateUser(ctx, person("bo@example.com"))
		if err != nil {
			t.Fatal(err)
		}
		// pbkdf2_sha256 of goodPassword as Django writes it, of Python's hashlib.pbkdf2_hmac.
		if err := s.ImportHash(ctx, a.ID, djangoHash); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if _, err := s.Login(s.Begin(ctx), store.Limits{}, "bo@example.com", goodPassword, ""); err != nil {
				t.Fatal(err)
			}
		}
		if b, _ := s.Account(ctx, a.ID); !strings.HasPrefix(b.PasswordHash, "$argon2id$") {
			t.Errorf("the hash is still %.20s…", b.PasswordHash)
		}
	})
}
