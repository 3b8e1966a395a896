package main

import (
	"strings"
	"testing"
	"time"

	"gatehouse/authz"
	"gatehouse/social"
	"gatehouse/store"
)

func TestCheckProduction(t *testing.T) {
	good := Config{
		Issuer: "https://auth.example.com", DatabaseURL: "sqlite:///db",
		Secrets: [][]byte{[]byte(strings.Repeat("s", minSecret))},
		from:    origins{"issuer": "env GATEHOUSE_ISSUER", "secrets": "file c.yaml", "providers.corp.issuer": "env P", "mail.from": "file m.yaml"},
	}
	provider := func(p social.Config) func(*Config) {
		return func(c *Config) { c.Providers = []social.Config{p} }
	}
	mail := func(m authz.MailConfig) func(*Config) { return func(c *Config) { c.Mail = m } }
	pair := writePair(t, t.TempDir(), "auth.example.com")
	other := writePair(t, t.TempDir(), "auth.example.com")
	for _, tt := range []struct {
		name   string
		change func(*Config)
		want   string // "" if it may start
	}{
		{"all good", func(*Config) {}, ""},
		{"issuer with a path", func(c *Config) { c.Issuer = "https://example.com/auth" }, ""},
		{"http on loopback", func(c *Config) { c.Issuer = "http://127.0.0.1:9000" }, ""},
		{"http on localhost", func(c *Config) { c.Issuer = "http://localhost:9000" }, ""},
		{"http on ::1", func(c *Config) { c.Issuer = "http://[::1]:9000" }, ""},
		{"TLS", func(c *Config) { c.TLSCert, c.TLSKey = pair.cert, pair.key }, ""},
		{"no issuer", func(c *Config) { c.Issuer = "" }, "issuer (env GATEHOUSE_ISSUER): is not set"},
		{"http beyond loopback", func(c *Config) { c.Issuer = "http://auth.example.com" }, "must be https"},
		{"http on all addresses", func(c *Config) { c.Issuer = "http://0.0.0.0:9000" }, "must be https"},
		{"http on a name like loopback", func(c *Config) { c.Issuer = "http://127.0.0.1.example.com" }, "must be https"},
		{"other scheme", func(c *Config) { c.Issuer = "ftp://auth.example.com" }, "must be an https URL"},
		{"no scheme", func(c *Config) { c.Issuer = "auth.example.com" }, "is not a URL"},
		{"no host", func(c *Config) { c.Issuer = "https://:443" }, "is not a URL"},
		{"slash at the end", func(c *Config) { c.Issuer += "/" }, "slash"},
		{"query", func(c *Config) { c.Issuer += "?a=b" }, "query"},
		{"empty query", func(c *Config) { c.Issuer += "?" }, "query"},
		{"fragment", func(c *Config) { c.Issuer += "#a" }, "fragment"},
		{"user", func(c *Config) { c.Issuer = "https://u:p@example.com" }, "user name"},
		{"upper case", func(c *Config) { c.Issuer = "https://Auth.example.com" }, "plainly"},
		{"dot segments", func(c *Config) { c.Issuer = "https://example.com/a/../b" }, "plainly"},
		{"escaped", func(c *Config) { c.Issuer = "https://example.com/%61" }, "plainly"},
		{"no secrets", func(c *Config) { c.Secrets = nil }, "secrets (file c.yaml): is not set"},
		{"short secret", func(c *Config) { c.Secrets = append(c.Secrets, []byte("hunter2")) }, "secret 2 has 7 bytes"},
		{"no database", func(c *Config) { c.DatabaseURL = "" }, "database.url: is not set"},
		{"cert without key", func(c *Config) { c.TLSCert = pair.cert }, "tls.key: is not set"},
		{"key without cert", func(c *Config) { c.TLSKey = pair.key }, "tls.cert: is not set"},
		{"key of another cert", func(c *Config) { c.TLSCert, c.TLSKey = pair.cert, other.key }, "private key does not match"},
		{"sessions that end at a fixed time", func(c *Config) { c.Sessions = store.SessionLife{Idle: time.Hour, Absolute: time.Hour} }, ""},
		{"idle sessions that would outlive themselves", func(c *Config) { c.Sessions = store.SessionLife{Idle: 2 * time.Hour, Absolute: time.Hour} },
			"sessions.idle: is longer than sessions.absolute, which is 1h0m0s"},
		{"missing cert", func(c *Config) { c.TLSCert, c.TLSKey = "/nonexistent", pair.key }, "tls.cert: open /nonexistent"},
		{"mail", mail(authz.MailConfig{Server: "smtp.example.com:587", From: "no-reply@example.com", Username: "u", Password: "hunter2"}), ""},
		{"mail without a sender", mail(authz.MailConfig{Server: "smtp.example.com:587"}), "mail.from (file m.yaml): is not an address"},
		{"mail without TLS beyond loopback", mail(authz.MailConfig{Server: "smtp.example.com:25", From: "a@example.com", TLS: "none"}), "mail.tls: mail goes without TLS"},
		{"mail password without TLS", mail(authz.MailConfig{Server: "127.0.0.1:25", From: "a@example.com", TLS: "none", Username: "u", Password: "hunter2"}),
			"mail.password: is never sent without TLS"},
		{"provider", provider(social.Config{Name: "google", Audiences: []string{"x"}}), ""},
		{"http provider", provider(social.Config{Name: "corp", Kind: "oidc", Audiences: []string{"x"}, Issuer: "http://accounts.example.com"}),
			"providers.corp.issuer (env P): it must begin with https://"},
		{"http provider on loopback", provider(social.Config{Name: "google", ClientID: "x", JWKSURI: "http://127.0.0.1:9100/certs"}), ""},
		{"http beyond loopback beside it", provider(social.Config{Name: "google", ClientID: "x", JWKSURI: "http://[::1]/certs", UserInfoURL: "http://10.0.0.1/"}),
			"providers.google.userinfo_url: it must begin with https://"},
		{"provider without an audience", provider(social.Config{Name: "google", ClientSecret: "hunter2"}), "providers.google.audiences: name at least one client id"},
		{"provider without an app", provider(social.Config{Name: "facebook", ClientID: "1"}), "providers.facebook: client_id, client_secret: facebook needs"},
		{"provider of no kind", provider(social.Config{Name: "corp", ClientID: "x"}), "providers.corp.kind: use google, facebook or oidc"},
		{"setting without effect", provider(social.Config{Name: "google", ClientID: "x", Issuer: "http://127.0.0.1:9100"}), "providers.google.issuer: google has its own"},
		{"name with a dash first", provider(social.Config{Name: "-x", Kind: "google", ClientID: "x"}), "providers.-x: name "},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := good
			tt.change(&c)
			err := c.checkProduction()
			if tt.want == "" && err != nil {
				t.Fatal(err)
			}
			if tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("got %v, want …%s…", err, tt.want)
			}
			if err != nil && strings.Contains(err.Error(), "hunter2") {
				t.Error("the error tells the secret")
			}
		})
	}
}

