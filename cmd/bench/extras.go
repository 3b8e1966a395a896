package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/jackc/pgx/v5"

	"gatehouse/store"
)

// extra is a number to reach that is no ratio to a floor.
type extra struct {
	name     string
	fullOnly bool
	only     string // one kind of database
	measure  func(ctx context.Context, d *database) error
}

var extras = []extra{
	{name: "exec to first token", measure: firstToken},
	{name: "idle memory", measure: idleMemory},
	{name: "introspection beside logins", fullOnly: true, measure: besideLogins},
	{name: "rotations of one family", fullOnly: true, measure: rotations},
	{name: "kept per refresh", fullOnly: true, only: postgres, measure: keptPerRefresh},
}

// firstToken times a start with the schema in place, until a token that needs
// no hash is in the client's hands.
func firstToken(ctx context.Context, d *database) error {
	var took []float64
	for range 2*d.bench.rounds + 1 {
		began := time.Now()
		p, err := d.startServer(ctx, "", false)
		if err != nil {
			return err
		}
		l, err := dial(ctx, target{addr: p.addr, path: "/oauth2/token", client: serviceClient}, 1, clientCredentials(d, 1))
		if err == nil {
			var got outcome
			got, err = l.run(ctx, 0)
			took = append(took, time.Since(began).Seconds()*1e3)
			d.bench.report.count(got)
			l.close()
		}
		p.stop()
		if err != nil {
			return err
		}
	}
	m := middle(took)
	d.bench.report.note("exec to first token, schema in place", fmt.Sprintf("%.0f ms (%.0f–%.0f)", m.median, m.least, m.most), "≤ 60 ms", m.median <= 60)
	return nil
}

