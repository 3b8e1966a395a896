package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"github.com/glebarez/sqlite"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"gorm.io/driver/postgres"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"
)

// What callers tell apart; anything else means that the database could not
// be asked.
var (
	ErrNotFound = errors.New("not found")
	ErrExists   = errors.New("exists already")
)

// Config says where a Store keeps its rows and how it behaves.
type Config struct {
	URL          string           // sqlite:///path or postgres://…; required
	Exclusive    bool             // SQLite only: be the one server process of this file
	RefreshGrace time.Duration    // how long a spent refresh token answers a retry; 0 is strict
	ClientCache  time.Duration    // age at which a client in memory is read again; default 2s, negative: never kept
	Hasher       *Hasher          // default NewHasher(HasherConfig{})
	Now          func() time.Time // default time.Now; a test moves it
	Tracer       pgx.QueryTracer  // sees each PostgreSQL statement; optional
	Log          *slog.Logger     // default slog.Default()
}

// Store is safe for concurrent use. Close it once.
type Store struct {
	cfg    Config
	db     *gorm.DB      // reads and writes; on SQLite its one connection, every transaction immediate
	reads  *gorm.DB      // on SQLite a pool of connections that cannot write; on PostgreSQL the same as db
	pool   *pgxpool.Pool // PostgreSQL only: the statements that most requests consist of go past gorm
	lite   *liteDB       // SQLite only: the same, on database/sql
	lock   *os.File      // SQLite only: held while Exclusive
	hasher *Hasher
	cache  clientCache
	log    *slog.Logger

	noImported  atomic.Pointer[time.Time] // when it was last seen that no imported token is left
	slowSecrets slowSecrets
}

// Open connects to cfg.URL. It creates a SQLite file that is not there, and
// changes no schema: see Migrate.
func Open(ctx context.Context, cfg Config) (*Store, error) {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.ClientCache == 0 {
		cfg.ClientCache = 2 * time.Second
	}
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	if cfg.Hasher == nil {
		cfg.Hasher = NewHasher(HasherConfig{})
	}
	s := &Store{cfg: cfg, hasher: cfg.Hasher, log: cfg.Log, slowSecrets: newSlowSecrets()}
	scheme, _, _ := strings.Cut(cfg.URL, ":")
	var err error
	switch scheme {
	case "sqlite":
		err = s.openSQLite(ctx)
	case "postgres", "postgresql":
		err = s.openPostgres(ctx)
	default:
		err = errors.New("database.url: want sqlite:///path or postgres://host/database")
	}
	if err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

func (s *Store) openPostgres(ctx context.Context) error {
	pc, err := pgxpool.ParseConfig(s.cfg.URL)
	if err != nil {
		return errors.New("database.url: not a PostgreSQL address") // pgx's own error may quote the password
	}
	if u, err := url.Parse(s.cfg.URL); err != nil || !u.Query().Has("pool_max_conns") {
		pc.MaxConns = 16
	}
	pc.ConnConfig.ConnectTimeout = 3 * time.Second
	pc.ConnConfig.RuntimeParams["timezone"] = "UTC"
	pc.ConnConfig.Tracer = s.cfg.Tracer
	if s.pool, err = pgxpool.NewWithConfig(ctx, pc); err != nil {
		return fmt.Errorf("open PostgreSQL: %w", err)
	}
	conn := stdlib.OpenDBFromPool(s.pool)
	conn.SetMaxIdleConns(0) // the pool keeps them
	if s.db, err = gorm.Open(postgres.New(postgres.Config{Conn: conn}), s.gormConfig()); err != nil {
		return fmt.Errorf("open PostgreSQL: %w", err)
	}
	s.reads = s.db
	if err := s.Ping(ctx); err != nil {
		return fmt.Errorf("open PostgreSQL: %w", err)
	}
	return nil
}

// openSQLite opens the file twice: one connection that writes, with every
// transaction immediate so that none fails half way for want of the lock, and
// four that only read.
func (s *Store) openSQLite(ctx context.Context) error {
	path := strings.TrimPrefix(s.cfg.URL, "sqlite://")
	if path == "" || strings.ContainsAny(path, "?#") {
		return errors.New("database.url: want sqlite:///path, without ? or #")
	}
	path = filepath.Clean(path)
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("open SQLite: %w", err)
	}
	f.Close()
	if s.cfg.Exclusive {
		if s.lock, err = lockFile(path + ".lock"); err != nil {
			return fmt.Errorf("open SQLite: %s: %w", filepath.Base(path), err)
		}
	}
	source := "file:" + (&url.URL{Path: path}).EscapedPath() + "?_pragma=busy_timeout(5000)&_pragma=foreign_keys(1)"
	writes, err := sql.Open(sqlite.DriverName, source+
		"&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_txlock=immediate")
	if err != nil {
		return fmt.Errorf("open SQLite: %w", err)
	}
	writes.SetMaxOpenConns(1)
	reads, err := sql.Open(sqlite.DriverName, source+"&_pragma=query_only(1)")
	if err != nil {
		return errors.Join(fmt.Errorf("open SQLite: %w", err), writes.Close())
	}
	reads.SetMaxOpenConns(4)
	reads.SetMaxIdleConns(4)
	s.lite = &liteDB{writes: writes, reads: reads}
	// An immediate transaction says now, not at the first sign-in, that the file cannot be written.
	if err := s.lite.write(ctx, func(*sql.Tx) error { return nil }); err != nil {
		return fmt.Errorf("open SQLite: %w", err)
	}
	if s.db, err = gorm.Open(sqlite.Dialector{Conn: writes}, s.gormConfig()); err != nil {
		return fmt.Errorf("open SQLite: %w", err)
	}
	if s.reads, err = gorm.Open(sqlite.Dialector{Conn: reads}, s.gormConfig()); err != nil {
		return fmt.Errorf("open SQLite: %w", err)
	}
	return nil
}

