package main

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/glebarez/sqlite"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
)

// djangoSource is the old database, in one transaction that only reads.
type djangoSource struct {
	db       *sql.DB
	tx       *sql.Tx
	postgres bool
	columns  map[string][]string // by table
	accounts string              // the table of AUTH_USER_MODEL
	source   string              // what imports of it are filed under
}

// The columns that an import cannot do without.
var djangoColumns = map[string][]string{
	partIdentities: {"social_auth_usersocialauth", "id", "provider", "uid", "user_id"},
	partApplications: {"oauth2_provider_application", "id", "client_id", "client_secret", "client_type", "authorization_grant_type",
		"redirect_uris", "name"},
	partTokens: {"oauth2_provider_refreshtoken", "id", "token", "user_id", "application_id", "access_token_id", "created", "revoked"},
	"scopes":   {"oauth2_provider_accesstoken", "id", "scope"},
}

var accountColumns = []string{"id", "email", "username", "first_name", "last_name", "password", "is_active", "is_staff", "is_superuser", "last_login"}

// openDjango opens the old database and finds all that an import needs there.
func openDjango(ctx context.Context, o djangoOptions) (*djangoSource, error) {
	d := &djangoSource{columns: map[string][]string{}}
	if err := d.open(ctx, o.from); err != nil {
		d.close()
		return nil, err
	}
	for _, step := range []func() error{
		func() error { return d.readColumns(ctx) },
		func() error { return d.findAccounts(o.accountTable) },
		func() error { return d.checkParts(o.only) },
		func() error { return d.name(ctx, o.source) },
	} {
		if err := step(); err != nil {
			d.close()
			return nil, fmt.Errorf("the old database: %w", err)
		}
	}
	return d, nil
}

func (d *djangoSource) open(ctx context.Context, from string) (err error) {
	wrong := usageError{errors.New("--from: want postgres://host/database or sqlite:///path")} // and never what was given: it may hold a password
	scheme, _, _ := strings.Cut(from, ":")
	var how *sql.TxOptions
	switch path, isFile := strings.CutPrefix(from, "sqlite://"); {
	case isFile && path != "" && !strings.ContainsAny(path, "?#"):
		if info, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("the old database: there is no file %s", path)
		} else if err != nil || info.IsDir() {
			return errors.Join(fmt.Errorf("the old database: %s is not a file that can be read", path), err)
		}
		d.db, err = sql.Open(sqlite.DriverName, "file:"+(&url.URL{Path: path}).EscapedPath()+"?mode=ro&_pragma=query_only(1)&_pragma=busy_timeout(5000)")
	case scheme == "postgres" || scheme == "postgresql":
		cfg, err := pgx.ParseConfig(from)
		if err != nil {
			return wrong
		}
		cfg.ConnectTimeout = 5 * time.Second
		cfg.RuntimeParams["default_transaction_read_only"] = "on"
		cfg.RuntimeParams["timezone"] = "UTC"
		d.postgres, d.db = true, stdlib.OpenDB(*cfg)
		how = &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true}
	default:
		return wrong
	}
	if err == nil {
		d.tx, err = d.db.BeginTx(ctx, how)
	}
	if err != nil {
		return fmt.Errorf("the old database: %w", err)
	}
	return nil
}

func (d *djangoSource) close() {
	if d.tx != nil {
		d.tx.Rollback() // it has only read
	}
	if d.db != nil {
		d.db.Close()
	}
}

// readColumns lists what tables there are.
func (d *djangoSource) readColumns(ctx context.Context) error {
	query := `SELECT m.name, p.name FROM sqlite_master m, pragma_table_info(m.name) p WHERE m.type = 'table'`
	if d.postgres {
		query = `SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = ANY(current_schemas(false))`
	}
	rows, err := d.tx.QueryContext(ctx, query)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var table, column string
		if err := rows.Scan(&table, &column); err != nil {
			return err
		}
		d.columns[table] = append(d.columns[table], column)
	}
	if err := rows.Err(); err != nil {
		return err
	}
	switch {
	case len(d.columns) == 0:
		return errors.New("it is empty: there is no table that this user may read")
	case d.columns["django_migrations"] == nil:
		return errors.New("it is not one of Django's: there is no table django_migrations")
	}
	return nil
}

