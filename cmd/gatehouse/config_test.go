package main

import (
	"bytes"
	"crypto/rand"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gatehouse/authz"
	"gatehouse/social"
	"gatehouse/store"
)

// write makes a file in a new folder and returns its path.
func write(t *testing.T, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestLoadConfigPrecedence(t *testing.T) {
	yaml := write(t, "c.yaml", "public: {addr: '127.0.0.1:1'}\nadmin: {addr: '127.0.0.1:1'}\napi: {addr: '127.0.0.1:1'}\nmail:\nproviders: {}\n")
	src := sources{
		file:    yaml,
		environ: []string{"GATEHOUSE_ADMIN__ADDR=127.0.0.1:2", "GATEHOUSE_API__ADDR=127.0.0.1:2", "GATEHOUSE_DEMO__ADDR=", "HOME=/root"},
		flags:   map[string]string{"api.addr": "127.0.0.1:3"},
	}
	c, from, err := loadConfig(src)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ key, value, want, origin string }{
		{"demo.addr", c.DemoAddr, "127.0.0.1:3000", "default"},
		{"public.addr", c.PublicAddr, "127.0.0.1:1", "file " + yaml},
		{"admin.addr", c.AdminAddr, "127.0.0.1:2", "env GATEHOUSE_ADMIN__ADDR"},
		{"api.addr", c.APIAddr, "127.0.0.1:3", "flag --api-addr"},
	} {
		if tt.value != tt.want || from[tt.key] != tt.origin {
			t.Errorf("%s = %s from %s, want %s from %s", tt.key, tt.value, from[tt.key], tt.want, tt.origin)
		}
	}
}

