package main

import (
	"net"
	"net/http"
	"slices"
	"sync"

	"gatehouse/social"
	"gatehouse/social/socialtest"
)

// A provider that nobody configured has a stand-in, and is configured against it.

// standIns are the listeners of the stand-ins. They come before the public
// one, whose handler is made for the providers that theirs add.
func (p *devProcess) standIns() []part {
	p.standing = make(map[string]devProvider)
	var parts []part
	if !p.cfg.hasProvider("google") {
		parts = append(parts, part{"stub.google.addr", p.cfg.StubGoogleAddr, p.googleHandler})
	}
	if !p.cfg.hasProvider("facebook") {
		parts = append(parts, part{"stub.facebook.addr", p.cfg.StubFacebookAddr, p.facebookHandler})
	}
	return parts
}

func (p *devProcess) googleHandler() (http.Handler, error) {
	base, app := p.urls["stub.google.addr"], p.data.StandIns["google"]
	p.cfg.addProvider(app.google(base))
	p.standing["google"] = devProvider{base, app.ClientID}
	return whenAsked(func() http.Handler {
		g := socialtest.NewGoogle(socialtest.GoogleConfig{ClientIDs: []string{app.ClientID}, ClientSecret: app.ClientSecret})
		g.SetURL(base)
		return g
	}), nil
}

func (p *devProcess) facebookHandler() (http.Handler, error) {
	base, app := p.urls["stub.facebook.addr"], p.data.StandIns["facebook"]
	p.cfg.addProvider(app.facebook(base))
	p.standing["facebook"] = devProvider{base, app.ClientID}
	return whenAsked(func() http.Handler {
		f := socialtest.NewFacebook(socialtest.FacebookConfig{AppID: app.ClientID, AppSecret: app.ClientSecret})
		f.SetURL(base)
		return f
	}), nil
}

// whenAsked makes a handler at its first request: a stand-in's RSA keys take
// longer than all else that gatehouse dev does to start.
func whenAsked(make func() http.Handler) http.Handler {
	once := sync.OnceValue(make)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { once().ServeHTTP(w, r) })
}

// google is the provider of which base is the stand-in; so is facebook.
func (a devApp) google(base string) social.Config {
	return social.Config{
		Name: "google", ClientID: a.ClientID, ClientSecret: a.ClientSecret, AccessTokens: true,
		AuthorizationURL: base + "/o/oauth2/v2/auth", TokenURL: base + "/token",
		JWKSURI: base + "/oauth2/v3/certs", TokenInfoURL: base + "/tokeninfo", UserInfoURL: base + "/v1/userinfo",
	}
}

func (a devApp) facebook(base string) social.Config {
	return social.Config{
		Name: "facebook", ClientID: a.ClientID, ClientSecret: a.ClientSecret,
		JWKSURI: base + "/.well-known/oauth/openid/jwks/", GraphURL: base, DialogURL: base + "/dialog/oauth",
	}
}

// addProvider puts a provider in its place.
func (c *Config) addProvider(p social.Config) {
	c.Providers = append(slices.Clone(c.Providers), p)
	slices.SortFunc(c.Providers, byName)
}

// addStandIns adds the providers of a gatehouse dev that runs on d with the
// same addresses.
func (c *Config) addStandIns(d *devData) error {
	for _, s := range []struct {
		name, key, addr string
		at              func(devApp, string) social.Config
	}{
		{"google", "stub.google.addr", c.StubGoogleAddr, devApp.google},
		{"facebook", "stub.facebook.addr", c.StubFacebookAddr, devApp.facebook},
	} {
		app, ok := d.StandIns[s.name]
		if !ok || c.hasProvider(s.name) {
			continue
		}
		if _, port, _ := net.SplitHostPort(s.addr); port == "0" {
			return c.wrong(s.key, s.addr+" does not tell the port")
		}
		c.addProvider(s.at(app, "http://"+s.addr))
	}
	return nil
}
