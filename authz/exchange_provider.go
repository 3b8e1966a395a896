package authz

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"

	"github.com/ory/fosite"

	"gatehouse/social"
	"gatehouse/store"
)

// fromProvider signs in the person whom a provider's token speaks for.
func (x exchangeGrant) fromProvider(ctx context.Context, req fosite.AccessRequester, e *exchange) error {
	client := req.GetClient().(*store.Client)
	provider, err := x.providerOf(client, e)
	if err != nil {
		return err
	}
	if err := x.bound(store.GrantTokenExchange, client, req); err != nil {
		return err
	}
	identity, err := x.verified(ctx, provider, client, e.providerToken())
	if err != nil {
		return err
	}
	known, err := x.accountOf(ctx, identity, provider.Policy(), client.ID)
	if err != nil {
		return err
	}
	x.begin(client, req)
	session := req.GetSession().(*store.Session)
	g := &session.Grant
	g.AccountID, g.Subject, g.Username = &known.Account.ID, known.Account.ID, known.Account.Email
	g.IdentityID, g.Resource = &known.IdentityID, e.resource
	g.AMR = store.Words{"fed"} // not of RFC 8176, which has no word for it

	// Zero where the provider does not say: nobody is told a time, and it was not
	// just now.
	g.AuthTime = earlier(g.AuthTime, identity.SignedInAt)
	if len(identity.MayAct) > 0 {
		text, err := json.Marshal(claims{MayAct: identity.MayAct})
		if err != nil {
			return err
		}
		g.Claims = string(text)
	}
	session.AuthEpoch = known.Account.AuthEpoch
	if identity.Replay != nil {
		x.store.UseOnce(ctx, identity.Replay, identity.ExpiresAt)
	}
	return nil
}

// claims are what a grant carries besides its columns, as JSON.
type claims struct {
	MayAct json.RawMessage `json:"may_act,omitempty"` // RFC 8693 §4.4
}

// verified asks the provider's adapter.
func (s *Server) verified(ctx context.Context, p social.Provider, client *store.Client, t social.Token) (*social.Identity, error) {
	eventOf(ctx).provider = p.Name()
	t.Audiences = client.ProviderAudiences
	forgive := func() {}
	if t.Kind == social.AccessToken { // each is a call there
		var err error
		if forgive, err = s.store.AllowAttempt(ctx, s.cfg.Limits, eventOf(ctx).limitAddress()); err != nil {
			return nil, err
		}
	}
	identity, err := p.Verify(ctx, t)
	if blameless(err) {
		forgive()
	}
	if err != nil {
		return nil, ofProvider(p, err)
	}
	if len(identity.MayAct) > maxActors {
		return nil, invalidRequest("The subject_token's may_act is too long.")
	}
	return identity, nil
}

// blameless tells whether what an adapter answered is nobody's failed try.
func blameless(err error) bool {
	var refused *social.Error
	return err == nil || !errors.As(err, &refused) || refused.Ours ||
		refused.Reason == social.ReasonProviderDown || refused.Reason == social.ReasonDeclined
}

// ofProvider puts an adapter's refusal into OAuth's words. A subject token that
// is no good is invalid_request (RFC 8693 §2.2.2).
func ofProvider(p social.Provider, err error) error {
	var refused *social.Error
	switch {
	case !errors.As(err, &refused):
		return err
	case refused.Ours:
		return &refusal{RFC6749Error: fosite.ErrServerError, cause: err,
			say: "This server is not set up rightly for " + p.Name() + ". Its operator has been told."}
	case refused.Reason == social.ReasonProviderDown:
		return &refusal{RFC6749Error: fosite.ErrTemporarilyUnavailable, status: http.StatusServiceUnavailable,
			say: refused.Say, reason: refused.Reason, retry: refused.RetryAfter, cause: refused.Cause}
	}
	return &refusal{RFC6749Error: fosite.ErrInvalidRequest, say: refused.Say, reason: refused.Reason, cause: refused.Cause}
}

// errReplayed refuses a provider's token that may be used once and was.
func errReplayed(ctx context.Context) error {
	return &refusal{RFC6749Error: fosite.ErrInvalidRequest, reason: reasonReplayed,
		say: "The " + eventOf(ctx).provider + " token was already used; get a new one."}
}
