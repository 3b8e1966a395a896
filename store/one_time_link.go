package store

import (
	"context"
	"fmt"
	"time"

	"gorm.io/gorm"
)

// What a mailed link is for.
const (
	LinkSignUp = "sign_up" // make an account
	LinkVerify = "verify"  // show that the account's address is its owner's
	LinkReset  = "reset"   // choose a new password
)

// OneTimeLink is a link that was mailed to an address: whoever opens it reads
// what is sent there. It is good once, and for an account only while that has
// the address, is active, and is in the epoch that it was in.
type OneTimeLink struct {
	Digest    []byte // the token's HMAC; the token itself is nowhere
	Purpose   string
	AccountID *string // nil for LinkSignUp, and for a row that no link leads to
	Email     string  // EmailKey of the address
	Browser   []byte  // SHA-256 of what only the browser that asked for it has
	Sealed    []byte  // what it goes on with, readable by the caller alone; gone once it is spent
	AuthEpoch int64   // the account's
	CreatedAt time.Time
	SpentAt   *time.Time
	ExpiresAt time.Time
}

// OpenedLink is a link that works now.
type OpenedLink struct {
	OneTimeLink
	Account Account // id, address and names alone; empty for LinkSignUp
}

// mailsPerHour is how many links of one purpose an address is sent.
const mailsPerHour = 5

// AllowLink counts one link of a purpose to an address, and returns how long to
// wait if there were too many. Whoever is not signed in is told nothing of that,
// or they could tell how often others ask.
func (s *Store) AllowLink(ctx context.Context, purpose, email string) (wait time.Duration, err error) {
	return s.Allow(ctx, Limit{mailsPerHour, time.Hour}, limitLink, purpose+" "+EmailKey(email))
}

// AddLink writes a link and the mail that it is in, both or neither; older links
// of the same purpose to the same address end. l has no CreatedAt. With dead the
// row is for the look of it alone: what is done for an address tells nobody
// whether it has an account.
func (s *Store) AddLink(ctx context.Context, l OneTimeLink, dead bool, m *Mail) error {
	l.CreatedAt = s.now()
	if dead {
		l.SpentAt = &l.CreatedAt
	}
	err := s.db.WithContext(ctx).Transaction(func(tx *gorm.DB) error {
		if err := tx.Where("email = ? AND purpose = ?", l.Email, l.Purpose).Delete(&OneTimeLink{}).Error; err != nil {
			return err
		}
		if err := tx.Create(&l).Error; err != nil {
			return err
		}
		return s.post(tx, m)
	})
	if err != nil {
		return fmt.Errorf("write the link: %w", err)
	}
	return nil
}

// Link reads a link that works, or returns ErrNotFound. It uses nothing up. One
// statement.
func (s *Store) Link(ctx context.Context, digest []byte) (*OpenedLink, error) {
	l := OpenedLink{OneTimeLink: OneTimeLink{Digest: digest}}
	a := &l.Account
	err := s.read(ctx, `SELECT l.purpose, l.account_id, l.email, l.browser, l.sealed, l.auth_epoch, l.expires_at,
			coalesce(a.email, ''), coalesce(a.username, ''), coalesce(a.first_name, '')
		  FROM one_time_links l LEFT JOIN accounts a
		    ON a.id = l.account_id AND a.is_active AND a.auth_epoch = l.auth_epoch AND a.email_key = l.email
		 WHERE l.digest = $1 AND l.spent_at IS NULL AND l.expires_at > $2 AND (a.id IS NOT NULL OR l.purpose = '`+LinkSignUp+`')`, digest, s.now()).
		Scan(&l.Purpose, &l.AccountID, &l.Email, &l.Browser, &l.Sealed, &l.AuthEpoch, &l.ExpiresAt, &a.Email, &a.Username, &a.FirstName)
	if err != nil {
		return nil, translate(err)
	}
	if l.AccountID != nil {
		a.ID = *l.AccountID
	}
	return &l, nil
}

// spendLink uses a link up, with what it kept.
func (s *Store) spendLink(tx *gorm.DB, digest []byte) error {
	now := s.now()
	done := tx.Model(&OneTimeLink{}).Where("digest = ? AND spent_at IS NULL AND expires_at > ?", digest, now).
		Updates(map[string]any{"spent_at": now, "sealed": nil})
	if done.Error == nil && done.RowsAffected == 0 {
		return ErrNotFound
	}
	return done.Error
}

