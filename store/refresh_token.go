package store

import (
	"bytes"
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"gorm.io/gorm"
)

// RefreshToken is the row of one refresh token. A spent row stays until it
// expires, so that its reuse can be told.
type RefreshToken struct {
	Signature       []byte
	GrantID         string
	Predecessor     []byte // the token it replaced; unique, so that a token has one successor
	AccessSignature []byte // the access token issued with it
	Salt            []byte // its successor is derived with; set when it is spent, nil again once the grace is over
	SecretID        []byte // the system secret that derived its successor; set when it is spent
	IssuedAt        time.Time
	SpentAt         *time.Time
	ExpiresAt       time.Time
}

// NewSalt returns a salt for the successor of a refresh token.
func NewSalt() []byte {
	salt := make([]byte, 16)
	rand.Read(salt)
	return salt
}

// PresentedRefresh is what the database knows of a refresh token that a client
// shows.
type PresentedRefresh struct {
	GrantID   string
	ClientID  string
	Subject   string
	AccountID *string
	Scope     Words // the grant's
	Audience  Words // the grant's
	SpentAt   *time.Time
	ExpiresAt time.Time
	GrantEnd  time.Time
	RevokedAt *time.Time // the grant's
	AuthTime  time.Time  // likewise, as the rest
	AMR       Words
	SID       string
}

const presentedRefresh = `SELECT g.id, g.client_id, g.subject, g.account_id, g.scope, g.audience, g.auth_time, g.amr, g.sid,
		t.spent_at, t.expires_at, g.expires_at, g.revoked_at
	  FROM refresh_tokens t JOIN grants g ON g.id = t.grant_id WHERE t.signature = $1`

// PresentedRefresh reads a refresh token in whatever state it is, or returns
// ErrNotFound.
func (s *Store) PresentedRefresh(ctx context.Context, signature []byte) (*PresentedRefresh, error) {
	var p PresentedRefresh
	err := s.read(ctx, presentedRefresh, signature).Scan(&p.GrantID, &p.ClientID, &p.Subject, &p.AccountID,
		&p.Scope, &p.Audience, &p.AuthTime, &p.AMR, &p.SID, &p.SpentAt, &p.ExpiresAt, &p.GrantEnd, &p.RevokedAt)
	if err != nil {
		return nil, translate(err)
	}
	return &p, nil
}

// Live tells whether the grant and the token have not ended at now; a token
// that is spent may be live.
func (p *PresentedRefresh) Live(now time.Time) bool {
	return p.RevokedAt == nil && p.GrantEnd.After(now) && p.ExpiresAt.After(now)
}

// Reused tells whether the token was spent longer ago than the grace: someone
// else has it (RFC 9700 §4.14.2).
func (s *Store) Reused(p *PresentedRefresh) bool {
	return p.SpentAt != nil && !p.SpentAt.After(s.graceBegan())
}

// RevokeReused ends the family of a token that Reused is true of, and records
// it, both or neither: also if the thief has hung up by now.
func (s *Store) RevokeReused(ctx context.Context, p *PresentedRefresh, address string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	return s.db.WithContext(ctx).Transaction(func(tx *gorm.DB) error {
		if _, err := s.endGrants(tx, "id = ?", p.GrantID); err != nil {
			return fmt.Errorf("end the family: %w", err)
		}
		return s.audit(tx, p.ClientID, "refresh_token.reuse", p.GrantID, Refused, map[string]any{"subject": p.Subject, "address": address})
	})
}

func (s *Store) graceBegan() time.Time { return s.now().Add(-s.cfg.RefreshGrace) }

// Rotation replaces one refresh token by its successor pair. Of any number of
// concurrent calls the first one's values are kept.
type Rotation struct {
	Old      []byte // signature of the presented token
	ClientID string // whose it must be
	SecretID []byte // the secret that derived Access and Refresh
	Salt     []byte // and the salt, 16 random bytes: it tells this call from all others
	Access   AccessToken
	Refresh  []byte        // signature of the successor
	Lifetime time.Duration // of the successor; it ends with its grant at the latest
	Idle     time.Duration // how long the browser session of an online grant lasts from now on; see touchSession

	// Whole gives Access the grant's whole scope and audience, if the client is
	// registered for all of it: of Access those are what it is registered for.
	Whole bool
}

