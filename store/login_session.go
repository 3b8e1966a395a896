package store

import (
	"context"
	"fmt"
	"time"

	"gorm.io/gorm"
)

// LoginSession is a person signed in at one browser. The cookie that names it
// is nowhere: Signature is its HMAC.
type LoginSession struct {
	ID         string
	Signature  []byte
	AccountID  string
	SID        string `gorm:"column:sid"` // what clients know it by (OpenID Connect Front-Channel Logout §3)
	AuthTime   time.Time
	AMR        Words `gorm:"column:amr"`
	IdentityID *string
	UserAgent  string
	Address    string
	CreatedAt  time.Time
	SeenAt     time.Time
	EndedAt    *time.Time
	ExpiresAt  time.Time // moves on with each use, up to AbsoluteAt
	AbsoluteAt time.Time
}

// SessionLife is how long a browser session lasts: Idle since its last use, and
// Absolute since it began.
type SessionLife struct{ Idle, Absolute time.Duration }

// Longest user agent that is kept, in bytes.
const maxUserAgent = 300

// seenEvery is how often a session's use is written down: not at each request.
const seenEvery = time.Minute

// SignedIn is a live browser session with its account as it is now.
type SignedIn struct {
	LoginSession
	Account Account // what claims are made of, is_active and auth_epoch
}

const claimColumns = `a.id, a.email, a.email_key, a.email_state, a.username, a.first_name, a.last_name, a.is_staff, a.is_superuser, a.is_active, a.auth_epoch`

func (a *Account) claimColumns() []any {
	return []any{&a.ID, &a.Email, &a.EmailKey, &a.EmailState, &a.Username, &a.FirstName, &a.LastName, &a.IsStaff, &a.IsSuperuser, &a.IsActive, &a.AuthEpoch}
}

// SignedIn finds a live session by the signature of its cookie, or returns
// ErrNotFound. One statement; a second one, at most once a minute, notes that
// it was used.
func (s *Store) SignedIn(ctx context.Context, signature []byte, life SessionLife) (*SignedIn, error) {
	now := s.now()
	in := SignedIn{LoginSession: LoginSession{Signature: signature}}
	l := &in.LoginSession
	err := s.read(ctx, `SELECT s.id, s.account_id, s.sid, s.auth_time, s.amr, s.identity_id, s.created_at, s.seen_at, s.expires_at, s.absolute_at, `+
		claimColumns+` FROM login_sessions s JOIN accounts a ON a.id = s.account_id
		 WHERE s.signature = $1 AND s.ended_at IS NULL AND s.expires_at > $2 AND a.is_active`, signature, now).
		Scan(append([]any{&l.ID, &l.AccountID, &l.SID, &l.AuthTime, &l.AMR, &l.IdentityID, &l.CreatedAt, &l.SeenAt, &l.ExpiresAt, &l.AbsoluteAt},
			in.Account.claimColumns()...)...)
	if err != nil {
		return nil, translate(err)
	}
	if now.Sub(l.SeenAt) < seenEvery {
		return &in, nil
	}
	l.SeenAt, l.ExpiresAt = now, earlier(now.Add(life.Idle), l.AbsoluteAt)
	if _, err := s.exec(ctx, `UPDATE login_sessions SET seen_at = $1, expires_at = $2 WHERE id = $3 AND ended_at IS NULL`,
		l.SeenAt, l.ExpiresAt, l.ID); err != nil {
		return nil, fmt.Errorf("note the session's use: %w", err)
	}
	return &in, nil
}

// NewLoginSession is what OpenLoginSession takes.
type NewLoginSession struct {
	Account    *Account  // id and auth_epoch as they were when the sign-in was checked
	Previous   *SignedIn // what the browser had before; nil for nothing
	Signature  []byte
	AuthTime   time.Time
	AMR        Words
	IdentityID *string
	UserAgent  string
	Address    string
	Life       SessionLife
}

// OpenLoginSession begins a session, and gives the counted attempt of this
// request's Login back. Somebody who signs in again where they are signed in
// keeps their session, under the new cookie; a session of anybody else at this
// browser ends. ErrNotFound if the account is no longer what it was.
func (s *Store) OpenLoginSession(ctx context.Context, n NewLoginSession) (*LoginSession, error) {
	now := s.now()
	l := &LoginSession{
		ID: newID(), Signature: n.Signature, AccountID: n.Account.ID, SID: randomName(16), AuthTime: n.AuthTime, AMR: n.AMR, IdentityID: n.IdentityID,
		UserAgent: cut(n.UserAgent, maxUserAgent), Address: n.Address, CreatedAt: now, SeenAt: now,
		ExpiresAt: now.Add(min(n.Life.Idle, n.Life.Absolute)), AbsoluteAt: now.Add(n.Life.Absolute),
	}
	err := s.db.WithContext(ctx).Transaction(func(tx *gorm.DB) error {
		done := tx.Model(&Account{}).Where("id = ? AND is_active AND auth_epoch = ?", n.Account.ID, n.Account.AuthEpoch).
			Updates(map[string]any{"last_login_at": now, "returned": gorm.Expr("returned OR last_login_at IS NOT NULL")})
		if done.Error != nil {
			return done.Error
		}
		if done.RowsAffected == 0 {
			return ErrNotFound
		}
		if n.Previous != nil && n.Previous.AccountID == l.AccountID {
			if again, err := signInAgain(tx, n.Previous, l); again || err != nil {
				return err
			}
		} else if n.Previous != nil {
			if _, err := s.endSession(tx, n.Previous.ID); err != nil {
				return err
			}
		}
		if err := tx.Create(l).Error; err != nil {
			return err
		}
		return s.endSurplus(tx, l)
	})
	if err != nil {
		return nil, translate(err)
	}
	s.forgive(ctx)
	return l, nil
}

