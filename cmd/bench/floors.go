package main

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"runtime"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"golang.org/x/crypto/argon2"
)

// floorCommand is the hidden subcommand that a floor is started by.
const floorCommand = "floor"

// work is what a floor does for one request; it appends the answer.
type work func(ctx context.Context, form url.Values, answer []byte) ([]byte, error)

// floor is the least that a row can cost. One that has nothing for a database
// is left out there.
type floor struct {
	title    string
	plain    func() work
	postgres func(*pgxpool.Pool) work
	sqlite   func(*liteDB) work
	forms    func(d *database, conns int) func(conn int) form // nil: the requests that the server gets
	judged   bool                                             // the number to reach is a ratio to this one
}

// floors by the name that their process is started with. On PostgreSQL there
// are two for what writes: the plain inserts, and the very statement of package
// store, so that the price of its guarantees can be told from that of the
// server around it.
var floors = map[string]floor{
	"bare":     {title: "bare net/http", plain: bare},
	"argon2id": {title: "argon2id, 19 MiB, t=2, p=1", plain: hashAlone, judged: true},
	"rs256":    {title: "RS256 alone, 2048 bits", plain: signRS256, forms: claimsToSign},
	"es256":    {title: "ES256 alone", plain: signES256, forms: claimsToSign},
	"select": {title: "SELECT token ⨝ grant", postgres: selectPostgres(selectActive, scanActive), sqlite: selectSQLite(selectActive, scanActive),
		forms: accessKeys, judged: true},
	"userinfo": {title: "SELECT token ⨝ grant ⨝ account", postgres: selectPostgres(selectUser, scanUser), sqlite: selectSQLite(selectUser, scanUser),
		forms: accessKeys, judged: true},
	"client-plain": {title: "2 INSERT", postgres: insertPostgres(plainClientGrant), sqlite: insertSQLite, judged: true},
	"client-store": {title: "store's statement", postgres: insertPostgres(storeClientGrant), judged: true},
	"refresh-plain": {title: "UPDATE + 2 INSERT", postgres: rotatePostgres(plainRotation), sqlite: rotateSQLite,
		forms: refreshKeys, judged: true},
	"refresh-store": {title: "store's statement", postgres: rotatePostgres(storeRotation), forms: refreshKeys, judged: true},
	"authorize":     {title: "SELECT session, INSERT code", postgres: authorizePostgres, sqlite: authorizeSQLite, forms: sessionKeys},
	"code-plain":    {title: "UPDATE + 3 INSERT", postgres: exchangePostgres(plainCodeGrant), sqlite: exchangeSQLite, forms: codeKeys},
	"code-store":    {title: "store's statement", postgres: exchangePostgres(storeCodeGrant), forms: codeKeys},
}

func (f floor) has(kind string) bool {
	return f.plain != nil || (kind == postgres && f.postgres != nil) || (kind == sqlite && f.sqlite != nil)
}

// runFloor serves one floor until standard input ends: with its parent. It
// prints its address once it listens.
func runFloor(args []string) error {
	if len(args) != 2 {
		return errors.New("want a floor and the URL of a database")
	}
	f, ok := floors[args[0]]
	if !ok {
		return errors.New("no such floor: " + args[0])
	}
	do, err := f.open(context.Background(), args[1])
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println(l.Addr())
	go http.Serve(l, handler(do))
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}

func (f floor) open(ctx context.Context, databaseURL string) (work, error) {
	if f.plain != nil {
		return f.plain(), nil
	}
	if path, ok := strings.CutPrefix(databaseURL, "sqlite://"); ok {
		db, err := openLite(path)
		if err != nil {
			return nil, err
		}
		return f.sqlite(db), nil
	}
	cfg, err := pgxpool.ParseConfig(databaseURL)
	if err != nil {
		return nil, err
	}
	cfg.MaxConns = 16 // as package store has
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return nil, err
	}
	return f.postgres(pool), pool.Ping(ctx)
}

// handler is all that a floor has of a server: the form, the work, the answer.
func handler(do work) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if err := r.ParseForm(); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		answer, err := do(r.Context(), r.PostForm, make([]byte, 0, 128))
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.Write(answer)
	}
}

func bare() work {
	return func(_ context.Context, _ url.Values, answer []byte) ([]byte, error) {
		return append(answer, `{"active":true}`...), nil
	}
}