// Rotated is what Rotate left in the database, whoever wrote it.
type Rotated struct {
	SpentAt   time.Time
	SecretID  []byte // with Salt what derived the pair
	Salt      []byte
	First     bool // this call wrote the pair
	GrantEnd  time.Time
	GrantID   string // of the grant, as the rest
	Subject   string
	AccountID *string
	Scope     Words
	Audience  Words
	AuthTime  time.Time
	AMR       Words
	SID       string
}

// The successor may be asked for again while it is unspent itself. The test
// must be NOT EXISTS (… spent): a caller that waited for the row's lock has an
// old snapshot, in which the successor is not there at all.
var (
	spendRefresh = `UPDATE refresh_tokens AS t
		   SET spent_at = coalesce(t.spent_at, $2), secret_id = CASE WHEN t.spent_at IS NULL THEN $4 ELSE t.secret_id END,
		       salt = CASE WHEN t.spent_at IS NULL THEN $5 ELSE t.salt END
		  FROM grants g
		 WHERE t.signature = $1 AND g.id = t.grant_id AND g.client_id = $6
		   AND g.revoked_at IS NULL AND g.expires_at > $2 AND t.expires_at > $2
		   AND (t.spent_at IS NULL OR t.spent_at > $3)
		   AND NOT EXISTS (SELECT 1 FROM refresh_tokens s WHERE s.predecessor = t.signature AND s.spent_at IS NOT NULL)`
	ofGrant        = `g.id, g.subject, g.account_id, g.scope, g.audience, g.auth_time, g.amr, g.sid`
	rotatePostgres = `WITH spent AS (` + spendRefresh + `
			   AND ( NOT $14 OR string_to_array(g.scope, ' ') <@ string_to_array($8, ' ') AND string_to_array(g.audience, ' ') <@ string_to_array($9, ' '))
			RETURNING t.spent_at, t.secret_id, t.salt, t.access_signature, g.expires_at AS grant_end, g.login_session_id, ` + ofGrant + `),
		won AS (SELECT * FROM spent WHERE salt = $5),
		x AS (UPDATE access_tokens o SET revoked_at = $2 FROM won WHERE o.signature = won.access_signature AND o.revoked_at IS NULL),
		a AS (INSERT INTO access_tokens (signature, grant_id, scope, audience, cnf, issued_at, expires_at)
			SELECT $7, id, CASE WHEN $14 THEN scope ELSE $8 END, CASE WHEN $14 THEN audience ELSE $9 END, $10, $2, least($11, grant_end)
			  FROM won ON CONFLICT DO NOTHING),
		r AS (INSERT INTO refresh_tokens (signature, grant_id, predecessor, access_signature, issued_at, expires_at)
			SELECT $12, id, $1, $7, $2, least($13, grant_end) FROM won ON CONFLICT DO NOTHING),
		l AS (` + touchSession("won", "$15", "$16") + `)
		SELECT spent_at, secret_id, salt, grant_end, id, subject, account_id, scope, audience, auth_time, amr, sid FROM spent`
)

// touchSession counts a refresh, at $2, as a use of the browser session that its
// grant ends with: or that would go idle, and sign out somebody who is at work.
// from has the grant's columns; the session lasts until the parameter until, if
// it was last used at the parameter seen or before.
func touchSession(from, until, seen string) string {
	return `UPDATE login_sessions AS l SET seen_at = $2, expires_at = CASE WHEN l.absolute_at < ` + until + ` THEN l.absolute_at ELSE ` + until + ` END
			  FROM ` + from + ` g
			 WHERE l.id = g.login_session_id AND l.ended_at IS NULL AND l.expires_at > $2 AND l.seen_at <= ` + seen + ` AND ` + online
}

func (d *Rotated) columns() []any {
	return []any{&d.SpentAt, &d.SecretID, &d.Salt, &d.GrantEnd, &d.GrantID, &d.Subject, &d.AccountID, &d.Scope, &d.Audience, &d.AuthTime, &d.AMR, &d.SID}
}

