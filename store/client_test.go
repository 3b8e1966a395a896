package store_test

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"gatehouse/store"
	"gatehouse/store/storetest"
)

func TestClientRules(t *testing.T) {
	s := storetest.Open(t, store.Config{URL: storetest.SQLite(t)})
	ctx := context.Background()
	for _, tt := range []struct {
		name, secret string
		client       store.Client
		field        string // of the fault; empty: accepted
	}{
		{"generated id and secret", "", store.Client{Type: store.Confidential, RotateRefresh: true}, ""},
		{"public", "", store.Client{Type: store.Public}, ""},
		{"id like a UUID", "", store.Client{ID: "01a20be8-839b-7b46-ab0c-69c2c46c41cb"}, "client_id"},
		{"id that a path loses", "", store.Client{ID: ".."}, "client_id"},
		{"id with a colon", "", store.Client{ID: "a:b"}, "client_id"},
		{"unknown type", "", store.Client{Type: "secret"}, "type"},
		{"short secret", "abc", store.Client{}, "client_secret"},
		{"secret that needs encoding", strings.Repeat("+", 40), store.Client{}, "client_secret"},
		{"secret of a public client", strings.Repeat("a", 40), store.Client{Type: store.Public}, "client_secret"},
		{"grant not served", "", store.Client{GrantTypes: store.Words{"implicit"}}, "grant_types"},
		{"password without first_party", "", store.Client{GrantTypes: store.Words{"password"}}, "grant_types"},
		{"client_credentials of a public client", "", store.Client{Type: store.Public, GrantTypes: store.Words{"client_credentials"}}, "grant_types"},
		{"public client without rotation", "", store.Client{Type: store.Public, GrantTypes: store.Words{"refresh_token"}}, "rotate_refresh"},
		{"scope admin without operator", "", store.Client{Scope: store.Words{"admin"}}, "scope"},
		{"scope admin as a default", "", store.Client{Operator: true, Scope: store.Words{"admin"}, DefaultScope: store.Words{"admin"}}, "default_scope"},
		{"default beyond the scope", "", store.Client{DefaultScope: store.Words{"read"}}, "default_scope"},
		{"scope with a quote", "", store.Client{Scope: store.Words{`a"b`}}, "scope"},
		{"operator with an exposed secret", "", store.Client{Operator: true, ExposedSecret: true}, "type"},
		{"introspect_all of a public client", "", store.Client{Type: store.Public, IntrospectAll: true}, "type"},
		{"redirect to javascript", "", store.Client{RedirectURIs: store.Words{"javascript:alert(1)"}}, "redirect_uris"},
		{"redirect by plain http", "", store.Client{RedirectURIs: store.Words{"http://example.com/cb"}}, "redirect_uris"},
		{"redirect with fragment", "", store.Client{RedirectURIs: store.Words{"https://example.com/#x"}}, "redirect_uris"},
		{"redirect to loopback and an app", "", store.Client{RedirectURIs: store.Words{"http://127.0.0.1/cb", "com.example.app:/cb", "https://example.com/cb"}}, ""},
		{"origin with a path", "", store.Client{Origins: store.Words{"https://example.com/"}}, "origins"},
		{"origin null", "", store.Client{Origins: store.Words{"null"}}, "origins"},
		{"origin star", "", store.Client{Origins: store.Words{"*"}}, "origins"},
		{"token for ever", "", store.Client{AccessTokenLifetime: -1}, "access_token_lifetime"},
		{"token for a year", "", store.Client{AccessTokenLifetime: 31536000}, "access_token_lifetime"},
	} {
		secret, err := s.CreateClient(ctx, &tt.client, tt.secret)
		var field *store.FieldError
		if errors.As(err, &field) != (tt.field != "") || (field != nil && field.Field != tt.field) || (tt.field == "" && err != nil) {
			t.Errorf("%s: %v, want a fault of %q", tt.name, err, tt.field)
		}
		if err == nil && (tt.client.ID == "" || (secret == "") != (tt.client.Type == store.Public)) {
			t.Errorf("%s: id %q, secret of %d characters", tt.name, tt.client.ID, len(secret))
		}
	}
}

func TestClientIsStoredWhole(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		s := storetest.Open(t, store.Config{URL: url})
		ctx := context.Background()
		want := store.Client{
			ID: "web", Name: "Web & <more>", Type: store.Confidential, TokenEndpointAuthMethod: store.AuthPost,
			RedirectURIs: store.Words{"https://example.com/cb"}, PostLogoutRedirectURIs: store.Words{"https://example.com/bye"}, GrantTypes: store.Words{"refresh_token"}, IDTokenSignedResponseAlg: "ES256",
			Scope: store.Words{"read", "write"}, DefaultScope: store.Words{"read"}, Audience: store.Words{"https://api.example.com"},
			Origins: store.Words{"https://example.com"}, AccessTokenLifetime: 60, RefreshTokenLifetime: 600, GrantLifetime: 6000,
			Providers: store.Words{"google"}, ProviderAudiences: store.Words{"x"}, ExchangeAudiences: store.Words{"y"},
			FirstParty: true, IntrospectAll: true, Native: true, TrustedForwarder: true, RotateRefresh: true, Impersonate: true,
		}
		secret, err := s.CreateClient(ctx, &want, "")
		if err != nil {
			t.Fatal(err)
		}
		got, err := s.ReadClient(ctx, "web")
		if err != nil {
			t.Fatal(err)
		}
		if !got.SecretMatches(secret) || got.SecretMatches(secret+"x") || got.SecretMatches("") {
			t.Error("the secret is not what was shown")
		}
		if diff := cmp.Diff(want, *got); diff != "" {
			t.Error(diff)
		}
		// Every flag can be taken away again.
		updated, err := s.UpdateClient(ctx, "web", func(c *store.Client) error {
			*c = store.Client{ID: "web", Type: store.Confidential, Name: "Web", CreatedAt: c.CreatedAt}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if updated.FirstParty || updated.RotateRefresh || len(updated.Scope) != 0 || updated.AccessTokenLifetime != 0 || !updated.SecretMatches(secret) {
			t.Errorf("%+v", updated)
		}
		if _, err := s.UpdateClient(ctx, "nobody", func(*store.Client) error { return nil }); !errors.Is(err, store.ErrNotFound) {
			t.Error(err)
		}
		if _, err := s.CreateClient(ctx, &store.Client{ID: "web"}, ""); !errors.Is(err, store.ErrExists) {
			t.Error(err)
		}
	})
}

