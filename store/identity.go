package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"

	"github.com/google/uuid"
	"gorm.io/gorm"
)

// Identity is a person at a social provider who may sign in to an account. Its
// key is (provider, subject), compared byte for byte; the address is only what
// the provider last said.
type Identity struct {
	ID           string
	AccountID    string
	Provider     string
	Subject      *string // nil: imported, and nobody has signed in with it yet
	Email        string
	Verified     bool
	PendingEmail string
	CreatedAt    time.Time
}

// ErrLastWayIn refuses to take away the only way to sign in to an account.
var ErrLastWayIn = errors.New("the last way to sign in")

// SignIn is a known identity with its account.
type SignIn struct {
	IdentityID string
	Email      string // as the provider said it the last time
	Verified   bool
	Account    Account // id, login address, state and epoch alone
}

// SignIn finds the account of an identity by its key, or returns ErrNotFound.
// One statement.
func (s *Store) SignIn(ctx context.Context, provider, subject string) (*SignIn, error) {
	var k SignIn
	err := s.read(ctx, `SELECT i.id, i.email, i.verified, a.id, a.email, a.is_active, a.auth_epoch
		  FROM identities i JOIN accounts a ON a.id = i.account_id WHERE i.provider = $1 AND i.subject = $2`, provider, subject).
		Scan(&k.IdentityID, &k.Email, &k.Verified, &k.Account.ID, &k.Account.Email, &k.Account.IsActive, &k.Account.AuthEpoch)
	return &k, translate(err)
}

// NoteEmail keeps what the provider says of the address now. The account's own
// address stays.
func (s *Store) NoteEmail(ctx context.Context, identityID, email string, verified bool) error {
	_, err := s.exec(ctx, `UPDATE identities SET email = $1, verified = $2 WHERE id = $3`, email, verified, identityID)
	return err
}

// Holder is the account whose login address a provider vouches for.
type Holder struct {
	Account
	OtherSubject bool // another person at the same provider signs in to it
}

// Holder finds the account with this login address, in any letter case, or
// returns ErrNotFound.
func (s *Store) Holder(ctx context.Context, email, provider string) (*Holder, error) {
	a, err := s.AccountByEmail(ctx, email)
	if err != nil {
		return nil, err
	}
	var n int64
	err = s.reads.WithContext(ctx).Model(&Identity{}).Where("account_id = ? AND provider = ?", a.ID, provider).Count(&n).Error
	return &Holder{*a, n > 0}, err
}

// Federated is a person at a provider who has no account here yet.
type Federated struct {
	Provider, Subject string
	Email             string // as the provider says it
	Verified          bool
	LoginEmail        bool // it becomes the account's login address, proven
	Authoritative     bool // the provider is the authority for it
	Username          string
	FirstName         string
	LastName          string
	Actor             string // who did it, for the audit: a client or an account
	Reason            string // why, likewise
	Mail              *Mail  // tells the owner of the account that is claimed, joined or linked; nil for none
}

func (f *Federated) identity(id, accountID string, now time.Time) *Identity {
	return &Identity{ID: id, AccountID: accountID, Provider: f.Provider, Subject: &f.Subject, Email: f.Email, Verified: f.Verified, CreatedAt: now}
}

func (f *Federated) audit(s *Store, tx *gorm.DB, action, target string) error {
	return s.audit(tx, f.Actor, action, target, Succeeded, map[string]any{"provider": f.Provider, "reason": f.Reason})
}

// CreateFederated makes an account without password that this identity signs
// in to. With claimed not nil it first retires that account, if it is still as
// it was read: the address is freed, its grants end, and what was linked to it
// is gone. Errors: ErrExists if the identity or the address is taken by now,
// ErrNotFound if claimed has changed.
func (s *Store) CreateFederated(ctx context.Context, f Federated, claimed *Account) (*SignIn, error) {
	a := &Account{
		ID: newID(), EmailState: EmailUnproven, Username: name(f.Username, "user"), FirstName: name(f.FirstName, name(f.Username, "user")),
		LastName: name(f.LastName, ""), IsActive: true, CreatedAt: s.now(),
	}
	if f.LoginEmail {
		key := EmailKey(f.Email)
		a.Email, a.EmailKey, a.EmailState, a.Vouched = strings.TrimSpace(f.Email), &key, EmailProven, !f.Authoritative
	}
	known := &SignIn{newID(), f.Email, f.Verified, *a}
	err := s.db.WithContext(ctx).Transaction(func(tx *gorm.DB) error {
		if claimed != nil {
			if err := s.retire(tx, &f, claimed, a.ID); err != nil {
				return err
			}
		}
		if err := tx.Create(a).Error; err != nil {
			return err
		}
		if err := tx.Create(f.identity(known.IdentityID, a.ID, a.CreatedAt)).Error; err != nil {
			return err
		}
		if err := s.post(tx, f.Mail); err != nil {
			return err
		}
		return f.audit(s, tx, "account.create", a.ID)
	})
	return known, translate(err)
}

