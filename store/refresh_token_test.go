package store_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"testing"
	"time"

	"gatehouse/store"
	"gatehouse/store/storetest"
)

const refreshGrace = 30 * time.Second

// signIn gives the account a grant at a client, and returns the refresh token's
// signature.
func signIn(t *testing.T, s *store.Store, a *store.Account, client string) []byte {
	t.Helper()
	ctx := s.Begin(context.Background())
	now, id := s.Now(), store.NewGrantID()
	session := &store.Session{AuthEpoch: a.AuthEpoch, Grant: store.Grant{ID: id, RootID: id, AccountID: &a.ID, ClientID: client,
		Subject: a.ID, AuthTime: now, CreatedAt: now, ExpiresAt: now.Add(time.Hour)}}
	access := &store.AccessToken{Signature: randomSignature(), GrantID: id, IssuedAt: now, ExpiresAt: now.Add(time.Hour)}
	refresh := &store.RefreshToken{Signature: randomSignature(), IssuedAt: now, ExpiresAt: now.Add(time.Hour)}
	s.AddGrant(ctx, session, access, refresh)
	if err := s.Flush(ctx); err != nil {
		t.Fatal(err)
	}
	return refresh.Signature
}

func randomSignature() []byte {
	b := make([]byte, 32)
	rand.Read(b)
	return b
}

// rotate spends a refresh token for the successor that is derived from it.
func rotate(s *store.Store, client string, old []byte) ([]byte, error) {
	successor := bytes.Clone(old)
	successor[0]++
	_, err := s.Rotate(context.Background(), store.Rotation{Old: old, ClientID: client, SecretID: []byte("id"), Salt: store.NewSalt(), Refresh: successor, Lifetime: time.Hour,
		Access: store.AccessToken{Signature: randomSignature(), ExpiresAt: s.Now().Add(time.Hour)}})
	return successor, err
}

func clientsOf(t *testing.T, s *store.Store, ids ...string) {
	t.Helper()
	for _, id := range ids {
		if _, err := s.CreateClient(context.Background(), &store.Client{ID: id}, ""); err != nil {
			t.Fatal(err)
		}
	}
}

func TestExpireRefreshTokensEndsThoseOfOneAccountAtOneClient(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		ctx := context.Background()
		s := storetest.Open(t, store.Config{URL: url, RefreshGrace: refreshGrace})
		clientsOf(t, s, "web", "app")
		bo, err := s.CreateUser(ctx, person("bo@example.com"))
		if err != nil {
			t.Fatal(err)
		}
		al, err := s.CreateUser(ctx, person("al@example.com"))
		if err != nil {
			t.Fatal(err)
		}
		plain, replaced := signIn(t, s, bo, "web"), signIn(t, s, bo, "web")
		successor, err := rotate(s, "web", replaced)
		if err != nil {
			t.Fatal(err)
		}
		elsewhere, somebody := signIn(t, s, bo, "app"), signIn(t, s, al, "web")
		if err := s.ExpireRefreshTokens(ctx, bo.ID, "web"); err != nil {
			t.Fatal(err)
		}
		for name, tt := range map[string]struct {
			signature []byte
			live      bool
		}{
			"untouched": {plain, false}, "replaced, within the grace": {replaced, false}, "successor": {successor, false},
			"another client's": {elsewhere, true}, "another account's": {somebody, true},
		} {
			p, err := s.PresentedRefresh(ctx, tt.signature)
			if err != nil {
				t.Fatal(err)
			}
			if p.Live(s.Now()) != tt.live || p.RevokedAt != nil {
				t.Errorf("%s: ends %v", name, p.ExpiresAt)
			}
			if _, err := rotate(s, p.ClientID, tt.signature); (err == nil) != tt.live || err != nil && !errors.Is(err, store.ErrNotFound) {
				t.Errorf("%s: refreshed: %v", name, err)
			}
			if spent := p.SpentAt != nil; spent != (name == "replaced, within the grace") {
				t.Errorf("%s: spent %v", name, p.SpentAt)
			}
		}
		if n, err := s.Count(ctx, `SELECT count(*) FROM access_tokens WHERE revoked_at IS NULL`); n != 4 || err != nil {
			t.Errorf("of 4 sign-ins %d have a live access token, %v", n, err)
		}
		for name, ids := range map[string][2]string{"again": {bo.ID, "web"}, "no such client": {bo.ID, "x"}, "no account": {"x", "web"}} {
			if err := s.ExpireRefreshTokens(ctx, ids[0], ids[1]); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}

// A client that refreshes all the time is stopped too.
func TestExpireRefreshTokensStopsARefreshUnderWay(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		ctx := context.Background()
		s := storetest.Open(t, store.Config{URL: url, RefreshGrace: refreshGrace})
		clientsOf(t, s, "web")
		bo, err := s.CreateUser(ctx, person("bo@example.com"))
		if err != nil {
			t.Fatal(err)
		}
		for round := range 5 {
			token, began, stopped := signIn(t, s, bo, "web"), make(chan struct{}), make(chan error, 1)
			go func() {
				var err error
				for n := 0; err == nil && n < 10_000; n++ {
					if n == 3 {
						close(began)
					}
					token, err = rotate(s, "web", token)
				}
				stopped <- err
			}()
			<-began
			if err := s.ExpireRefreshTokens(ctx, bo.ID, "web"); err != nil {
				t.Fatal(err)
			}
			if n, err := s.Count(ctx, `SELECT count(*) FROM refresh_tokens WHERE expires_at > $1 AND spent_at IS NULL`, s.Now()); n != 0 || err != nil {
				t.Errorf("round %d: %d live, %v", round, n, err)
			}
			if err := <-stopped; !errors.Is(err, store.ErrNotFound) {
				t.Errorf("round %d: %v", round, err)
			}
		}
	})
}
