package store_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"gatehouse/store"
	"gatehouse/store/storetest"
)

var shortLife = store.SessionLife{Idle: time.Hour, Absolute: 3 * time.Hour}

// atBrowser signs an account in at a browser that had previous before.
func atBrowser(t *testing.T, s *store.Store, a *store.Account, previous *store.SignedIn) *store.SignedIn {
	t.Helper()
	ctx, signature := context.Background(), randomSignature()
	_, err := s.OpenLoginSession(s.Begin(ctx), store.NewLoginSession{Account: a, Previous: previous, Signature: signature, AuthTime: s.Now(),
		AMR: store.Words{"pwd"}, UserAgent: "a browser", Address: "192.0.2.1", Life: shortLife})
	if err != nil {
		t.Fatal(err)
	}
	in, err := s.SignedIn(ctx, signature, shortLife)
	if err != nil {
		t.Fatal(err)
	}
	return in
}

// bornOf is a grant of a session.
func bornOf(t *testing.T, s *store.Store, in *store.SignedIn, client string, scope store.Words) (id string) {
	t.Helper()
	ctx, now := s.Begin(context.Background()), s.Now()
	id = store.NewGrantID()
	s.AddGrant(ctx, &store.Session{AuthEpoch: in.Account.AuthEpoch, Grant: store.Grant{ID: id, RootID: id, AccountID: &in.AccountID, ClientID: client, Scope: scope,
		Subject: in.AccountID, AuthTime: now, LoginSessionID: &in.ID, CreatedAt: now, ExpiresAt: now.Add(time.Hour)}},
		&store.AccessToken{Signature: randomSignature(), GrantID: id, IssuedAt: now, ExpiresAt: now.Add(time.Hour)}, nil)
	if err := s.Flush(ctx); err != nil {
		t.Fatal(err)
	}
	return id
}

func lives(t *testing.T, s *store.Store, grant string) bool {
	t.Helper()
	g, err := s.Grant(context.Background(), grant)
	if err != nil {
		t.Fatal(err)
	}
	return g.RevokedAt == nil
}

func user(t *testing.T, s *store.Store, email string) *store.Account {
	t.Helper()
	a, err := s.CreateUser(context.Background(), person(email))
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestSessionLastsAsLongAsItIsUsed(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		ctx, clock := context.Background(), newMovable()
		s := storetest.Open(t, store.Config{URL: url, Now: clock.now})
		a := user(t, s, "bo@example.com")
		used, idle := atBrowser(t, s, a, nil), atBrowser(t, s, a, nil)
		for range 3 {
			clock.move(55 * time.Minute)
			if _, err := s.SignedIn(ctx, used.Signature, shortLife); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := s.SignedIn(ctx, idle.Signature, shortLife); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("unused: %v", err)
		}
		if list, err := s.LoginSessions(ctx, a.ID); err != nil || len(list) != 1 || list[0].ID != used.ID {
			t.Errorf("%+v, %v", list, err)
		}
		clock.move(15*time.Minute + time.Second) // since the last use, but 3 h in all
		if _, err := s.SignedIn(ctx, used.Signature, shortLife); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("past its end: %v", err)
		}
		if _, err := s.SignedIn(ctx, randomSignature(), shortLife); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("a cookie of nobody's: %v", err)
		}
	})
}

func TestSignInAgainKeepsTheSessionOfTheSamePerson(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		ctx := context.Background()
		s := storetest.Open(t, store.Config{URL: url})
		bo, al := user(t, s, "bo@example.com"), user(t, s, "al@example.com")
		first := atBrowser(t, s, bo, nil)
		again := atBrowser(t, s, bo, first)
		if again.ID != first.ID || again.SID != first.SID {
			t.Errorf("%+v, before %+v", again, first)
		}
		if _, err := s.SignedIn(ctx, first.Signature, shortLife); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("the old cookie: %v", err)
		}
		if other := atBrowser(t, s, al, again); other.ID == again.ID {
			t.Error("somebody else got the session")
		}
		if _, err := s.SignedIn(ctx, again.Signature, shortLife); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("of who was there before: %v", err)
		}
	})
}

func TestNoSessionOfAnAccountThatChanged(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		ctx := context.Background()
		s := storetest.Open(t, store.Config{URL: url})
		read := user(t, s, "bo@example.com") // before the password changes
		if err := s.SetPassword(ctx, read.ID, "another good passphrase"); err != nil {
			t.Fatal(err)
		}
		_, err := s.OpenLoginSession(s.Begin(ctx), store.NewLoginSession{Account: read, Signature: randomSignature(), AuthTime: s.Now(), Life: shortLife})
		if !errors.Is(err, store.ErrNotFound) {
			t.Errorf("%v", err)
		}
	})
}

func TestSessionEndsOnceAndForItsOwnerAlone(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		ctx := context.Background()
		s := storetest.Open(t, store.Config{URL: url})
		clientsOf(t, s, "web")
		bo, al := user(t, s, "bo@example.com"), user(t, s, "al@example.com")
		in := atBrowser(t, s, bo, nil)
		online, offline := bornOf(t, s, in, "web", store.Words{"openid"}), bornOf(t, s, in, "web", store.Words{"openid", store.ScopeOffline})
		if err := s.EndLoginSession(ctx, al.ID, in.ID); !errors.Is(err, store.ErrNotFound) || !lives(t, s, online) {
			t.Errorf("by somebody else: %v", err)
		}
		var wg sync.WaitGroup
		results := make(chan error, 8)
		for range 8 {
			wg.Go(func() { results <- s.EndLoginSession(ctx, bo.ID, in.ID) })
		}
		wg.Wait()
		close(results)
		ended := 0
		for err := range results {
			if err == nil {
				ended++
			} else if !errors.Is(err, store.ErrNotFound) {
				t.Error(err)
			}
		}
		if ended != 1 || lives(t, s, online) || !lives(t, s, offline) {
			t.Errorf("ended %d times; online lives %t, offline %t", ended, lives(t, s, online), lives(t, s, offline))
		}
	})
}

func TestOtherSessionsEnd(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		ctx := context.Background()
		s := storetest.Open(t, store.Config{URL: url})
		bo, al := user(t, s, "bo@example.com"), user(t, s, "al@example.com")
		mine, theirs := atBrowser(t, s, bo, nil), atBrowser(t, s, al, nil)
		atBrowser(t, s, bo, nil)
		atBrowser(t, s, bo, nil)
		if n, err := s.EndLoginSessions(ctx, bo.ID, mine.ID); n != 2 || err != nil {
			t.Errorf("%d, %v", n, err)
		}
		for _, in := range []*store.SignedIn{mine, theirs} {
			if _, err := s.SignedIn(ctx, in.Signature, shortLife); err != nil {
				t.Errorf("%s: %v", in.Account.Email, err)
			}
		}
	})
}
