package authz

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"gatehouse/authz/pages"
	"gatehouse/store"
)

// forgot serves /forgot: the page, and the form on it.
func (s *Server) forgot(w http.ResponseWriter, r *http.Request) {
	noStore(w.Header())
	if r.Method == http.MethodPost {
		s.forgotPassword(w, r)
		return
	}
	t, err := s.readTicket(r.URL.Query().Get("ticket"))
	if err != nil {
		s.failPage(w, r, err)
		return
	}
	in, err := s.signedIn(r)
	if err != nil {
		s.failPage(w, r, err)
		return
	}
	var page pages.Forgot
	if in != nil && in.Account.EmailKey != nil {
		page.Email = in.Account.Email
	}
	s.showForgot(w, http.StatusOK, t, page)
}

func (s *Server) showForgot(w http.ResponseWriter, status int, t ticket, page pages.Forgot) {
	page.Ticket, page.SignInURL = s.sealTicket(t), s.withTicket("/signin", t)
	s.pages.Write(w, status, page)
}

// forgotPassword sends a link, and answers the same for any address.
func (s *Server) forgotPassword(w http.ResponseWriter, r *http.Request) {
	form, t, err := s.readTicketForm(w, r)
	if err != nil {
		s.failPage(w, r, err)
		return
	}
	email := strings.TrimSpace(form.Get("email"))
	if store.CheckEmail(email) != nil {
		s.showForgot(w, http.StatusUnprocessableEntity, t, pages.Forgot{Email: email, Errors: map[string]string{"email": pages.ProblemEmail}})
		return
	}
	if err := s.mailReset(r.Context(), email, t, markBrowser(w, r)); err != nil {
		s.failPage(w, r, err)
		return
	}
	s.pages.Write(w, http.StatusOK, pages.CheckMail{Email: email, Purpose: pages.PurposeReset, BackURL: s.withTicket("/forgot", t)})
}

// mailReset sends a link to an active account with this address, whether it has
// a password or not. For any other address it does the same to nobody.
func (s *Server) mailReset(ctx context.Context, email string, t ticket, browser []byte) error {
	if err := s.store.AllowLink(ctx, s.cfg.Limits, store.LinkReset, email); err != nil {
		return unlessLimited(err)
	}
	link, row, err := s.newLink(store.LinkReset, "/reset", email, browser, resetLife, onward{Ticket: t})
	if err != nil {
		return err
	}
	a, err := s.store.AccountByEmail(ctx, email)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	nobody := err != nil || !a.IsActive
	to := "" // nobody
	if !nobody {
		to, row.AccountID, row.AuthEpoch = a.Email, &a.ID, a.AuthEpoch
	}
	return s.sendLink(ctx, row, nobody, to, pages.ResetMail{Name: a.FirstName, Link: link, Valid: resetLife}, resetLife)
}

// reset serves /reset, where the links of forgotten passwords lead. GET uses
// nothing up.
func (s *Server) reset(w http.ResponseWriter, r *http.Request) {
	noStore(w.Header())
	token, password := r.URL.Query().Get("token"), ""
	if r.Method == http.MethodPost {
		form, err := readForm(w, r)
		if err != nil {
			s.failPage(w, r, err)
			return
		}
		token, password = form.Get("token"), form.Get("password")
	}
	o, err := s.openLink(r, token, store.LinkReset)
	switch {
	case err != nil:
		s.failPage(w, r, err)
	case r.Method == http.MethodPost:
		s.setPassword(w, r, o, "/reset", password)
	default:
		s.askPassword(w, r, http.StatusOK, o, "/reset", nil)
	}
}

// askPassword shows the page on which whoever opened a link chooses a password.
func (s *Server) askPassword(w http.ResponseWriter, r *http.Request, status int, o *opened, action string, problems map[string]string) {
	email, _ := o.address()
	s.pages.Write(w, status, pages.NewPassword{Action: action, Token: o.token, Email: email, New: o.Newcomer != nil, Elsewhere: o.Purpose != store.LinkReset, Errors: problems},
		s.targetsOf(r, s.goesOn(o))...)
}

// setPassword gives the account of a link a password, and signs in with it.
// That proves the address from outside of what was there before.
func (s *Server) setPassword(w http.ResponseWriter, r *http.Request, o *opened, action, password string) {
	ctx := r.Context()
	email, username := o.address()
	if err := store.CheckPassword(password, email, username); err != nil {
		s.askPassword(w, r, http.StatusUnprocessableEntity, o, action, map[string]string{"password": err.Error()})
		return
	}
	hash, err := s.store.Hasher().Hash(ctx, password)
	if err != nil {
		s.failPage(w, r, err)
		return
	}
	if o.Newcomer != nil {
		s.finishSignUp(w, r, o, hash)
		return
	}
	told, err := s.worded(o.Account.Email, pages.PasswordChangedMail{Name: o.Account.FirstName, Link: s.page("/forgot")}, noticeLife)
	if err != nil {
		s.failPage(w, r, err)
		return
	}
	account, err := s.store.ProveFromOutside(ctx, o.OpenedLink, hash, told)
	if err != nil {
		s.failPage(w, r, linkGone(err, o.Purpose))
		return
	}
	s.mailPosted()
	s.enter(w, r, account, s.goesOn(o))
}
