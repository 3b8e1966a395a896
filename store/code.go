package store

import (
	"context"
	"fmt"
	"time"

	"gorm.io/gorm"
)

// Code is the row of one authorization code: what was asked for, and by whom it
// was allowed. It begins a grant when it is exchanged, whose id is fixed now, so
// that a second use finds what the first one began.
type Code struct {
	Signature      []byte
	GrantID        string
	ClientID       string
	AccountID      string
	AuthEpoch      int64
	LoginSessionID string
	AuthTime       time.Time // the session's when the code was given, as the next two
	AMR            Words     `gorm:"column:amr"`
	IdentityID     *string
	RedirectURI    string // as the request named it; empty if it did not
	CodeChallenge  string // RFC 7636 §4.2, S256
	Nonce          string // OpenID Connect Core §3.1.2.1
	Scope          Words
	Audience       Words
	Resource       Words
	IssuedAt       time.Time
	SpentAt        *time.Time
	ExpiresAt      time.Time
}

// codeKept is how long a code is remembered that was exchanged, so that its
// replay can be told. Any other goes when it expires.
const codeKept = 24 * time.Hour

// AddCode writes a code of a live session. ErrNotFound if the session has ended
// or the account is no longer as it was read. One statement.
func (s *Store) AddCode(ctx context.Context, c *Code) error {
	n, err := s.exec(ctx, `INSERT INTO codes (signature, grant_id, client_id, account_id, auth_epoch, login_session_id, auth_time, amr, identity_id, redirect_uri,
			code_challenge, nonce, scope, audience, resource, issued_at, expires_at, kept_until)
		SELECT $1, $2, $3, a.id, a.auth_epoch, s.id, s.auth_time, s.amr, s.identity_id, $6, $7, $8, $9, $10, $11, $12, $13, $13
		  FROM login_sessions s JOIN accounts a ON a.id = s.account_id
		 WHERE s.id = $4 AND s.ended_at IS NULL AND s.expires_at > $12 AND a.is_active AND a.auth_epoch = $5`,
		c.Signature, c.GrantID, c.ClientID, c.LoginSessionID, c.AuthEpoch, c.RedirectURI, c.CodeChallenge, c.Nonce,
		c.Scope.String(), c.Audience.String(), c.Resource.String(), c.IssuedAt, c.ExpiresAt)
	if err != nil {
		return fmt.Errorf("write the code: %w", err)
	}
	if n == 0 {
		return ErrNotFound
	}
	return nil
}

// PresentedCode is what the database knows of a code that a client shows.
type PresentedCode struct {
	Code
	SID        string    // the session's
	AbsoluteAt time.Time // likewise
	Account    Account   // what claims are made of
}

// PresentedCode reads a code in whatever state it is, or returns ErrNotFound. If
// its session or its account are gone, those members are zero. One statement.
func (s *Store) PresentedCode(ctx context.Context, signature []byte) (*PresentedCode, error) {
	p := PresentedCode{Code: Code{Signature: signature}}
	var sid, email, state, username, first, last *string
	var absolute *time.Time
	err := s.read(ctx, `SELECT c.grant_id, c.client_id, c.account_id, c.auth_epoch, c.login_session_id, c.redirect_uri, c.code_challenge,
			c.nonce, c.scope, c.audience, c.resource, c.issued_at, c.spent_at, c.expires_at,
			c.auth_time, c.amr, c.identity_id, s.sid, s.absolute_at, a.email, a.email_key, a.email_state, a.username, a.first_name, a.last_name
		  FROM codes c LEFT JOIN login_sessions s ON s.id = c.login_session_id AND s.ended_at IS NULL
		  LEFT JOIN accounts a ON a.id = c.account_id WHERE c.signature = $1`, signature).
		Scan(&p.GrantID, &p.ClientID, &p.AccountID, &p.AuthEpoch, &p.LoginSessionID, &p.RedirectURI, &p.CodeChallenge,
			&p.Nonce, &p.Scope, &p.Audience, &p.Resource, &p.IssuedAt, &p.SpentAt, &p.ExpiresAt,
			&p.AuthTime, &p.AMR, &p.IdentityID, &sid, &absolute, &email, &p.Account.EmailKey, &state, &username, &first, &last)
	if err != nil {
		return nil, translate(err)
	}
	if sid != nil {
		p.SID, p.AbsoluteAt = *sid, *absolute
	}
	if email != nil {
		a := &p.Account
		a.ID, a.Email, a.EmailState, a.Username, a.FirstName, a.LastName = p.AccountID, *email, *state, *username, *first, *last
	}
	return &p, nil
}

// SpendCode makes the grant depend on a code, which is good once.
func (s *Store) SpendCode(ctx context.Context, signature []byte) { workOf(ctx).code = signature }

// RevokeReplayed ends the grant that a code began, and records that it was
// shown again, both or neither: also if whoever did has hung up by now.
func (s *Store) RevokeReplayed(ctx context.Context, p *PresentedCode, address string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	return s.db.WithContext(ctx).Transaction(func(tx *gorm.DB) error {
		n, err := s.endGrants(tx, "id = ?", p.GrantID)
		if err != nil {
			return fmt.Errorf("end the code's grant: %w", err)
		}
		if n == 0 {
			return nil // again and again: once is on record
		}
		return s.audit(tx, p.ClientID, "code.replay", p.GrantID, Refused, map[string]any{"subject": p.AccountID, "address": address})
	})
}
