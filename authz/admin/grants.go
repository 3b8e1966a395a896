package admin

import (
	"context"
	"strings"
	"time"

	"gatehouse/store"
)

// grant is one sign-in of an account, or one token that descends from it by
// exchange.
type grant struct {
	ID        string    `json:"id"`
	RootID    string    `json:"root_id" doc:"The sign-in that it descends from; its own id if it is one"`
	ClientID  string    `json:"client_id"`
	Scope     string    `json:"scope"`
	Audience  []string  `json:"audience" nullable:"false"`
	AuthTime  time.Time `json:"auth_time,omitzero" doc:"When the person signed in; left out if nobody knows"`
	AMR       []string  `json:"amr" nullable:"false" doc:"How (RFC 8176)"`
	CreatedAt time.Time `json:"created_at"`
	ExpiresAt time.Time `json:"expires_at" doc:"No token of it lives longer"`
}

func showGrant(g store.Grant) grant {
	return grant{
		ID: g.ID, RootID: g.RootID, ClientID: g.ClientID, Scope: g.Scope.String(), Audience: list(g.Audience),
		AuthTime: g.AuthTime.UTC(), AMR: list(g.AMR), CreatedAt: g.CreatedAt.UTC(), ExpiresAt: g.ExpiresAt.UTC(),
	}
}

// listGrants serves GET /admin/accounts/{id}/grants.
func (s *Server) listGrants(ctx context.Context, in *struct {
	OfID
	Limit  int    `query:"limit" minimum:"1" maximum:"200" default:"50"`
	Cursor string `query:"cursor" maxLength:"100" doc:"next_cursor of the page before"`
}) (*answer[page[grant]], error) {
	a, err := s.store.Account(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	rows, next, err := s.store.Grants(ctx, a.ID, in.Cursor, in.Limit)
	if err != nil {
		return nil, err
	}
	return pageOf(rows, next, showGrant), nil
}

// revokeGrants serves DELETE /admin/accounts/{id}/grants.
func (s *Server) revokeGrants(ctx context.Context, in *OfID) (*nothing, error) {
	return nil, s.change(ctx, deed{action: "account.revoke_grants", target: in.ID}, func(ctx context.Context, d *deed) error {
		a, err := s.store.Account(ctx, in.ID)
		if err != nil {
			return err
		}
		d.target = a.ID
		d.detail["revoked"], err = s.store.RevokeGrants(ctx, a.ID, "")
		return err
	})
}

// revokeGrant serves DELETE /admin/accounts/{id}/grants/{gid}.
func (s *Server) revokeGrant(ctx context.Context, in *struct {
	OfID
	GrantID string `path:"gid"`
}) (*nothing, error) {
	d := deed{action: "account.revoke_grant", target: in.ID, detail: map[string]any{"grant_id": in.GrantID}}
	return nil, s.change(ctx, d, func(ctx context.Context, _ *deed) error {
		g, err := s.store.Grant(ctx, in.GrantID)
		if err != nil {
			return err
		}
		if g.AccountID == nil || !strings.EqualFold(*g.AccountID, in.ID) { // a UUID, in any case
			return store.ErrNotFound
		}
		return s.store.RevokeGrant(ctx, g.ID)
	})
}
