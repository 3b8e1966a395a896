package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humamux"

	"gatehouse/api/introspect"
	"gatehouse/store"
)

// realm is told in WWW-Authenticate (RFC 9110 §11.5).
const realm = "api"

// access is who may call a route.
type access struct {
	scopes   []string // all needed; none: anyone may call, without a token
	optional bool     // no token will do; one that is sent must be good, whatever its scopes
	account  bool     // the token must speak for an account, not for a client
	inPerson bool     // nobody may act for the account (RFC 8693 §4.1)
	ours     bool     // the token must be of a first-party client
}

var anyone access // read only

func (a access) anyone() bool { return len(a.scopes) == 0 }

// guard asks the authorization server about the request's token, and lets the
// request pass with its principal in the context.
func (s *Server) guard(a access) func(huma.Context, func(huma.Context)) {
	check := s.checker.Require(a.scopes...)
	if a.optional {
		check = s.checker.Optional()
	}
	return func(c huma.Context, next func(huma.Context)) {
		r, w := humamux.Unwrap(c)
		check(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			who := principal(r.Context())
			ev := eventOf(r.Context())
			ev.client = who.ClientID
			s.narrowCORS(w.Header(), r, who.ClientID)
			if who.SubjectType == introspect.SubjectAccount {
				ev.account = who.Subject
			}
			switch {
			case a.account && who.SubjectType != introspect.SubjectAccount:
				s.fail(w, r, forbidden("account_required", "the access token is of a client, not of an account"))
			case a.inPerson && who.Actor != nil:
				s.fail(w, r, forbidden("delegated", "somebody acts for the account; this it must do in person"))
			case a.ours:
				if p := s.refuseOthers(r.Context()); p != nil {
					s.fail(w, r, p)
					return
				}
				next(humamux.NewContext(c.Operation(), r, w))
			default:
				next(humamux.NewContext(c.Operation(), r, w))
			}
		})).ServeHTTP(w, r)
	}
}

// firstParty tells whether the operator vouches for the client of a token: any
// other has what somebody allowed it, and not their account.
func (s *Server) firstParty(ctx context.Context, clientID string) (bool, error) {
	client, err := s.store.Client(ctx, clientID)
	if errors.Is(err, store.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("read the token's client: %w", err)
	}
	return client.FirstParty, nil
}

// refuseOthers is what a token of any other client is answered; nil for ours.
func (s *Server) refuseOthers(ctx context.Context) *problem {
	ours, err := s.firstParty(ctx, principal(ctx).ClientID)
	switch {
	case err != nil:
		return asProblem(err)
	case !ours:
		return forbidden("first_party_required", "an application that may act for the account may not change the account itself")
	}
	return nil
}

// narrowCORS takes back what newCORS let any registered origin do, as soon as
// it is known whose token this is: the answer is for pages of that client, or
// of an origin that the operator listed.
func (s *Server) narrowCORS(h http.Header, r *http.Request, clientID string) {
	origin := r.Header.Get("Origin")
	if origin == "" || slices.Contains(s.cfg.Origins, origin) {
		return
	}
	if client, err := s.store.Client(r.Context(), clientID); err != nil || !client.Origins.Has(origin) {
		h.Del("Access-Control-Allow-Origin")
		h.Del("Access-Control-Expose-Headers")
	}
}

// principal is whom the request's token speaks for; the zero value if it has none.
func principal(ctx context.Context) introspect.Principal {
	who, _ := introspect.PrincipalFrom(ctx)
	return who
}

// forbidden is the 403 of a token that is active and of no use here. RFC 6750
// §3.1 has one error code for it. The detail has no quotes.
func forbidden(code, detail string) *problem {
	p := newProblem(http.StatusForbidden, code, detail)
	p.header = challenge("insufficient_scope", detail)
	return p
}

// gone is the 401 of a token whose account has ended since it was asked about.
func gone() *problem {
	const detail = "the account of the access token has ended"
	p := newProblem(http.StatusUnauthorized, "invalid_token", detail)
	p.header = challenge("invalid_token", detail)
	return p
}

func challenge(code, detail string) http.Header {
	return http.Header{"Www-Authenticate": {`Bearer realm="` + realm + `", error="` + code + `", error_description="` + detail + `"`}}
}

// failToken writes the refusals of package introspect, which has set their
// headers.
func (s *Server) failToken(w http.ResponseWriter, r *http.Request, f *introspect.Failure) {
	code := f.Code
	if code == "" {
		code = "token_required"
	}
	p := newProblem(f.Status, code, f.Description)
	p.cause = f.Err
	for i, scope := range f.Scope {
		if i > 0 {
			p.Scope += " "
		}
		p.Scope += scope
	}
	s.fail(w, r, p)
}
