package authz

import (
	"context"
	"errors"
	"slices"

	"github.com/ory/fosite"

	"gatehouse/store"
)

// refreshGrant is the refresh token grant (RFC 6749 §6), idempotent: whoever
// presents a token within the grace gets the same successor pair, so that two
// tabs, or a client that lost the answer, are not logged out. After the grace
// a second use is theft and ends the family (RFC 9700 §4.14.2).
type refreshGrant struct{ *grants }

// HandleTokenEndpointRequest checks the presented token and narrows the scope.
func (g refreshGrant) HandleTokenEndpointRequest(ctx context.Context, req fosite.AccessRequester) error {
	text := req.GetRequestForm().Get("refresh_token")
	if text == "" {
		return invalidRequest("Missing refresh token parameter.")
	}
	old := g.keys.verify(text, refreshToken)
	if old == nil && !hasOurForm(text) {
		return g.imported(ctx, text, req)
	}
	if old == nil {
		return invalidGrant("This is not a refresh token of this server.")
	}
	if req.GetClient().(*store.Client).RotateRefresh && len(req.GetRequestedScopes()) == 0 && len(req.GetRequestedAudience()) == 0 {
		return nil // as it is nearly always: whether it may be used, the rotation itself finds out
	}
	return g.present(ctx, old, req)
}

// present reads the token, checks that it may be used, and narrows the scope.
func (g refreshGrant) present(ctx context.Context, old *token, req fosite.AccessRequester) error {
	p, err := g.store.PresentedRefresh(ctx, old.signature)
	if errors.Is(err, store.ErrNotFound) {
		return errRefreshEnded()
	}
	if err != nil {
		return err
	}
	client := req.GetClient().(*store.Client)
	if p.ClientID != client.ID {
		return invalidGrant("This refresh token was issued to another client.")
	}
	if err := g.usable(ctx, p); err != nil {
		return err
	}
	asked := store.Words(req.GetRequestedScopes())
	if !p.Scope.Has(store.ScopeOffline) { // dropped at the authorization endpoint, where it was asked for as well (OpenID Connect Core §11)
		asked = slices.DeleteFunc(asked, func(w string) bool { return w == store.ScopeOffline })
	}
	scope, err := narrowed(asked, p.Scope, client.Scope, invalidScope("A refresh cannot widen the scope."))
	if err != nil {
		return err
	}
	if len(scope) == 0 {
		return invalidScope("This client is no longer registered for any scope of the grant.")
	}
	audience, err := narrowed(req.GetRequestedAudience(), p.Audience, client.Audience, invalidTarget("A refresh cannot widen the audience."))
	if err != nil {
		return err
	}
	if len(p.Audience) > 0 && len(audience) == 0 {
		return invalidTarget("This client is no longer registered for any audience of the grant.") // and a token without one is good anywhere
	}
	session := req.GetSession().(*store.Session)
	session.Presented = p
	grant := &session.Grant
	grant.ID, grant.RootID, grant.AccountID, grant.Subject = p.GrantID, p.GrantID, p.AccountID, p.Subject
	grant.Scope, grant.Audience = scope, audience
	grant.AuthTime, grant.AMR, grant.SID = p.AuthTime, p.AMR, p.SID
	return nil
}

// narrowed is what was asked of what was granted, or all of it; and of that
// what the client is still registered for.
func narrowed(asked []string, granted, registered store.Words, refused error) (store.Words, error) {
	if !granted.Holds(asked) {
		return nil, refused
	}
	if len(asked) == 0 {
		asked = granted
	}
	return slices.DeleteFunc(slices.Clone(store.Words(asked)), func(w string) bool { return !registered.Has(w) }), nil
}

// usable refuses a token that has ended, and ends the family of one that was
// used again after the grace.
func (g refreshGrant) usable(ctx context.Context, p *store.PresentedRefresh) error {
	if !p.Live(g.store.Now()) {
		return errRefreshEnded()
	}
	if !g.store.Reused(p) {
		return nil
	}
	ev := eventOf(ctx)
	ev.cause = errors.New("a spent refresh token was used again: its family is revoked")
	if err := g.store.RevokeReused(ctx, p, ev.address); err != nil {
		return err
	}
	return &refusal{RFC6749Error: fosite.ErrInvalidGrant, cause: ev.cause,
		say: "This refresh token was used before. As a precaution its sign-in has ended."}
}

func errRefreshEnded() error {
	return &refusal{RFC6749Error: fosite.ErrInvalidGrant, reason: reasonExpired, say: "This refresh token has expired or was revoked."}
}