func (d *djangoSource) has(table, column string) bool {
	return slices.Contains(d.columns[table], column)
}

// findAccounts finds the table of AUTH_USER_MODEL, whatever its application
// called it.
func (d *djangoSource) findAccounts(given string) error {
	found := []string{given}
	if given == "" {
		found = nil
		for table := range d.columns {
			if d.has(table, "password") && d.has(table, "last_login") {
				found = append(found, table)
			}
		}
		slices.Sort(found)
	}
	switch {
	case len(found) == 0:
		return errors.New("no table looks like that of accounts, with password and last_login: name it by --account-table")
	case len(found) > 1:
		return fmt.Errorf("more than one table looks like that of accounts: name one by --account-table: %s", strings.Join(found, ", "))
	}
	d.accounts = found[0]
	return d.checkTable(d.accounts, accountColumns)
}

// checkParts finds out whether the tables of the wanted parts are complete.
func (d *djangoSource) checkParts(only []string) error {
	for _, part := range []string{partIdentities, partApplications, partTokens, "scopes"} {
		wanted := slices.Contains(only, part) || part == "scopes" && slices.Contains(only, partTokens) ||
			part == partApplications && slices.Contains(only, partTokens)
		if !wanted {
			continue
		}
		if err := d.checkTable(djangoColumns[part][0], djangoColumns[part][1:]); err != nil {
			return fmt.Errorf("%w (--only leaves parts out)", err)
		}
	}
	return nil
}

func (d *djangoSource) checkTable(table string, columns []string) error {
	if d.columns[table] == nil {
		return fmt.Errorf("there is no table %s: have all its migrations run?", table)
	}
	missing := slices.DeleteFunc(slices.Clone(columns), func(c string) bool { return d.has(table, c) })
	if len(missing) > 0 {
		return fmt.Errorf("the table %s has no column %s: have all its migrations run?", table, strings.Join(missing, ", "))
	}
	return nil
}

// name makes of the moment of the first migration what imports are filed
// under: a copy of the database has it too, and no other one.
func (d *djangoSource) name(ctx context.Context, given string) error {
	var app, migration string
	var applied oldTime
	err := d.tx.QueryRowContext(ctx, `SELECT app, name, applied FROM django_migrations ORDER BY id LIMIT 1`).Scan(&app, &migration, &applied)
	switch {
	case given != "":
		d.source = "django " + given + " " + d.accounts
		return nil
	case errors.Is(err, sql.ErrNoRows) || err == nil && applied.at == nil:
		return errors.New("no migration has run in it: the table django_migrations is empty (--source names it)")
	case err != nil:
		return err
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "%s %s %d", app, migration, applied.at.UnixMicro()))
	d.source = "django " + hex.EncodeToString(sum[:8]) + " " + d.accounts
	return nil
}

// oldTime reads a time as either database keeps it.
type oldTime struct{ at *time.Time }

// Scan takes a time, or SQLite's text for one.
func (t *oldTime) Scan(src any) error {
	t.at = nil
	switch v := src.(type) {
	case nil:
		return nil
	case time.Time:
		t.at = &v
		return nil
	case []byte:
		return t.Scan(string(v))
	case string:
		for _, layout := range []string{"2006-01-02 15:04:05.999999999", time.RFC3339Nano, "2006-01-02 15:04:05.999999999Z07:00", "2006-01-02"} {
			if at, err := time.Parse(layout, v); err == nil {
				t.at = &at
				return nil
			}
		}
	}
	return fmt.Errorf("a %T is not a time", src)
}
