package store

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// ErrWrongPassword is the one answer to an unknown account, a wrong password
// and a deactivated account.
var ErrWrongPassword = errors.New("wrong e-mail or password")

// LimitError says that there were too many failures.
type LimitError struct{ Wait time.Duration }

func (e *LimitError) Error() string { return "too many attempts" }

// Login checks an e-mail and password for one request's unit of work. Each
// attempt counts as a failure before the hash is computed, so that a burst
// cannot pass the limits; it is given back by Flush to who succeeds, and here
// if no hash was computed. Unknown, wrong and inactive take the same time.
// Errors: ErrWrongPassword, *LimitError, ErrBusy.
func (s *Store) Login(ctx context.Context, l Limits, email, password, address string) (*Account, error) {
	key := EmailKey(email)
	a, err := s.attempt(ctx, l, key, address)
	if err != nil {
		return nil, err
	}
	ok, rehash, err := s.verify(ctx, a, key, password)
	if err != nil {
		s.forgive(ctx)
		return nil, fmt.Errorf("verify the password: %w", err)
	}
	if !ok || !a.IsActive {
		return nil, ErrWrongPassword
	}
	if rehash {
		if err := s.rehash(ctx, a, password); err != nil && !errors.Is(err, ErrBusy) {
			s.log.WarnContext(ctx, "rehash a password", "account", a.ID, "err", err)
		}
	}
	return a, nil
}

// verify asks the hasher, in the same time whether there is such an account or
// not. An error means that it did not answer.
func (s *Store) verify(ctx context.Context, a *Account, key, password string) (ok, rehash bool, err error) {
	if a.ID == "" || !a.HasPassword() {
		return false, false, s.hasher.VerifyNothing(ctx, key, password)
	}
	ok, rehash, err = s.hasher.Verify(ctx, a.PasswordHash, password)
	if errors.Is(err, ErrHashForm) {
		s.log.WarnContext(ctx, "a stored password hash cannot be used", "account", a.ID, "err", err)
		return false, false, nil
	}
	return ok, rehash, err
}

// forgive takes back what attempt counted: nothing was learnt of the password.
func (s *Store) forgive(ctx context.Context) {
	for _, k := range workOf(ctx).forgive { // in the order of their locks
		s.giveBack(ctx, k)
	}
}

func (s *Store) giveBack(ctx context.Context, keys ...limitKey) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second) // it is often the request that ended
	defer cancel()
	for _, k := range keys {
		if _, err := s.exec(ctx, `UPDATE limits SET count = count - 1 WHERE count > 0 AND key = $1 AND slot = $2`, k.key, k.slot); err != nil {
			s.log.WarnContext(ctx, "give back a sign-in that was not tried", "err", err)
		}
	}
}

// attempt counts the attempt and reads the account, in one statement. The
// account is empty if there is none. It is finished even if the request ends
// meanwhile: or nobody would know whether to give it back.
func (s *Store) attempt(ctx context.Context, l Limits, key, address string) (*Account, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	now := s.now()
	from, account := l.PasswordAddress.at(limitAddress, address, now), l.PasswordAccount.at(limitAccount, key, now)
	workOf(ctx).forgive = []limitKey{from, account}
	var a Account
	var counted [2]bool // the address, the account
	var err error
	if s.pool != nil {
		args := append(append(l.PasswordAddress.args(from, now), l.PasswordAccount.args(account, now)...), key)
		err = s.pool.QueryRow(ctx, attemptPostgres, args...).Scan(append([]any{&counted[0], &counted[1]}, a.loginColumns()...)...)
	} else {
		err = s.inTx(ctx, func(c conn) error {
			for i, args := range [][]any{l.PasswordAddress.args(from, now), l.PasswordAccount.args(account, now)} {
				var n int64
				if err := c.row(ctx, countEvent, args...).Scan(&n); err != nil {
					return ignoreNoRows(err)
				}
				counted[i] = true
			}
			return ignoreNoRows(c.row(ctx, loginAccount+` WHERE email_key = $1`, key).Scan(a.loginColumns()...))
		})
	}
	switch {
	case err != nil:
		return nil, fmt.Errorf("begin the sign-in: %w", err)
	case !counted[0]:
		return nil, s.refused(ctx, l.PasswordAddress, from, now)
	case !counted[1]:
		workOf(ctx).forgive = []limitKey{from}
		s.forgive(ctx)
		return nil, s.refused(ctx, l.PasswordAccount, account, now)
	}
	return &a, nil
}

// refused says how long to wait for a limit that is reached.
func (s *Store) refused(ctx context.Context, l Limit, k limitKey, now time.Time) error {
	var current, before int64
	if err := s.read(ctx, countsNow, k.key, k.slot).Scan(&current, &before); err != nil {
		return fmt.Errorf("read the limit: %w", err)
	}
	return &LimitError{l.wait(now, current, before)}
}

func (a *Account) loginColumns() []any {
	return []any{&a.ID, &a.Email, &a.EmailState, &a.PasswordHash, &a.IsActive, &a.IsSuperuser, &a.AuthEpoch}
}

const loginAccount = `SELECT id, email, email_state, password_hash, is_active, is_superuser, auth_epoch FROM accounts`

// attemptPostgres is countEvent for the address ($1–$5), and only if that is
// within its limit for the account ($6–$10), whose row it reads ($11).
var attemptPostgres = `WITH address AS (` + countEvent + `),
		account AS (` + accountEvent + `)
	SELECT EXISTS (SELECT 1 FROM address), EXISTS (SELECT 1 FROM account),
	       coalesce(a.id::text, ''), coalesce(a.email, ''), coalesce(a.email_state, ''), coalesce(a.password_hash, ''),
	       coalesce(a.is_active, false), coalesce(a.is_superuser, false), coalesce(a.auth_epoch, 0)
	  FROM (SELECT 1) here LEFT JOIN accounts a ON a.email_key = $11`

var accountEvent = strings.Replace(
	strings.NewReplacer("$1", "$6", "$2", "$7", "$3", "$8", "$4", "$9", "$5", "$10").Replace(countEvent),
	"WHERE 1 +", "WHERE EXISTS (SELECT 1 FROM address) AND 1 +", 1)
