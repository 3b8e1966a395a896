package main

import (
	"context"
	"database/sql"
	"encoding/base64"
	"errors"
	"net/url"
	"time"

	"github.com/google/uuid"
)

var errNothing = errors.New("the statement found no row")

// Statements of package store, letter by letter but for blanks: the test
// compares them with what the server sends.
const (
	selectActive = `SELECT g.id, g.client_id, g.subject, g.account_id IS NOT NULL, g.username, t.scope, t.audience, g.actor, g.claims, t.cnf,
			g.auth_time, t.issued_at, t.expires_at
		  FROM access_tokens t JOIN grants g ON g.id = t.grant_id
		 WHERE t.signature = $1 AND t.revoked_at IS NULL AND t.expires_at > $2
		   AND g.revoked_at IS NULL AND g.expires_at > $2`

	storeClientGrant = `WITH c AS (SELECT id FROM clients WHERE id = $4 AND disabled_at IS NULL FOR SHARE),
		g AS (INSERT INTO grants (` + grantColumns + `) SELECT ` + grantValues + ` FROM c RETURNING id),
		a AS (INSERT INTO access_tokens (` + accessColumns + `)
			SELECT $21, $1, $22, $23, $24, $25, $26 FROM g)
		SELECT count(*) FROM g`

	selectUser = `SELECT g.client_id, t.scope, CASE WHEN a.id IS NULL THEN '' ELSE g.subject END, coalesce(a.email, ''), a.email_key,
			coalesce(a.email_state, ''), coalesce(a.username, ''), coalesce(a.first_name, ''), coalesce(a.last_name, '')
		  FROM access_tokens t JOIN grants g ON g.id = t.grant_id LEFT JOIN accounts a ON a.id = g.account_id
		 WHERE t.signature = $1 AND t.revoked_at IS NULL AND t.expires_at > $2
		   AND g.revoked_at IS NULL AND g.expires_at > $2`

	selectSession = `SELECT s.id, s.account_id, s.sid, s.auth_time, s.amr, s.identity_id, s.created_at, s.seen_at, s.expires_at, s.absolute_at, ` +
		claimColumns + ` FROM login_sessions s JOIN accounts a ON a.id = s.account_id
		 WHERE s.signature = $1 AND s.ended_at IS NULL AND s.expires_at > $2 AND a.is_active`

	insertCode = `INSERT INTO codes (signature, grant_id, client_id, account_id, auth_epoch, login_session_id, auth_time, amr, identity_id, redirect_uri,
			code_challenge, nonce, scope, audience, resource, issued_at, expires_at, kept_until)
		SELECT $1, $2, $3, a.id, a.auth_epoch, s.id, s.auth_time, s.amr, s.identity_id, $6, $7, $8, $9, $10, $11, $12, $13, $13
		  FROM login_sessions s JOIN accounts a ON a.id = s.account_id
		 WHERE s.id = $4 AND s.ended_at IS NULL AND s.expires_at > $12 AND a.is_active AND a.auth_epoch = $5`

	storeCodeGrant = `WITH c AS (SELECT id FROM clients WHERE id = $4 AND disabled_at IS NULL FOR SHARE),
		who AS (SELECT id FROM accounts WHERE id = $3 AND is_active AND auth_epoch = $27 AND EXISTS (SELECT 1 FROM c) FOR SHARE),
		s AS (SELECT id FROM login_sessions WHERE id = $18 AND ended_at IS NULL AND EXISTS (SELECT 1 FROM who) FOR SHARE),
		o AS (UPDATE codes SET spent_at = $19, kept_until = $31
			 WHERE signature = $30 AND client_id = $4 AND account_id = $3 AND spent_at IS NULL AND expires_at > $19
			   AND EXISTS (SELECT 1 FROM s) RETURNING signature),
		g AS (INSERT INTO grants (` + grantColumns + `) SELECT ` + grantValues + ` FROM o RETURNING id),
		a AS (INSERT INTO access_tokens (` + accessColumns + `)
			SELECT $21, $1, $22, $23, $24, $25, $26 FROM g),
		r AS (INSERT INTO refresh_tokens (` + firstColumns + `)
			SELECT $28, $1, $21, $25, $29 FROM g WHERE $28::bytea IS NOT NULL)
		SELECT count(*) FROM g`

	storeRotation = `WITH spent AS (UPDATE refresh_tokens AS t
			   SET spent_at = coalesce(t.spent_at, $2), secret_id = CASE WHEN t.spent_at IS NULL THEN $4 ELSE t.secret_id END,
			       salt = CASE WHEN t.spent_at IS NULL THEN $5 ELSE t.salt END
			  FROM grants g
			 WHERE t.signature = $1 AND g.id = t.grant_id AND g.client_id = $6
			   AND g.revoked_at IS NULL AND g.expires_at > $2 AND t.expires_at > $2
			   AND (t.spent_at IS NULL OR t.spent_at > $3)
			   AND NOT EXISTS (SELECT 1 FROM refresh_tokens s WHERE s.predecessor = t.signature AND s.spent_at IS NOT NULL)
			   AND ( NOT $14 OR string_to_array(g.scope, ' ') <@ string_to_array($8, ' ') AND string_to_array(g.audience, ' ') <@ string_to_array($9, ' '))
			RETURNING t.spent_at, t.secret_id, t.salt, t.access_signature, g.expires_at AS grant_end, g.login_session_id,
				g.id, g.subject, g.account_id, g.scope, g.audience, g.auth_time, g.amr, g.sid),
		won AS (SELECT * FROM spent WHERE salt = $5),
		x AS (UPDATE access_tokens o SET revoked_at = $2 FROM won WHERE o.signature = won.access_signature AND o.revoked_at IS NULL),
		a AS (INSERT INTO access_tokens (` + accessColumns + `)
			SELECT $7, id, CASE WHEN $14 THEN scope ELSE $8 END, CASE WHEN $14 THEN audience ELSE $9 END, $10, $2, least($11, grant_end)
			  FROM won ON CONFLICT DO NOTHING),
		r AS (INSERT INTO refresh_tokens (` + refreshColumns + `)
			SELECT $12, id, $1, $7, $2, least($13, grant_end) FROM won ON CONFLICT DO NOTHING),
		l AS (UPDATE login_sessions AS l SET seen_at = $2, expires_at = CASE WHEN l.absolute_at < $15 THEN l.absolute_at ELSE $15 END
			  FROM won g WHERE l.id = g.login_session_id AND l.ended_at IS NULL AND l.expires_at > $2 AND l.seen_at <= $16
			   AND login_session_id IS NOT NULL AND (' ' || scope || ' ') NOT LIKE '% offline_access %')
		SELECT spent_at, secret_id, salt, grant_end, id, subject, account_id, scope, audience, auth_time, amr, sid FROM spent`

	grantColumns = `id, root_id, account_id, client_id, subject, username, scope, audience, resource, auth_time,
		amr, acr, claims, actor, cnf, sid, identity_id, login_session_id, created_at, expires_at`
	grantValues    = `$1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20`
	accessColumns  = `signature, grant_id, scope, audience, cnf, issued_at, expires_at`
	firstColumns   = `signature, grant_id, access_signature, issued_at, expires_at`
	claimColumns   = `a.id, a.email, a.email_key, a.email_state, a.username, a.first_name, a.last_name, a.is_staff, a.is_superuser, a.is_active, a.auth_epoch`
	refreshColumns = `signature, grant_id, predecessor, access_signature, issued_at, expires_at`
)

