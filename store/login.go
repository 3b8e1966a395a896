package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
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
// cannot pass the limits; Flush gives it back to who succeeds. Unknown,
// wrong and inactive take the same time. Errors: ErrWrongPassword,
// *LimitError, ErrBusy.
func (s *Store) Login(ctx context.Context, l Limits, email, password, address string) (*Account, error) {
	key := EmailKey(email)
	a, err := s.attempt(ctx, l, key, address)
	if err != nil {
		return nil, err
	}
	if a.ID == "" || a.PasswordHash == "" || a.PasswordHash[0] == '!' {
		if err := s.hasher.VerifyNothing(ctx, key, password); err != nil {
			return nil, fmt.Errorf("verify the password: %w", err)
		}
		return nil, ErrWrongPassword
	}
	ok, rehash, err := s.hasher.Verify(ctx, a.PasswordHash, password)
	if errors.Is(err, ErrHashForm) {
		s.log.WarnContext(ctx, "a stored password hash cannot be used", "account", a.ID, "err", err)
	} else if err != nil {
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

// attempt counts the attempt and reads the account, in one statement. The
// account is empty if there is none.
func (s *Store) attempt(ctx context.Context, l Limits, key, address string) (*Account, error) {
	now := s.now()
	account, from := l.PasswordAccount.at(limitAccount, key, now), l.PasswordAddress.at(limitAddress, address, now)
	workOf(ctx).forgive = []limitKey{account, from}
	var a Account
	var counts [4]*int64 // current and before, of the account and of the address
	var err error
	if s.pool != nil {
		err = s.pool.QueryRow(ctx, attemptPostgres,
			account.key, account.slot, now.Add(2*l.PasswordAccount.Window), l.PasswordAccount.Max+1,
			from.key, from.slot, now.Add(2*l.PasswordAddress.Window), l.PasswordAddress.Max+1, key).
			Scan(append([]any{&counts[0], &counts[1], &counts[2], &counts[3]}, a.loginColumns()...)...)
	} else {
		err = s.lite.write(ctx, func(tx *sql.Tx) error {
			for i, c := range []struct {
				limit Limit
				limitKey
			}{{l.PasswordAccount, account}, {l.PasswordAddress, from}} {
				var err error
				if counts[2*i], err = optional(tx.QueryRowContext(ctx, countEvent, c.key, c.slot, now.Add(2*c.limit.Window), c.limit.Max+1)); err != nil {
					return err
				}
				if counts[2*i+1], err = optional(tx.QueryRowContext(ctx, countBefore, c.key, c.slot-1)); err != nil {
					return err
				}
			}
			err := tx.QueryRowContext(ctx, loginAccount+` WHERE email_key = $1`, key).Scan(a.loginColumns()...)
			return ignoreNoRows(err)
		})
	}
	if err != nil {
		return nil, fmt.Errorf("begin the sign-in: %w", err)
	}
	wait := max(l.PasswordAccount.wait(now, counts[0], counts[1]), l.PasswordAddress.wait(now, counts[2], counts[3]))
	if wait > 0 {
		return nil, &LimitError{wait}
	}
	return &a, nil
}

func (a *Account) loginColumns() []any {
	return []any{&a.ID, &a.Email, &a.EmailState, &a.PasswordHash, &a.IsActive, &a.IsSuperuser, &a.AuthEpoch}
}

const loginAccount = `SELECT id, email, email_state, password_hash, is_active, is_superuser, auth_epoch FROM accounts`

const attemptPostgres = `WITH one AS (INSERT INTO limits AS l (key, slot, count, expires_at) VALUES ($1, $2, 1, $3)
			ON CONFLICT (key, slot) DO UPDATE SET count = l.count + 1 WHERE l.count < $4 RETURNING count),
		two AS (INSERT INTO limits AS l (key, slot, count, expires_at) VALUES ($5, $6, 1, $7)
			ON CONFLICT (key, slot) DO UPDATE SET count = l.count + 1 WHERE l.count < $8 RETURNING count)
	SELECT (SELECT count FROM one), (SELECT count FROM limits WHERE key = $1 AND slot = $2 - 1),
	       (SELECT count FROM two), (SELECT count FROM limits WHERE key = $5 AND slot = $6 - 1),
	       coalesce(a.id::text, ''), coalesce(a.email, ''), coalesce(a.email_state, ''), coalesce(a.password_hash, ''),
	       coalesce(a.is_active, false), coalesce(a.is_superuser, false), coalesce(a.auth_epoch, 0)
	  FROM (SELECT 1) here LEFT JOIN accounts a ON a.email_key = $9`
