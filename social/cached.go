package social

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"
)

const (
	minFresh   = 5 * time.Minute
	maxFresh   = 24 * time.Hour
	staleFor   = 24 * time.Hour // how long after its time an edition serves while no newer one can be had
	renewEvery = time.Minute    // how often a fresh edition may be doubted, and a stale one tried to replace
)

// cached is one document of a provider, kept as long as the provider says. Any
// number of concurrent users make one call.
type cached[T any] struct {
	what  string
	read  func(context.Context) (T, time.Duration, error) // the document and how long it is fresh
	calls *caller
	log   *slog.Logger

	flight singleflight.Group

	mu       sync.Mutex
	held     *edition[T] // nil: never read
	failed   time.Time   // when reading failed since held grew stale
	renewed  time.Time   // when renew last called
	renewErr error       // what came of that
}

// edition is one reading of the document; it is never changed.
type edition[T any] struct {
	value T
	read  time.Time
	until time.Time // fresh till then
}

// get is the document: the one held while it is fresh, else a new one, or the
// one held if there is none to be had.
func (c *cached[T]) get(ctx context.Context) (*edition[T], error) {
	if e := c.usable(); e != nil {
		return e, nil
	}
	return c.fly(ctx, "get", func(ctx context.Context) (*edition[T], error) {
		if e := c.usable(); e != nil { // another flight landed in between
			return e, nil
		}
		e, err := c.fetch(ctx)
		if err == nil {
			return e, nil
		}
		return c.stale(err)
	})
}

// renew is a newer document than seen, in which the caller missed something;
// seen itself if the last doubt is less than a minute old.
func (c *cached[T]) renew(ctx context.Context, seen *edition[T]) (*edition[T], error) {
	return c.fly(ctx, "renew", func(ctx context.Context) (*edition[T], error) {
		if e, err, done := c.doubted(seen); done {
			return e, err
		}
		e, err := c.fetch(ctx)
		c.mu.Lock()
		defer c.mu.Unlock()
		c.renewErr = err
		return e, err
	})
}

// usable is the edition held, if nothing need be called for: it is fresh, or
// stale and lately found to be irreplaceable.
func (c *cached[T]) usable() *edition[T] {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.calls.now()
	if c.held == nil || now.Before(c.held.until) {
		return c.held
	}
	if now.Sub(c.failed) < renewEvery && now.Before(c.held.until.Add(staleFor)) {
		return c.held
	}
	return nil
}

// doubted is done if no call is due: someone has renewed since seen was
// handed out, or it is too early.
func (c *cached[T]) doubted(seen *edition[T]) (e *edition[T], err error, done bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.held != seen {
		return c.held, nil, true
	}
	now := c.calls.now()
	if now.Sub(c.renewed) < renewEvery {
		return seen, c.renewErr, true
	}
	c.renewed = now
	return nil, nil, false
}

// stale is the edition held, if it is not too old; else err.
func (c *cached[T]) stale(err error) (*edition[T], error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.calls.now()
	if c.held == nil || !now.Before(c.held.until.Add(staleFor)) {
		return nil, err
	}
	c.failed = now
	c.log.Warn("an old edition goes on to serve", slog.String("document", c.what), slog.Any("err", err),
		slog.Time("read", c.held.read))
	return c.held, nil
}

func (c *cached[T]) fetch(ctx context.Context) (*edition[T], error) {
	value, life, err := c.read(ctx)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.calls.now()
	c.held = &edition[T]{value: value, read: now, until: now.Add(life)}
	return c.held, nil
}

// fly runs f once for all who ask at the same time. Who leaves early does not
// end it for the others, so it has the whole time that one Verify may take.
func (c *cached[T]) fly(ctx context.Context, key string, f func(context.Context) (*edition[T], error)) (*edition[T], error) {
	landed := c.flight.DoChan(key, func() (any, error) {
		ctx, cancel := c.calls.within(context.WithoutCancel(ctx))
		defer cancel()
		return f(ctx)
	})
	select {
	case r := <-landed:
		return r.Val.(*edition[T]), r.Err
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// readAt is when the edition held was read; zero: never.
func (c *cached[T]) readAt() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.held == nil {
		return time.Time{}
	}
	return c.held.read.UTC()
}
