package social

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// introspection is the answer about a token (RFC 7662 §2.2).
type introspection struct {
	TokenType string      `json:"token_type"` // some name a refresh token so
	Active    bool        `json:"active"`
	ClientID  string      `json:"client_id"`
	Audience  audience    `json:"aud"`
	Issuer    string      `json:"iss"`
	Subject   string      `json:"sub"`
	Expiry    numericDate `json:"exp"`
}

// accessToken lets the provider say whom the token was issued to, and only then
// asks who the person is: userinfo alone answers for tokens of any client.
func (g *generic) accessToken(ctx context.Context, t Token) (*Identity, error) {
	token, err := g.introspect(ctx, t.Text)
	if err != nil {
		return nil, err
	}
	if err := g.checkIntrospection(t, token); err != nil {
		return nil, err
	}
	c, err := g.userInfo(ctx, t.Text)
	if err != nil {
		return nil, err
	}
	if c == nil {
		c = &claims{Subject: token.Subject}
	}
	if token.Subject != "" && token.Subject != c.Subject {
		return nil, g.unverifiable(errors.New("introspection and userinfo speak of two people"))
	}
	if err := g.checkSubject(c.Subject); err != nil {
		return nil, err
	}
	return g.person(c), nil
}

func (g *generic) checkIntrospection(t Token, token *introspection) error {
	if !token.Active {
		return g.refused("is not valid or has expired; sign in again", errors.New("introspection says inactive"))
	}
	if strings.EqualFold(token.TokenType, "refresh_token") {
		return g.unverifiable(errors.New("it is a refresh token"))
	}
	if token.Issuer != "" && token.Issuer != g.cfg.Issuer {
		return g.unverifiable(fmt.Errorf("issuer %q", shown(token.Issuer)))
	}
	accepted := g.accepted(t)
	ours := func(id string) bool { return slices.Contains(accepted, id) }
	if !ours(token.ClientID) && !slices.ContainsFunc(token.Audience, ours) {
		return g.wrongAudience(token.ClientID, accepted)
	}
	return g.checkExpiry(token.Expiry.Time)
}

// introspect asks as the client that we are at the provider.
func (g *generic) introspect(ctx context.Context, text string) (*introspection, error) {
	address, err := g.address(ctx, g.cfg.IntrospectURL, func(m metadata) string { return m.Introspect })
	if err != nil {
		return nil, err
	}
	if address == "" {
		return nil, g.misconfigured(errors.New("access_tokens are on, and the provider has no introspection_endpoint"))
	}
	token := &introspection{}
	var fault struct {
		Error string `json:"error"` // RFC 6749 §5.2
	}
	ans, err := g.calls.do(ctx, request{
		what:          "introspection",
		url:           address,
		form:          url.Values{"token": {text}, "token_type_hint": {"access_token"}},
		authorization: basic(g.cfg.ClientID, g.cfg.ClientSecret),
		into:          token,
		fault:         &fault,
	})
	switch {
	case err != nil:
		return nil, err
	case ans.ok():
		return token, nil
	case ans.status == http.StatusBadRequest && fault.Error == "unsupported_token_type": // RFC 7009 §2.2.1, which some borrow here
		return nil, g.refused("is of a kind that it does not introspect", errors.New("introspection answered unsupported_token_type"))
	case ans.status == http.StatusUnauthorized || ans.status == http.StatusForbidden || ans.status == http.StatusBadRequest:
		// RFC 7662 §2.3: a bad token is answered 200, so this is about us.
		return nil, g.misconfigured(fmt.Errorf("introspection answered %d to client_id with client_secret", ans.status))
	}
	return nil, g.calls.unexpected("introspection", ans)
}

// basic form-encodes both parts first (RFC 6749 §2.3.1).
func basic(id, secret string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(url.QueryEscape(id)+":"+url.QueryEscape(secret)))
}

// userInfo is nil if the provider has no such endpoint, or the token no scope for it.
func (g *generic) userInfo(ctx context.Context, text string) (*claims, error) {
	address, err := g.address(ctx, g.cfg.UserInfoURL, func(m metadata) string { return m.UserInfo })
	if err != nil || address == "" {
		return nil, err
	}
	c := &claims{}
	ans, err := g.calls.do(ctx, request{what: "userinfo", url: address, authorization: "Bearer " + text, into: c})
	switch {
	case err != nil:
		return nil, err
	case ans.ok() && c.Subject == "":
		return nil, g.calls.missing("userinfo", "sub")
	case ans.ok():
		return c, nil
	case ans.status == http.StatusUnauthorized:
		return nil, g.refused("is not valid or has expired; sign in again", errors.New("userinfo answered 401"))
	case ans.status == http.StatusForbidden: // RFC 6750 §3.1, insufficient_scope
		return nil, nil
	}
	return nil, g.calls.unexpected("userinfo", ans)
}
