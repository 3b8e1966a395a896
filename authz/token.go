package authz

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/ory/fosite"

	"gatehouse/store"
)

// token serves POST /oauth2/token, where a grant is exchanged for tokens
// (RFC 6749 §3.2).
func (s *Server) token(w http.ResponseWriter, r *http.Request) {
	ctx := s.store.Begin(r.Context())
	form, err := readForm(w, r)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	if form.Get("grant_type") == "" {
		s.fail(w, r, invalidRequest("The parameter grant_type is missing."))
		return
	}
	req, err := s.provider.NewAccessRequest(ctx, r, new(store.Session))
	if err != nil {
		s.fail(w, r, err)
		return
	}
	resp, err := s.provider.NewAccessResponse(ctx, req)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	if err := s.store.Flush(ctx); err != nil {
		s.fail(w, r, s.overtaken(ctx, req, err))
		return
	}
	noStore(w.Header())
	writeJSON(w, http.StatusOK, resp.ToMap())
}

// overtaken tells what a request finds whose account or client ended while it
// was under way: the same as if it had come later.
func (s *Server) overtaken(ctx context.Context, req fosite.AccessRequester, err error) error {
	switch {
	case errors.Is(err, store.ErrReplayed):
		return errReplayed(ctx)
	case !errors.Is(err, store.ErrNotFound):
		return err
	case req.GetSession().(*store.Session).IssuedType != "":
		return &refusal{RFC6749Error: fosite.ErrInvalidRequest, reason: reasonExpired, cause: err,
			say: "What the subject_token stands for has just ended, or has just changed: sign in again."}
	case req.GetSession().(*store.Session).Imported != nil:
		return errRefreshEnded()
	case req.GetRequestForm().Get("grant_type") == store.GrantAuthorizationCode:
		return codeGrant{s.grants}.whyUnspent(ctx, req)
	case req.GetSession().(*store.Session).Grant.AccountID == nil:
		return invalidClient("Unknown client, or a wrong secret.")
	}
	return errWrongPassword(err)
}

// grants is the one token endpoint handler that fosite sees. It takes the
// steps that every grant shares, so that none can forget one, and leaves the
// rest to the grant's own handler.
type grants struct {
	*Server
	handlers map[string]grantHandler
}

// grantHandler is a grant of one type.
type grantHandler struct {
	fosite.TokenEndpointHandler
	continues bool // goes on with a grant that may exist, and bounds scope and audience itself
}

func grantTypes(handlers map[string]grantHandler) []string {
	var names []string
	for _, name := range store.GrantTypes {
		if _, ok := handlers[name]; ok {
			names = append(names, name)
		}
	}
	return names
}

// CanHandleTokenEndpointRequest is true: what it cannot, it refuses itself.
func (g *grants) CanHandleTokenEndpointRequest(context.Context, fosite.AccessRequester) bool {
	return true
}

// CanSkipClientAuth is false: every grant needs a client (RFC 6749 §3.2.1).
func (g *grants) CanSkipClientAuth(context.Context, fosite.AccessRequester) bool { return false }

// HandleTokenEndpointRequest checks what the client asks for, then lets the
// grant check what it brings.
func (g *grants) HandleTokenEndpointRequest(ctx context.Context, req fosite.AccessRequester) error {
	name := req.GetRequestForm().Get("grant_type")
	handler, ok := g.handlers[name]
	if !ok {
		return &refusal{RFC6749Error: fosite.ErrUnsupportedGrantType,
			say: "This server has the grants " + strings.Join(grantTypes(g.handlers), ", ") + "."}
	}
	eventOf(ctx).grant = name
	client := req.GetClient().(*store.Client)
	if !client.GrantTypes.Has(name) {
		return &refusal{RFC6749Error: fosite.ErrUnauthorizedClient, say: "This client is not registered for the grant " + name + "."}
	}
	audience, err := requestedAudience(req.GetRequestForm())
	if err != nil {
		return err
	}
	req.SetRequestedAudience(audience)
	if !handler.continues {
		if err := g.bound(name, client, req); err != nil {
			return err
		}
	}
	g.begin(client, req)
	return handler.HandleTokenEndpointRequest(ctx, req)
}

// PopulateTokenEndpointResponse issues the tokens.
func (g *grants) PopulateTokenEndpointResponse(ctx context.Context, req fosite.AccessRequester, resp fosite.AccessResponder) error {
	if err := g.handlers[req.GetRequestForm().Get("grant_type")].PopulateTokenEndpointResponse(ctx, req, resp); err != nil {
		return err
	}
	session := req.GetSession().(*store.Session)
	eventOf(ctx).account = session.GetSubject()
	if session.IssuedType != typeIDToken {
		resp.SetTokenType("Bearer")
		resp.SetExpiresIn(max(0, session.AccessExpiresAt.Sub(g.store.Now()).Round(time.Second)))
	}
	return g.addIDToken(ctx, req, resp)
}

// bound grants scope and audience out of what the client is registered for.
func (g *grants) bound(name string, client *store.Client, req fosite.AccessRequester) error {
	scope, audience, err := g.within(name, client, store.Words(req.GetRequestedScopes()), store.Words(req.GetRequestedAudience()))
	if err != nil {
		return err
	}
	grant(req, scope, audience)
	return nil
}

