package social_test

import (
	"context"
	"crypto/elliptic"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"gatehouse/social"
)

func TestAnyIssuerIsFoundByDiscovery(t *testing.T) {
	i := newIssuer(t)
	p := provider(t, i.config(nil))
	if n := i.asked("/.well-known/openid-configuration"); n != 0 {
		t.Fatalf("asked %d times before there is a token", n)
	}
	_, ecKey := testKeys()
	changes := map[string]any{"preferred_username": "gracie", "may_act": map[string]any{"sub": "admin"}}
	for name, text := range map[string]string{
		"RS256": i.token(t, changes),
		"ES256": sign(t, jose.ES256, ecKey, "e", i.claims(changes)),
	} {
		t.Run(name, func(t *testing.T) {
			id := verified(t, p, idToken(text))
			want := &social.Identity{
				Provider: "corp", Issuer: i.url, Subject: "s-1", Email: "grace@corp.example", EmailVerified: true,
				Name: "Grace Brewster Hopper", FirstName: "Grace", LastName: "Brewster Hopper", Username: "gracie",
				MayAct: json.RawMessage(`{"sub":"admin"}`), IssuedAt: start, SignedInAt: start, ExpiresAt: start.Add(62 * time.Minute),
			}
			if diff := cmp.Diff(want, id, cmpopts.IgnoreFields(social.Identity{}, "Replay")); diff != "" {
				t.Errorf("identity (-want, +got):\n%s", diff)
			}
		})
	}
	if d, k := i.asked("/.well-known/openid-configuration"), i.asked("/jwks"); d != 1 || k != 1 {
		t.Errorf("discovery %d times, keys %d times", d, k)
	}
}

func TestClaimsAreMadeHarmless(t *testing.T) {
	i := newIssuer(t)
	p := provider(t, i.config(nil))
	long := strings.Repeat("é", 200)
	for _, tt := range []struct {
		name    string
		changes map[string]any
		got     func(*social.Identity) string
		want    string
	}{
		{"control characters", map[string]any{"name": " A\x00\nB\u202e "}, func(id *social.Identity) string { return id.Name }, "A B"},
		{"long name", map[string]any{"name": long}, func(id *social.Identity) string { return id.Name }, long[:300]},
		{"long username", map[string]any{"preferred_username": long}, func(id *social.Identity) string { return id.Username }, long[:300]},
		{"username from the address", nil, func(id *social.Identity) string { return id.Username }, "grace"},
		{"no address", map[string]any{"email": "grace"}, func(id *social.Identity) string { return id.Email }, ""},
		{"address in two lines", map[string]any{"email": "a@b.example\nBcc: c"}, func(id *social.Identity) string { return id.Email }, ""},
		{"picture by script", map[string]any{"picture": "javascript:alert(1)"}, func(id *social.Identity) string { return id.Picture }, ""},
		{"picture", map[string]any{"picture": "https://corp.example/g.png"}, func(id *social.Identity) string { return id.Picture }, "https://corp.example/g.png"},
		{"may_act is text", map[string]any{"may_act": "x"}, func(id *social.Identity) string { return string(id.MayAct) }, ""},
		{"given name only", map[string]any{"given_name": "Grace"}, func(id *social.Identity) string { return id.FirstName + "/" + id.LastName }, "Grace/"},
		{"times in fractions", map[string]any{"iat": float64(start.Unix()) + .5}, func(id *social.Identity) string { return id.IssuedAt.Format(time.RFC3339) }, "2026-05-04T10:00:00Z"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.got(verified(t, p, idToken(i.token(t, tt.changes)))); got != tt.want {
				t.Errorf("%q, want %q", got, tt.want)
			}
		})
	}
}

