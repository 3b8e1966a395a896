package store

import (
	"context"
	"errors"

	"gorm.io/gorm"
)

// Unbound is an imported identity that is known by an address alone, with its
// account as it is now.
type Unbound struct {
	ID           string
	Account      Account // id, login address, epoch and flags alone
	OtherSubject bool    // another person at the same provider signs in to the account
}

// Unbound finds the imported identity of a provider that has this address, in
// any letter case, and that nobody has signed in with yet; or ErrNotFound.
func (s *Store) Unbound(ctx context.Context, provider, email string) (*Unbound, error) {
	var u Unbound
	a := &u.Account
	err := s.read(ctx, `SELECT i.id, a.id, a.email, a.auth_epoch, a.is_active, a.is_staff, a.is_superuser,
			EXISTS (SELECT 1 FROM identities o WHERE o.account_id = a.id AND o.provider = i.provider AND o.subject IS NOT NULL)
		  FROM identities i JOIN accounts a ON a.id = i.account_id
		 WHERE i.provider = $1 AND i.email = $2 AND i.subject IS NULL`, provider, EmailKey(email)).
		Scan(&u.ID, &a.ID, &a.Email, &a.AuthEpoch, &a.IsActive, &a.IsStaff, &a.IsSuperuser, &u.OtherSubject)
	return &u, translate(err)
}

// BindIdentity gives an imported identity its subject, once: from then on it is
// found by that and never again by its address. Errors: ErrExists if the
// subject has an identity by now, ErrNotFound if somebody was quicker or the
// account has changed.
func (s *Store) BindIdentity(ctx context.Context, f Federated, u *Unbound) (*SignIn, error) {
	err := s.db.WithContext(ctx).Transaction(func(tx *gorm.DB) error {
		if err := s.lockAccount(tx, "id = ? AND auth_epoch = ? AND is_active AND NOT is_staff AND NOT is_superuser",
			u.Account.ID, u.Account.AuthEpoch); err != nil {
			return err
		}
		done := tx.Model(&Identity{}).
			Where("id = ? AND subject IS NULL", u.ID).
			Where("NOT EXISTS (SELECT 1 FROM identities o WHERE o.account_id = ? AND o.provider = ? AND o.subject IS NOT NULL)", u.Account.ID, f.Provider).
			Updates(map[string]any{"subject": f.Subject, "email": f.Email, "verified": f.Verified})
		if done.Error == nil && done.RowsAffected == 0 {
			return ErrNotFound
		}
		return errors.Join(done.Error, f.audit(s, tx, "identity.bind", u.Account.ID))
	})
	return &SignIn{u.ID, f.Email, f.Verified, u.Account}, translate(err)
}

// dropUnbound removes the imported identity that a linked one takes the place
// of: the same account's, with the same address.
func dropUnbound(tx *gorm.DB, linked *Identity) error {
	return tx.Where("account_id = ? AND provider = ? AND subject IS NULL AND email = ?",
		linked.AccountID, linked.Provider, EmailKey(linked.Email)).Delete(&Identity{}).Error
}