// A secret that everybody knows must not become one that opens something.
func TestPublishedSecretsEnd(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		ctx := context.Background()
		s := storetest.Open(t, store.Config{URL: url})
		for name, steps := range map[string][]func(*store.Client){
			"no longer exposed": {func(c *store.Client) { c.ExposedSecret = false }},
			"public and back": {
				func(c *store.Client) {
					c.ExposedSecret, c.Type, c.TokenEndpointAuthMethod = false, store.Public, store.AuthNone
				},
				func(c *store.Client) { c.Type, c.TokenEndpointAuthMethod = store.Confidential, store.AuthBasic }},
		} {
			c := &store.Client{Type: store.Confidential, ExposedSecret: true, RotateRefresh: true}
			secret, err := s.CreateClient(ctx, c, "")
			if err != nil {
				t.Fatal(err)
			}
			for _, step := range steps {
				if _, err := s.UpdateClient(ctx, c.ID, func(c *store.Client) error { step(c); return nil }); err != nil {
					t.Fatalf("%s: %v", name, err)
				}
			}
			now, err := s.ReadClient(ctx, c.ID)
			if err != nil || now.SecretMatches(secret) || len(now.Secrets) != 0 {
				t.Errorf("%s: %+v, %v", name, now, err)
			}
		}
	})
}

func TestSecretsAreTwoAtTheMost(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		s := storetest.Open(t, store.Config{URL: url})
		ctx := context.Background()
		first, err := s.CreateClient(ctx, &store.Client{ID: "web", Type: store.Confidential}, "")
		if err != nil {
			t.Fatal(err)
		}
		works := func(secret string) bool {
			c, err := s.Client(ctx, "web")
			return err == nil && c.SecretMatches(secret)
		}
		_, second, err := s.AddSecret(ctx, "web")
		if err != nil || !works(first) || !works(second) {
			t.Errorf("two secrets: %v", err)
		}
		row, third, err := s.AddSecret(ctx, "web")
		if err != nil || works(first) || !works(second) || !works(third) {
			t.Errorf("a third drops the oldest: %v", err)
		}
		if err := s.DropSecret(ctx, "web", row.ID); err != nil || works(third) || !works(second) {
			t.Errorf("a dropped one ends: %v", err)
		}
		for _, id := range []string{row.ID, "x", ""} {
			if err := s.DropSecret(ctx, "web", id); !errors.Is(err, store.ErrNotFound) {
				t.Errorf("%q: %v", id, err)
			}
		}
		if err := s.DeleteClient(ctx, "web"); err != nil || works(second) {
			t.Errorf("deleted: %v", err)
		}
		if n, err := s.Count(ctx, `SELECT count(*) FROM client_secrets`); n != 0 || err != nil {
			t.Errorf("%d secrets are left, %v", n, err)
		}
	})
}

func TestPathsOfSQLiteFilesAreTakenAsTheyAre(t *testing.T) {
	dir := t.TempDir()
	for _, path := range []string{dir + "/a b%41.db", "/" + dir + "/double.db", dir + "/é+&=.db"} {
		s := storetest.Open(t, store.Config{URL: "sqlite://" + path})
		if _, err := s.CreateUser(t.Context(), person("bo@example.com")); err != nil {
			t.Errorf("%s: %v", path, err)
		}
		if info, err := os.Stat(path); err != nil || info.Size() == 0 {
			t.Errorf("%s: the file is another: %v", path, err)
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	ctx := context.Background()
	for name, url := range map[string]string{
		"nothing":            "",
		"another database":   "mysql://localhost/x",
		"a folder":           "sqlite://" + t.TempDir(),
		"a folder not there": "sqlite:///nowhere/at/all/x.db",
		"nobody listening":   "postgres://127.0.0.1:1/x?connect_timeout=1",
	} {
		if s, err := store.Open(ctx, store.Config{URL: url}); err == nil {
			s.Close()
			t.Errorf("%s: accepted", name)
		} else if strings.Contains(err.Error(), "panic") {
			t.Error(err)
		}
	}
	url := storetest.SQLite(t)
	first, err := store.Open(ctx, store.Config{URL: url, Exclusive: true})
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	if _, err := store.Open(ctx, store.Config{URL: url, Exclusive: true}); err == nil || !strings.Contains(err.Error(), "owns this file") {
		t.Errorf("a second server on one file: %v", err)
	}
	beside, err := store.Open(ctx, store.Config{URL: url})
	if err != nil {
		t.Fatalf("the command line beside a server: %v", err)
	}
	beside.Close()
}
