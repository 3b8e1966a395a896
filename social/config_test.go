package social_test

import (
	"strings"
	"testing"
	"time"

	"gatehouse/social"
)

func TestNewRefuses(t *testing.T) {
	google := func(change func(*social.Config)) social.Config {
		cfg := social.Config{Name: "google", Audiences: []string{webID}}
		change(&cfg)
		return cfg
	}
	facebook := func(change func(*social.Config)) social.Config {
		cfg := social.Config{Name: "facebook", ClientID: appID, ClientSecret: appSecret}
		change(&cfg)
		return cfg
	}
	oidc := func(change func(*social.Config)) social.Config {
		cfg := social.Config{Name: "corp", Kind: "oidc", Issuer: "https://corp.example", Audiences: []string{"us"}}
		change(&cfg)
		return cfg
	}
	for _, tt := range []struct {
		name string
		cfg  social.Config
		want string // how the error begins; empty: there is none
	}{
		{"google", google(func(*social.Config) {}), ""},
		{"facebook", facebook(func(*social.Config) {}), ""},
		{"oidc", oidc(func(*social.Config) {}), ""},
		{"google by another name", google(func(c *social.Config) { c.Name, c.Kind = "staff", "google" }), ""},
		{"app id twice", facebook(func(c *social.Config) { c.Audiences = []string{appID} }), ""},
		{"no audience", google(func(c *social.Config) { c.Audiences = nil }), "audiences: name at least one"},
		{"empty audience", google(func(c *social.Config) { c.Audiences = []string{""} }), "audiences: "},
		{"blank in an audience", google(func(c *social.Config) { c.Audiences = []string{webID + " "} }), "audiences: "},
		{"empty presenter", google(func(c *social.Config) { c.Presenters = []string{""} }), "presenters: "},
		{"no name", social.Config{Audiences: []string{"x"}}, "name "},
		{"name with a quote", google(func(c *social.Config) { c.Name, c.Kind = `a"b`, "google" }), "name "},
		{"unknown kind", google(func(c *social.Config) { c.Kind = "github" }), "kind: "},
		{"unknown name without kind", google(func(c *social.Config) { c.Name = "corp" }), "kind: "},
		{"google's secret without its client", google(func(c *social.Config) { c.ClientSecret = appSecret }), "client_secret: google needs client_id"},
		{"google's client without a secret", google(func(c *social.Config) { c.ClientID = iosID }), ""},
		{"redirect over http", oidc(func(c *social.Config) { c.AuthorizationURL = "http://corp.example/authorize" }), "authorization_url: "},
		{"codes over http", google(func(c *social.Config) { c.TokenURL = "http://google.example/token" }), "token_url: "},
		{"dialog over http", facebook(func(c *social.Config) { c.DialogURL = "http://10.0.0.1/dialog" }), "dialog_url: "},
		{"facebook without app", facebook(func(c *social.Config) { c.ClientID, c.Audiences = "", []string{appID} }), "client_id, client_secret: "},
		{"facebook without secret", facebook(func(c *social.Config) { c.ClientSecret = "" }), "client_id, client_secret: "},
		{"facebook for another app", facebook(func(c *social.Config) { c.Audiences = []string{"1"} }), "audiences: "},
		{"graph version", facebook(func(c *social.Config) { c.GraphVersion = "26.0/../x" }), "graph_version: "},
		{"domains of facebook", facebook(func(c *social.Config) { c.Domains = []string{"corp.example"} }), "domains: "},
		{"issuer of google", google(func(c *social.Config) { c.Issuer = "https://evil.example" }), "issuer: "},
		{"oidc without issuer", oidc(func(c *social.Config) { c.Issuer = "" }), "issuer: "},
		{"oidc over http", oidc(func(c *social.Config) { c.Issuer = "http://corp.example" }), "issuer: it must begin with https://"},
		{"issuer with a query", oidc(func(c *social.Config) { c.Issuer += "?x=1" }), "issuer, graph_url: "},
		{"issuer with a fragment", oidc(func(c *social.Config) { c.Issuer += "#x" }), "issuer: "},
		{"oidc access tokens without secret", oidc(func(c *social.Config) { c.AccessTokens, c.ClientID = true, "us" }), "access_tokens: "},
		{"loopback in production", google(func(c *social.Config) { c.JWKSURI = "http://127.0.0.1:9100/certs" }), "jwks_uri: "},
		{"loopback allowed", google(func(c *social.Config) { c.JWKSURI, c.AllowLoopback = "http://[::1]:9100/certs", true }), ""},
		{"allowed, and not loopback", google(func(c *social.Config) { c.TokenInfoURL, c.AllowLoopback = "http://10.0.0.1/", true }), "tokeninfo_url: "},
		{"user in an address", google(func(c *social.Config) { c.UserInfoURL = "https://a:b@google.example" }), "userinfo_url: "},
		{"half an address", facebook(func(c *social.Config) { c.GraphURL = "https:graph" }), "graph_url: "},
		{"graph with a query", facebook(func(c *social.Config) { c.GraphURL = "https://graph.example?x" }), "issuer, graph_url: "},
		{"no address", oidc(func(c *social.Config) { c.IntrospectURL = "%zz" }), "introspection_url: "},
		{"sign_up", google(func(c *social.Config) { c.Policy.SignUp = "never" }), "sign_up: "},
		{"negative age", google(func(c *social.Config) { c.MaxAge = -time.Minute }), "max_age: "},
		{"age of a week", google(func(c *social.Config) { c.MaxAge = 7 * 24 * time.Hour }), "max_age: "},
		{"negative time-out", google(func(c *social.Config) { c.ConnectTimeout = -1 }), "time-outs: "},
		{"time-out of an hour", google(func(c *social.Config) { c.TotalTimeout = time.Hour }), "time-outs: "},
		{"a call longer than all", google(func(c *social.Config) { c.CallTimeout, c.TotalTimeout = 4*time.Second, 3*time.Second }), "time-outs: "},
		{"a short total", google(func(c *social.Config) { c.TotalTimeout = time.Second }), ""},
		{"a long call", google(func(c *social.Config) { c.CallTimeout = 20 * time.Second }), ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p, err := social.New(tt.cfg)
			switch {
			case tt.want == "" && err != nil:
				t.Error(err)
			case tt.want == "" && (p.Name() != tt.cfg.Name || p.Policy().SignUp != social.SignUpOpen):
				t.Errorf("%q, %+v", p.Name(), p.Policy())
			case tt.want != "" && (err == nil || !strings.HasPrefix(err.Error(), tt.want)):
				t.Errorf("says %v, want %q", err, tt.want)
			case err != nil && strings.Contains(err.Error(), appSecret):
				t.Errorf("tells a secret: %v", err)
			}
		})
	}
}

// TestWhatIsConfiguredStaysSo: a provider has its own copy of each list.
func TestWhatIsConfiguredStaysSo(t *testing.T) {
	c := newClock()
	g, base := stillGoogle(t)
	cfg := googleAt(base, c, nil)
	p := provider(t, cfg)
	cfg.Audiences[0], cfg.Presenters[0] = "evil", "evil"
	p.Issuers()[0] = "evil"
	verified(t, p, idToken(g.Mint(tokenFor(webID)).IDToken))
}
