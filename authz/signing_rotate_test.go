package authz

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gatehouse/store/storetest"
)

// scheduled makes a server that rotates its keys every 90 days.
func (w *world) scheduled() *Server {
	w.t.Helper()
	s := w.serve([]byte(strings.Repeat("s", 32)))
	s.cfg.RotateKeysEvery = 90 * 24 * time.Hour
	return s
}

func (w *world) keepKeys(servers ...*Server) {
	w.t.Helper()
	for _, s := range servers {
		if err := s.keepKeys(w.t.Context()); err != nil {
			w.t.Error(err)
		}
	}
	w.clock.move(keysAge) // and everybody knows
}

// A whole life of a key, seen by two replicas of which one made it.
func TestKeyIsPublishedBeforeUseAndUntilItsLastToken(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		a, b := w.scheduled(), w.scheduled()
		expect := func(when, signs string, published ...string) {
			t.Helper()
			for _, s := range []*Server{a, b} {
				if kid := kidOf(t, w.sign(s, ES256)); kid != signs {
					t.Errorf("%s: signed with %s, want %s", when, kid, signs)
				}
				_, names := w.jwks(s)
				if diff := cmp.Diff(published, names[1:]); diff != "" { // the first is the RSA key
					t.Errorf("%s: JWKS: %s", when, diff)
				}
			}
		}
		old := kidOf(t, w.sign(a, ES256))
		w.tamper(`DELETE FROM signing_keys WHERE algorithm = 'RS256'`)
		w.keepKeys(a, b)
		w.clock.move(90*24*time.Hour - publishAhead - time.Minute)
		seedRSA(t, a) // so that it is not due yet
		w.keepKeys(a, b)
		expect("before it is due", old, old)

		w.clock.move(2 * time.Minute)
		w.keepKeys(a, b)
		next := w.keysOf(ES256, "next")
		if len(next) != 1 {
			t.Fatalf("next keys: %v", next)
		}
		expect("published", old, old, next[0])
		w.clock.move(publishAhead - 2*time.Minute)
		last := w.sign(b, ES256)
		expect("just before", old, old, next[0])

		w.clock.move(2 * time.Minute)
		expect("it signs", next[0], next[0], old)
		w.clock.move(signedLife)
		expect("the last token of the old one has just expired", next[0], next[0], old)
		w.clock.move(time.Hour)
		expect("the old one is retired", next[0], next[0])
		for _, s := range []*Server{a, b} {
			if err := s.verifyOwn(t.Context(), last, &map[string]any{}); err != nil {
				t.Errorf("a hint with the last token of the old key: %v", err)
			}
		}

		w.clock.move(keptAfter)
		w.keepKeys(a, b)
		if n := w.count(`SELECT count(*) FROM signing_keys WHERE kid = '` + old + `'`); n != 0 {
			t.Error("the old key is kept for ever")
		}
		if err := a.verifyOwn(t.Context(), last, &map[string]any{}); !errors.Is(err, errForeignToken) {
			t.Errorf("a hint of long ago: %v", err)
		}
		if n := w.count(`SELECT count(*) FROM audit WHERE action = 'signing_key.create' AND actor = 'server' AND target = '` + next[0] + `'`); n != 1 {
			t.Errorf("%d on record", n)
		}
	})
}

func TestScheduleThatWasMissedStillPublishesAhead(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		s := w.scheduled()
		old := kidOf(t, w.sign(s, ES256))
		w.tamper(`DELETE FROM signing_keys WHERE algorithm = 'RS256'`)
		w.clock.move(200 * 24 * time.Hour) // nobody was there
		w.keepKeys(s, s)
		if kid := kidOf(t, w.sign(s, ES256)); kid != old {
			t.Error("a key signs that nobody has seen")
		}
		w.clock.move(publishAhead)
		if kid := kidOf(t, w.sign(s, ES256)); kid == old {
			t.Error("the old key signs on")
		}
		if n := w.count(`SELECT count(*) FROM signing_keys`); n != 2 {
			t.Errorf("%d keys", n)
		}
	})
}

func TestWithoutScheduleOrUseNoKeyIsMade(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.tamper(`DELETE FROM signing_keys`)
		scheduled := w.scheduled()
		w.keepKeys(scheduled, w.server)
		w.sign(w.server, ES256)
		w.clock.move(1000 * 24 * time.Hour)
		w.keepKeys(w.server) // rotates never
		if n := w.count(`SELECT count(*) FROM signing_keys`); n != 1 {
			t.Errorf("%d keys", n)
		}
	})
}

