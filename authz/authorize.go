package authz

import (
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/ory/fosite"

	"gatehouse/authz/pages"
	"gatehouse/store"
)

const (
	codeLife   = time.Minute   // RFC 6749 §4.1.2 allows ten
	maxRequest = 4 << 10       // bytes of an authorization request: it travels in URLs, and in cookies by maxParts
	ticketLife = 2 * time.Hour // from the request to the end of signing in
)

// authorize serves /oauth2/authorize (RFC 6749 §3.1, OpenID Connect Core
// §3.1.2). Whoever is signed in and has consented is sent back at once with a
// code; anyone else by way of the pages, with the request in a ticket.
func (s *Server) authorize(w http.ResponseWriter, r *http.Request) {
	noStore(w.Header())
	form, t, err := s.authorizationParameters(w, r)
	if err != nil {
		s.failPage(w, r, err)
		return
	}
	a, err := s.addressee(r.Context(), form)
	if err != nil {
		s.failPage(w, r, err)
		return
	}
	a.asked = t.Asked
	if err := s.readAuthorization(r.Context(), a); err != nil {
		s.refuse(w, r, a, err)
		return
	}
	if r.Method == http.MethodPost {
		// From another site's form the browser has sent no cookie; after a redirect it does.
		s.goTo(w, "/oauth2/authorize", ticket{Asked: t.Asked, Query: form.Encode()})
		return
	}
	in, err := s.signedIn(r)
	if err != nil {
		s.refuse(w, r, a, err)
		return
	}
	if in == nil && s.lostCookie(r, t) {
		s.failPage(w, r, errNoCookie())
		return
	}
	s.proceed(w, r, a, in)
}

// authorizationParameters reads the request out of the query, the body, or a
// ticket that a page gives back: that stands alone, as a parameter of this name
// may be anybody's.
func (s *Server) authorizationParameters(w http.ResponseWriter, r *http.Request) (form url.Values, t ticket, err error) {
	if r.Method == http.MethodPost {
		form, err = readForm(w, r)
	} else if form, err = url.ParseQuery(r.URL.RawQuery); err != nil {
		err = invalidRequest("The address is not well-formed.")
	}
	if err != nil {
		return nil, t, err
	}
	if text := form.Get("ticket"); text != "" && len(form) == 1 {
		if t, err = s.readTicket(text); err == nil {
			form, err = url.ParseQuery(t.Query)
		}
		return form, t, err
	}
	if len(form.Encode()) > maxRequest {
		return nil, t, errTooLong()
	}
	for name, values := range form { // one without a value is as if it were not there (RFC 6749 §3.1)
		if strings.Join(values, "") == "" {
			delete(form, name)
		}
	}
	return form, ticket{Asked: s.store.Now()}, nil
}

// proceed takes a checked request to its next step: signing in, consent, or the
// answer.
func (s *Server) proceed(w http.ResponseWriter, r *http.Request, a *authorization, in *store.SignedIn) {
	silent := a.prompt.Has(promptNone)
	if a.expectsAnother(in) && a.justSignedIn(in) { // and would again
		s.refuse(w, r, a, &refusal{RFC6749Error: fosite.ErrLoginRequired, say: "Somebody else signed in than the id_token_hint tells of."})
		return
	}
	if a.mustSignIn(in, s.store.Now()) {
		if silent {
			s.refuse(w, r, a, &refusal{RFC6749Error: fosite.ErrLoginRequired, say: "Nobody is signed in, or not recently enough."})
			return
		}
		s.goTo(w, "/signin", ticket{Asked: a.asked, Query: a.values.Encode()})
		return
	}
	eventOf(r.Context()).account = in.AccountID
	ask, err := s.mustConsent(r.Context(), a, in)
	if err != nil {
		s.refuse(w, r, a, err)
		return
	}
	if !ask {
		s.issueCode(w, r, a, in)
		return
	}
	if silent {
		s.refuse(w, r, a, &refusal{RFC6749Error: fosite.ErrConsentRequired, say: "The person must be asked first."})
		return
	}
	s.askConsent(w, a, in)
}

// issueCode sends the browser back with a code.
func (s *Server) issueCode(w http.ResponseWriter, r *http.Request, a *authorization, in *store.SignedIn) {
	now := s.store.Now()
	code := s.keys.mint(authorizationCode)
	err := s.store.AddCode(r.Context(), &store.Code{
		Signature: code.signature, GrantID: store.NewGrantID(), ClientID: a.client.ID, AuthEpoch: in.Account.AuthEpoch, LoginSessionID: in.ID,
		RedirectURI: a.namedURI, CodeChallenge: a.challenge, Nonce: a.nonce, Scope: a.scope, Audience: a.audience, Resource: a.resource,
		IssuedAt: now, ExpiresAt: now.Add(codeLife),
	})
	if err != nil {
		s.refuse(w, r, a, sessionGone(err))
		return
	}
	s.answer(w, r, a, url.Values{"code": {code.String()}})
}

// answer gives the client its authorization response: by redirect, or by a form
// that the browser posts (OAuth 2.0 Form Post Response Mode §2). Every one
// names the issuer (RFC 9207 §2).
func (s *Server) answer(w http.ResponseWriter, r *http.Request, a *authorization, values url.Values) {
	values.Set("iss", s.cfg.Issuer)
	if a.state != "" {
		values.Set("state", a.state)
	}
	if a.responseMode == "form_post" {
		page := pages.FormPost{RedirectURI: a.redirectURI, ClientName: clientName(a.client)}
		for _, name := range []string{"code", "error", "error_description", "state", "iss"} {
			if values.Has(name) {
				page.Parameters = append(page.Parameters, pages.Parameter{Name: name, Value: values.Get(name)})
			}
		}
		s.pages.Write(w, http.StatusOK, page)
		return
	}
	redirect(w, r, withQuery(a.redirectURI, values))
}

// withQuery adds parameters to a client's URI; the rest of it stays as it was
// registered, to the letter.
func withQuery(uri string, values url.Values) string {
	switch {
	case len(values) == 0:
		return uri
	case !strings.Contains(uri, "?"):
		uri += "?"
	case !strings.HasSuffix(uri, "?"):
		uri += "&"
	}
	return uri + values.Encode()
}

// redirect sends the browser on, by GET.
func redirect(w http.ResponseWriter, r *http.Request, to string) {
	w.Header().Set("Location", to)
	if r.Method == http.MethodPost {
		w.WriteHeader(http.StatusSeeOther) // RFC 9700 §4.12
		return
	}
	w.WriteHeader(http.StatusFound)
}

// refuse tells the client of an error (RFC 6749 §4.1.2.1) and notes it in the
// log.
func (s *Server) refuse(w http.ResponseWriter, r *http.Request, a *authorization, err error) {
	f := refusalOf(err)
	eventOf(r.Context()).refused(f)
	values := url.Values{"error": {f.ErrorField}, "error_description": {f.description()}}
	s.answer(w, r, a, values)
}
