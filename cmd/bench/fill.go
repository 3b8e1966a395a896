package main

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// table is a table with the rows that it is filled with, by number.
type table struct {
	name    string
	columns []string
	row     func(i int) []any
}

// fillTables fills all tables of a new database.
func (d *database) fillTables(ctx context.Context) error {
	if err := d.fill(ctx, d.tokens.tables(d.id), 0, d.tokens.n); err != nil {
		return err
	}
	if err := d.fill(ctx, d.tokens.people(d.id), 0, signedIn); err != nil {
		return err
	}
	for _, c := range d.codes {
		if err := d.keepCodes(ctx, c, 1000); err != nil {
			return err
		}
	}
	return d.calm(ctx)
}

// id is a UUID as the driver takes it.
func (d *database) id(id uuid.UUID) any {
	if d.kind == sqlite {
		return id.String()
	}
	return [16]byte(id)
}

// fill adds the rows of numbers from up to, but not with, to.
func (d *database) fill(ctx context.Context, tables []table, from, to int) error {
	if d.kind == sqlite {
		return d.fillSQLite(ctx, tables, from, to)
	}
	for _, t := range tables {
		rows := pgx.CopyFromSlice(to-from, func(i int) ([]any, error) { return t.row(from + i), ctx.Err() })
		if _, err := d.meter.stats.CopyFrom(ctx, pgx.Identifier{t.name}, t.columns, rows); err != nil {
			return fmt.Errorf("%s: %w", t.name, err)
		}
	}
	return nil
}

func (d *database) fillSQLite(ctx context.Context, tables []table, from, to int) error {
	db, err := openLite(strings.TrimPrefix(d.url, "sqlite://"))
	if err != nil {
		return err
	}
	defer db.close()
	return db.write(ctx, func(tx *sql.Tx) error {
		for _, t := range tables {
			insert := fmt.Sprintf("INSERT INTO %s (%s) VALUES (%s?)", t.name, strings.Join(t.columns, ", "), strings.Repeat("?, ", len(t.columns)-1))
			for i := from; i < to; i++ {
				if _, err := tx.ExecContext(ctx, insert, t.row(i)...); err != nil {
					return fmt.Errorf("%s: %w", t.name, err)
				}
			}
		}
		return nil
	})
}

// calm does now what would otherwise be done while the first rows are measured.
func (d *database) calm(ctx context.Context) error {
	if d.kind == sqlite {
		db, err := openLite(strings.TrimPrefix(d.url, "sqlite://"))
		if err != nil {
			return err
		}
		defer db.close()
		_, err = db.writes.ExecContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)")
		return err
	}
	for _, statement := range []string{"VACUUM ANALYZE", "CHECKPOINT"} {
		if _, err := d.meter.stats.Exec(ctx, statement); err != nil {
			return err
		}
	}
	return nil
}
