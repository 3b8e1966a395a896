package store

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"gorm.io/gorm"
)

// Audit outcomes.
const (
	Succeeded = "succeeded"
	Refused   = "refused"
)

// AuditEntry is one change: who did what to what. Sign-ins are log events and
// not here.
type AuditEntry struct {
	ID       string
	Time     time.Time
	Actor    string // a client or account id, or "cli", "server" or "browser" (no client had sent the person)
	Action   string // noun.verb, e.g. "client.create"
	Target   string
	Outcome  string
	Detail   string // JSON object, never with a secret
	PrevHash []byte
}

// TableName is the table's name.
func (AuditEntry) TableName() string { return "audit" }

// Audit records a change. detail is marshalled to JSON and must hold no
// secret.
func (s *Store) Audit(ctx context.Context, actor, action, target, outcome string, detail map[string]any) error {
	return s.audit(s.db.WithContext(ctx), actor, action, target, outcome, detail)
}

// audit records a change within its transaction.
func (s *Store) audit(tx *gorm.DB, actor, action, target, outcome string, detail map[string]any) error {
	text := []byte("{}")
	if len(detail) > 0 {
		var err error
		if text, err = json.Marshal(detail); err != nil {
			return fmt.Errorf("audit %s: %w", action, err)
		}
	}
	entry := &AuditEntry{ID: newID(), Time: s.now(), Actor: actor, Action: action, Target: target, Outcome: outcome, Detail: string(text)}
	if err := tx.Create(entry).Error; err != nil {
		return fmt.Errorf("audit %s: %w", action, err)
	}
	return nil
}

// AuditEntries lists up to limit entries, newest first, after cursor.
func (s *Store) AuditEntries(ctx context.Context, cursor string, limit int) ([]AuditEntry, error) {
	q := s.reads.WithContext(ctx)
	if isID(cursor) {
		q = q.Where("id < ?", cursor)
	}
	var list []AuditEntry
	err := q.Order("id DESC").Limit(limit).Find(&list).Error
	return list, err
}