func TestSilenceOnAnAddressIsTrustedOnDemand(t *testing.T) {
	i := newIssuer(t)
	wary := provider(t, i.config(nil))
	trusting := provider(t, i.config(func(cfg *social.Config) { cfg.TrustEmail = true }))
	for _, tt := range []struct {
		name           string
		value          any
		wary, trusting bool
	}{
		{"yes", true, true, true},
		{"yes as text", "true", true, true},
		{"silence", nil, false, true},
		{"no", false, false, false},
		{"no as text", "false", false, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tok := idToken(i.token(t, map[string]any{"email_verified": tt.value}))
			if got := verified(t, wary, tok).EmailVerified; got != tt.wary {
				t.Errorf("wary: %v", got)
			}
			if id := verified(t, trusting, tok); id.EmailVerified != tt.trusting || id.Authoritative {
				t.Errorf("trusting: %v, authoritative %v", id.EmailVerified, id.Authoritative)
			}
		})
	}
}

// TestTheOtherSignatureIsTheSameToken turns (r, s) into (r, n-s), as whoever
// has seen an ES256 token can.
func TestTheOtherSignatureIsTheSameToken(t *testing.T) {
	i := newIssuer(t)
	p := provider(t, i.config(nil))
	_, key := testKeys()
	one := sign(t, jose.ES256, key, "e", i.claims(nil))
	cut := strings.LastIndexByte(one, '.') + 1
	signature, err := base64.RawURLEncoding.DecodeString(one[cut:])
	if err != nil {
		t.Fatal(err)
	}
	s := new(big.Int).SetBytes(signature[32:])
	s.Sub(elliptic.P256().Params().N, s).FillBytes(signature[32:])
	other := one[:cut] + base64.RawURLEncoding.EncodeToString(signature)
	if one == other {
		t.Fatal("the signature has not changed")
	}
	if !slices.Equal(verified(t, p, idToken(one)).Replay, verified(t, p, idToken(other)).Replay) {
		t.Error("the token counts as another one")
	}
}

func TestDiscoveryIsNotBelievedBlindly(t *testing.T) {
	for _, tt := range []struct {
		name, member, value, health string
	}{
		{"another issuer", "issuer", "https://evil.example", "discovery speaks of issuer"},
		{"trailing slash", "issuer", "URL/", "discovery speaks of issuer"},
		{"keys without TLS", "jwks_uri", "http://corp.example/jwks", "discovery's jwks_uri: it must begin with https://"},
		{"introspection without TLS", "introspection_endpoint", "http://corp.example/i", "discovery's introspection_endpoint"},
		{"keys in a file", "jwks_uri", "file:///etc/passwd", "discovery's jwks_uri"},
		{"no keys", "jwks_uri", "", "discovery names no jwks_uri"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			i := newIssuer(t)
			document := map[string]any{"issuer": i.url, "jwks_uri": i.url + "/jwks"}
			document[tt.member] = strings.Replace(tt.value, "URL", i.url, 1)
			i.json("/.well-known/openid-configuration", document)
			p := provider(t, i.config(nil))
			told(t, refusal(t, p, idToken(i.token(t, nil))), "", "sign-in with corp is set up wrongly here")
			if h := p.Health(); h.State != social.StateFailing || !strings.Contains(h.LastError, tt.health) {
				t.Errorf("health %+v", h)
			}
			if err := p.Check(context.Background()); err == nil || !strings.Contains(err.Error(), tt.health) {
				t.Errorf("check says %v", err)
			}
			if n := i.asked("/jwks"); n != 0 {
				t.Errorf("keys were read %d times", n)
			}
		})
	}
}

func TestDiscoveryKeepsTheIssuersSlash(t *testing.T) {
	i := newIssuer(t)
	i.json("/.well-known/openid-configuration", map[string]any{"issuer": i.url + "/", "jwks_uri": i.url + "/jwks"})
	p := provider(t, i.config(func(cfg *social.Config) { cfg.Issuer += "/" }))
	verified(t, p, idToken(i.token(t, map[string]any{"iss": i.url + "/"})))
	told(t, refusal(t, p, idToken(i.token(t, nil))), social.ReasonProviderRefused, "the corp token could not be verified")
}

