package social_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"gatehouse/social"
	"gatehouse/social/socialtest"
)

func TestGoogleIDTokenBecomesAnIdentity(t *testing.T) {
	c := newClock()
	g, base := stillGoogle(t)
	p := provider(t, googleAt(base, c, nil))
	tok := g.Mint(socialtest.TokenOptions{Sub: "117", Email: "Grace.Hopper@gmail.com"}).IDToken

	id := verified(t, p, idToken(tok))
	want := &social.Identity{
		Provider: "google", Issuer: "https://accounts.google.com", Subject: "117",
		Email: "Grace.Hopper@gmail.com", EmailVerified: true, Authoritative: true,
		Name: "Grace Hopper", FirstName: "Grace", LastName: "Hopper", Username: "Grace.Hopper",
		IssuedAt: start, SignedInAt: start, ExpiresAt: start.Add(time.Hour + 2*time.Minute),
	}
	if diff := cmp.Diff(want, id, cmpopts.IgnoreFields(social.Identity{}, "Replay", "Picture")); diff != "" {
		t.Errorf("identity (-want, +got):\n%s", diff)
	}
	if !strings.HasPrefix(id.Picture, "https://") {
		t.Errorf("picture %q", id.Picture)
	}
	if len(id.Replay) != 32 {
		t.Errorf("Replay has %d bytes", len(id.Replay))
	}
	if h := p.Health(); h.State != social.StateOK || !h.KeysRead.Equal(start) || !h.LastSuccess.Equal(start) {
		t.Errorf("health %+v", h)
	}
}

func TestGoogleWritesItsIssuerInTwoWays(t *testing.T) {
	c := newClock()
	g, base := stillGoogle(t)
	p := provider(t, googleAt(base, c, nil))
	if got := p.Issuers(); !slices.Equal(got, []string{"https://accounts.google.com", "accounts.google.com"}) {
		t.Errorf("issuers %q", got)
	}
	id := verified(t, p, idToken(g.Mint(socialtest.TokenOptions{Issuer: "accounts.google.com"}).IDToken))
	if id.Issuer != "https://accounts.google.com" {
		t.Errorf("issuer is stored as %q", id.Issuer)
	}
}

func TestGoogleAddressesAreJudged(t *testing.T) {
	c := newClock()
	g, base := stillGoogle(t)
	p := provider(t, googleAt(base, c, nil))
	for _, tt := range []struct {
		name                    string
		o                       socialtest.TokenOptions
		verified, authoritative bool
	}{
		{"gmail", socialtest.TokenOptions{Email: "a@GMAIL.com"}, true, true},
		{"googlemail", socialtest.TokenOptions{Email: "a@googlemail.com"}, true, true},
		{"Workspace", socialtest.TokenOptions{Email: "a@corp.example", Hd: "corp.example"}, true, true},
		{"another domain", socialtest.TokenOptions{Email: "a@corp.example"}, true, false},
		{"looks like gmail", socialtest.TokenOptions{Email: "a@notgmail.com"}, true, false},
		{"unverified", socialtest.TokenOptions{Email: "a@gmail.com", EmailVerified: new(false)}, false, false},
		{"unverified in a domain", socialtest.TokenOptions{Email: "a@corp.example", Hd: "corp.example", EmailVerified: new(false)}, false, false},
		{"verified is silent", socialtest.TokenOptions{Claims: map[string]any{"email_verified": nil}}, false, false},
		{"verified is a string", socialtest.TokenOptions{Claims: map[string]any{"email_verified": "true"}}, true, true},
		{"not verified is a string", socialtest.TokenOptions{Claims: map[string]any{"email_verified": "false"}}, false, false},
		{"verified is a number", socialtest.TokenOptions{Claims: map[string]any{"email_verified": 1}}, false, false},
		{"no address", socialtest.TokenOptions{NoEmail: true, Claims: map[string]any{"email_verified": true}}, false, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			id := verified(t, p, idToken(g.Mint(tt.o).IDToken))
			if id.EmailVerified != tt.verified || id.Authoritative != tt.authoritative {
				t.Errorf("%q: verified %v, authoritative %v", id.Email, id.EmailVerified, id.Authoritative)
			}
		})
	}
}

func TestGoogleAccessTokenBecomesAnIdentity(t *testing.T) {
	c := newClock()
	g, base := stillGoogle(t)
	versions := map[string]func(*social.Config){
		"v3": nil,
		"v2": func(cfg *social.Config) {
			cfg.TokenInfoURL, cfg.UserInfoURL = base+"/oauth2/v2/tokeninfo", base+"/oauth2/v2/userinfo"
		},
		"v1": func(cfg *social.Config) {
			cfg.TokenInfoURL, cfg.UserInfoURL = base+"/oauth2/v1/tokeninfo", base+"/oauth2/v1/userinfo"
		},
	}
	scopes := map[string]string{"with openid": "", "without openid": "email profile"}
	for version, change := range versions {
		for name, scope := range scopes {
			t.Run(version+" "+name, func(t *testing.T) {
				p := provider(t, googleAt(base, c, change))
				made := g.Mint(socialtest.TokenOptions{Sub: "117", Email: "grace.hopper@gmail.com", Scope: scope})
				id := verified(t, p, accessToken(made.AccessToken))
				want := &social.Identity{
					Provider: "google", Issuer: "https://accounts.google.com", Subject: "117",
					Email: "grace.hopper@gmail.com", EmailVerified: true, Authoritative: true,
					Name: "Grace Hopper", FirstName: "Grace", LastName: "Hopper", Username: "grace.hopper",
					IssuedAt: start, SignedInAt: start,
				}
				if diff := cmp.Diff(want, id, cmpopts.IgnoreFields(social.Identity{}, "Picture")); diff != "" {
					t.Errorf("identity (-want, +got):\n%s", diff)
				}
			})
		}
	}
}

