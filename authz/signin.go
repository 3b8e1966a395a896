package authz

import (
	"cmp"
	"errors"
	"net/http"

	"github.com/ory/fosite"

	"gatehouse/authz/pages"
	"gatehouse/store"
)

// signIn serves /signin: the page, and the form on it.
func (s *Server) signIn(w http.ResponseWriter, r *http.Request) {
	noStore(w.Header())
	if r.Method == http.MethodPost {
		s.signInByPassword(w, r)
		return
	}
	t, err := s.readTicket(r.URL.Query().Get("ticket"))
	if err != nil {
		s.failPage(w, r, err)
		return
	}
	s.showSignIn(w, r, http.StatusOK, t, pages.SignIn{})
}

// showSignIn fills in what does not depend on what was typed.
func (s *Server) showSignIn(w http.ResponseWriter, r *http.Request, status int, t ticket, page pages.SignIn) {
	a, in, err := s.visitor(r, t)
	if err != nil {
		s.failPage(w, r, err)
		return
	}
	t.Link = s.linkOf(r, t)
	page.Ticket, page.Providers = s.sealTicket(t), s.waysIn(t)
	page.SignUpURL, page.ForgotURL = s.withTicket("/signup", t), s.withTicket("/forgot", t)
	if in != nil && (a == nil || !a.expectsAnother(in)) {
		page.Email, page.Reauthenticate = cmp.Or(page.Email, in.Account.Email), true
	}
	if t.Link != nil {
		page.Email, page.Linking = cmp.Or(page.Email, t.Link.Email), providerLabel(t.Link.Provider)
	}
	var targets []string
	if a != nil {
		page.ClientName = clientName(a.client)
		targets = pages.Targets(a.redirectURI)
		if page.Email == "" && len(a.loginHint) <= store.MaxEmail {
			page.Email = a.loginHint
		}
	}
	s.pages.Write(w, status, page, targets...)
}

// signInByPassword checks what was typed, by the rules of the password grant.
func (s *Server) signInByPassword(w http.ResponseWriter, r *http.Request) {
	form, t, err := s.readTicketForm(w, r)
	if err != nil {
		s.failPage(w, r, err)
		return
	}
	r = r.WithContext(s.store.Begin(r.Context()))
	if err := s.checkPassword(w, r, form.Get("email"), form.Get("password")); err != nil {
		s.refuseSignIn(w, r, t, pages.SignIn{Email: form.Get("email")}, refusalOf(err))
		return
	}
	s.wayOn(w, t)
}

// refuseSignIn shows the page again, with what was wrong.
func (s *Server) refuseSignIn(w http.ResponseWriter, r *http.Request, t ticket, page pages.SignIn, f *refusal) {
	eventOf(r.Context()).refused(f)
	if f.retry > 0 {
		w.Header().Set("Retry-After", f.retryAfter())
	}
	if page.Error, page.Errors = f.problem(), f.fields; f.answered() == http.StatusTooManyRequests {
		page.Wait = f.retry
	}
	s.showSignIn(w, r, f.answered(), t, page)
}

func (s *Server) checkPassword(w http.ResponseWriter, r *http.Request, email, password string) error {
	missing := map[string]string{}
	if email == "" {
		missing["email"] = pages.ProblemEmailMissing
	}
	if password == "" {
		missing["password"] = pages.ProblemPasswordMissing
	}
	if len(missing) > 0 {
		return &refusal{RFC6749Error: fosite.ErrInvalidRequest, status: http.StatusUnprocessableEntity, fields: missing}
	}
	account, err := s.store.Login(r.Context(), s.cfg.Limits, email, password, eventOf(r.Context()).limitAddress())
	if err == nil {
		err = s.openSession(w, r, store.NewLoginSession{Account: account, AuthTime: s.store.Now(), AMR: store.Words{"pwd"}})
	}
	if errors.Is(err, store.ErrWrongPassword) || errors.Is(err, store.ErrNotFound) {
		return &refusal{RFC6749Error: fosite.ErrInvalidGrant, status: http.StatusUnprocessableEntity, page: pages.ProblemCredentials}
	}
	return err
}
