package store

import "gorm.io/gorm"

// Presence is by what somebody is signed in who changes how they sign in: an
// access token, or a browser session.
type Presence struct {
	AccountID string
	Token     []byte // signature of the access token; nil: it is the session
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
	query := `SELECT id FROM login_sessions WHERE id = ? AND account_id = ? AND ended_at IS NULL AND expires_at > ?`
	args := []any{who.SessionID, who.AccountID, s.now()}
	if who.Token != nil {
		query = `SELECT p.id FROM access_tokens t JOIN grants p ON p.id = t.grant_id
			WHERE t.signature = ? AND t.revoked_at IS NULL AND t.expires_at > ? AND p.revoked_at IS NULL AND p.expires_at > ?`
		args = []any{who.Token, s.now(), s.now()}
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
