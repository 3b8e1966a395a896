package authz

import (
	"context"
	"errors"
	"net/http"
	"net/url"

	"gatehouse/authz/pages"
	"gatehouse/store"
)

// logoutRequest is a client's wish that somebody be signed out (OpenID Connect
// RP-Initiated Logout 1.0 §2).
type logoutRequest struct {
	client    *store.Client // nil if it did not say
	subject   string        // of the id_token_hint
	sid       string        // likewise: the session that it tells of
	returnURI string        // registered for the client; empty: the browser stays here
	state     string
	asked     ticket // the request again, without the hint
}

// logout serves /oauth2/logout. A client that shows an ID token of this
// browser's session ends it; in all other cases the person is asked (§2). A
// request that is wrong in any part does nothing at all.
func (s *Server) logout(w http.ResponseWriter, r *http.Request) {
	noStore(w.Header())
	form, err := s.logoutParameters(w, r)
	if err == nil && r.Method == http.MethodPost && form.Has("ticket") {
		s.confirmLogout(w, r, form)
		return
	}
	var l *logoutRequest
	if err == nil {
		l, err = s.readLogout(r.Context(), form)
	}
	if err != nil {
		s.failPage(w, r, err)
		return
	}
	if r.Method == http.MethodPost {
		// From another site's form the browser has sent no cookie; after a redirect it does.
		s.goTo(w, "/oauth2/logout", ticket{Asked: s.store.Now(), Page: pageLogout, Query: form.Encode()})
		return
	}
	in, err := s.signedIn(r)
	switch {
	case err != nil:
		s.failPage(w, r, err)
	case in == nil:
		s.signedOut(w, r, l)
	case l.sid == in.SID && l.subject == in.AccountID:
		s.signOut(w, r, l, in)
	default:
		s.askLogout(w, l, in)
	}
}

// logoutParameters reads the request out of the query, the body, or the ticket
// that a POST was turned into. It may have no parameters.
func (s *Server) logoutParameters(w http.ResponseWriter, r *http.Request) (url.Values, error) {
	if r.Method == http.MethodPost && r.ContentLength != 0 {
		return readForm(w, r)
	}
	form, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil || r.Method == http.MethodPost && len(form) > 0 {
		return nil, invalidRequest("The address is not well-formed.")
	}
	if text := form.Get("ticket"); text != "" && len(form) == 1 {
		t, err := s.readTicketOf(pageLogout, text)
		if err != nil {
			return nil, err
		}
		return url.ParseQuery(t.Query)
	}
	if len(form) == 0 {
		return form, nil
	}
	return checkedForm(form)
}

// readLogout checks a request.
func (s *Server) readLogout(ctx context.Context, form url.Values) (*logoutRequest, error) {
	l := &logoutRequest{returnURI: form.Get("post_logout_redirect_uri"), state: form.Get("state")}
	clientID := form.Get("client_id")
	if hint := form.Get("id_token_hint"); hint != "" {
		claims, err := s.readHint(ctx, hint)
		if err != nil {
			return nil, err
		}
		if clientID != "" && clientID != claims.Audience { // §2
			return nil, invalidRequest("The id_token_hint was issued to another client than the client_id says.")
		}
		clientID, l.subject, l.sid = claims.Audience, claims.Subject, claims.SID
	}
	if clientID == "" && l.returnURI != "" {
		return nil, unknownAddress("The application that sent you here wants you to return to it, and does not say which one it is (client_id or id_token_hint).")
	}
	if clientID != "" {
		var err error
		if l.client, err = s.store.Client(ctx, clientID); errors.Is(err, store.ErrNotFound) {
			return nil, unknownAddress("The application that sent you here is not known to this server (client_id).")
		} else if err != nil {
			return nil, err
		}
		eventOf(ctx).client = clientID
	}
	if l.returnURI != "" && !l.client.PostLogoutRedirectURIs.Has(l.returnURI) { // §3: exactly
		return nil, unknownAddress("The application that sent you here wants you to return to an address that is not registered for it (post_logout_redirect_uri).")
	}
	again := url.Values{}
	for name, value := range map[string]string{"client_id": clientID, "post_logout_redirect_uri": l.returnURI, "state": l.state} {
		if value != "" {
			again.Set(name, value)
		}
	}
	l.asked = ticket{Asked: s.store.Now(), Page: pageLogout, Query: again.Encode()}
	return l, nil
}

// askLogout asks the person.
func (s *Server) askLogout(w http.ResponseWriter, l *logoutRequest, in *store.SignedIn) {
	t := l.asked
	t.Session = in.ID
	page := pages.SignOut{Ticket: s.sealTicket(t), Account: accountName(&in.Account)}
	var targets []string
	if l.client != nil {
		page.ClientName = clientName(l.client)
	}
	if l.returnURI != "" {
		targets = pages.Targets(l.returnURI)
	}
	s.pages.Write(w, http.StatusOK, page, targets...)
}

// confirmLogout takes the answer to that, which comes from our own page alone.
func (s *Server) confirmLogout(w http.ResponseWriter, r *http.Request, form url.Values) {
	session, l, err := s.readLogoutAnswer(r, form)
	if err != nil {
		s.failPage(w, r, err)
		return
	}
	in, err := s.signedIn(r)
	switch {
	case err != nil:
		s.failPage(w, r, err)
	case in == nil:
		s.signedOut(w, r, l)
	case in.ID != session: // somebody else by now
		s.askLogout(w, l, in)
	default:
		s.signOut(w, r, l, in)
	}
}

// readLogoutAnswer returns whom the page asked, and for which request.
func (s *Server) readLogoutAnswer(r *http.Request, form url.Values) (session string, l *logoutRequest, err error) {
	if err := s.checkOwnForm(r); err != nil {
		return "", nil, err
	}
	t, err := s.readTicketOf(pageLogout, form.Get("ticket"))
	if err != nil {
		return "", nil, err
	}
	if form.Get("decision") != "sign_out" {
		return "", nil, errForm()
	}
	asked, err := url.ParseQuery(t.Query)
	if err != nil {
		return "", nil, err
	}
	l, err = s.readLogout(r.Context(), asked) // the client may have changed since
	return t.Session, l, err
}

// signOut ends this browser's session.
func (s *Server) signOut(w http.ResponseWriter, r *http.Request, l *logoutRequest, in *store.SignedIn) {
	eventOf(r.Context()).account = in.AccountID
	if err := s.store.EndLoginSession(r.Context(), in.AccountID, in.ID); err != nil && !errors.Is(err, store.ErrNotFound) {
		s.failPage(w, r, err)
		return
	}
	s.signedOut(w, r, l)
}

// signedOut sends the browser on to where the client wants it (§3), or says
// that it is done.
func (s *Server) signedOut(w http.ResponseWriter, r *http.Request, l *logoutRequest) {
	http.SetCookie(w, cookie(cookieSession, "", 0))
	if l.returnURI != "" {
		values := url.Values{}
		if l.state != "" {
			values.Set("state", l.state)
		}
		redirect(w, r, withQuery(l.returnURI, values))
		return
	}
	page := pages.SignedOut{SignInURL: s.base + "/signin"}
	if l.client != nil {
		page.ClientName = clientName(l.client)
	}
	s.pages.Write(w, http.StatusOK, page)
}
