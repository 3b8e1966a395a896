package store

import (
	"context"
	"fmt"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

// SigningKey is the row of one signing key. What the columns mean for signing
// is the authorization server's business: here is no cryptography.
type SigningKey struct {
	KID        string `gorm:"column:kid"` // RFC 7517 §4.5
	Algorithm  string // RS256 or ES256 (RFC 7518 §3.1)
	Generation int64  // counts the keys of one algorithm from 1; unique with it
	PublicKey  string // JWK as JSON, for operators: nothing is verified with it
	PrivateKey []byte // sealed
	CreatedAt  time.Time
	ActiveAt   time.Time // it signs from then on, until the next one does
	RevokedAt  *time.Time
}

// SigningKeys lists all there are, by algorithm and generation.
func (s *Store) SigningKeys(ctx context.Context) ([]SigningKey, error) {
	var list []SigningKey
	if err := s.reads.WithContext(ctx).Order("algorithm, generation").Find(&list).Error; err != nil {
		return nil, fmt.Errorf("read the signing keys: %w", err)
	}
	return list, nil
}

// AddSigningKey inserts k, whose generation the caller has counted on from the
// newest, and records it. Of two callers that counted alike the second gets
// ErrExists and reads the first one's. alone revokes all keys before it.
func (s *Store) AddSigningKey(ctx context.Context, k *SigningKey, alone bool, actor string) error {
	err := s.db.WithContext(ctx).Transaction(func(tx *gorm.DB) error {
		made := tx.Clauses(clause.OnConflict{DoNothing: true}).Create(k)
		if made.Error != nil {
			return made.Error
		}
		if made.RowsAffected == 0 {
			return ErrExists
		}
		var revoked int64
		if alone {
			old := tx.Model(&SigningKey{}).Where("algorithm = ? AND generation < ? AND revoked_at IS NULL", k.Algorithm, k.Generation).
				Update("revoked_at", s.now())
			if old.Error != nil {
				return old.Error
			}
			revoked = old.RowsAffected
		}
		return s.audit(tx, actor, "signing_key.create", k.KID, Succeeded,
			map[string]any{"algorithm": k.Algorithm, "active_at": k.ActiveAt, "revoked": revoked})
	})
	if err != nil {
		return fmt.Errorf("add a signing key: %w", translate(err))
	}
	return nil
}

// ResealSigningKey replaces the sealed private key if it is still the old one;
// otherwise somebody else was first, and nothing is done.
func (s *Store) ResealSigningKey(ctx context.Context, kid string, old, sealed []byte) error {
	if _, err := s.exec(ctx, `UPDATE signing_keys SET private_key = $1 WHERE kid = $2 AND private_key = $3`, sealed, kid, old); err != nil {
		return fmt.Errorf("seal a signing key again: %w", err)
	}
	return nil
}

// PurgeSigningKeys removes the keys that were revoked, or followed by an active
// one, before then, and returns their number. The newest of an algorithm stays.
func (s *Store) PurgeSigningKeys(ctx context.Context, then time.Time) (int64, error) {
	n, err := s.exec(ctx, `DELETE FROM signing_keys AS k
		 WHERE EXISTS (SELECT 1 FROM signing_keys n WHERE n.algorithm = k.algorithm AND n.generation > k.generation)
		   AND (k.revoked_at < $1
		     OR EXISTS (SELECT 1 FROM signing_keys n WHERE n.algorithm = k.algorithm AND n.generation > k.generation
		                   AND n.active_at < $1 AND n.revoked_at IS NULL))`, then)
	if err != nil {
		return 0, fmt.Errorf("purge signing keys: %w", err)
	}
	return n, nil
}