func TestForeignAccessTokenIsAskedAboutNoFurther(t *testing.T) {
	c := newClock()
	g, base := newGoogle(t, c)
	p := provider(t, googleAt(base, c, nil))
	tok := g.Mint(socialtest.TokenOptions{Aud: "another-app"}).AccessToken
	told(t, refusal(t, p, accessToken(tok)), social.ReasonAudience,
		"the google token was issued to client another-app, not to one of the 2 accepted")
	if n := g.Requests("/v1/userinfo"); n != 0 {
		t.Errorf("userinfo was asked %d times about another app's token", n)
	}
}

func TestGoogleAccessTokenIsRefused(t *testing.T) {
	const ofToken, ofUser = `{"aud":"` + webID + `","azp":"` + webID + `","sub":"117","exp":"1777892400"}`, `{"sub":"117"}`
	const say = "the google token is not valid or has expired; sign in again"
	const down = "google cannot be reached"
	for _, tt := range []struct {
		name                    string
		tokenStatus, userStatus int
		token, user             string
		reason, say             string
	}{
		{"unknown token", 400, 200, `{"error_description":"Invalid Value"}`, ofUser, social.ReasonProviderRefused, say},
		{"userinfo refuses", 200, 401, ofToken, `{"error":"invalid_request"}`, social.ReasonProviderRefused, say},
		{"usage limit", 200, 403, ofToken, `{"error":{"errors":[{"domain":"usageLimits"}]}}`, social.ReasonProviderDown, down},
		{"wrong address", 404, 200, `<p>404`, ofUser, social.ReasonProviderDown, down},
		{"no audience", 200, 200, `{"sub":"117"}`, ofUser, social.ReasonProviderDown, down},
		{"null", 200, 200, `null`, ofUser, social.ReasonProviderDown, down},
		{"azp of another app", 200, 200, `{"aud":"` + webID + `","azp":"evil","sub":"117"}`, ofUser, social.ReasonAudience,
			"the google token was issued to client evil, not to one of the 2 accepted"},
		{"issued_to another app", 200, 200, `{"audience":"` + webID + `","issued_to":"evil","user_id":"117"}`, ofUser, social.ReasonAudience,
			"the google token was issued to client evil, not to one of the 2 accepted"},
		{"expired", 200, 200, `{"aud":"` + webID + `","exp":"1777888000"}`, ofUser, social.ReasonExpired,
			"the google token expired at 09:46:40Z; sign in again"},
		{"expired in v2", 200, 200, `{"audience":"` + webID + `","expires_in":-61}`, ofUser, social.ReasonExpired,
			"the google token expired at 09:58:59Z; sign in again"},
		{"another person", 200, 200, ofToken, `{"sub":"118"}`, social.ReasonProviderRefused, "the google token could not be verified"},
		{"nobody", 200, 200, ofToken, `{}`, social.ReasonProviderDown, down},
		{"subject that is no key", 200, 200, `{"aud":"` + webID + `"}`, `{"sub":"\u0000"}`, social.ReasonProviderRefused, "the google token could not be verified"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			mux := http.NewServeMux()
			mux.HandleFunc("/tokeninfo", func(w http.ResponseWriter, r *http.Request) {
				if r.Header.Get("Authorization") != "Bearer ya29.x" || r.URL.RawQuery != "" {
					t.Errorf("token is sent as %q, %q", r.Header.Get("Authorization"), r.URL.RawQuery)
				}
				w.WriteHeader(tt.tokenStatus)
				w.Write([]byte(tt.token))
			})
			mux.HandleFunc("/v1/userinfo", func(w http.ResponseWriter, r *http.Request) {
				w.WriteHeader(tt.userStatus)
				w.Write([]byte(tt.user))
			})
			p := provider(t, googleAt(serve(t, mux), newClock(), nil))
			told(t, refusal(t, p, accessToken("ya29.x")), tt.reason, tt.say)
		})
	}
}

func TestAccessTokensAreOffUnlessConfigured(t *testing.T) {
	c := newClock()
	g, base := newGoogle(t, c)
	p := provider(t, googleAt(base, c, func(cfg *social.Config) { cfg.AccessTokens = false }))
	made := g.Mint(socialtest.TokenOptions{})
	told(t, refusal(t, p, accessToken(made.AccessToken)), social.ReasonProviderRefused,
		"access tokens of google are not accepted; send its id_token with subject_token_type urn:ietf:params:oauth:token-type:id_token")
	if n := g.Requests("/tokeninfo"); n != 0 {
		t.Errorf("Google was asked %d times", n)
	}
}
