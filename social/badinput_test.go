package social_test

import (
	"context"
	"encoding/base64"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"gatehouse/social"
	"gatehouse/social/socialtest"
)

// TestBadIDTokens has a row for each thing that can be wrong with one, for both
// providers, which take the same path.
func TestBadIDTokens(t *testing.T) {
	c := newClock()
	g, googleURL := stillGoogle(t)
	f, facebookURL := stillFacebook(t)
	googleP := provider(t, googleAt(googleURL, c, nil))
	facebookP := provider(t, facebookAt(facebookURL, c, nil))
	claims := func(name string, value any) socialtest.TokenOptions {
		return socialtest.TokenOptions{Claims: map[string]any{name: value}}
	}
	at := func(d time.Duration) int64 { return start.Add(d).Unix() }
	const refused, expired, audience = social.ReasonProviderRefused, social.ReasonExpired, social.ReasonAudience
	const unverified = "could not be verified"

	for _, tt := range []struct {
		name        string
		o           socialtest.TokenOptions
		reason, say string // say follows "the … token "
	}{
		{"expired", socialtest.TokenOptions{ExpiresIn: new(int64(-61))}, expired, "expired at 09:58:59Z; sign in again"},
		{"expired yesterday", socialtest.TokenOptions{ExpiresIn: new(int64(-86401))}, expired, "expired at 2026-05-03T09:59:59Z; sign in again"},
		{"too old", claims("iat", at(-10*time.Minute-time.Second)), expired, "was issued at 09:49:59Z and is too old; sign in again"},
		{"issued in the future", claims("iat", at(61*time.Second)), refused, "is not yet valid"},
		{"not yet valid", claims("nbf", at(61*time.Second)), refused, "is not yet valid"},
		{"far from valid", claims("nbf", at(time.Hour)), refused, "is not yet valid"},
		{"no iat", claims("iat", nil), refused, unverified},
		{"no exp", claims("exp", nil), refused, unverified},
		{"ends before it begins", claims("exp", at(-time.Minute-time.Second)), expired, "expired at 09:58:59Z; sign in again"},
		{"iat is text", claims("iat", "now"), refused, unverified},
		{"iat beyond all calendars", claims("iat", 1e300), refused, unverified},
		{"lives too long", claims("exp", at(24*time.Hour+time.Second)), refused, unverified},
		{"no subject", claims("sub", nil), refused, unverified},
		{"empty subject", claims("sub", ""), refused, unverified},
		{"subject with NUL", claims("sub", "a\x00"), refused, unverified},
		{"long subject", claims("sub", strings.Repeat("1", 256)), refused, unverified},
		{"wrong issuer", socialtest.TokenOptions{Issuer: "https://evil.example"}, refused, unverified},
		{"issuer with a slash", socialtest.TokenOptions{Issuer: "https://accounts.google.com/"}, refused, unverified},
		{"no issuer", claims("iss", nil), refused, unverified},
		{"no audience", claims("aud", nil), audience, ""},
		{"empty audience", claims("aud", ""), refused, unverified},
		{"alg none", socialtest.TokenOptions{Alg: "none"}, refused, unverified},
		{"HS256 with the public key", socialtest.TokenOptions{Alg: "HS256"}, refused, unverified},
		{"RS512", socialtest.TokenOptions{Alg: "RS512"}, refused, unverified},
		{"unknown kid", socialtest.TokenOptions{Kid: "nobody"}, refused, unverified},
		{"JSON serialization", socialtest.TokenOptions{JSON: true}, refused, unverified},
		{"longer than 16 KiB", claims("pad", strings.Repeat("x", 16<<10)), refused, unverified},
		{"another app", socialtest.TokenOptions{Aud: "evil"}, audience, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, at := range []struct {
				name, accepted string
				p              social.Provider
				text           string
			}{
				{"google", "not to one of the 2 accepted", googleP, g.Mint(tt.o).IDToken},
				{"facebook", "not to the one accepted", facebookP, f.Mint(tt.o).IDToken},
			} {
				say := tt.say
				if tt.reason == audience {
					to := "client " + tt.o.Aud
					if tt.o.Aud == "" {
						to = "no client"
						if at.name == "google" {
							to = "client " + webID // which is left in azp
						}
					}
					say = "was issued to " + to + ", " + at.accepted
				}
				told(t, refusal(t, at.p, idToken(at.text)), tt.reason, "the "+at.name+" token "+say)
			}
		})
	}
}

