package admin

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"reflect"

	"gatehouse/store"
)

// OfID names one client or account.
type OfID struct {
	ID string `path:"id"`
}

// errOwnClient is the answer to an operator about to lock itself out. There
// may be no other operator to let it in again, and whoever means it has the
// command line, which needs no token.
var errOwnClient = &refusal{
	status: http.StatusConflict, record: true,
	say: "A client cannot take away the access that it is acting with: use another operator client, or gatehouse clients on the machine.",
}

// actsAs tells whether the request comes from this client.
func actsAs(ctx context.Context, clientID string) bool {
	return eventOf(ctx).actor.ClientID == clientID
}

// listClients serves GET /admin/clients.
func (s *Server) listClients(ctx context.Context, in *struct {
	Limit  int    `query:"limit" minimum:"1" maximum:"200" default:"50"`
	Cursor string `query:"cursor" maxLength:"100" doc:"next_cursor of the page before"`
}) (*answer[page[client]], error) {
	rows, next, err := s.store.Clients(ctx, in.Cursor, in.Limit)
	if err != nil {
		return nil, err
	}
	return pageOf(rows, next, showClient), nil
}

// createClient serves POST /admin/clients.
func (s *Server) createClient(ctx context.Context, in *struct{ Body newClient }) (*created[client], error) {
	c := &store.Client{RotateRefresh: true}
	set(&c.ID, in.Body.ClientID)
	in.Body.apply(c)
	if in.Body.Disabled != nil && *in.Body.Disabled {
		now := s.store.Now()
		c.DisabledAt = &now
	}
	var text string
	set(&text, in.Body.ClientSecret)
	d := deed{action: "client.create", target: c.ID, detail: map[string]any{"set": in.Body.ClientFields}}
	err := s.change(ctx, d, func(ctx context.Context, d *deed) (err error) {
		text, err = s.store.CreateClient(ctx, c, text)
		d.target = c.ID
		if errors.Is(err, store.ErrExists) {
			return taken("body.client_id", "A client with this id exists already")
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	shown := showClient(*c)
	shown.ClientSecret = text
	return &created[client]{"/admin/clients/" + url.PathEscape(c.ID), shown}, nil
}

// readClient serves GET /admin/clients/{id}.
func (s *Server) readClient(ctx context.Context, in *OfID) (*answer[client], error) {
	c, err := s.store.ReadClient(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	return &answer[client]{showClient(*c)}, nil
}

// updateClient serves PATCH /admin/clients/{id}. The members come first: if
// they break a rule, nothing has happened.
func (s *Server) updateClient(ctx context.Context, in *struct {
	OfID
	Body clientPatch
}) (*answer[client], error) {
	if fields := in.Body.ClientFields; !reflect.ValueOf(fields).IsZero() {
		d := deed{action: "client.update", target: in.ID, detail: map[string]any{"set": fields}}
		if err := s.change(ctx, d, func(ctx context.Context, _ *deed) error {
			_, err := s.store.UpdateClient(ctx, in.ID, func(c *store.Client) error {
				before := *c
				fields.apply(c)
				if actsAs(ctx, c.ID) && s.losesAccess(&before, c) {
					return errOwnClient
				}
				return nil
			})
			return err
		}); err != nil {
			return nil, err
		}
	}
	if in.Body.Disabled != nil {
		if err := s.disableClient(ctx, in.ID, *in.Body.Disabled); err != nil {
			return nil, err
		}
	}
	return s.readClient(ctx, &in.OfID)
}

func (s *Server) disableClient(ctx context.Context, id string, disabled bool) error {
	action := "client.enable"
	if disabled {
		action = "client.disable"
	}
	return s.change(ctx, deed{action: action, target: id}, func(ctx context.Context, _ *deed) error {
		if disabled && actsAs(ctx, id) {
			return errOwnClient
		}
		return s.store.DisableClient(ctx, id, disabled)
	})
}

// losesAccess tells whether a client that acts here could not ask for its next
// token. What only a public client lacks, store's rules keep from an operator.
func (s *Server) losesAccess(before, after *store.Client) bool {
	audience := s.cfg.Issuer + "/admin"
	return (before.Operator && !after.Operator) ||
		(before.Scope.Has(store.ScopeAdmin) && !after.Scope.Has(store.ScopeAdmin)) ||
		(before.GrantTypes.Has(store.GrantClientCredentials) && !after.GrantTypes.Has(store.GrantClientCredentials)) ||
		(before.Audience.Has(audience) && !after.Audience.Has(audience))
}

// deleteClient serves DELETE /admin/clients/{id}.
func (s *Server) deleteClient(ctx context.Context, in *OfID) (*nothing, error) {
	return nil, s.change(ctx, deed{action: "client.delete", target: in.ID}, func(ctx context.Context, _ *deed) error {
		if actsAs(ctx, in.ID) {
			return errOwnClient
		}
		return s.store.DeleteClient(ctx, in.ID)
	})
}
