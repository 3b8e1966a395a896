package authz

import (
	"errors"
	"net/http"
	"time"

	"github.com/gorilla/mux"
	"github.com/ory/fosite"

	"gatehouse/store"
)

// sessionShape is a browser session as its owner sees it.
type sessionShape struct {
	ID         string    `json:"id"`
	Current    bool      `json:"current"` // the one that the request's token was born of
	UserAgent  string    `json:"user_agent"`
	Address    string    `json:"address"`
	AMR        []string  `json:"amr"` // RFC 8176
	AuthTime   time.Time `json:"auth_time"`
	CreatedAt  time.Time `json:"created_at"`
	LastSeenAt time.Time `json:"last_seen_at"`
	ExpiresAt  time.Time `json:"expires_at"` // unless it is used before
}

func shapeOfSession(l *store.LoginSession, current string) sessionShape {
	return sessionShape{
		ID: l.ID, Current: l.ID == current, UserAgent: l.UserAgent, Address: l.Address, AMR: append([]string{}, l.AMR...),
		AuthTime: l.AuthTime.UTC(), CreatedAt: l.CreatedAt.UTC(), LastSeenAt: l.SeenAt.UTC(), ExpiresAt: l.ExpiresAt.UTC(),
	}
}

// sessions serves /account/sessions.
func (s *Server) sessions(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodDelete {
		s.endOtherSessions(w, r)
		return
	}
	s.listSessions(w, r)
}

// listSessions serves GET /account/sessions: {items, next_cursor}, all in one
// page, the one that was used last first.
func (s *Server) listSessions(w http.ResponseWriter, r *http.Request) {
	who, err := s.person(r, "read")
	if err != nil {
		s.fail(w, r, err)
		return
	}
	list, err := s.store.LoginSessions(r.Context(), *who.AccountID)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	items := make([]sessionShape, len(list))
	for i := range list {
		items[i] = shapeOfSession(&list[i], sessionOf(who))
	}
	noStore(w.Header())
	writeJSON(w, http.StatusOK, map[string]any{"items": items, "next_cursor": nil})
}

// sessionOf is the browser session that the token was born of; empty for a token
// that no browser session brought.
func sessionOf(who *store.SubjectToken) string {
	if who.LoginSessionID == nil {
		return ""
	}
	return *who.LoginSessionID
}

// endOtherSessions serves DELETE /account/sessions, which ends all but the one
// that the token was born of.
func (s *Server) endOtherSessions(w http.ResponseWriter, r *http.Request) {
	who, err := s.person(r, "write")
	if err == nil {
		_, err = s.store.EndLoginSessions(r.Context(), *who.AccountID, sessionOf(who))
	}
	s.ended(w, r, err, "")
}

// endSession serves DELETE /account/sessions/{id}. The token may end with it.
func (s *Server) endSession(w http.ResponseWriter, r *http.Request) {
	who, err := s.person(r, "write")
	if err == nil {
		err = s.store.EndLoginSession(r.Context(), *who.AccountID, mux.Vars(r)["id"])
	}
	s.ended(w, r, err, "This account has no such session, or it has ended.")
}

// ended answers a DELETE; missing is what is said of a thing that is not there.
func (s *Server) ended(w http.ResponseWriter, r *http.Request, err error, missing string) {
	if errors.Is(err, store.ErrNotFound) {
		err = &refusal{RFC6749Error: fosite.ErrInvalidRequest, status: http.StatusNotFound, say: missing}
	}
	if err != nil {
		s.fail(w, r, err)
		return
	}
	noStore(w.Header())
	w.WriteHeader(http.StatusNoContent)
}
