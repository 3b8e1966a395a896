package social_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"net/http"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"gatehouse/social"
	"gatehouse/social/socialtest"
)

// together verifies tok a thousand times at once, and returns how often that failed.
func together(p social.Provider, tok social.Token) (failed int) {
	const n = 1000
	errs := make(chan error, n)
	begin := make(chan struct{})
	var all sync.WaitGroup
	for range n {
		all.Go(func() {
			<-begin
			_, err := p.Verify(context.Background(), tok)
			errs <- err
		})
	}
	close(begin)
	all.Wait()
	close(errs)
	for err := range errs {
		if err != nil {
			failed++
		}
	}
	return failed
}

// TestAThousandTokensReadTheKeysOnce is the race that matters: a server that
// has just started, and one whose provider has just changed keys.
func TestAThousandTokensReadTheKeysOnce(t *testing.T) {
	c := newClock()
	g, base := newGoogle(t, c)
	p := provider(t, googleAt(base, c, nil))
	const keys = "/oauth2/v3/certs"
	if failed := together(p, idToken(g.Mint(socialtest.TokenOptions{}).IDToken)); failed > 0 || g.Requests(keys) != 1 {
		t.Errorf("cold: %d failed, keys were read %d times", failed, g.Requests(keys))
	}
	if err := g.SetFault("rotate_keys"); err != nil {
		t.Fatal(err)
	}
	if failed := together(p, idToken(g.Mint(socialtest.TokenOptions{}).IDToken)); failed > 0 || g.Requests(keys) != 2 {
		t.Errorf("rotated: %d failed, keys were read %d times", failed, g.Requests(keys))
	}
}

func TestAKidFloodReadsTheKeysOnceAMinute(t *testing.T) {
	c := newClock()
	g, base := newGoogle(t, c)
	p := provider(t, googleAt(base, c, nil))
	verified(t, p, idToken(g.Mint(socialtest.TokenOptions{}).IDToken))
	for minute := 1; minute <= 3; minute++ {
		for n := range 20 {
			tok := idToken(g.Mint(socialtest.TokenOptions{Kid: "made-up-" + strconv.Itoa(n)}).IDToken)
			told(t, refusal(t, p, tok), social.ReasonProviderRefused, "the google token could not be verified")
		}
		if n := g.Requests("/oauth2/v3/certs"); n != 1+minute {
			t.Errorf("minute %d: keys were read %d times", minute, n)
		}
		c.pass(time.Minute)
	}
}

func TestAnUnknownKeyOfAProviderThatIsDownIsNotInvalid(t *testing.T) {
	c := newClock()
	g, base := newGoogle(t, c)
	p := provider(t, googleAt(base, c, nil))
	verified(t, p, idToken(g.Mint(socialtest.TokenOptions{}).IDToken))
	g.SetFault("rotate_keys")
	g.SetFault("down")
	tok := idToken(g.Mint(socialtest.TokenOptions{}).IDToken)
	for range 2 { // the second time nobody asks, and the answer is the same
		told(t, refusal(t, p, tok), social.ReasonProviderDown, "google cannot be reached")
	}
	g.SetFault("ok")
	c.pass(time.Minute)
	verified(t, p, tok)
}

func TestKeysAreKeptAsLongAsTheirHeadersSay(t *testing.T) {
	for header, kept := range map[string]time.Duration{
		"max-age=1800":                  30 * time.Minute,
		"public, Max-Age=\"1800\"":      30 * time.Minute,
		"max-age=1":                     5 * time.Minute,
		"no-store":                      5 * time.Minute,
		"max-age=9999999":               24 * time.Hour,
		"max-age=99999999999999999999":  time.Hour,
		"max-age=-5":                    time.Hour,
		"":                              time.Hour,
		"s-maxage=60, x-max-age=60":     time.Hour,
		"max-age=3600, must-revalidate": time.Hour,
	} {
		t.Run(header, func(t *testing.T) {
			i := newIssuer(t)
			key, _ := testKeys()
			set := jose.JSONWebKeySet{Keys: []jose.JSONWebKey{publicKey("r", key.Public())}}
			i.json("/body", set)
			body := i.answers["/body"]
			i.answer("/jwks", func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Cache-Control", header)
				body(w, r)
			})
			p := provider(t, i.config(func(cfg *social.Config) { cfg.JWKSURI, cfg.MaxAge = i.url+"/jwks", 24*time.Hour }))
			tok := idToken(i.token(t, map[string]any{"exp": start.Add(24 * time.Hour).Unix()}))
			verified(t, p, tok)
			i.clock.pass(kept - time.Second)
			verified(t, p, tok)
			if n := i.asked("/jwks"); n != 1 {
				t.Errorf("read %d times before their time", n)
			}
			i.clock.pass(time.Second)
			verified(t, p, tok)
			if n := i.asked("/jwks"); n != 2 {
				t.Errorf("read %d times after their time", n)
			}
		})
	}
}

