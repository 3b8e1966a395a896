package store_test

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"sync"
	"testing"

	"gatehouse/store"
	"gatehouse/store/storetest"
)

func TestMigrateUpAndDown(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		ctx := context.Background()
		s, err := store.Open(ctx, store.Config{URL: url})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		if err := s.CheckSchema(ctx); !errors.Is(err, store.ErrSchemaBehind) {
			t.Errorf("an empty database: %v", err)
		}
		list, err := s.Migrations(ctx)
		if err != nil || len(list) == 0 || !list[0].AppliedAt.IsZero() {
			t.Fatalf("%+v, %v", list, err)
		}
		for range 2 { // down leaves nothing that stops the next up
			if n, err := s.MigrateUp(ctx); n != len(list) || err != nil {
				t.Fatalf("up: %d, %v", n, err)
			}
			if n, err := s.MigrateUp(ctx); n != 0 || err != nil {
				t.Errorf("a second up: %d, %v", n, err)
			}
			if err := s.CheckSchema(ctx); err != nil {
				t.Error(err)
			}
			if _, err := s.CreateUser(ctx, person("bo@example.com")); err != nil {
				t.Error(err)
			}
			for range list {
				if _, err := s.MigrateDown(ctx); err != nil {
					t.Fatalf("down: %v", err)
				}
			}
			if _, err := s.MigrateDown(ctx); !errors.Is(err, store.ErrNotFound) {
				t.Errorf("down from nothing: %v", err)
			}
			if err := s.CheckSchema(ctx); !errors.Is(err, store.ErrSchemaBehind) {
				t.Errorf("after down: %v", err)
			}
		}
	})
}

func TestSchemaAheadIsRefused(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		s := storetest.Open(t, store.Config{URL: url})
		ctx := context.Background()
		db, err := sql.Open(driver(url))
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		if _, err := db.ExecContext(ctx, `INSERT INTO goose_db_version (version_id, is_applied) VALUES (99999, TRUE)`); err != nil {
			t.Fatal(err)
		}
		if err := s.CheckSchema(ctx); !errors.Is(err, store.ErrSchemaAhead) {
			t.Error(err)
		}
	})
}

// driver names what database/sql opens the URL with.
func driver(url string) (name, source string) {
	if path, ok := strings.CutPrefix(url, "sqlite://"); ok {
		return "sqlite", path
	}
	return "pgx", url
}

func TestReplicasMigrateInTurn(t *testing.T) {
	url := storetest.Postgres(t)
	ctx := context.Background()
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			s, err := store.Open(ctx, store.Config{URL: url})
			if err != nil {
				t.Error(err)
				return
			}
			defer s.Close()
			if _, err := s.MigrateUp(ctx); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}
