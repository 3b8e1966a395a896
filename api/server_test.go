package api

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"os"
	"strings"
	"testing"
	"time"

	"gatehouse/store"
	"gatehouse/store/storetest"
)

var update = flag.Bool("update", false, "write testdata/openapi.json anew")

func TestNewRefuses(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*Config)
		err    string
	}{
		{"no issuer", func(c *Config) { c.Issuer = "" }, "absolute URL"},
		{"http issuer", func(c *Config) { c.Issuer = "http://auth.example.com" }, "https"},
		{"no client", func(c *Config) { c.ClientID = "" }, "ClientID"},
		{"no secret", func(c *Config) { c.ClientSecret = "" }, "ClientSecret"},
		{"no audience", func(c *Config) { c.Audience = "" }, "Audience"},
		{"half a sign-in client", func(c *Config) { c.SignInClientID = "web" }, "SignInClientSecret"},
		{"every origin", func(c *Config) { c.Origins = []string{"*"} }, "Origins"},
		{"origin with a path", func(c *Config) { c.Origins = []string{"https://app.example.com/"} }, "Origins"},
	} {
		c := Config{Issuer: "https://auth.example.com/", ClientID: "resource", ClientSecret: secret, Audience: audience}
		if _, err := New(c, nil); err != nil {
			t.Fatal(err)
		}
		tt.change(&c)
		if _, err := New(c, nil); err == nil || !strings.Contains(err.Error(), tt.err) || strings.Contains(err.Error(), secret) {
			t.Errorf("%s: %v, want %s", tt.name, err, tt.err)
		}
	}
}

func TestReady(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		if a := w.do("GET", "/readyz", "", ""); a.Code != 200 || a.Body.String() != "{\"status\":\"ok\"}\n" {
			t.Errorf("%d %s", a.Code, a.Body)
		}
		w.as.Close()
		if a := w.do("GET", "/readyz", "", ""); a.Code != 200 {
			t.Errorf("without the authorization server: %d %s", a.Code, a.Body)
		}
		if _, err := w.store.MigrateDown(context.Background()); err != nil {
			t.Fatal(err)
		}
		if p := w.do("GET", "/readyz", "", "").problem(503, "not_ready"); p.Detail != "Not ready: schema." {
			t.Errorf("schema behind: %s", p.Detail)
		}
		if _, err := w.store.MigrateUp(context.Background()); err != nil {
			t.Fatal(err)
		}
		if a := w.do("GET", "/readyz", "", ""); a.Code != 200 {
			t.Errorf("again: %d %s", a.Code, a.Body)
		}
	})
	t.Run("clock", func(t *testing.T) {
		w := newWorld(t, storetest.Postgres(t))
		w.store = storetest.Open(t, store.Config{URL: storetest.Postgres(t), Now: func() time.Time { return time.Now().Add(time.Minute) }})
		w.configure(nil)
		if p := w.do("GET", "/readyz", "", "").problem(503, "not_ready"); p.Detail != "Not ready: clock." {
			t.Errorf("clock ahead: %s", p.Detail)
		}
	})
}

// TestOpenAPI compares the document with the one that was reviewed; go test
// ./api -run OpenAPI -update accepts a change.
func TestOpenAPI(t *testing.T) {
	const golden = "testdata/openapi.json"
	each(t, func(t *testing.T, w *world) {
		a := w.do("GET", "/openapi.json", "", "")
		if a.Code != 200 || a.Header().Get("Content-Type") != "application/openapi+json" {
			t.Fatalf("%d %v", a.Code, a.Header())
		}
		var got bytes.Buffer
		if err := json.Indent(&got, a.Body.Bytes(), "", "  "); err != nil {
			t.Fatal(err)
		}
		got.WriteByte('\n')
		if *update {
			if err := os.WriteFile(golden, got.Bytes(), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got.Bytes(), want) {
			t.Errorf("not as in %s: %s", golden, got.Bytes())
		}
	})
}