// TestOldKeysServeWhileTheProviderIsDown has keys that are fresh for an hour.
func TestOldKeysServeWhileTheProviderIsDown(t *testing.T) {
	i := newIssuer(t)
	p := provider(t, i.config(func(cfg *social.Config) { cfg.JWKSURI = i.url + "/jwks" }))
	fresh := func() social.Token {
		now := i.clock.now()
		return idToken(i.token(t, map[string]any{"iat": now.Unix(), "exp": now.Add(time.Hour).Unix()}))
	}
	verified(t, p, fresh())
	read := p.Health().KeysRead
	i.answer("/jwks", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) })

	i.clock.pass(time.Hour)
	for range 10 {
		verified(t, p, fresh())
	}
	if n := i.asked("/jwks"); n != 2 {
		t.Errorf("read %d times within a minute", n)
	}
	if h := p.Health(); h.State != social.StateFailing || h.LastError != "keys: answered 403" || !h.KeysRead.Equal(read) {
		t.Errorf("health %+v", h)
	}
	i.clock.pass(24*time.Hour - time.Second)
	verified(t, p, fresh())
	i.clock.pass(time.Second)
	told(t, refusal(t, p, fresh()), social.ReasonProviderDown, "corp cannot be reached")
}

func TestKeysThatAreNoUse(t *testing.T) {
	i := newIssuer(t)
	key, ecKey := testKeys()
	weak, err := rsa.GenerateKey(rand.Reader, 1024) // RFC 7518 §3.3 asks for 2048
	if err != nil {
		t.Fatal(err)
	}
	good := publicKey("r", key.Public())
	encryption, another := good, good
	encryption.Use, another.Algorithm = "enc", "RS512"
	const refused, down = social.ReasonProviderRefused, social.ReasonProviderDown
	weakToken := sign(t, jose.RS256, weak, "weak", i.claims(nil))
	for _, tt := range []struct {
		name   string
		keys   []any
		text   string
		reason string // empty: accepted
	}{
		{"beside others", []any{map[string]any{"kty": "OKP", "crv": "X448", "x": "AA"}, "x", nil, good}, i.token(t, nil), ""},
		{"without kid", []any{publicKey("", ecKey.Public()), publicKey("", key.Public())}, sign(t, jose.RS256, key, "", i.claims(nil)), ""},
		{"two with one kid", []any{publicKey("r", ecKey.Public()), good}, i.token(t, nil), ""},
		{"none", []any{}, i.token(t, nil), down},
		{"symmetric", []any{map[string]any{"kty": "oct", "kid": "r", "k": "c2VjcmV0"}}, i.token(t, nil), down},
		{"for encryption", []any{encryption}, i.token(t, nil), down},
		{"for another algorithm", []any{another}, i.token(t, nil), refused},
		{"weak", []any{publicKey("weak", weak.Public()), good}, weakToken, refused},
		{"not published", []any{publicKey("r", ecKey.Public())}, sign(t, jose.RS256, key, "", i.claims(nil)), refused},
	} {
		t.Run(tt.name, func(t *testing.T) {
			i.json("/jwks", map[string]any{"keys": tt.keys})
			p := provider(t, i.config(func(cfg *social.Config) { cfg.JWKSURI = i.url + "/jwks" }))
			if tt.reason == "" {
				verified(t, p, idToken(tt.text))
				return
			}
			if e := refusal(t, p, idToken(tt.text)); e.Reason != tt.reason {
				t.Errorf("%s: %v", e.Reason, e)
			}
		})
	}
}
