package authz

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/gorilla/mux"
	"github.com/ory/fosite"

	"gatehouse/authz/pages"
	"gatehouse/social"
	"gatehouse/store"
)

// actorBrowser is who an audit names where no client sent the person.
const actorBrowser = "browser"

// redirecting is the provider of that name, if people can be sent there; or nil.
func (s *Server) redirecting(name string) social.Provider {
	i := slices.IndexFunc(s.cfg.Providers, func(p social.Provider) bool { return p.Name() == name && p.Redirects() })
	if i < 0 {
		return nil
	}
	return s.cfg.Providers[i]
}

// waysIn are the providers that a page offers, each with where it begins.
func (s *Server) waysIn(t ticket) []pages.Provider {
	var list []pages.Provider
	for _, p := range s.cfg.Providers {
		if p.Redirects() && (t.Link == nil || t.Link.Provider != p.Name()) { // not the one that they have just come from
			list = append(list, pages.Provider{Label: providerLabel(p.Name()), Name: p.Name(), URL: s.withTicket("/signin/"+p.Name(), t)})
		}
	}
	return list
}

// providerLabel is what people know a provider by.
func providerLabel(name string) string { return strings.ToUpper(name[:1]) + name[1:] }

// signInAt serves GET /signin/{provider}, which sends the browser there.
func (s *Server) signInAt(w http.ResponseWriter, r *http.Request) {
	noStore(w.Header())
	p := s.redirecting(mux.Vars(r)["provider"])
	if p == nil {
		s.failPage(w, r, errNoPage())
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
	d := departure{Ticket: t}
	d.Redirection.Fresh = in != nil || t.Link != nil || a != nil && a.asksAnew()
	if a != nil && len(a.loginHint) <= store.MaxEmail {
		d.Redirection.LoginHint = a.loginHint
	}
	s.sendTo(w, r, p, d)
}

func errNoPage() error {
	return &refusal{RFC6749Error: fosite.ErrInvalidRequest, status: http.StatusNotFound, page: pages.ErrorNotFound}
}

// asksAnew tells whether the person must show who they are even where somebody
// remembers them.
func (a *authorization) asksAnew() bool {
	return a.maxAge != nil || a.subject != "" || a.prompt.Has(promptLogin) || a.prompt.Has(promptSelectAccount)
}

// sendTo sends the browser to a provider; it is to come back to cameBack.
func (s *Server) sendTo(w http.ResponseWriter, r *http.Request, p social.Provider, d departure) {
	eventOf(r.Context()).provider = p.Name()
	begun := social.NewRedirection(s.cfg.Issuer + callbackOf(p.Name()))
	begun.Began, begun.Fresh, begun.LoginHint = s.store.Now(), d.Redirection.Fresh, d.Redirection.LoginHint
	d.Provider, d.Redirection = p.Name(), begun
	to, err := p.AuthorizationURL(r.Context(), begun)
	if err != nil {
		s.failAt(w, r, &d, ofRedirect(p, err))
		return
	}
	if err := s.remember(w, r, d); err != nil {
		s.failPage(w, r, err)
		return
	}
	redirect(w, r, to)
}

func callbackOf(provider string) string { return "/signin/" + provider + "/callback" }

// signInCallback serves /signin/{provider}/callback, where a provider sends the
// browser back to.
func (s *Server) signInCallback(w http.ResponseWriter, r *http.Request) {
	noStore(w.Header())
	p := s.redirecting(mux.Vars(r)["provider"])
	if p == nil {
		s.failPage(w, r, errNoPage())
		return
	}
	if r.Method == http.MethodPost {
		s.callbackByForm(w, r, p)
		return
	}
	answer, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		s.failPage(w, r, invalidRequest("The address is not well-formed."))
		return
	}
	d, err := s.cameBack(w, r, p, answer["state"])
	if err != nil {
		s.failPage(w, r, err)
		return
	}
	id, err := s.redeem(r.Context(), p, d, answer)
	switch {
	case err != nil:
		s.failAt(w, r, d, err)
	case d.Session != "":
		s.linkHere(w, r, d, id)
	default:
		s.signInAs(w, r, p, d, id)
	}
}

// answerParameters are those of an authorization response (RFC 6749 §4.1.2,
// RFC 9207 §2), and Facebook's. A provider that posts may send tokens and names
// beside them, which do not belong in an address.
var answerParameters = []string{"code", "state", "iss", "error", "error_code", "error_reason", "error_message"}

