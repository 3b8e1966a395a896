package main

import (
	"bufio"
	"context"
	"database/sql"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"gatehouse/store"
	"gatehouse/store/storetest"
)

const productionSecret = "0123456789012345678901234567890123456789"

// production is the environment of a server on databaseURL, on free ports.
func production(databaseURL string) []string {
	return []string{
		"PATH=" + os.Getenv("PATH"), "GATEHOUSE_ISSUER=http://127.0.0.1:9000", "GATEHOUSE_SECRETS=" + productionSecret,
		"GATEHOUSE_DATABASE__URL=" + databaseURL, "GATEHOUSE_API__CLIENT_ID=resource", "GATEHOUSE_API__CLIENT_SECRET=" + productionSecret,
		"GATEHOUSE_PUBLIC__ADDR=127.0.0.1:0", "GATEHOUSE_ADMIN__ADDR=127.0.0.1:0", "GATEHOUSE_API__ADDR=127.0.0.1:0",
		"GATEHOUSE_PROVIDERS__GOOGLE__AUDIENCES=web.apps.googleusercontent.com", // whom no start-up calls
	}
}

// run is gatehouse as a process of its own.
type run struct {
	cmd  *exec.Cmd
	urls map[string]string // of its listeners, by key
	rest chan string       // what it logs once it listens
}

// command is this test's own binary, which TestMain puts into the PATH.
func command(env []string, args ...string) *exec.Cmd {
	cmd := exec.Command("gatehouse", args...)
	cmd.Env = env
	return cmd
}

var listening = regexp.MustCompile(`msg=listening key=(\S+) url=(\S+)`)

// start returns once as many listeners answer as are wanted.
func start(t *testing.T, env []string, listeners int, args ...string) *run {
	t.Helper()
	r := &run{cmd: command(env, args...), urls: map[string]string{}, rest: make(chan string, 1)}
	pipe, err := r.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := r.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.cmd.Process.Kill() })
	lines := bufio.NewReader(pipe)
	for len(r.urls) < listeners {
		line, err := lines.ReadString('\n')
		if err != nil {
			t.Fatalf("gatehouse %v: %v: %s", args, err, line)
		}
		if m := listening.FindStringSubmatch(line); m != nil {
			r.urls[m[1]] = m[2]
		}
	}
	go func() {
		text, _ := io.ReadAll(lines)
		r.rest <- string(text)
	}()
	return r
}

// stop asks it to end and returns what it logged.
func (r *run) stop(t *testing.T) string {
	t.Helper()
	r.cmd.Process.Signal(syscall.SIGTERM)
	log := <-r.rest
	if err := r.cmd.Wait(); err != nil {
		t.Errorf("it ended with %v: %s", err, log)
	}
	return log
}

func post(t *testing.T, address, client string, form url.Values) int {
	t.Helper()
	req, err := http.NewRequest("POST", address, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.SetBasicAuth(client, productionSecret)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	return resp.StatusCode
}

func get(t *testing.T, address string) int {
	t.Helper()
	resp, err := http.Get(address)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	return resp.StatusCode
}

// TestServeAsAProcess starts it as an operator does, on an empty database, and
// ends it by a signal.
func TestServeAsAProcess(t *testing.T) {
	storetest.Each(t, func(t *testing.T, databaseURL string) {
		r := start(t, production(databaseURL), 3, "serve", "--api", "--migrate")
		for _, key := range []string{"public.addr", "api.addr"} {
			if code := get(t, r.urls[key]+"/livez"); code != 200 {
				t.Errorf("%s: %d", key, code)
			}
		}
		if code := get(t, r.urls["public.addr"]+"/readyz"); code != 200 {
			t.Errorf("ready: %d", code)
		}
		if code := get(t, r.urls["admin.addr"]+"/admin/clients"); code != 401 {
			t.Errorf("admin without a token: %d", code)
		}
		out, err := command(production(databaseURL), "healthcheck", r.urls["public.addr"]).CombinedOutput()
		if err != nil || string(out) != "ok\n" {
			t.Errorf("healthcheck: %v %s", err, out)
		}
		// The command line works beside it.
		create := command(production(databaseURL), "clients", "create", "ops", "--operator", "--secret-stdin")
		create.Stdin = strings.NewReader(productionSecret)
		if out, err := create.CombinedOutput(); err != nil {
			t.Fatalf("clients create: %v %s", err, out)
		}
		if code := post(t, r.urls["public.addr"]+"/oauth2/token", "ops", url.Values{"grant_type": {"client_credentials"}, "scope": {"admin"}}); code != 200 {
			t.Errorf("token: %d", code)
		}
		if strings.HasPrefix(databaseURL, "sqlite") {
			if out, err := command(production(databaseURL), "serve").CombinedOutput(); err == nil || !strings.Contains(string(out), "another server process") {
				t.Errorf("a second server on one file: %v %s", err, out)
			}
		}
		if log := r.stop(t); strings.Contains(log, productionSecret) || !strings.Contains(log, "grant=client_credentials") {
			t.Errorf("log: %s", log)
		}
	})
}

func TestServeRefusesForeignDatabases(t *testing.T) {
	storetest.Each(t, func(t *testing.T, databaseURL string) {
		ctx := context.Background()
		st := storetest.Open(t, store.Config{URL: databaseURL})
		refused := func(want string, args ...string) {
			t.Helper()
			ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
			defer cancel()
			cmd := command(production(databaseURL), args...)
			stop := context.AfterFunc(ctx, func() { cmd.Process.Kill() })
			defer stop()
			if out, err := cmd.CombinedOutput(); err == nil || !strings.Contains(string(out), want) {
				t.Errorf("%v: %v %s, want …%s…", args, err, out, want)
			}
		}
		if err := st.MarkDev(ctx); err != nil {
			t.Fatal(err)
		}
		refused("made by gatehouse dev", "serve")
		if err := insertVersion(ctx, databaseURL); err != nil {
			t.Fatal(err)
		}
		refused("newer than this build", "serve", "--migrate")
		refused("newer than this build", "migrate", "up")
	})
}

// insertVersion makes the schema that of a build to come.
func insertVersion(ctx context.Context, databaseURL string) error {
	driver, source := "pgx", databaseURL
	if path, ok := strings.CutPrefix(databaseURL, "sqlite://"); ok {
		driver, source = "sqlite", path
	}
	db, err := sql.Open(driver, source)
	if err != nil {
		return err
	}
	defer db.Close()
	_, err = db.ExecContext(ctx, `INSERT INTO goose_db_version (version_id, is_applied) VALUES (99999, TRUE)`)
	return err
}
