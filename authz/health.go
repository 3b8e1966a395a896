package authz

import (
	"context"
	"fmt"
	"net/http"
	"time"
)

// maxSkew is how far this machine's clock may be from the database's: beyond
// it replicas would disagree on what has expired.
const maxSkew = 2 * time.Second

// livez serves /livez: the process answers.
func (s *Server) livez(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	writeJSON(w, http.StatusOK, map[string]string{"status": "ok"})
}

// readyz serves /readyz: the database is reachable, its schema is this
// build's, and the clocks agree. The answer names the check that failed, not
// its cause, which is in the log.
func (s *Server) readyz(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), 2*time.Second)
	defer cancel()
	w.Header().Set("Cache-Control", "no-store")
	failed, err := s.ready(ctx)
	if err != nil {
		ev := eventOf(r.Context())
		ev.err, ev.cause = "not_ready", err
		writeJSON(w, http.StatusServiceUnavailable, map[string]string{"status": "not ready", "failed": failed})
		return
	}
	writeJSON(w, http.StatusOK, map[string]string{"status": "ok"})
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
