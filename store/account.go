package store

import (
	"context"
	"fmt"
	"strings"
	"time"

	"gorm.io/gorm"
)

// How far an account's e-mail address is known to be its owner's.
const (
	EmailProven   = "proven"
	EmailUnproven = "unproven"
	EmailImported = "imported"
)

// Longest values accepted, in characters.
const (
	MaxEmail    = 254
	MaxName     = 150
	MaxPassword = 128
)

// Account is one person who can sign in. AuthEpoch rises whenever what the
// person signs in with changes or ends; a sign-in that began under an older
// epoch inserts nothing.
type Account struct {
	ID           string
	Email        string  // as typed, trimmed
	EmailKey     *string // what it is found by: EmailKey(Email); nil if it is no login address
	EmailState   string
	Username     string
	FirstName    string
	LastName     string
	PasswordHash string // empty or "!…": no password
	IsStaff      bool
	IsSuperuser  bool
	IsActive     bool
	AuthEpoch    int64
	LastLoginAt  *time.Time
	Returned     bool // signed in again after the first time
	Vouched      bool // proven by the word of a provider alone that is no authority for the address
	CreatedAt    time.Time
}

// NewAccount is what CreateUser and CreateSuperuser take.
type NewAccount struct {
	Email      string
	Username   string
	FirstName  string
	LastName   string // optional
	Password   string
	EmailState string // default EmailUnproven
	Staff      *bool  // default false, for a superuser true
	Superuser  *bool  // likewise
}

// CreateUser makes an account that can sign in. Errors: *FieldError,
// *PolicyError, ErrExists for an address that is taken, ErrBusy.
func (s *Store) CreateUser(ctx context.Context, n NewAccount) (*Account, error) {
	return s.createAccount(ctx, n, isTrue(n.Staff, false), isTrue(n.Superuser, false))
}

// CreateSuperuser makes an account that may use the console. Errors as
// CreateUser's.
func (s *Store) CreateSuperuser(ctx context.Context, n NewAccount) (*Account, error) {
	if !isTrue(n.Staff, true) {
		return nil, &FieldError{"is_staff", "A superuser must have is_staff set to true"}
	}
	if !isTrue(n.Superuser, true) {
		return nil, &FieldError{"is_superuser", "A superuser must have is_superuser set to true"}
	}
	return s.createAccount(ctx, n, true, true)
}

func isTrue(b *bool, otherwise bool) bool {
	if b == nil {
		return otherwise
	}
	return *b
}

func (s *Store) createAccount(ctx context.Context, n NewAccount, staff, superuser bool) (*Account, error) {
	n.Email = strings.TrimSpace(n.Email)
	if n.EmailState == "" {
		n.EmailState = EmailUnproven
	}
	if err := CheckEmail(n.Email); err != nil {
		return nil, err
	}
	if err := checkNames(&n.Username, &n.FirstName, &n.LastName); err != nil {
		return nil, err
	}
	if err := CheckPassword(n.Password, n.Email, n.Username); err != nil {
		return nil, err
	}
	key := EmailKey(n.Email)
	// Asked before the hash, which is a hundred times dearer; the unique index decides.
	var taken int64
	if err := s.reads.WithContext(ctx).Model(&Account{}).Where("email_key = ?", key).Count(&taken).Error; err != nil {
		return nil, fmt.Errorf("look for the e-mail: %w", err)
	}
	if taken > 0 {
		return nil, ErrExists
	}
	hash, err := s.hasher.Hash(ctx, n.Password)
	if err != nil {
		return nil, fmt.Errorf("hash the password: %w", err)
	}
	a := &Account{
		ID: newID(), Email: n.Email, EmailKey: &key, EmailState: n.EmailState,
		Username: n.Username, FirstName: n.FirstName, LastName: n.LastName, PasswordHash: hash,
		IsStaff: staff, IsSuperuser: superuser, IsActive: true, CreatedAt: s.now(),
	}
	if err := translate(s.db.WithContext(ctx).Create(a).Error); err != nil {
		return nil, err
	}
	s.forgetGuesses(ctx, key)
	return a, nil
}

// Account returns one account, or ErrNotFound.
func (s *Store) Account(ctx context.Context, id string) (*Account, error) {
	var a Account
	if !isID(id) {
		return nil, ErrNotFound
	}
	err := s.reads.WithContext(ctx).Where("id = ?", id).Take(&a).Error
	return &a, translate(err)
}

// AccountByEmail returns the account whose login address this is, in any
// letter case, or ErrNotFound.
func (s *Store) AccountByEmail(ctx context.Context, email string) (*Account, error) {
	var a Account
	err := s.reads.WithContext(ctx).Where("email_key = ?", EmailKey(email)).Take(&a).Error
	return &a, translate(err)
}

// Accounts lists up to limit accounts after the one named by cursor, in the
// order in which they were made. The second result is the next cursor, empty
// at the end.
func (s *Store) Accounts(ctx context.Context, search, cursor string, limit int) ([]Account, string, error) {
	q := s.reads.WithContext(ctx).Order("id").Limit(limit + 1)
	if cursor != "" {
		if !isID(cursor) {
			return nil, "", &FieldError{"cursor", "Not a cursor of this list"}
		}
		q = q.Where("id > ?", cursor)
	}
	if search != "" {
		q = q.Where("email_key LIKE ? ESCAPE '!'", likeEscape.Replace(EmailKey(search))+"%")
	}
	var list []Account
	if err := q.Find(&list).Error; err != nil {
		return nil, "", fmt.Errorf("list accounts: %w", err)
	}
	if len(list) <= limit {
		return list, "", nil
	}
	return list[:limit], list[limit-1].ID, nil
}

