package social_test

import (
	"encoding/json"
	"net/http"
	"testing"

	"gatehouse/social"
)

// discovered is the issuer's document with changes; nil removes.
func (i *issuer) discovered(changes map[string]any) {
	document := map[string]any{
		"issuer": i.url, "jwks_uri": i.url + "/jwks", "userinfo_endpoint": i.url + "/userinfo",
		"authorization_endpoint": i.url + "/authorize", "token_endpoint": i.url + "/token",
	}
	for name, value := range changes {
		if document[name] = value; value == nil {
			delete(document, name)
		}
	}
	i.json("/.well-known/openid-configuration", document)
}

// TestHowWeShowWhoWeAre at the token endpoint is as discovery says (OIDC Discovery §3).
func TestHowWeShowWhoWeAre(t *testing.T) {
	for _, tt := range []struct {
		name    string
		methods any
		secret  string
		basic   bool
		form    string // what the form says of us
	}{
		{"unsaid", nil, "s&1", true, ""},
		{"basic", []string{"client_secret_basic"}, "s&1", true, ""},
		{"both", []string{"client_secret_post", "client_secret_basic"}, "s&1", true, ""},
		{"post", []string{"private_key_jwt", "client_secret_post"}, "s&1", false, "us s&1"},
		{"public client", []string{"none"}, "", false, "us "},
	} {
		t.Run(tt.name, func(t *testing.T) {
			i, r := newIssuer(t), begun()
			i.discovered(map[string]any{"token_endpoint_auth_methods_supported": tt.methods})
			token := i.token(t, map[string]any{"nonce": r.Nonce})
			i.answer("/token", func(w http.ResponseWriter, req *http.Request) {
				_, _, basic := req.BasicAuth()
				form := ""
				if id := req.PostFormValue("client_id"); id != "" {
					form = id + " " + req.PostFormValue("client_secret")
				}
				if basic != tt.basic || form != tt.form || req.PostFormValue("code_verifier") != r.Verifier {
					t.Errorf("basic %v, form %q", basic, form)
				}
				w.Write([]byte(`{"access_token":"a","id_token":"` + token + `"}`))
			})
			p := provider(t, i.config(func(c *social.Config) { c.ClientSecret, c.AccessTokens = tt.secret, false }))
			redeemed(t, p, r, i.answered(r))
		})
	}
}

// TestConfiguredEndpointsNeedNoDiscovery, if they are all there.
func TestConfiguredEndpointsNeedNoDiscovery(t *testing.T) {
	i, r := newIssuer(t), begun()
	i.answer("/.well-known/openid-configuration", http.NotFound)
	i.codeFlow(t, r, nil)
	p := provider(t, i.config(func(c *social.Config) {
		c.AuthorizationURL, c.TokenURL, c.JWKSURI = i.url+"/elsewhere", i.url+"/token", i.url+"/jwks"
	}))
	if to := sentTo(t, p, r); to.Path != "/elsewhere" {
		t.Errorf("sent to %s", to)
	}
	redeemed(t, p, r, with(i.answered(r), "iss", ""))
	if n := i.asked("/.well-known/openid-configuration"); n != 0 {
		t.Errorf("discovery was read %d times", n)
	}
}

// TestNowhereToGo: discovery fails, or leads nowhere.
func TestNowhereToGo(t *testing.T) {
	for name, tt := range map[string]struct {
		changes     map[string]any
		reason, say string
	}{
		"no authorization endpoint": {map[string]any{"authorization_endpoint": nil}, "", "sign-in with corp is set up wrongly here"},
		"no token endpoint":         {map[string]any{"token_endpoint": nil}, "", "sign-in with corp is set up wrongly here"},
		"plain http":                {map[string]any{"authorization_endpoint": "http://corp.example/authorize"}, "", "sign-in with corp is set up wrongly here"},
		"a script":                  {map[string]any{"authorization_endpoint": "javascript:alert(1)"}, "", "sign-in with corp is set up wrongly here"},
		"another issuer":            {map[string]any{"issuer": "https://evil.example"}, "", "sign-in with corp is set up wrongly here"},
		"nonsense":                  {map[string]any{"token_endpoint": 1}, social.ReasonProviderDown, "corp cannot be reached"},
	} {
		t.Run(name, func(t *testing.T) {
			i, r := newIssuer(t), begun()
			i.discovered(tt.changes)
			_, err := provider(t, i.config(nil)).AuthorizationURL(t.Context(), r)
			if err == nil {
				t.Fatal("it has a URL")
			}
			told(t, asError(t, err), tt.reason, tt.say)
			told(t, notRedeemed(t, provider(t, i.config(nil)), r, i.answered(r)), tt.reason, tt.say)
		})
	}
}

