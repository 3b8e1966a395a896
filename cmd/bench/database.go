package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/jackc/pgx/v5"

	"gatehouse/store"
)

// The databases, as -only and the table name them, and where .ci/with-postgres
// says that PostgreSQL is.
const (
	postgres      = "postgres"
	sqlite        = "sqlite"
	envPostgres   = "GATEHOUSE_TEST_POSTGRES"
	envPostmaster = "GATEHOUSE_TEST_POSTGRES_PID"
)

// Who asks, for what.
const (
	webClient      = "bench-web"      // password, refresh_token
	serviceClient  = "bench-service"  // client_credentials
	resourceClient = "bench-resource" // introspection
	codeClient     = "bench-code"     // authorization_code, without openid
	rs256Client    = "bench-rs256"    // authorization_code, with ID tokens of this algorithm
	es256Client    = "bench-es256"
	benchSecret    = "bench-secret-bench-secret-bench-secret"
	benchScope     = "read write"
	openidScope    = "openid profile email"
	benchAudience  = "https://api.example.com"
	userPassword   = "correct horse battery staple"
)

func userEmail(n int) string { return "user" + strconv.Itoa(n) + "@example.com" }

// database is one database under test, with all that it takes to load it.
type database struct {
	bench    *bench
	kind     string
	url      string
	secret   string // the server's system secret
	meter    meter
	tokens   *tokens
	codes    []*codes     // of each client that exchanges some
	families atomic.Int64 // how many families have been given out
	drop     func() error
}

// nextFamily is the number of a refresh token that nobody has used. A run that
// uses up all of them goes round, and is refused.
func (d *database) nextFamily() int { return d.tokens.family(int(d.families.Add(1) - 1)) }

// openDatabase makes a database with n tokens.
func (b *bench) openDatabase(ctx context.Context, kind string, n int) (_ *database, err error) {
	d := &database{bench: b, kind: kind, secret: strings.Repeat(rand.Text(), 2), codes: newCodes(), drop: func() error { return nil }}
	defer func() {
		if err != nil {
			err = errors.Join(err, d.close())
		}
	}()
	if kind == sqlite {
		dir, err := os.MkdirTemp(b.dir, "sqlite")
		if err != nil {
			return nil, err
		}
		d.url, d.drop = "sqlite://"+filepath.Join(dir, "gatehouse.db"), func() error { return os.RemoveAll(dir) }
	} else if err := d.createPostgres(ctx); err != nil {
		return nil, err
	}
	account, err := d.register(ctx)
	if err != nil {
		return nil, err
	}
	d.tokens = newTokens(d.secret, n, account)
	if err := d.fillTables(ctx); err != nil {
		return nil, fmt.Errorf("fill the tables: %w", err)
	}
	return d, d.checkTokens(ctx)
}

func (d *database) close() error {
	if d.meter.stats != nil {
		d.meter.stats.Close(context.Background())
		d.meter.stats = nil
	}
	return d.drop()
}

// createPostgres makes a database of our own on the server that the
// environment names.
func (d *database) createPostgres(ctx context.Context) error {
	pid, err := strconv.Atoi(os.Getenv(envPostmaster))
	if err != nil {
		return fmt.Errorf("%s: %w", envPostmaster, err)
	}
	server, name := os.Getenv(envPostgres), "bench"+strings.ToLower(rand.Text())
	u, err := url.Parse(server)
	if err != nil {
		return fmt.Errorf("%s: %w", envPostgres, err)
	}
	if err := execPostgres(ctx, server, "CREATE DATABASE "+name); err != nil {
		return err
	}
	d.drop = func() error { return execPostgres(context.Background(), server, "DROP DATABASE "+name+" WITH (FORCE)") }
	u.Path = "/" + name
	d.url = u.String()
	d.meter.postmaster = pid
	if d.meter.stats, err = pgx.Connect(ctx, d.url); err != nil {
		return err
	}
	_, err = d.meter.stats.Exec(ctx, "CREATE EXTENSION pg_stat_statements")
	return err
}

func execPostgres(ctx context.Context, server, statement string) error {
	conn, err := pgx.Connect(ctx, server)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	_, err = conn.Exec(ctx, statement)
	return err
}

// register makes the schema, the clients and the users, and returns the first
// user's id.
func (d *database) register(ctx context.Context) (string, error) {
	st, err := store.Open(ctx, store.Config{URL: d.url})
	if err != nil {
		return "", err
	}
	defer st.Close()
	if _, err := st.MigrateUp(ctx); err != nil {
		return "", err
	}
	scope := store.ParseWords(benchScope)
	list := []store.Client{
		{ID: webClient, GrantTypes: store.Words{store.GrantPassword, store.GrantRefreshToken, store.GrantTokenExchange}, FirstParty: true,
			RotateRefresh: true, Providers: store.Words{providerName}, Scope: scope, DefaultScope: scope, Audience: store.Words{benchAudience}},
		{ID: serviceClient, GrantTypes: store.Words{store.GrantClientCredentials}, Scope: scope, DefaultScope: scope},
		{ID: resourceClient, IntrospectAll: true},
	}
	for _, c := range d.codes {
		scope := store.ParseWords(c.scope)
		list = append(list, store.Client{ID: c.client, GrantTypes: store.Words{store.GrantAuthorizationCode, store.GrantRefreshToken}, RotateRefresh: true,
			RedirectURIs: store.Words{benchRedirect}, IDTokenSignedResponseAlg: c.algorithm, Scope: scope, DefaultScope: scope, Audience: store.Words{benchAudience}})
	}
	for _, c := range list {
		c.Type = store.Confidential
		if _, err := st.CreateClient(ctx, &c, benchSecret); err != nil {
			return "", err
		}
	}
	var first string
	for i := range maxConns / 8 {
		a, err := st.CreateUser(ctx, store.NewAccount{
			Email: userEmail(i), Username: "user" + strconv.Itoa(i), FirstName: "User", Password: userPassword, EmailState: store.EmailProven,
		})
		if err != nil {
			return "", err
		}
		if i == 0 {
			first = a.ID
		}
	}
	return first, nil
}

// checkTokens shows the server one token of each kind: if authz makes them
// otherwise than we do, nothing that we measure would mean anything. The first
// ID token of an algorithm makes the key that signs all of them.
func (d *database) checkTokens(ctx context.Context) error {
	p, err := d.startServer(ctx, "", false)
	if err != nil {
		return err
	}
	defer p.stop()
	for _, name := range []string{
		"introspection", "userinfo", "authorize", "code exchange", "code exchange with an ID token, RS256", "code exchange with an ID token, ES256", "refresh",
	} {
		r := rowNamed(name)
		l, err := dial(ctx, r.target(d, p.addr), 1, r.forms(d, 1))
		if err != nil {
			return err
		}
		got, err := l.run(ctx, 0)
		l.close()
		if err != nil || got.failed > 0 {
			return fmt.Errorf("a token of ours at %s: %s: %w", r.path, got.sample, err)
		}
		alg := algorithm(member(l.workers[0].last.Bytes(), "id_token"))
		if c := d.codesOf(r.client); c != nil && alg != c.algorithm {
			return fmt.Errorf("%s: the ID token's algorithm is %q", name, alg)
		}
	}
	return nil
}

// algorithm is what an ID token is signed with; empty if there is none.
func algorithm(idToken []byte) string {
	head, _, _ := bytes.Cut(idToken, []byte{'.'})
	text, _ := base64.RawURLEncoding.DecodeString(string(head)) // what is none has no alg
	return string(member(text, "alg"))
}
