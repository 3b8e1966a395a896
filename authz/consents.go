package authz

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/gorilla/mux"

	"gatehouse/store"
)

// consentShape is a client that can act for somebody, as they see it.
type consentShape struct {
	ClientID   string    `json:"client_id"`
	ClientName string    `json:"client_name"`
	Scope      string    `json:"scope"`
	GrantedAt  time.Time `json:"granted_at"`
}

// consents serves GET /account/consents: {items, next_cursor}, all in one page,
// by client.
func (s *Server) consents(w http.ResponseWriter, r *http.Request) {
	who, err := s.person(r, "read")
	if err != nil {
		s.fail(w, r, err)
		return
	}
	list, err := s.store.Consents(r.Context(), *who.AccountID)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	items := make([]consentShape, len(list))
	for i, c := range list {
		name, err := s.clientNamed(r.Context(), c.ClientID)
		if err != nil {
			s.fail(w, r, err)
			return
		}
		items[i] = consentShape{c.ClientID, name, c.Scope.String(), c.GrantedAt.UTC()}
	}
	noStore(w.Header())
	writeJSON(w, http.StatusOK, map[string]any{"items": items, "next_cursor": nil})
}

// clientNamed is what people know the client by: its id, while it is disabled.
func (s *Server) clientNamed(ctx context.Context, id string) (string, error) {
	client, err := s.store.Client(ctx, id)
	if errors.Is(err, store.ErrNotFound) {
		return id, nil
	}
	if err != nil {
		return "", err
	}
	return clientName(client), nil
}

// withdrawConsent serves DELETE /account/consents/{client_id}: what the client
// has of the account ends, and it has to ask again, or have somebody sign in.
func (s *Server) withdrawConsent(w http.ResponseWriter, r *http.Request) {
	who, err := s.person(r, "write")
	if err == nil {
		err = s.store.WithdrawConsent(r.Context(), *who.AccountID, mux.Vars(r)["client_id"])
	}
	s.ended(w, r, err, "That client has nothing of this account.")
}
