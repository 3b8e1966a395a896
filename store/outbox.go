package store

import (
	"context"
	"fmt"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

// Mail is a message that waits in the outbox until it is sent or has expired.
// What it says and to whom is sealed: the database tells neither.
type Mail struct {
	ID        string // uuid v7; names the message towards its recipient too
	Sealed    []byte
	ExpiresAt time.Time // when it is of no use any more

	// Written only by this file.
	Attempts  int // how often it was claimed, this time included
	LastError string
	NextAt    time.Time
	CreatedAt time.Time
}

// TableName is the table's name.
func (Mail) TableName() string { return "outbox" }

// How long a message waits after its first failed attempt; each further one
// doubles that, up to the longest.
const (
	firstRetry   = time.Minute
	longestRetry = time.Hour
)

// Post puts a message into the outbox.
func (s *Store) Post(ctx context.Context, m Mail) error { return s.post(s.db.WithContext(ctx), &m) }

// post is Post within the transaction of what the message tells of, so that
// there is both or neither. A nil message is none.
func (s *Store) post(tx *gorm.DB, m *Mail) error {
	if m == nil {
		return nil
	}
	row := Mail{ID: m.ID, Sealed: m.Sealed, ExpiresAt: m.ExpiresAt, NextAt: s.now(), CreatedAt: s.now()}
	if err := tx.Create(&row).Error; err != nil {
		return fmt.Errorf("post mail: %w", err)
	}
	return nil
}

// ClaimMail returns up to n messages that are due, the longest due first, and
// gives each of them to the caller alone for the length of the lease: until it
// is over the caller says MailSent or MailFailed. What it does not say so of,
// because it died, is due again then.
func (s *Store) ClaimMail(ctx context.Context, n int, lease time.Duration) ([]Mail, error) {
	now := s.now()
	due := func(db *gorm.DB) *gorm.DB {
		return db.WithContext(ctx).Where("next_at <= ? AND expires_at > ?", now, now).Order("next_at, id").Limit(n)
	}
	var list []Mail
	if err := due(s.reads).Select("id").Find(&list).Error; err != nil || len(list) == 0 {
		return nil, err // most of the time, and without a transaction
	}
	err := s.db.WithContext(ctx).Transaction(func(tx *gorm.DB) error {
		q := due(tx)
		if s.pool != nil { // on SQLite the transaction is the only one
			q = q.Clauses(clause.Locking{Strength: clause.LockingStrengthUpdate, Options: clause.LockingOptionsSkipLocked})
		}
		list = nil
		if err := q.Find(&list).Error; err != nil || len(list) == 0 {
			return err
		}
		ids := make([]string, len(list))
		for i := range list {
			list[i].Attempts++
			list[i].NextAt = now.Add(lease)
			ids[i] = list[i].ID
		}
		return tx.Model(&Mail{}).Where("id IN ?", ids).
			Updates(map[string]any{"attempts": gorm.Expr("attempts + 1"), "next_at": now.Add(lease)}).Error
	})
	if err != nil {
		return nil, fmt.Errorf("claim mail: %w", err)
	}
	return list, nil
}

// MailSent removes a message that is sent, or that can never be.
func (s *Store) MailSent(ctx context.Context, id string) error {
	return s.db.WithContext(ctx).Delete(&Mail{}, "id = ?", id).Error
}

// MailFailed makes a claimed message due again later. It does nothing if the
// lease is over and somebody else has claimed it. errText names no person.
func (s *Store) MailFailed(ctx context.Context, m Mail, errText string) error {
	return s.db.WithContext(ctx).Model(&Mail{}).Where("id = ? AND attempts = ?", m.ID, m.Attempts).
		Updates(map[string]any{"last_error": errText, "next_at": s.now().Add(retryAfter(m.Attempts))}).Error
}

func retryAfter(attempts int) time.Duration {
	if doublings := attempts - 1; doublings < 6 {
		return firstRetry << max(0, doublings)
	}
	return longestRetry
}

// MailUnder lists the messages whose seal begins with the id of a system secret.
func (s *Store) MailUnder(ctx context.Context, id []byte) ([]Mail, error) {
	var list []Mail
	err := s.reads.WithContext(ctx).Select("id", "sealed").Where("substr(sealed, 1, 8) = ?", id).Order("id").Find(&list).Error
	if err != nil {
		return nil, fmt.Errorf("list sealed mail: %w", err)
	}
	return list, nil
}

// ResealMail replaces the seal of a message if it is still the old one.
func (s *Store) ResealMail(ctx context.Context, id string, old, sealed []byte) error {
	if _, err := s.exec(ctx, `UPDATE outbox SET sealed = $1 WHERE id = $2 AND sealed = $3`, sealed, id, old); err != nil {
		return fmt.Errorf("seal mail again: %w", err)
	}
	return nil
}

// MailWaiting counts the messages that have not been sent.
func (s *Store) MailWaiting(ctx context.Context) (int64, error) {
	var n int64
	err := s.reads.WithContext(ctx).Model(&Mail{}).Where("expires_at > ?", s.now()).Count(&n).Error
	return n, err
}
