package introspect

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

var digest = sha256.Sum256([]byte(testToken))

// waiting tells how many callers queue behind the call under way.
func (s *calls) waiting(digest [sha256.Size]byte) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if l := s.lines[digest]; l != nil && l.next != nil {
		return l.next.waiting
	}
	return 0
}

// underWay tells how many tokens have a call under way.
func (s *calls) underWay() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.lines)
}

func TestConcurrentChecksShareCalls(t *testing.T) {
	release := make(chan struct{})
	w := newWorld(t, func(rw http.ResponseWriter, r *http.Request) {
		<-release
		answering(active)(rw, r)
	})
	const callers = 50
	var wg sync.WaitGroup
	principals := make([]Principal, callers)
	for i := range callers {
		wg.Go(func() {
			p, err := w.Check(t.Context(), testToken)
			if err != nil || len(p.Scope) != 2 {
				t.Errorf("caller %d: %+v %v", i, p, err)
				return
			}
			// Each has its own copy: the race detector would see a shared one.
			p.Scope[0], p.Audience[0] = fmt.Sprint(i), fmt.Sprint(i)
			principals[i] = p
		})
	}
	for w.Checker.calls.waiting(digest) != callers-1 {
		time.Sleep(time.Millisecond)
	}
	close(release)
	wg.Wait()
	// One call under way when the others came, and one for all of them.
	if n := w.calls.Load(); n != 2 {
		t.Errorf("%d calls for %d callers, want 2", n, callers)
	}
	for i, p := range principals {
		if p.Scope[0] != fmt.Sprint(i) {
			t.Errorf("caller %d sees scope %v", i, p.Scope)
		}
	}
	if n := w.Checker.calls.underWay(); n != 0 {
		t.Errorf("%d lines left", n)
	}
}

func TestConcurrentChecksOfDifferentTokens(t *testing.T) {
	w := newWorld(t, func(rw http.ResponseWriter, r *http.Request) {
		time.Sleep(5 * time.Millisecond)
		body, _ := io.ReadAll(r.Body)
		token, _, _ := strings.Cut(strings.TrimPrefix(string(body), "token="), "&")
		answering(`{"active":true,"aud":"`+testAudience+`","sub":"`+token+`"}`)(rw, r)
	})
	var wg sync.WaitGroup
	for i := range 100 {
		wg.Go(func() {
			token := fmt.Sprint("t", i%5)
			if p, err := w.Check(t.Context(), token); err != nil || p.Subject != token {
				t.Errorf("token %s: %+v %v", token, p, err)
			}
		})
	}
	wg.Wait()
	if n := w.calls.Load(); n < 5 || n > 50 {
		t.Errorf("%d calls for 100 checks of 5 tokens", n)
	}
}

// Once the revocation is acknowledged no check may pass, however many others keep
// calls with an older answer under way.
func TestRevokedAtOnce(t *testing.T) {
	var revoked atomic.Bool
	w := newWorld(t, func(rw http.ResponseWriter, r *http.Request) {
		live := !revoked.Load()
		time.Sleep(2 * time.Millisecond) // the answer is on its way
		answering(fmt.Sprintf(`{"active":%v,"aud":"%s"}`, live, testAudience))(rw, r)
	})
	stop := make(chan struct{})
	var crowd sync.WaitGroup
	for range 8 {
		crowd.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					w.Check(t.Context(), testToken)
				}
			}
		})
	}
	for i := range 50 {
		revoked.Store(true)
		if _, err := w.Check(t.Context(), testToken); !errors.Is(err, ErrInactive) {
			t.Errorf("round %d: revoked token: %v", i, err)
		}
		revoked.Store(false)
		if _, err := w.Check(t.Context(), testToken); err != nil {
			t.Errorf("round %d: live token: %v", i, err)
		}
	}
	close(stop)
	crowd.Wait()
}

func TestCancelledCallerLeavesOthersAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s calls
		var asked atomic.Int64
		ask := func() (Principal, error) {
			asked.Add(1)
			time.Sleep(time.Second)
			return Principal{Subject: "u1"}, nil
		}
		impatient, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		for i := range 10 { // of each line's callers, the first included, half leave
			ctx := t.Context()
			if i%2 == 0 {
				ctx = impatient
			}
			wg.Go(func() {
				p, err := s.share(ctx, digest, ask)
				if ctx == impatient && (!errors.Is(err, context.Canceled) || !errors.Is(err, ErrUnavailable)) {
					t.Errorf("cancelled: %+v %v", p, err)
				}
				if ctx != impatient && (err != nil || p.Subject != "u1") {
					t.Errorf("patient: %+v %v", p, err)
				}
			})
			synctest.Wait()
		}
		cancel()
		wg.Wait()
		if n := asked.Load(); n != 2 || s.underWay() != 0 {
			t.Errorf("%d calls, %d lines left", n, s.underWay())
		}

		// One who has left already asks nothing.
		if _, err := s.share(impatient, digest, ask); !errors.Is(err, context.Canceled) || asked.Load() != 2 {
			t.Errorf("already cancelled: %v after %d calls", err, asked.Load())
		}
	})
}

// The call that serves several belongs to none: it goes on when the caller whose
// request it would make has left, before or while it runs.
func TestSharedCallOutlivesItsFirstCaller(t *testing.T) {
	arrived, release := make(chan struct{}), make(chan struct{})
	w := newWorld(t, func(rw http.ResponseWriter, r *http.Request) {
		arrived <- struct{}{}
		<-release
		answering(active)(rw, r)
	})
	check := func(ctx context.Context, want error) *sync.WaitGroup {
		wg := new(sync.WaitGroup)
		wg.Go(func() {
			if _, err := w.Check(ctx, testToken); !errors.Is(err, want) {
				t.Errorf("error %v, want %v", err, want)
			}
		})
		return wg
	}
	queued := func(n int) {
		for w.Checker.calls.waiting(digest) != n {
			time.Sleep(time.Millisecond)
		}
	}
	first := check(t.Context(), nil)
	<-arrived
	impatient, cancel := context.WithCancel(t.Context())
	leaver := check(impatient, context.Canceled)
	queued(1)
	stayer := check(t.Context(), nil)
	queued(2)
	release <- struct{}{}
	<-arrived // the second call, made for the impatient one, is under way
	cancel()
	leaver.Wait()
	release <- struct{}{}
	stayer.Wait()
	first.Wait()
	if n := w.calls.Load(); n != 2 {
		t.Errorf("%d calls", n)
	}
}

func TestCallNobodyWaitsForIsNotMade(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s calls
		var asked atomic.Int64
		ask := func() (Principal, error) {
			asked.Add(1)
			time.Sleep(time.Second)
			return Principal{}, nil
		}
		go s.share(t.Context(), digest, ask)
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		if _, err := s.share(ctx, digest, ask); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error %v", err)
		}
		time.Sleep(5 * time.Second)
		if n := asked.Load(); n != 1 || s.underWay() != 0 {
			t.Errorf("%d calls, %d lines left", n, s.underWay())
		}
	})
}

func TestAbandonedCallIsAnError(t *testing.T) {
	for name, ask := range map[string]func() (Principal, error){
		"panic":  func() (Principal, error) { panic("secret") },
		"goexit": func() (Principal, error) { runtime.Goexit(); return Principal{}, nil },
	} {
		t.Run(name, func(t *testing.T) {
			var s calls
			_, err := s.share(t.Context(), digest, ask)
			if !errors.Is(err, ErrUnavailable) || strings.Contains(fmt.Sprint(err), "secret") {
				t.Errorf("error %v", err)
			}
			ok := func() (Principal, error) { return Principal{Subject: "u1"}, nil }
			if p, err := s.share(t.Context(), digest, ok); err != nil || p.Subject != "u1" {
				t.Errorf("afterwards: %+v %v", p, err)
			}
		})
	}
}