func TestRotateKey(t *testing.T) {
	secrets := [][]byte{[]byte(strings.Repeat("s", 32))}
	each(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		old := w.sign(w.server, ES256)
		next, err := RotateKey(ctx, w.store, secrets, ES256, false, "cli")
		if err != nil || next.State != "next" || next.ActiveAt.Sub(next.CreatedAt).Round(time.Minute) != publishAhead {
			t.Fatalf("%+v, %v", next, err)
		}
		if _, err := RotateKey(ctx, w.store, secrets, ES256, false, "cli"); !errors.Is(err, ErrKeyPublished) {
			t.Errorf("a second time: %v", err)
		}
		w.clock.move(keysAge)
		if _, names := w.jwks(w.server); !slices.Contains(names, next.KID) {
			t.Errorf("the server does not publish it: %v", names)
		}
		if kid := kidOf(t, w.sign(w.server, ES256)); kid != kidOf(t, old) {
			t.Error("it signs at once")
		}

		// After a theft nothing from before is left, not the next key either.
		now, err := RotateKey(ctx, w.store, secrets, ES256, true, "cli")
		if err != nil || now.State != "current" {
			t.Fatalf("%+v, %v", now, err)
		}
		w.clock.move(keysAge)
		if kid := kidOf(t, w.sign(w.server, ES256)); kid != now.KID {
			t.Errorf("signed with %s, want %s", kid, now.KID)
		}
		if _, names := w.jwks(w.server); len(names) != 2 || names[1] != now.KID {
			t.Errorf("published %v", names)
		}
		if err := w.server.verifyOwn(ctx, old, &map[string]any{}); !errors.Is(err, errForeignToken) {
			t.Errorf("a token of the stolen key: %v", err)
		}
		if got := w.keysOf(ES256, "revoked"); len(got) != 2 {
			t.Errorf("revoked: %v", got)
		}
		if rsa := w.keysOf(RS256, "current"); len(rsa) != 1 {
			t.Errorf("the other algorithm: %v", rsa)
		}
		if n := w.count(`SELECT count(*) FROM audit WHERE action = 'signing_key.create' AND actor = 'cli'`); n != 2 {
			t.Errorf("%d on record", n)
		}
		if _, err := RotateKey(ctx, w.store, secrets, "HS256", true, "cli"); err == nil {
			t.Error("made a key for HS256")
		}
	})
}

func TestRotateKeyMakesTheFirst(t *testing.T) {
	w := newWorld(t, storetest.SQLite(t))
	first, err := RotateKey(t.Context(), w.store, [][]byte{[]byte(strings.Repeat("s", 32))}, ES256, false, "cli")
	if err != nil || first.State != "current" || kidOf(t, w.sign(w.server, ES256)) != first.KID {
		t.Errorf("%+v, %v", first, err)
	}
}

// Keys change under people who sign in and clients who check what they got,
// each at whatever replica and with the JWKS as old as it may be.
func TestKeyRotationUnderTraffic(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		servers := []*Server{w.scheduled(), w.scheduled()}
		seen, _ := w.jwks(servers[0]) // by a client, before each step
		var jwks atomic.Value
		jwks.Store(seen)
		kids := map[string]bool{}
		type token struct {
			text string
			ends time.Time
		}
		var kept atomic.Pointer[token] // for as long as one may be good
		traffic := startTraffic(t, 4, func(lap int) error {
			now := w.store.Now()
			text, err := servers[lap%2].sign(context.Background(), ES256, map[string]any{"exp": now.Add(signedLife).Unix()})
			if err != nil {
				return err
			}
			old := kept.Load()
			if old == nil || old.ends.Before(now) {
				kept.CompareAndSwap(old, &token{text, now.Add(signedLife)})
			} else if err := checkWith(jwks.Load(), old.text); err != nil {
				return fmt.Errorf("a token from before: %w", err)
			}
			return errors.Join(checkWith(jwks.Load(), text), servers[(lap+1)%2].verifyOwn(context.Background(), text, &map[string]any{}))
		})
		for range 3 {
			for _, step := range []time.Duration{90*24*time.Hour - publishAhead, 5 * time.Minute, publishAhead - 5*time.Minute, signedLife + time.Hour} {
				traffic.between(func() {
					// Whoever keeps the JWKS has it from at most 5 minutes ago.
					w.clock.move(step - 5*time.Minute)
					w.keepKeys(servers...)
					seen, names := w.jwks(servers[1])
					jwks.Store(seen)
					for _, n := range names {
						kids[n] = true
					}
					w.clock.move(5 * time.Minute)
				})
			}
		}
		traffic.stop()
		if len(kids) < 6 {
			t.Errorf("only %d keys were ever published", len(kids))
		}
	})
}

func TestRunDoesItsJobsUntilTheEnd(t *testing.T) {
	w := newWorld(t, storetest.SQLite(t))
	s := w.scheduled()
	w.sign(s, ES256)
	w.clock.move(90 * 24 * time.Hour)
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.Run(ctx)
	}()
	for len(w.keysOf(ES256, "next")) == 0 {
		if t.Context().Err() != nil {
			t.Fatal("no key was made")
		}
	}
	stop()
	<-done
}