func (s *Store) gormConfig() *gorm.Config {
	return &gorm.Config{
		SkipDefaultTransaction: true,
		DisableAutomaticPing:   true,
		TranslateError:         true,
		NowFunc:                s.now,
		Logger:                 logger.Discard,
	}
}

// Close releases every connection, and the file's lock.
func (s *Store) Close() error {
	var errs []error
	if s.pool != nil {
		s.pool.Close()
	}
	if s.lite != nil {
		errs = append(errs, s.lite.reads.Close(), s.lite.writes.Close())
	}
	if s.lock != nil {
		errs = append(errs, s.lock.Close())
	}
	return errors.Join(errs...)
}

// Ping reaches the database.
func (s *Store) Ping(ctx context.Context) error {
	if s.pool != nil {
		return s.pool.Ping(ctx)
	}
	return s.lite.reads.PingContext(ctx)
}

// ClockSkew is this machine's clock less the database's, as far as one round
// trip can tell. On SQLite they are one clock.
func (s *Store) ClockSkew(ctx context.Context) (time.Duration, error) {
	if s.lite != nil {
		return 0, nil
	}
	var theirs time.Time
	before := s.now()
	if err := s.pool.QueryRow(ctx, `SELECT clock_timestamp()`).Scan(&theirs); err != nil {
		return 0, fmt.Errorf("read the database's clock: %w", err)
	}
	after := s.now()
	switch { // within the round trip counts as none
	case theirs.Before(before):
		return before.Sub(theirs), nil
	case theirs.After(after):
		return after.Sub(theirs), nil
	}
	return 0, nil
}

// Hasher is the one hasher that everything on this store shares.
func (s *Store) Hasher() *Hasher { return s.hasher }

// now is UTC in microseconds, the resolution of PostgreSQL's timestamps, so
// that a time read back equals the time written.
func (s *Store) now() time.Time { return s.cfg.Now().UTC().Truncate(time.Microsecond) }

// Now is the store's clock, UTC in microseconds.
func (s *Store) Now() time.Time { return s.now() }

func newID() string { return uuid.Must(uuid.NewV7()).String() }

// translate turns what gorm and the drivers say into ErrNotFound and ErrExists.
func translate(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, gorm.ErrRecordNotFound), errors.Is(err, sql.ErrNoRows):
		return ErrNotFound
	case errors.Is(err, gorm.ErrDuplicatedKey):
		return ErrExists
	}
	return err
}
