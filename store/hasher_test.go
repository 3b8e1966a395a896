package store

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// cheapHasher makes hashes that cost some 100 µs.
func cheapHasher() *Hasher { return NewHasher(HasherConfig{Memory: 64, Time: 1}) }

func TestHashIsArgon2idWithFreshSalt(t *testing.T) {
	h := NewHasher(HasherConfig{})
	a, err := h.Hash(t.Context(), "correct horse")
	if err != nil {
		t.Fatal(err)
	}
	b, err := h.Hash(t.Context(), "correct horse")
	if err != nil {
		t.Fatal(err)
	}
	if want := "$argon2id$v=19$m=19456,t=2,p=1$"; !strings.HasPrefix(a, want) || len(a) != len(want)+22+1+43 {
		t.Errorf("hash %q, want %s, 16 bytes of salt, 32 of key", a, want)
	}
	if a == b {
		t.Error("two hashes of one password are equal")
	}
}

func TestVerifyTellsPasswordAndRehash(t *testing.T) {
	h := cheapHasher()
	current, err := h.Hash(t.Context(), "correct horse")
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name, encoded, password string
		ok, rehash              bool
	}{
		{"right", current, "correct horse", true, false},
		{"wrong", current, "Correct horse", false, false},
		{"empty", current, "", false, false},
		{"with a NUL behind", current, "correct horse\x00", false, false},
		{"other parameters", vectorArgon2idOdd, "correct horse", true, true},
		{"other parameters, wrong", vectorArgon2idOdd, "guess", false, false},
		{"Django's prefix, current parameters", "argon2" + current, "correct horse", true, true},
		{"no password", "", "", false, false},
		{"unusable", "!", "", false, false},
		{"unusable, told in clear", "!Jq2ZkTm5yV0aPp4Wl6qk", "!Jq2ZkTm5yV0aPp4Wl6qk", false, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			ok, rehash, err := h.Verify(t.Context(), tt.encoded, tt.password)
			if err != nil || ok != tt.ok || rehash != tt.rehash {
				t.Errorf("got ok %v, rehash %v, %v; want %v, %v", ok, rehash, err, tt.ok, tt.rehash)
			}
		})
	}
}

func TestConfigIsClampedToWhatVerifies(t *testing.T) {
	for _, c := range []HasherConfig{{Memory: 1, Time: 1}, {Memory: 8, Time: 99}} {
		h := NewHasher(c)
		encoded, err := h.Hash(t.Context(), "correct horse")
		if err != nil {
			t.Fatal(err)
		}
		if ok, rehash, err := h.Verify(t.Context(), encoded, "correct horse"); !ok || rehash || err != nil {
			t.Errorf("%+v: ok %v, rehash %v, %v", c, ok, rehash, err)
		}
	}
}

// Each of these must cost what a real hash does: that they do is seen from the
// memory that they fill, and from their being made to queue for it.
func TestVerifyOfNothingCostsARealHash(t *testing.T) {
	const memory = 8192 // KiB, more than anything else here allocates
	h := NewHasher(HasherConfig{Memory: memory, Time: 1, Queue: -1})
	real, err := h.Hash(t.Context(), "correct horse")
	if err != nil {
		t.Fatal(err)
	}
	allocated := func(f func() error) uint64 {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		if err := f(); err != nil && !errors.Is(err, ErrHashForm) {
			t.Fatal(err)
		}
		runtime.ReadMemStats(&after)
		return after.TotalAlloc - before.TotalAlloc
	}
	want := allocated(func() error { _, _, err := h.Verify(t.Context(), real, "guess"); return err })
	for name, call := range map[string]func() error{
		"unknown account": func() error { return h.VerifyNothing(t.Context(), "nobody@example.com", "guess") },
		"empty":           func() error { _, _, err := h.Verify(t.Context(), "", "guess"); return err },
		"unusable":        func() error { _, _, err := h.Verify(t.Context(), "!x", "guess"); return err },
		"malformed":       func() error { _, _, err := h.Verify(t.Context(), "md5$x$y", "guess"); return err },
		"over the cap":    func() error { _, _, err := h.Verify(t.Context(), vectorTooDear, "guess"); return err },
	} {
		t.Run(name, func(t *testing.T) {
			if got := allocated(call); got < want/10*9 || got > want/10*11 || want < memory<<10 {
				t.Errorf("fills %d bytes, a real hash %d", got, want)
			}
			if err := h.slots.Acquire(t.Context(), h.workers); err != nil {
				t.Fatal(err)
			}
			defer h.slots.Release(h.workers)
			if err := call(); !errors.Is(err, ErrBusy) {
				t.Errorf("with all workers taken and no queue: %v, want ErrBusy", err)
			}
		})
	}
}

