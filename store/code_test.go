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

func codeOf(s *store.Store, in *store.SignedIn, client string) *store.Code {
	return &store.Code{Signature: randomSignature(), GrantID: store.NewGrantID(), ClientID: client, AuthEpoch: in.Account.AuthEpoch, LoginSessionID: in.ID,
		RedirectURI: "https://app.example.com/cb", CodeChallenge: "challenge", Nonce: "n", Scope: store.Words{"openid"}, IssuedAt: s.Now(), ExpiresAt: s.Now().Add(time.Minute)}
}

// redeem exchanges a code as it was presented.
func redeem(s *store.Store, p *store.PresentedCode) error {
	ctx, now := s.Begin(context.Background()), s.Now()
	s.AddGrant(ctx, &store.Session{AuthEpoch: p.AuthEpoch, Grant: store.Grant{ID: p.GrantID, RootID: p.GrantID, AccountID: &p.AccountID, ClientID: p.ClientID,
		Subject: p.AccountID, AuthTime: p.AuthTime, LoginSessionID: &p.LoginSessionID, CreatedAt: now, ExpiresAt: now.Add(time.Hour)}},
		&store.AccessToken{Signature: randomSignature(), GrantID: p.GrantID, IssuedAt: now, ExpiresAt: now.Add(time.Hour)}, nil)
	s.SpendCode(ctx, p.Signature)
	return s.Flush(ctx)
}

func TestCodeNeedsALiveSession(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		ctx, clock := context.Background(), newMovable()
		s := storetest.Open(t, store.Config{URL: url, Now: clock.now})
		clientsOf(t, s, "web")
		bo := user(t, s, "bo@example.com")
		in := atBrowser(t, s, bo, nil)
		stale := codeOf(s, in, "web")
		stale.AuthEpoch--
		over := atBrowser(t, s, bo, nil)
		if err := s.EndLoginSession(ctx, bo.ID, over.ID); err != nil {
			t.Fatal(err)
		}
		for name, c := range map[string]*store.Code{"another epoch": stale, "a session that has ended": codeOf(s, over, "web")} {
			if err := s.AddCode(ctx, c); !errors.Is(err, store.ErrNotFound) {
				t.Errorf("%s: %v", name, err)
			}
		}
		c := codeOf(s, in, "web")
		if err := s.AddCode(ctx, c); err != nil {
			t.Fatal(err)
		}
		p, err := s.PresentedCode(ctx, c.Signature)
		if err != nil || p.AccountID != bo.ID || p.SID != in.SID || p.Account.Email != bo.Email || p.RedirectURI != c.RedirectURI || p.SpentAt != nil {
			t.Errorf("%+v, %v", p, err)
		}
		if err := s.EndLoginSession(ctx, bo.ID, in.ID); err != nil {
			t.Fatal(err)
		}
		if p, err := s.PresentedCode(ctx, c.Signature); err != nil || p.SID != "" {
			t.Errorf("its session has ended: %+v, %v", p, err)
		}
		if _, err := s.PresentedCode(ctx, randomSignature()); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("no such code: %v", err)
		}
		clock.move(25 * time.Hour)
		if _, err := s.Purge(ctx); err != nil {
			t.Fatal(err)
		}
		if _, err := s.PresentedCode(ctx, c.Signature); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("of long ago: %v", err)
		}
	})
}

func TestCodeIsGoodOnce(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		ctx := context.Background()
		s := storetest.Open(t, store.Config{URL: url})
		clientsOf(t, s, "web")
		in := atBrowser(t, s, user(t, s, "bo@example.com"), nil)
		c := codeOf(s, in, "web")
		if err := s.AddCode(ctx, c); err != nil {
			t.Fatal(err)
		}
		p, err := s.PresentedCode(ctx, c.Signature)
		if err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		results := make(chan error, 8)
		for range 8 {
			wg.Go(func() { results <- redeem(s, p) })
		}
		wg.Wait()
		close(results)
		won := 0
		for err := range results {
			if err == nil {
				won++
			} else if !errors.Is(err, store.ErrNotFound) && !errors.Is(err, store.ErrReplayed) {
				t.Error(err)
			}
		}
		if won != 1 || !lives(t, s, c.GrantID) {
			t.Fatalf("%d exchanged it", won)
		}
		for range 2 { // of which one is on record
			if err := s.RevokeReplayed(ctx, p, "192.0.2.1"); err != nil {
				t.Error(err)
			}
		}
		if n, err := s.Count(ctx, `SELECT count(*) FROM audit WHERE action = 'code.replay'`); n != 1 || err != nil || lives(t, s, c.GrantID) {
			t.Errorf("%d on record, %v", n, err)
		}
	})
}

func TestCodeOfAnAccountThatChangedIsNotSpent(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		ctx := context.Background()
		s := storetest.Open(t, store.Config{URL: url})
		clientsOf(t, s, "web")
		bo := user(t, s, "bo@example.com")
		c := codeOf(s, atBrowser(t, s, bo, nil), "web")
		if err := s.AddCode(ctx, c); err != nil {
			t.Fatal(err)
		}
		p, err := s.PresentedCode(ctx, c.Signature)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.SetPassword(ctx, bo.ID, "another good passphrase"); err != nil {
			t.Fatal(err)
		}
		if err := redeem(s, p); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("%v", err)
		}
		if _, err := s.Grant(ctx, c.GrantID); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("it began a grant: %v", err)
		}
	})
}