func TestLoadConfigTypes(t *testing.T) {
	one, two := strings.Repeat("1", 32), strings.Repeat("2 ,", 20)
	fromYAML := `
issuer: https://auth.example.com
secrets: ["` + one + `", "` + two + `"]
mail: {server: "smtp.example.com:465", from: A <a@example.com>, username: u, password: p, tls: implicit}
cors: {origins: ["https://a.example", "http://localhost:3000"]}
trusted_proxies: [10.0.0.1/8, "::1"]
refresh: {grace: 0}
keys: {rotate_every: 24h}
sessions: {idle: 24h, absolute: 48h}
limits: {password_account: 3, sign_up: 0, forms: 7, mails: 2}
api: {drf: true, client_secret: s}
pages: {name: Harbour, logo: harbour.svg, accent: "#5a2d82", accent_dark: "#d9b8ff"}
log: {format: json, level: debug}
providers:
  google: {audiences: [web, android], presenters: [android], domains: [corp.example], require_nonce: true, max_age: 1h, access_tokens: true, jwks_uri: "https://k.example"}
  facebook: {client_id: "1", client_secret: s, trust_email: true, sign_up: verified_only, graph_version: v26.0, graph_url: "https://g.example"}
  corp_1: {kind: oidc, issuer: "https://corp.example", audiences: [us], auto_link: true, allow_reuse: false, userinfo_url: "https://u.example", introspection_url: "https://i.example", tokeninfo_url: "https://t.example"}
`
	environ := []string{
		"GATEHOUSE_ISSUER=https://auth.example.com", "GATEHOUSE_SECRETS=" + one + "\n" + two + "\n",
		"GATEHOUSE_CORS__ORIGINS=https://a.example, http://localhost:3000", "GATEHOUSE_TRUSTED_PROXIES=10.0.0.1/8 ::1",
		"GATEHOUSE_REFRESH__GRACE=0s", "GATEHOUSE_KEYS__ROTATE_EVERY=24h", "GATEHOUSE_LIMITS__PASSWORD_ACCOUNT=3", "GATEHOUSE_LIMITS__SIGN_UP=0",
		"GATEHOUSE_SESSIONS__IDLE=24h", "GATEHOUSE_SESSIONS__ABSOLUTE=48h", "GATEHOUSE_LIMITS__FORMS=7", "GATEHOUSE_LIMITS__MAILS=2",
		"GATEHOUSE_MAIL__SERVER=smtp.example.com:465", "GATEHOUSE_MAIL__FROM=A <a@example.com>", "GATEHOUSE_MAIL__USERNAME=u",
		"GATEHOUSE_MAIL__PASSWORD=p", "GATEHOUSE_MAIL__TLS=implicit",
		"GATEHOUSE_API__DRF=true", "GATEHOUSE_API__CLIENT_SECRET=s", "GATEHOUSE_LOG__FORMAT=json", "GATEHOUSE_LOG__LEVEL=debug",
		"GATEHOUSE_PAGES__NAME=Harbour", "GATEHOUSE_PAGES__LOGO=harbour.svg", "GATEHOUSE_PAGES__ACCENT=#5a2d82", "GATEHOUSE_PAGES__ACCENT_DARK=#d9b8ff",
		"GATEHOUSE_PROVIDERS__GOOGLE__AUDIENCES=web android", "GATEHOUSE_PROVIDERS__GOOGLE__PRESENTERS=android",
		"GATEHOUSE_PROVIDERS__GOOGLE__DOMAINS=corp.example", "GATEHOUSE_PROVIDERS__GOOGLE__REQUIRE_NONCE=true",
		"GATEHOUSE_PROVIDERS__GOOGLE__MAX_AGE=60m", "GATEHOUSE_PROVIDERS__GOOGLE__ACCESS_TOKENS=true",
		"GATEHOUSE_PROVIDERS__GOOGLE__JWKS_URI=https://k.example",
		"GATEHOUSE_PROVIDERS__FACEBOOK__CLIENT_ID=1", "GATEHOUSE_PROVIDERS__FACEBOOK__CLIENT_SECRET=s",
		"GATEHOUSE_PROVIDERS__FACEBOOK__TRUST_EMAIL=true", "GATEHOUSE_PROVIDERS__FACEBOOK__SIGN_UP=verified_only",
		"GATEHOUSE_PROVIDERS__FACEBOOK__GRAPH_VERSION=v26.0", "GATEHOUSE_PROVIDERS__FACEBOOK__GRAPH_URL=https://g.example",
		"GATEHOUSE_PROVIDERS__CORP_1__KIND=oidc", "GATEHOUSE_PROVIDERS__CORP_1__ISSUER=https://corp.example",
		"GATEHOUSE_PROVIDERS__CORP_1__AUDIENCES=us", "GATEHOUSE_PROVIDERS__CORP_1__AUTO_LINK=true", "GATEHOUSE_PROVIDERS__CORP_1__ALLOW_REUSE=false",
		"GATEHOUSE_PROVIDERS__CORP_1__USERINFO_URL=https://u.example", "GATEHOUSE_PROVIDERS__CORP_1__INTROSPECTION_URL=https://i.example",
		"GATEHOUSE_PROVIDERS__CORP_1__TOKENINFO_URL=https://t.example",
	}
	for name, src := range map[string]sources{
		"file":        {file: write(t, "c.yaml", fromYAML)},
		"environment": {environ: environ},
	} {
		t.Run(name, func(t *testing.T) {
			c, _, err := loadConfig(src)
			if err != nil {
				t.Fatal(err)
			}
			want := Config{
				Issuer: "https://auth.example.com", Secrets: [][]byte{[]byte(one), []byte(two)}, RotateKeysEvery: 24 * time.Hour,
				PublicAddr: "127.0.0.1:9000", AdminAddr: "127.0.0.1:9001", APIAddr: "127.0.0.1:8000", DemoAddr: "127.0.0.1:3000",
				MailAddr: "127.0.0.1:9090", StubGoogleAddr: "127.0.0.1:9100", StubFacebookAddr: "127.0.0.1:9101",
				Providers: []social.Config{
					{Name: "corp_1", Kind: "oidc", Issuer: "https://corp.example", Audiences: []string{"us"}, Policy: social.Policy{AutoLink: true},
						UserInfoURL: "https://u.example", IntrospectURL: "https://i.example", TokenInfoURL: "https://t.example"},
					{Name: "facebook", ClientID: "1", ClientSecret: "s", TrustEmail: true, Policy: social.Policy{SignUp: social.SignUpVerifiedOnly},
						GraphVersion: "v26.0", GraphURL: "https://g.example"},
					{Name: "google", Audiences: []string{"web", "android"}, Presenters: []string{"android"}, Domains: []string{"corp.example"},
						RequireNonce: true, MaxAge: time.Hour, AccessTokens: true, JWKSURI: "https://k.example"},
				},
				API:            APIConfig{DRF: true, ClientSecret: "s"},
				Mail:           authz.MailConfig{Server: "smtp.example.com:465", From: "A <a@example.com>", Username: "u", Password: "p", TLS: "implicit"},
				CORSOrigins:    []string{"https://a.example", "http://localhost:3000"},
				TrustedProxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("::1/128")},
				Limits:         LimitsConfig{PasswordAccount: 3, PasswordAddress: 100, Forms: 7, Mails: 2},
				Sessions:       store.SessionLife{Idle: 24 * time.Hour, Absolute: 48 * time.Hour},
				Pages:          PagesConfig{"Harbour", "harbour.svg", "#5a2d82", "#d9b8ff"},
				LogFormat:      "json", LogLevel: slog.LevelDebug,
			}
			c.from = nil
			if diff := cmp.Diff(want, c, cmp.AllowUnexported(Config{}), cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestLoadConfigRefuses(t *testing.T) {
	for _, tt := range []struct{ name, yaml, environ, want string }{
		{"unknown key in the file", "isuer: x", "", "there is no key isuer; did you mean issuer?"},
		{"one level too few", "api_client_id: x", "", "did you mean api.client_id?"},
		{"key below a key", "issuer: {a: b}", "", "issuer takes a value, not keys of its own"},
		{"section with a value", "limits: 3", "", "there is no key limits"},
		{"provider without settings", "providers: {google: x}", "", "there is no key providers.google"},
		{"provider with nothing in it", "providers: {google: {}}", "", "there is no key providers.google; did you mean providers.google."},
		{"unknown setting", "providers: {corp: {audience: [a]}}", "", "there is no key providers.corp.audience; did you mean providers.corp.audiences?"},
		{"setting of a provider in upper case", "providers: {Corp: {kind: oidc}}", "", "there is no key providers.Corp.kind; did you mean providers.corp.kind?"},
		{"setting below a setting", "providers: {google: {issuer: {a: b}}}", "", "providers.google.issuer takes a value, not keys of its own"},
		{"section misspelt", "provider: {corp: {kind: oidc}}", "", "did you mean providers.corp.kind?"},
		{"variable of an unknown setting", "", "GATEHOUSE_PROVIDERS__GOOGLE__CLIENT=x", "did you mean GATEHOUSE_PROVIDERS__GOOGLE__CLIENT_ID?"},
		{"file of a setting that is no secret", "", "GATEHOUSE_PROVIDERS__GOOGLE__AUDIENCES_FILE=/x", "did you mean GATEHOUSE_PROVIDERS__GOOGLE__AUDIENCES?"},
		{"kind of provider", "providers: {corp: {kind: saml}}", "", "providers.corp.kind (file "},
		{"audience of numbers", "providers: {google: {audiences: [1]}}", "", "1 is not text; put it in quotes"},
		{"app id as a number", "providers: {facebook: {client_id: 250250250}}", "", "is not text; put it in quotes"},
		{"neither of a provider", "providers: {google: {auto_link: maybe}}", "", "maybe is neither true nor false"},
		{"max_age of nothing", "providers: {google: {max_age: 0s}}", "", "must be above zero"},
		{"max_age of days", "", "GATEHOUSE_PROVIDERS__GOOGLE__MAX_AGE=1d", "1d is not a duration"},
		{"sign_up", "", "GATEHOUSE_PROVIDERS__GOOGLE__SIGN_UP=closed", "closed is not one of open, verified_only"},
		{"duplicate key", "issuer: a\nissuer: b", "", "already defined"},
		{"not YAML", "a: [", "", "c.yaml: yaml:"},
		{"not a map", "hello", "", "c.yaml: yaml:"},
		{"number as text", "issuer: 7", "", "issuer (file "},
		{"not an address", "public: {addr: 9000}", "", "9000 is not host:port"},
		{"no such port", "", "GATEHOUSE_API__ADDR=127.0.0.1:66000", "api.addr (env GATEHOUSE_API__ADDR): 127.0.0.1:66000 is not host:port"},
		{"duration without unit", "refresh: {grace: 30}", "", "30 is not a duration like 30s"},
		{"negative duration", "", "GATEHOUSE_REFRESH__GRACE=-1s", "is not a duration"},
		{"sessions without end", "sessions: {absolute: 0}", "", "must be above zero"},
		{"sessions that never begin", "", "GATEHOUSE_SESSIONS__IDLE=0s", "must be above zero"},
		{"not a number", "", "GATEHOUSE_LIMITS__SIGN_UP=many", "many is not a whole number"},
		{"negative number", "limits: {sign_up: -1}", "", "is not a whole number"},
		{"neither true nor false", "", "GATEHOUSE_API__DRF=yes", "yes is neither true nor false"},
		{"public in other words", "", "GATEHOUSE_API__DRF_ALL=true", "true is not one of public"},
		{"origin with a path", "cors: {origins: ['https://a.example/']}", "", `"https://a.example/" is not an origin`},
		{"any origin", "cors: {origins: ['*']}", "", `"*" is not an origin`},
		{"origins of numbers", "cors: {origins: [1]}", "", "1 is not text"},
		{"not a network", "trusted_proxies: [10.0.0.0/40]", "", `"10.0.0.0/40" is not a network`},
		{"log level", "log: {level: loud}", "", "loud is not one of debug"},
		{"log format", "log: {format: xml}", "", "xml is not one of text, json"},
		{"unknown variable", "", "GATEHOUSE_ISSUERS=x", "env GATEHOUSE_ISSUERS: there is no such key; did you mean GATEHOUSE_ISSUER?"},
		{"single underscore", "", "GATEHOUSE_PUBLIC_ADDR=x", "did you mean GATEHOUSE_PUBLIC__ADDR?"},
		{"lower case variable", "", "GATEHOUSE_issuer=x", "did you mean GATEHOUSE_ISSUER?"},
		{"file of what is no secret", "", "GATEHOUSE_ISSUER_FILE=/x", "there is no such key"},
		{"file that is not there", "", "GATEHOUSE_SECRETS_FILE=/nonexistent/x", "env GATEHOUSE_SECRETS_FILE: open /nonexistent/x"},
		{"empty file", "", "GATEHOUSE_SECRETS_FILE=/dev/null", "the file is empty"},
		{"database scheme", "database: {url: 'mysql://h/d'}", "", "database.url (file "},
		{"relative SQLite path", "database: {url: 'sqlite://db'}", "", "three slashes"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			src := sources{environ: []string{tt.environ}}
			if tt.yaml != "" {
				src.file = write(t, "c.yaml", tt.yaml)
			}
			_, _, err := loadConfig(src)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want …%s…", err, tt.want)
			}
		})
	}
	if _, _, err := loadConfig(sources{file: "nonexistent.yaml"}); err == nil || err.Error() != "file nonexistent.yaml: no such file or directory" {
		t.Errorf("missing file: %v", err)
	}
}

// A mistake about a secret must not print it.
func TestLoadConfigKeepsSecrets(t *testing.T) {
	secret := rand.Text()
	for _, yaml := range []string{
		"secrets: {" + secret + ": x}", "secrets: *" + secret, "secrets: [\"\\xg" + secret + "\"]", "secrets: !!int " + secret,
		"secrets: [{a: " + secret + "}]", "api: {client_secret: [" + secret + "]}", "providers: {g: {client_secret: [" + secret + "]}}",
		"providers: {g: {client_secret: {" + secret + ": x}}}", "providers: {G g: {client_secret: {a: {" + secret + ": x}}}}", "database: {url: 'x" + secret + "'}",
		"database: {url: 'postgres://u:%zz" + secret + "@h:port/'}", "'" + secret, secret + ": 1\n" + secret + ": 1", secret,
	} {
		_, _, err := loadConfig(sources{file: write(t, "c.yaml", yaml)})
		if err == nil {
			t.Errorf("%s: no error", yaml)
		} else if strings.Contains(err.Error(), secret) {
			t.Errorf("%s: the error tells the secret: %v", yaml, err)
		}
	}
}

func TestLoadConfigSecretFiles(t *testing.T) {
	name := write(t, "s", "the-secret\n")
	for variable, field := range map[string]func(Config) any{
		"GATEHOUSE_SECRETS_FILE":                          func(c Config) any { return string(bytes.Join(c.Secrets, nil)) },
		"GATEHOUSE_API__CLIENT_SECRET_FILE":               func(c Config) any { return c.API.ClientSecret },
		"GATEHOUSE_PROVIDERS__GOOGLE__CLIENT_SECRET_FILE": func(c Config) any { return c.Providers[0].ClientSecret },
	} {
		c, _, err := loadConfig(sources{environ: []string{variable + "=" + name}})
		if err != nil {
			t.Fatalf("%s: %v", variable, err)
		}
		if field(c) != "the-secret" {
			t.Errorf("%s: %v, %v", variable, field(c), err)
		}
	}
	_, _, err := loadConfig(sources{environ: []string{"GATEHOUSE_SECRETS_FILE=" + name, "GATEHOUSE_SECRETS=x"}})
	if err == nil || !strings.Contains(err.Error(), "both set secrets") {
		t.Errorf("variable and file: %v", err)
	}
}

func TestLoadConfigIgnoresServiceLinks(t *testing.T) {
	_, from, err := loadConfig(sources{environ: []string{
		"GATEHOUSE_SERVICE_HOST=10.0.0.1", "GATEHOUSE_PORT=tcp://10.0.0.1:80", "GATEHOUSE_PORT_80_TCP_ADDR=10.0.0.1",
		"GATEHOUSE_ADMIN_SERVICE_PORT_HTTP=80", "GATEHOUSE_TEST_POSTGRES=postgres://", "NOT_GATEHOUSE_ISSUER=x",
	}})
	if err != nil || len(from) != len(new(Config).keys()) {
		t.Errorf("%v, %v", from, err)
	}
}

func TestLoadConfigData(t *testing.T) {
	dir := t.TempDir()
	c, from, err := loadConfig(sources{data: dir})
	if err != nil || c.DatabaseURL != "sqlite://"+dir+"/gatehouse.db" || from["database.url"] != "--data "+dir || c.Secrets != nil {
		t.Errorf("before it has secrets: %q, %v", c.DatabaseURL, err)
	}
	if err := os.WriteFile(filepath.Join(dir, "secrets"), []byte("new\nold\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c, _, err = loadConfig(sources{data: dir, environ: []string{"GATEHOUSE_SECRETS=other"}})
	if err != nil || !slices.EqualFunc(c.Secrets, []string{"new", "old"}, func(b []byte, s string) bool { return string(b) == s }) {
		t.Errorf("secrets: %q, %v", c.Secrets, err)
	}
	if _, _, err := loadConfig(sources{data: dir + "/none"}); err == nil {
		t.Error("a folder that is not there was accepted")
	}
}

func TestDefaultsAreValid(t *testing.T) {
	c, _, err := loadConfig(sources{})
	if err != nil || c.RefreshGrace != 30*time.Second || c.Sessions.Idle != 7*24*time.Hour || c.Sessions.Absolute != 30*24*time.Hour || c.Limits.Forms != 300 || c.Limits.Mails != 5 || c.LogLevel != slog.LevelInfo {
		t.Errorf("%+v, %v", c, err)
	}
}