// TestTokenEndpointFails tells whose fault it is (RFC 6749 §5.2).
func TestTokenEndpointFails(t *testing.T) {
	const failedAt, ours, down = "the sign-in with corp " + failed, "sign-in with corp is set up wrongly here", "corp cannot be reached"
	for _, tt := range []struct {
		name        string
		status      int
		body        any
		reason, say string
	}{
		{"error is no string", 400, map[string]any{"error": []string{"invalid_grant"}}, social.ReasonProviderDown, down},
		{"code used", 400, map[string]string{"error": "invalid_grant", "error_description": "secret"}, social.ReasonProviderRefused, failedAt},
		{"invalid_request", 400, map[string]string{"error": "invalid_request"}, social.ReasonProviderRefused, failedAt},
		{"invalid_client", 401, map[string]string{"error": "invalid_client"}, "", ours},
		{"invalid_client, with 400", 400, map[string]string{"error": "invalid_client"}, "", ours},
		{"401 and no more", 401, nil, "", ours},
		{"unauthorized_client", 400, map[string]string{"error": "unauthorized_client"}, "", ours},
		{"unsupported_grant_type", 400, map[string]string{"error": "unsupported_grant_type"}, "", ours},
		{"limit", 429, map[string]string{"error": "slow_down"}, social.ReasonProviderDown, down},
		{"no ID token", 200, map[string]string{"access_token": "a"}, social.ReasonProviderDown, down},
		{"ID token of another type", 200, map[string]any{"id_token": 1}, social.ReasonProviderDown, down},
		{"null", 200, nil, social.ReasonProviderDown, down},
		{"redirect", 302, nil, social.ReasonProviderDown, down},
		{"5xx", 500, map[string]string{"error": "invalid_grant"}, social.ReasonProviderDown, down},
	} {
		t.Run(tt.name, func(t *testing.T) {
			i, r := newIssuer(t), begun()
			i.status("/token", tt.status, tt.body)
			told(t, notRedeemed(t, provider(t, i.config(nil)), r, i.answered(r)), tt.reason, tt.say)
			if n := i.asked("/token"); n != 1 {
				t.Errorf("the code was sent %d times", n)
			}
		})
	}
}

// TestUserinfoFillsIn what the ID token is silent on, about the same person only.
func TestUserinfoFillsIn(t *testing.T) {
	silent := map[string]any{"email": nil, "email_verified": nil, "name": nil}
	for _, tt := range []struct {
		name     string
		changes  map[string]any
		userinfo map[string]any
		email    string // empty: refused
		verified bool
	}{
		{"all of it", silent, map[string]any{"sub": "s-1", "email": "g@corp.example", "email_verified": true, "name": "Grace Hopper"}, "g@corp.example", true},
		{"an address that it does not vouch for", map[string]any{"email": nil, "name": nil},
			map[string]any{"sub": "s-1", "email": "g@corp.example", "name": "Grace Hopper"}, "g@corp.example", false},
		{"a name only", map[string]any{"name": nil}, map[string]any{"sub": "s-1", "email": "x@corp.example", "name": "Grace Hopper"}, "grace@corp.example", true},
		{"another person", silent, map[string]any{"sub": "s-2", "email": "g@corp.example"}, "", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			i, r := newIssuer(t), begun()
			i.codeFlow(t, r, tt.changes)
			i.answer("/userinfo", func(w http.ResponseWriter, req *http.Request) {
				if req.Header.Get("Authorization") != "Bearer "+codeAccessToken {
					t.Errorf("asked with %q", req.Header.Get("Authorization"))
				}
				json.NewEncoder(w).Encode(tt.userinfo)
			})
			p := provider(t, i.config(nil))
			if tt.email == "" {
				told(t, notRedeemed(t, p, r, i.answered(r)), social.ReasonProviderRefused, "the corp token could not be verified")
				return
			}
			id := redeemed(t, p, r, i.answered(r))
			if id.Email != tt.email || id.EmailVerified != tt.verified || id.Name != "Grace Hopper" || id.Subject != "s-1" {
				t.Errorf("%+v", id)
			}
		})
	}
	i, r := newIssuer(t), begun()
	i.codeFlow(t, r, nil)
	redeemed(t, provider(t, i.config(nil)), r, i.answered(r))
	if n := i.asked("/userinfo"); n != 0 {
		t.Errorf("asked %d times though the ID token says it all", n)
	}
}
