package store_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"gatehouse/store"
	"gatehouse/store/storetest"
)

func signingKey(kid, algorithm string, generation int64, activeAt time.Time) *store.SigningKey {
	return &store.SigningKey{KID: kid, Algorithm: algorithm, Generation: generation, PublicKey: "{}", PrivateKey: []byte("12345678 of " + kid),
		CreatedAt: activeAt, ActiveAt: activeAt}
}

func kids(t *testing.T, s *store.Store) []string {
	t.Helper()
	list, err := s.SigningKeys(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	names := []string{}
	for _, k := range list {
		name := k.KID
		if k.RevokedAt != nil {
			name += " revoked"
		}
		names = append(names, name)
	}
	return names
}

// Replicas that find no key, or the same newest one, all make the next.
func TestOneOfManyMakesTheNextSigningKey(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		ctx := context.Background()
		s := storetest.Open(t, store.Config{URL: url})
		for generation := range int64(3) {
			var mu sync.Mutex
			var wg sync.WaitGroup
			won := 0
			for i := range 10 {
				wg.Go(func() {
					err := s.AddSigningKey(ctx, signingKey(fmt.Sprint(generation, i), "RS256", generation+1, s.Now()), false, "server")
					mu.Lock()
					defer mu.Unlock()
					if err == nil {
						won++
					} else if !errors.Is(err, store.ErrExists) {
						t.Error(err)
					}
				})
			}
			wg.Wait()
			if won != 1 {
				t.Errorf("generation %d: %d were first", generation+1, won)
			}
		}
		if list := kids(t, s); len(list) != 3 {
			t.Errorf("%q", list)
		}
		if n, err := s.Count(ctx, `SELECT count(*) FROM audit WHERE action = 'signing_key.create'`); n != 3 || err != nil {
			t.Errorf("%d on record, %v", n, err)
		}
	})
}

func TestSigningKeysComeBackAsTheyWere(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		ctx := context.Background()
		s := storetest.Open(t, store.Config{URL: url})
		want := signingKey("a", "ES256", 1, s.Now())
		if err := s.AddSigningKey(ctx, want, false, "server"); err != nil {
			t.Fatal(err)
		}
		list, err := s.SigningKeys(ctx)
		if err != nil || len(list) != 1 {
			t.Fatalf("%+v, %v", list, err)
		}
		if got := list[0]; got.KID != "a" || got.Algorithm != "ES256" || got.Generation != 1 || got.PublicKey != "{}" || !got.ActiveAt.Equal(want.ActiveAt) ||
			!got.CreatedAt.Equal(want.CreatedAt) || string(got.PrivateKey) != string(want.PrivateKey) || got.RevokedAt != nil {
			t.Errorf("%+v, want %+v", got, want)
		}
		if err := s.AddSigningKey(ctx, signingKey("b", "HS256", 1, s.Now()), false, "server"); err == nil {
			t.Error("an algorithm that nothing here signs with was taken")
		}
	})
}

func TestASigningKeyAloneRevokesThoseBefore(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		ctx := context.Background()
		s := storetest.Open(t, store.Config{URL: url})
		for _, k := range []*store.SigningKey{signingKey("a", "ES256", 1, s.Now()), signingKey("r", "RS256", 1, s.Now()), signingKey("b", "ES256", 2, s.Now().Add(time.Hour))} {
			if err := s.AddSigningKey(ctx, k, false, "server"); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.AddSigningKey(ctx, signingKey("x", "ES256", 2, s.Now()), true, "cli"); !errors.Is(err, store.ErrExists) {
			t.Errorf("the loser of a race: %v", err)
		}
		if got, want := kids(t, s), []string{"a", "b", "r"}; !slices.Equal(got, want) {
			t.Errorf("the loser revoked: %q", got)
		}
		if err := s.AddSigningKey(ctx, signingKey("c", "ES256", 3, s.Now()), true, "cli"); err != nil {
			t.Fatal(err)
		}
		if got, want := kids(t, s), []string{"a revoked", "b revoked", "c", "r"}; !slices.Equal(got, want) {
			t.Errorf("%q, want %q", got, want)
		}
	})
}

func TestASigningKeyIsResealedOnce(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		ctx := context.Background()
		s := storetest.Open(t, store.Config{URL: url})
		k := signingKey("a", "ES256", 1, s.Now())
		if err := s.AddSigningKey(ctx, k, false, "server"); err != nil {
			t.Fatal(err)
		}
		for _, sealed := range []string{"first", "second"} { // both have read the old bytes
			if err := s.ResealSigningKey(ctx, "a", k.PrivateKey, []byte(sealed)); err != nil {
				t.Error(err)
			}
		}
		if list, err := s.SigningKeys(ctx); err != nil || string(list[0].PrivateKey) != "first" {
			t.Errorf("%s, %v", list[0].PrivateKey, err)
		}
	})
}

func TestPurgeOfSigningKeys(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		ctx := context.Background()
		clock := newMovable()
		s := storetest.Open(t, store.Config{URL: url, Now: clock.now})
		begin := s.Now()
		add := func(kid string, generation int64, activeAt time.Time, alone bool) {
			t.Helper()
			if err := s.AddSigningKey(ctx, signingKey(kid, "ES256", generation, activeAt), alone, "server"); err != nil {
				t.Fatal(err)
			}
		}
		purged := func(then time.Time, want ...string) {
			t.Helper()
			if _, err := s.PurgeSigningKeys(ctx, then); err != nil {
				t.Fatal(err)
			}
			if got := kids(t, s); !slices.Equal(got, want) {
				t.Errorf("%q, want %q", got, want)
			}
		}
		add("a", 1, begin, false)
		purged(begin.Add(time.Hour), "a")
		add("b", 2, begin.Add(2*time.Hour), false)
		purged(begin.Add(2*time.Hour), "a", "b")
		purged(begin.Add(2*time.Hour+time.Second), "b")
		clock.move(3 * time.Hour)
		add("c", 3, s.Now(), true)
		purged(s.Now(), "b revoked", "c")
		clock.move(time.Hour)
		purged(s.Now(), "c")
	})
}