// within holds what a client asks for against what it is registered for, and
// gives it its defaults where it asks for nothing (RFC 6749 §3.3, RFC 8707 §2).
func (g *grants) within(name string, client *store.Client, scope, audience store.Words) (store.Words, store.Words, error) {
	if len(scope) == 0 {
		scope = client.DefaultScope
	}
	if len(scope) == 0 {
		return nil, nil, invalidScope("This client has no default scope: ask for one.")
	}
	if !client.Scope.Holds(scope) {
		return nil, nil, invalidScope("This client is not registered for all of these scopes.")
	}
	admin := scope.Has(store.ScopeAdmin)
	if admin && (name != store.GrantClientCredentials || !client.Operator) {
		return nil, nil, invalidScope("The scope admin is given to operator clients alone, by client_credentials.")
	}
	own := client.Audience
	if admin {
		own = store.Words{g.adminAudience()}
	}
	if len(audience) == 0 {
		audience = own
	}
	if !own.Holds(audience) {
		return nil, nil, invalidTarget("This client is not registered for all of these audiences.")
	}
	return scope, audience, nil
}

func grant(req fosite.Requester, scope, audience store.Words) {
	for _, s := range scope {
		req.GrantScope(s)
	}
	for _, a := range audience {
		req.GrantAudience(a)
	}
}

// requestedAudience reads audience (RFC 8693 §2.1) and resource, which is an
// absolute URI without fragment (RFC 8707 §2); each may be repeated.
func requestedAudience(form url.Values) ([]string, error) {
	for _, r := range form["resource"] {
		u, err := url.Parse(r)
		if err != nil || !u.IsAbs() || strings.Contains(r, "#") {
			return nil, invalidTarget("A resource is an absolute URI without fragment.")
		}
	}
	audience := slices.Concat(form["audience"], form["resource"])
	if slices.ContainsFunc(audience, func(a string) bool { return a == "" || strings.Contains(a, " ") }) {
		return nil, invalidTarget("An audience is one name or URI.")
	}
	return audience, nil
}

// begin fills in the grant that a sign-in makes.
func (g *grants) begin(client *store.Client, req fosite.AccessRequester) {
	now := g.store.Now()
	session := req.GetSession().(*store.Session)
	id := store.NewGrantID()
	req.SetID(id)
	session.Grant = store.Grant{
		ID: id, RootID: id, ClientID: client.ID, Subject: client.ID,
		Scope: store.Words(req.GetGrantedScopes()), Audience: store.Words(req.GetGrantedAudience()),
		AuthTime: now, CreatedAt: now,
	}
	session.AccessExpiresAt = now.Add(lifetime(client.AccessTokenLifetime, g.cfg.AccessTokenLife))
	session.Grant.ExpiresAt = session.AccessExpiresAt
}

func lifetime(registered int64, otherwise time.Duration) time.Duration {
	if registered > 0 {
		return time.Duration(registered) * time.Second
	}
	return otherwise
}

// issue makes the tokens of a new grant and puts them into the unit of work: a
// refresh token too where it is a sign-in, and the client is registered for
// refreshing.
func (g *grants) issue(ctx context.Context, req fosite.AccessRequester, resp fosite.AccessResponder) {
	client, session := req.GetClient().(*store.Client), req.GetSession().(*store.Session)
	now := session.Grant.CreatedAt
	at := g.keys.mint(accessToken)
	row := &store.AccessToken{
		Signature: at.signature, GrantID: session.Grant.ID, Scope: session.Grant.Scope, Audience: session.Grant.Audience,
		IssuedAt: now, ExpiresAt: session.AccessExpiresAt,
	}
	if session.TokenAudience != nil {
		row.Audience = session.TokenAudience
	}
	resp.SetAccessToken(at.String())
	resp.SetScopes(fosite.Arguments(session.Grant.Scope))
	var refresh *store.RefreshToken
	if client.GrantTypes.Has(store.GrantRefreshToken) && session.Grant.RootID == session.Grant.ID {
		session.Grant.ExpiresAt = now.Add(lifetime(client.GrantLifetime, g.cfg.GrantLife))
		session.Grant.ExpiresAt = notAfter(session, session.Grant.ExpiresAt)
		end := now.Add(lifetime(client.RefreshTokenLifetime, g.cfg.RefreshTokenLife))
		rt := g.keys.mint(refreshToken)
		refresh = &store.RefreshToken{Signature: rt.signature, IssuedAt: now,
			ExpiresAt: earlier(end, session.Grant.ExpiresAt)}
		row.ExpiresAt = earlier(row.ExpiresAt, session.Grant.ExpiresAt)
		session.AccessExpiresAt = row.ExpiresAt
		resp.SetExtra("refresh_token", rt.String())
	}
	g.store.AddGrant(ctx, session, row, refresh)
}

// notAfter is the end of something that the grant must not outlive, if there is
// such a thing.
func notAfter(session *store.Session, end time.Time) time.Time {
	if session.NotAfter.IsZero() {
		return end
	}
	return earlier(end, session.NotAfter)
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// clientCredentials is fosite's handler (RFC 6749 §4.4), with the token's end
// on the server's clock.
type clientCredentials struct{ fosite.TokenEndpointHandler }

// HandleTokenEndpointRequest checks with fosite and then sets the end again,
// which fosite takes from the process's clock.
func (c clientCredentials) HandleTokenEndpointRequest(ctx context.Context, req fosite.AccessRequester) error {
	session := req.GetSession().(*store.Session)
	end := session.AccessExpiresAt
	req.SetRequestedScopes(nil) // bound has granted out of them, and knows the scope admin and its audience
	req.SetRequestedAudience(nil)
	err := c.TokenEndpointHandler.HandleTokenEndpointRequest(ctx, req)
	session.AccessExpiresAt = end
	return err
}
