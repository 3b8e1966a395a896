package social

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// usualDiscoveryLife is how long a discovery document is kept that does not say.
const usualDiscoveryLife = time.Hour

// generic is any provider that speaks OpenID Connect. It is found by discovery
// when a token first needs it, never at start-up.
type generic struct {
	adapter
	found cached[metadata]
}

// metadata is what we use of a discovery document (OIDC Discovery §3).
type metadata struct {
	Issuer        string   `json:"issuer"`
	JWKS          string   `json:"jwks_uri"`
	UserInfo      string   `json:"userinfo_endpoint"`
	Introspect    string   `json:"introspection_endpoint"` // RFC 8414 §2
	Authorization string   `json:"authorization_endpoint"`
	Token         string   `json:"token_endpoint"`
	TokenAuth     []string `json:"token_endpoint_auth_methods_supported"`
	NamesItself   truth    `json:"authorization_response_iss_parameter_supported"` // RFC 9207 §3
}

func newOIDC(cfg Config) (*generic, error) {
	g := &generic{adapter: newAdapter(cfg, []string{cfg.Issuer}, []string{"RS256", "ES256"})}
	g.found.what, g.found.calls, g.found.log = cfg.Name+" discovery", g.calls, cfg.Log
	g.found.read = g.discover
	g.keys = newKeySet(cfg, g.calls, g.keysAddress)
	return g, nil
}

func (g *generic) Verify(ctx context.Context, t Token) (*Identity, error) {
	return g.verify(ctx, t, g.idToken, g.accessToken)
}

func (g *generic) idToken(ctx context.Context, t Token) (*Identity, error) {
	c, err := g.verifiedIDToken(ctx, t)
	if err != nil {
		return nil, err
	}
	return g.person(c), nil
}

// person believes what the provider says of an address, and its silence only
// if the operator does. Nobody knows which addresses it is the authority for.
func (g *generic) person(c *claims) *Identity {
	verified := c.EmailVerified.said() || c.EmailVerified == nil && g.cfg.TrustEmail
	return g.identity(c, verified, false)
}

// discover reads the document and believes it only if it speaks of the very
// issuer configured: a trailing slash counts (OIDC Discovery §4.3).
func (g *generic) discover(ctx context.Context) (metadata, time.Duration, error) {
	var m metadata
	address := strings.TrimSuffix(g.cfg.Issuer, "/") + "/.well-known/openid-configuration" // §4.1
	ans, err := g.calls.do(ctx, request{what: "discovery", url: address, into: &m})
	if err != nil {
		return m, 0, err
	}
	if !ans.ok() {
		return m, 0, g.calls.unexpected("discovery", ans)
	}
	if m.Issuer != g.cfg.Issuer {
		return m, 0, g.misconfigured(fmt.Errorf("discovery speaks of issuer %q instead of %q", shown(m.Issuer), g.cfg.Issuer))
	}
	for _, e := range []struct{ key, value string }{
		{"jwks_uri", m.JWKS}, {"userinfo_endpoint", m.UserInfo}, {"introspection_endpoint", m.Introspect},
		{"authorization_endpoint", m.Authorization}, {"token_endpoint", m.Token},
	} {
		if e.value == "" {
			continue
		}
		if err := checkAddress(e.value, g.cfg.AllowLoopback); err != nil {
			return m, 0, g.misconfigured(fmt.Errorf("discovery's %s: %w", e.key, err))
		}
	}
	return m, freshFor(ans.header, usualDiscoveryLife), nil
}

// address is where one endpoint is: as configured, or as discovery says, which
// may be nowhere.
func (g *generic) address(ctx context.Context, configured string, of func(metadata) string) (string, error) {
	if configured != "" {
		return configured, nil
	}
	m, err := g.found.get(ctx)
	if err != nil {
		return "", err
	}
	return of(m.value), nil
}

func (g *generic) keysAddress(ctx context.Context) (string, error) {
	uri, err := g.address(ctx, g.cfg.JWKSURI, func(m metadata) string { return m.JWKS })
	if err == nil && uri == "" {
		err = g.misconfigured(errors.New("discovery names no jwks_uri"))
	}
	return uri, err
}

// Check reads discovery and keys, and tries to spend a code that cannot be. If
// access tokens are taken, it asks about a token that cannot be: a provider
// that accepts our credentials says so.
func (g *generic) Check(ctx context.Context) error {
	ctx, cancel := g.calls.within(ctx)
	defer cancel()
	if err := g.checkKeys(ctx); err != nil {
		return err
	}
	return errors.Join(g.checkRedirects(ctx), g.checkIntrospects(ctx))
}

func (g *generic) checkIntrospects(ctx context.Context) error {
	if !g.cfg.AccessTokens {
		return nil
	}
	if _, err := g.introspect(ctx, "gatehouse-check"); err != nil {
		return fmt.Errorf("%s's introspection does not work: %w", g.cfg.Name, err)
	}
	return nil
}
