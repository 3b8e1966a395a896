package store_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gatehouse/store"
	"gatehouse/store/storetest"
)

func TestStepsOfASystemSecret(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		ctx := context.Background()
		clock := newMovable()
		s := storetest.Open(t, store.Config{URL: url, Now: clock.now})
		id, other := []byte("12345678"), []byte("1234567%")
		added := s.Now()
		for _, step := range []string{store.SecretAdded, store.SecretPromoted} {
			if err := s.NoteSecret(ctx, id, step, "cli"); err != nil {
				t.Fatal(err)
			}
			clock.move(time.Minute)
		}
		steps, err := s.SecretSteps(ctx, id)
		if err != nil || len(steps) != 2 || steps[store.SecretPromoted].Sub(steps[store.SecretAdded]).Round(time.Second) != time.Minute {
			t.Errorf("%v from %v, %v", steps, added, err)
		}
		if err := s.NoteSecret(ctx, id, store.SecretAdded, "cli"); err != nil { // once more
			t.Error(err)
		}
		if again, err := s.SecretSteps(ctx, id); err != nil || !again[store.SecretAdded].After(steps[store.SecretPromoted]) {
			t.Errorf("%v, %v", again, err)
		}
		if steps, err := s.SecretSteps(ctx, other); err != nil || len(steps) != 0 {
			t.Errorf("another secret: %v, %v", steps, err)
		}
		if n, err := s.Count(ctx, `SELECT count(*) FROM audit WHERE action = 'secret.promoted' AND target = '3132333435363738'`); n != 1 || err != nil {
			t.Errorf("%d on record, %v", n, err)
		}
	})
}

func TestWhatDependsOnASystemSecret(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		ctx := context.Background()
		s := storetest.Open(t, store.Config{URL: url})
		if err := s.AddSigningKey(ctx, signingKey("a", "ES256", 1, s.Now()), false, "server"); err != nil {
			t.Fatal(err)
		}
		for id, want := range map[string][]store.Dependants{"12345678": {{What: "signing keys", Count: 1}}, "12345679": nil} {
			got, err := s.DependOnSecret(ctx, []byte(id), s.Now())
			if diff := cmp.Diff(want, got); diff != "" || err != nil {
				t.Errorf("%s: %v\n%s", id, err, diff)
			}
		}
	})
}
