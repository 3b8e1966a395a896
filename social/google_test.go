package social_test

import (
	"crypto/sha256"
	"encoding/hex"
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
	g, base := newGoogle(t, c)
	p := provider(t, googleAt(base, c, nil))
	tok := g.Mint(socialtest.TokenOptions{Sub: "117", Email: "Grace.Hopper@gmail.com"}).IDToken

	id := verified(t, p, idToken(tok))
	want := &social.Identity{
		Provider: "google", Issuer: "https://accounts.google.com", Subject: "117",
		Email: "Grace.Hopper@gmail.com", EmailVerified: true, Authoritative: true,
		Name: "Grace Hopper", FirstName: "Grace", LastName: "Hopper", Username: "Grace.Hopper",
		IssuedAt: start, ExpiresAt: start.Add(time.Hour + time.Minute),
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
	g, base := newGoogle(t, c)
	p := provider(t, googleAt(base, c, nil))
	if got := p.Issuers(); !slices.Equal(got, []string{"https://accounts.google.com", "accounts.google.com"}) {
		t.Errorf("issuers %q", got)
	}
	id := verified(t, p, idToken(g.Mint(socialtest.TokenOptions{Issuer: "accounts.google.com"}).IDToken))
	if id.Issuer != "https://accounts.google.com" {
		t.Errorf("issuer is stored as %q", id.Issuer)
	}
}

func TestReplayIsTheSameForOneTokenOnly(t *testing.T) {
	c := newClock()
	g, base := newGoogle(t, c)
	p := provider(t, googleAt(base, c, nil))
	one, other := g.Mint(socialtest.TokenOptions{}).IDToken, g.Mint(socialtest.TokenOptions{}).IDToken
	first := verified(t, p, idToken(one)).Replay
	if !slices.Equal(first, verified(t, p, idToken(one)).Replay) {
		t.Error("two uses of one token differ")
	}
	if slices.Equal(first, verified(t, p, idToken(other)).Replay) {
		t.Error("two tokens are the same")
	}
	again := provider(t, googleAt(base, c, func(cfg *social.Config) { cfg.AllowReuse = true }))
	if got := verified(t, again, idToken(one)).Replay; got != nil {
		t.Errorf("allow_reuse leaves %x", got)
	}
}

func TestGoogleAddressesAreJudged(t *testing.T) {
	c := newClock()
	g, base := newGoogle(t, c)
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

func TestNonceIsComparedAsItIsOrHashed(t *testing.T) {
	c := newClock()
	g, base := newGoogle(t, c)
	hash := sha256.Sum256([]byte("raw"))
	hashed := hex.EncodeToString(hash[:])
	lax := provider(t, googleAt(base, c, nil))
	strict := provider(t, googleAt(base, c, func(cfg *social.Config) { cfg.RequireNonce = true }))
	const mismatch = "the google token does not match the nonce"
	for _, tt := range []struct {
		name        string
		p           social.Provider
		claim, sent string
		say         string
	}{
		{"plain", lax, "raw", "raw", ""},
		{"hashed", lax, hashed, "raw", ""},
		{"client sends none", lax, "raw", "", ""},
		{"nobody has one", lax, "", "", ""},
		{"wrong", lax, "other", "raw", mismatch},
		{"absent from the token", lax, "", "raw", mismatch},
		{"client sends the hash of a raw one", lax, "raw", hashed, mismatch},
		{"required and right", strict, hashed, "raw", ""},
		{"required and not sent", strict, "raw", "", "the google token needs a nonce"},
		{"required and absent", strict, "", "raw", mismatch},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tok := idToken(g.Mint(socialtest.TokenOptions{Nonce: tt.claim}).IDToken)
			tok.Nonce = tt.sent
			if tt.say == "" {
				verified(t, tt.p, tok)
				return
			}
			told(t, refusal(t, tt.p, tok), social.ReasonProviderRefused, tt.say)
		})
	}
}

