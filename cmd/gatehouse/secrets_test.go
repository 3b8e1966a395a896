package main

import (
	"bytes"
	"database/sql"
	"errors"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/oauth2/clientcredentials"

	"gatehouse/store"
	"gatehouse/store/storetest"
)

var (
	firstSecret  = strings.Repeat("1", 32)
	secondSecret = strings.Repeat("2", 32)
)

func TestSecretsFollowerTakesAWholeChangeOver(t *testing.T) {
	path := write(t, "secrets", firstSecret+"\n")
	var logged bytes.Buffer
	var inForce string
	f := &secretsFollower{path: path, log: slog.New(slog.NewTextHandler(&logged, nil)), inForce: [][]byte{[]byte(firstSecret)},
		set: func(list [][]byte) error {
			inForce = string(bytes.Join(list, []byte(" ")))
			return nil
		}}
	put := func(content string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	expect := func(when, want string, errorsLogged int) {
		t.Helper()
		f.look()
		if got := strings.Count(logged.String(), "level=ERROR"); inForce != want || got != errorsLogged {
			t.Errorf("%s: %q, want %q, and %d errors logged, want %d", when, inForce, want, got, errorsLogged)
		}
	}
	expect("unchanged", "", 0)
	put(firstSecret + "\n" + secondSecret + "\n")
	expect("just changed", "", 0)
	put(firstSecret + "\n" + secondSecret + "abc\n")
	expect("changing still", "", 0)
	expect("changed", firstSecret+" "+secondSecret+"abc", 0)
	put(firstSecret + "\nshort\n")
	for range 3 {
		expect("broken", firstSecret+" "+secondSecret+"abc", 1)
	}
	put("")
	for range 3 {
		expect("empty", firstSecret+" "+secondSecret+"abc", 2)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		expect("gone", firstSecret+" "+secondSecret+"abc", 3)
	}
	put(secondSecret)
	expect("there again", firstSecret+" "+secondSecret+"abc", 3)
	expect("there still", secondSecret, 3)
	for _, secret := range []string{firstSecret, secondSecret, "short"} {
		if strings.Contains(logged.String(), secret) {
			t.Errorf("a secret is in the log: %s", &logged)
		}
	}
}

func TestSecretsFileIsKnownWhereThereIsOne(t *testing.T) {
	path := write(t, "secrets", firstSecret+"\n")
	yaml := write(t, "c.yaml", "secrets: ["+strings.Repeat("a", 32)+"]\n")
	for name, tt := range map[string]struct {
		src  sources
		want string
	}{
		"a variable that names it":         {sources{environ: []string{"GATEHOUSE_SECRETS_FILE=" + path}}, path},
		"the folder of gatehouse dev":      {sources{data: filepath.Dir(path)}, path},
		"the folder before the variable":   {sources{data: filepath.Dir(path), environ: []string{"GATEHOUSE_SECRETS_FILE=" + yaml}}, path},
		"the variable before the YAML":     {sources{file: yaml, environ: []string{"GATEHOUSE_SECRETS_FILE=" + path}}, path},
		"YAML":                             {sources{file: yaml}, ""},
		"the secrets in the environment":   {sources{environ: []string{"GATEHOUSE_SECRETS=" + firstSecret}}, ""},
		"nothing":                          {sources{}, ""},
		"a folder that has no secrets yet": {sources{data: t.TempDir()}, ""},
	} {
		if c, _, err := loadConfig(tt.src); err != nil || c.SecretsFile != tt.want {
			t.Errorf("%s: %q, %v, want %q", name, c.SecretsFile, err, tt.want)
		}
	}
}

func TestWriteSecretsFile(t *testing.T) {
	for name, tt := range map[string]struct{ before, after fs.FileMode }{
		"private":               {0o600, 0o600},
		"its group reads":       {0o640, 0o640},
		"the world may not":     {0o644, 0o640},
		"its owner may write":   {0o400, 0o600},
		"nobody may execute it": {0o755, 0o640},
	} {
		path := write(t, "secrets", firstSecret)
		link := filepath.Join(t.TempDir(), "link")
		if err := errors.Join(os.Chmod(path, tt.before), os.Symlink(path, link)); err != nil {
			t.Fatal(err)
		}
		if err := writeSecretsFile(link, [][]byte{[]byte(secondSecret), []byte(firstSecret)}); err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(path)
		if err != nil || info.Mode().Perm() != tt.after {
			t.Errorf("%s: %v, %v", name, info.Mode(), err)
		}
		if text, err := os.ReadFile(path); err != nil || string(text) != secondSecret+"\n"+firstSecret+"\n" {
			t.Errorf("%s: %q, %v", name, text, err)
		}
		if left, err := os.ReadDir(filepath.Dir(path)); err != nil || len(left) != 1 {
			t.Errorf("%s: left behind: %v, %v", name, left, err)
		}
	}
	if err := writeSecretsFile(filepath.Join(t.TempDir(), "none"), nil); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a file that is not there: %v", err)
	}
}

