package authz

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"

	"gatehouse/authz/pages"
	"gatehouse/store"
)

// accountPage serves GET /account, where somebody looks after their sign-ins.
func (s *Server) accountPage(w http.ResponseWriter, r *http.Request) {
	noStore(w.Header())
	in := s.signedInHere(w, r)
	if in == nil {
		return
	}
	page, err := s.pageOfAccount(r.Context(), in)
	if err != nil {
		s.failPage(w, r, err)
		return
	}
	if t, err := s.readTicketOf(pageAccount, r.URL.Query().Get("ticket")); err == nil && t.Session == in.ID {
		page.Notice = t.Notice // an old one says nothing
	}
	// Its forms lead to providers, which are at https, or on loopback like us.
	s.pages.Write(w, http.StatusOK, *page, pages.Targets(s.cfg.Issuer)...)
}

// signedInHere is who is signed in; nil if it has answered by the page to sign
// in at, from which the way on is here.
func (s *Server) signedInHere(w http.ResponseWriter, r *http.Request) *store.SignedIn {
	in, err := s.signedIn(r)
	switch {
	case err != nil:
		s.failPage(w, r, err)
		return nil
	case in == nil:
		if t, err := s.readTicketOf(pageAccount, r.URL.Query().Get("ticket")); err == nil && s.lostCookie(r, t) {
			s.failPage(w, r, errNoCookie())
			return nil
		}
		s.goTo(w, "/signin", ticket{})
		return nil
	}
	eventOf(r.Context()).account = in.AccountID
	return in
}

// pageOfAccount is the page of an account.
func (s *Server) pageOfAccount(ctx context.Context, in *store.SignedIn) (*pages.Account, error) {
	page := &pages.Account{Account: accountName(&in.Account), Username: in.Account.EmailKey == nil, EmailVerified: in.Account.EmailState == store.EmailProven}
	a, err := s.store.Account(ctx, in.AccountID)
	if err != nil {
		return nil, err
	}
	if at := changesAt(a); at != "" {
		page.PasswordURL, page.HasPassword = s.base+at, a.HasPassword()
	}
	sessions, err := s.store.LoginSessions(ctx, in.AccountID)
	if err != nil {
		return nil, err
	}
	for _, l := range sessions {
		page.Sessions = append(page.Sessions, pages.Session{
			ID: l.ID, Device: l.UserAgent, Address: l.Address, SignedInAt: l.AuthTime, LastSeenAt: l.SeenAt, Current: l.ID == in.ID})
	}
	identities, err := s.store.Identities(ctx, in.AccountID)
	if err != nil {
		return nil, err
	}
	for _, i := range identities {
		page.Identities = append(page.Identities, pages.Identity{ID: i.ID, Provider: providerLabel(i.Provider), Name: i.Provider, Email: i.Email})
	}
	page.Linkable = slices.DeleteFunc(s.waysIn(ticket{}), func(p pages.Provider) bool {
		return slices.ContainsFunc(identities, func(i store.Identity) bool { return i.Provider == p.Name && i.Subject != nil })
	})
	consents, err := s.store.Consents(ctx, in.AccountID)
	if err != nil {
		return nil, err
	}
	for _, c := range consents {
		name, err := s.clientNamed(ctx, c.ClientID)
		if err != nil {
			return nil, err
		}
		page.Applications = append(page.Applications, pages.Application{ClientID: c.ClientID, Name: name, Scopes: c.Scope, GrantedAt: c.GrantedAt})
	}
	return page, nil
}

// accountForm reads a form of that page, with who sent it; nil if it has
// answered.
func (s *Server) accountForm(w http.ResponseWriter, r *http.Request) (*store.SignedIn, url.Values) {
	noStore(w.Header())
	form, err := readForm(w, r)
	if err != nil {
		s.failAccount(w, r, err)
		return nil, nil
	}
	return s.signedInHere(w, r), form
}

// endSessionForm serves POST /account/end-session: one session, or by the id
// others all but this browser's.
func (s *Server) endSessionForm(w http.ResponseWriter, r *http.Request) {
	in, form := s.accountForm(w, r)
	if in == nil {
		return
	}
	id := form.Get("id")
	var err error
	switch id {
	case "":
		err = errForm()
	case "others":
		_, err = s.store.EndLoginSessions(r.Context(), in.AccountID, in.ID)
	default:
		err = s.store.EndLoginSession(r.Context(), in.AccountID, id)
	}
	if err == nil && id == in.ID {
		s.goTo(w, "/oauth2/logout", ticket{}) // where nobody is signed in any more
		return
	}
	s.backToAccount(w, r, in.ID, err, pages.NoticeSessionEnded)
}

// revokeApplicationForm serves POST /account/revoke-application.
func (s *Server) revokeApplicationForm(w http.ResponseWriter, r *http.Request) {
	in, form := s.accountForm(w, r)
	if in == nil {
		return
	}
	err := errForm()
	if id := form.Get("client_id"); id != "" {
		err = s.store.WithdrawConsent(r.Context(), in.AccountID, id)
	}
	s.backToAccount(w, r, in.ID, err, pages.NoticeApplicationRevoked)
}

// backToAccount shows what is there after a form of the page. What it was to end
// and is not there has ended. The notice is for this login session alone.
func (s *Server) backToAccount(w http.ResponseWriter, r *http.Request, session string, err error, notice string) {
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		s.failAccount(w, r, err)
		return
	}
	s.goTo(w, "/account", ticket{Asked: s.store.Now(), Page: pageAccount, Session: session, Notice: notice})
}

// failAccount is failPage for who comes from that page, and may go back there.
func (s *Server) failAccount(w http.ResponseWriter, r *http.Request, err error) {
	f := *refusalOf(err)
	f.next = pages.NextAccount
	s.failPage(w, r, &f)
}