// SignUp spends a link of LinkSignUp on a new account with the link's address,
// which is proven by it. a has the address as it was typed, the names and the
// password's hash. Errors: ErrNotFound if the link does not work any more;
// ErrExists if the address has an account by now, and the link stays.
func (s *Store) SignUp(ctx context.Context, digest []byte, a Account) (*Account, error) {
	key := EmailKey(a.Email)
	a.ID, a.EmailKey, a.EmailState, a.IsActive, a.CreatedAt = newID(), &key, EmailProven, true, s.now()
	err := s.db.WithContext(ctx).Transaction(func(tx *gorm.DB) error {
		if err := s.spendLink(tx, digest); err != nil {
			return err
		}
		if err := tx.Create(&a).Error; err != nil {
			return err
		}
		return s.audit(tx, a.ID, "account.create", a.ID, Succeeded, map[string]any{"reason": "mailed link"})
	})
	if err != nil {
		return nil, translate(err)
	}
	s.forgetGuesses(ctx, key)
	return &a, nil
}

// ProveEmail spends a link of LinkVerify in the login session that asked for
// it: the address is the account's owner's, and nothing else changes.
// ErrNotFound if the link does not work any more or the session has ended.
func (s *Store) ProveEmail(ctx context.Context, l *OpenedLink, sessionID string) error {
	err := s.db.WithContext(ctx).Transaction(func(tx *gorm.DB) error {
		if err := s.spendLink(tx, l.Digest); err != nil {
			return err
		}
		done := tx.Model(&Account{}).Where("id = ? AND is_active AND auth_epoch = ? AND email_key = ?", l.Account.ID, l.AuthEpoch, l.Email).
			Where("EXISTS (SELECT 1 FROM login_sessions s WHERE s.id = ? AND s.account_id = accounts.id AND s.ended_at IS NULL)", sessionID).
			Update("email_state", EmailProven)
		if done.Error != nil {
			return done.Error
		}
		if done.RowsAffected == 0 {
			return ErrNotFound
		}
		return s.audit(tx, l.Account.ID, "account.verify", l.Account.ID, Succeeded, nil)
	})
	return translate(err)
}

// ProveFromOutside spends a link that shows, outside of any session, that the
// account's address is whose mail it was sent to. Whoever set the account up
// before may have been somebody else, so all of that ends: the password, which
// hash replaces, sessions, grants, identities, consents, imported tokens, and
// with the epoch all other links. m tells the owner. It returns the account as it
// is then, or ErrNotFound if the link does not work any more.
func (s *Store) ProveFromOutside(ctx context.Context, l *OpenedLink, hash string, m *Mail) (*Account, error) {
	var a Account
	err := s.db.WithContext(ctx).Transaction(func(tx *gorm.DB) error {
		if err := s.spendLink(tx, l.Digest); err != nil {
			return err
		}
		if err := s.lockAccount(tx, "id = ? AND is_active AND email_key = ?", l.Account.ID, l.Email); err != nil {
			return err
		}
		before := &Account{ID: l.Account.ID, AuthEpoch: l.AuthEpoch}
		if err := s.changeSignIn(tx, before, map[string]any{"password_hash": hash, "email_state": EmailProven}, ""); err != nil {
			return err
		}
		unlinked, err := s.endSetUp(tx, before.ID)
		if err != nil {
			return err
		}
		if err := s.audit(tx, before.ID, "account.recover", before.ID, Succeeded,
			map[string]any{"reason": "mailed link", "purpose": l.Purpose, "identities": unlinked}); err != nil {
			return err
		}
		if err := s.post(tx, m); err != nil {
			return err
		}
		return tx.Where("id = ?", before.ID).Take(&a).Error
	})
	if err != nil {
		return nil, translate(err)
	}
	s.forgetGuesses(ctx, l.Email)
	return &a, nil
}

// endSetUp removes what an account signs in by beside its password, and what
// was allowed in its name. It returns the number of identities;
// changes that wait for one of them (pending_email) go with it.
func (s *Store) endSetUp(tx *gorm.DB, accountID string) (unlinked int64, err error) {
	if err := tx.Exec(endImported, s.now(), accountID, "", "").Error; err != nil {
		return 0, err
	}
	if err := tx.Where("account_id = ?", accountID).Delete(&Consent{}).Error; err != nil {
		return 0, err
	}
	done := tx.Where("account_id = ?", accountID).Delete(&Identity{})
	return done.RowsAffected, done.Error
}
