package store

import (
	"context"
	"errors"
	"fmt"

	"gorm.io/gorm"
)

// HasPassword tells whether the account can sign in by one. a has been read
// whole.
func (a *Account) HasPassword() bool { return a.PasswordHash != "" && a.PasswordHash[0] != '!' }

// SetPassword checks the policy, stores the password, and ends every session and
// grant of the account. Errors: *PolicyError, ErrNotFound, ErrBusy.
func (s *Store) SetPassword(ctx context.Context, id, password string) error {
	a, err := s.Account(ctx, id)
	if err != nil {
		return err
	}
	hash, err := s.hashFor(ctx, a, password)
	if err != nil {
		return err
	}
	return s.endSignIns(ctx, id, map[string]any{"password_hash": hash})
}

// ChangePassword is SetPassword for who is signed in and knows the old one. What
// they are signed in by goes on: a session with all that was born of it, or a
// token's grant. It is on record, and m tells the owner, with the change or not
// at all. Errors as SetPassword's, and ErrWrongPassword; ErrNotFound too if they
// are not signed in any more, or if somebody else was first.
func (s *Store) ChangePassword(ctx context.Context, who Presence, old, password string, m *Mail) error {
	a, err := s.Account(ctx, who.AccountID)
	if err != nil {
		return err
	}
	ok, _, err := s.hasher.Verify(ctx, a.PasswordHash, old)
	if err != nil && !errors.Is(err, ErrHashForm) {
		return fmt.Errorf("verify the password: %w", err)
	}
	if !ok || !a.IsActive {
		return ErrWrongPassword
	}
	hash, err := s.hashFor(ctx, a, password)
	if err != nil {
		return err
	}
	return translate(s.db.WithContext(ctx).Transaction(func(tx *gorm.DB) error {
		if err := s.changeSignIn(tx, a, map[string]any{"password_hash": hash}, who); err != nil {
			return err
		}
		if err := s.audit(tx, a.ID, "account.set_password", a.ID, Succeeded, nil); err != nil {
			return err
		}
		return s.post(tx, m)
	}))
}

// hashFor is the hash of a password that the policy allows the account.
func (s *Store) hashFor(ctx context.Context, a *Account, password string) (string, error) {
	if err := CheckPassword(password, a.Email, a.Username); err != nil {
		return "", err
	}
	hash, err := s.hasher.Hash(ctx, password)
	if err != nil {
		return "", fmt.Errorf("hash the password: %w", err)
	}
	return hash, nil
}

// rehash replaces a hash that verified by one of today's form, unless the
// password changed meanwhile.
func (s *Store) rehash(ctx context.Context, a *Account, password string) error {
	hash, err := s.hasher.Hash(ctx, password)
	if err != nil {
		return err
	}
	_, err = s.exec(ctx, `UPDATE accounts SET password_hash = $1 WHERE id = $2 AND password_hash = $3`,
		hash, a.ID, a.PasswordHash)
	return err
}

// ImportHash gives an account a password hash of another system, in a form
// that ValidHashForm accepts.
func (s *Store) ImportHash(ctx context.Context, id, encoded string) error {
	if err := ValidHashForm(encoded); err != nil {
		return err
	}
	return s.endSignIns(ctx, id, map[string]any{"password_hash": encoded})
}

// forgetGuesses keeps guesses at a password that did not exist yet from keeping
// its owner out.
func (s *Store) forgetGuesses(ctx context.Context, key string) {
	guesses := Limit{}.at(limitAccount, key, s.now()).key
	if _, err := s.exec(ctx, `DELETE FROM limits WHERE key = $1`, guesses); err != nil {
		s.log.WarnContext(ctx, "forget guesses at a new password", "err", err)
	}
}
