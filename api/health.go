package api

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"time"
)

const (
	readyTimeout = 2 * time.Second
	maxSkew      = 2 * time.Second // beyond it, replicas disagree on what has expired
)

// livez serves GET /livez: the process answers.
func (s *Server) livez(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	io.WriteString(w, "{\"status\":\"ok\"}\n")
}

// readyz serves GET /readyz: the database is reachable, its schema is this
// build's, and the clocks agree. The answer names what failed, its cause is in
// the log. The authorization server is not asked: while it is down this API
// answers 503 by itself, and is of use again at once.
func (s *Server) readyz(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), readyTimeout)
	defer cancel()
	if failed, err := s.ready(ctx); err != nil {
		p := newProblem(http.StatusServiceUnavailable, "not_ready", "Not ready: "+failed+".")
		p.cause = err
		s.fail(w, r, p)
		return
	}
	s.livez(w, r)
}

func (s *Server) ready(ctx context.Context) (failed string, err error) {
	if err := s.store.Ping(ctx); err != nil {
		return "database", err
	}
	if err := s.store.CheckSchema(ctx); err != nil {
		return "schema", err
	}
	skew, err := s.store.ClockSkew(ctx)
	if err != nil {
		return "database", err
	}
	if skew.Abs() > maxSkew {
		return "clock", fmt.Errorf("this clock and the database's are %v apart", skew)
	}
	return "", nil
}
