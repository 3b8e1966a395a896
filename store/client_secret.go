package store

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"regexp"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

// maxSecrets is how many secrets of a client are live at once, so that a new
// one can be rolled out before the old one ends.
const maxSecrets = 2

// ClientSecret is one way for a client to prove that it is itself. A secret
// of ours has full entropy, so a plain digest is enough and fast; an imported
// one may be a slow hash instead.
type ClientSecret struct {
	ID        string
	ClientID  string
	Digest    []byte // SHA-256; nil if Hash is set
	Hash      string // a slow hash of another system; no secret that is registered here has one
	CreatedAt time.Time
}

var secretText = regexp.MustCompile(`^[A-Za-z0-9_-]{32,128}$`)

// randomName is n random bytes, in letters that no header or form encodes.
func randomName(n int) string {
	b := make([]byte, n)
	rand.Read(b)
	return base64.RawURLEncoding.EncodeToString(b)
}

func newSecret(clientID, secret string, now time.Time) (ClientSecret, error) {
	if !secretText.MatchString(secret) {
		return ClientSecret{}, &FieldError{"client_secret", "Use 32 to 128 of A-Z a-z 0-9 _ -, or leave it out to have one generated"}
	}
	digest := sha256.Sum256([]byte(secret))
	return ClientSecret{ID: newID(), ClientID: clientID, Digest: digest[:], CreatedAt: now}, nil
}

// SecretMatches compares in constant time with each of the client's secrets.
func (c *Client) SecretMatches(secret string) bool {
	digest := sha256.Sum256([]byte(secret))
	found := 0
	for _, row := range c.Secrets {
		if len(row.Digest) == sha256.Size {
			found |= subtle.ConstantTimeCompare(row.Digest, digest[:])
		}
	}
	return found == 1
}

// AddSecret adds a generated secret and returns it: it is shown only here. Of
// more than two the oldest are dropped.
func (s *Store) AddSecret(ctx context.Context, clientID string) (ClientSecret, string, error) {
	var row ClientSecret
	secret := randomName(32)
	defer s.cache.drop(clientID)
	err := s.db.WithContext(ctx).Transaction(func(tx *gorm.DB) error {
		var c Client
		if err := s.locking(tx).Where("id = ?", clientID).Take(&c).Error; err != nil {
			return err
		}
		if c.Type == Public {
			return &FieldError{"client_secret", "A public client has no secret"}
		}
		var err error
		if row, err = newSecret(clientID, secret, s.now()); err != nil {
			return err
		}
		var old []string
		if err := tx.Model(&ClientSecret{}).Where("client_id = ?", clientID).
			Order("created_at DESC, id DESC").Offset(maxSecrets-1).Limit(100).Pluck("id", &old).Error; err != nil {
			return err
		}
		if len(old) > 0 {
			if err := tx.Where("id IN ?", old).Delete(&ClientSecret{}).Error; err != nil {
				return err
			}
		}
		return tx.Create(&row).Error
	})
	if err != nil {
		return ClientSecret{}, "", fmt.Errorf("add a secret: %w", translate(err))
	}
	return row, secret, nil
}

// DropSecret ends one secret, or returns ErrNotFound.
func (s *Store) DropSecret(ctx context.Context, clientID, id string) error {
	if !isID(id) {
		return ErrNotFound
	}
	defer s.cache.drop(clientID)
	tx := s.db.WithContext(ctx).Where("client_id = ? AND id = ?", clientID, id).Delete(&ClientSecret{})
	if tx.Error == nil && tx.RowsAffected == 0 {
		return ErrNotFound
	}
	return translate(tx.Error)
}

// locking makes a read in a transaction take the row's lock; SQLite's
// transactions already hold the only one.
func (s *Store) locking(tx *gorm.DB) *gorm.DB {
	return tx.Clauses(clause.Locking{Strength: clause.LockingStrengthUpdate})
}
