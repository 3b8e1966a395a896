package authz

import (
	"context"
	"encoding/json"
	"errors"
	"slices"

	"github.com/ory/fosite"

	"gatehouse/store"
)

// maxActors bounds the chain of act claims, and may_act, in bytes.
const maxActors = 1000

// actor is the act claim (RFC 8693 §4.1): who acts, and who acted before.
type actor struct {
	Subject string          `json:"sub"`
	Act     json.RawMessage `json:"act,omitempty"`
}

// fromOwn exchanges an access token of this server for one that can do less,
// or that is for another audience. The new token's grant is a child of the
// old one's: it ends with it, at the latest when the old token expires, and has
// no refresh token.
func (x exchangeGrant) fromOwn(ctx context.Context, req fosite.AccessRequester, e *exchange) error {
	if e.requested == typeRefreshToken {
		return invalidRequest("A refresh token is given for a sign-in alone, not for another access token.")
	}
	client := req.GetClient().(*store.Client)
	subject, signature, err := x.ownToken(ctx, client, e.subject, "subject_token")
	if err != nil {
		return err
	}
	if e.requested == typeIDToken {
		return x.forIDToken(req, client, subject, e)
	}
	act, err := x.act(ctx, client, subject, e.actor)
	if err != nil {
		return err
	}
	scope, audience, err := exchanged(req, client, subject, x.adminAudience())
	if err != nil {
		return err
	}
	grant(req, scope, audience)
	x.begin(client, req)
	session := req.GetSession().(*store.Session)
	g := &session.Grant
	g.RootID, g.AccountID, g.Subject, g.Username = subject.RootID, subject.AccountID, subject.Subject, subject.Username
	g.AuthTime, g.AMR, g.ACR, g.Claims, g.SID = subject.AuthTime, subject.AMR, subject.ACR, subject.Claims, subject.SID
	g.IdentityID, g.LoginSessionID = subject.IdentityID, subject.LoginSessionID
	g.Resource, g.Actor = e.resource, act
	session.AccessExpiresAt = earlier(session.AccessExpiresAt, subject.TokenEnd)
	g.ExpiresAt = session.AccessExpiresAt
	x.store.ExchangedFrom(ctx, signature)
	return nil
}

// forIDToken checks that the client may have an ID token for an access token:
// one of its own sign-ins, with the scope openid, at a client that can show that
// it is itself. Nothing begins with it.
func (x exchangeGrant) forIDToken(req fosite.AccessRequester, client *store.Client, subject *store.SubjectToken, e *exchange) error {
	switch {
	case client.IsPublic(): // who was shown its token could say to be it
		return invalidRequest("An ID token is given to clients that keep a secret. A public one gets it when the person signs in, and with a refresh.")
	case subject.ClientID != client.ID || subject.RootID != subject.ID:
		return &refusal{RFC6749Error: fosite.ErrInvalidRequest, reason: reasonAudience, say: "An ID token is given to the client that the person signed in at."}
	case subject.AccountID == nil:
		return invalidRequest("The subject_token does not speak for an account.")
	case !subject.TokenScope.Has(store.ScopeOpenID):
		return invalidScope("The subject_token lacks the scope openid.")
	case e.actor != "" || len(req.GetRequestedAudience()) > 0 || !subject.TokenScope.Holds(req.GetRequestedScopes()):
		return invalidRequest("An ID token is for the client alone: leave audience, resource and actor_token out, and ask for no more scope.")
	}
	session := req.GetSession().(*store.Session)
	session.IssuedType, session.Grant = typeIDToken, subject.Grant
	session.Grant.Scope = subject.TokenScope
	if len(req.GetRequestedScopes()) > 0 {
		session.Grant.Scope = store.Words(req.GetRequestedScopes())
	}
	return nil
}

// populateIDToken answers with an ID token in the place of the access token
// (RFC 8693 §2.2.1).
func (x exchangeGrant) populateIDToken(ctx context.Context, req fosite.AccessRequester, resp fosite.AccessResponder) error {
	session := req.GetSession().(*store.Session)
	text, err := x.idToken(ctx, req.GetClient().(*store.Client), &session.Grant, session.Grant.Scope, nil, "", "")
	if err != nil {
		return err
	}
	resp.SetAccessToken(text)
	resp.SetTokenType("N_A")
	resp.SetExpiresIn(idTokenLife)
	resp.SetExtra("issued_token_type", session.IssuedType)
	return nil
}