func TestGivenAddressesNeedNoDiscovery(t *testing.T) {
	i := newIssuer(t)
	i.json("/introspect", map[string]any{"active": true, "client_id": "us", "sub": "s-1"})
	i.json("/userinfo", map[string]any{"sub": "s-1"})
	p := provider(t, i.config(func(cfg *social.Config) {
		cfg.JWKSURI, cfg.IntrospectURL, cfg.UserInfoURL = i.url+"/jwks", i.url+"/introspect", i.url+"/userinfo"
	}))
	verified(t, p, idToken(i.token(t, nil)))
	verified(t, p, accessToken("opaque"))
	verified(t, p, accessToken(i.token(t, nil))) // as RFC 9068 has them
	if n := i.asked("/.well-known/openid-configuration"); n != 0 {
		t.Errorf("discovery was asked %d times", n)
	}
}

func TestIntrospectionDecidesOnAccessTokens(t *testing.T) {
	const refused, down, audience = social.ReasonProviderRefused, social.ReasonProviderDown, social.ReasonAudience
	const unverified, cannot = "the corp token could not be verified", "corp cannot be reached"
	const dead, wrong = "the corp token is not valid or has expired; sign in again", "sign-in with corp is set up wrongly here"
	for _, tt := range []struct {
		name               string
		status, userStatus int
		token, user        string
		reason, say        string // say empty: accepted
	}{
		{"ours", 200, 200, `{"active":true,"client_id":"us","sub":"s-1"}`, `{"sub":"s-1"}`, "", ""},
		{"we are in aud", 200, 200, `{"active":true,"aud":["x","us"],"sub":"s-1"}`, `{"sub":"s-1"}`, "", ""},
		{"userinfo names the person", 200, 200, `{"active":true,"client_id":"us"}`, `{"sub":"s-1"}`, "", ""},
		{"no scope for userinfo", 200, 403, `{"active":true,"client_id":"us","sub":"s-1"}`, `{}`, "", ""},
		{"no userinfo, no person", 200, 403, `{"active":true,"client_id":"us"}`, `{}`, refused, unverified},
		{"inactive", 200, 200, `{"active":false}`, `{"sub":"s-1"}`, refused, dead},
		{"another's", 200, 200, `{"active":true,"client_id":"evil","aud":"api","sub":"s-1"}`, `{"sub":"s-1"}`, audience,
			"the corp token was issued to client evil, not to the one accepted"},
		{"another's, and we are in aud", 200, 200, `{"active":true,"client_id":"spa","aud":["x","us"],"sub":"s-1"}`, `{"sub":"s-1"}`, audience,
			"the corp token was issued to client spa, not to the one accepted"},
		{"a refresh token", 200, 200, `{"active":true,"client_id":"us","token_type":"refresh_token","sub":"s-1"}`, `{"sub":"s-1"}`, refused, unverified},
		{"nobody's", 200, 200, `{"active":true,"sub":"s-1"}`, `{"sub":"s-1"}`, audience,
			"the corp token was issued to no client, not to the one accepted"},
		{"another issuer", 200, 200, `{"active":true,"client_id":"us","iss":"https://evil.example"}`, `{"sub":"s-1"}`, refused, unverified},
		{"expired", 200, 200, `{"active":true,"client_id":"us","exp":1777888000}`, `{"sub":"s-1"}`, social.ReasonExpired,
			"the corp token expired at 09:46:40Z; sign in again"},
		{"another person", 200, 200, `{"active":true,"client_id":"us","sub":"s-2"}`, `{"sub":"s-1"}`, refused, unverified},
		{"userinfo refuses", 200, 401, `{"active":true,"client_id":"us","sub":"s-1"}`, `{}`, refused, dead},
		{"userinfo is away", 200, 503, `{"active":true,"client_id":"us","sub":"s-1"}`, ``, down, cannot},
		{"userinfo of nobody", 200, 200, `{"active":true,"client_id":"us","sub":"s-1"}`, `{}`, down, cannot},
		{"our secret is wrong", 401, 200, `{"error":"invalid_client"}`, `{"sub":"s-1"}`, "", wrong},
		{"no such address", 404, 200, ``, `{"sub":"s-1"}`, down, cannot},
		{"null", 200, 200, `null`, `{"sub":"s-1"}`, down, cannot},
		{"HTML", 200, 200, `<p>hello`, `{"sub":"s-1"}`, down, cannot},
	} {
		t.Run(tt.name, func(t *testing.T) {
			i := newIssuer(t)
			i.answer("/introspect", func(w http.ResponseWriter, r *http.Request) {
				id, secret, _ := r.BasicAuth()
				if id != "us" || secret != "our+secret%3A+%25" || r.PostFormValue("token") != "opaque" { // RFC 6749 §2.3.1
					t.Errorf("introspection is asked by %q, %q about %q", id, secret, r.PostFormValue("token"))
				}
				w.WriteHeader(tt.status)
				w.Write([]byte(tt.token))
			})
			i.answer("/userinfo", func(w http.ResponseWriter, r *http.Request) {
				w.WriteHeader(tt.userStatus)
				w.Write([]byte(tt.user))
			})
			p := provider(t, i.config(nil))
			if tt.say != "" {
				told(t, refusal(t, p, accessToken("opaque")), tt.reason, tt.say)
				if tt.reason == audience && i.asked("/userinfo") != 0 {
					t.Error("userinfo was asked about another client's token")
				}
				return
			}
			if id := verified(t, p, accessToken("opaque")); id.Subject != "s-1" || id.Replay != nil {
				t.Errorf("identity %+v", id)
			}
		})
	}
}

