package store

import "gorm.io/gorm"

// Presence is by what somebody is signed in who changes how they sign in: an
// access token, a grant, or a browser session.
type Presence struct {
	AccountID string
	Token     []byte // signature of the access token; nil: it is the session, or without one the grant
	RootID    string // the token's grant, which goes on; empty with a session
	SessionID string // the session, or the one that the token was born of; goes on
}

// Presence is that of who holds the token, which speaks for an account.
func (t *SubjectToken) Presence() Presence {
	p := Presence{AccountID: *t.AccountID, Token: t.Signature, RootID: t.RootID}
	if t.LoginSessionID != nil {
		p.SessionID = *t.LoginSessionID
	}
	return p
}

// Presence is that of who sits at the browser.
func (in *SignedIn) Presence() Presence {
	return Presence{AccountID: in.AccountID, SessionID: in.ID}
}

// lockPresence makes sure that who is still signed in, until the end of the
// transaction, or returns ErrNotFound.
func (s *Store) lockPresence(tx *gorm.DB, who Presence) error {
	var query string
	var args []any
	switch {
	case who.Token != nil:
		query = `SELECT p.id FROM access_tokens t JOIN grants p ON p.id = t.grant_id
			WHERE t.signature = ? AND t.revoked_at IS NULL AND t.expires_at > ? AND p.revoked_at IS NULL AND p.expires_at > ?`
		args = []any{who.Token, s.now(), s.now()}
	case isID(who.SessionID):
		query = `SELECT id FROM login_sessions WHERE id = ? AND account_id = ? AND ended_at IS NULL AND expires_at > ?`
		args = []any{who.SessionID, who.AccountID, s.now()}
	case isID(who.RootID):
		query = `SELECT id FROM grants WHERE id = ? AND account_id = ? AND revoked_at IS NULL AND expires_at > ?`
		args = []any{who.RootID, who.AccountID, s.now()}
	default:
		return ErrNotFound
	}
	if s.pool != nil {
		query += ` FOR SHARE`
	}
	var id string
	done := tx.Raw(query, args...).Scan(&id)
	if done.Error == nil && id == "" {
		return ErrNotFound
	}
	return done.Error
}

// others selects the sessions and the grants of an account that who is not
// signed in by; args are those of either.
func (who Presence) others(accountID string) (sessions, grants string, args []any) {
	sessions, grants, args = "account_id = ?", "account_id = ?", []any{accountID}
	switch {
	case who.RootID != "":
		sessions += " AND id NOT IN (SELECT login_session_id FROM grants WHERE id = ? AND login_session_id IS NOT NULL)"
		grants += " AND root_id <> ?" // its children live on with it
		args = append(args, who.RootID)
	case who.SessionID != "":
		sessions += " AND id <> ?"
		grants += " AND root_id NOT IN (SELECT id FROM grants WHERE login_session_id = ?)"
		args = append(args, who.SessionID)
	}
	return sessions, grants, args
}
