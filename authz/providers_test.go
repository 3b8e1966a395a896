package authz

import (
	"log/slog"
	"net/http/httptest"
	"sync"
	"testing"

	"gatehouse/social"
	"gatehouse/social/socialtest"
)

const (
	webAudience     = "web.apps.googleusercontent.com"
	androidAudience = "android.apps.googleusercontent.com"
	googleSecret    = "the-secret-of-the-google-client"
	facebookApp     = "250250250250250"
	facebookSecret  = "the-secret-of-the-facebook-app"
)

// standIns are Google and Facebook for all tests of this package: their keys
// take a while to make.
var standIns struct {
	once     sync.Once
	google   *socialtest.Google
	facebook *socialtest.Facebook
	urls     [2]string
	list     []social.Provider
}

func testProviders(t testing.TB) []social.Provider {
	t.Helper()
	standIns.once.Do(func() {
		standIns.google = socialtest.NewGoogle(socialtest.GoogleConfig{ClientIDs: []string{webAudience}, ClientSecret: googleSecret})
		standIns.facebook = socialtest.NewFacebook(socialtest.FacebookConfig{AppID: facebookApp, AppSecret: facebookSecret})
		standIns.urls[0] = httptest.NewServer(standIns.google).URL
		standIns.urls[1] = httptest.NewServer(standIns.facebook).URL
		standIns.list = []social.Provider{newTestProvider(t, "google", social.Config{}), newTestProvider(t, "facebook", social.Config{})}
	})
	return standIns.list
}

// newTestProvider is an adapter of its own, with its own keys and breaker.
func newTestProvider(t testing.TB, name string, cfg social.Config) social.Provider {
	t.Helper()
	cfg.Name, cfg.AllowLoopback, cfg.Log = name, true, slog.New(slog.DiscardHandler)
	if name == "google" {
		base := standIns.urls[0]
		cfg.Audiences, cfg.AccessTokens = []string{webAudience, androidAudience}, true
		cfg.ClientID, cfg.ClientSecret = webAudience, googleSecret
		cfg.AuthorizationURL, cfg.TokenURL = base+"/o/oauth2/v2/auth", base+"/token"
		cfg.JWKSURI, cfg.TokenInfoURL, cfg.UserInfoURL = base+"/oauth2/v3/certs", base+"/tokeninfo", base+"/v1/userinfo"
	} else {
		base := standIns.urls[1]
		cfg.ClientID, cfg.ClientSecret, cfg.GraphURL, cfg.DialogURL = facebookApp, facebookSecret, base, base+"/dialog/oauth"
		cfg.JWKSURI = base + "/.well-known/oauth/openid/jwks/"
	}
	p, err := social.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// google mints what Google would give a frontend.
func (w *world) google(o socialtest.TokenOptions) socialtest.Tokens {
	w.t.Helper()
	testProviders(w.t)
	return standIns.google.Mint(o)
}

func (w *world) facebook(o socialtest.TokenOptions) socialtest.Tokens {
	w.t.Helper()
	testProviders(w.t)
	return standIns.facebook.Mint(o)
}