// hashAlone computes as many hashes at once as there are cores; more would
// only fight over the caches.
func hashAlone() work {
	slots := make(chan struct{}, runtime.GOMAXPROCS(0))
	return func(_ context.Context, form url.Values, answer []byte) ([]byte, error) {
		slots <- struct{}{}
		defer func() { <-slots }()
		key := argon2.IDKey([]byte(form.Get("password")), make([]byte, 16), 2, 19*1024, 1, 32)
		return fmt.Appendf(answer, `{"hash":"%x"}`, key), nil
	}
}

// scanner is what pgx and database/sql both give for one row.
type scanner interface{ Scan(dest ...any) error }

// scanActive reads all that introspection tells.
func scanActive(row scanner) error {
	var text [9]string
	var account bool
	var at [3]time.Time
	return row.Scan(&text[0], &text[1], &text[2], &account, &text[3], &text[4], &text[5], &text[6], &text[7], &text[8], &at[0], &at[1], &at[2])
}

func selectPostgres(query string, scan func(scanner) error) func(*pgxpool.Pool) work {
	return func(pool *pgxpool.Pool) work {
		return selectBy(func(ctx context.Context, key []byte) error { return scan(pool.QueryRow(ctx, query, key, now())) })
	}
}

func selectSQLite(query string, scan func(scanner) error) func(*liteDB) work {
	return func(db *liteDB) work {
		return selectBy(func(ctx context.Context, key []byte) error {
			return scan(db.reads.QueryRowContext(ctx, query, key, now()))
		})
	}
}

func selectBy(read func(ctx context.Context, key []byte) error) work {
	return func(ctx context.Context, form url.Values, answer []byte) ([]byte, error) {
		key, err := base64.RawURLEncoding.DecodeString(form.Get("key"))
		if err != nil {
			return nil, err
		}
		if err := read(ctx, key); err != nil {
			return nil, err
		}
		return append(answer, `{"active":true}`...), nil
	}
}

func insertPostgres(query string) func(*pgxpool.Pool) work {
	return func(pool *pgxpool.Pool) work {
		return func(ctx context.Context, _ url.Values, answer []byte) ([]byte, error) {
			tag, err := pool.Exec(ctx, query, clientGrantArgs()...)
			if err != nil || tag.RowsAffected() != 1 {
				return nil, errors.Join(err, errNothing)
			}
			return append(answer, `{"token_type":"Bearer"}`...), nil
		}
	}
}

func rotatePostgres(query string) func(*pgxpool.Pool) work {
	return func(pool *pgxpool.Pool) work {
		return func(ctx context.Context, form url.Values, answer []byte) ([]byte, error) {
			r, err := newRotation(form)
			if err != nil {
				return nil, err
			}
			rows, err := pool.Query(ctx, query, r.args()...)
			if err != nil {
				return nil, err
			}
			defer rows.Close()
			if !rows.Next() { // and what is in the row nobody reads
				return nil, errors.Join(rows.Err(), errNothing)
			}
			return r.answer(answer), nil
		}
	}
}

func insertSQLite(db *liteDB) work {
	return func(ctx context.Context, _ url.Values, answer []byte) ([]byte, error) {
		args := clientGrantArgs()
		err := db.write(ctx, func(tx *sql.Tx) error {
			if _, err := tx.ExecContext(ctx, liteInsertGrant, args...); err != nil {
				return err
			}
			_, err := tx.ExecContext(ctx, liteInsertAccess, args...)
			return err
		})
		return append(answer, `{"token_type":"Bearer"}`...), err
	}
}

func rotateSQLite(db *liteDB) work {
	return func(ctx context.Context, form url.Values, answer []byte) ([]byte, error) {
		r, err := newRotation(form)
		if err != nil {
			return nil, err
		}
		err = db.write(ctx, func(tx *sql.Tx) error {
			var grantID string
			if err := tx.QueryRowContext(ctx, liteSpend, r.old, r.now, r.salt).Scan(&grantID); err != nil {
				return err
			}
			if _, err := tx.ExecContext(ctx, liteRotateAccess, r.access, grantID, r.now, r.accessEnd); err != nil {
				return err
			}
			_, err := tx.ExecContext(ctx, liteRotateRefresh, r.refresh, grantID, r.old, r.access, r.now, r.refreshEnd)
			return err
		})
		return r.answer(answer), err
	}
}

func random(n int) []byte {
	b := make([]byte, n)
	rand.Read(b)
	return b
}
