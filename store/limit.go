package store

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"
	"math"
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
	Forms           Limit // forms of the public pages from one address
	Mails           Limit // mails with a link of one purpose to one address
}

// Kinds of limits; the first byte of their keys. Where a statement touches
// several rows it takes their locks in this order, and an address that is over
// its limit does not count against anybody's account.
const (
	limitAddress = 1
	limitAccount = 2
	limitSignUp  = 3
	limitRecord  = 4
	limitForm    = 5
	limitLink    = 6
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

// args are the parameters of countEvent: the row, when it can go, how many
// events there may be, and how much of the window before still counts.
func (l Limit) args(k limitKey, now time.Time) []any {
	most := l.Max
	if most == 0 {
		most = math.MaxInt32
	}
	return []any{k.key, k.slot, now.Add(2 * l.Window), most, l.overlap(now)}
}

// overlap is the part of the window before that lies within one window's length
// of now.
func (l Limit) overlap(now time.Time) float64 {
	if l.Window <= 0 {
		return 0
	}
	return 1 - float64(now.UnixMicro()%l.Window.Microseconds())/float64(l.Window.Microseconds())
}

// wait tells how long it takes until one more event is allowed, of a subject
// that had these in the current window and in the one before: events that were
// refused do not count, so hammering on does not prolong it.
func (l Limit) wait(now time.Time, current, before int64) time.Duration {
	ends := func(spare, carried int64) float64 { // the overlap at which the carried ones fit
		if carried == 0 {
			return 1
		}
		return max(0, min(1, float64(spare)/float64(carried)))
	}
	overlap, room := l.overlap(now), int64(l.Max)-1
	fraction := overlap - ends(room-current, before)
	if current > room { // not before the next window, where they are the ones before
		fraction = overlap + 1 - ends(room, current)
	}
	return max(time.Second, time.Duration(fraction*float64(l.Window)))
}

// countEvent counts an event if there is room for it, and returns a row then.
const (
	carried    = `coalesce((SELECT count FROM limits WHERE key = $1 AND slot + 1 = $2), 0) * CAST($5 AS double precision)`
	countEvent = `INSERT INTO limits AS l (key, slot, count, expires_at)
		SELECT $1, $2, 1, $3 WHERE 1 + ` + carried + ` <= $4
		ON CONFLICT (key, slot) DO UPDATE SET count = l.count + 1 WHERE l.count + 1 + ` + carried + ` <= $4
		RETURNING count`
	countsNow = `SELECT coalesce((SELECT count FROM limits WHERE key = $1 AND slot = $2), 0),
		coalesce((SELECT count FROM limits WHERE key = $1 AND slot + 1 = $2), 0)`
)

// allow counts one event, or returns a LimitError if there were too many: the
// event is then not to happen. All methods named Allow… do so.
func (s *Store) allow(ctx context.Context, l Limit, kind byte, subject string) error {
	if l.Max == 0 {
		return nil
	}
	now := s.now()
	k := l.at(kind, subject, now)
	var n, before int64
	err := s.readWrite(ctx, countEvent, l.args(k, now)...).Scan(&n)
	if !errors.Is(err, sql.ErrNoRows) {
		return err
	}
	if err := s.read(ctx, countsNow, k.key, k.slot).Scan(&n, &before); err != nil {
		return err
	}
	return &LimitError{l.wait(now, n, before)}
}

// AllowSignUp counts one sign-up from an address.
func (s *Store) AllowSignUp(ctx context.Context, l Limits, address string) error {
	return s.allow(ctx, l.SignUp, limitSignUp, address)
}

// AllowForm counts one form of the public pages.
func (s *Store) AllowForm(ctx context.Context, l Limits, address string) error {
	return s.allow(ctx, l.Forms, limitForm, address)
}

// AllowAttempt counts one thing that whoever brings it may only guess at, a
// provider's token or answer that the provider must be asked about or a mailed
// link, together with the sign-ins that failed from the address; forgive gives
// it back to one that was good.
func (s *Store) AllowAttempt(ctx context.Context, l Limits, address string) (forgive func(), err error) {
	k := l.PasswordAddress.at(limitAddress, address, s.now())
	err = s.allow(ctx, l.PasswordAddress, limitAddress, address)
	return func() { s.giveBack(ctx, k) }, err
}

// recordsPerHour is how often the same refusal is put on record.
const recordsPerHour = 5

// AuditRefusal is Audit for what somebody without an account can repeat at will:
// each subject has a few records an hour.
func (s *Store) AuditRefusal(ctx context.Context, subject, actor, action, target string, detail map[string]any) error {
	err := s.allow(ctx, Limit{recordsPerHour, time.Hour}, limitRecord, action+" "+subject)
	if limited := (*LimitError)(nil); errors.As(err, &limited) {
		return nil
	}
	if err != nil {
		return err
	}
	return s.Audit(ctx, actor, action, target, Refused, detail)
}

// AllowPassword counts one guess at the password of someone who is signed in,
// together with the sign-ins that failed from the address and at the account.
// A right one counts too.
func (s *Store) AllowPassword(ctx context.Context, l Limits, a *Account, address string) error {
	subject := a.ID
	if a.EmailKey != nil {
		subject = *a.EmailKey // what Login counts by
	}
	if err := s.allow(ctx, l.PasswordAddress, limitAddress, address); err != nil {
		return err
	}
	return s.allow(ctx, l.PasswordAccount, limitAccount, subject)
}

// readWrite runs a writing statement that returns at most one row.
func (s *Store) readWrite(ctx context.Context, query string, args ...any) row {
	if s.pool != nil {
		return s.pool.QueryRow(ctx, query, args...)
	}
	return s.lite.writes.QueryRowContext(ctx, query, args...)
}
