package store

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"gorm.io/gorm"
)

// importedTokenLife is how long an imported refresh token is good at most.
const importedTokenLife = 14 * 24 * time.Hour

// ImportedToken is a refresh token of another system. It is good once, for its
// own client, and begins a grant here. It counts only while the account's
// auth_epoch is 0, as imported: whatever raises that ends it too.
type ImportedToken struct {
	Digest    []byte // SHA-256 of the token
	ClientID  string
	AccountID string
	Scope     Words
	AuthTime  time.Time
	ExpiresAt time.Time
	SpentAt   *time.Time
	GrantID   *string // what it became

	Email string `gorm:"-"` // its account's
}

// ImportedToken reads an imported refresh token in whatever state it is, or
// returns ErrNotFound. Where there is none at all it asks only every
// Config.ClientCache.
func (s *Store) ImportedToken(ctx context.Context, token string) (*ImportedToken, error) {
	if none := s.noImported.Load(); none != nil && time.Since(*none) < s.cfg.ClientCache {
		return nil, ErrNotFound
	}
	asked, digest := time.Now(), sha256.Sum256([]byte(token))
	t := ImportedToken{Digest: digest[:]}
	err := s.read(ctx, `SELECT t.client_id, t.account_id, t.scope, t.auth_time, t.expires_at, t.spent_at, t.grant_id, a.email
		  FROM imported_tokens t JOIN accounts a ON a.id = t.account_id WHERE t.digest = $1`, t.Digest).
		Scan(&t.ClientID, &t.AccountID, &t.Scope, &t.AuthTime, &t.ExpiresAt, &t.SpentAt, &t.GrantID, &t.Email)
	if errors.Is(err, sql.ErrNoRows) {
		some, err := s.Count(ctx, `SELECT count(*) FROM (SELECT 1 FROM imported_tokens LIMIT 1) one`)
		if err != nil {
			return nil, err
		}
		if some == 0 {
			s.noImported.Store(&asked)
		}
		return nil, ErrNotFound
	}
	return &t, translate(err)
}

// SpendImported makes the grant of the unit of work depend on an imported
// token, which it spends.
func (s *Store) SpendImported(ctx context.Context, t *ImportedToken) { workOf(ctx).imported = t.Digest }

// RevokeImported ends an imported refresh token, and the family that it became,
// if it is this client's; otherwise it does nothing, without error.
func (s *Store) RevokeImported(ctx context.Context, token, clientID string) error {
	t, err := s.ImportedToken(ctx, token)
	if errors.Is(err, ErrNotFound) || err == nil && t.ClientID != clientID {
		return nil
	}
	if err != nil {
		return fmt.Errorf("find the imported token: %w", err)
	}
	n, err := s.exec(ctx, `UPDATE imported_tokens SET spent_at = $1 WHERE digest = $2 AND spent_at IS NULL`, s.now(), t.Digest)
	if err != nil || n > 0 {
		return err
	}
	if t, err = s.ImportedToken(ctx, token); err == nil && t.GrantID != nil { // read again: it may have been spent just now
		err = s.RevokeGrant(ctx, *t.GrantID)
	}
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	return err
}

// endImported is what ends an account's imported tokens, all or one client's,
// beside its grants.
const endImported = `UPDATE imported_tokens SET spent_at = ? WHERE account_id = ? AND ( ? = '' OR client_id = ?) AND spent_at IS NULL`

// endClient is revokeAfter for a client, whose imported tokens end too.
func (s *Store) endClient(ctx context.Context, id string, change func(*gorm.DB) *gorm.DB) error {
	return s.revokeAfter(ctx, func(tx *gorm.DB) *gorm.DB {
		done := change(tx)
		if done.Error == nil {
			done.Error = tx.Where("client_id = ?", id).Delete(&ImportedToken{}).Error
		}
		return done
	}, "client_id = ?", id)
}
