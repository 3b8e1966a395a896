package api

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/gorilla/mux"
	"github.com/rs/cors"

	"gatehouse/store"
)

// event is what is logged of one request: filled as it goes, written once, by
// observe. It never holds a token, a password or an e-mail.
type event struct {
	id      string
	route   string // the template, not the path: that is the client's to make up
	client  string // whose token it is
	account string
	address string // the user's, as far as it is known
	err     string // the problem's code
	cause   error
}

type eventKey struct{}

func eventOf(ctx context.Context) *event {
	if ev, ok := ctx.Value(eventKey{}).(*event); ok {
		return ev
	}
	return new(event)
}

// block is what limits by address count.
func (e *event) block() string { return store.AddressBlock(e.address) }

// statusWriter remembers the status that was answered.
type statusWriter struct {
	http.ResponseWriter
	status int // 0 until then
}

func (w *statusWriter) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *statusWriter) Write(b []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	return w.ResponseWriter.Write(b)
}

// Unwrap is for http.ResponseController.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// edge is what every request passes. CORS is outside of the router, so that
// pages can read refusals too.
func (s *Server) edge(next http.Handler) http.Handler {
	next = s.newCORS().Handler(headAsGet(next))
	if s.cfg.DRF {
		next = (&drf{s}).beside(next)
	}
	return s.observe(next)
}

// observe gives each request an id of ours, security headers and one log event,
// and turns a panic into a plain 500.
func (s *Server) observe(next http.Handler) http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		began := time.Now()
		w := &statusWriter{ResponseWriter: rw}
		ev := &event{id: uuid.NewString(), route: "(unknown)", address: store.ClientAddress(r, s.cfg.TrustedProxies)}
		h := w.Header()
		h.Set("X-Request-Id", ev.id)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cache-Control", "no-store")
		h.Set("Pragma", "no-cache")
		r = r.WithContext(context.WithValue(r.Context(), eventKey{}, ev))
		defer func() {
			defer func() { s.write(r, w.status, time.Since(began), ev) }()
			p := recover()
			if p == nil {
				return
			}
			failure := newProblem(http.StatusInternalServerError, "internal", "Something went wrong here. Quote the X-Request-Id.")
			failure.cause = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
			if w.status != 0 { // too late to say so: the client must see that the answer is cut short
				failure.record(r.Context())
				panic(http.ErrAbortHandler)
			}
			s.fail(w, r, failure)
		}()
		next.ServeHTTP(w, r)
	})
}

// write logs the event: a client's mistake at info, ours at error.
func (s *Server) write(r *http.Request, status int, took time.Duration, ev *event) {
	level := slog.LevelInfo
	if status >= 500 && r.Context().Err() == nil { // or else the client is gone, and what it asked for was broken off
		level = slog.LevelError
	}
	if !s.log.Enabled(r.Context(), level) {
		return
	}
	method := r.Method
	if !slices.Contains(methods, method) {
		method = "(unknown)"
	}
	attrs := make([]slog.Attr, 0, 10)
	attrs = append(attrs, slog.String("id", ev.id), slog.String("method", method), slog.String("path", ev.route),
		slog.Int("status", status), slog.Duration("took", took), slog.String("address", ev.address))
	for _, a := range []struct{ name, value string }{
		{"client", ev.client}, {"subject", ev.account}, {"error", ev.err},
	} {
		if a.value != "" {
			attrs = append(attrs, slog.String(a.name, a.value))
		}
	}
	if ev.cause != nil {
		attrs = append(attrs, slog.String("cause", ev.cause.Error()))
	}
	s.log.LogAttrs(r.Context(), level, "request", attrs...)
}

// newCORS lets pages of known origins call, with a token and never with
// credentials of the browser's. Which client a page is of shows its token alone:
// see narrowCORS.
func (s *Server) newCORS() *cors.Cors {
	return cors.New(cors.Options{
		AllowOriginVaryRequestFunc: func(r *http.Request, origin string) (bool, []string) {
			return s.knownOrigin(r, origin), nil
		},
		AllowedMethods: []string{http.MethodGet, http.MethodPost, http.MethodPatch, http.MethodDelete},
		AllowedHeaders: []string{"Authorization", "Content-Type"},
		ExposedHeaders: []string{"WWW-Authenticate", "Retry-After", "X-Request-Id"},
		MaxAge:         600,
	})
}

// knownOrigin tells whether a page of this origin may call at all: it is some
// client's, or the operator listed it.
func (s *Server) knownOrigin(r *http.Request, origin string) bool {
	if origin == "" || slices.Contains(s.cfg.Origins, origin) {
		return origin != ""
	}
	known, err := s.store.OriginRegistered(r.Context(), origin)
	if err != nil {
		eventOf(r.Context()).cause = err
	}
	return known
}

// headAsGet serves HEAD wherever there is a GET (RFC 9110 §9.3.2); net/http
// leaves out the body, because the request that it read still is a HEAD.
func headAsGet(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodHead {
			get := *r
			get.Method = http.MethodGet
			r = &get
		}
		next.ServeHTTP(w, r)
	})
}

// nameRoute puts the matched route's template into the event.
func nameRoute(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if template, err := mux.CurrentRoute(r).GetPathTemplate(); err == nil {
			eventOf(r.Context()).route = template
		}
		next.ServeHTTP(w, r)
	})
}

func (s *Server) notFound(w http.ResponseWriter, r *http.Request) {
	s.fail(w, r, newProblem(http.StatusNotFound, "not_found", "There is nothing here. See /openapi.json."))
}

var methods = []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}

// methodNotAllowed names in Allow those that the path has (RFC 9110 §15.5.6).
func (s *Server) methodNotAllowed(w http.ResponseWriter, r *http.Request) {
	var allow []string
	for _, method := range methods {
		try, match := *r, mux.RouteMatch{}
		try.Method = method
		if s.router.Match(&try, &match) && match.MatchErr == nil {
			allow = append(allow, method)
			if method == http.MethodGet {
				allow = append(allow, http.MethodHead)
			}
		}
	}
	p := newProblem(http.StatusMethodNotAllowed, "method_not_allowed", "Use "+strings.Join(allow, ", ")+" here.")
	p.header = http.Header{"Allow": {strings.Join(allow, ", ")}}
	s.fail(w, r, p)
}