func TestDummyHasTheFormsOfTheTable(t *testing.T) {
	argon := hashParams{algorithm: formArgon2id, memory: defaultMemory, rounds: defaultTime, lanes: 1}
	pbkdf2 := hashParams{algorithm: formPBKDF2SHA256, rounds: 10}
	bcrypt4 := hashParams{algorithm: formBcrypt, rounds: 4}
	for _, tt := range []struct {
		name   string
		sample []string
		want   map[hashParams]int // percent
	}{
		{"none known", nil, map[hashParams]int{argon: 100}},
		{"none that verifies", []string{"", "!", "plain text", vectorTooDear}, map[hashParams]int{argon: 100}},
		{"one", []string{vectorPBKDF2, ""}, map[hashParams]int{pbkdf2: 100}},
		{"three to one", []string{vectorPBKDF2, vectorBcrypt, vectorPBKDF2, vectorPBKDF2}, map[hashParams]int{pbkdf2: 75, bcrypt4: 25}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := NewHasher(HasherConfig{DummyKey: []byte("key")})
			h.SetForms([]string{vectorArgon2idOdd})
			h.SetForms(tt.sample)
			other := NewHasher(HasherConfig{DummyKey: []byte("key")})
			other.SetForms(tt.sample)
			got := make(map[hashParams]int)
			const keys = 2000
			for i := range keys {
				key := fmt.Sprintf("user%d@example.com", i)
				p := h.dummyParams(key)
				if q := other.dummyParams(key); p != q {
					t.Fatalf("%s: two servers of one key choose %v and %v", key, p, q)
				}
				got[p]++
			}
			if len(got) != len(tt.want) {
				t.Errorf("got %v, want %v", got, tt.want)
			}
			for p, percent := range tt.want {
				if want := keys * percent / 100; got[p] < want-100 || got[p] > want+100 {
					t.Errorf("%v: %d of %d, want about %d", p, got[p], keys, want)
				}
			}
		})
	}
}

func TestDummyDependsOnTheKey(t *testing.T) {
	a, b := NewHasher(HasherConfig{}), NewHasher(HasherConfig{})
	same := 0
	for _, h := range []*Hasher{a, b} {
		h.SetForms([]string{vectorPBKDF2, vectorBcrypt})
	}
	for i := range 256 {
		if key := fmt.Sprint(i); a.dummyParams(key) == b.dummyParams(key) {
			same++
		}
	}
	if same > 192 {
		t.Errorf("two random keys agree on %d of 256 accounts: the choice can be foretold", same)
	}
}

func TestWorkersBoundWhatRunsAtOnce(t *testing.T) {
	small := hashParams{algorithm: formArgon2id, memory: defaultMemory, rounds: 2, lanes: 1}
	for _, tt := range []struct {
		name   string
		params hashParams
		most   int64
	}{
		{"our own", small, 4},
		{"half a worker's memory", hashParams{algorithm: formScrypt, rounds: 1 << 13, block: 8, lanes: 5}, 4},
		{"two workers' memory", hashParams{algorithm: formScrypt, rounds: 1 << 15, block: 8, lanes: 1}, 2},
		{"two threads", hashParams{algorithm: formArgon2id, memory: 64, rounds: 1, lanes: 2}, 2},
		{"Django's argon2", hashParams{algorithm: formArgon2id, memory: 102400, rounds: 2, lanes: 8}, 1},
		{"at the cap", hashParams{algorithm: formArgon2id, memory: maxMemory, rounds: 1, lanes: 1}, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := NewHasher(HasherConfig{Workers: 4, Queue: 100})
				var running, most atomic.Int64
				for range 20 {
					go func() {
						err := h.run(t.Context(), tt.params, func() error {
							if n := running.Add(1); n > most.Load() {
								most.Store(n)
							}
							time.Sleep(time.Millisecond)
							running.Add(-1)
							return nil
						})
						if err != nil {
							t.Error(err)
						}
					}()
				}
				time.Sleep(time.Minute)
				if got := most.Load(); got != tt.most {
					t.Errorf("%d ran at once, want %d", got, tt.most)
				}
			})
		})
	}
}

func TestFullQueueIsBusyAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := NewHasher(HasherConfig{Workers: 2, Queue: 3, Memory: 64, Time: 1})
		if err := h.slots.Acquire(t.Context(), 2); err != nil {
			t.Fatal(err)
		}
		var done atomic.Int64
		for range 3 {
			go func() {
				if _, err := h.Hash(t.Context(), "correct horse"); err != nil {
					t.Error(err)
				}
				done.Add(1)
			}()
		}
		synctest.Wait()
		if _, err := h.Hash(t.Context(), "correct horse"); !errors.Is(err, ErrBusy) {
			t.Errorf("fourth in a queue of three: %v, want ErrBusy", err)
		}
		if _, _, err := h.Verify(t.Context(), "", "guess"); !errors.Is(err, ErrBusy) {
			t.Errorf("verify in a full queue: %v, want ErrBusy", err)
		}
		if n := done.Load(); n != 0 {
			t.Errorf("%d hashes ran without a worker", n)
		}
		h.slots.Release(2)
		synctest.Wait()
		if n := done.Load(); n != 3 {
			t.Errorf("%d of 3 that waited were served", n)
		}
		if _, err := h.Hash(t.Context(), "correct horse"); err != nil {
			t.Errorf("after the queue has drained: %v", err)
		}
	})
}

func TestWaitingEndsWithTheContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := NewHasher(HasherConfig{Workers: 1, Queue: 1, Memory: 64, Time: 1})
		if err := h.slots.Acquire(t.Context(), 1); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := h.Hash(ctx, "correct horse"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, want DeadlineExceeded", err)
		}
		h.slots.Release(1)
		if err := h.VerifyNothing(ctx, "key", "guess"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a context that has ended, worker free: %v", err)
		}
		if n := h.waiting.Load(); n != 0 {
			t.Errorf("%d still count as waiting", n)
		}
		if _, err := h.Hash(t.Context(), "correct horse"); err != nil {
			t.Errorf("afterwards: %v", err)
		}
	})
}

func TestSetFormsWhileVerifying(t *testing.T) {
	h := cheapHasher()
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for range 20 {
				h.SetForms([]string{vectorPBKDF2, vectorBcrypt}[:i%3%2+1])
				if err := h.VerifyNothing(t.Context(), fmt.Sprint(i), "guess"); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
}
