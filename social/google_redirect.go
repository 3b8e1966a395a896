package social

import (
	"context"
	"net/url"
)

const (
	googleAuthorize = "https://accounts.google.com/o/oauth2/v2/auth"
	googleToken     = "https://oauth2.googleapis.com/token"
)

// AuthorizationURL calls nobody. Google knows no prompt=login: to let the
// person choose an account is the most that it does.
func (g *google) AuthorizationURL(_ context.Context, r Redirection) (string, error) {
	if err := g.checkRedirection(r); err != nil {
		return "", err
	}
	query := g.askingOpenID(r)
	if r.Fresh {
		query.Set("prompt", "select_account")
	}
	if len(g.cfg.Domains) == 1 {
		query.Set("hd", g.cfg.Domains[0]) // a hint; checkDomain decides
	}
	return addressWith(or(g.cfg.AuthorizationURL, googleAuthorize), query), nil
}

func (g *google) Redeem(ctx context.Context, r Redirection, answer url.Values) (*Identity, error) {
	return g.redeem(ctx, r, answer, comeback{spend: g.spend})
}

func (g *google) spend(ctx context.Context, r Redirection, code string) (*Identity, error) {
	t, err := g.ownToken(ctx, g.tokenEndpoint(), r, code)
	if err != nil {
		return nil, err
	}
	return g.idToken(ctx, t)
}

func (g *google) tokenEndpoint() tokenEndpoint {
	return tokenEndpoint{url: or(g.cfg.TokenURL, googleToken)}
}
