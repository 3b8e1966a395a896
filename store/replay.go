package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// ErrReplayed says that a token which may be used once has been used.
var ErrReplayed = errors.New("used before")

// retryWithin is how long the same client may bring a one-time token again: it
// did not get the answer.
const retryWithin = 60 * time.Second

// Used tells whether the one-time token that digest names has been used so
// that this client cannot use it any more.
func (s *Store) Used(ctx context.Context, digest []byte, clientID string) (bool, error) {
	if digest == nil {
		return false, nil
	}
	n, err := s.Count(ctx, `SELECT count(*) FROM replays WHERE digest = $1 AND NOT (client_id = $2 AND used_at > $3)`,
		digest, clientID, s.now().Add(-retryWithin))
	if err != nil {
		return false, fmt.Errorf("look for the token's use: %w", err)
	}
	return n > 0, nil
}

// UseUp marks what digest names, 32 bytes, as used until expiresAt, for good: no
// repetition of it is a retry. ErrReplayed if it has been used. One statement.
func (s *Store) UseUp(ctx context.Context, digest []byte, expiresAt time.Time) error {
	n, err := s.exec(ctx, `INSERT INTO replays (digest, client_id, grant_id, used_at, expires_at)
		VALUES ($1, '', $2, $3, $4) ON CONFLICT DO NOTHING`, digest, newID(), s.now(), expiresAt)
	if err != nil {
		return fmt.Errorf("note what is used once: %w", err)
	}
	if n == 0 {
		return ErrReplayed
	}
	return nil
}

// takeOver lets the grant of w follow the one that its token was used for
// before, which ends; or it returns ErrReplayed. It takes its locks in the
// order of flushOnceGrant: the client's row, the account's, the replay's.
func (s *Store) takeOver(ctx context.Context, c conn, w *work) error {
	if s.pool != nil {
		if _, err := c.exec(ctx, `SELECT 1 FROM clients WHERE id = $1 FOR SHARE`, w.grant.ClientID); err != nil {
			return err
		}
		if _, err := c.exec(ctx, `SELECT 1 FROM accounts WHERE id = $1 FOR UPDATE`, w.grant.AccountID); err != nil {
			return err
		}
	}
	query := `SELECT client_id, grant_id, used_at FROM replays WHERE digest = $1`
	if s.pool != nil {
		query += ` FOR UPDATE`
	}
	var clientID, first string
	var usedAt time.Time
	err := c.row(ctx, query, w.once.digest).Scan(&clientID, &first, &usedAt)
	if errors.Is(err, sql.ErrNoRows) {
		return ErrReplayed // expired and purged since: too old in any case
	}
	if err != nil {
		return err
	}
	now := s.now()
	if clientID != w.grant.ClientID || !usedAt.After(now.Add(-retryWithin)) {
		return ErrReplayed
	}
	for _, end := range []string{revokeThese + `id = $2`, revokeChildren + `(SELECT id FROM grants WHERE id = $2)`} {
		if _, err := c.exec(ctx, end, now, first); err != nil {
			return err
		}
	}
	_, err = c.exec(ctx, `UPDATE replays SET grant_id = $1 WHERE digest = $2`, w.grant.ID, w.once.digest)
	return err
}
