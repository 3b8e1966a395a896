package authz

import (
	"context"
	"errors"
	"net/http"

	"github.com/ory/fosite"

	"gatehouse/authz/pages"
	"gatehouse/store"
)

// home serves the issuer itself: whoever types it in looks for their account.
func (s *Server) home(w http.ResponseWriter, _ *http.Request) { s.goTo(w, "/account", ticket{}) }

// passwordPage serves /account/password: the page, and the form on it. Who has
// no password yet gets one by mail: the account's page leads there.
func (s *Server) passwordPage(w http.ResponseWriter, r *http.Request) {
	noStore(w.Header())
	if r.Method == http.MethodPost {
		s.changePassword(w, r)
		return
	}
	in := s.signedInHere(w, r)
	if in == nil {
		return
	}
	a, err := s.store.Account(r.Context(), in.AccountID)
	switch {
	case err != nil:
		s.failAccount(w, r, err)
	case changesAt(a) != "/account/password":
		s.goTo(w, "/account", ticket{})
	default:
		s.showPassword(w, http.StatusOK, a, pages.ChangePassword{})
	}
}

// changesAt is where somebody changes the password of their account: by the one
// that it has, or by mail; empty for who has no address to sign in with.
func changesAt(a *store.Account) string {
	switch {
	case a.EmailKey == nil:
		return ""
	case a.HasPassword():
		return "/account/password"
	}
	return "/forgot"
}

func (s *Server) showPassword(w http.ResponseWriter, status int, a *store.Account, page pages.ChangePassword) {
	page.Account, page.BackURL = accountName(a), s.base+"/account"
	s.pages.Write(w, status, page)
}

// changePassword serves POST /account/password. This session goes on, with all
// that was born of it, and the others end.
func (s *Server) changePassword(w http.ResponseWriter, r *http.Request) {
	in, form := s.accountForm(w, r)
	if in == nil {
		return
	}
	a, err := s.store.Account(r.Context(), in.AccountID)
	if err == nil {
		err = s.replacePassword(r.Context(), in, a, form.Get("old_password"), form.Get("password"))
	}
	if err == nil {
		s.mailPosted()
		s.backToAccount(w, r, in.ID, nil, pages.NoticePasswordChanged)
		return
	}
	f := refusalOf(err)
	wait := f.answered() == http.StatusTooManyRequests
	if len(f.fields) == 0 && !wait && !errors.Is(err, store.ErrBusy) {
		s.failAccount(w, r, err)
		return
	}
	eventOf(r.Context()).refused(f)
	page := pages.ChangePassword{Errors: f.fields}
	if wait {
		w.Header().Set("Retry-After", f.retryAfter())
		page.Wait = f.retry
	} else if len(f.fields) == 0 {
		page.Errors = map[string]string{"": f.problem()}
	}
	s.showPassword(w, f.answered(), a, page)
}

// replacePassword checks what was typed, and counts the guess at the old
// password with those of signing in; a new one that is refused anyway is none.
func (s *Server) replacePassword(ctx context.Context, in *store.SignedIn, a *store.Account, old, password string) error {
	problems := map[string]string{}
	if old == "" {
		problems["old_password"] = pages.ProblemPasswordMissing
	}
	if err := store.CheckPassword(password, a.Email, a.Username); err != nil {
		problems["password"] = err.Error()
	}
	if len(problems) > 0 {
		return &refusal{RFC6749Error: fosite.ErrInvalidRequest, status: http.StatusUnprocessableEntity, fields: problems}
	}
	if err := s.store.AllowPassword(ctx, s.cfg.Limits, a, eventOf(ctx).limitAddress()); err != nil {
		return err
	}
	told, err := s.notice(a, pages.PasswordChangedMail{Name: a.FirstName, Link: s.page("/forgot")})
	if err != nil {
		return err
	}
	err = s.store.ChangePassword(ctx, in.Presence(), old, password, told)
	switch {
	case errors.Is(err, store.ErrWrongPassword):
		return &refusal{RFC6749Error: fosite.ErrInvalidGrant, status: http.StatusUnprocessableEntity,
			fields: map[string]string{"old_password": pages.ProblemOldPassword}}
	case errors.Is(err, store.ErrNotFound): // signed out meanwhile, or changed by somebody else
		return errSessionOver()
	}
	return err
}
