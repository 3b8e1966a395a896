package api

import (
	"errors"
	"fmt"
	"net/http"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/gorilla/mux"
)

// drf answers as the Django REST service did that Gatehouse replaces
// (drf_social_oauth2), for frontends that know no other wire. It keeps no rules
// of its own: tokens come from the authorization server over HTTP, accounts from
// store. What it changes on the way is words and shapes.
type drf struct{ *Server }

const drfPublic = "public" // Config.DRFAll

// checkDRF holds the rules for the members of cfg that are about the facade.
func checkDRF(cfg Config) error {
	switch {
	case cfg.DRFAll != "" && cfg.DRFAll != drfPublic:
		return fmt.Errorf("api: DRFAll: want %q or nothing", drfPublic)
	case cfg.DRF && (cfg.DRFClientID == "" || cfg.DRFClientSecret == ""):
		return errors.New("api: DRF needs DRFClientID and DRFClientSecret")
	}
	return nil
}

// drfRoute is one line of the table below. Each path is served with and without
// a slash at its end.
type drfRoute struct {
	path    string
	methods string // as the Allow header writes them
	serve   http.HandlerFunc
}

const (
	drfGet  = "GET, HEAD, OPTIONS"
	drfPost = "POST, OPTIONS"
)

func (d *drf) routes() []drfRoute {
	return []drfRoute{
		{"/api-auth/create", drfPost, d.create},
		{"/api-auth/all", drfGet, d.all},
		{"/api-auth/currentUser", drfGet, d.currentUser},
		{"/api-auth/token", drfPost, d.token},
		{"/api-auth/convert-token", drfPost, d.convertToken},
		{"/api-auth/revoke-token", drfPost, d.revokeToken},
		{"/api-auth/invalidate-sessions", drfPost, d.invalidateSessions},
		{"/api-auth/invalidate-refresh-tokens", drfPost, d.invalidateRefreshTokens},
		{"/api-auth/disconnect-backend", drfPost, d.disconnectBackend},
		{"/api-auth/authorize", drfGet, d.authorize},
		{"/admin", drfGet, d.admin},
		{"/admin/login", drfGet, d.adminLogin},
	}
}

// beside serves what the Django service had, and leaves the rest to next.
func (d *drf) beside(next http.Handler) http.Handler {
	m := mux.NewRouter().UseEncodedPath().SkipClean(true)
	for _, rt := range d.routes() {
		m.Handle(rt.path, d.edge(rt))
		m.Handle(rt.path+"/", d.edge(rt))
	}
	m.NotFoundHandler = d.edge(drfRoute{"(unknown)", "", d.notFound})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		first, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
		if first == "api-auth" || first == "admin" {
			m.ServeHTTP(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// edge is what every request of the facade passes inside of observe: the
// service's headers and CORS, the method, and a panic that becomes a 500 in its
// shape.
func (d *drf) edge(rt drfRoute) http.Handler {
	methods := strings.Split(rt.methods, ", ")
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer d.recover(w, r)
		eventOf(r.Context()).route = rt.path
		h := w.Header()
		h.Set("Referrer-Policy", "same-origin")
		h.Set("X-Frame-Options", "DENY")
		preflight := d.allowOrigin(h, r)
		switch {
		case preflight:
			w.WriteHeader(http.StatusOK)
		case rt.methods != "" && !slices.Contains(methods, r.Method):
			h.Set("Allow", rt.methods)
			d.fail(w, r, drfDetail(http.StatusMethodNotAllowed, `Method "`+r.Method+`" not allowed.`))
		case rt.methods != "" && r.Method == http.MethodOptions:
			h.Set("Allow", rt.methods)
			d.answer(w, http.StatusOK, struct{}{})
		default:
			headAsGet(rt.serve).ServeHTTP(w, r)
		}
	})
}

// recover is deferred. A panic after the answer has begun is observe's.
func (d *drf) recover(w http.ResponseWriter, r *http.Request) {
	p := recover()
	if p == nil {
		return
	}
	if w.(*statusWriter).status != 0 {
		panic(p)
	}
	failure := drfDetail(http.StatusInternalServerError, "Something went wrong here. Quote the X-Request-Id.")
	failure.cause = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
	d.fail(w, r, failure)
}

// What a preflight is told, as the service did: a page may send nothing else.
const (
	drfAllowHeaders = "accept, accept-encoding, authorization, content-type, dnt, origin, user-agent, x-csrftoken, x-requested-with"
	drfAllowMethods = "DELETE, GET, OPTIONS, PATCH, POST, PUT"
	drfMaxAge       = "86400"
)

// allowOrigin lets pages of known origins read every answer, whatever its
// status and path. It tells whether the request is a preflight.
func (d *drf) allowOrigin(h http.Header, r *http.Request) (preflight bool) {
	preflight = r.Method == http.MethodOptions && r.Header.Get("Access-Control-Request-Method") != ""
	vary := "Accept, Origin"
	if preflight {
		vary = "Origin"
	}
	h.Add("Vary", vary)
	origin := r.Header.Get("Origin")
	if !d.knownOrigin(r, origin) {
		return preflight
	}
	h.Set("Access-Control-Allow-Origin", origin)
	if preflight {
		h.Set("Access-Control-Allow-Headers", drfAllowHeaders)
		h.Set("Access-Control-Allow-Methods", drfAllowMethods)
		h.Set("Access-Control-Max-Age", drfMaxAge)
	}
	return preflight
}

func (d *drf) notFound(w http.ResponseWriter, r *http.Request) {
	d.fail(w, r, drfDetail(http.StatusNotFound, "Not found."))
}
