package authz

import (
	"context"
	"errors"

	"github.com/ory/fosite"

	"gatehouse/store"
)

// imported begins a grant from a refresh token of the system that was here
// before. It is good once; Flush spends it together with the first write of
// its grant. Used again after the grace it ends that grant, like any other
// (RFC 9700 §4.14.2).
func (g refreshGrant) imported(ctx context.Context, text string, req fosite.AccessRequester) error {
	t, err := g.store.ImportedToken(ctx, text)
	if errors.Is(err, store.ErrNotFound) {
		return invalidGrant("This is not a refresh token of this server.")
	}
	if err != nil {
		return err
	}
	client := req.GetClient().(*store.Client)
	switch {
	case t.ClientID != client.ID:
		return invalidGrant("This refresh token was issued to another client.")
	case t.GrantID != nil:
		return g.importedAgain(ctx, t)
	case t.SpentAt != nil || !t.ExpiresAt.After(g.store.Now()):
		return errRefreshEnded()
	}
	scope, err := narrowed(req.GetRequestedScopes(), t.Scope, client.Scope, invalidScope("A refresh cannot widen the scope."))
	if err != nil {
		return err
	}
	if len(scope) == 0 {
		return invalidScope("This client is not registered for any scope of the grant.")
	}
	audience, err := narrowed(req.GetRequestedAudience(), client.Audience, client.Audience,
		invalidTarget("This client is not registered for all of these audiences."))
	if err != nil {
		return err
	}
	session := req.GetSession().(*store.Session)
	session.Imported = t
	d := &session.Grant
	d.AccountID, d.Subject, d.Username, d.AuthTime = &t.AccountID, t.AccountID, t.Email, t.AuthTime
	d.Scope, d.Audience = scope, audience
	return nil
}

// importedAgain refuses an imported token that has begun a grant.
func (g refreshGrant) importedAgain(ctx context.Context, t *store.ImportedToken) error {
	began, err := g.store.Grant(ctx, *t.GrantID)
	if errors.Is(err, store.ErrNotFound) {
		return errRefreshEnded()
	}
	if err != nil {
		return err
	}
	err = g.usable(ctx, &store.PresentedRefresh{GrantID: began.ID, ClientID: t.ClientID, Subject: t.AccountID,
		SpentAt: t.SpentAt, ExpiresAt: t.ExpiresAt, GrantEnd: began.ExpiresAt, RevokedAt: began.RevokedAt})
	if err != nil {
		return err
	}
	return invalidGrant("This refresh token was used before: use the one that was answered then.")
}
