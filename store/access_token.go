package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/ory/fosite"
)

// AccessToken is the row of one access token. The token itself is nowhere.
type AccessToken struct {
	Signature []byte // 32 bytes, the token's HMAC
	GrantID   string
	Scope     Words // at most the grant's
	Audience  Words // at most the grant's
	CNF       string
	IssuedAt  time.Time
	ExpiresAt time.Time
	RevokedAt *time.Time
}

// ActiveToken is a token that is valid now, with what introspection tells of
// its grant.
type ActiveToken struct {
	GrantID   string
	ClientID  string
	Subject   string
	Account   bool // the subject is an account, not a client
	Username  string
	Scope     string
	Audience  string
	Actor     string
	Claims    string
	CNF       string
	AuthTime  time.Time // zero if nobody knows
	IssuedAt  time.Time
	ExpiresAt time.Time
}

const activeColumns = `g.id, g.client_id, g.subject, g.account_id IS NOT NULL, g.username, %s, g.actor, g.claims, %s, g.auth_time, t.issued_at, t.expires_at`

var (
	activeAccess = fmt.Sprintf(`SELECT `+activeColumns+`
		  FROM access_tokens t JOIN grants g ON g.id = t.grant_id
		 WHERE t.signature = $1 AND t.revoked_at IS NULL AND t.expires_at > $2
		   AND g.revoked_at IS NULL AND g.expires_at > $2`, `t.scope, t.audience`, `t.cnf`)
	activeRefresh = fmt.Sprintf(`SELECT `+activeColumns+`
		  FROM refresh_tokens t JOIN grants g ON g.id = t.grant_id
		 WHERE t.signature = $1 AND t.spent_at IS NULL AND t.expires_at > $2
		   AND g.revoked_at IS NULL AND g.expires_at > $2`, `g.scope, g.audience`, `g.cnf`)
)

// ActiveAccess finds a live access token, or returns ErrNotFound. One
// statement, on the primary.
func (s *Store) ActiveAccess(ctx context.Context, signature []byte) (ActiveToken, error) {
	return s.active(ctx, activeAccess, signature)
}

// ActiveRefresh finds a live, unspent refresh token, or returns ErrNotFound.
func (s *Store) ActiveRefresh(ctx context.Context, signature []byte) (ActiveToken, error) {
	return s.active(ctx, activeRefresh, signature)
}

func (s *Store) active(ctx context.Context, query string, signature []byte) (ActiveToken, error) {
	var t ActiveToken
	err := s.read(ctx, query, signature, s.now()).Scan(
		&t.GrantID, &t.ClientID, &t.Subject, &t.Account, &t.Username, &t.Scope, &t.Audience,
		&t.Actor, &t.Claims, &t.CNF, &t.AuthTime, &t.IssuedAt, &t.ExpiresAt)
	if errors.Is(err, sql.ErrNoRows) {
		return t, ErrNotFound
	}
	return t, err
}

// SubjectToken is a live access token with its whole grant: what an exchange
// begins from, or who asks about the own account.
type SubjectToken struct {
	Grant
	Signature     []byte // the token's
	TokenScope    Words
	TokenAudience Words
	TokenEnd      time.Time
}

// SubjectToken finds a live access token, or returns ErrNotFound.
func (s *Store) SubjectToken(ctx context.Context, signature []byte) (*SubjectToken, error) {
	t := SubjectToken{Signature: signature}
	now := s.now()
	err := s.read(ctx, `SELECT g.id, g.root_id, g.account_id, g.client_id, g.subject, g.username, g.auth_time, g.amr, g.acr,
			g.claims, g.actor, g.cnf, g.sid, g.identity_id, g.login_session_id, g.expires_at, t.scope, t.audience, t.expires_at
		  FROM access_tokens t JOIN grants g ON g.id = t.grant_id
		 WHERE t.signature = $1 AND t.revoked_at IS NULL AND t.expires_at > $2
		   AND g.revoked_at IS NULL AND g.expires_at > $2`, signature, now).
		Scan(&t.ID, &t.RootID, &t.AccountID, &t.ClientID, &t.Subject, &t.Username, &t.AuthTime, &t.AMR, &t.ACR,
			&t.Claims, &t.Actor, &t.CNF, &t.SID, &t.IdentityID, &t.LoginSessionID, &t.ExpiresAt,
			&t.TokenScope, &t.TokenAudience, &t.TokenEnd)
	return &t, translate(err)
}

// UserInfo is a live access token with the account that it speaks for.
type UserInfo struct {
	ClientID string
	Scope    Words   // the token's
	Account  Account // id, address and names; empty if it speaks for none
}

// UserInfo finds a live access token, or returns ErrNotFound. One statement.
func (s *Store) UserInfo(ctx context.Context, signature []byte) (*UserInfo, error) {
	var u UserInfo
	now := s.now()
	a := &u.Account
	err := s.read(ctx, `SELECT g.client_id, t.scope, CASE WHEN a.id IS NULL THEN '' ELSE g.subject END, coalesce(a.email, ''), a.email_key,
			coalesce(a.email_state, ''), coalesce(a.username, ''), coalesce(a.first_name, ''), coalesce(a.last_name, '')
		  FROM access_tokens t JOIN grants g ON g.id = t.grant_id LEFT JOIN accounts a ON a.id = g.account_id
		 WHERE t.signature = $1 AND t.revoked_at IS NULL AND t.expires_at > $2
		   AND g.revoked_at IS NULL AND g.expires_at > $2`, signature, now).
		Scan(&u.ClientID, &u.Scope, &a.ID, &a.Email, &a.EmailKey, &a.EmailState, &a.Username, &a.FirstName, &a.LastName)
	return &u, translate(err)
}

// RevokeAccess ends one access token of the client's (RFC 7009 §2.1). One that
// is another client's, or has ended, is left alone without error.
func (s *Store) RevokeAccess(ctx context.Context, signature []byte, clientID string) error {
	_, err := s.exec(ctx, `UPDATE access_tokens SET revoked_at = $1
		 WHERE signature = $2 AND revoked_at IS NULL
		   AND EXISTS (SELECT 1 FROM grants g WHERE g.id = grant_id AND g.client_id = $3)`, s.now(), signature, clientID)
	return err
}

// CreateAccessTokenSession is how fosite's client credentials handler hands
// over its token; signature holds the raw bytes.
func (s *Store) CreateAccessTokenSession(ctx context.Context, signature string, request fosite.Requester) error {
	session, ok := request.GetSession().(*Session)
	if !ok {
		return fmt.Errorf("store: session is a %T", request.GetSession())
	}
	s.AddGrant(ctx, session, &AccessToken{
		Signature: []byte(signature),
		GrantID:   session.Grant.ID,
		Scope:     Words(request.GetGrantedScopes()),
		Audience:  Words(request.GetGrantedAudience()),
		IssuedAt:  session.Grant.CreatedAt,
		ExpiresAt: session.AccessExpiresAt,
	}, nil)
	return nil
}

// errUnused is what the rest of fosite's storage answers: the endpoints of
// ours that need it ask in one statement instead.
var errUnused = errors.New("store: not used by this server")

// GetAccessTokenSession is not used: see ActiveAccess.
func (s *Store) GetAccessTokenSession(context.Context, string, fosite.Session) (fosite.Requester, error) {
	return nil, errUnused
}

// DeleteAccessTokenSession is not used: see RevokeAccess.
func (s *Store) DeleteAccessTokenSession(context.Context, string) error { return errUnused }
