package main

import (
	"bytes"
	"context"
	"math/rand/v2"
	"net/url"
	"slices"
	"time"
)

const maxConns = 64

// row is one line of the table: what the server does, and the floors beside it.
type row struct {
	name   string
	path   string
	client string   // who asks
	floors []string // see floors.go
	level  string   // the server's log.level; default warn
	beside string   // another row, done by a second server, as a floor; not on SQLite, where a file has one server
	only   string   // one kind of database
	facade bool     // asked at /api-auth/ of the resource API, in the same process
	page   bool     // asked by the browser of somebody who is signed in
	stmts  float64  // that it may cost, clients being read now and then; 0: any
	over   float64  // CPU-µs that it may cost more than the row beside it; 0: any
	reach  float64  // times a judged floor's CPU time, from design.md "Numbers to reach"; 0: none
	forms  func(d *database, conns int) func(conn int) form
}

// rows in the order of measuring: those that add rows to the tables come last.
var rows = []row{
	{name: "introspection", path: "/oauth2/introspect", client: resourceClient,
		floors: []string{"bare", "select"}, reach: 1.2, forms: accessTokens("token=")},
	{name: "introspection, each request logged", path: "/oauth2/introspect", client: resourceClient,
		level: "info", beside: "introspection", only: postgres, forms: accessTokens("token=")},
	{name: "userinfo", path: "/oauth2/userinfo",
		floors: []string{"userinfo"}, beside: "introspection", reach: 1.2, forms: accessTokens("access_token=")},
	{name: "password", path: "/oauth2/token", client: webClient,
		floors: []string{"argon2id"}, reach: 1.05, forms: passwords},
	{name: "client_credentials", path: "/oauth2/token", client: serviceClient,
		floors: []string{"client-plain", "client-store"}, reach: 1.5, forms: clientCredentials},
	{name: "refresh", path: "/oauth2/token", client: webClient,
		floors: []string{"refresh-plain", "refresh-store"}, reach: 1.5, forms: refreshes},
	{name: "exchange of an ID token", path: "/oauth2/token", client: webClient,
		beside: "refresh", only: postgres, forms: idTokens},
	{name: "refresh by /api-auth/token", path: "/api-auth/token", client: webClient, facade: true,
		beside: "refresh", only: postgres, over: 150, forms: refreshes},
	{name: "authorize", path: "/oauth2/authorize", page: true,
		floors: []string{"authorize"}, stmts: 4, forms: authorizations},
	{name: "code exchange", path: "/oauth2/token", client: codeClient,
		floors: []string{"code-plain", "code-store"}, stmts: 3, forms: exchanges(codeClient)},
	{name: "code exchange with an ID token, RS256", path: "/oauth2/token", client: rs256Client,
		floors: []string{"rs256"}, beside: "code exchange", only: postgres, stmts: 3, forms: exchanges(rs256Client)},
	{name: "code exchange with an ID token, ES256", path: "/oauth2/token", client: es256Client,
		floors: []string{"es256"}, beside: "code exchange", only: postgres, stmts: 3, forms: exchanges(es256Client)},
}

func rowNamed(name string) *row {
	return &rows[slices.IndexFunc(rows, func(r row) bool { return r.name == name })]
}

// target is where the row's load goes, on the server at this address.
func (r *row) target(d *database, addr string) target {
	t := target{addr: addr, path: r.path, client: r.client}
	if r.page {
		t.cookie = d.tokens.browser()
	}
	return t
}

// side is one program under load.
type side struct {
	title   string
	codes   *codes // that the load exchanges; nil: none
	judged  bool
	process *process
	load    *load
	samples []sample
}

// sample is what one round on one side gave.
type sample struct {
	outcome
	cpu        time.Duration
	statements int64
}

func (s sample) perRequest() float64 { return float64(s.cpu.Nanoseconds()) / 1e3 / float64(s.requests) } // CPU-µs
func (s sample) rate() float64       { return float64(s.requests) / s.took.Seconds() }

// measureRow puts load on the floors and the server in turn, round after
// round. The server is the last of the sides that it returns.
func (d *database) measureRow(ctx context.Context, r *row, conns int) (sides []*side, err error) {
	defer func() { stopSides(sides) }()
	for _, name := range r.floors {
		f := floors[name]
		if !f.has(d.kind) {
			continue
		}
		forms := r.forms
		if f.forms != nil {
			forms = f.forms
		}
		s := &side{title: f.title, judged: f.judged, codes: d.codesOf(r.client)}
		sides = append(sides, s)
		if s.process, err = d.startFloor(ctx, name); err != nil {
			return sides, err
		}
		if s.load, err = dial(ctx, target{addr: s.process.addr, path: "/"}, conns, forms(d, conns)); err != nil {
			return sides, err
		}
	}
	if r.beside != "" && d.kind != sqlite {
		other := rowNamed(r.beside)
		s, err := d.serverSide(ctx, other, conns)
		sides = append(sides, s)
		if err != nil {
			return sides, err
		}
		s.title = other.name
	}
	s, err := d.serverSide(ctx, r, conns)
	sides = append(sides, s)
	if err != nil {
		return sides, err
	}
	return sides, d.rounds(ctx, sides, d.bench.window)
}

