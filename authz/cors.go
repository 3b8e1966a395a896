package authz

import (
	"errors"
	"net/http"
	"slices"

	"github.com/rs/cors"

	"gatehouse/store"
)

// newCORS answers preflights, in which the browser does not say which client
// it will be: any origin that some client registered may ask. The answer
// itself goes to the client's own origins alone, see allowOrigin. Credentials
// are never allowed, as no endpoint here takes a cookie.
func (s *Server) newCORS() *cors.Cors {
	return cors.New(cors.Options{
		AllowOriginVaryRequestFunc: func(r *http.Request, origin string) (bool, []string) {
			return s.originKnown(r, origin), nil
		},
		AllowedMethods:       []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodDelete},
		AllowedHeaders:       []string{"Authorization", "Content-Type"},
		MaxAge:               600,
		OptionsSuccessStatus: http.StatusNoContent,
	})
}

// originKnown tells whether the operator or any client registered the origin.
func (s *Server) originKnown(r *http.Request, origin string) bool {
	if slices.Contains(s.cfg.Origins, origin) {
		return true
	}
	known, err := s.store.OriginRegistered(r.Context(), origin)
	if err != nil {
		ev := eventOf(r.Context())
		ev.cause = errors.Join(ev.cause, err)
	}
	return known
}

// allowOrigin lets a page read the answer if its origin is the client's own or
// the operator's. It is called as soon as the client is known, so that errors
// can be read too.
func (s *Server) allowOrigin(r *http.Request, client *store.Client) {
	ev, origin := eventOf(r.Context()), r.Header.Get("Origin")
	ev.originHeld = true
	if ev.scripts && origin != "" && (client.Origins.Has(origin) || slices.Contains(s.cfg.Origins, origin)) {
		exposeTo(ev.header, origin)
	}
}

// allowAnyClient lets a page read a refusal that came before the client was
// known, if its origin is any client's, as a preflight does: there is nothing of
// anybody's in it.
func (s *Server) allowAnyClient(r *http.Request) {
	ev, origin := eventOf(r.Context()), r.Header.Get("Origin")
	if ev.scripts && !ev.originHeld && origin != "" && s.originKnown(r, origin) {
		exposeTo(ev.header, origin)
	}
}

func exposeTo(h http.Header, origin string) {
	h.Set("Access-Control-Allow-Origin", origin)
	h.Set("Access-Control-Expose-Headers", "Retry-After, WWW-Authenticate, X-Request-Id")
}

// allowEverybody lets any page read what is no secret and depends on nobody.
func allowEverybody(h http.Header) { h.Set("Access-Control-Allow-Origin", "*") }

// isPreflight tells whether a browser asks whether a page may send a request
// (Fetch §3.3.2).
func isPreflight(r *http.Request) bool {
	return r.Method == http.MethodOptions && r.Header.Get("Access-Control-Request-Method") != ""
}
