package store_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"gatehouse/store"
	"gatehouse/store/storetest"
)

func TestPurgeWorksInBatches(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		ctx := context.Background()
		clock := newMovable()
		s := storetest.Open(t, store.Config{URL: url, Now: clock.now})
		const rows = 4500
		for i := range rows {
			if err := s.AllowSignUp(ctx, store.Limits{SignUp: store.Limit{Max: 1, Window: time.Minute}}, fmt.Sprint(i)); err != nil {
				t.Fatal(err)
			}
		}
		if n, err := s.Purge(ctx); n != 0 || err != nil {
			t.Errorf("before their end: %d, %v", n, err)
		}
		clock.move(time.Hour)
		if n, err := s.Purge(ctx); n != rows || err != nil {
			t.Errorf("%d, %v", n, err)
		}
	})
}

// Of two replicas one purges; when its lock is free the other does.
func TestUpkeepHasOneLeader(t *testing.T) {
	url := storetest.Postgres(t)
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	clock := newMovable()
	a := storetest.Open(t, store.Config{URL: url, Now: clock.now})
	if err := a.AllowSignUp(ctx, store.Limits{SignUp: store.Limit{Max: 1, Window: time.Minute}}, "x"); err != nil {
		t.Fatal(err)
	}
	clock.move(time.Hour)
	left := func() int {
		n, err := a.Count(ctx, `SELECT count(*) FROM limits`)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	release, err := a.HoldPurgeLock(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if err := a.PurgeAsLeader(ctx); err != nil || left() != 1 {
		t.Errorf("beside another leader: %v, %d rows", err, left())
	}
	release()
	if err := a.PurgeAsLeader(ctx); err != nil || left() != 0 {
		t.Errorf("alone: %v, %d rows", err, left())
	}
}

// Imported accounts stay in the sample however many have signed up since: or an
// address that has none would answer faster than theirs.
func TestSampleOfHashesReachesOldAccounts(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		ctx := context.Background()
		s := storetest.Open(t, store.Config{URL: url})
		for i := range 180 {
			a, err := s.CreateUser(ctx, person(fmt.Sprintf("%d@example.com", i)))
			if err != nil {
				t.Fatal(err)
			}
			if i < 60 {
				if err := s.ImportHash(ctx, a.ID, "pbkdf2_sha256$1$salt$"+strings.Repeat("A", 43)+"="); err != nil {
					t.Fatal(err)
				}
			}
		}
		hashes, err := s.SomeHashes(ctx)
		old := 0
		for _, h := range hashes {
			if strings.HasPrefix(h, "pbkdf2") {
				old++
			}
		}
		if err != nil || len(hashes) < 150 || old < 30 {
			t.Errorf("%d of %d are imported, %v", old, len(hashes), err)
		}
	})
}
