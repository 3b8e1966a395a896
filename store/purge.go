package store

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"gorm.io/gorm"
)

const (
	purgeEvery = 15 * time.Second
	purgeBatch = 2000 // rows a statement removes, so that none holds its locks for long
	purgeLock  = 0x67617465686f7573
)

// purges are run in turn, each until it touches less than a batch. Children
// go before their grant. $1 is now, $2 when the grace of a refresh began, $3
// the batch.
var purges = []struct{ name, table, set, where string }{
	{"access_tokens", "access_tokens", "", "expires_at < $2"}, // within the grace a retry is told of it
	{"refresh_tokens", "refresh_tokens", "", "expires_at < $1"},
	{"grants", "grants", "", "expires_at < $1"},
	{"codes", "codes", "", "kept_until < $1"},
	{"one_time_links", "one_time_links", "", "expires_at < $1"},
	{"limits", "limits", "", "expires_at < $1"},
	{"replays", "replays", "", "expires_at < $1"},
	{"imported_tokens", "imported_tokens", "", "expires_at < $1"},
	{"outbox", "outbox", "", "expires_at < $1"},
	{"salts", "refresh_tokens", "salt = NULL", "spent_at < $2 AND spent_at IS NOT NULL AND salt IS NOT NULL"},
}

// Purge removes what has expired, and the salts of refresh tokens whose grace
// is over: without its salt a token's successor cannot be derived any more.
// It returns the number of rows touched.
func (s *Store) Purge(ctx context.Context) (int64, error) {
	total, err := s.purgeSessions(ctx)
	if err != nil {
		return total, fmt.Errorf("purge login_sessions: %w", err)
	}
	rowID := "rowid"
	if s.pool != nil {
		rowID = "ctid"
	}
	for _, p := range purges {
		verb := "DELETE FROM " + p.table
		if p.set != "" {
			verb = "UPDATE " + p.table + " SET " + p.set
		}
		// Both times appear in every statement, as PostgreSQL wants each parameter used.
		query := fmt.Sprintf(`%s WHERE %s IN (SELECT %[2]s FROM %s WHERE %s AND $2 <= $1 LIMIT $3)`, verb, rowID, p.table, p.where)
		for {
			now := s.now()
			n, err := s.exec(ctx, query, now, s.graceBegan(), purgeBatch)
			if err != nil {
				return total, fmt.Errorf("purge %s: %w", p.name, err)
			}
			total += n
			if n < purgeBatch {
				break
			}
		}
	}
	return total, nil
}

// purgeSessions removes browser sessions whose time is over, used up or idle, and
// ends the grants that end with them. Like all that ends grants it changes the
// row first that new ones are inserted beside.
func (s *Store) purgeSessions(ctx context.Context) (total int64, err error) {
	expired := `SELECT id FROM login_sessions WHERE expires_at < ? LIMIT ?`
	if s.pool != nil {
		expired += ` FOR UPDATE SKIP LOCKED` // whoever holds one may wait for another
	}
	for {
		var ids []string
		err := s.db.WithContext(ctx).Transaction(func(tx *gorm.DB) error {
			done := tx.Raw(`DELETE FROM login_sessions WHERE id IN (`+expired+`) RETURNING id`, s.now(), purgeBatch).Scan(&ids)
			if done.Error != nil || len(ids) == 0 {
				return done.Error
			}
			_, err := s.endGrants(tx, online+` AND login_session_id IN ?`, ids)
			return err
		})
		if err != nil {
			return total, err
		}
		if total += int64(len(ids)); len(ids) < purgeBatch {
			return total, nil
		}
	}
}

// RunUpkeep does what must be done from time to time until ctx ends: it purges,
// and tells the hasher which forms of hashes the accounts have. Of all the
// replicas of one database only the holder of an advisory lock purges; it asks
// for the lock again at each round, so that a leader that died is followed.
func (s *Store) RunUpkeep(ctx context.Context) {
	tick := time.NewTicker(purgeEvery)
	defer tick.Stop()
	for {
		for _, job := range []func(context.Context) error{s.sampleForms, s.purgeAsLeader} {
			if err := job(ctx); err != nil && ctx.Err() == nil {
				s.log.WarnContext(ctx, "upkeep", "err", err)
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// sampleForms lets the check of an unknown account take as long as that of a
// known one, whatever system its hashes came from.
func (s *Store) sampleForms(ctx context.Context) error {
	hashes, err := s.someHashes(ctx)
	if err == nil {
		s.hasher.SetForms(hashes)
	}
	return err
}

// someHashes picks rows from all over the table, without reading all of it:
// accounts that came from one system lie together.
func (s *Store) someHashes(ctx context.Context) (hashes []string, err error) {
	const some = 200
	db := s.reads.WithContext(ctx)
	if s.pool == nil {
		var last int64
		if err := db.Raw(`SELECT coalesce(max(rowid), 0) FROM accounts`).Scan(&last).Error; err != nil {
			return nil, err
		}
		ids := make([]int64, some)
		for i := range ids {
			ids[i] = 1 + rand.Int64N(last+1)
			if last <= some {
				ids[i] = int64(i) + 1
			}
		}
		err = db.Raw(`SELECT password_hash FROM accounts WHERE rowid IN ? AND password_hash <> ''`, ids).Scan(&hashes).Error
		return hashes, err
	}
	var rows float64 // as of the last ANALYZE; less than zero before the first
	if err := db.Raw(`SELECT reltuples FROM pg_class WHERE oid = 'accounts'::regclass`).Scan(&rows).Error; err != nil {
		return nil, err
	}
	percent := min(100, 100*20*some/max(rows, 1))
	err = db.Raw(`SELECT password_hash FROM accounts TABLESAMPLE SYSTEM ( ? ) WHERE password_hash <> '' ORDER BY random() LIMIT ?`,
		percent, some).Scan(&hashes).Error
	return hashes, err
}

func (s *Store) purgeAsLeader(ctx context.Context) error {
	if s.pool == nil {
		_, err := s.Purge(ctx)
		return err
	}
	conn, err := s.pool.Acquire(ctx)
	if err != nil {
		return err
	}
	defer conn.Release()
	var leader bool
	if err := conn.QueryRow(ctx, `SELECT pg_try_advisory_lock($1)`, int64(purgeLock)).Scan(&leader); err != nil || !leader {
		return err
	}
	_, err = s.Purge(ctx)
	if _, unlockErr := conn.Exec(context.WithoutCancel(ctx), `SELECT pg_advisory_unlock($1)`, int64(purgeLock)); err == nil {
		err = unlockErr
	}
	return err
}
