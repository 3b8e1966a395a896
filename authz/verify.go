package authz

import (
	"context"
	"net/http"

	"gatehouse/authz/pages"
	"gatehouse/store"
)

// verifyAddress serves /verify, where links of sign-up and of verification
// lead. GET uses nothing up: what reads mail before people do follows links.
func (s *Server) verifyAddress(w http.ResponseWriter, r *http.Request) {
	noStore(w.Header())
	if r.Method == http.MethodPost {
		s.useVerification(w, r)
		return
	}
	o, err := s.openVerification(r, r.URL.Query().Get("token"))
	switch {
	case err != nil:
		s.failPage(w, r, err)
	case o.here:
		email, _ := o.address()
		s.pages.Write(w, http.StatusOK, pages.Confirm{Token: o.token, Email: email}, s.targetsOf(r, s.goesOn(o))...)
	default:
		s.askPassword(w, r, http.StatusOK, o, "/verify", nil)
	}
}

// openVerification is openLink for who comes to /verify. Who is signed in has an
// account, so that a link that does not work is hardly one of sign-up.
func (s *Server) openVerification(r *http.Request, token string) (*opened, error) {
	in, err := s.signedIn(r)
	if err != nil {
		return nil, err
	}
	if in != nil {
		return s.openLink(r, token, store.LinkVerify, store.LinkSignUp)
	}
	return s.openLink(r, token, store.LinkSignUp, store.LinkVerify)
}

// useVerification serves POST /verify. In the browser that asked, the link does
// what it was asked for. Anywhere else somebody else may have asked, so that
// whoever opens it chooses a new password first.
func (s *Server) useVerification(w http.ResponseWriter, r *http.Request) {
	form, err := readForm(w, r)
	if err != nil {
		s.failPage(w, r, err)
		return
	}
	o, err := s.openVerification(r, form.Get("token"))
	switch {
	case err != nil:
		s.failPage(w, r, err)
	case !o.here && !form.Has("password"):
		s.askPassword(w, r, http.StatusOK, o, "/verify", nil)
	case !o.here:
		s.setPassword(w, r, o, "/verify", form.Get("password"))
	case o.Newcomer != nil:
		s.finishSignUp(w, r, o, o.Newcomer.PasswordHash)
	default:
		if err := s.store.ProveEmail(r.Context(), o.OpenedLink, o.in.ID); err != nil {
			s.failPage(w, r, linkGone(err, store.LinkVerify))
			return
		}
		s.backToAccount(w, r, o.in.ID, nil, pages.NoticeVerified)
	}
}

// sendVerification serves POST /account/verify-email: a link to the account's
// own address, which proves it in this login session alone.
func (s *Server) sendVerification(w http.ResponseWriter, r *http.Request) {
	noStore(w.Header())
	in := s.signedInHere(w, r)
	if in == nil {
		return
	}
	a := &in.Account
	if a.EmailKey == nil || a.EmailState == store.EmailProven {
		s.wayOn(w, ticket{})
		return
	}
	if err := s.mailVerification(r.Context(), in); err != nil {
		s.failPage(w, r, err)
		return
	}
	s.pages.Write(w, http.StatusOK, pages.CheckMail{Email: a.Email, Purpose: pages.PurposeVerify, BackURL: s.withTicket("/account", ticket{})})
}

func (s *Server) mailVerification(ctx context.Context, in *store.SignedIn) error {
	a := &in.Account
	if err := s.store.AllowLink(ctx, s.cfg.Limits, store.LinkVerify, a.Email); err != nil {
		return err
	}
	link, row, err := s.newLink(store.LinkVerify, "/verify", a.Email, digestOf(in.ID), verifyLife, onward{})
	if err != nil {
		return err
	}
	row.AccountID, row.AuthEpoch = &a.ID, a.AuthEpoch
	return s.sendLink(ctx, row, false, a.Email, pages.VerifyMail{Name: a.FirstName, Link: link, Valid: verifyLife}, verifyLife)
}