func (d *database) serverSide(ctx context.Context, r *row, conns int) (*side, error) {
	s := &side{title: r.name, codes: d.codesOf(r.client)}
	var err error
	if s.process, err = d.startServer(ctx, r.level, r.facade); err != nil {
		return s, err
	}
	s.load, err = dial(ctx, r.target(d, s.process.addr), conns, r.forms(d, conns))
	return s, err
}

func stopSides(sides []*side) {
	for _, s := range sides {
		if s.load != nil {
			s.load.close()
		}
		if s.process != nil {
			s.process.stop()
		}
	}
}

// rounds warms each side up and measures it once per round.
func (d *database) rounds(ctx context.Context, sides []*side, window time.Duration) error {
	for _, s := range sides {
		if err := d.restock(ctx, s, window); err != nil {
			return err
		}
		if _, err := s.load.run(ctx, min(window, 300*time.Millisecond)); err != nil {
			return err
		}
	}
	for range d.bench.rounds {
		for _, s := range sides {
			taken, err := d.sample(ctx, s, window)
			if err != nil {
				return err
			}
			s.samples = append(s.samples, taken)
		}
	}
	return nil
}

func (d *database) sample(ctx context.Context, s *side, window time.Duration) (sample, error) {
	if err := d.restock(ctx, s, window); err != nil {
		return sample{}, err
	}
	before, err := d.meter.before(ctx, s.process.pid())
	if err != nil {
		return sample{}, err
	}
	got, err := s.load.run(ctx, window)
	if err != nil {
		return sample{}, err
	}
	after, err := d.meter.after(ctx, s.process.pid())
	statements := after.statements - before.statements
	if d.meter.stats != nil {
		statements-- // the reading before, which did not count itself
	}
	return sample{got, after.cpu - before.cpu, statements}, err
}

// accessTokens shows tokens at random, of those that refreshing leaves alone.
func accessTokens(head string) func(d *database, conns int) func(int) form {
	return func(d *database, _ int) func(int) form {
		return func(int) form {
			return func(b, _ []byte) []byte {
				return d.tokens.appendToken(append(b, head...), accessPrefix, 2*rand.IntN(d.tokens.n/2))
			}
		}
	}
}

// accessKeys are the same for a floor, which knows signatures alone.
func accessKeys(d *database, _ int) func(int) form {
	return func(int) form {
		return func(b, _ []byte) []byte {
			return d.tokens.appendKey(append(b, "key="...), accessPrefix, 2*rand.IntN(d.tokens.n/2))
		}
	}
}

// passwords signs in, eight connections as each user: more at once than the
// limit of failures would be refused.
func passwords(*database, int) func(int) form {
	return func(conn int) form {
		body := url.Values{"grant_type": {"password"}, "username": {userEmail(conn / 8)}, "password": {userPassword}}.Encode()
		return func(b, _ []byte) []byte { return append(b, body...) }
	}
}

func clientCredentials(*database, int) func(int) form {
	return func(int) form {
		return func(b, _ []byte) []byte { return append(b, "grant_type=client_credentials"...) }
	}
}

// refreshes rotates families in turn, so that no row is in every request.
func refreshes(d *database, conns int) func(int) form {
	return func(int) form {
		r := d.ring(conns)
		return func(b, last []byte) []byte {
			b = append(b, "grant_type=refresh_token&refresh_token="...)
			return r.next(b, last, (*tokens).appendToken)
		}
	}
}

func refreshKeys(d *database, conns int) func(int) form {
	return func(int) form {
		r := d.ring(conns)
		return func(b, last []byte) []byte { return r.next(append(b, "key="...), last, (*tokens).appendKey) }
	}
}

// ring holds one connection's families: it takes fresh ones until it is full,
// then goes round.
type ring struct {
	d    *database
	held [][]byte // the token that each answered last
	room int
	at   int
}

// ring leaves enough families for all rows of a run.
func (d *database) ring(conns int) *ring { return &ring{d: d, room: max(1, d.tokens.n/2/(conns*32))} }

// next appends the token to present, after keeping the one that the answer to
// the last request had. A family that was refused is left for a fresh one.
func (r *ring) next(b, last []byte, fresh func(*tokens, []byte, string, int) []byte) []byte {
	if successor := member(last, "refresh_token"); successor != nil {
		r.held[r.at] = append(r.held[r.at][:0], successor...)
		r.at++
	} else if len(last) > 0 {
		r.held[r.at] = nil
	}
	if len(r.held) == r.room && r.at == r.room {
		r.at = 0
	}
	if r.at == len(r.held) {
		r.held = append(r.held, nil)
	}
	if r.held[r.at] == nil {
		r.held[r.at] = fresh(r.d.tokens, nil, refreshPrefix, r.d.nextFamily())
	}
	return append(b, r.held[r.at]...)
}

// member finds a member of a flat JSON object whose value is plain text.
func member(object []byte, name string) []byte {
	_, rest, ok := bytes.Cut(object, []byte(`"`+name+`":"`))
	if !ok {
		return nil
	}
	value, _, _ := bytes.Cut(rest, []byte{'"'})
	return value
}
