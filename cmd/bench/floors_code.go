package main

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"database/sql"
	"encoding/base64"
	"errors"
	"net/url"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
)

// person is what scanUser and scanSession read of an account.
type person struct {
	text  [7]string
	flags [3]bool
	epoch int64
}

func (p *person) columns() []any {
	return []any{&p.text[0], &p.text[1], &p.text[2], &p.text[3], &p.text[4], &p.text[5], &p.text[6], &p.flags[0], &p.flags[1], &p.flags[2], &p.epoch}
}

// scanUser reads all that userinfo tells.
func scanUser(row scanner) error {
	var clientID, scope string
	var p person
	return row.Scan(append([]any{&clientID, &scope}, p.columns()[:len(p.text)]...)...)
}

// scanSession reads who is signed in, and returns what insertCode takes of it.
func scanSession(row scanner) (id string, epoch int64, err error) {
	var accountID, sid, amr string
	var identityID *string
	var at [5]time.Time
	var p person
	err = row.Scan(append([]any{&id, &accountID, &sid, &at[0], &amr, &identityID, &at[1], &at[2], &at[3], &at[4]}, p.columns()...)...)
	return id, p.epoch, err
}

func authorizePostgres(pool *pgxpool.Pool) work {
	return authorizeBy(
		func(ctx context.Context, args ...any) scanner { return pool.QueryRow(ctx, selectSession, args...) },
		func(ctx context.Context, args ...any) (int64, error) {
			tag, err := pool.Exec(ctx, insertCode, args...)
			return tag.RowsAffected(), err
		})
}

func authorizeSQLite(db *liteDB) work {
	return authorizeBy(
		func(ctx context.Context, args ...any) scanner {
			return db.reads.QueryRowContext(ctx, selectSession, args...)
		},
		func(ctx context.Context, args ...any) (int64, error) {
			res, err := db.writes.ExecContext(ctx, insertCode, args...)
			if err != nil {
				return 0, err
			}
			return res.RowsAffected()
		})
}

func authorizeBy(session func(context.Context, ...any) scanner, insert func(context.Context, ...any) (int64, error)) work {
	challenge := benchChallenge()
	return func(ctx context.Context, form url.Values, answer []byte) ([]byte, error) {
		key, err := base64.RawURLEncoding.DecodeString(form.Get("key"))
		if err != nil {
			return nil, err
		}
		at := now()
		id, epoch, err := scanSession(session(ctx, key, at))
		if err != nil {
			return nil, err
		}
		code, end := random(32), at.Add(time.Minute)
		n, err := insert(ctx, code, uuid.Must(uuid.NewV7()).String(), rs256Client, id, epoch, benchRedirect, challenge, benchNonce,
			openidScope, benchAudience, "", at, end)
		if err != nil || n != 1 {
			return nil, errors.Join(err, errNothing)
		}
		return base64.RawURLEncoding.AppendEncode(append(answer, benchRedirect+"?code="...), code), nil
	}
}

func exchangePostgres(query string) func(*pgxpool.Pool) work {
	return func(pool *pgxpool.Pool) work {
		return func(ctx context.Context, form url.Values, answer []byte) ([]byte, error) {
			e, err := newExchange(form)
			if err != nil {
				return nil, err
			}
			var n int
			if err := pool.QueryRow(ctx, query, e.args()...).Scan(&n); err != nil || n != 1 {
				return nil, errors.Join(err, errNothing)
			}
			return e.answer(answer), nil
		}
	}
}

func exchangeSQLite(db *liteDB) work {
	return func(ctx context.Context, form url.Values, answer []byte) ([]byte, error) {
		e, err := newExchange(form)
		if err != nil {
			return nil, err
		}
		args := e.args()
		err = db.write(ctx, func(tx *sql.Tx) error {
			for _, statement := range []string{liteSpendCode, liteInsertGrant, liteInsertAccess, liteInsertRefresh} {
				res, err := tx.ExecContext(ctx, statement, args...)
				if err != nil {
					return err
				}
				if n, err := res.RowsAffected(); err != nil || n != 1 {
					return errors.Join(err, errNothing)
				}
			}
			return nil
		})
		return e.answer(answer), err
	}
}

// exchange is one exchange of a code by a floor.
type exchange struct {
	code, access, refresh   []byte
	grant, account, session string
	now                     time.Time
}

func newExchange(form url.Values) (exchange, error) {
	code, err := base64.RawURLEncoding.DecodeString(form.Get("key"))
	return exchange{
		code: code, access: random(32), refresh: random(32),
		grant: form.Get("grant"), account: form.Get("account"), session: form.Get("session"), now: now(),
	}, err
}

// args are $1–$20 the grant, $21–$26 its access token, $27 the account's
// epoch, $28 and $29 its refresh token, $30 the code and $31
// how long it is kept, as in store/work.go.
func (e exchange) args() []any {
	end, accessEnd := e.now.Add(30*day), e.now.Add(15*time.Minute)
	return []any{
		e.grant, e.grant, e.account, codeClient, e.account, personEmail(0), benchScope, benchAudience, "", e.now,
		"pwd", "", "", "", "", "bench", nil, e.session, e.now, end,
		e.access, benchScope, benchAudience, "", e.now, accessEnd,
		0, e.refresh, end, e.code, e.now.Add(day),
	}
}

func (e exchange) answer(b []byte) []byte {
	b = base64.RawURLEncoding.AppendEncode(append(b, `{"access_token":"`...), e.access)
	b = base64.RawURLEncoding.AppendEncode(append(b, `","refresh_token":"`...), e.refresh)
	return append(b, `"}`...)
}

// signRS256 and signES256 make what an ID token adds, without its JSON.
func signRS256() work {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	return signBy(func(digest []byte) ([]byte, error) { return rsa.SignPKCS1v15(nil, key, crypto.SHA256, digest) }, err)
}

func signES256() work {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	return signBy(func(digest []byte) ([]byte, error) { return ecdsa.SignASN1(rand.Reader, key, digest) }, err)
}

func signBy(sign func(digest []byte) ([]byte, error), unmade error) work {
	return func(_ context.Context, form url.Values, answer []byte) ([]byte, error) {
		if unmade != nil {
			return nil, unmade
		}
		digest := sha256.Sum256([]byte(form.Get("claims")))
		signature, err := sign(digest[:])
		return append(base64.RawURLEncoding.AppendEncode(append(answer, `{"signature":"`...), signature), `"}`...), err
	}
}