// The same with nothing but the writes. They take the same parameters; $3, $6
// and $14 to $16 have no use in plainRotation but to be some, nor has $27 in
// plainCodeGrant.
const (
	plainClientGrant = `WITH g AS (INSERT INTO grants (` + grantColumns + `) VALUES (` + grantValues + `))
		INSERT INTO access_tokens (` + accessColumns + `) VALUES ($21, $1, $22, $23, $24, $25, $26)`

	plainRotation = `WITH spent AS (UPDATE refresh_tokens SET spent_at = $2, secret_id = $4, salt = $5
			 WHERE signature = $1 AND spent_at IS NULL AND expires_at > $3 AND $6 <> '' AND $14 AND issued_at < $15 AND issued_at <> $16 RETURNING grant_id),
		a AS (INSERT INTO access_tokens (` + accessColumns + `) SELECT $7, grant_id, $8, $9, $10, $2, $11 FROM spent),
		r AS (INSERT INTO refresh_tokens (` + refreshColumns + `) SELECT $12, grant_id, $1, $7, $2, $13 FROM spent)
		SELECT grant_id FROM spent`

	plainCodeGrant = `WITH o AS (UPDATE codes SET spent_at = $19, kept_until = $31 WHERE signature = $30 AND spent_at IS NULL AND auth_epoch = $27 RETURNING signature),
		g AS (INSERT INTO grants (` + grantColumns + `) SELECT ` + grantValues + ` FROM o),
		a AS (INSERT INTO access_tokens (` + accessColumns + `) SELECT $21, $1, $22, $23, $24, $25, $26 FROM o),
		r AS (INSERT INTO refresh_tokens (` + firstColumns + `) SELECT $28, $1, $21, $25, $29 FROM o)
		SELECT count(*) FROM o`

	liteSpendCode     = `UPDATE codes SET spent_at = $19, kept_until = $31 WHERE signature = $30 AND spent_at IS NULL`
	liteInsertRefresh = `INSERT INTO refresh_tokens (` + firstColumns + `) VALUES ($28, $1, $21, $25, $29)`
	liteInsertGrant   = `INSERT INTO grants (` + grantColumns + `) VALUES (` + grantValues + `)`
	liteInsertAccess  = `INSERT INTO access_tokens (` + accessColumns + `) VALUES ($21, $1, $22, $23, $24, $25, $26)`
	liteSpend         = `UPDATE refresh_tokens SET spent_at = $2, salt = $3 WHERE signature = $1 AND spent_at IS NULL RETURNING grant_id`
	liteRotateAccess  = `INSERT INTO access_tokens (` + accessColumns + `) VALUES ($1, $2, '` + benchScope + `', '` + benchAudience + `', '', $3, $4)`
	liteRotateRefresh = `INSERT INTO refresh_tokens (` + refreshColumns + `) VALUES ($1, $2, $3, $4, $5, $6)`
)

