package store

import (
	"context"
	"database/sql"
	"errors"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// row is what pgx and database/sql both give for a statement with one row.
type row interface{ Scan(dest ...any) error }

// conn is a transaction on either database.
type conn interface {
	row(ctx context.Context, query string, args ...any) row
	exec(ctx context.Context, query string, args ...any) (int64, error)
}

type pgConn struct{ pgx.Tx }

func (c pgConn) row(ctx context.Context, query string, args ...any) row {
	return c.QueryRow(ctx, query, args...)
}

func (c pgConn) exec(ctx context.Context, query string, args ...any) (int64, error) {
	tag, err := c.Exec(ctx, query, args...)
	return tag.RowsAffected(), err
}

type liteConn struct{ *sql.Tx }

func (c liteConn) row(ctx context.Context, query string, args ...any) row {
	return c.QueryRowContext(ctx, query, args...)
}

func (c liteConn) exec(ctx context.Context, query string, args ...any) (int64, error) {
	res, err := c.ExecContext(ctx, query, args...)
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}

// inTx runs fn in a transaction.
func (s *Store) inTx(ctx context.Context, fn func(conn) error) error {
	if s.pool == nil {
		return s.lite.write(ctx, func(tx *sql.Tx) error { return fn(liteConn{tx}) })
	}
	return pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error { return fn(pgConn{tx}) })
}

// liteDB runs the statements that most requests consist of on SQLite.
type liteDB struct {
	writes *sql.DB // one connection
	reads  *sql.DB
}

// write runs fn in an immediate transaction.
func (l *liteDB) write(ctx context.Context, fn func(*sql.Tx) error) error {
	tx, err := l.writes.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	if err := fn(tx); err != nil {
		return errors.Join(err, ignoreDone(tx.Rollback()))
	}
	return tx.Commit()
}

func ignoreDone(err error) error {
	if errors.Is(err, sql.ErrTxDone) {
		return nil
	}
	return err
}

// read runs a statement that returns at most one row and writes nothing.
func (s *Store) read(ctx context.Context, query string, args ...any) row {
	if s.pool != nil {
		return s.pool.QueryRow(ctx, query, args...)
	}
	return s.lite.reads.QueryRowContext(ctx, query, args...)
}

// exec runs one writing statement that reads alike in both dialects and
// returns the number of rows it touched.
func (s *Store) exec(ctx context.Context, query string, args ...any) (int64, error) {
	if s.pool != nil {
		tag, err := s.pool.Exec(ctx, query, args...)
		return tag.RowsAffected(), err
	}
	res, err := s.lite.writes.ExecContext(ctx, query, args...)
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}

// execInTurn runs writing statements that take the same arguments, one after
// the other and all or none, in one round trip. It returns the number of rows
// they touched.
func (s *Store) execInTurn(ctx context.Context, queries []string, args ...any) (total int64, err error) {
	if s.pool != nil {
		batch := new(pgx.Batch) // an implicit transaction, in which each statement has its own snapshot
		for _, query := range queries {
			batch.Queue(query, args...).Exec(func(tag pgconn.CommandTag) error {
				total += tag.RowsAffected()
				return nil
			})
		}
		err = s.pool.SendBatch(ctx, batch).Close() // which calls the functions above
		return total, err
	}
	err = s.inTx(ctx, func(c conn) error {
		for _, query := range queries {
			n, err := c.exec(ctx, query, args...)
			if err != nil {
				return err
			}
			total += n
		}
		return nil
	})
	return total, err
}

// Count runs a query that returns one number, for tests and for benchmarks.
func (s *Store) Count(ctx context.Context, query string, args ...any) (int, error) {
	var n int
	err := s.read(ctx, query, args...).Scan(&n)
	return n, err
}