// Rotate spends r.Old and writes its successor pair, in one statement. It
// returns ErrNotFound, having written nothing, if the token may not be used
// (again), or not as it is asked for: the caller then reads it to tell why.
func (s *Store) Rotate(ctx context.Context, r Rotation) (Rotated, error) {
	now := s.now()
	r.Access.IssuedAt = now
	var done Rotated
	var err error
	if s.pool != nil {
		err = s.pool.QueryRow(ctx, rotatePostgres, r.Old, now, s.graceBegan(), r.SecretID, r.Salt, r.ClientID,
			r.Access.Signature, r.Access.Scope.String(), r.Access.Audience.String(), r.Access.CNF, r.Access.ExpiresAt,
			r.Refresh, now.Add(r.Lifetime), r.Whole, now.Add(r.Idle), now.Add(-seenEvery)).Scan(done.columns()...)
	} else {
		err = s.lite.write(ctx, func(tx *sql.Tx) error {
			done, err = s.rotateSQLite(ctx, tx, now, r)
			return err
		})
	}
	if err != nil {
		return done, translate(err)
	}
	done.First = bytes.Equal(done.Salt, r.Salt)
	return done, nil
}

// rotateSQLite is rotatePostgres step by step: the transaction is immediate,
// so nobody comes between.
func (s *Store) rotateSQLite(ctx context.Context, tx *sql.Tx, now time.Time, r Rotation) (done Rotated, err error) {
	res, err := tx.ExecContext(ctx, spendRefresh, r.Old, now, s.graceBegan(), r.SecretID, r.Salt, r.ClientID)
	if err != nil {
		return done, err
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		return done, errors.Join(err, sql.ErrNoRows)
	}
	var access []byte
	err = tx.QueryRowContext(ctx, `SELECT t.access_signature, t.spent_at, t.secret_id, t.salt, g.expires_at, `+ofGrant+`
		  FROM refresh_tokens t JOIN grants g ON g.id = t.grant_id WHERE t.signature = $1`, r.Old).
		Scan(append([]any{&access}, done.columns()...)...)
	if err != nil {
		return done, err
	}
	scope, audience := r.Access.Scope, r.Access.Audience
	if r.Whole {
		if !scope.Holds(done.Scope) || !audience.Holds(done.Audience) {
			return done, sql.ErrNoRows // and so takes the spending back
		}
		scope, audience = done.Scope, done.Audience
	}
	if !bytes.Equal(done.Salt, r.Salt) {
		return done, nil
	}
	type step struct {
		query string
		args  []any
	}
	steps := []step{
		{`UPDATE access_tokens SET revoked_at = $1 WHERE signature = $2 AND revoked_at IS NULL`, []any{now, access}},
		{`INSERT INTO access_tokens (signature, grant_id, scope, audience, cnf, issued_at, expires_at)
			VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING`,
			[]any{r.Access.Signature, done.GrantID, scope.String(), audience.String(), r.Access.CNF, now,
				earlier(r.Access.ExpiresAt, done.GrantEnd)}},
		{`INSERT INTO refresh_tokens (signature, grant_id, predecessor, access_signature, issued_at, expires_at)
			VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING`,
			[]any{r.Refresh, done.GrantID, r.Old, r.Access.Signature, now, earlier(now.Add(r.Lifetime), done.GrantEnd)}},
	}
	if done.SID != "" {
		steps = append(steps, step{touchSession("grants", "$3", "$4") + ` AND g.id = $1`, []any{done.GrantID, now, now.Add(r.Idle), now.Add(-seenEvery)}})
	}
	for _, step := range steps {
		if _, err := tx.ExecContext(ctx, step.query, step.args...); err != nil {
			return done, err
		}
	}
	return done, nil
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// KeepRefresh issues a new access token on a refresh token that is not
// rotated, and moves the token's own end. ErrNotFound as for Rotate.
func (s *Store) KeepRefresh(ctx context.Context, r Rotation) error {
	now := s.now()
	const prolong = `UPDATE refresh_tokens AS t SET expires_at = $3 FROM grants g
		 WHERE t.signature = $1 AND g.id = t.grant_id AND t.spent_at IS NULL AND t.expires_at > $2
		   AND g.revoked_at IS NULL AND g.expires_at > $2`
	touch := func(from string) string { return touchSession(from, "$9", "$10") }
	const insert = `INSERT INTO access_tokens (signature, grant_id, scope, audience, cnf, issued_at, expires_at)`
	args := []any{r.Old, now, now.Add(r.Lifetime)}
	access := []any{r.Access.Signature, r.Access.Scope.String(), r.Access.Audience.String(), r.Access.CNF, r.Access.ExpiresAt}
	all := append(slices.Clone(args), append(access, now.Add(r.Idle), now.Add(-seenEvery))...)
	if s.pool != nil {
		tag, err := s.pool.Exec(ctx, `WITH kept AS (`+prolong+` RETURNING t.grant_id, g.login_session_id, g.scope), l AS (`+touch("kept")+`) `+insert+
			` SELECT $4, grant_id, $5, $6, $7, $2, $8 FROM kept`, all...)
		if err == nil && tag.RowsAffected() == 0 {
			return ErrNotFound
		}
		return err
	}
	return s.lite.write(ctx, func(tx *sql.Tx) error {
		res, err := tx.ExecContext(ctx, prolong, args...)
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); err != nil || n == 0 {
			return errors.Join(err, ErrNotFound)
		}
		if _, err = tx.ExecContext(ctx, insert+` SELECT $4, grant_id, $5, $6, $7, $2, $8 FROM refresh_tokens WHERE signature = $1`, all...); err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, touch("grants")+` AND g.id = (SELECT grant_id FROM refresh_tokens WHERE signature = $1)`, all...)
		return err
	})
}