// TestMalformedTokens changes the text of a good token.
func TestMalformedTokens(t *testing.T) {
	c := newClock()
	g, base := newGoogle(t, c)
	p := provider(t, googleAt(base, c, nil))
	foreign := g.Mint(socialtest.TokenOptions{Issuer: "https://evil.example"}).IDToken
	told(t, refusal(t, p, idToken(foreign)), social.ReasonProviderRefused, "the google token could not be verified")
	if n := g.Requests("/oauth2/v3/certs"); n != 0 {
		t.Errorf("keys were read for another issuer's token")
	}
	good := g.Mint(socialtest.TokenOptions{}).IDToken
	verified(t, p, idToken(good))
	part := strings.Split(good, ".")
	other := strings.Split(g.Mint(socialtest.TokenOptions{Sub: "other"}).IDToken, ".")
	raw := base64.RawURLEncoding.EncodeToString
	for name, text := range map[string]string{
		"empty":                   "",
		"not a JWT":               "ya29.a0AfH6SM",
		"two segments":            part[0] + "." + part[1],
		"four segments":           good + "." + part[2],
		"no signature":            part[0] + "." + part[1] + ".",
		"leading blank":           " " + good,
		"line end inside":         part[0] + "." + part[1] + "\n." + part[2],
		"padded":                  good + "==",
		"another's signature":     part[0] + "." + part[1] + "." + other[2],
		"another's claims":        part[0] + "." + other[1] + "." + part[2],
		"signature that is short": part[0] + "." + part[1] + "." + part[2][:8],
		"duplicate claim":         part[0] + "." + raw([]byte(`{"iss":"x","iss":"https://accounts.google.com"}`)) + "." + part[2],
		"claims are a list":       part[0] + "." + raw([]byte(`[]`)) + "." + part[2],
		"header is no JSON":       raw([]byte(`x`)) + "." + part[1] + "." + part[2],
		"invalid UTF-8":           "\xff" + good,
	} {
		t.Run(name, func(t *testing.T) {
			told(t, refusal(t, p, idToken(text)), social.ReasonProviderRefused, "the google token could not be verified")
		})
	}
	if n := g.Requests("/oauth2/v3/certs"); n != 1 {
		t.Errorf("keys were read %d times", n)
	}
}

func TestSkewIsForgiven(t *testing.T) {
	c := newClock()
	g, base := stillGoogle(t)
	p := provider(t, googleAt(base, c, nil))
	for name, o := range map[string]socialtest.TokenOptions{
		"just expired":     {ExpiresIn: new(int64(-59)), IssuedAt: start.Add(-5 * time.Minute)},
		"from the future":  {IssuedAt: start.Add(59 * time.Second)},
		"not before":       {NotBefore: start.Add(59 * time.Second)},
		"just old enough":  {IssuedAt: start.Add(-10 * time.Minute)},
		"lives a full day": {ExpiresIn: new(int64(86400))},
	} {
		t.Run(name, func(t *testing.T) { verified(t, p, idToken(g.Mint(o).IDToken)) })
	}
}

// TestWrongKindOfToken is about tokens that are good, but not for what they are
// said to be.
func TestWrongKindOfToken(t *testing.T) {
	c := newClock()
	g, googleURL := newGoogle(t, c)
	f, facebookURL := newFacebook(t, c)
	googleP := provider(t, googleAt(googleURL, c, nil))
	facebookP := provider(t, facebookAt(facebookURL, c, nil))
	const isJWT = "subject_token is a JWT; send subject_token_type urn:ietf:params:oauth:token-type:id_token"
	for _, tt := range []struct {
		name string
		p    social.Provider
		tok  social.Token
		say  string
	}{
		{"Google's ID token", googleP, accessToken(g.Mint(socialtest.TokenOptions{}).IDToken), isJWT},
		{"Limited Login's ID token", facebookP, accessToken(f.Mint(socialtest.TokenOptions{}).IDToken), isJWT},
		{"Facebook's access token", facebookP, idToken(f.Mint(socialtest.TokenOptions{}).AccessToken), "the facebook token could not be verified"},
		{"header injection", facebookP, accessToken("EAAB\r\nX: y"), "the facebook token could not be verified"},
		{"empty", facebookP, accessToken(""), "the facebook token could not be verified"},
		{"endless", facebookP, accessToken(strings.Repeat("E", 9000)), "the facebook token could not be verified"},
		{"unknown kind", googleP, social.Token{Kind: "saml2", Text: "x"}, "the google token is of a kind that is not accepted"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			told(t, refusal(t, tt.p, tt.tok), social.ReasonProviderRefused, tt.say)
		})
	}
	if n := f.Requests("/debug_token"); n != 0 {
		t.Errorf("Facebook was asked %d times", n)
	}
}

