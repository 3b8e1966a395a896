package store_test

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"gatehouse/store"
	"gatehouse/store/storetest"
)

func TestConsentGrowsAndIsWithdrawn(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		ctx := context.Background()
		s := storetest.Open(t, store.Config{URL: url})
		clientsOf(t, s, "web", "other")
		bo, al := user(t, s, "bo@example.com"), user(t, s, "al@example.com")
		in := atBrowser(t, s, bo, nil)
		for _, scope := range []store.Words{{"openid"}, {"email", "openid"}} {
			if err := s.Consent(ctx, in, "web", scope); err != nil {
				t.Fatal(err)
			}
		}
		allowed := func(a *store.Account, client string, want ...string) {
			t.Helper()
			got, err := s.Consented(ctx, a.ID, client)
			if diff := cmp.Diff(want, []string(got)); diff != "" || err != nil {
				t.Errorf("%s at %s: %v\n%s", a.Email, client, err, diff)
			}
		}
		allowed(bo, "web", "openid", "email")
		allowed(bo, "other")
		allowed(al, "web")

		mine, elsewhere := bornOf(t, s, in, "web", store.Words{"openid", store.ScopeOffline}), bornOf(t, s, in, "other", store.Words{"openid"})
		waiting := codeOf(s, in, "web")
		if err := s.AddCode(ctx, waiting); err != nil {
			t.Fatal(err)
		}
		if err := s.WithdrawConsent(ctx, al.ID, "web"); !errors.Is(err, store.ErrNotFound) || !lives(t, s, mine) {
			t.Errorf("by somebody else: %v", err)
		}
		if err := s.WithdrawConsent(ctx, bo.ID, "web"); err != nil {
			t.Fatal(err)
		}
		allowed(bo, "web")
		if lives(t, s, mine) || !lives(t, s, elsewhere) {
			t.Errorf("its grant lives %t, another client's %t", lives(t, s, mine), lives(t, s, elsewhere))
		}
		if _, err := s.PresentedCode(ctx, waiting.Signature); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("the code that waited: %v", err)
		}
		if err := s.WithdrawConsent(ctx, bo.ID, "web"); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("a second time: %v", err)
		}
	})
}

func TestConsentNeedsWhoGivesIt(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		ctx := context.Background()
		s := storetest.Open(t, store.Config{URL: url})
		clientsOf(t, s, "web")
		bo := user(t, s, "bo@example.com")
		over, in := atBrowser(t, s, bo, nil), atBrowser(t, s, bo, nil)
		if err := s.EndLoginSession(ctx, bo.ID, over.ID); err != nil {
			t.Fatal(err)
		}
		if err := s.Consent(ctx, over, "web", store.Words{"openid"}); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("signed out: %v", err)
		}
		if err := s.Consent(ctx, in, "nobody", store.Words{"openid"}); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("no such client: %v", err)
		}
		if err := s.SetPassword(ctx, bo.ID, "another good passphrase"); err != nil {
			t.Fatal(err)
		}
		if err := s.Consent(ctx, in, "web", store.Words{"openid"}); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("another epoch: %v", err)
		}
		if list, err := s.Consents(ctx, bo.ID); err != nil || len(list) != 0 {
			t.Errorf("%+v, %v", list, err)
		}
	})
}
