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

// movable is a clock that a test moves.
type movable struct {
	mu sync.Mutex
	at time.Time
}

func (m *movable) now() time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.at
}

func (m *movable) move(d time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.at = m.at.Add(d)
}

// newMovable begins where a window of any whole length up to a day does.
func newMovable() *movable { return &movable{at: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)} }

func TestLimitSlides(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		ctx := context.Background()
		clock := newMovable()
		s := storetest.Open(t, store.Config{URL: url, Now: clock.now})
		limits := store.Limits{SignUp: store.Limit{Max: 10, Window: 15 * time.Minute}}
		signUp := func() time.Duration {
			t.Helper()
			err := s.AllowSignUp(ctx, limits, "192.0.2.1")
			if limited := (*store.LimitError)(nil); errors.As(err, &limited) {
				return limited.Wait
			}
			if err != nil {
				t.Fatal(err)
			}
			return 0
		}
		clock.move(10 * time.Minute)
		for i := range 10 {
			if wait := signUp(); wait != 0 {
				t.Fatalf("number %d has to wait %v", i+1, wait)
			}
		}
		// The window before weighs 10·(1 − x): room for one at x = 0.1, 1.5 minutes into the next.
		want := 6*time.Minute + 30*time.Second
		for range 20 { // hammering on does not prolong it
			if wait := signUp(); wait < want-time.Second || wait > want+time.Second {
				t.Fatalf("after ten: wait %v, want %v", wait, want)
			}
		}
		clock.move(want - time.Second)
		if wait := signUp(); wait <= 0 || wait > 2*time.Second {
			t.Errorf("a second too early: %v", wait)
		}
		clock.move(2 * time.Second)
		if wait := signUp(); wait != 0 {
			t.Errorf("after the wait that was told: %v more", wait)
		}
		if wait := signUp(); wait < 80*time.Second || wait > 95*time.Second {
			t.Errorf("and another one: %v, want a tenth of the window", wait)
		}
		if err := s.AllowSignUp(ctx, limits, "192.0.2.2"); err != nil {
			t.Errorf("another address: %v", err)
		}
	})
}

// Whoever is over the limit by address must not be able to lock others out.
func TestBlockedAddressCountsAgainstNoAccount(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		ctx := context.Background()
		s := storetest.Open(t, store.Config{URL: url})
		if _, err := s.CreateUser(ctx, person("bo@example.com")); err != nil {
			t.Fatal(err)
		}
		limits := store.Limits{PasswordAddress: store.Limit{Max: 3, Window: time.Hour}, PasswordAccount: store.Limit{Max: 5, Window: time.Hour}}
		var limited *store.LimitError
		for i := range 20 {
			_, err := s.Login(s.Begin(ctx), limits, "bo@example.com", "wrong", "192.0.2.1")
			if i < 3 != errors.Is(err, store.ErrWrongPassword) || i >= 3 != errors.As(err, &limited) {
				t.Errorf("number %d: %v", i+1, err)
			}
		}
		if _, err := s.Login(s.Begin(ctx), limits, "bo@example.com", goodPassword, "192.0.2.2"); err != nil {
			t.Errorf("the owner from elsewhere: %v", err)
		}
		if n, err := s.Count(ctx, `SELECT count(*) FROM limits`); n != 3 || err != nil {
			t.Errorf("%d rows, %v; want one of each address and one of the account", n, err)
		}
	})
}

// Guesses at an address that has no account must not keep out who signs up.
func TestSignUpForgetsEarlierGuesses(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		ctx := context.Background()
		s := storetest.Open(t, store.Config{URL: url})
		limits := store.Limits{PasswordAccount: store.Limit{Max: 3, Window: time.Hour}}
		for range 5 {
			s.Login(s.Begin(ctx), limits, "Bo@example.com", "guess", "192.0.2.1")
		}
		if _, err := s.CreateUser(ctx, person("bo@example.com")); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Login(s.Begin(ctx), limits, "bo@example.com", goodPassword, "192.0.2.2"); err != nil {
			t.Error(err)
		}
	})
}

// A sign-in that was never tried for want of a free core is no failure.
func TestBusyIsNoFailure(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		ctx := context.Background()
		s := storetest.Open(t, store.Config{URL: url, Hasher: store.NewHasher(store.HasherConfig{Memory: 64, Time: 1, Queue: -1})})
		if _, err := s.CreateUser(ctx, person("bo@example.com")); err != nil {
			t.Fatal(err)
		}
		limits := store.Limits{PasswordAccount: store.Limit{Max: 3, Window: time.Hour}}
		resume := s.Hasher().Pause()
		for range 10 {
			gone, cancel := context.WithTimeout(ctx, time.Millisecond)
			if _, err := s.Login(s.Begin(gone), limits, "bo@example.com", goodPassword, "192.0.2.1"); err == nil {
				t.Error("answered without a hash")
			}
			cancel()
			if _, err := s.Login(s.Begin(ctx), limits, "bo@example.com", goodPassword, "192.0.2.1"); !errors.Is(err, store.ErrBusy) {
				t.Error(err)
			}
		}
		resume()
		if _, err := s.Login(s.Begin(ctx), limits, "bo@example.com", goodPassword, "192.0.2.1"); err != nil {
			t.Errorf("afterwards: %v", err)
		}
	})
}
