package store

import (
	"context"
	"fmt"
	"time"

	"github.com/ory/fosite"
	"gorm.io/gorm"
)

// Grant is one login, or one use of client credentials: the family that its
// tokens belong to. Revoking it is one UPDATE, and every opaque token of it
// dies at once. Its id is fosite's request id.
type Grant struct {
	ID             string
	RootID         string  // the login that an exchanged grant descends from; otherwise ID
	ParentID       *string // the grant whose token it was exchanged from; nil for a login
	AccountID      *string // nil for client credentials
	ClientID       string
	Subject        string // the account's id, or the client's (RFC 9068 §2.2)
	Username       string // the account's e-mail as it was at sign-in (RFC 7662 §2.2)
	Scope          Words
	Audience       Words
	Resource       Words
	AuthTime       time.Time // when the person signed in; zero if nobody knows
	AMR            Words     `gorm:"column:amr"` // RFC 8176
	ACR            string
	Claims         string // session claims, JSON
	Actor          string // the act claim, JSON (RFC 8693 §4.1)
	CNF            string `gorm:"column:cnf"` // RFC 7800
	SID            string `gorm:"column:sid"`
	IdentityID     *string
	LoginSessionID *string
	CreatedAt      time.Time
	RevokedAt      *time.Time
	ExpiresAt      time.Time // absolute; no token outlives it
}

// Session carries a grant through fosite's handlers.
type Session struct {
	Grant            Grant
	AuthEpoch        int64 // the account's epoch, read before its password was checked
	AccessExpiresAt  time.Time
	RefreshExpiresAt time.Time
	Presented        *PresentedRefresh // by the refresh grant alone: the token shown
	Imported         *ImportedToken    // likewise, one of another system
	Account          *Account          // by the code grant alone: what claims are made of
	Nonce            string            // likewise (OpenID Connect Core §2)
	NotAfter         time.Time         // likewise: the grant's latest end; zero for none
	TokenAudience    Words             // likewise: the first access token's, where that is less than the grant's
	IssuedType       string            // by token exchange alone (RFC 8693 §2.2.1)
}

var _ fosite.Session = (*Session)(nil)

// SetExpiresAt sets the end of one kind of token.
func (s *Session) SetExpiresAt(kind fosite.TokenType, at time.Time) {
	switch kind {
	case fosite.AccessToken:
		s.AccessExpiresAt = at
	case fosite.RefreshToken:
		s.RefreshExpiresAt = at
	}
}

// GetExpiresAt returns it, zero while it is not set.
func (s *Session) GetExpiresAt(kind fosite.TokenType) time.Time {
	switch kind {
	case fosite.AccessToken:
		return s.AccessExpiresAt
	case fosite.RefreshToken:
		return s.RefreshExpiresAt
	}
	return time.Time{}
}

// GetUsername is the account's e-mail.
func (s *Session) GetUsername() string { return s.Grant.Username }

// GetSubject is the token's sub.
func (s *Session) GetSubject() string { return s.Grant.Subject }

// Clone copies the session.
func (s *Session) Clone() fosite.Session {
	clone := *s
	return &clone
}

// NewGrantID returns an id for a grant: UUID version 7, so that rows of one
// time lie together.
func NewGrantID() string { return newID() }

// Grants lists an account's live grants, newest first, at most limit.
func (s *Store) Grants(ctx context.Context, accountID, cursor string, limit int) ([]Grant, string, error) {
	if !isID(accountID) {
		return nil, "", ErrNotFound
	}
	q := s.reads.WithContext(ctx).Where("account_id = ? AND revoked_at IS NULL AND expires_at > ?", accountID, s.now())
	if cursor != "" {
		if !isID(cursor) {
			return nil, "", &FieldError{"cursor", "Not a cursor of this list"}
		}
		q = q.Where("id < ?", cursor)
	}
	var list []Grant
	if err := q.Order("id DESC").Limit(limit + 1).Find(&list).Error; err != nil {
		return nil, "", fmt.Errorf("list grants: %w", err)
	}
	if len(list) <= limit {
		return list, "", nil
	}
	return list[:limit], list[limit-1].ID, nil
}

