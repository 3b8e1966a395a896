package social_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"gatehouse/social"
	"gatehouse/social/socialtest"
)

// start is what time it is when a test begins.
var start = time.Date(2026, 5, 4, 10, 0, 0, 0, time.UTC)

const (
	webID     = "1000-web.apps.googleusercontent.com"
	iosID     = "1000-ios.apps.googleusercontent.com"
	androidID = "1000-android.apps.googleusercontent.com"
	appID     = "250250250250250"
	appSecret = "a-secret-of-the-app"
)

// clock is the time for a provider and its stand-in alike.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func newClock() *clock { return &clock{at: start} }

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// serve starts h on loopback and returns its URL.
func serve(t *testing.T, h http.Handler) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}

// provider is social.New for a test, with more patience than there is need for:
// a busy machine is no fault. A client of the test's own has the default.
func provider(t *testing.T, cfg social.Config, change ...func(*social.Config)) social.Provider {
	t.Helper()
	cfg.AllowLoopback = true
	for _, c := range change {
		if c != nil {
			c(&cfg)
		}
	}
	if cfg.HTTPClient == nil && cfg.CallTimeout == 0 {
		cfg.ConnectTimeout, cfg.CallTimeout, cfg.TotalTimeout = 20*time.Second, 20*time.Second, 40*time.Second
	}
	cfg.Log = slog.New(slog.DiscardHandler)
	p, err := social.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// googleAt is a Google whose addresses are all below base.
func googleAt(base string, c *clock, change func(*social.Config)) social.Config {
	cfg := social.Config{
		Name: "google", Audiences: []string{webID, iosID}, Presenters: []string{webID, iosID, androidID},
		AccessTokens: true, Now: c.now,
		JWKSURI: base + "/oauth2/v3/certs", TokenInfoURL: base + "/tokeninfo", UserInfoURL: base + "/v1/userinfo",
	}
	if change != nil {
		change(&cfg)
	}
	return cfg
}

// newGoogle is a stand-in and where it is.
func newGoogle(t *testing.T, c *clock) (*socialtest.Google, string) {
	t.Helper()
	g := socialtest.NewGoogle(socialtest.GoogleConfig{ClientIDs: []string{webID}, Now: c.now})
	return g, serve(t, g)
}

// stillGoogle and stillFacebook are for tests that neither count requests nor
// make the provider fail nor move its time: all share one, since keys take a while.
func stillGoogle(t *testing.T) (*socialtest.Google, string) {
	t.Helper()
	g := oneGoogle()
	return g, serve(t, g)
}

func stillFacebook(t *testing.T) (*socialtest.Facebook, string) {
	t.Helper()
	f := oneFacebook()
	return f, serve(t, f)
}

var oneGoogle = sync.OnceValue(func() *socialtest.Google {
	return socialtest.NewGoogle(socialtest.GoogleConfig{ClientIDs: []string{webID}, Now: newClock().now})
})

var oneFacebook = sync.OnceValue(func() *socialtest.Facebook {
	return socialtest.NewFacebook(socialtest.FacebookConfig{AppID: appID, AppSecret: appSecret, Now: newClock().now})
})

func facebookAt(base string, c *clock, change func(*social.Config)) social.Config {
	cfg := social.Config{
		Name: "facebook", ClientID: appID, ClientSecret: appSecret, GraphVersion: "v26.0", Now: c.now,
		GraphURL: base, JWKSURI: base + "/.well-known/oauth/openid/jwks/",
	}
	if change != nil {
		change(&cfg)
	}
	return cfg
}

func newFacebook(t *testing.T, c *clock) (*socialtest.Facebook, string) {
	t.Helper()
	f := socialtest.NewFacebook(socialtest.FacebookConfig{AppID: appID, AppSecret: appSecret, Now: c.now})
	return f, serve(t, f)
}

// verified is the identity that tok proves; anything else ends the test.
func verified(t *testing.T, p social.Provider, tok social.Token) *social.Identity {
	t.Helper()
	id, err := p.Verify(context.Background(), tok)
	if err != nil {
		t.Fatalf("verify: %v", err)
	}
	return id
}

// refusal is why tok proves nothing.
func refusal(t *testing.T, p social.Provider, tok social.Token) *social.Error {
	t.Helper()
	id, err := p.Verify(context.Background(), tok)
	if err == nil {
		t.Fatalf("accepted, as %+v", id)
	}
	return asError(t, err)
}

// told compares what a client gets to read.
func told(t *testing.T, e *social.Error, reason, say string) {
	t.Helper()
	if e.Reason != reason || e.Say != say {
		t.Errorf("%s: %s\n want %s: %s\n (cause: %v)", e.Reason, e.Say, reason, say, e.Cause)
	}
	if (e.RetryAfter > 0) != (reason == social.ReasonProviderDown) {
		t.Errorf("RetryAfter is %v for reason %q", e.RetryAfter, reason)
	}
	if e.Ours != (reason == "") {
		t.Errorf("Ours is %v for reason %q", e.Ours, reason)
	}
}

func idToken(text string) social.Token { return social.Token{Kind: social.IDToken, Text: text} }

func accessToken(text string) social.Token { return social.Token{Kind: social.AccessToken, Text: text} }

// asError wants err to be an *Error.
func asError(t *testing.T, err error) *social.Error {
	t.Helper()
	e, ok := errors.AsType[*social.Error](err)
	if !ok {
		t.Fatalf("%T is no *social.Error: %v", err, err)
	}
	return e
}

func tokenFor(aud string) socialtest.TokenOptions { return socialtest.TokenOptions{Aud: aud} }
