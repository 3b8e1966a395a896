package store

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

//go:embed migrations
var migrations embed.FS

// Errors of CheckSchema.
var (
	ErrSchemaBehind = errors.New("the database's schema is older than this build: run `gatehouse migrate up`")
	ErrSchemaAhead  = errors.New("the database's schema is newer than this build: run a newer gatehouse")
)

// Migration is one version of the schema. AppliedAt is zero while it is
// pending.
type Migration struct {
	Version   int64     `json:"version"`
	Name      string    `json:"name"`
	AppliedAt time.Time `json:"applied_at,omitzero"`
}

func (s *Store) migrator() (*goose.Provider, error) {
	dialect, dir := goose.DialectSQLite3, "migrations/sqlite"
	var opts []goose.ProviderOption
	if s.pool != nil {
		dialect, dir = goose.DialectPostgres, "migrations/postgres"
		locker, err := lock.NewPostgresSessionLocker() // two replicas that start at once migrate in turn
		if err != nil {
			return nil, fmt.Errorf("lock migrations: %w", err)
		}
		opts = append(opts, goose.WithSessionLocker(locker))
	}
	files, err := fs.Sub(migrations, dir)
	if err != nil {
		return nil, err
	}
	db, err := s.sqlDB()
	if err != nil {
		return nil, err
	}
	return goose.NewProvider(dialect, db, files, opts...)
}

func (s *Store) sqlDB() (*sql.DB, error) { return s.db.DB() }

// MigrateUp brings the schema to this build's version and returns how many
// versions it applied. It returns ErrSchemaAhead for one that is beyond.
func (s *Store) MigrateUp(ctx context.Context) (int, error) {
	if err := s.CheckSchema(ctx); errors.Is(err, ErrSchemaAhead) {
		return 0, err
	}
	m, err := s.migrator()
	if err != nil {
		return 0, fmt.Errorf("migrate: %w", err)
	}
	done, err := m.Up(ctx)
	if err != nil {
		return len(done), fmt.Errorf("migrate: %w", err)
	}
	return len(done), nil
}

// MigrateDown takes back the newest version, with every row it holds.
func (s *Store) MigrateDown(ctx context.Context) (Migration, error) {
	m, err := s.migrator()
	if err != nil {
		return Migration{}, fmt.Errorf("migrate: %w", err)
	}
	done, err := m.Down(ctx)
	if errors.Is(err, goose.ErrNoNextVersion) {
		return Migration{}, ErrNotFound
	}
	if err != nil {
		return Migration{}, fmt.Errorf("migrate: %w", err)
	}
	return Migration{Version: done.Source.Version, Name: done.Source.Path}, nil
}

// Migrations lists this build's versions, oldest first.
func (s *Store) Migrations(ctx context.Context) ([]Migration, error) {
	m, err := s.migrator()
	if err != nil {
		return nil, fmt.Errorf("migrate: %w", err)
	}
	status, err := m.Status(ctx)
	if err != nil {
		return nil, fmt.Errorf("migrate: %w", err)
	}
	list := make([]Migration, len(status))
	for i, st := range status {
		list[i] = Migration{Version: st.Source.Version, Name: st.Source.Path, AppliedAt: st.AppliedAt}
	}
	return list, nil
}

// newestMigration is the version that this build's embedded files end at.
func (s *Store) newestMigration() (int64, error) {
	m, err := s.migrator()
	if err != nil {
		return 0, err
	}
	sources := m.ListSources()
	return sources[len(sources)-1].Version, nil
}

// CheckSchema says whether the schema is the one this build was made for. It
// changes nothing.
func (s *Store) CheckSchema(ctx context.Context) error {
	want, err := s.newestMigration()
	if err != nil {
		return fmt.Errorf("check schema: %w", err)
	}
	var have sql.NullInt64
	err = s.read(ctx, `SELECT max(version_id) FROM goose_db_version WHERE is_applied`).Scan(&have)
	switch {
	case err != nil && s.Ping(ctx) != nil:
		return fmt.Errorf("check schema: %w", err)
	case err != nil, have.Int64 < want: // a missing table is an empty database
		return ErrSchemaBehind
	case have.Int64 > want:
		return ErrSchemaAhead
	}
	return nil
}

// Installation rows mark the database as a whole.
const markDev = "dev" // made by `gatehouse dev`: its passwords are on a screen

// MarkDev marks the database as one that must never serve in production.
func (s *Store) MarkDev(ctx context.Context) error {
	_, err := s.exec(ctx, `INSERT INTO installation (name, value) VALUES ($1, 'true') ON CONFLICT DO NOTHING`, markDev)
	return err
}

// IsDev tells whether MarkDev was ever called.
func (s *Store) IsDev(ctx context.Context) (bool, error) {
	var n int
	err := s.read(ctx, `SELECT count(*) FROM installation WHERE name = $1`, markDev).Scan(&n)
	return n > 0, err
}
