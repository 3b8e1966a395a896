package main

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"gatehouse/authz"
	"gatehouse/social"
	"gatehouse/social/socialtest"
	"gatehouse/store"
	"gatehouse/store/storetest"
)

// oldDatabase is a copy of a database that Django made: generation 1 or 2 of
// django-oauth-toolkit, on either database.
func oldDatabase(t *testing.T, generation, dialect string) string {
	t.Helper()
	script, err := os.ReadFile("testdata/django/dot" + generation + "." + dialect + ".sql")
	if err != nil {
		t.Fatal(err)
	}
	u := "sqlite://" + filepath.Join(t.TempDir(), "old.db")
	if dialect == "postgres" {
		u = storetest.Postgres(t)
	}
	sqlExec(t, u, string(script))
	return u
}

// sqlExec runs statements in any database.
func sqlExec(t *testing.T, databaseURL, script string) {
	t.Helper()
	driver, source := "pgx", databaseURL+"&default_query_exec_mode=simple_protocol"
	if path, ok := strings.CutPrefix(databaseURL, "sqlite://"); ok {
		driver, source = "sqlite", path
	}
	db, err := sql.Open(driver, source)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(context.Background(), script); err != nil {
		t.Fatal(err)
	}
}

// importWorld is a database here, and what its server answers.
type importWorld struct {
	t     *testing.T
	url   string
	store *store.Store
	http  *httptest.Server

	cookie *http.Cookie // of the browser
	page   string       // that it shows
}

func newImportWorld(t *testing.T, databaseURL string) *importWorld {
	t.Helper()
	t.Setenv("GATEHOUSE_DATABASE__URL", databaseURL)
	w := &importWorld{t: t, url: databaseURL, store: storetest.Open(t, store.Config{URL: databaseURL})}
	s, err := authz.New(authz.Config{Issuer: "https://id.example.com", Secrets: [][]byte{[]byte(productionSecret)},
		Limits:    store.Limits{PasswordAccount: store.Limit{Max: 100, Window: passwordWindow}, PasswordAddress: store.Limit{Max: 100, Window: passwordWindow}},
		Providers: importProviders(t), Log: slog.New(slog.DiscardHandler)}, w.store)
	if err != nil {
		t.Fatal(err)
	}
	w.http = httptest.NewServer(s.Handler())
	t.Cleanup(w.http.Close)
	return w
}

const facebookApp = "250250250250250"

var importStandIns struct {
	once     sync.Once
	google   *socialtest.Google
	facebook *socialtest.Facebook
	list     []social.Provider
}

func importProviders(t *testing.T) []social.Provider {
	t.Helper()
	s := &importStandIns
	s.once.Do(func() {
		s.google = socialtest.NewGoogle(socialtest.GoogleConfig{ClientIDs: []string{"web"}})
		s.facebook = socialtest.NewFacebook(socialtest.FacebookConfig{AppID: facebookApp, AppSecret: "the-app's-secret"})
		google, facebook := httptest.NewServer(s.google).URL, httptest.NewServer(s.facebook).URL // for all tests, and so never closed
		for _, cfg := range []social.Config{
			{Name: "google", Audiences: []string{"web"}, JWKSURI: google + "/oauth2/v3/certs"},
			{Name: "facebook", ClientID: facebookApp, ClientSecret: "the-app's-secret", GraphURL: facebook, JWKSURI: facebook + "/.well-known/oauth/openid/jwks/"},
		} {
			cfg.AllowLoopback, cfg.Log = true, slog.New(slog.DiscardHandler)
			p, err := social.New(cfg)
			if err != nil {
				t.Fatal(err)
			}
			s.list = append(s.list, p)
		}
	})
	return s.list
}

// run runs gatehouse import django.
func (w *importWorld) run(args ...string) (importReport, string, error) {
	w.t.Helper()
	var out, progress bytes.Buffer
	root := newRoot()
	root.SetOut(&out)
	root.SetErr(&progress)
	root.SetArgs(append([]string{"import", "django", "--format", "json"}, args...))
	err := root.ExecuteContext(w.t.Context())
	var r importReport
	if err == nil {
		if err := json.Unmarshal(out.Bytes(), &r); err != nil {
			w.t.Fatalf("%v: %s", err, out.String())
		}
	}
	return r, out.String() + progress.String(), err
}

// brought runs it and fails the test if that fails.
func (w *importWorld) brought(args ...string) importReport {
	w.t.Helper()
	r, out, err := w.run(args...)
	if err != nil {
		w.t.Fatalf("%v: %s", err, out)
	}
	return r
}

// counts are read, imported, known and skipped of each part.
func (r importReport) counts() map[string][4]int64 {
	all := map[string][4]int64{}
	for _, c := range r.Parts {
		all[c.Part] = [4]int64{c.Read, c.Imported, c.Known, c.Skipped}
	}
	return all
}

// rows is how many rows there are in what an import writes.
func (w *importWorld) rows() int {
	w.t.Helper()
	return w.count(`SELECT (SELECT count(*) FROM accounts) + (SELECT count(*) FROM identities) + (SELECT count(*) FROM clients) + (SELECT count(*) FROM client_secrets)
		+ (SELECT count(*) FROM imports) + (SELECT count(*) FROM imported_tokens) + (SELECT count(*) FROM audit)`)
}

func (w *importWorld) count(query string, args ...any) int {
	w.t.Helper()
	n, err := w.store.Count(context.Background(), query, args...)
	if err != nil {
		w.t.Fatal(err)
	}
	return n
}

// token asks the token endpoint as frontends do: all in the body.
func (w *importWorld) token(client, secret, grant string, form url.Values) (int, map[string]any) {
	w.t.Helper()
	form.Set("client_id", client)
	form.Set("client_secret", secret)
	form.Set("grant_type", grant)
	resp, err := http.PostForm(w.http.URL+"/oauth2/token", form)
	if err != nil {
		w.t.Fatal(err)
	}
	defer resp.Body.Close()
	var body map[string]any
	if err := json.NewDecoder(resp.Body).Decode(&body); err != nil {
		w.t.Fatal(err)
	}
	return resp.StatusCode, body
}
