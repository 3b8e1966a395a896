package store_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"gatehouse/store"
	"gatehouse/store/storetest"
)

// mailed writes a link that works for an hour; a is nil for one to sign up by.
func mailed(t *testing.T, s *store.Store, purpose, email string, a *store.Account) []byte {
	t.Helper()
	l := store.OneTimeLink{Digest: randomSignature(), Purpose: purpose, Email: store.EmailKey(email), Browser: randomSignature(),
		Sealed: []byte("sealed"), ExpiresAt: s.Now().Add(time.Hour)}
	if a != nil {
		l.AccountID, l.AuthEpoch = &a.ID, a.AuthEpoch
	}
	if err := s.AddLink(context.Background(), l, false, nil); err != nil {
		t.Fatal(err)
	}
	return l.Digest
}

func TestLinkDiesWithWhatItWasMailedFor(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		ctx := context.Background()
		clock := newMovable()
		s := storetest.Open(t, store.Config{URL: url, Now: clock.now})
		for name, change := range map[string]func(id string) error{
			"the address moves":        func(id string) error { return s.MoveAddress(ctx, id, id+"@moved.example.com") },
			"the account is off":       func(id string) error { return s.Deactivate(ctx, id) },
			"the password changes":     func(id string) error { return s.SetPassword(ctx, id, "another good one") },
			"the account is gone":      func(id string) error { return s.DeleteAccount(ctx, id, "cli") },
			"a newer link is sent":     nil,
			"its hour is over":         func(string) error { clock.move(2 * time.Hour); return nil },
			"somebody else has proven": nil,
		} {
			a, err := s.CreateUser(ctx, person(store.NewGrantID()+"@example.com"))
			if err != nil {
				t.Fatal(err)
			}
			digest := mailed(t, s, store.LinkReset, a.Email, a)
			l, err := s.Link(ctx, digest)
			if err != nil || l.Account.ID != a.ID || l.Account.Email != a.Email || string(l.Sealed) != "sealed" {
				t.Fatalf("%+v, %v", l, err)
			}
			switch name {
			case "a newer link is sent":
				mailed(t, s, store.LinkReset, a.Email, a)
			case "somebody else has proven":
				other, err := s.Link(ctx, mailed(t, s, store.LinkVerify, a.Email, a))
				if err != nil {
					t.Fatal(err)
				}
				if now, err := s.ProveFromOutside(ctx, other, "hash", nil); err != nil || now.AuthEpoch != a.AuthEpoch+1 {
					t.Fatalf("%+v, %v", now, err)
				}
			default:
				if err := change(a.ID); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := s.Link(ctx, digest); !errors.Is(err, store.ErrNotFound) {
				t.Errorf("%s: still there, %v", name, err)
			}
			if _, err := s.ProveFromOutside(ctx, l, "hash", nil); !errors.Is(err, store.ErrNotFound) {
				t.Errorf("%s, by who had read it before: %v", name, err)
			}
		}
	})
}

// TestProofNeedsItsSession changes nothing once the session has ended, not even
// the link.
func TestProofNeedsItsSession(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		ctx := context.Background()
		s := storetest.Open(t, store.Config{URL: url})
		a, err := s.CreateUser(ctx, person("bo@example.com"))
		if err != nil {
			t.Fatal(err)
		}
		session, err := s.OpenLoginSession(s.Begin(ctx), store.NewLoginSession{Account: a, Signature: randomSignature(), AuthTime: s.Now(),
			Life: store.SessionLife{Idle: time.Hour, Absolute: time.Hour}})
		if err != nil {
			t.Fatal(err)
		}
		l, err := s.Link(ctx, mailed(t, s, store.LinkVerify, a.Email, a))
		if err != nil {
			t.Fatal(err)
		}
		if err := s.ProveEmail(ctx, l, store.NewGrantID()); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("in no session: %v", err)
		}
		if err := s.EndLoginSession(ctx, a.ID, session.ID); err != nil {
			t.Fatal(err)
		}
		if err := s.ProveEmail(ctx, l, session.ID); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("in a session that has ended: %v", err)
		}
		now, err := s.Account(ctx, a.ID)
		if err != nil || now.EmailState != store.EmailUnproven {
			t.Errorf("%+v, %v", now, err)
		}
		if _, err := s.Link(ctx, l.Digest); err != nil {
			t.Errorf("the link: %v", err)
		}
	})
}

func TestSignUpByLink(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		ctx := context.Background()
		clock := newMovable()
		s := storetest.Open(t, store.Config{URL: url, Now: clock.now})
		n := store.Account{Email: "Bo@example.com", Username: "bo", FirstName: "Bo", PasswordHash: "hash"}
		digest := mailed(t, s, store.LinkSignUp, n.Email, nil)
		if _, err := s.CreateUser(ctx, person("bo@EXAMPLE.com")); err != nil {
			t.Fatal(err)
		}
		if _, err := s.SignUp(ctx, digest, n); !errors.Is(err, store.ErrExists) {
			t.Errorf("taken: %v", err)
		}
		if l, err := s.Link(ctx, digest); err != nil || string(l.Sealed) != "sealed" {
			t.Errorf("%+v, %v", l, err)
		}
		n.Email = "free@example.com"
		a, err := s.SignUp(ctx, digest, n)
		if err != nil || a.EmailState != store.EmailProven || !a.IsActive || *a.EmailKey != "free@example.com" {
			t.Errorf("%+v, %v", a, err)
		}
		n.Email = "again@example.com"
		if _, err := s.SignUp(ctx, digest, n); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("used: %v", err)
		}
		clock.move(2 * time.Hour)
		if _, err := s.Purge(ctx); err != nil {
			t.Fatal(err)
		}
		if n, err := s.Count(ctx, `SELECT count(*) FROM one_time_links`); n != 0 || err != nil {
			t.Errorf("%d rows stay, %v", n, err)
		}
	})
}