// signInAgain lets a live session go on under l's cookie; l becomes it.
func signInAgain(tx *gorm.DB, previous *SignedIn, l *LoginSession) (bool, error) {
	done := tx.Model(&LoginSession{}).Where("id = ? AND ended_at IS NULL AND expires_at > ?", previous.ID, l.SeenAt).
		Updates(map[string]any{"signature": l.Signature, "auth_time": l.AuthTime, "amr": l.AMR, "identity_id": l.IdentityID,
			"user_agent": l.UserAgent, "address": l.Address, "seen_at": l.SeenAt, "expires_at": earlier(l.ExpiresAt, previous.AbsoluteAt)})
	if done.Error != nil || done.RowsAffected == 0 {
		return false, done.Error
	}
	l.ID, l.SID, l.CreatedAt, l.AbsoluteAt = previous.ID, previous.SID, previous.CreatedAt, previous.AbsoluteAt
	return true, nil
}

// endSurplus makes room for a new session: of those that an account would have
// beyond maxSessions, the ones end that were used longest ago.
func (s *Store) endSurplus(tx *gorm.DB, l *LoginSession) error {
	done := endSessions(tx, l.CreatedAt, `account_id = ? AND id <> ? AND id NOT IN (SELECT id FROM login_sessions
		WHERE account_id = ? AND id <> ? AND ended_at IS NULL AND expires_at > ? ORDER BY seen_at DESC, id DESC LIMIT ?)`,
		l.AccountID, l.ID, l.AccountID, l.ID, l.CreatedAt, maxSessions-1)
	if done.Error != nil || done.RowsAffected == 0 {
		return done.Error
	}
	_, err := s.endGrants(tx, online+` AND account_id = ? AND login_session_id NOT IN (SELECT id FROM login_sessions
		WHERE account_id = ? AND ended_at IS NULL)`, l.AccountID, l.AccountID)
	return err
}

// LoginSessions lists an account's live sessions, the one that was used last
// first.
func (s *Store) LoginSessions(ctx context.Context, accountID string) ([]LoginSession, error) {
	var list []LoginSession
	if !isID(accountID) {
		return nil, ErrNotFound
	}
	err := s.reads.WithContext(ctx).Where("account_id = ? AND ended_at IS NULL AND expires_at > ?", accountID, s.now()).
		Order("seen_at DESC, id").Limit(maxSessions).Find(&list).Error
	if err != nil {
		return nil, fmt.Errorf("list sessions: %w", err)
	}
	return list, nil
}

// maxSessions is how many live sessions an account has at most.
const maxSessions = 100

// EndLoginSession ends one of an account's sessions, and the grants born of it
// unless they may go on offline (OpenID Connect Core §11). ErrNotFound if the
// account has no such session, or it has ended. An operator's caller puts it on
// record; for the person it is, like a sign-in, an event of the log.
func (s *Store) EndLoginSession(ctx context.Context, accountID, id string) error {
	if !isID(id) || !isID(accountID) {
		return ErrNotFound
	}
	err := s.db.WithContext(ctx).Transaction(func(tx *gorm.DB) error {
		var n int64
		if err := tx.Model(&LoginSession{}).Where("id = ? AND account_id = ?", id, accountID).Count(&n).Error; err != nil {
			return err
		}
		if n == 0 {
			return ErrNotFound
		}
		ended, err := s.endSession(tx, id)
		if err == nil && !ended {
			err = ErrNotFound
		}
		return err
	})
	return translate(err)
}

// EndLoginSessions ends all sessions of an account but the one named by keep,
// with the grants born of them, and returns how many sessions that were. See
// EndLoginSession for the record.
func (s *Store) EndLoginSessions(ctx context.Context, accountID, keep string) (n int64, err error) {
	if !isID(accountID) {
		return 0, ErrNotFound
	}
	err = s.db.WithContext(ctx).Transaction(func(tx *gorm.DB) error {
		if err := s.lockAccount(tx, "id = ?", accountID); err != nil {
			return err
		}
		kept := &keep
		if keep == "" {
			kept = nil
		}
		done := endSessions(tx, s.now(), "account_id = ? AND id IS DISTINCT FROM ?", accountID, kept)
		if n = done.RowsAffected; done.Error != nil {
			return done.Error
		}
		if _, err := s.endGrants(tx, online+" AND account_id = ? AND login_session_id IS DISTINCT FROM ?", accountID, kept); err != nil {
			return err
		}
		return nil
	})
	return n, translate(err)
}

// online selects the grants that end with their browser session (OpenID Connect
// Core §11).
const online = `login_session_id IS NOT NULL AND (' ' || scope || ' ') NOT LIKE '% ` + ScopeOffline + ` %'`

// endSession changes the row that new grants of the session are inserted
// beside, then ends those that there are.
func (s *Store) endSession(tx *gorm.DB, id string) (bool, error) {
	done := endSessions(tx, s.now(), "id = ?", id)
	if done.Error != nil || done.RowsAffected == 0 {
		return false, done.Error
	}
	_, err := s.endGrants(tx, online+` AND login_session_id = ?`, id)
	return true, err
}

// endSessions ends the sessions that where selects, for a transaction that ends
// the grants of their account too.
func endSessions(tx *gorm.DB, now time.Time, where string, args ...any) *gorm.DB {
	return tx.Model(&LoginSession{}).Where("ended_at IS NULL").Where(where, args...).Update("ended_at", now)
}

func cut(text string, most int) string {
	if len(text) > most {
		text = text[:most]
	}
	return name(text, "")
}
