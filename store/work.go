package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// work is what one request writes: filled by the grant's handler, written by
// Flush as one statement before the answer leaves.
type work struct {
	grant    *Grant
	epoch    int64
	access   *AccessToken
	refresh  *RefreshToken
	forgive  []limitKey
	once     once
	imported []byte // digest of the imported token that the grant spends
	code     []byte // signature of the code that the grant spends
	parent   []byte // signature of the access token that the grant is exchanged from
}

// once is somebody else's token, which may be used once.
type once struct {
	digest    []byte // 32 bytes; nil: it may be used again
	expiresAt time.Time
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

// UseOnce makes the grant depend on a token of somebody else's that may be used
// once; digest names it, until expiresAt.
func (s *Store) UseOnce(ctx context.Context, digest []byte, expiresAt time.Time) {
	workOf(ctx).once = once{digest, expiresAt}
}

// ExchangedFrom makes the grant a child of the one that the access token with
// this signature belongs to.
func (s *Store) ExchangedFrom(ctx context.Context, signature []byte) { workOf(ctx).parent = signature }

// Flush writes the unit of work, all or nothing. It returns ErrNotFound, and
// has written nothing, if what the grant is made from is no longer what it was
// when the request began: the account deactivated or given another password,
// the client disabled, the subject token ended. ErrReplayed likewise, for a
// token that has been used.
func (s *Store) Flush(ctx context.Context) error {
	w := workOf(ctx)
	if w.grant == nil {
		return nil
	}
	n, err := s.flush(ctx, w)
	if errors.Is(err, ErrReplayed) || errors.Is(err, ErrNotFound) {
		return err
	}
	if err != nil {
		return fmt.Errorf("write the grant: %w", err)
	}
	if n == 0 {
		return ErrNotFound
	}
	return nil
}

func (s *Store) flush(ctx context.Context, w *work) (n int64, err error) {
	query, args := w.statement()
	if s.pool == nil {
		err = s.inTx(ctx, func(c conn) error {
			n, err = s.flushSQLite(ctx, c, w, args)
			return err
		})
		return n, err
	}
	if w.once.digest == nil {
		err = s.pool.QueryRow(ctx, query, args...).Scan(&n)
		return n, err
	}
	var fresh int64
	if err := s.pool.QueryRow(ctx, query, args...).Scan(&n, &fresh); err != nil || n > 0 || fresh > 0 {
		return n, err
	}
	err = s.inTx(ctx, func(c conn) error {
		if err := s.takeOver(ctx, c, w); err != nil {
			return err
		}
		if err := c.row(ctx, flushAccountGrant, w.accountArgs()...).Scan(&n); err != nil {
			return err
		}
		if n == 0 {
			return ErrNotFound // and the first grant stays
		}
		return nil
	})
	return n, err
}

// base are the parameters of the flush statements: $1–$20 the grant, $21–$26
// the access token.
func (w *work) base() []any {
	g, a := w.grant, w.access
	return []any{
		g.ID, g.RootID, g.AccountID, g.ClientID, g.Subject, g.Username,
		g.Scope.String(), g.Audience.String(), g.Resource.String(), g.AuthTime,
		g.AMR.String(), g.ACR, g.Claims, g.Actor, g.CNF, g.SID, g.IdentityID, g.LoginSessionID, g.CreatedAt, g.ExpiresAt,
		a.Signature, a.Scope.String(), a.Audience.String(), a.CNF, a.IssuedAt, a.ExpiresAt,
	}
}

// signInArgs follow for the grant of an account: $27 its epoch, $28 and $29 the
// refresh token.
func (w *work) signInArgs() []any {
	r := w.refresh
	if r == nil {
		return append(w.base(), w.epoch, []byte(nil), (*time.Time)(nil))
	}
	return append(w.base(), w.epoch, r.Signature, &r.ExpiresAt)
}

// accountArgs end with the limits that a success gives back, $30–$33.
func (w *work) accountArgs() []any {
	var account, address limitKey
	if len(w.forgive) == 2 {
		account, address = w.forgive[0], w.forgive[1]
	}
	return append(w.signInArgs(), account.key, account.slot, address.key, address.slot)
}

// statement is the one that writes this kind of grant on PostgreSQL, with its
// parameters.
func (w *work) statement() (string, []any) {
	switch {
	case w.parent != nil:
		return flushChildGrant, append(w.base(), w.parent)
	case w.grant.AccountID == nil:
		return flushClientGrant, w.base()
	case w.once.digest != nil:
		return flushOnceGrant, append(w.signInArgs(), w.once.digest, w.once.expiresAt)
	case w.imported != nil:
		return flushImportedGrant, append(w.signInArgs(), w.imported)
	case w.code != nil:
		return flushCodeGrant, append(w.signInArgs(), w.code, w.grant.CreatedAt.Add(codeKept))
	}
	return flushAccountGrant, w.accountArgs()
}

const (
	grantColumns = `id, root_id, account_id, client_id, subject, username, scope, audience, resource, auth_time,
		amr, acr, claims, actor, cnf, sid, identity_id, login_session_id, created_at, expires_at`
	grantValues = `$1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20`

	enabledClient = `SELECT id FROM clients WHERE id = $4 AND disabled_at IS NULL`
	sameAccount   = `id = $3 AND is_active AND auth_epoch = $27`
	signedIn      = `UPDATE accounts SET last_login_at = $19, returned = returned OR last_login_at IS NOT NULL`
	useOnce       = `INSERT INTO replays (digest, client_id, grant_id, used_at, expires_at) SELECT $30, $4, $1, $19, $31`
	spendImported = `UPDATE imported_tokens SET spent_at = $19, grant_id = $1
		 WHERE digest = $30 AND client_id = $4 AND account_id = $3 AND spent_at IS NULL AND expires_at > $19`
	livingSession = `SELECT id FROM login_sessions WHERE id = $18 AND ended_at IS NULL`
	spendCode     = `UPDATE codes SET spent_at = $19, kept_until = $31
		 WHERE signature = $30 AND client_id = $4 AND account_id = $3 AND spent_at IS NULL AND expires_at > $19`
	livingRoot   = `SELECT id FROM grants WHERE id = $2 AND revoked_at IS NULL AND expires_at > $19`
	livingParent = `SELECT p.id AS parent FROM access_tokens t JOIN grants p ON p.id = t.grant_id
		 WHERE t.signature = $27 AND t.revoked_at IS NULL AND t.expires_at > $19 AND p.revoked_at IS NULL AND p.expires_at > $19`

	insertChild  = `INSERT INTO grants (` + grantColumns + `, parent_id) SELECT ` + grantValues + `, `
	insertGrant  = `INSERT INTO grants (` + grantColumns + `) SELECT ` + grantValues
	insertAccess = `INSERT INTO access_tokens (signature, grant_id, scope, audience, cnf, issued_at, expires_at)
		SELECT $21, $1, $22, $23, $24, $25, $26`
	insertRefresh = `INSERT INTO refresh_tokens (signature, grant_id, access_signature, issued_at, expires_at)
		SELECT $28, $1, $21, $25, $29`
	giveBack = `UPDATE limits SET count = count - 1
		 WHERE count > 0 AND ((key = $30 AND slot = $31) OR (key = $32 AND slot = $33))`
)

// On PostgreSQL the whole is one statement and so one round trip and one
// commit. The client's row is share-locked and the account's row is locked by
// its update, so that disabling either waits for this grant and then sees it.
// A child's grant share-locks its root and its parent in the same way.
const (
	flushAccountGrant = `WITH c AS (` + enabledClient + ` FOR SHARE),
		who AS (` + signedIn + ` WHERE ` + sameAccount + ` AND EXISTS (SELECT 1 FROM c) RETURNING id),
		g AS (` + insertGrant + ` FROM who RETURNING id),
		a AS (` + insertAccess + ` FROM g),
		r AS (` + insertRefresh + ` FROM g WHERE $28::bytea IS NOT NULL),
		f AS (UPDATE limits l SET count = l.count - 1
			FROM (SELECT key, slot FROM limits WHERE (key = $30 AND slot = $31) OR (key = $32 AND slot = $33)
			       ORDER BY key FOR UPDATE) o
			WHERE l.key = o.key AND l.slot = o.slot AND l.count > 0 AND EXISTS (SELECT 1 FROM g))
		SELECT count(*) FROM g`
	flushOnceGrant = `WITH c AS (` + enabledClient + ` FOR SHARE),
		who AS (SELECT id FROM accounts WHERE ` + sameAccount + ` AND EXISTS (SELECT 1 FROM c) FOR UPDATE),
		o AS (` + useOnce + ` FROM who ON CONFLICT DO NOTHING RETURNING digest),
		g AS (` + insertGrant + ` FROM o RETURNING id),
		a AS (` + insertAccess + ` FROM g),
		r AS (` + insertRefresh + ` FROM g WHERE $28::bytea IS NOT NULL),
		l AS (` + signedIn + ` FROM g WHERE accounts.id = $3)
		SELECT (SELECT count(*) FROM g), (SELECT count(*) FROM o) + (SELECT count(*) = 0 FROM who)::int`
	flushImportedGrant = `WITH c AS (` + enabledClient + ` FOR SHARE),
		who AS (SELECT id FROM accounts WHERE ` + sameAccount + ` AND EXISTS (SELECT 1 FROM c) FOR SHARE),
		o AS (` + spendImported + ` AND EXISTS (SELECT 1 FROM who) RETURNING digest),
		g AS (` + insertGrant + ` FROM o RETURNING id),
		a AS (` + insertAccess + ` FROM g),
		r AS (` + insertRefresh + ` FROM g WHERE $28::bytea IS NOT NULL)
		SELECT count(*) FROM g`
	flushCodeGrant = `WITH c AS (` + enabledClient + ` FOR SHARE),
		who AS (SELECT id FROM accounts WHERE ` + sameAccount + ` AND EXISTS (SELECT 1 FROM c) FOR SHARE),
		s AS (` + livingSession + ` AND EXISTS (SELECT 1 FROM who) FOR SHARE),
		o AS (` + spendCode + ` AND EXISTS (SELECT 1 FROM s) RETURNING signature),
		g AS (` + insertGrant + ` FROM o RETURNING id),
		a AS (` + insertAccess + ` FROM g),
		r AS (` + insertRefresh + ` FROM g WHERE $28::bytea IS NOT NULL)
		SELECT count(*) FROM g`
	flushClientGrant = `WITH c AS (` + enabledClient + ` FOR SHARE),
		g AS (` + insertGrant + ` FROM c RETURNING id),
		a AS (` + insertAccess + ` FROM g)
		SELECT count(*) FROM g`
	flushChildGrant = `WITH c AS (` + enabledClient + ` FOR SHARE),
		root AS (` + livingRoot + ` FOR SHARE),
		p AS (` + livingParent + ` FOR SHARE),
		g AS (` + insertChild + ` p.parent FROM c, root, p RETURNING id),
		a AS (` + insertAccess + ` FROM g)
		SELECT count(*) FROM g`
)

// flushSQLite is the same in steps: the transaction is immediate, so nobody
// comes between.
func (s *Store) flushSQLite(ctx context.Context, c conn, w *work, args []any) (int64, error) {
	conditions := []string{enabledClient}
	if w.parent != nil {
		conditions = append(conditions, livingRoot, livingParent)
	} else if w.grant.AccountID != nil {
		conditions = append(conditions, `SELECT id FROM accounts WHERE `+sameAccount)
	}
	if w.code != nil {
		conditions = append(conditions, livingSession)
	}
	for _, query := range conditions {
		var found any
		if err := c.row(ctx, query, args...).Scan(&found); err != nil {
			return 0, ignoreNoRows(err)
		}
	}
	if w.once.digest != nil {
		if n, err := c.exec(ctx, useOnce+` WHERE true ON CONFLICT DO NOTHING`, args...); err != nil {
			return 0, err
		} else if n == 0 {
			if err := s.takeOver(ctx, c, w); err != nil {
				return 0, err
			}
		}
	}
	for _, spend := range []struct {
		digest    []byte
		statement string
	}{{w.imported, spendImported}, {w.code, spendCode}} {
		if spend.digest == nil {
			continue
		}
		if n, err := c.exec(ctx, spend.statement, args...); err != nil || n == 0 {
			return 0, err
		}
	}
	statements := []string{insertGrant, insertAccess}
	if w.parent != nil {
		statements[0] = insertChild + `grant_id FROM access_tokens WHERE signature = $27`
	}
	if w.grant.AccountID != nil && w.parent == nil && w.imported == nil && w.code == nil {
		statements = append(statements, signedIn+` WHERE id = $3`)
	}
	if w.refresh != nil {
		statements = append(statements, insertRefresh)
	}
	if len(w.forgive) > 0 {
		statements = append(statements, giveBack)
	}
	for _, statement := range statements {
		if _, err := c.exec(ctx, statement, args...); err != nil {
			return 0, err
		}
	}
	return 1, nil
}

func ignoreNoRows(err error) error {
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	return err
}
