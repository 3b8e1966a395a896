package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
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

// Consents lists who can act for an account, and how, by client: what it allowed
// when it was asked, and what clients have of it without asking, as those of the
// operator's do (first_party). GrantedAt of the latter is when the newest grant
// began.
func (s *Store) Consents(ctx context.Context, accountID string) ([]Consent, error) {
	var list, live []Consent
	err := s.reads.WithContext(ctx).Where("account_id = ?", accountID).Find(&list).Error
	if err == nil {
		err = s.reads.WithContext(ctx).Raw(`SELECT client_id, scope, created_at AS granted_at FROM (
				SELECT client_id, scope, created_at, row_number() OVER (PARTITION BY client_id, scope ORDER BY created_at DESC, id) AS n
				  FROM grants WHERE account_id = ? AND revoked_at IS NULL AND expires_at > ?) newest
			 WHERE n = 1 ORDER BY created_at DESC, client_id, scope`, accountID, s.now()).Scan(&live).Error
	}
	if err != nil {
		return nil, fmt.Errorf("list consents: %w", err)
	}
	for _, g := range live {
		i := slices.IndexFunc(list, func(c Consent) bool { return c.ClientID == g.ClientID })
		if i < 0 {
			g.AccountID = accountID
			list = append(list, g)
			continue
		}
		list[i].Scope = ParseWords(list[i].Scope.String() + " " + g.Scope.String())
	}
	slices.SortFunc(list, func(a, b Consent) int { return strings.Compare(a.ClientID, b.ClientID) })
	return list, nil
}

// WithdrawConsent ends that a client can act for an account: what that allowed
// the client, and the grants, the codes and the imported tokens that the client
// has of it. ErrNotFound if there was nothing.
func (s *Store) WithdrawConsent(ctx context.Context, accountID, clientID string) error {
	if !isID(accountID) || clientID == "" { // endImported takes none for all
		return ErrNotFound
	}
	err := s.db.WithContext(ctx).Transaction(func(tx *gorm.DB) error {
		if err := s.lockAccount(tx, "id = ?", accountID); err != nil { // after sign-ins under way, which are seen then
			return err
		}
		var ended int64
		for _, change := range []*gorm.DB{
			tx.Where("account_id = ? AND client_id = ?", accountID, clientID).Delete(&Consent{}),
			tx.Where("account_id = ? AND client_id = ? AND spent_at IS NULL", accountID, clientID).Delete(&Code{}),
			tx.Exec(endImported, s.now(), accountID, clientID, clientID),
		} {
			if change.Error != nil {
				return change.Error
			}
			ended += change.RowsAffected
		}
		n, err := s.endGrants(tx, "account_id = ? AND client_id = ?", accountID, clientID)
		if err == nil && n+ended == 0 {
			return ErrNotFound
		}
		return err
	})
	return translate(err)
}
