package store

import (
	"context"
	"errors"

	"gorm.io/gorm"
)

// PostAndFail posts within a transaction that is rolled back.
func (s *Store) PostAndFail(ctx context.Context, m *Mail) error {
	return s.db.WithContext(ctx).Transaction(func(tx *gorm.DB) error {
		return errors.Join(s.post(tx, m), errors.New("rolled back"))
	})
}

// PurgeAsLeader is one round of RunUpkeep's purge.
func (s *Store) PurgeAsLeader(ctx context.Context) error { return s.purgeAsLeader(ctx) }

// SomeHashes is what the hasher is told of the table.
func (s *Store) SomeHashes(ctx context.Context) ([]string, error) { return s.someHashes(ctx) }

// HoldPurgeLock is another replica that purges just now.
func (s *Store) HoldPurgeLock(ctx context.Context) (release func(), err error) {
	conn, err := s.pool.Acquire(ctx)
	if err != nil {
		return nil, err
	}
	_, err = conn.Exec(ctx, `SELECT pg_advisory_lock($1)`, int64(purgeLock))
	return func() {
		conn.Exec(ctx, `SELECT pg_advisory_unlock($1)`, int64(purgeLock))
		conn.Release()
	}, err
}

// MoveAddress gives an account another login address, and changes nothing else.
func (s *Store) MoveAddress(ctx context.Context, id, email string) error {
	return s.changeAccount(ctx, id, map[string]any{"email": email, "email_key": EmailKey(email)})
}