// TestFaultsAreNeverTheTokensFault lets each provider fail in every way, on
// every path.
func TestFaultsAreNeverTheTokensFault(t *testing.T) {
	c := newClock()
	g, googleURL := newGoogle(t, c)
	f, facebookURL := newFacebook(t, c)
	impatient := func(cfg *social.Config) { cfg.CallTimeout = 250 * time.Millisecond }
	googleTokens, facebookTokens := g.Mint(socialtest.TokenOptions{}), f.Mint(socialtest.TokenOptions{})
	for _, fault := range []string{"down", "slow", "rate_limited", "garbage", "false", "huge", "reset"} {
		for _, tt := range []struct {
			name string
			set  func(string) error
			cfg  social.Config
			tok  social.Token
		}{
			{"google", g.SetFault, googleAt(googleURL, c, impatient), idToken(googleTokens.IDToken)},
			{"google", g.SetFault, googleAt(googleURL, c, impatient), accessToken(googleTokens.AccessToken)},
			{"facebook", f.SetFault, facebookAt(facebookURL, c, impatient), idToken(facebookTokens.IDToken)},
			{"facebook", f.SetFault, facebookAt(facebookURL, c, impatient), accessToken(facebookTokens.AccessToken)},
		} {
			t.Run(fault+" "+tt.name+" "+string(tt.tok.Kind), func(t *testing.T) {
				if err := tt.set(fault); err != nil {
					t.Fatal(err)
				}
				defer tt.set("ok")
				p := provider(t, tt.cfg)
				e := refusal(t, p, tt.tok)
				told(t, e, social.ReasonProviderDown, tt.name+" cannot be reached")
				for _, secret := range []string{tt.tok.Text, appSecret, "doctype", "http://"} {
					if strings.Contains(e.Error(), secret) || strings.Contains(p.Health().LastError, secret) {
						t.Errorf("%q stands in %q, %q", secret, e, p.Health().LastError)
					}
				}
				if h := p.Health(); h.State != social.StateFailing || h.LastError == "" {
					t.Errorf("health %+v", h)
				}
			})
		}
	}
}

// TestLaterCallsMayFailToo lets each answer of an access token's path but the
// first go wrong.
func TestLaterCallsMayFailToo(t *testing.T) {
	c := newClock()
	for name, answer := range map[string]string{
		"HTML": "<p>hello", "false": "false", "null": "null", "empty": "", "empty object": "{}", "cut off": `{"id":"1"`,
		"long, yet JSON": `{"id":"1","sub":"1"}` + strings.Repeat(" ", 1<<20),
	} {
		t.Run(name, func(t *testing.T) {
			mux := http.NewServeMux()
			write := func(path, text string) {
				mux.HandleFunc(path, func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte(text)) })
			}
			write("/tokeninfo", `{"aud":"`+webID+`","azp":"`+webID+`"}`)
			write("/v1/userinfo", answer)
			write("/v26.0/debug_token", `{"data":{"app_id":"`+appID+`","type":"USER","is_valid":true,"user_id":"1"}}`)
			write("/v26.0/me", answer)
			base := serve(t, mux)
			told(t, refusal(t, provider(t, googleAt(base, c, nil)), accessToken("t")), social.ReasonProviderDown, "google cannot be reached")
			told(t, refusal(t, provider(t, facebookAt(base, c, nil)), accessToken("t")), social.ReasonProviderDown, "facebook cannot be reached")
		})
	}
}

func TestWhoeverLeavesIsNoFailure(t *testing.T) {
	c := newClock()
	g, base := stillGoogle(t)
	p := provider(t, googleAt(base, c, nil))
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	for range 10 {
		_, err := p.Verify(ctx, accessToken(g.Mint(socialtest.TokenOptions{}).AccessToken))
		if e, ok := errors.AsType[*social.Error](err); !ok || e.Reason != social.ReasonProviderDown {
			t.Fatalf("error %v", err)
		}
	}
	if h := p.Health(); h.State != social.StateUnknown {
		t.Errorf("health %+v", h)
	}
	verified(t, p, accessToken(g.Mint(socialtest.TokenOptions{}).AccessToken))
}
