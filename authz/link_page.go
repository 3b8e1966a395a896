package authz

import (
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"net/http"
	"time"

	"github.com/ory/fosite"

	"gatehouse/authz/pages"
	"gatehouse/social"
	"gatehouse/store"
)

// pendingLink is an identity that somebody has shown, and that waits for them
// to sign in as before. It is good at the browser that showed it and nowhere
// else: whoever was sent somebody else's would let them in.
type pendingLink struct {
	Provider string
	Subject  string
	Email    string
	Verified bool
	Browser  string // the value of its cookie
	Until    time.Time
}

const (
	cookieLink = "__Host-gatehouse-link"
	linkLife   = 10 * time.Minute
)

// askToLink has somebody sign in as before, with the identity kept for them.
func (s *Server) askToLink(w http.ResponseWriter, r *http.Request, t ticket, id *social.Identity) {
	eventOf(r.Context()).reason = reasonLinkRequired
	t.Link = &pendingLink{id.Provider, id.Subject, id.Email, id.EmailVerified, rand.Text(), s.store.Now().Add(linkLife)}
	http.SetCookie(w, cookie(cookieLink, t.Link.Browser, linkLife))
	s.goTo(w, "/signin", t)
}

// linkOf is the identity that a ticket has waiting at this browser; nil if there
// is none, or it is too late.
func (s *Server) linkOf(r *http.Request, t ticket) *pendingLink {
	c, err := r.Cookie(cookieLink)
	if err != nil || t.Link == nil || s.store.Now().After(t.Link.Until) || s.redirecting(t.Link.Provider) == nil ||
		subtle.ConstantTimeCompare([]byte(c.Value), []byte(t.Link.Browser)) != 1 {
		return nil
	}
	return t.Link
}

// signedInNow tells whether somebody signed in recently enough to change how
// they do.
func (s *Server) signedInNow(in *store.SignedIn) bool {
	return in != nil && !in.AuthTime.Before(s.store.Now().Add(-freshSignIn))
}

// linkPage serves /link, which asks whoever has just signed in as before.
func (s *Server) linkPage(w http.ResponseWriter, r *http.Request) {
	noStore(w.Header())
	if r.Method == http.MethodPost {
		s.decideLink(w, r)
		return
	}
	t, err := s.readTicket(r.URL.Query().Get("ticket"))
	if err != nil {
		s.failPage(w, r, err)
		return
	}
	a, in, err := s.visitor(r, t)
	if err != nil {
		s.failPage(w, r, err)
		return
	}
	t.Link = s.linkOf(r, t)
	switch {
	case t.Link == nil:
		s.wayOn(w, t)
		return
	case !s.signedInNow(in):
		s.goTo(w, "/signin", t)
		return
	}
	eventOf(r.Context()).account = in.AccountID
	t.Session, t.Scope = in.ID, ""
	page := pages.Link{Ticket: s.sealTicket(t), Provider: providerLabel(t.Link.Provider), ProviderEmail: t.Link.Email, Account: accountName(&in.Account)}
	var targets []string
	if a != nil {
		targets = pages.Targets(a.redirectURI)
	}
	s.pages.Write(w, http.StatusOK, page, targets...)
}

// decideLink serves POST /link. Whoever it is for, they were asked themselves.
func (s *Server) decideLink(w http.ResponseWriter, r *http.Request) {
	form, t, err := s.readTicketForm(w, r)
	if err != nil {
		s.failPage(w, r, err)
		return
	}
	in, err := s.signedIn(r)
	if err != nil {
		s.failPage(w, r, err)
		return
	}
	t.Link = s.linkOf(r, t)
	switch decision := form.Get("decision"); {
	case t.Link == nil:
		s.wayOn(w, t)
	case !s.signedInNow(in) || in.ID != t.Session:
		s.goTo(w, "/link", t)
	case decision == "allow":
		s.allowLink(w, r, t, in)
	case decision == "deny":
		s.endLink(w, r, t, "")
	default:
		s.failPage(w, r, errForm())
	}
}

func (s *Server) allowLink(w http.ResponseWriter, r *http.Request, t ticket, in *store.SignedIn) {
	eventOf(r.Context()).account, eventOf(r.Context()).provider = in.AccountID, t.Link.Provider
	id := &social.Identity{Provider: t.Link.Provider, Subject: t.Link.Subject, Email: t.Link.Email, EmailVerified: t.Link.Verified}
	_, _, err := s.linkTo(r.Context(), in.Presence(), id)
	switch {
	case errors.Is(err, store.ErrNotFound): // signed out meanwhile
		s.goTo(w, "/link", t)
	case err != nil:
		s.failPage(w, r, err)
	default:
		s.endLink(w, r, t, pages.NoticeLinked)
	}
}

// endLink forgets what waited, and lets them go on.
func (s *Server) endLink(w http.ResponseWriter, r *http.Request, t ticket, notice string) {
	http.SetCookie(w, cookie(cookieLink, "", 0))
	if t.Query == "" && notice != "" {
		s.backToAccount(w, r, t.Session, nil, notice)
		return
	}
	s.wayOn(w, ticket{Asked: t.Asked, Query: t.Query})
}

// errSessionOver is for who is not signed in any more as they were.
func errSessionOver() error {
	return &refusal{RFC6749Error: fosite.ErrLoginRequired, reason: reasonExpired}
}

// linkForm serves POST /account/link, which sends somebody who is signed in to
// the provider that is to be linked.
func (s *Server) linkForm(w http.ResponseWriter, r *http.Request) {
	in, form := s.accountForm(w, r)
	if in == nil {
		return
	}
	p := s.redirecting(form.Get("provider"))
	switch {
	case p == nil:
		s.failAccount(w, r, errForm())
	case !s.signedInNow(in):
		s.goTo(w, "/signin", ticket{}) // and back
	default:
		s.sendTo(w, r, p, departure{Session: in.ID})
	}
}

// linkHere ends what linkForm began, if the same session is still there.
func (s *Server) linkHere(w http.ResponseWriter, r *http.Request, d *departure, id *social.Identity) {
	in, err := s.signedIn(r)
	if err != nil {
		s.failPage(w, r, err)
		return
	}
	if in == nil || in.ID != d.Session {
		s.failAccount(w, r, errSessionOver())
		return
	}
	eventOf(r.Context()).account = in.AccountID
	if _, _, err = s.linkTo(r.Context(), in.Presence(), id); errors.Is(err, store.ErrNotFound) {
		err = errSessionOver()
	}
	s.backToAccount(w, r, in.ID, err, pages.NoticeLinked)
}

// unlinkForm serves POST /account/unlink.
func (s *Server) unlinkForm(w http.ResponseWriter, r *http.Request) {
	in, form := s.accountForm(w, r)
	if in == nil {
		return
	}
	if !s.signedInNow(in) {
		s.goTo(w, "/signin", ticket{})
		return
	}
	err := errForm()
	if id := form.Get("id"); id != "" {
		err = s.store.Unlink(r.Context(), in.Presence(), id)
	}
	if errors.Is(err, store.ErrLastWayIn) {
		err = errLastWayIn()
	}
	s.backToAccount(w, r, in.ID, err, pages.NoticeUnlinked)
}
