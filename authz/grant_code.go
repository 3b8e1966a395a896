package authz

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"regexp"
	"slices"

	"github.com/ory/fosite"

	"gatehouse/store"
)

// codeGrant is the authorization code grant (RFC 6749 §4.1.3) with PKCE
// (RFC 7636 §4.5). A code is good once: whoever brings it again ends what it
// began.
type codeGrant struct{ *grants }

// codeVerifier has the form of RFC 7636 §4.1.
var codeVerifier = regexp.MustCompile(`^[A-Za-z0-9._~-]{43,128}$`)

// HandleTokenEndpointRequest checks the code and that it is brought by whom it
// was given to.
func (g codeGrant) HandleTokenEndpointRequest(ctx context.Context, req fosite.AccessRequester) error {
	form, client := req.GetRequestForm(), req.GetClient().(*store.Client)
	for _, name := range []string{"code", "code_verifier"} {
		if form.Get(name) == "" {
			return invalidRequest("The parameter " + name + " is missing.")
		}
	}
	code := g.keys.verify(form.Get("code"), authorizationCode)
	if code == nil {
		return invalidGrant("This is not an authorization code of this server.")
	}
	p, err := g.store.PresentedCode(ctx, code.signature)
	if errors.Is(err, store.ErrNotFound) {
		return errCodeEnded()
	}
	if err != nil {
		return err
	}
	if err := g.check(ctx, client, req, p); err != nil {
		return err
	}
	registered := func(w store.Words, by store.Words) store.Words {
		return slices.DeleteFunc(slices.Clone(w), func(one string) bool { return !by.Has(one) })
	}
	scope, audience := registered(p.Scope, client.Scope), registered(p.Audience, client.Audience)
	if len(scope) == 0 || len(audience) == 0 && len(p.Audience) > 0 {
		return invalidGrant("This client is no longer registered for what the code was given for.")
	}
	g.fill(req, p, scope, audience)
	if asked := store.Words(req.GetRequestedAudience()); len(asked) > 0 { // of the token alone: the grant keeps all (RFC 8707 §2.2)
		if !audience.Holds(asked) {
			return invalidTarget("The code was not given for all of these audiences.")
		}
		req.GetSession().(*store.Session).TokenAudience = asked
	}
	g.store.SpendCode(ctx, code.signature)
	return nil
}

// check holds the request against the one that the code was given for.
func (g codeGrant) check(ctx context.Context, client *store.Client, req fosite.AccessRequester, p *store.PresentedCode) error {
	form := req.GetRequestForm()
	verifier := form.Get("code_verifier")
	digest := sha256.Sum256([]byte(verifier))
	named := form.Get("redirect_uri")
	switch {
	case p.ClientID != client.ID:
		return invalidGrant("This code was given to another client.")
	case named != p.RedirectURI && (p.RedirectURI != "" || !client.RedirectURIs.Has(named)):
		return invalidGrant("The redirect_uri differs from the one that the code was sent to.")
	case !codeVerifier.MatchString(verifier), subtle.ConstantTimeCompare([]byte(strict.EncodeToString(digest[:])), []byte(p.CodeChallenge)) != 1:
		return invalidGrant("The code_verifier does not belong to the code_challenge.") // and whoever has the code alone ends nothing
	case p.SpentAt != nil:
		return g.replayed(ctx, p)
	case !p.ExpiresAt.After(g.store.Now()) || p.SID == "" || p.Account.ID == "":
		return errCodeEnded()
	}
	return nil
}

// replayed ends what the code began (RFC 6749 §4.1.2): two had it.
func (g codeGrant) replayed(ctx context.Context, p *store.PresentedCode) error {
	err := g.store.RevokeReplayed(ctx, p, eventOf(ctx).address)
	if err != nil {
		return err
	}
	return &refusal{RFC6749Error: fosite.ErrInvalidGrant, reason: reasonReplayed, cause: errors.New("an authorization code was used again: its grant is revoked"),
		say: "This code was used before. As a precaution what it began has ended."}
}

// whyUnspent tells why a code that was good a moment ago could not be spent: its
// session ended, or somebody else was first with it.
func (g codeGrant) whyUnspent(ctx context.Context, req fosite.AccessRequester) error {
	code := g.keys.verify(req.GetRequestForm().Get("code"), authorizationCode)
	p, err := g.store.PresentedCode(ctx, code.signature)
	if errors.Is(err, store.ErrNotFound) {
		return errCodeEnded()
	}
	if err != nil {
		return err
	}
	if p.SpentAt != nil {
		return g.replayed(ctx, p)
	}
	return errCodeEnded()
}

// fill makes the grant out of what was consented to at the browser.
func (g codeGrant) fill(req fosite.AccessRequester, p *store.PresentedCode, scope, audience store.Words) {
	grant(req, scope, audience)
	client := req.GetClient().(*store.Client)
	g.begin(client, req)
	session := req.GetSession().(*store.Session)
	session.Account, session.Nonce, session.AuthEpoch = &p.Account, p.Nonce, p.AuthEpoch
	made := &session.Grant
	made.ID, made.RootID, made.AccountID, made.Subject, made.Username = p.GrantID, p.GrantID, &p.AccountID, p.AccountID, p.Account.Email
	made.Resource, made.AuthTime, made.AMR, made.SID = p.Resource, p.AuthTime, p.AMR, p.SID
	made.IdentityID, made.LoginSessionID = p.IdentityID, &p.LoginSessionID
	req.SetID(p.GrantID)
	if !scope.Has(store.ScopeOffline) {
		session.NotAfter = p.AbsoluteAt // what is not allowed offline ends with the browser's session
		session.AccessExpiresAt = notAfter(session, session.AccessExpiresAt)
		made.ExpiresAt = session.AccessExpiresAt
	}
}

// PopulateTokenEndpointResponse issues the tokens.
func (g codeGrant) PopulateTokenEndpointResponse(ctx context.Context, req fosite.AccessRequester, resp fosite.AccessResponder) error {
	g.issue(ctx, req, resp)
	return nil
}

func errCodeEnded() error {
	return &refusal{RFC6749Error: fosite.ErrInvalidGrant, reason: reasonExpired, say: "This code has expired, or its sign-in has ended: begin again."}
}
