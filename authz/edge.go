package authz

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/ory/fosite"

	"gatehouse/authz/pages"
	"gatehouse/social"
	"gatehouse/store"
)

// event is what is logged of one request: filled as it goes, written once.
// It never holds a secret, a password or a token.
type event struct {
	id       string
	client   string
	grant    string
	provider string // whose token was exchanged
	account  string // the subject
	address  string // the user's, as far as it is known
	err      string // the OAuth error
	reason   string
	cause    error // what only the operator is told
	header   http.Header

	scripts    bool // those of other origins may call this route: forScripts
	originHeld bool // allowOrigin has decided, as the client is known
}

type eventKey struct{}

func eventOf(ctx context.Context) *event {
	if ev, ok := ctx.Value(eventKey{}).(*event); ok {
		return ev
	}
	return new(event)
}

// limitAddress is what failures are counted by: an IPv6 network counts as one.
func (e *event) limitAddress() string { return store.AddressBlock(e.address) }

// statusWriter remembers the status that was answered.
type statusWriter struct {
	http.ResponseWriter
	status int
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

// edge is what every request passes: an id of ours, one log event, security
// headers, CORS, the method, and a panic that becomes a plain 500.
func (s *Server) edge(rt route) http.Handler {
	methods := strings.Split(rt.methods, ", ")
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		began := time.Now()
		w := &statusWriter{ResponseWriter: rw}
		h := w.Header()
		ev := &event{id: uuid.NewString(), header: h, address: store.ClientAddress(r, s.cfg.TrustedProxies), scripts: rt.kind == forScripts}
		h.Set("X-Request-Id", ev.id)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		r = r.WithContext(context.WithValue(r.Context(), eventKey{}, ev))
		if s.forwards(r) {
			ev.address = store.ForwardedAddress(r, s.cfg.TrustedProxies)
		}
		defer func() {
			if p := recover(); p != nil {
				ev.err, ev.cause = "server_error", fmt.Errorf("panic: %v\n%s", p, debug.Stack())
				s.panicked(w, rt)
			}
			s.write(r, rt.path, w.status, time.Since(began), ev)
		}()
		switch {
		case rt.kind == forScripts && isPreflight(r):
			s.cors.HandlerFunc(w, r)
		case rt.kind == forEverybody && isPreflight(r):
			allowEverybody(h)
			h.Set("Access-Control-Allow-Methods", rt.methods)
			h.Set("Access-Control-Allow-Headers", "*")
			w.WriteHeader(http.StatusNoContent)
		case rt.methods != "" && !slices.Contains(methods, r.Method):
			s.wrongMethod(w, r, rt)
		case rt.kind == aPage && r.Method == http.MethodPost:
			if err := s.checkOwnForm(r); err != nil {
				s.failPage(w, r, err)
				return
			}
			rt.handler(w, r)
		default:
			switch rt.kind {
			case forScripts:
				h.Add("Vary", "Origin")
			case forEverybody:
				allowEverybody(h)
			}
			rt.handler(w, r)
		}
	})
}

// wrongMethod answers who opens the address of a form, among others.
func (s *Server) wrongMethod(w http.ResponseWriter, r *http.Request, rt route) {
	w.Header().Set("Allow", rt.methods)
	if rt.kind == aPage || rt.kind == aRedirect {
		s.failPage(w, r, &refusal{RFC6749Error: fosite.ErrInvalidRequest, status: http.StatusMethodNotAllowed, page: pages.ErrorMethod})
		return
	}
	s.allowAnyClient(r)
	writeJSON(w, http.StatusMethodNotAllowed, map[string]string{"error": "invalid_request", "error_description": "Use " + rt.methods + " here."})
}

// checkOwnForm holds what every form of a page of ours keeps: it comes from there
// alone, and not too often.
func (s *Server) checkOwnForm(r *http.Request) error {
	if s.crossing.Check(r) != nil {
		return &refusal{RFC6749Error: fosite.ErrInvalidRequest, status: http.StatusForbidden, page: pages.ErrorForm}
	}
	return s.store.AllowForm(r.Context(), s.cfg.Limits, eventOf(r.Context()).limitAddress())
}

func (s *Server) panicked(w http.ResponseWriter, rt route) {
	const say = "Something went wrong here. Quote the X-Request-Id."
	if rt.kind == aPage || rt.kind == aRedirect {
		s.pages.Write(w, http.StatusInternalServerError, pages.Error{Code: pages.ErrorServer, RequestID: w.Header().Get("X-Request-Id")})
		return
	}
	writeJSON(w, http.StatusInternalServerError, map[string]string{"error": "server_error", "error_description": say})
}

// headerForwarder is how a backend that calls with its user's credentials, as
// the resource API does, proves that it may say whose address it acts for: its
// own client id and secret, as HTTP Basic has them.
const headerForwarder = "Gatehouse-Forwarder"

// forwards tells whether the request comes from a trusted forwarder. Whoever is
// none is served as itself.
func (s *Server) forwards(r *http.Request) bool {
	headers := r.Header.Values(headerForwarder)
	if len(headers) != 1 {
		return false
	}
	c, err := basicCredentials(headers[0])
	if err != nil {
		return false
	}
	client, err := s.store.Client(r.Context(), c.id)
	return err == nil && client.TrustedForwarder && client.SecretMatches(c.secret)
}

// write logs the event: a client's mistake at info, a provider that is down and
// more sign-ins than the machine can hash at warn, ours at error.
func (s *Server) write(r *http.Request, path string, status int, took time.Duration, ev *event) {
	level := slog.LevelInfo
	switch {
	case status < 500 || r.Context().Err() != nil: // then the client is gone, and what it asked for was broken off
	case errors.Is(ev.cause, store.ErrBusy), ev.reason == social.ReasonProviderDown:
		level = slog.LevelWarn
	default:
		level = slog.LevelError
	}
	if !s.log.Enabled(r.Context(), level) {
		return
	}
	attrs := make([]slog.Attr, 0, 12)
	attrs = append(attrs, slog.String("id", ev.id), slog.String("method", printable(r.Method)), slog.String("path", path),
		slog.Int("status", status), slog.Duration("took", took), slog.String("address", ev.address))
	for _, a := range []struct{ name, value string }{
		{"client", ev.client}, {"grant", ev.grant}, {"provider", ev.provider}, {"subject", ev.account}, {"error", ev.err}, {"reason", ev.reason},
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
