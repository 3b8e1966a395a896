package authz

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/url"
	"time"

	"github.com/ory/fosite"

	"gatehouse/authz/pages"
	"gatehouse/store"
)

// ticket is what goes with somebody through the pages: the request that brought
// them, as a rule an authorization request. It is sealed, so that what comes back
// is what was sent, and needs no row.
type ticket struct {
	Asked   time.Time `json:"asked"`
	Page    string    `json:"page,omitempty"`    // whose ticket it is, one of page…; empty: on the way to a client, or by themselves
	Query   string    `json:"query,omitempty"`   // the request's parameters; empty: they came by themselves
	Session string    `json:"session,omitempty"` // who was asked, by the id of the login session
	Scope   string    `json:"scope,omitempty"`   // for consent to what
	Notice  string    `json:"notice,omitempty"`  // what the account's page says was done
	Entered time.Time `json:"entered,omitzero"`  // when they signed in with it

	Link *pendingLink `json:"link,omitempty"` // what they can link after signing in; see linkOf
}

// Pages with tickets that no other page takes.
const (
	pageLogout  = "logout"
	pageAccount = "account"
)

const ticketContext = "ticket"

func (s *Server) sealTicket(t ticket) string {
	return strict.EncodeToString(s.keys.seal(atBrowser, ticketContext, compact(t)))
}

// compact is what travels with a browser as JSON, of strings, truths and times.
// Nobody reads it as HTML: a & stays one byte.
func compact(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic(err)
	}
	return b.Bytes()
}

// readTicket opens one that is not too old, of somebody who is on the way to a
// client; an empty text is that of somebody who came by themselves.
func (s *Server) readTicket(text string) (ticket, error) {
	if text == "" {
		return ticket{Asked: s.store.Now()}, nil
	}
	return s.readTicketOf("", text)
}

// readTicketOf opens one of this page's.
func (s *Server) readTicketOf(page, text string) (t ticket, err error) {
	sealed, err := strict.DecodeString(text)
	if err == nil {
		sealed, err = s.keys.open(atBrowser, ticketContext, sealed)
	}
	if err == nil {
		err = json.Unmarshal(sealed, &t)
	}
	if err != nil || t.Page != page || s.store.Now().Sub(t.Asked) > ticketLife {
		return ticket{}, &refusal{RFC6749Error: fosite.ErrInvalidRequest, reason: reasonExpired}
	}
	return t, nil
}

// readTicketForm reads the form of a page, with the ticket that it gives back.
func (s *Server) readTicketForm(w http.ResponseWriter, r *http.Request) (url.Values, ticket, error) {
	form, err := readForm(w, r)
	if err != nil {
		return nil, ticket{}, err
	}
	t, err := s.readTicket(form.Get("ticket"))
	return form, t, err
}

// visitor is who comes to a page: the request that sent them and the session that
// they have, each nil if there is none.
func (s *Server) visitor(r *http.Request, t ticket) (*authorization, *store.SignedIn, error) {
	a, err := s.requestOf(r, t)
	if err != nil {
		return nil, nil, err
	}
	in, err := s.signedIn(r)
	return a, in, err
}

// goTo sends the browser to one of our pages, with a ticket.
func (s *Server) goTo(w http.ResponseWriter, path string, t ticket) {
	w.Header().Set("Location", s.withTicket(path, t))
	w.WriteHeader(http.StatusSeeOther)
}

// withTicket is the address of a page of ours: of this server alone, whatever
// the request said its host was.
func (s *Server) withTicket(path string, t ticket) string {
	if t.Page == "" && t.Query == "" && t.Link == nil { // whoever came by themselves needs none
		return s.base + path
	}
	return s.base + path + "?" + url.Values{"ticket": {s.sealTicket(t)}}.Encode()
}

// wayOn is where somebody goes who has signed in.
func (s *Server) wayOn(w http.ResponseWriter, t ticket) {
	t.Entered = s.store.Now()
	switch {
	case t.Link != nil:
		s.goTo(w, "/link", t)
	case t.Query == "":
		s.goTo(w, "/account", ticket{Page: pageAccount, Asked: t.Entered, Entered: t.Entered})
	default:
		s.goTo(w, "/oauth2/authorize", t)
	}
}

// lostCookie tells whether somebody signed in a moment ago on the way here, and
// their browser has kept no cookie of it.
func (s *Server) lostCookie(r *http.Request, t ticket) bool {
	return !t.Entered.IsZero() && s.store.Now().Sub(t.Entered) < 10*time.Second && len(r.CookiesNamed(cookieSession)) == 0
}

func errNoCookie() error {
	return &refusal{RFC6749Error: fosite.ErrLoginRequired, page: pages.ErrorBrowser}
}

// targetsOf are where a form may lead in the end whose answer lets somebody go on
// by t: back to the client that sent them.
func (s *Server) targetsOf(r *http.Request, t ticket) []string {
	a, err := s.requestOf(r, t)
	if err != nil || a == nil {
		return nil // the way on says what is wrong, on a page of ours
	}
	return pages.Targets(a.redirectURI)
}

// requestOf reads the request in a ticket again, for the pages that name its
// client; nil if there is none.
func (s *Server) requestOf(r *http.Request, t ticket) (*authorization, error) {
	if t.Query == "" {
		return nil, nil
	}
	form, err := url.ParseQuery(t.Query)
	if err != nil {
		return nil, err
	}
	a, err := s.addressee(r.Context(), form)
	if err != nil {
		return nil, err
	}
	a.asked = t.Asked
	return a, s.readAuthorization(r.Context(), a)
}