// backdate lets what was noted of secrets have happened a minute earlier.
func backdate(t *testing.T, databaseURL string) {
	t.Helper()
	driver, source := "pgx", databaseURL
	if path, ok := strings.CutPrefix(databaseURL, "sqlite://"); ok {
		driver, source = "sqlite", path
	}
	db, err := sql.Open(driver, source)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	past := time.Now().UTC().Add(-secretSpread).Format(time.RFC3339Nano)
	if _, err := db.Exec(`UPDATE installation SET value = $1 WHERE name LIKE 'secret/%'`, past); err != nil {
		t.Fatal(err)
	}
}

// bearer asks for the clients as an operator.
func bearer(t *testing.T, address, token string) int {
	t.Helper()
	req, err := http.NewRequest("GET", address+"/admin/clients", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	return resp.StatusCode
}

// A server follows its file without a restart, and no step is taken that signs
// somebody out, unless by force.
func TestServeFollowsItsSecretsFile(t *testing.T) {
	storetest.Each(t, func(t *testing.T, databaseURL string) {
		env := append(slices.DeleteFunc(production(databaseURL), func(v string) bool { return strings.HasPrefix(v, "GATEHOUSE_SECRETS=") }),
			"GATEHOUSE_SECRETS_FILE="+write(t, "secrets", productionSecret+"\n"))
		run := func(args ...string) string {
			t.Helper()
			out, err := command(env, args...).CombinedOutput()
			if err != nil {
				t.Fatalf("%v: %v %s", args, err, out)
			}
			return string(out)
		}
		st := storetest.Open(t, store.Config{URL: databaseURL})
		if _, err := st.CreateClient(t.Context(), &store.Client{ID: "ops", Type: store.Confidential, Operator: true,
			GrantTypes: store.Words{store.GrantClientCredentials}, Scope: store.Words{store.ScopeAdmin}}, productionSecret); err != nil {
			t.Fatal(err)
		}
		r := start(t, env, 2, "serve")
		token := func() string {
			t.Helper()
			ops := clientcredentials.Config{ClientID: "ops", ClientSecret: productionSecret, TokenURL: r.urls["public.addr"] + "/oauth2/token", Scopes: []string{"admin"}}
			got, err := ops.Token(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			return got.AccessToken
		}
		old := token()
		if out := run("keys", "rotate", "--algorithm", "ES256"); !strings.Contains(out, "current") {
			t.Error(out)
		}
		for _, step := range []string{"added", "promoted"} {
			if out := run("secrets", "rotate"); !strings.HasPrefix(out, step) {
				t.Errorf("%s: %s", step, out)
			}
			backdate(t, databaseURL)
			if code := bearer(t, r.urls["admin.addr"], old); code != 200 {
				t.Errorf("%s: a token of before: %d", step, code)
			}
		}
		out, err := command(env, "secrets", "rotate").CombinedOutput()
		if want := ": 1 access tokens would be lost"; err == nil || !strings.Contains(string(out), want) {
			t.Errorf("retire: %v %s, want …%s…", err, out, want)
		}
		if out := run("secrets", "rotate", "--force"); !strings.HasPrefix(out, "retired") {
			t.Error(out)
		}
		for deadline := time.Now().Add(30 * time.Second); bearer(t, r.urls["admin.addr"], old) != 401; time.Sleep(20 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatal("the server has not followed its file")
			}
		}
		if code := bearer(t, r.urls["admin.addr"], token()); code != 200 {
			t.Errorf("a new token: %d", code)
		}
		resp, err := http.Get(r.urls["public.addr"] + "/.well-known/jwks.json")
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != 200 {
			t.Errorf("the signing keys went with the old secret: %d", resp.StatusCode)
		}
		if log := r.stop(t); !strings.Contains(log, "system secrets read again") || strings.Contains(log, productionSecret) {
			t.Errorf("log: %s", log)
		}
	})
}