// callbackByForm is for providers that post their answer (OAuth 2.0 Form Post
// Response Mode §2). With a post from another site the browser sends no cookie;
// after a redirect it does.
func (s *Server) callbackByForm(w http.ResponseWriter, r *http.Request, p social.Provider) {
	form, err := parseForm(w, r)
	if err != nil {
		s.failPage(w, r, err)
		return
	}
	kept := url.Values{}
	for _, name := range answerParameters {
		if form.Has(name) {
			kept[name] = form[name]
		}
	}
	query := kept.Encode()
	if len(query) > maxRequest {
		s.failPage(w, r, &refusal{RFC6749Error: fosite.ErrInvalidRequest, status: http.StatusRequestEntityTooLarge, page: pages.ErrorProvider})
		return
	}
	redirect(w, r, s.base+callbackOf(p.Name())+"?"+query)
}

// redeem has the adapter find out who came back. The ID token that it was told
// by is used up: it is good for no exchange.
func (s *Server) redeem(ctx context.Context, p social.Provider, d *departure, answer url.Values) (*social.Identity, error) {
	forgive, err := s.store.AllowAttempt(ctx, s.cfg.Limits, eventOf(ctx).limitAddress())
	if err != nil {
		return nil, err
	}
	id, err := p.Redeem(ctx, d.Redirection, answer)
	if blameless(err) {
		forgive()
	}
	if err != nil {
		return nil, ofRedirect(p, err)
	}
	if id.Replay == nil {
		return id, nil
	}
	switch err := s.store.UseUp(ctx, id.Replay, id.ExpiresAt); {
	case errors.Is(err, store.ErrReplayed):
		return nil, &refusal{RFC6749Error: fosite.ErrInvalidRequest, page: pages.ProblemProvider, reason: reasonReplayed}
	case err != nil:
		return nil, err
	}
	spent := *id
	spent.Replay = nil
	return &spent, nil
}

// ofRedirect puts an adapter's refusal into the words of a page.
func ofRedirect(p social.Provider, err error) error {
	f := refusalOf(ofProvider(p, err))
	f.page = pages.ProblemProvider
	if f.reason == social.ReasonDeclined {
		f.RFC6749Error, f.page = fosite.ErrAccessDenied, pages.ProblemCancelled
	}
	return f
}

// signInAs signs the person in whom the provider has named, and lets them go on.
func (s *Server) signInAs(w http.ResponseWriter, r *http.Request, p social.Provider, d *departure, id *social.Identity) {
	r = r.WithContext(s.store.Begin(r.Context()))
	known, err := s.accountOf(r.Context(), id, p.Policy(), actorOf(d.Ticket))
	if err == nil {
		err = sessionGone(s.openSession(w, r, store.NewLoginSession{
			Account: &known.Account, AuthTime: s.signedInAt(d, id), AMR: store.Words{"fed"}, IdentityID: &known.IdentityID}))
	}
	if err == nil {
		s.wayOn(w, d.Ticket)
		return
	}
	switch refusalOf(err).reason {
	case reasonLinkRequired:
		s.askToLink(w, r, d.Ticket, id)
	case reasonAccountDisabled:
		s.failPage(w, r, err)
	default:
		s.failAt(w, r, d, err)
	}
}

// actorOf is who brought the person.
func actorOf(t ticket) string {
	form, _ := url.ParseQuery(t.Query) // nothing, if it is none
	return cmp.Or(form.Get("client_id"), actorBrowser)
}

// signedInAt is when they showed who they are, as far as the provider says. Where
// it was asked to ask again, its adapter has seen to it; where it was not, nobody
// knows, and it counts as too long ago for what needs a fresh sign-in.
func (s *Server) signedInAt(d *departure, id *social.Identity) time.Time {
	now := s.store.Now()
	if d.Redirection.Fresh {
		return now
	}
	notJustNow := now.Add(-freshSignIn - time.Second) // it may have remembered them for days
	if id.SignedInAt.IsZero() {
		return notJustNow
	}
	return earlier(notJustNow, id.SignedInAt)
}

// failAt says that a provider brought nobody in, there where another way can be
// taken.
func (s *Server) failAt(w http.ResponseWriter, r *http.Request, d *departure, err error) {
	f := refusalOf(err)
	switch {
	case d.Session == "":
		s.refuseSignIn(w, r, d.Ticket, pages.SignIn{}, f)
	case f.reason == social.ReasonDeclined:
		eventOf(r.Context()).refused(f)
		s.goTo(w, "/account", ticket{})
	default:
		if f.page == pages.ProblemProvider {
			f.page = pages.ErrorProvider
		}
		s.failPage(w, r, f)
	}
}