// retire ends an account that nobody has proven to be theirs, for its address
// to go to whom it belongs (social.Identity.Authoritative).
func (s *Store) retire(tx *gorm.DB, f *Federated, a *Account, successor string) error {
	done := tx.Model(&Account{}).
		Where("id = ? AND auth_epoch = ? AND email_state = ? AND is_active AND NOT is_staff AND NOT is_superuser AND NOT returned",
			a.ID, a.AuthEpoch, EmailUnproven).
		Updates(map[string]any{"email_key": nil, "is_active": false, "password_hash": "", "auth_epoch": gorm.Expr("auth_epoch + 1")})
	if done.Error != nil {
		return done.Error
	}
	if done.RowsAffected == 0 {
		return ErrNotFound
	}
	if err := tx.Where("account_id = ?", a.ID).Delete(&Identity{}).Error; err != nil {
		return err
	}
	if err := endSessions(tx, s.now(), "account_id = ?", a.ID).Error; err != nil {
		return err
	}
	if _, err := s.endGrants(tx, "account_id = ?", a.ID); err != nil {
		return err
	}
	return s.audit(tx, f.Actor, "account.claim", a.ID, Succeeded,
		map[string]any{"provider": f.Provider, "successor": successor, "reason": f.Reason})
}

// JoinIdentity lets an identity sign in to the proven account that has its
// address, if it is still as it was read and no other person of that provider
// does. Errors: ErrExists, ErrNotFound.
func (s *Store) JoinIdentity(ctx context.Context, f Federated, a *Account) (*SignIn, error) {
	known := &SignIn{newID(), f.Email, f.Verified, *a}
	err := s.db.WithContext(ctx).Transaction(func(tx *gorm.DB) error {
		if err := s.lockAccount(tx, "id = ? AND auth_epoch = ? AND is_active AND NOT is_staff AND NOT is_superuser AND NOT vouched AND email_state = ? AND email_key = ?",
			a.ID, a.AuthEpoch, EmailProven, EmailKey(f.Email)); err != nil {
			return err
		}
		var others int64
		if err := tx.Model(&Identity{}).Where("account_id = ? AND provider = ?", a.ID, f.Provider).Count(&others).Error; err != nil {
			return err
		}
		if others > 0 {
			return ErrExists // it was nobody's when that was decided
		}
		if err := tx.Create(f.identity(known.IdentityID, a.ID, s.now())).Error; err != nil {
			return err
		}
		if err := s.post(tx, f.Mail); err != nil {
			return err
		}
		return f.audit(s, tx, "identity.join", a.ID)
	})
	return known, translate(err)
}

func (s *Store) lockAccount(tx *gorm.DB, where string, args ...any) error {
	return s.locking(tx).Select("id").Where(where, args...).Take(&Account{}).Error
}

// LinkIdentity lets an identity sign in to the account of someone who is
// signed in, and still is. Its token is used up with it: digest and expiresAt as
// for UseOnce. Errors: ErrExists if the identity is linked already, ErrReplayed,
// ErrNotFound.
func (s *Store) LinkIdentity(ctx context.Context, f Federated, who Presence, digest []byte, expiresAt time.Time) (*Identity, error) {
	identity := f.identity(newID(), who.AccountID, s.now())
	err := s.db.WithContext(ctx).Transaction(func(tx *gorm.DB) error {
		if err := s.lockAccount(tx, "id = ? AND is_active", who.AccountID); err != nil {
			return err
		}
		if err := s.lockPresence(tx, who); err != nil {
			return err
		}
		if digest != nil { // without a client, as no repetition of it may sign in
			done := tx.Exec(`INSERT INTO replays (digest, client_id, grant_id, used_at, expires_at)
				VALUES ( ?, '', ?, ?, ?) ON CONFLICT DO NOTHING`, digest, identity.ID, s.now(), expiresAt)
			if done.Error != nil {
				return done.Error
			}
			if done.RowsAffected == 0 {
				return ErrReplayed
			}
		}
		if err := tx.Create(identity).Error; err != nil {
			return err
		}
		if err := dropUnbound(tx, identity); err != nil {
			return err
		}
		if err := s.post(tx, f.Mail); err != nil {
			return err
		}
		return f.audit(s, tx, "identity.link", who.AccountID)
	})
	return identity, translate(err)
}

