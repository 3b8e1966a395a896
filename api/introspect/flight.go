package introspect

import (
	"context"
	"crypto/sha256"
	"fmt"
	"sync"
)

// calls lets concurrent checks of one token share an introspection call. The zero
// value is ready.
//
// A check never joins a call that is under way, for its answer may be older than
// the check: a token revoked in between would pass. It joins the call that follows
// at once. So however many checks wait, one call per token is under way, and an
// answer is never older than the question.
type calls struct {
	mu    sync.Mutex
	lines map[[sha256.Size]byte]*line // by the token's SHA-256, while a call is under way
}

// line is what waits behind a token's call under way; guarded by calls.mu.
type line struct {
	next *call // nil when nobody waits
}

// call is one introspection call. principal and err are written by run before done
// is closed, and read after.
type call struct {
	ask       func() (Principal, error)
	waiting   int // who still wants the answer; guarded by calls.mu
	done      chan struct{}
	principal Principal
	err       error
}

// share returns what ask returns, called after share was, by this caller or by
// another with the same digest. When ctx ends, this caller leaves; the call goes
// on for the others.
func (s *calls) share(ctx context.Context, digest [sha256.Size]byte, ask func() (Principal, error)) (Principal, error) {
	if ctx.Err() != nil {
		return Principal{}, fmt.Errorf("%w: %w", ErrUnavailable, ctx.Err())
	}
	c := s.join(digest, ask)
	select {
	case <-c.done:
		return c.principal.clone(), c.err
	case <-ctx.Done():
		s.mu.Lock()
		c.waiting--
		s.mu.Unlock()
		return Principal{}, fmt.Errorf("%w: %w", ErrUnavailable, ctx.Err())
	}
}

// join starts a call, or queues for the one after the call under way.
func (s *calls) join(digest [sha256.Size]byte, ask func() (Principal, error)) *call {
	s.mu.Lock()
	defer s.mu.Unlock()
	l, busy := s.lines[digest]
	if !busy {
		if s.lines == nil {
			s.lines = make(map[[sha256.Size]byte]*line)
		}
		s.lines[digest] = new(line)
		c := &call{ask: ask, waiting: 1, done: make(chan struct{})}
		go s.run(digest, c)
		return c
	}
	if l.next == nil {
		l.next = &call{ask: ask, done: make(chan struct{})}
	}
	l.next.waiting++
	return l.next
}

// run makes a call. Whatever the HTTP client does (panic, Goexit), finish runs.
func (s *calls) run(digest [sha256.Size]byte, c *call) {
	defer s.finish(digest, c)
	c.err = fmt.Errorf("%w: the call was abandoned", ErrUnavailable)
	c.principal, c.err = c.ask()
}

// finish starts the next call of the line, if anybody still wants it, and hands
// out the answer of this one.
func (s *calls) finish(digest [sha256.Size]byte, c *call) {
	if v := recover(); v != nil { // the type only: the value may quote the request
		c.err = fmt.Errorf("%w: the HTTP client panicked with a %T", ErrUnavailable, v)
	}
	s.mu.Lock()
	l := s.lines[digest]
	if next := l.next; next != nil && next.waiting > 0 {
		l.next = nil
		go s.run(digest, next)
	} else {
		delete(s.lines, digest)
	}
	s.mu.Unlock()
	close(c.done)
}