var likeEscape = strings.NewReplacer("!", "!!", "%", "!%", "_", "!_")

// AccountPatch changes the members that are not nil.
type AccountPatch struct {
	Username  *string
	FirstName *string
	LastName  *string
}

// UpdateAccount changes names. Errors: *FieldError, ErrNotFound.
func (s *Store) UpdateAccount(ctx context.Context, id string, p AccountPatch) (*Account, error) {
	a, err := s.Account(ctx, id)
	if err != nil {
		return nil, err
	}
	columns := map[string]any{} // only what is given: of two changes at once of different names neither is lost
	for column, f := range map[string]struct{ to, from *string }{
		"username": {&a.Username, p.Username}, "first_name": {&a.FirstName, p.FirstName}, "last_name": {&a.LastName, p.LastName},
	} {
		if f.from != nil {
			*f.to = *f.from
			columns[column] = strings.TrimSpace(*f.from)
		}
	}
	if err := checkNames(&a.Username, &a.FirstName, &a.LastName); err != nil {
		return nil, err
	}
	if len(columns) == 0 {
		return a, nil
	}
	return a, s.changeAccount(ctx, id, columns)
}

// MarkEmailProven says that the address is its owner's.
func (s *Store) MarkEmailProven(ctx context.Context, id string) error {
	return s.changeAccount(ctx, id, map[string]any{"email_state": EmailProven, "vouched": false})
}

// Reactivate lets an account sign in again. What was revoked stays revoked.
func (s *Store) Reactivate(ctx context.Context, id string) error {
	return s.changeAccount(ctx, id, map[string]any{"is_active": true})
}

func (s *Store) changeAccount(ctx context.Context, id string, columns map[string]any) error {
	if !isID(id) {
		return ErrNotFound
	}
	tx := s.db.WithContext(ctx).Model(&Account{}).Where("id = ?", id).Updates(columns)
	if tx.Error == nil && tx.RowsAffected == 0 {
		return ErrNotFound
	}
	return translate(tx.Error)
}

// Deactivate ends an account's sign-ins: no new one begins, and every token it
// has is refused from now on.
func (s *Store) Deactivate(ctx context.Context, id string) error {
	return s.endSignIns(ctx, id, map[string]any{"is_active": false})
}

// DeleteAccount removes an account and ends its grants. That actor did so is
// all that is kept of it.
func (s *Store) DeleteAccount(ctx context.Context, id, actor string) error {
	if !isID(id) {
		return ErrNotFound
	}
	err := s.db.WithContext(ctx).Transaction(func(tx *gorm.DB) error {
		done := tx.Where("id = ?", id).Delete(&Account{})
		if done.Error == nil && done.RowsAffected == 0 {
			return ErrNotFound
		}
		if done.Error != nil {
			return done.Error
		}
		if err := endSessions(tx, s.now(), "account_id = ?", id).Error; err != nil {
			return err
		}
		if _, err := s.endGrants(tx, "account_id = ?", id); err != nil {
			return err
		}
		return s.audit(tx, actor, "account.delete", id, Succeeded, nil)
	})
	return translate(err)
}

// anyEpoch stands for whatever epoch the account is in.
const anyEpoch = -1

// endSignIns changes the account and raises its epoch, then ends its sessions
// and grants.
func (s *Store) endSignIns(ctx context.Context, id string, columns map[string]any) error {
	if !isID(id) {
		return ErrNotFound
	}
	return translate(s.db.WithContext(ctx).Transaction(func(tx *gorm.DB) error {
		return s.changeSignIn(tx, &Account{ID: id, AuthEpoch: anyEpoch}, columns, Presence{})
	}))
}

// changeSignIn is endSignIns in a transaction. It finds nothing if the account
// has left a.AuthEpoch since it was read. What keep is signed in by goes on, if
// that has not ended; nothing does with an empty one. The order is revokeAfter's.
func (s *Store) changeSignIn(tx *gorm.DB, a *Account, columns map[string]any, keep Presence) error {
	columns["auth_epoch"] = gorm.Expr("auth_epoch + 1")
	q := tx.Model(&Account{}).Where("id = ?", a.ID)
	if a.AuthEpoch != anyEpoch {
		q = q.Where("auth_epoch = ?", a.AuthEpoch)
	}
	done := q.Updates(columns)
	if done.Error != nil {
		return done.Error
	}
	if done.RowsAffected == 0 {
		return ErrNotFound
	}
	if keep.AccountID != "" {
		if err := s.lockPresence(tx, keep); err != nil {
			return err
		}
	}
	sessions, grants, args := keep.others(a.ID)
	if err := endSessions(tx, s.now(), sessions, args...).Error; err != nil {
		return err
	}
	_, err := s.endGrants(tx, grants, args...)
	return err
}
