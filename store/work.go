package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"
)

// work is what one request writes: filled by the grant's handler, written by
// Flush as one statement before the answer leaves.
type work struct {
	grant   *Grant
	epoch   int64
	access  *AccessToken
	refresh *RefreshToken
	forgive []limitKey
}

type workKey struct{}

// Begin opens a unit of work for one request.
func (s *Store) Begin(ctx context.Context) context.Context {
	return context.WithValue(ctx, workKey{}, new(work))
}

func workOf(ctx context.Context) *work {
	if w, ok := ctx.Value(workKey{}).(*work); ok {
		return w
	}
	panic("store: write without Begin") // a programming error, never a request's
}

// AddGrant puts a new grant with its tokens into the unit of work; refresh may
// be nil.
func (s *Store) AddGrant(ctx context.Context, session *Session, access *AccessToken, refresh *RefreshToken) {
	w := workOf(ctx)
	w.grant, w.epoch, w.access, w.refresh = &session.Grant, session.AuthEpoch, access, refresh
}

// Flush writes the unit of work, all or nothing. It returns ErrNotFound, and
// has written nothing, if the account or the client is no longer what it was
// when the request began: deactivated, given another password, disabled.
func (s *Store) Flush(ctx context.Context) error {
	w := workOf(ctx)
	if w.grant == nil {
		return nil
	}
	args := w.args()
	var n int64
	if s.pool != nil {
		query := flushAccountGrant
		if w.grant.AccountID == nil {
			query, args = flushClientGrant, args[:clientArgs]
		}
		if err := s.pool.QueryRow(ctx, query, args...).Scan(&n); err != nil {
			return fmt.Errorf("write the grant: %w", err)
		}
	} else if err := s.lite.write(ctx, func(tx *sql.Tx) (err error) {
		n, err = w.flushSQLite(ctx, tx, args)
		return err
	}); err != nil {
		return fmt.Errorf("write the grant: %w", err)
	}
	if n == 0 {
		return ErrNotFound
	}
	return nil
}

// clientArgs is how many of args a client's own grant takes: it has no account
// and no refresh token (RFC 6749 §4.4.3).
const clientArgs = 26

// args are the parameters of the flush statements: $1–$20 the grant, $21–$26
// the access token, $27 the account's epoch, $28–$31 the refresh token,
// $32–$35 the limits that a success gives back.
func (w *work) args() []any {
	g, a, r := w.grant, w.access, w.refresh
	if r == nil {
		r = &RefreshToken{}
	}
	var account, address limitKey
	if len(w.forgive) == 2 {
		account, address = w.forgive[0], w.forgive[1]
	}
	var refreshEnd *time.Time
	if r.Signature != nil {
		refreshEnd = &r.ExpiresAt
	}
	return []any{
		g.ID, g.RootID, g.AccountID, g.ClientID, g.Subject, g.Username,
		g.Scope.String(), g.Audience.String(), g.Resource.String(), g.AuthTime,
		g.AMR.String(), g.ACR, g.Claims, g.Actor, g.CNF, g.SID, g.IdentityID, g.LoginSessionID, g.CreatedAt, g.ExpiresAt,
		a.Signature, a.Scope.String(), a.Audience.String(), a.CNF, a.IssuedAt, a.ExpiresAt,
		w.epoch,
		r.Signature, r.Salt, r.SecretID, refreshEnd,
		account.key, account.slot, address.key, address.slot,
	}
}

const (
	grantColumns = `id, root_id, account_id, client_id, subject, username, scope, audience, resource, auth_time,
		amr, acr, claims, actor, cnf, sid, identity_id, login_session_id, created_at, expires_at`
	grantValues = `$1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20`

	enabledClient = `SELECT id FROM clients WHERE id = $4 AND disabled_at IS NULL`
	signedIn      = `UPDATE accounts SET last_login_at = $19 WHERE id = $3 AND is_active AND auth_epoch = $27`

	insertGrant  = `INSERT INTO grants (` + grantColumns + `) SELECT ` + grantValues
	insertAccess = `INSERT INTO access_tokens (signature, grant_id, scope, audience, cnf, issued_at, expires_at)
		SELECT $21, $1, $22, $23, $24, $25, $26`
	insertRefresh = `INSERT INTO refresh_tokens (signature, grant_id, access_signature, salt, secret_id, issued_at, expires_at)
		SELECT $28, $1, $21, $29, $30, $25, $31`
	giveBack = `UPDATE limits SET count = count - 1
		 WHERE count > 0 AND ((key = $32 AND slot = $33) OR (key = $34 AND slot = $35))`
)

// On PostgreSQL the whole is one statement and so one round trip and one
// commit. The client's row is share-locked and the account's row is locked by
// its update, so that disabling either waits for this grant and then sees it.
const (
	flushAccountGrant = `WITH c AS (` + enabledClient + ` FOR SHARE),
		who AS (` + signedIn + ` AND EXISTS (SELECT 1 FROM c) RETURNING id),
		g AS (` + insertGrant + ` FROM who RETURNING id),
		a AS (` + insertAccess + ` FROM g),
		r AS (` + insertRefresh + ` FROM g WHERE $28::bytea IS NOT NULL),
		f AS (UPDATE limits l SET count = l.count - 1
			FROM (SELECT key, slot FROM limits WHERE (key = $32 AND slot = $33) OR (key = $34 AND slot = $35)
			       ORDER BY key FOR UPDATE) o
			WHERE l.key = o.key AND l.slot = o.slot AND l.count > 0 AND EXISTS (SELECT 1 FROM g))
		SELECT count(*) FROM g`
	flushClientGrant = `WITH c AS (` + enabledClient + ` FOR SHARE),
		g AS (` + insertGrant + ` FROM c RETURNING id),
		a AS (` + insertAccess + ` FROM g)
		SELECT count(*) FROM g`
)

func (w *work) flushSQLite(ctx context.Context, tx *sql.Tx, args []any) (int64, error) {
	var id string
	if err := tx.QueryRowContext(ctx, enabledClient, args...).Scan(&id); err != nil {
		return 0, ignoreNoRows(err)
	}
	if w.grant.AccountID != nil {
		res, err := tx.ExecContext(ctx, signedIn, args...)
		if err != nil {
			return 0, err
		}
		if n, err := res.RowsAffected(); n == 0 || err != nil {
			return 0, err
		}
	}
	statements := []string{insertGrant, insertAccess}
	if w.refresh != nil {
		statements = append(statements, insertRefresh)
	}
	if len(w.forgive) > 0 {
		statements = append(statements, giveBack)
	}
	for _, statement := range statements {
		if _, err := tx.ExecContext(ctx, statement, args...); err != nil {
			return 0, err
		}
	}
	return 1, nil
}

func ignoreNoRows(err error) error {
	if err == sql.ErrNoRows {
		return nil
	}
	return err
}
