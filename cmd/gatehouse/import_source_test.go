package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gatehouse/store"
	"gatehouse/store/storetest"
)

func TestImportRefusesWhatIsNoDjango(t *testing.T) {
	file := func(name, text string) string {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return "sqlite://" + path
	}
	made := func(url, script string) string {
		sqlExec(t, url, script)
		return url
	}
	half := func(dialect, script string) string { return made(oldDatabase(t, "2", dialect), script) }
	w := newImportWorld(t, storetest.SQLite(t))
	for _, tt := range []struct {
		name, from string
		args       []string
		code       int
		says       string
	}{
		{"no URL", "", nil, 2, "--from"},
		{"another scheme", "mysql://bo:hunter22@db/x", nil, 2, "postgres://"},
		{"not a URL", "postgres://bo:hunter22@db:port/x", nil, 2, "postgres://"},
		{"no file", "sqlite:///nowhere/old.db", nil, 1, "there is no file"},
		{"a folder", "sqlite://" + t.TempDir(), nil, 1, "not a file"},
		{"not a database", file("x.db", strings.Repeat("This is no database. ", 100)), nil, 1, "not a database"},
		{"unreachable", "postgres://bo:hunter22@127.0.0.1:1/x", nil, 1, "old database"},
		{"empty file", file("x.db", ""), nil, 1, "it is empty"},
		{"empty", storetest.Postgres(t), nil, 1, "it is empty"},
		{"foreign", made(storetest.Postgres(t), `CREATE TABLE accounts_account (id integer)`), nil, 1, "no table django_migrations"},
		{"our own", w.url, nil, 1, "no table django_migrations"},
		{"without accounts", half("sqlite", `DROP TABLE accounts_account`), nil, 1, "--account-table"},
		{"a column is missing", half("postgres", `ALTER TABLE accounts_account DROP COLUMN is_active`), nil, 1, "no column is_active"},
		{"a table is missing", half("sqlite", `DROP TABLE oauth2_provider_refreshtoken`), nil, 1, "no table oauth2_provider_refreshtoken"},
		{"a later column is missing", half("postgres", `ALTER TABLE social_auth_usersocialauth DROP COLUMN uid`), nil, 1, "no column uid"},
		{"no migration has run", half("sqlite", `DELETE FROM django_migrations`), nil, 1, "no migration"},
		{"two tables of accounts", half("sqlite", `CREATE TABLE auth_user (password text, last_login text)`), nil, 1, "accounts_account, auth_user"},
		{"a table that is not there", half("sqlite", ``), []string{"--account-table", "shop_user"}, 1, "no table shop_user"},
		{"no such part", half("sqlite", ``), []string{"--only", "users"}, 2, "none of accounts"},
	} {
		_, out, err := w.run(append([]string{"--from", tt.from}, tt.args...)...)
		if err == nil || exitCode(err) != tt.code || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%s: %v, exit code %d", tt.name, err, exitCode(err))
		}
		if strings.Contains(fmt.Sprint(out, err), "hunter22") {
			t.Errorf("%s: tells the password: %v", tt.name, err)
		}
	}
	if n := w.rows(); n != 0 {
		t.Errorf("%d rows were written", n)
	}
}

// many makes an old database with so many accounts.
func many(t *testing.T, dialect string, n int) string {
	old := oldDatabase(t, "1", dialect)
	numbers := `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ` + fmt.Sprint(n) + `) `
	columns := `(id, password, is_superuser, email, username, first_name, last_name, is_staff, is_active)`
	sqlExec(t, old, `DELETE FROM oauth2_provider_refreshtoken; DELETE FROM oauth2_provider_accesstoken; DELETE FROM social_auth_usersocialauth;
		DELETE FROM oauth2_provider_application; DELETE FROM accounts_account;`)
	sqlExec(t, old, `INSERT INTO accounts_account `+columns+" "+numbers+
		`SELECT i, '!', false, 'u' || i || '@example.com', 'u', 'U', '', false, true FROM n`)
	return old
}

// slowly is an import that counts its batches and gives up before one of them.
func slowly(t *testing.T, w *importWorld, old string, stopBefore int) (batches []int, err error) {
	ctx := context.Background()
	d, err := openDjango(ctx, djangoOptions{from: old, only: importParts})
	if err != nil {
		t.Fatal(err)
	}
	defer d.close()
	to := w.store.NewImport(d.source, false)
	r := &importReport{progress: newProgress(new(strings.Builder))}
	err = bringRows(ctx, d, r, d.accountRows(), func(ctx context.Context, rows []store.OldAccount) ([]store.Fate, error) {
		if len(batches) == stopBefore {
			return nil, errStopped
		}
		batches = append(batches, len(rows))
		return to.Accounts(ctx, rows)
	})
	return batches, err
}

var errStopped = errors.New("stopped")

func TestImportGoesOnWhereItWas(t *testing.T) {
	storetest.Each(t, func(t *testing.T, databaseURL string) {
		w, old := newImportWorld(t, databaseURL), many(t, "sqlite", 2500)
		if batches, err := slowly(t, w, old, 1); !errors.Is(err, errStopped) || len(batches) != 1 {
			t.Fatalf("%v, %v", batches, err)
		}
		if n := w.count(`SELECT count(*) FROM accounts`); n != 1000 {
			t.Fatalf("%d accounts after a batch", n)
		}
		if c := w.brought("--from", old).counts()["accounts"]; c != [4]int64{2500, 1500, 1000, 0} {
			t.Errorf("%v", c)
		}
	})
}

// However many accounts there are, at most a thousand are held at a time.
func TestImportStreams(t *testing.T) {
	for dialect, want := range map[string]int{"sqlite": 5_000, "postgres": 20_000} {
		w, old := newImportWorld(t, storetest.Postgres(t)), many(t, dialect, want)
		batches, err := slowly(t, w, old, -1)
		if err != nil || len(batches) != want/importBatch {
			t.Errorf("%s: %d batches, %v", dialect, len(batches), err)
		}
		for _, n := range batches {
			if n > importBatch {
				t.Errorf("%s: a batch of %d", dialect, n)
			}
		}
		if n := w.count(`SELECT count(*) FROM accounts`); n != want {
			t.Errorf("%s: %d accounts", dialect, n)
		}
	}
}
