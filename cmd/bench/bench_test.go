package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"
)

// TestMain lets the test binary be the floors' processes too.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == floorCommand {
		main()
		return
	}
	os.Exit(m.Run())
}

var tiny = options{
	full: true, only: regexp.MustCompile(""), rounds: 1, window: 20 * time.Millisecond, tokens: 800,
	conns: []int{8}, databases: []string{postgres, sqlite}, rotations: 20, kept: 100, settle: 10 * time.Millisecond,
}

// TestRun measures everything once, with a few hundred requests. What the
// numbers are is nobody's business here.
func TestRun(t *testing.T) {
	var out bytes.Buffer
	if err := run(t.Context(), tiny, &out); err != nil {
		t.Fatalf("%v\n%s", err, &out)
	}
	text := out.String()
	for _, want := range []string{
		"postgres, 8 connections", "sqlite, 8 connections", "SELECT token ⨝ grant", "UPDATE + 2 INSERT", "store's statement",
		"SELECT token ⨝ grant ⨝ account", "SELECT session, INSERT code", "UPDATE + 3 INSERT", "RS256 alone", "ES256 alone", "≤ 3 stmts", "≤ 4 stmts",
		"argon2id", "each request logged", "exec to first token", "idle memory", "8 logins are in flight", "rotation 20 and later",
		"kept per refresh", " 0 requests failed",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("nothing is said of %q in\n%s", want, text)
		}
	}
	for _, r := range rows {
		if !strings.Contains(text, "\n"+r.name+" ") {
			t.Errorf("no row %q in\n%s", r.name, text)
		}
	}
}

// TestFloorsRunTheStoresSQL holds the copies in floors_sql.go to what the
// server really sends: PostgreSQL must take both for one statement.
func TestFloorsRunTheStoresSQL(t *testing.T) {
	ctx := t.Context()
	b := &bench{options: tiny, dir: t.TempDir(), report: &report{out: new(bytes.Buffer)}}
	var err error
	if b.binary, err = build(ctx, b.dir); err != nil {
		t.Fatal(err)
	}
	d, err := b.openDatabase(ctx, postgres, tiny.tokens)
	if err != nil {
		t.Fatal(err)
	}
	defer d.close()
	for _, tt := range []struct{ row, floor, pattern string }{
		{"introspection", "select", "SELECT%FROM access_tokens t JOIN grants%"},
		{"client_credentials", "client-store", "WITH c AS%FOR SHARE)%INSERT INTO grants%FROM c %"},
		{"refresh", "refresh-store", "WITH spent AS%NOT EXISTS%"},
		{"userinfo", "userinfo", "SELECT%FROM access_tokens t JOIN grants%JOIN accounts%"},
		{"authorize", "authorize", "SELECT%FROM login_sessions%"},
		{"authorize", "authorize", "INSERT INTO codes%"},
		{"code exchange", "code-store", "WITH c AS%UPDATE codes%"},
	} {
		byServer, byFloor := statementsOf(t, d, tt.row, "", tt.pattern), statementsOf(t, d, tt.row, tt.floor, tt.pattern)
		if len(byServer) != 1 || fmt.Sprint(byServer) != fmt.Sprint(byFloor) {
			t.Errorf("%s: the server ran statements %v, the floor %s %v", tt.row, byServer, tt.floor, byFloor)
		}
	}
}

// statementsOf are PostgreSQL's ids of the statements that a floor, or the
// server, runs for a row's request.
func statementsOf(t *testing.T, d *database, rowName, floorName, pattern string) (ids []int64) {
	t.Helper()
	ctx := context.Background()
	if _, err := d.meter.stats.Exec(ctx, "SELECT pg_stat_statements_reset()"); err != nil {
		t.Fatal(err)
	}
	r := rowNamed(rowName)
	forms := r.forms
	var p *process
	var err error
	if floorName == "" {
		p, err = d.startServer(ctx, "", false)
	} else {
		p, err = d.startFloor(ctx, floorName)
		if f := floors[floorName]; f.forms != nil {
			forms = f.forms
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	defer p.stop()
	at := target{addr: p.addr, path: "/"}
	if floorName == "" {
		at = r.target(d, p.addr)
	}
	l, err := dial(ctx, at, 1, forms(d, 1))
	if err != nil {
		t.Fatal(err)
	}
	defer l.close()
	if got, err := l.run(ctx, 0); err != nil || got.failed > 0 {
		t.Fatal(err, got.sample)
	}
	rows, err := d.meter.stats.Query(ctx, `SELECT queryid FROM pg_stat_statements WHERE query LIKE $1
		AND dbid = (SELECT oid FROM pg_database WHERE datname = current_database())`, pattern)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var id int64
		if err := rows.Scan(&id); err != nil {
			t.Fatal(err)
		}
		ids = append(ids, id)
	}
	return ids
}