// IssuedAccess reads an access token as it was issued, ended or not: what a
// retry of its refresh is told. ErrNotFound if the purge has removed it.
func (s *Store) IssuedAccess(ctx context.Context, signature []byte) (AccessToken, error) {
	t := AccessToken{Signature: signature}
	err := s.read(ctx, `SELECT grant_id, scope, audience, issued_at, expires_at FROM access_tokens WHERE signature = $1`,
		signature).Scan(&t.GrantID, &t.Scope, &t.Audience, &t.IssuedAt, &t.ExpiresAt)
	return t, translate(err)
}

// RevokeFamily ends the family of a refresh token, spent or not, if it is this
// client's (RFC 7009 §2.1); otherwise it does nothing, without error.
func (s *Store) RevokeFamily(ctx context.Context, signature []byte, clientID string) error {
	var id string
	err := s.read(ctx, `SELECT g.id FROM refresh_tokens t JOIN grants g ON g.id = t.grant_id
		 WHERE t.signature = $1 AND g.client_id = $2`, signature, clientID).Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("find the family: %w", err)
	}
	if err := s.RevokeGrant(ctx, id); err != nil && !errors.Is(err, ErrNotFound) {
		return err
	}
	return nil
}

// ExpireRefreshTokens ends the refresh tokens of an account's sign-ins at one
// client. No token is marked as spent, so that showing one again is not taken
// for theft, and the access tokens live on.
//
// A refresh under way holds the row of the token that it spends: the statement
// waits for it, then passes that row over, and has not seen the successor. So
// it is repeated until no token is left, which shows that none is under way.
func (s *Store) ExpireRefreshTokens(ctx context.Context, accountID, clientID string) error {
	if !isID(accountID) {
		return nil
	}
	const (
		unspent = `spent_at IS NULL AND grant_id IN
			(SELECT id FROM grants WHERE account_id = $2 AND client_id = $3 AND revoked_at IS NULL)`
		expire    = `UPDATE refresh_tokens SET expires_at = $1 WHERE expires_at > $1 AND `
		remaining = `SELECT count(*) FROM refresh_tokens WHERE expires_at > $1 AND ` + unspent
		// Within the grace these would still answer with the pair that ends here.
		replaced = `signature IN (SELECT predecessor FROM refresh_tokens WHERE predecessor IS NOT NULL AND ` + unspent + `)`
	)
	imported := `UPDATE imported_tokens SET expires_at = $1 WHERE expires_at > $1 AND account_id = $2 AND client_id = $3`
	if _, err := s.exec(ctx, imported, s.now(), accountID, clientID); err != nil {
		return fmt.Errorf("expire imported tokens: %w", err)
	}
	// A refresh compares with when it began, by its own replica's clock.
	args := []any{s.now().Add(-time.Minute), accountID, clientID}
	for range 100 {
		if _, err := s.exec(ctx, expire+unspent, args...); err != nil {
			return fmt.Errorf("expire refresh tokens: %w", err)
		}
		n, err := s.Count(ctx, remaining, args...)
		if err != nil {
			return fmt.Errorf("look for refresh tokens: %w", err)
		}
		if n == 0 {
			_, err = s.exec(ctx, expire+replaced, args...)
			return err
		}
	}
	return errors.New("expire refresh tokens: they kept being replaced")
}