// PopulateTokenEndpointResponse writes the successor pair, or finds the one
// that another call has written.
func (g refreshGrant) PopulateTokenEndpointResponse(ctx context.Context, req fosite.AccessRequester, resp fosite.AccessResponder) error {
	client, session := req.GetClient().(*store.Client), req.GetSession().(*store.Session)
	if session.Imported != nil {
		g.store.SpendImported(ctx, session.Imported)
		g.issue(ctx, req, resp)
		return nil
	}
	old := g.keys.verify(req.GetRequestForm().Get("refresh_token"), refreshToken)
	if !client.RotateRefresh {
		return g.keep(ctx, old, client, session, resp)
	}
	if client.Scope.Has(store.ScopeOpenID) { // or the token would be spent, and the answer that there is no key
		if _, err := g.signing.signer(ctx, client.IDTokenSignedResponseAlg); err != nil {
			return err
		}
	}
	done, access, refresh, err := g.rotate(ctx, old, client, session)
	if errors.Is(err, store.ErrNotFound) && session.Presented == nil {
		if err := g.present(ctx, old, req); err != nil {
			return err
		}
		done, access, refresh, err = g.rotate(ctx, old, client, session)
	}
	if errors.Is(err, store.ErrNotFound) {
		return g.refused(ctx, old)
	}
	if err != nil {
		return err
	}
	if done.First {
		session.AccessExpiresAt = earlier(session.AccessExpiresAt, done.GrantEnd)
	} else if access, refresh, err = g.asIssued(ctx, done, old, session); err != nil {
		return err
	}
	resp.SetAccessToken(access.String())
	resp.SetExtra("refresh_token", refresh.String())
	resp.SetScopes(fosite.Arguments(session.Grant.Scope))
	return nil
}

// rotate spends the token. What has not been read before it may have whole, if
// the client is registered for all of it; its grant then comes into the session.
func (g refreshGrant) rotate(ctx context.Context, old *token, client *store.Client, session *store.Session) (store.Rotated, *token, *token, error) {
	keys, salt := g.keys.current(), store.NewSalt()
	access, refresh := keys.successors(old, salt)
	r := store.Rotation{
		Old: old.signature, ClientID: client.ID, SecretID: keys.id, Salt: salt, Refresh: refresh.signature, Access: g.accessRow(access, session),
		Lifetime: lifetime(client.RefreshTokenLifetime, g.cfg.RefreshTokenLife), Idle: g.cfg.SessionLife.Idle, Whole: session.Presented == nil,
	}
	if r.Whole {
		r.Access.Scope, r.Access.Audience = client.Scope, client.Audience
	}
	done, err := g.store.Rotate(ctx, r)
	if err == nil && r.Whole {
		grant := &session.Grant
		grant.ID, grant.RootID, grant.AccountID, grant.Subject = done.GrantID, done.GrantID, done.AccountID, done.Subject
		grant.Scope, grant.Audience = done.Scope, done.Audience
		grant.AuthTime, grant.AMR, grant.SID = done.AuthTime, done.AMR, done.SID
	}
	return done, access, refresh, err
}

func (g refreshGrant) accessRow(access *token, session *store.Session) store.AccessToken {
	return store.AccessToken{Signature: access.signature, GrantID: session.Grant.ID, Scope: session.Grant.Scope,
		Audience: session.Grant.Audience, ExpiresAt: session.AccessExpiresAt}
}

// asIssued gives a later caller the pair as the first one got it: the same
// tokens, the first one's scope, and what remains of the lifetime.
func (g refreshGrant) asIssued(ctx context.Context, done store.Rotated, old *token, session *store.Session) (access, refresh *token, err error) {
	keys := g.keys.byID(done.SecretID)
	if keys == nil {
		return nil, nil, errRefreshEnded()
	}
	access, refresh = keys.successors(old, done.Salt)
	row, err := g.store.IssuedAccess(ctx, access.signature)
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil, errRefreshEnded()
	}
	if err != nil {
		return nil, nil, err
	}
	session.Grant.Scope, session.AccessExpiresAt = row.Scope, row.ExpiresAt
	return access, refresh, nil
}

// refused tells why a token that was usable a moment ago could not be spent.
func (g refreshGrant) refused(ctx context.Context, old *token) error {
	p, err := g.store.PresentedRefresh(ctx, old.signature)
	if errors.Is(err, store.ErrNotFound) {
		return errRefreshEnded()
	}
	if err != nil {
		return err
	}
	if err := g.usable(ctx, p); err != nil {
		return err
	}
	return invalidGrant("This refresh token was replaced, and its successor has been used.")
}

// keep gives a new access token to a client whose refresh tokens are not
// rotated.
func (g refreshGrant) keep(ctx context.Context, old *token, client *store.Client, session *store.Session, resp fosite.AccessResponder) error {
	access := g.keys.mint(accessToken)
	session.AccessExpiresAt = earlier(session.AccessExpiresAt, session.Presented.GrantEnd)
	life := lifetime(client.RefreshTokenLifetime, g.cfg.RefreshTokenLife)
	err := g.store.KeepRefresh(ctx, store.Rotation{
		Old: old.signature, Access: g.accessRow(access, session),
		Lifetime: min(life, session.Presented.GrantEnd.Sub(g.store.Now())), Idle: g.cfg.SessionLife.Idle,
	})
	if errors.Is(err, store.ErrNotFound) {
		return errRefreshEnded()
	}
	if err != nil {
		return err
	}
	resp.SetAccessToken(access.String())
	resp.SetExtra("refresh_token", old.String())
	resp.SetScopes(fosite.Arguments(session.Grant.Scope))
	return nil
}
