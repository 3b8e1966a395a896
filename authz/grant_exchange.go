package authz

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"net/url"
	"slices"
	"strings"

	"github.com/ory/fosite"

	"gatehouse/social"
	"gatehouse/store"
)

// Token types (RFC 8693 §3).
const (
	typeAccessToken  = "urn:ietf:params:oauth:token-type:access_token"
	typeRefreshToken = "urn:ietf:params:oauth:token-type:refresh_token"
	typeIDToken      = "urn:ietf:params:oauth:token-type:id_token"
	typeJWT          = "urn:ietf:params:oauth:token-type:jwt"
)

// exchangeGrant is token exchange (RFC 8693 §2): a provider's token signs its
// person in (exchange_provider.go), an access token of ours is narrowed or
// passed on (exchange_token.go).
type exchangeGrant struct{ *grants }

// exchange is what a request asks for, well-formed.
type exchange struct {
	subject, subjectType, subjectIssuer string
	actor                               string // an access token of ours; empty: the client itself acts
	requested                           string // a token type
	nonce                               string
	resource                            store.Words
}

// readExchange checks the parameters' forms (RFC 8693 §2.1). A subject token
// that is no good is invalid_request, not invalid_grant (§2.2.2).
func readExchange(form url.Values) (*exchange, error) {
	e := &exchange{
		subject: form.Get("subject_token"), subjectType: form.Get("subject_token_type"), subjectIssuer: form.Get("subject_issuer"),
		actor: form.Get("actor_token"), requested: form.Get("requested_token_type"),
		nonce: form.Get("nonce"), resource: form["resource"],
	}
	actorType := form.Get("actor_token_type")
	for _, rule := range []struct {
		broken bool
		say    string
	}{
		{form.Has("requested_issuer"), "This server gives out its own tokens alone: leave requested_issuer out."},
		{e.subject == "", "The parameter subject_token is missing."},
		{e.subjectType == "", "The parameter subject_token_type is missing."},
		{e.subjectType == typeRefreshToken, "A refresh token cannot be exchanged; use grant_type=refresh_token."},
		{!slices.Contains([]string{typeAccessToken, typeIDToken, typeJWT}, e.subjectType),
			"This subject_token_type is not supported: use " + typeIDToken + " or " + typeAccessToken + "."},
		{e.ours() && isJWT(e.subject), "The subject_token is a JWT; send subject_token_type " + typeIDToken + "."},
		{e.actor != "" && actorType == "", "The parameter actor_token_type is missing."},
		{e.actor == "" && actorType != "", "There is an actor_token_type and no actor_token."},
		{e.actor != "" && actorType != typeAccessToken, "This actor_token_type is not supported: use " + typeAccessToken + "."},
		{e.actor != "" && !e.ours(), "An actor_token goes with an access token of this server."},
		{!slices.Contains([]string{"", typeAccessToken, typeRefreshToken, typeIDToken}, e.requested),
			"This requested_token_type is not supported: use " + typeAccessToken + ", " + typeRefreshToken + " or " + typeIDToken + "."},
		{e.requested == typeIDToken && !e.ours(), "An ID token is given for an access token of this server alone."},
	} {
		if rule.broken {
			return nil, invalidRequest(rule.say)
		}
	}
	return e, nil
}

// ours tells whether the subject token is said to be one of this server's.
func (e *exchange) ours() bool { return e.subjectType == typeAccessToken && e.subjectIssuer == "" }

// HandleTokenEndpointRequest finds out whose token it is, and checks it.
func (x exchangeGrant) HandleTokenEndpointRequest(ctx context.Context, req fosite.AccessRequester) error {
	e, err := readExchange(req.GetRequestForm())
	if err != nil {
		return err
	}
	if e.subjectIssuer == x.cfg.Issuer {
		e.subjectIssuer = ""
		if !e.ours() {
			return invalidRequest("Of this server's own tokens access tokens alone can be exchanged.")
		}
	}
	session := req.GetSession().(*store.Session)
	session.IssuedType = typeAccessToken
	if e.ours() {
		return x.fromOwn(ctx, req, e)
	}
	if e.requested == typeRefreshToken {
		if !req.GetClient().(*store.Client).GrantTypes.Has(store.GrantRefreshToken) {
			return invalidRequest("This client is not registered for refresh tokens.")
		}
		session.IssuedType = typeRefreshToken
	}
	return x.fromProvider(ctx, req, e)
}

// PopulateTokenEndpointResponse issues the tokens, and says of which type
// (RFC 8693 §2.2.1).
func (x exchangeGrant) PopulateTokenEndpointResponse(ctx context.Context, req fosite.AccessRequester, resp fosite.AccessResponder) error {
	session := req.GetSession().(*store.Session)
	if session.IssuedType == typeIDToken {
		return x.populateIDToken(ctx, req, resp)
	}
	x.issue(ctx, req, resp)
	resp.SetExtra("issued_token_type", session.IssuedType)
	return nil
}

// isJWT tells whether text has the form of a JWS: three segments, of which the
// first is a JSON object.
func isJWT(text string) bool {
	return strings.Count(text, ".") == 2 && strings.HasPrefix(text, "eyJ")
}

// unverifiedIssuer is the iss that a JWT claims, empty if it has none. It may
// choose who verifies the token, and nothing else.
func unverifiedIssuer(jwt string) string {
	_, rest, _ := strings.Cut(jwt, ".")
	payload, _, _ := strings.Cut(rest, ".")
	var claims struct {
		Issuer string `json:"iss"`
	}
	text, err := base64.RawURLEncoding.DecodeString(payload)
	if err != nil || json.Unmarshal(text, &claims) != nil {
		return ""
	}
	return claims.Issuer
}

// providerToken is the subject token for a provider's adapter.
func (e *exchange) providerToken() social.Token {
	kind := social.IDToken
	if e.subjectType == typeAccessToken {
		kind = social.AccessToken
	}
	return social.Token{Kind: kind, Text: e.subject, Nonce: e.nonce}
}

// providerOf finds the provider that a subject token is to be verified by: the
// one that subject_issuer names, otherwise the one whose iss a JWT has. One
// that the client may not use is as if it were not there.
func (s *Server) providerOf(client *store.Client, e *exchange) (social.Provider, error) {
	wanted, said := e.subjectIssuer, "subject_issuer"
	if wanted == "" {
		wanted, said = unverifiedIssuer(e.subject), "The issuer of the subject_token"
	}
	if wanted == s.cfg.Issuer {
		return nil, invalidRequest("Of this server's own tokens access tokens alone can be exchanged.")
	}
	for _, p := range s.cfg.Providers {
		if (p.Name() == wanted || slices.Contains(p.Issuers(), wanted)) && client.Providers.Has(p.Name()) {
			return p, nil
		}
	}
	return nil, &refusal{RFC6749Error: fosite.ErrInvalidRequest, say: said + " is not accepted for this client.", reason: reasonProviderRefused}
}
