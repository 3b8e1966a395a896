package social

import (
	"context"
	"errors"
	"net/url"
	"slices"
)

func (g *generic) AuthorizationURL(ctx context.Context, r Redirection) (string, error) {
	ctx, cancel := g.calls.within(ctx)
	defer cancel()
	if err := g.checkRedirection(r); err != nil {
		return "", err
	}
	at, err := g.endpoints(ctx)
	if err != nil {
		return "", g.told(err)
	}
	query := g.askingOpenID(r)
	if r.Fresh {
		query.Set("prompt", "login")
		query.Set("max_age", "0") // so that auth_time is told
	}
	return addressWith(at.authorization, query), nil
}

func (g *generic) Redeem(ctx context.Context, r Redirection, answer url.Values) (*Identity, error) {
	return g.redeem(ctx, r, answer, comeback{named: g.named, spend: g.spend})
}

func (g *generic) spend(ctx context.Context, r Redirection, code string) (*Identity, error) {
	at, err := g.endpoints(ctx)
	if err != nil {
		return nil, err
	}
	t, err := g.ownToken(ctx, at.token, r, code)
	if err != nil {
		return nil, err
	}
	c, err := g.verifiedIDToken(ctx, t)
	if err != nil {
		return nil, err
	}
	if err := g.fillIn(ctx, c, t.own.accessToken); err != nil {
		return nil, err
	}
	return g.person(c), nil
}

// endpoints are those of the code flow.
type endpoints struct {
	authorization string
	token         tokenEndpoint
	named         bool // RFC 9207 §3
}

// endpoints are as configured, or as discovery says, which is not asked where
// configuration says everything.
func (g *generic) endpoints(ctx context.Context) (*endpoints, error) {
	var m metadata
	if g.cfg.AuthorizationURL == "" || g.cfg.TokenURL == "" || g.cfg.JWKSURI == "" {
		found, err := g.found.get(ctx)
		if err != nil {
			return nil, err
		}
		m = found.value
	}
	at := &endpoints{
		authorization: or(g.cfg.AuthorizationURL, m.Authorization),
		token:         tokenEndpoint{url: or(g.cfg.TokenURL, m.Token), basic: m.basic()},
		named:         bool(m.NamesItself),
	}
	if at.authorization == "" || at.token.url == "" {
		return nil, g.misconfigured(errors.New("discovery names no authorization_endpoint or no token_endpoint"))
	}
	return at, nil
}

// basic is the default (OIDC Discovery §3), and what is taken where both will do.
func (m metadata) basic() bool {
	return slices.Contains(m.TokenAuth, "client_secret_basic") || !slices.Contains(m.TokenAuth, "client_secret_post")
}

func (g *generic) named(ctx context.Context) (bool, error) {
	at, err := g.endpoints(ctx)
	if err != nil {
		return false, err
	}
	return at.named, nil
}

// fillIn adds from userinfo what the ID token is silent on: where there is an
// access token, many say what a scope stands for only there (OIDC Core §5.4).
func (g *generic) fillIn(ctx context.Context, c *claims, accessToken string) error {
	if accessToken == "" || c.Email != "" && c.Name != "" {
		return nil
	}
	more, err := g.userInfo(ctx, accessToken)
	if err != nil || more == nil {
		return err
	}
	if more.Subject != c.Subject { // OIDC Core §5.3.2
		return g.unverifiable(errors.New("the ID token and userinfo speak of two people"))
	}
	if c.Email == "" { // what is said of an address belongs to it
		c.Email, c.EmailVerified = more.Email, more.EmailVerified
	}
	if c.Name == "" && c.GivenName == "" && c.FamilyName == "" {
		c.Name, c.GivenName, c.FamilyName = more.Name, more.GivenName, more.FamilyName
	}
	c.PreferredUsername = or(c.PreferredUsername, more.PreferredUsername)
	c.Picture = or(c.Picture, more.Picture)
	return nil
}

// checkRedirects is for the operator.
func (g *generic) checkRedirects(ctx context.Context) error {
	if !g.Redirects() {
		return nil
	}
	at, err := g.endpoints(ctx)
	if err != nil {
		return err
	}
	return g.checkClient(ctx, at.token)
}