// idleMemory is what a server holds that has answered one request of each
// kind and then none for a while.
func idleMemory(ctx context.Context, d *database) error {
	p, err := d.startServer(ctx, "", false)
	if err != nil {
		return err
	}
	defer p.stop()
	pause(ctx, d.bench.settle)
	fresh, err := pss(p.pid())
	if err != nil {
		return err
	}
	for _, name := range []string{
		"introspection", "userinfo", "client_credentials", "refresh", "password", "authorize", "code exchange with an ID token, RS256",
	} {
		r := rowNamed(name)
		l, err := dial(ctx, r.target(d, p.addr), 1, r.forms(d, 1))
		if err != nil {
			return err
		}
		got, err := l.run(ctx, 0)
		l.close()
		if err != nil {
			return err
		}
		d.bench.report.count(got)
	}
	pause(ctx, d.bench.settle)
	used, err := pss(p.pid())
	if err != nil {
		return err
	}
	const mib = 1 << 20
	d.bench.report.note("idle memory (PSS), fresh", fmt.Sprintf("%.1f MiB", float64(fresh)/mib), "≤ 30 MiB", fresh <= 30*mib)
	d.bench.report.note("idle memory (PSS), after one request of each kind", fmt.Sprintf("%.1f MiB", float64(used)/mib), "", true)
	return nil
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// besideLogins compares introspection alone with introspection while eight
// connections sign in without a pause.
func besideLogins(ctx context.Context, d *database) error {
	r, login := rowNamed("introspection"), rowNamed("password")
	s, err := d.serverSide(ctx, r, 8)
	sides := []*side{s}
	defer func() { stopSides(sides) }()
	if err != nil {
		return err
	}
	logins, err := dial(ctx, login.target(d, s.process.addr), 8, login.forms(d, 8))
	if err != nil {
		return err
	}
	defer logins.close()
	window := d.bench.window
	var shares, rates []float64
	for range d.bench.rounds {
		alone, err := s.load.run(ctx, window)
		if err != nil {
			return err
		}
		type result struct {
			outcome
			err error
		}
		others := make(chan result)
		go func() {
			o, err := logins.run(ctx, window+200*time.Millisecond)
			others <- result{o, err}
		}()
		pause(ctx, 100*time.Millisecond)
		crowded, err := s.load.run(ctx, window)
		signedIn := <-others
		if err != nil || signedIn.err != nil {
			return fmt.Errorf("introspect beside logins: %w, %w", err, signedIn.err)
		}
		d.bench.report.count(alone, crowded, signedIn.outcome)
		shares = append(shares, sample{outcome: crowded}.rate()/sample{outcome: alone}.rate())
		rates = append(rates, sample{outcome: signedIn.outcome}.rate())
	}
	m, logged := middle(shares), middle(rates)
	d.bench.report.note("introspection while 8 logins are in flight, of its lone rate",
		fmt.Sprintf("%.0f %% (%.0f–%.0f), %.0f logins/s", 100*m.median, 100*m.least, 100*m.most, logged.median), "≥ 60 %", m.median >= 0.6)
	return nil
}

// rotations compares the rotations of a family that has had thousands with the
// first ones of fresh families.
func rotations(ctx context.Context, d *database) error {
	r := rowNamed("refresh")
	old, err := d.serverSide(ctx, r, 1)
	sides := []*side{old}
	defer func() { stopSides(sides) }()
	if err != nil {
		return err
	}
	one := &ring{d: d, room: 1}
	old.load.workers[0].form = func(b, last []byte) []byte {
		return one.next(append(b, "grant_type=refresh_token&refresh_token="...), last, (*tokens).appendToken)
	}
	for range d.bench.rotations {
		got, err := old.load.run(ctx, 0)
		if err != nil {
			return err
		}
		d.bench.report.count(got)
	}
	// One process does both, so that nothing but the family differs.
	first := &side{process: old.process}
	if first.load, err = dial(ctx, r.target(d, old.process.addr), 1, func(int) form {
		return func(b, _ []byte) []byte {
			return d.tokens.appendToken(append(b, "grant_type=refresh_token&refresh_token="...), refreshPrefix, d.nextFamily())
		}
	}); err != nil {
		return err
	}
	defer first.load.close()
	if err := d.rounds(ctx, []*side{first, old}, 2*d.bench.window); err != nil {
		return err
	}
	d.bench.report.count(outcomes(first, old)...)
	m := middle(ratios(old, first, sample.perRequest))
	d.bench.report.note(fmt.Sprintf("rotation %d and later of a family, of the first one's CPU", d.bench.rotations),
		m.String(), "≤ 1.10", m.median <= 1.1)
	return nil
}

// keptPerRefresh weighs what a refresh leaves behind once the purge has been
// at it, in a database of its own.
func keptPerRefresh(ctx context.Context, of *database) error {
	d, err := of.bench.openDatabase(ctx, postgres, 2000)
	if err != nil {
		return err
	}
	defer d.close()
	before, err := d.weigh(ctx, "VACUUM FULL")
	if err != nil {
		return err
	}
	s, err := d.serverSide(ctx, rowNamed("refresh"), 8)
	if err != nil {
		stopSides([]*side{s})
		return err
	}
	n := 0
	for n < d.bench.kept && err == nil {
		var got outcome
		got, err = s.load.run(ctx, min(d.bench.window, 500*time.Millisecond))
		d.bench.report.count(got)
		n += got.requests - got.failed
	}
	stopSides([]*side{s})
	if err != nil {
		return err
	}
	atOnce, err := d.weigh(ctx, "VACUUM")
	if err != nil {
		return err
	}
	if err := d.purgeLater(ctx, 16*time.Minute); err != nil { // the access tokens live 15
		return err
	}
	after, err := d.weigh(ctx, "VACUUM FULL")
	if err != nil {
		return err
	}
	per := func(now, then int64) float64 { return float64(now-then) / float64(n) }
	d.bench.report.note(fmt.Sprintf("kept per refresh, %d refreshes, access tokens expired and purged", n),
		fmt.Sprintf("%.2f kB, rows: %.2f refresh, %.2f access", per(after.bytes, before.bytes)/1e3,
			per(after.refresh, before.refresh), per(after.access, before.access)),
		"≤ 0.50 kB", per(after.bytes, before.bytes) <= 500)
	d.bench.report.note("grown per refresh until then", fmt.Sprintf("%.2f kB", per(atOnce.bytes, before.bytes)/1e3), "", true)
	return nil
}

// weight is how much the tables that a refresh writes hold.
type weight struct{ bytes, access, refresh int64 } // bytes with indexes; rows

func (d *database) weigh(ctx context.Context, vacuum string) (w weight, err error) {
	conn, err := pgx.Connect(ctx, d.url)
	if err != nil {
		return w, err
	}
	defer conn.Close(ctx)
	if _, err := conn.Exec(ctx, vacuum+" access_tokens, refresh_tokens, grants"); err != nil {
		return w, err
	}
	err = conn.QueryRow(ctx, `SELECT pg_total_relation_size('access_tokens') + pg_total_relation_size('refresh_tokens') + pg_total_relation_size('grants'),
		(SELECT count(*) FROM access_tokens), (SELECT count(*) FROM refresh_tokens)`).Scan(&w.bytes, &w.access, &w.refresh)
	return w, err
}

// purgeLater does what the server's purge will have done when this time has
// passed.
func (d *database) purgeLater(ctx context.Context, later time.Duration) error {
	st, err := store.Open(ctx, store.Config{
		URL: d.url, RefreshGrace: 30 * time.Second, Now: func() time.Time { return time.Now().Add(later) },
	})
	if err != nil {
		return err
	}
	defer st.Close()
	began := time.Now()
	rows, err := st.Purge(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "purged %d rows in %.1f s\n", rows, time.Since(began).Seconds())
	return nil
}