func TestNoIntrospectionIsOurs(t *testing.T) {
	i := newIssuer(t)
	i.json("/.well-known/openid-configuration", map[string]any{"issuer": i.url, "jwks_uri": i.url + "/jwks"})
	p := provider(t, i.config(nil))
	told(t, refusal(t, p, accessToken("opaque")), "", "sign-in with corp is set up wrongly here")
	if err := p.Check(context.Background()); err == nil || !strings.Contains(err.Error(), "no introspection_endpoint") {
		t.Errorf("check says %v", err)
	}
}

func TestCheckAsksAboutATokenThatCannotBe(t *testing.T) {
	i := newIssuer(t)
	i.json("/introspect", map[string]any{"active": false})
	if err := provider(t, i.config(nil)).Check(context.Background()); err != nil {
		t.Error(err)
	}
	i.answer("/introspect", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) })
	err := provider(t, i.config(nil)).Check(context.Background())
	if err == nil || !strings.Contains(err.Error(), "introspection answered 401 to client_id with client_secret") {
		t.Errorf("says %v", err)
	}
}

// The same keys sign more than ID tokens.
func TestOtherJWTsOfTheProviderAreNoIDTokens(t *testing.T) {
	i := newIssuer(t)
	p := provider(t, i.config(nil))
	rsaKey, _ := testKeys()
	for typ, good := range map[jose.ContentType]bool{"JWT": true, "jwt": true, "at+jwt": false, "logout+jwt": false, "application/at+jwt": false} {
		text := sign(t, jose.RS256, rsaKey, "r", i.claims(nil), typ)
		if good {
			verified(t, p, idToken(text))
		} else {
			told(t, refusal(t, p, idToken(text)), social.ReasonProviderRefused, "the corp token could not be verified")
		}
	}
	logout := i.token(t, map[string]any{"events": map[string]any{"http://schemas.openid.net/event/backchannel-logout": map[string]any{}}})
	told(t, refusal(t, p, idToken(logout)), social.ReasonProviderRefused, "the corp token could not be verified")
}
