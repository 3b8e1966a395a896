package authz

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"gatehouse/authz/pages"
	"gatehouse/store"
)

// signUp serves /signup: the page, and the form on it.
func (s *Server) signUp(w http.ResponseWriter, r *http.Request) {
	noStore(w.Header())
	if r.Method == http.MethodPost {
		s.signUpByMail(w, r)
		return
	}
	t, err := s.readTicket(r.URL.Query().Get("ticket"))
	if err != nil {
		s.failPage(w, r, err)
		return
	}
	s.showSignUp(w, r, http.StatusOK, t, pages.SignUp{})
}

// showSignUp fills in what does not depend on what was typed.
func (s *Server) showSignUp(w http.ResponseWriter, r *http.Request, status int, t ticket, page pages.SignUp) {
	a, err := s.requestOf(r, t)
	if err != nil {
		s.failPage(w, r, err)
		return
	}
	page.Ticket, page.SignInURL = s.sealTicket(t), s.withTicket("/signin", t)
	page.Providers = s.waysIn(t)
	if a != nil {
		page.ClientName = clientName(a.client)
		if page.Email == "" && len(a.loginHint) <= store.MaxEmail {
			page.Email = a.loginHint
		}
	}
	s.pages.Write(w, status, page)
}

// signUpByMail checks what was typed and sends a mail. No account is made, and
// nothing here depends on whether the address has one but the words of the mail.
func (s *Server) signUpByMail(w http.ResponseWriter, r *http.Request) {
	form, t, err := s.readTicketForm(w, r)
	if err != nil {
		s.failPage(w, r, err)
		return
	}
	n := store.NewAccount{Email: form.Get("email"), Username: localPart(form.Get("email")),
		FirstName: form.Get("first_name"), LastName: form.Get("last_name"), Password: form.Get("password")}
	if problems := n.Problems(); len(problems) > 0 {
		delete(problems, "username") // it comes of the address, which has one then
		s.showSignUp(w, r, http.StatusUnprocessableEntity, t,
			pages.SignUp{Email: n.Email, FirstName: n.FirstName, LastName: n.LastName, Errors: problems})
		return
	}
	if err := s.mailSignUp(r.Context(), &n, t, markBrowser(w, r)); err != nil {
		s.failPage(w, r, err)
		return
	}
	s.pages.Write(w, http.StatusOK, pages.CheckMail{Email: n.Email, Purpose: pages.PurposeSignUp, BackURL: s.withTicket("/signup", t)})
}

// localPart is what stands before the @, as far as it is fit for a username.
func localPart(email string) string {
	local, _, _ := strings.Cut(strings.TrimSpace(email), "@")
	if r := []rune(local); len(r) > store.MaxName {
		local = string(r[:store.MaxName])
	}
	return local
}

// mailSignUp sends the link that makes the account, or to who has one already a
// mail that says so, at the same cost.
func (s *Server) mailSignUp(ctx context.Context, n *store.NewAccount, t ticket, browser []byte) error {
	if err := s.store.AllowSignUp(ctx, s.cfg.Limits, eventOf(ctx).limitAddress()); err != nil {
		return err
	}
	hash, err := s.store.Hasher().Hash(ctx, n.Password)
	if err != nil {
		return err
	}
	if err := s.store.AllowLink(ctx, s.cfg.Limits, store.LinkSignUp, n.Email); err != nil {
		return unlessLimited(err)
	}
	link, row, err := s.newLink(store.LinkSignUp, "/verify", n.Email, browser, signUpLife,
		onward{Ticket: t, Newcomer: &newcomer{n.Email, n.Username, n.FirstName, n.LastName, hash}})
	if err != nil {
		return err
	}
	var say pages.Mail = pages.SignUpMail{Link: link, Valid: signUpLife}
	known, err := s.store.AccountByEmail(ctx, n.Email)
	if err == nil {
		say = pages.SignUpKnownMail{Name: known.FirstName, Link: s.page("/signin"), Reset: s.page("/forgot")}
		row.Sealed = nil
	} else if !errors.Is(err, store.ErrNotFound) {
		return err
	}
	return s.sendLink(ctx, row, err == nil, n.Email, say, signUpLife)
}

// finishSignUp makes the account that a link of sign-up is for, with the
// password that has this hash.
func (s *Server) finishSignUp(w http.ResponseWriter, r *http.Request, o *opened, hash string) {
	n, t := o.Newcomer, s.goesOn(o)
	account, err := s.store.SignUp(r.Context(), o.Digest, store.Account{
		Email: n.Email, Username: n.Username, FirstName: n.FirstName, LastName: n.LastName, PasswordHash: hash})
	switch {
	case errors.Is(err, store.ErrExists):
		s.showSignIn(w, r, http.StatusConflict, t, pages.SignIn{Email: n.Email, Error: pages.ProblemKnown})
	case err != nil:
		s.failPage(w, r, linkGone(err, store.LinkSignUp))
	default:
		s.enter(w, r, account, t)
	}
}