func TestCheckAPI(t *testing.T) {
	good := Config{
		DatabaseURL: "postgres://h/d",
		API:         APIConfig{Issuer: "https://auth.example.com", ClientID: "resource", ClientSecret: "s"},
	}
	for _, tt := range []struct {
		name   string
		change func(*Config)
		want   string
	}{
		{"all good", func(*Config) {}, ""},
		{"issuer of the server", func(c *Config) { c.Issuer, c.API.Issuer = c.API.Issuer, "" }, ""},
		{"no issuer", func(c *Config) { c.API.Issuer = "" }, "api.issuer: is not set"},
		{"http issuer", func(c *Config) { c.API.Issuer = "http://auth.example.com" }, "api.issuer: must be https"},
		{"no client", func(c *Config) { c.API.ClientID = "" }, "api.client_id: is not set"},
		{"no secret", func(c *Config) { c.API.ClientSecret = "" }, "api.client_secret: is not set"},
		{"no database", func(c *Config) { c.DatabaseURL = "" }, "database.url: is not set"},
		{"the seed's wire", func(c *Config) { c.API.DRF, c.API.DRFID, c.API.DRFSecret = true, "t", "s" }, ""},
		{"the seed's wire without a client", func(c *Config) { c.API.DRF = true }, "api.drf_client_id: is not set"},
		{"the seed's wire without its secret", func(c *Config) { c.API.DRF, c.API.DRFID = true, "t" }, "api.drf_client_secret: is not set"},
	} {
		c := good
		tt.change(&c)
		err := c.checkAPI()
		if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want %q", tt.name, err, tt.want)
		}
	}
}

func TestWithoutPassword(t *testing.T) {
	for in, want := range map[string]string{
		"":                              "",
		"sqlite:///var/lib/g.db":        "sqlite:///var/lib/g.db",
		"postgres://u@h:5432/d":         "postgres://u@h:5432/d",
		"postgres://u:pw@h/d":           "postgres://u:hidden@h/d",
		"postgres://h/d?password=pw&x=": "postgres://h/d?hidden",
	} {
		if got := withoutPassword(in); got != want {
			t.Errorf("%s: got %s, want %s", in, got, want)
		}
	}
}
