package admin

import (
	"context"
	"time"

	"gatehouse/store"
)

// Session is a browser that an account is signed in with, as operators see it.
type Session struct {
	ID         string    `json:"id"`
	UserAgent  string    `json:"user_agent"`
	Address    string    `json:"address" doc:"IP address of the last sign-in"`
	AMR        []string  `json:"amr" nullable:"false" doc:"How the person signed in (RFC 8176)"`
	AuthTime   time.Time `json:"auth_time" doc:"When the person last signed in there"`
	CreatedAt  time.Time `json:"created_at"`
	LastSeenAt time.Time `json:"last_seen_at"`
	ExpiresAt  time.Time `json:"expires_at" doc:"Unless it is used before"`
}

// ShowSession is the shape of a row.
func ShowSession(l store.LoginSession) Session {
	return Session{
		ID: l.ID, UserAgent: l.UserAgent, Address: l.Address, AMR: list(l.AMR), AuthTime: l.AuthTime.UTC(),
		CreatedAt: l.CreatedAt.UTC(), LastSeenAt: l.SeenAt.UTC(), ExpiresAt: l.ExpiresAt.UTC(),
	}
}

// listSessions serves GET /admin/accounts/{id}/sessions.
func (s *Server) listSessions(ctx context.Context, in *OfID) (*answer[page[Session]], error) {
	a, err := s.store.Account(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	rows, err := s.store.LoginSessions(ctx, a.ID)
	if err != nil {
		return nil, err
	}
	return pageOf(rows, "", ShowSession), nil
}

// endSessions serves DELETE /admin/accounts/{id}/sessions.
func (s *Server) endSessions(ctx context.Context, in *OfID) (*nothing, error) {
	return nil, s.change(ctx, deed{action: "account.end_sessions", target: in.ID}, func(ctx context.Context, d *deed) error {
		a, err := s.store.Account(ctx, in.ID)
		if err != nil {
			return err
		}
		d.target = a.ID
		d.detail["ended"], err = s.store.EndLoginSessions(ctx, a.ID, "")
		return err
	})
}

// endSession serves DELETE /admin/accounts/{id}/sessions/{session}.
func (s *Server) endSession(ctx context.Context, in *struct {
	OfID
	SessionID string `path:"session"`
}) (*nothing, error) {
	d := deed{action: "account.end_session", target: in.ID, detail: map[string]any{"session_id": in.SessionID}}
	return nil, s.change(ctx, d, func(ctx context.Context, d *deed) error {
		a, err := s.store.Account(ctx, in.ID)
		if err != nil {
			return err
		}
		d.target = a.ID
		return s.store.EndLoginSession(ctx, a.ID, in.SessionID)
	})
}

// consent is what a client can do for an account.
type consent struct {
	ClientID  string    `json:"client_id"`
	Scope     string    `json:"scope"`
	GrantedAt time.Time `json:"granted_at" doc:"When the person last allowed something; of a client that does not ask, when its newest grant began"`
}

func showConsent(c store.Consent) consent {
	return consent{ClientID: c.ClientID, Scope: c.Scope.String(), GrantedAt: c.GrantedAt.UTC()}
}

// listConsents serves GET /admin/accounts/{id}/consents.
func (s *Server) listConsents(ctx context.Context, in *OfID) (*answer[page[consent]], error) {
	a, err := s.store.Account(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	rows, err := s.store.Consents(ctx, a.ID)
	if err != nil {
		return nil, err
	}
	return pageOf(rows, "", showConsent), nil
}

// withdrawConsent serves DELETE /admin/accounts/{id}/consents/{client_id}.
func (s *Server) withdrawConsent(ctx context.Context, in *struct {
	OfID
	ClientID string `path:"client_id"`
}) (*nothing, error) {
	d := deed{action: "account.withdraw_consent", target: in.ID, detail: map[string]any{"client": in.ClientID}}
	return nil, s.change(ctx, d, func(ctx context.Context, d *deed) error {
		a, err := s.store.Account(ctx, in.ID)
		if err != nil {
			return err
		}
		d.target = a.ID
		return s.store.WithdrawConsent(ctx, a.ID, in.ClientID)
	})
}