// ownToken finds a live access token of this server that the client has by
// rights: issued to it, or, if it keeps a secret, naming it in aud.
func (x exchangeGrant) ownToken(ctx context.Context, client *store.Client, text, parameter string) (*store.SubjectToken, []byte, error) {
	t := x.keys.verify(text, accessToken)
	if t == nil {
		return nil, nil, invalidRequest("The " + parameter + " is not an access token of this server. One of a provider needs subject_issuer.")
	}
	found, err := x.store.SubjectToken(ctx, t.signature)
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil, &refusal{RFC6749Error: fosite.ErrInvalidRequest, reason: reasonExpired, say: "The " + parameter + " has expired or was revoked."}
	}
	if err != nil {
		return nil, nil, err
	}
	if found.ClientID != client.ID && (client.IsPublic() || !client.Holds(found.ClientID, found.TokenAudience)) {
		return nil, nil, &refusal{RFC6749Error: fosite.ErrInvalidRequest, reason: reasonAudience,
			say: "The " + parameter + " was issued to another client, and not for this one."}
	}
	return found, t.signature, nil
}

// act says who acts with the new token: the actor_token's subject, otherwise
// the client; nobody new if the client may impersonate. Whom the subject token
// names in may_act can be the only one.
func (x exchangeGrant) act(ctx context.Context, client *store.Client, subject *store.SubjectToken, actorText string) (string, error) {
	who := client.ID
	if actorText != "" {
		t, _, err := x.ownToken(ctx, client, actorText, "actor_token")
		if err != nil {
			return "", err
		}
		if t.ClientID != client.ID { // one that was only shown to the client must not lend it its name
			return "", &refusal{RFC6749Error: fosite.ErrInvalidRequest, reason: reasonAudience, say: "The actor_token was issued to another client."}
		}
		who = t.Subject
	}
	if err := mayAct(subject.Claims, who, x.cfg.Issuer); err != nil {
		return "", err
	}
	if actorText == "" && client.Impersonate {
		return subject.Actor, nil
	}
	text, err := json.Marshal(actor{who, json.RawMessage(subject.Actor)})
	if err != nil {
		return "", err
	}
	if len(text) > maxActors {
		return "", invalidRequest("The subject_token has been passed on too often.")
	}
	return string(text), nil
}

// mayAct holds the subject token's may_act claim (RFC 8693 §4.4).
func mayAct(text, who, issuer string) error {
	var c claims
	if text == "" {
		return nil
	}
	if err := json.Unmarshal([]byte(text), &c); err != nil {
		return err
	}
	if len(c.MayAct) == 0 {
		return nil
	}
	var named struct {
		Subject string `json:"sub"`
		Issuer  string `json:"iss"`
	}
	if json.Unmarshal(c.MayAct, &named) != nil || named.Subject != who || (named.Issuer != "" && named.Issuer != issuer) {
		return invalidRequest("The subject_token names somebody else as the one who may act (may_act).")
	}
	return nil
}

// exchanged is the scope and audience of the new token: of the subject token's
// scope what the client is registered for, and an audience that the token has
// already or that the client may exchange for. The scope admin is never passed
// on, nor is its audience.
func exchanged(req fosite.AccessRequester, client *store.Client, subject *store.SubjectToken, adminAudience string) (scope, audience store.Words, err error) {
	scope, err = narrowed(req.GetRequestedScopes(), subject.TokenScope, client.Scope, invalidScope("The subject_token does not have all of these scopes."))
	if err != nil {
		return nil, nil, err
	}
	if len(req.GetRequestedScopes()) > len(scope) || scope.Has(store.ScopeAdmin) && len(req.GetRequestedScopes()) > 0 {
		return nil, nil, invalidScope("This client is not registered for all of these scopes, or they are not passed on.")
	}
	scope = slices.DeleteFunc(scope, func(s string) bool { return s == store.ScopeAdmin })
	if len(scope) == 0 {
		return nil, nil, invalidScope("There is no scope that both the subject_token and this client have.")
	}
	audience = store.Words(req.GetRequestedAudience())
	if len(audience) == 0 {
		audience = subject.TokenAudience
	}
	for _, aud := range audience {
		if aud == adminAudience || !subject.TokenAudience.Has(aud) && !client.ExchangeAudiences.Has(aud) {
			return nil, nil, invalidTarget("This client is not registered to exchange for all of these audiences.")
		}
	}
	return scope, audience, nil
}