func now() time.Time { return time.Now().UTC().Truncate(time.Microsecond) }

// clientGrantArgs are $1–$20 the grant, $21–$26 its access token, as in
// store/work.go.
func clientGrantArgs() []any {
	id, at := uuid.Must(uuid.NewV7()).String(), now()
	end := at.Add(15 * time.Minute)
	return []any{
		id, id, nil, serviceClient, serviceClient, "", benchScope, "", "", at,
		"", "", "", "", "", "", nil, nil, at, end,
		random(32), benchScope, "", "", at, end,
	}
}

// rotation is one refresh of a floor. It has no derived successors: they are
// random.
type rotation struct {
	old, access, refresh, salt []byte
	now, accessEnd, refreshEnd time.Time
}

func newRotation(form url.Values) (rotation, error) {
	old, err := base64.RawURLEncoding.DecodeString(form.Get("key"))
	at := now()
	return rotation{
		old: old, access: random(32), refresh: random(32), salt: random(16),
		now: at, accessEnd: at.Add(15 * time.Minute), refreshEnd: at.Add(30 * 24 * time.Hour),
	}, err
}

// args are in the order of store's rotation.
func (r rotation) args() []any {
	return []any{r.old, r.now, r.now.Add(-30 * time.Second), []byte("floor"), r.salt, webClient,
		r.access, benchScope, benchAudience, "", r.accessEnd, r.refresh, r.refreshEnd, true, r.now.Add(7 * 24 * time.Hour), r.now.Add(-time.Minute)}
}

func (r rotation) answer(b []byte) []byte {
	b = append(b, `{"refresh_token":"`...)
	return append(base64.RawURLEncoding.AppendEncode(b, r.refresh), `"}`...)
}

// liteDB is a SQLite file opened as package store opens it: one connection
// that writes, four that read.
type liteDB struct{ reads, writes *sql.DB }

func openLite(path string) (*liteDB, error) {
	const pragmas = "?_pragma=busy_timeout(5000)&_pragma=foreign_keys(1)"
	writes, err := sql.Open("sqlite", "file:"+path+pragmas+"&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_txlock=immediate")
	if err != nil {
		return nil, err
	}
	writes.SetMaxOpenConns(1)
	reads, err := sql.Open("sqlite", "file:"+path+pragmas+"&_pragma=query_only(1)")
	if err != nil {
		return nil, err
	}
	reads.SetMaxOpenConns(4)
	reads.SetMaxIdleConns(4)
	return &liteDB{reads: reads, writes: writes}, nil
}

func (l *liteDB) close() error { return errors.Join(l.reads.Close(), l.writes.Close()) }

func (l *liteDB) write(ctx context.Context, fn func(*sql.Tx) error) error {
	tx, err := l.writes.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() // does nothing once committed
	if err := fn(tx); err != nil {
		return err
	}
	return tx.Commit()
}
