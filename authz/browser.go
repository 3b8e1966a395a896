package authz

import (
	"errors"
	"net/http"
	"time"

	"github.com/ory/fosite"

	"gatehouse/store"
)

// cookieSession names somebody's login session. The prefix makes browsers hold
// it to this host, to TLS (on loopback they do without) and to every path
// (RFC 6265bis §4.1.3.2).
const cookieSession = "__Host-gatehouse"

func cookie(name, value string, life time.Duration) *http.Cookie {
	c := &http.Cookie{Name: name, Value: value, Path: "/", Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode,
		MaxAge: int(life / time.Second)}
	if value == "" {
		c.MaxAge = -1
	}
	return c
}

// signedIn is who is signed in at this browser; nil for nobody. An error means
// that the database could not be asked.
func (s *Server) signedIn(r *http.Request) (*store.SignedIn, error) {
	for _, c := range r.CookiesNamed(cookieSession) {
		t := s.keys.verify(c.Value, sessionCookie)
		if t == nil {
			continue
		}
		in, err := s.store.SignedIn(r.Context(), t.signature, s.cfg.SessionLife)
		if errors.Is(err, store.ErrNotFound) {
			continue
		}
		return in, err
	}
	return nil, nil
}

// openSession signs an account in at this browser, under a new cookie: one that
// was planted before is worth nothing.
func (s *Server) openSession(w http.ResponseWriter, r *http.Request, n store.NewLoginSession) error {
	previous, err := s.signedIn(r)
	if err != nil {
		return err
	}
	t := s.keys.mint(sessionCookie)
	n.Previous, n.Signature, n.Life = previous, t.signature, s.cfg.SessionLife
	n.UserAgent, n.Address = r.UserAgent(), eventOf(r.Context()).address
	if _, err := s.store.OpenLoginSession(r.Context(), n); err != nil {
		return err
	}
	eventOf(r.Context()).account = n.Account.ID
	http.SetCookie(w, cookie(cookieSession, t.String(), s.cfg.SessionLife.Absolute))
	return nil
}

// sessionGone tells what a request finds whose session or account ended while
// it was under way.
func sessionGone(err error) error {
	if errors.Is(err, store.ErrNotFound) {
		return &refusal{RFC6749Error: fosite.ErrLoginRequired, say: "The sign-in has just ended. Sign in again."}
	}
	return err
}
