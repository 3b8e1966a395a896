package authz

import (
	"context"
	"errors"
	"strings"

	"gatehouse/store"
)

// Errors of CheckOperator.
var (
	ErrNotActive   = errors.New("not an active access token")
	ErrNotOperator = errors.New("not an operator's token")
)

// adminAudience is what a token for the admin API is for.
func (s *Server) adminAudience() string { return s.cfg.Issuer + "/admin" }

// CheckOperator says which client an admin request comes from. It checks the
// token, its scope and its audience, and that the client is still marked
// operator, on the database as it is now. Other errors mean that it could not
// be asked.
func (s *Server) CheckOperator(ctx context.Context, text string) (clientID string, err error) {
	t := s.keys.verify(text, accessToken)
	if t == nil {
		return "", ErrNotActive
	}
	active, err := s.store.ActiveAccess(ctx, t.signature)
	if errors.Is(err, store.ErrNotFound) {
		return "", ErrNotActive
	}
	if err != nil {
		return "", err
	}
	client, err := s.store.ReadClient(ctx, active.ClientID)
	if errors.Is(err, store.ErrNotFound) {
		return "", ErrNotActive
	}
	if err != nil {
		return "", err
	}
	if active.Account || !client.Operator || client.DisabledAt != nil ||
		!store.ParseWords(active.Scope).Has(store.ScopeAdmin) || strings.TrimSpace(active.Audience) != s.adminAudience() {
		return "", ErrNotOperator
	}
	return client.ID, nil
}
