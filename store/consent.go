package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"gorm.io/gorm"
)

// Scopes that OpenID Connect gives a meaning (Core §3.1.2.1, §5.4, §11).
const (
	ScopeOpenID  = "openid"
	ScopeProfile = "profile"
	ScopeEmail   = "email"
	ScopeOffline = "offline_access"
)

// Consent is what somebody has allowed a client to do.
type Consent struct {
	AccountID string
	ClientID  string
	Scope     Words
	GrantedAt time.Time
}

// Consented tells what the account has allowed the client so far; nothing, if
// it was never asked. One statement.
func (s *Store) Consented(ctx context.Context, accountID, clientID string) (Words, error) {
	var scope Words
	err := translate(s.read(ctx, `SELECT scope FROM consents WHERE account_id = $1 AND client_id = $2`, accountID, clientID).Scan(&scope))
	if errors.Is(err, ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the consent: %w", err)
	}
	return scope, nil
}

// Consent remembers that whoever is signed in allows the client this scope,
// beside what they allowed before. ErrNotFound if their sign-in or the client is
// gone.
func (s *Store) Consent(ctx context.Context, in *SignedIn, clientID string, scope Words) error {
	accountID := in.AccountID
	err := s.db.WithContext(ctx).Transaction(func(tx *gorm.DB) error {
		if err := s.lockAccount(tx, "id = ? AND is_active AND auth_epoch = ?", accountID, in.Account.AuthEpoch); err != nil {
			return err
		}
		if err := s.lockPresence(tx, in.Presence()); err != nil {
			return err
		}
		var before Consent
		if err := tx.Where("account_id = ? AND client_id = ?", accountID, clientID).Limit(1).Find(&before).Error; err != nil {
			return err
		}
		all := ParseWords(before.Scope.String() + " " + scope.String())
		return tx.Exec(`INSERT INTO consents (account_id, client_id, scope, granted_at) VALUES (?, ?, ?, ?)
			ON CONFLICT (account_id, client_id) DO UPDATE SET scope = excluded.scope, granted_at = excluded.granted_at`,
			accountID, clientID, all, s.now()).Error
	})
	if errors.Is(err, gorm.ErrForeignKeyViolated) {
		return ErrNotFound
	}
	return translate(err)
}

// Consents lists what an account has allowed, by client.
func (s *Store) Consents(ctx context.Context, accountID string) ([]Consent, error) {
	var list []Consent
	err := s.reads.WithContext(ctx).Where("account_id = ?", accountID).Order("client_id").Find(&list).Error
	if err != nil {
		return nil, fmt.Errorf("list consents: %w", err)
	}
	return list, nil
}

// WithdrawConsent forgets what the account allowed a client, and ends the
// grants and the codes that the client has of it. ErrNotFound if there was
// nothing.
func (s *Store) WithdrawConsent(ctx context.Context, accountID, clientID string) error {
	if !isID(accountID) {
		return ErrNotFound
	}
	return s.revokeAfter(ctx, func(tx *gorm.DB) *gorm.DB {
		done := tx.Where("account_id = ? AND client_id = ?", accountID, clientID).Delete(&Consent{})
		if done.Error == nil && done.RowsAffected > 0 {
			done.Error = tx.Where("account_id = ? AND client_id = ? AND spent_at IS NULL", accountID, clientID).Delete(&Code{}).Error
		}
		return done
	}, "account_id = ? AND client_id = ?", accountID, clientID)
}
