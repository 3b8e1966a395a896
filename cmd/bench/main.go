package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"regexp"
	"syscall"
	"time"
)

// options are what the command line says.
type options struct {
	full      bool           // more connections, more tokens, the slower extras
	only      *regexp.Regexp // of database/row
	rounds    int            // odd, so that the median is one of them
	window    time.Duration  // load on one program in one round
	tokens    int            // access tokens in the database, and as many refresh tokens
	conns     []int
	databases []string
	rotations int           // of one family, before it is measured again
	kept      int           // refreshes, whose rows are then weighed
	settle    time.Duration // before memory counts as idle
}

func main() {
	if len(os.Args) > 1 && os.Args[1] == floorCommand {
		if err := runFloor(os.Args[2:]); err != nil {
			fmt.Fprintln(os.Stderr, "floor:", err)
			os.Exit(1)
		}
		return
	}
	opts, err := parseFlags(os.Args[1:])
	if err != nil {
		os.Exit(2) // flag has said why
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	err = run(ctx, opts, os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func parseFlags(args []string) (options, error) {
	o := options{rotations: 5000, kept: 20_000, settle: 2 * time.Second}
	fs := flag.NewFlagSet("bench", flag.ContinueOnError)
	fs.BoolVar(&o.full, "full", false, "1, 8, 32 and 64 connections, a million tokens, and what takes minutes")
	only := fs.String("only", "", "measure only rows whose database/name matches this `regexp`, as in 'postgres/refresh'")
	fs.IntVar(&o.rounds, "rounds", 5, "rounds per row")
	seconds := fs.Float64("seconds", 1.2, "seconds of load on one program in one round")
	fs.IntVar(&o.tokens, "tokens", 0, "tokens in the database (default 100000, with -full 1000000)")
	if err := fs.Parse(args); err != nil {
		return o, err
	}
	var err error
	if o.only, err = regexp.Compile(*only); err != nil {
		fmt.Fprintln(fs.Output(), "-only:", err)
		return o, err
	}
	o.window = time.Duration(*seconds * float64(time.Second))
	o.conns, o.databases = []int{8}, []string{postgres, sqlite}
	standard := 100_000
	if o.full {
		o.conns, standard = []int{1, 8, 32, 64}, 1_000_000
	}
	if o.tokens == 0 {
		o.tokens = standard
	}
	if o.rounds < 1 || o.window <= 0 || o.tokens < 100 || fs.NArg() > 0 {
		err = errors.New("want -rounds of at least 1, -seconds above 0, -tokens of at least 100, and no arguments")
		fmt.Fprintln(fs.Output(), err)
	}
	return o, err
}

// bench is one run.
type bench struct {
	options
	dir    string // temporary: the binary, SQLite files, configuration
	binary string // gatehouse
	issuer *issuer
	report *report
}

// run measures everything that the options choose. It returns an error if
// something could not be measured, or if a request failed that should not.
func run(ctx context.Context, o options, out io.Writer) error {
	for _, name := range []string{envPostgres, envPostmaster} {
		if os.Getenv(name) == "" {
			return errors.New(name + " is not set: run `make bench`, or .ci/with-postgres go run ./cmd/bench")
		}
	}
	dir, err := os.MkdirTemp("", "gatehouse-bench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	b := &bench{options: o, dir: dir, report: &report{out: out, began: time.Now()}}
	if b.binary, err = build(ctx, dir); err != nil {
		return err
	}
	if b.issuer, err = newIssuer(); err != nil {
		return err
	}
	defer b.issuer.close()
	b.report.header(ctx, o)
	for _, kind := range o.databases {
		if len(b.rowsOn(kind))+len(b.extrasOn(kind)) == 0 {
			continue
		}
		if err := b.onDatabase(ctx, kind); err != nil {
			return fmt.Errorf("%s: %w", kind, err)
		}
	}
	return b.report.finish()
}

// rowsOn and extrasOn are what this run measures on one kind of database.
func (b *bench) rowsOn(kind string) (list []*row) {
	for i := range rows {
		if r := &rows[i]; b.only.MatchString(kind+"/"+r.name) && (r.only == "" || r.only == kind) {
			list = append(list, r)
		}
	}
	return list
}

func (b *bench) extrasOn(kind string) (list []*extra) {
	for i := range extras {
		x := &extras[i]
		if b.only.MatchString(kind+"/"+x.name) && (x.only == "" || x.only == kind) && (b.full || !x.fullOnly) {
			list = append(list, x)
		}
	}
	return list
}

// onDatabase measures every chosen row and extra on one database. The rows
// that fill the tables come last.
func (b *bench) onDatabase(ctx context.Context, kind string) (err error) {
	began := time.Now()
	d, err := b.openDatabase(ctx, kind, b.tokens)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.close()) }()
	b.report.database(kind, b.tokens, time.Since(began))
	for _, conns := range b.conns {
		if err := b.measureRows(ctx, d, conns); err != nil {
			return err
		}
	}
	for _, x := range b.extrasOn(kind) {
		if err := x.measure(ctx, d); err != nil {
			return fmt.Errorf("%s: %w", x.name, err)
		}
	}
	return nil
}

func (b *bench) measureRows(ctx context.Context, d *database, conns int) error {
	list := b.rowsOn(d.kind)
	if len(list) == 0 {
		return nil
	}
	b.report.columns(d.kind, conns)
	before := b.report.serverErrors
	for _, r := range list {
		sides, err := d.measureRow(ctx, r, conns)
		if err != nil {
			return fmt.Errorf("%s: %w", r.name, err)
		}
		b.report.row(r, sides)
	}
	if n := b.report.serverErrors - before; conns == maxConns {
		b.report.note("answers of 5xx at 64 connections", fmt.Sprint(n), "0", n == 0)
	}
	return nil
}
