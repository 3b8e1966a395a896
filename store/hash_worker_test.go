package store_test

import (
	"context"
	"errors"
	"io"
	"sync"
	"sync/atomic"
	"testing"

	"gatehouse/store"
)

// pipes is a worker in this process: what is written to the one end is served
// at the other.
type pipes struct {
	io.Reader
	io.Writer
	close func() error
}

func (p pipes) Close() error { return p.close() }

// startWorker counts how often a worker is started; each answers until broken
// says that its pipe is cut.
func startWorker(started *atomic.Int64, broken func() bool) func() (io.ReadWriteCloser, error) {
	return func() (io.ReadWriteCloser, error) {
		started.Add(1)
		toWorker, in := io.Pipe()
		fromWorker, out := io.Pipe()
		if broken() {
			out.Close()
		}
		go func() {
			store.ServeHashes(toWorker, out)
			out.Close()
		}()
		return pipes{fromWorker, in, func() error { return errors.Join(in.Close(), fromWorker.Close()) }}, nil
	}
}

func TestHashesByAWorkerAreTheSame(t *testing.T) {
	ctx := context.Background()
	var started atomic.Int64
	here := store.NewHasher(store.HasherConfig{Memory: 64, Time: 1})
	there := store.NewHasher(store.HasherConfig{Memory: 64, Time: 1, Queue: 1000, Worker: startWorker(&started, func() bool { return false })})
	hash, err := there.Hash(ctx, goodPassword)
	if err != nil {
		t.Fatal(err)
	}
	if ok, rehash, err := here.Verify(ctx, hash, goodPassword); !ok || rehash || err != nil {
		t.Errorf("its hash, verified here: %v %v %v", ok, rehash, err)
	}
	var all sync.WaitGroup
	for i := range 50 {
		all.Go(func() {
			for _, tt := range []struct {
				encoded, password string
				want              bool
			}{{hash, goodPassword, true}, {hash, "wrong", false}, {djangoHash, goodPassword, true}, {djangoHash, "wrong", false}} {
				if ok, _, err := there.Verify(ctx, tt.encoded, tt.password); ok != tt.want || err != nil {
					t.Errorf("%d: %q: %v %v", i, tt.password, ok, err)
				}
			}
		})
	}
	all.Wait()
	if n := started.Load(); n != 1 {
		t.Errorf("%d workers for one server", n)
	}
}

// TestHashesGoOnWithoutAWorker has workers that cannot be started, and that die.
func TestHashesGoOnWithoutAWorker(t *testing.T) {
	ctx := context.Background()
	var started atomic.Int64
	for name, start := range map[string]func() (io.ReadWriteCloser, error){
		"none can be started":            func() (io.ReadWriteCloser, error) { return nil, errors.New("no such program") },
		"each is gone before it answers": startWorker(&started, func() bool { return true }),
	} {
		h := store.NewHasher(store.HasherConfig{Memory: 64, Time: 1, Worker: start})
		hash, err := h.Hash(ctx, goodPassword)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for range 3 {
			if ok, _, err := h.Verify(ctx, hash, goodPassword); !ok || err != nil {
				t.Errorf("%s: %v %v", name, ok, err)
			}
		}
	}
	if started.Load() < 2 {
		t.Error("a worker that is gone is not replaced")
	}
}