func TestAudiencesAndPresenters(t *testing.T) {
	c := newClock()
	g, base := newGoogle(t, c)
	p := provider(t, googleAt(base, c, nil))
	for _, tt := range []struct {
		name string
		o    socialtest.TokenOptions
		only []string // the client's own list
		say  string
	}{
		{"web", socialtest.TokenOptions{Aud: webID}, nil, ""},
		{"android brings the web's", socialtest.TokenOptions{Aud: webID, Azp: androidID}, nil, ""},
		{"no azp", socialtest.TokenOptions{Claims: map[string]any{"azp": nil}}, nil, ""},
		{"two with azp", socialtest.TokenOptions{Claims: map[string]any{"aud": []string{"x", webID}}}, nil, ""},
		{"list of one", socialtest.TokenOptions{Claims: map[string]any{"aud": []string{webID}, "azp": nil}}, nil, ""},
		{"client takes this one", socialtest.TokenOptions{Aud: webID}, []string{webID}, ""},
		{"android is no audience", socialtest.TokenOptions{Aud: androidID}, nil,
			"the google token was issued to client " + androidID + ", not to one of the 2 accepted"},
		{"stranger presents it", socialtest.TokenOptions{Aud: webID, Azp: "evil"}, nil,
			"the google token was issued to client evil, not to one of the 2 accepted"},
		{"two without azp", socialtest.TokenOptions{Claims: map[string]any{"aud": []string{"x", webID}, "azp": nil}}, nil,
			"the google token is for 2 clients and does not say which one it was issued to"},
		{"client takes another", socialtest.TokenOptions{Aud: webID}, []string{iosID},
			"the google token was issued to client " + webID + ", not to the one accepted"},
		{"client takes what is not configured", socialtest.TokenOptions{Aud: "evil"}, []string{"evil"},
			"the google token was issued to client evil, and none is accepted from this client"},
		{"part of an id", socialtest.TokenOptions{Aud: webID[:10]}, nil,
			"the google token was issued to client " + webID[:10] + ", not to one of the 2 accepted"},
		{"unprintable", socialtest.TokenOptions{Aud: "a\"\n\\é" + strings.Repeat("x", 200)}, nil,
			"the google token was issued to client a????" + strings.Repeat("x", 92) + "..., not to one of the 2 accepted"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			made := g.Mint(tt.o)
			tok := idToken(made.IDToken)
			tok.Audiences = tt.only
			if tt.say == "" {
				verified(t, p, tok)
				return
			}
			told(t, refusal(t, p, tok), social.ReasonAudience, tt.say)
			if tt.o.Claims == nil { // which the access token has not
				tok = accessToken(made.AccessToken)
				tok.Audiences = tt.only
				told(t, refusal(t, p, tok), social.ReasonAudience, tt.say)
			}
		})
	}
}

func TestDomainsHoldOnEveryPath(t *testing.T) {
	c := newClock()
	g, base := newGoogle(t, c)
	p := provider(t, googleAt(base, c, func(cfg *social.Config) { cfg.Domains = []string{"Corp.example"} }))
	for _, tt := range []struct{ name, hd, email, say string }{
		{"inside", "corp.example", "a@corp.example", ""},
		{"outside", "evil.example", "a@evil.example", "the google account belongs to none of the accepted domains"},
		{"address only", "", "a@corp.example", "the google account belongs to none of the accepted domains"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			made := g.Mint(socialtest.TokenOptions{Email: tt.email, Hd: tt.hd})
			for _, tok := range []social.Token{idToken(made.IDToken), accessToken(made.AccessToken)} {
				if tt.say == "" {
					verified(t, p, tok)
				} else {
					told(t, refusal(t, p, tok), social.ReasonProviderRefused, tt.say)
				}
			}
		})
	}
}

func TestGoogleAccessTokenBecomesAnIdentity(t *testing.T) {
	c := newClock()
	g, base := newGoogle(t, c)
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
					IssuedAt: start,
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
