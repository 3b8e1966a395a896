package store

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"
	"time"
)

// Limit allows Max events of one kind per sliding Window and subject. Max 0
// allows any number.
type Limit struct {
	Max    int
	Window time.Duration
}

// Limits are the ones that the server keeps; all replicas count together.
type Limits struct {
	PasswordAccount Limit // failed sign-ins at one account
	PasswordAddress Limit // failed sign-ins from one address
	SignUp          Limit // new accounts from one address
}

// Kinds of limits; the first byte of their keys. A statement that touches
// several rows takes their locks in this order.
const (
	limitAccount = 1
	limitAddress = 2
	limitSignUp  = 3
)

// limitKey names one row: what is counted, in which window.
type limitKey struct {
	key  []byte // kind ‖ SHA-256 of the subject: nobody's address stands in the table
	slot int64  // the window's number since 1970
}

func (l Limit) at(kind byte, subject string, now time.Time) limitKey {
	digest := sha256.Sum256([]byte(subject))
	return limitKey{append([]byte{kind}, digest[:31]...), now.UnixMicro() / max(1, l.Window.Microseconds())}
}

// wait tells how long a subject must wait that has this many events in the
// current window (nil: full) and the one before; zero if it need not. The
// window slides: of the one before, the part that still overlaps counts.
func (l Limit) wait(now time.Time, current, before *int64) time.Duration {
	if l.Max == 0 {
		return 0
	}
	left := l.Window - time.Duration(now.UnixMicro()%l.Window.Microseconds())*time.Microsecond
	var carried float64
	if before != nil {
		carried = float64(*before) * float64(left) / float64(l.Window)
	}
	if current != nil && float64(*current)+carried <= float64(l.Max) {
		return 0
	}
	return left
}

// countEvent raises a counter, unless it is full: hammering on does not
// prolong the wait. It returns no row then.
const countEvent = `INSERT INTO limits AS l (key, slot, count, expires_at) VALUES ($1, $2, 1, $3)
	ON CONFLICT (key, slot) DO UPDATE SET count = l.count + 1 WHERE l.count < $4 RETURNING count`

const countBefore = `SELECT count FROM limits WHERE key = $1 AND slot = $2`

// Allow counts one event and returns how long to wait if there were too many;
// the event is then not to happen.
func (s *Store) Allow(ctx context.Context, l Limit, kind byte, subject string) (time.Duration, error) {
	if l.Max == 0 {
		return 0, nil
	}
	now := s.now()
	k := l.at(kind, subject, now)
	current, err := optional(s.readWrite(ctx, countEvent, k.key, k.slot, now.Add(2*l.Window), l.Max+1))
	if err != nil {
		return 0, err
	}
	before, err := optional(s.read(ctx, countBefore, k.key, k.slot-1))
	if err != nil {
		return 0, err
	}
	return l.wait(now, current, before), nil
}

// AllowSignUp counts one sign-up from an address.
func (s *Store) AllowSignUp(ctx context.Context, l Limit, address string) (time.Duration, error) {
	return s.Allow(ctx, l, limitSignUp, address)
}

// AllowPassword counts one guess at the password of someone who is signed in,
// together with the sign-ins that failed at the account and from the address.
// A right one counts too.
func (s *Store) AllowPassword(ctx context.Context, l Limits, a *Account, address string) (time.Duration, error) {
	subject := a.ID
	if a.EmailKey != nil {
		subject = *a.EmailKey // what Login counts by
	}
	account, err := s.Allow(ctx, l.PasswordAccount, limitAccount, subject)
	if err != nil {
		return 0, err
	}
	from, err := s.Allow(ctx, l.PasswordAddress, limitAddress, address)
	return max(account, from), err
}

// optional reads one number, nil if there is no row.
func optional(r row) (*int64, error) {
	var n int64
	if err := r.Scan(&n); errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	return &n, nil
}

// readWrite runs a writing statement that returns at most one row.
func (s *Store) readWrite(ctx context.Context, query string, args ...any) row {
	if s.pool != nil {
		return s.pool.QueryRow(ctx, query, args...)
	}
	return s.lite.writes.QueryRowContext(ctx, query, args...)
}