// Identities lists an account's, oldest first.
func (s *Store) Identities(ctx context.Context, accountID string) ([]Identity, error) {
	var list []Identity
	if !isID(accountID) {
		return nil, nil
	}
	err := s.reads.WithContext(ctx).Where("account_id = ?", accountID).Order("id").Find(&list).Error
	if err != nil {
		return nil, fmt.Errorf("list identities: %w", err)
	}
	return list, nil
}

// IdentityOf returns the identity with this key, or ErrNotFound.
func (s *Store) IdentityOf(ctx context.Context, provider, subject string) (*Identity, error) {
	var i Identity
	err := s.reads.WithContext(ctx).Where("provider = ? AND subject = ?", provider, subject).Take(&i).Error
	return &i, translate(err)
}

// Unlink removes one of the identities of who's account and ends the sessions and
// grants that began with it, except who's own. Raising the epoch first refuses a
// sign-in under way, and lets of two calls at once the second see the first's
// work. Errors: ErrNotFound, ErrLastWayIn.
func (s *Store) Unlink(ctx context.Context, who Presence, id string) error {
	if !isID(id) {
		return ErrNotFound
	}
	accountID := who.AccountID
	err := s.db.WithContext(ctx).Transaction(func(tx *gorm.DB) error {
		if err := raiseEpoch(tx, accountID); err != nil {
			return err
		}
		if err := s.lockPresence(tx, who); err != nil {
			return err
		}
		var i Identity
		if err := tx.Where("id = ? AND account_id = ?", id, accountID).Take(&i).Error; err != nil {
			return err
		}
		done := tx.Where(`id = ? AND (EXISTS (SELECT 1 FROM accounts a WHERE a.id = account_id AND a.email_key IS NOT NULL
				AND a.password_hash <> '' AND a.password_hash NOT LIKE '!%')
			OR EXISTS (SELECT 1 FROM identities o WHERE o.account_id = identities.account_id AND o.id <> identities.id
				AND o.subject IS NOT NULL))`, id).
			Delete(&Identity{})
		if done.Error != nil {
			return done.Error
		}
		if done.RowsAffected == 0 {
			return ErrLastWayIn
		}
		if err := endSessions(tx, s.now(), "identity_id = ? AND id <> ?", id, cmp.Or(who.SessionID, uuid.Nil.String())).Error; err != nil {
			return err
		}
		if _, err := s.endGrants(tx, "identity_id = ? AND root_id <> ?", id, cmp.Or(who.RootID, uuid.Nil.String())); err != nil {
			return err
		}
		return s.audit(tx, accountID, "identity.unlink", accountID, Succeeded, map[string]any{"provider": i.Provider})
	})
	return translate(err)
}

// EndIdentity ends the grants that began with an identity, which stays. It
// returns ErrNotFound for one that is not known.
func (s *Store) EndIdentity(ctx context.Context, provider, subject, reason string) error {
	i, err := s.IdentityOf(ctx, provider, subject)
	if err != nil {
		return err
	}
	err = s.db.WithContext(ctx).Transaction(func(tx *gorm.DB) error {
		if err := raiseEpoch(tx, i.AccountID); err != nil {
			return err
		}
		ended := endSessions(tx, s.now(), "identity_id = ?", i.ID)
		if ended.Error != nil {
			return ended.Error
		}
		if n, err := s.endGrants(tx, "identity_id = ?", i.ID); err != nil || n+ended.RowsAffected == 0 {
			return err
		}
		return s.audit(tx, provider, "identity.end", i.AccountID, Succeeded, map[string]any{"provider": provider, "reason": reason})
	})
	return translate(err)
}

func raiseEpoch(tx *gorm.DB, accountID string) error {
	done := tx.Model(&Account{}).Where("id = ?", accountID).Update("auth_epoch", gorm.Expr("auth_epoch + 1"))
	if done.Error == nil && done.RowsAffected == 0 {
		return ErrNotFound
	}
	return done.Error
}

// name makes what a provider says fit for a name of ours.
func name(text, otherwise string) string {
	clean := []rune(strings.TrimSpace(strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == unicode.ReplacementChar {
			return -1
		}
		return r
	}, strings.ToValidUTF8(text, ""))))
	if len(clean) > MaxName {
		clean = clean[:MaxName]
	}
	if len(clean) == 0 {
		return otherwise
	}
	return string(clean)
}