// Grant returns one grant, ended or not, or ErrNotFound.
func (s *Store) Grant(ctx context.Context, id string) (*Grant, error) {
	var g Grant
	if !isID(id) {
		return nil, ErrNotFound
	}
	err := s.reads.WithContext(ctx).Where("id = ?", id).Take(&g).Error
	return &g, translate(err)
}

// RevokeGrant ends the family that the grant belongs to. It returns
// ErrNotFound for one that never was or has ended.
func (s *Store) RevokeGrant(ctx context.Context, id string) error {
	if !isID(id) {
		return ErrNotFound
	}
	const root = `(SELECT root_id FROM grants WHERE id = $2)`
	n, err := s.execInTurn(ctx, []string{revokeThese + `id = ` + root, revokeChildren + root}, s.now(), id)
	if err == nil && n == 0 {
		return ErrNotFound
	}
	return err
}

// RevokeGrants ends every grant of an account, or with clientID not empty
// those that this client began, and returns how many that were. A sign-in in
// flight survives it: see Deactivate for one that does not.
func (s *Store) RevokeGrants(ctx context.Context, accountID, clientID string) (int64, error) {
	if !isID(accountID) {
		return 0, nil
	}
	var n int64
	err := s.db.WithContext(ctx).Transaction(func(tx *gorm.DB) (err error) {
		if err := tx.Exec(endImported, s.now(), accountID, clientID, clientID).Error; err != nil {
			return err
		}
		n, err = s.endGrants(tx, "account_id = ? AND (? = '' OR client_id = ?)", accountID, clientID, clientID)
		return err
	})
	return n, err
}

// A family ends in two statements: first its root, then what was exchanged from
// it. A child's insert in flight holds its root's share lock, so the first
// statement waits for it, and only the second one's snapshot then sees the
// child.
const (
	revokeThese    = `UPDATE grants SET revoked_at = $1 WHERE revoked_at IS NULL AND `
	revokeChildren = revokeThese + `root_id <> id AND root_id IN `
)

// revokeAfter changes a row that new grants are inserted from, then revokes
// the grants that where selects, then their children. The order and the
// statements matter: an insert in flight holds the row's share lock, so the
// change waits for it, and only the next statement's snapshot then sees the
// inserted grant. In one statement that grant would live on.
func (s *Store) revokeAfter(ctx context.Context, change func(*gorm.DB) *gorm.DB, where string, args ...any) error {
	err := s.db.WithContext(ctx).Transaction(func(tx *gorm.DB) error {
		done := change(tx)
		if done.Error != nil {
			return done.Error
		}
		if done.RowsAffected == 0 {
			return ErrNotFound
		}
		_, err := s.endGrants(tx, where, args...)
		return err
	})
	return translate(err)
}

// endGrants is revokeAfter's second half, for a transaction that has made the
// change: it ends the grants that where selects, and all that was exchanged from
// them, and returns how many that were. An insert in flight holds its parent's
// share lock and so keeps a statement waiting that cannot see it; hence again,
// until there is nothing left.
func (s *Store) endGrants(tx *gorm.DB, where string, args ...any) (total int64, err error) {
	living := func() *gorm.DB { return tx.Model(&Grant{}).Where("revoked_at IS NULL") }
	done := living().Where(where, args...).Update("revoked_at", s.now())
	for total = done.RowsAffected; done.Error == nil; total += done.RowsAffected {
		done = living().Where(`parent_id IN (WITH RECURSIVE ended(id) AS (SELECT id FROM grants WHERE `+where+`
			UNION SELECT g.id FROM grants g JOIN ended e ON g.parent_id = e.id) SELECT id FROM ended)`, args...).
			Update("revoked_at", s.now())
		if done.RowsAffected == 0 {
			break
		}
	}
	return total, done.Error
}
