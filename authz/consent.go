package authz

import (
	"context"
	"net/http"
	"net/url"
	"strings"

	"github.com/ory/fosite"

	"gatehouse/authz/pages"
	"gatehouse/store"
)

// mustConsent tells whether the person is to be asked.
func (s *Server) mustConsent(ctx context.Context, a *authorization, in *store.SignedIn) (bool, error) {
	if asked := a.prompt.Has(promptConsent); asked || trusted(a) {
		return asked, nil
	}
	allowed, err := s.store.Consented(ctx, in.AccountID, a.client.ID)
	return !allowed.Holds(a.scope), err
}

// trusted tells whether the operator has consented for everybody. An address
// that is not https may belong to any app on the device (RFC 8252 §8.6).
func trusted(a *authorization) bool {
	return a.client.FirstParty && strings.HasPrefix(a.redirectURI, "https://")
}

// askConsent shows what the client asks for, in words.
func (s *Server) askConsent(w http.ResponseWriter, a *authorization, in *store.SignedIn) {
	t := ticket{Asked: a.asked, Query: a.values.Encode(), Session: in.ID, Scope: a.scope.String()}
	page := pages.Consent{Ticket: s.sealTicket(t), ClientName: clientName(a.client), Account: accountName(&in.Account), Scopes: a.scope, Audience: a.audience}
	if u, err := url.Parse(a.redirectURI); err == nil {
		page.ClientHost = u.Host
	}
	s.pages.Write(w, http.StatusOK, page, pages.Targets(a.redirectURI)...)
}

// consent serves POST /consent, where somebody allows what they were shown, or
// not.
func (s *Server) consent(w http.ResponseWriter, r *http.Request) {
	form, t, err := s.readTicketForm(w, r)
	if err != nil {
		s.failPage(w, r, err)
		return
	}
	a, err := s.requestOf(r, t)
	if err == nil && a == nil {
		err = errForm()
	}
	if err != nil {
		s.failPage(w, r, err)
		return
	}
	in, err := s.signedIn(r)
	if err != nil {
		s.refuse(w, r, a, err)
		return
	}
	switch decision := form.Get("decision"); {
	case in == nil || in.ID != t.Session || a.scope.String() != t.Scope: // somebody else by now, or something else
		s.proceed(w, r, a, in)
	case decision == "allow":
		s.allow(w, r, a, in)
	case decision == "deny":
		s.refuse(w, r, a, &refusal{RFC6749Error: fosite.ErrAccessDenied, say: "The person did not allow it."})
	default:
		s.failPage(w, r, errForm())
	}
}

func (s *Server) allow(w http.ResponseWriter, r *http.Request, a *authorization, in *store.SignedIn) {
	if err := s.store.Consent(r.Context(), in, a.client.ID, a.scope); err != nil {
		s.refuse(w, r, a, sessionGone(err))
		return
	}
	s.issueCode(w, r, a, in)
}

// errForm refuses a form that is not one of ours.
func errForm() error {
	return &refusal{RFC6749Error: fosite.ErrInvalidRequest, page: pages.ErrorForm}
}

// clientName is what people know a client by.
func clientName(c *store.Client) string {
	if c.Name != "" {
		return c.Name
	}
	return c.ID
}

// accountName is what people know their account by.
func accountName(a *store.Account) string {
	if a.EmailKey != nil {
		return a.Email
	}
	return a.Username
}
