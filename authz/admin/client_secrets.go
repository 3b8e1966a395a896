package admin

import (
	"context"
	"strings"
	"time"
)

// newSecret is the only answer that has the value of an added secret.
type newSecret struct {
	ID           string    `json:"id"`
	CreatedAt    time.Time `json:"created_at"`
	ClientSecret string    `json:"client_secret" doc:"Shown only here"`
}

// addSecret serves POST /admin/clients/{id}/secrets.
func (s *Server) addSecret(ctx context.Context, in *OfID) (*answer[newSecret], error) {
	var shown newSecret
	err := s.change(ctx, deed{action: "client.add_secret", target: in.ID}, func(ctx context.Context, d *deed) error {
		row, text, err := s.store.AddSecret(ctx, in.ID)
		if err != nil {
			return err
		}
		shown = newSecret{row.ID, row.CreatedAt.UTC(), text}
		d.detail["secret_id"] = row.ID
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &answer[newSecret]{shown}, nil
}

// dropSecret serves DELETE /admin/clients/{id}/secrets/{sid}.
func (s *Server) dropSecret(ctx context.Context, in *struct {
	OfID
	SecretID string `path:"sid"`
}) (*nothing, error) {
	d := deed{action: "client.drop_secret", target: in.ID, detail: map[string]any{"secret_id": in.SecretID}}
	return nil, s.change(ctx, d, func(ctx context.Context, _ *deed) error {
		if actsAs(ctx, in.ID) {
			c, err := s.store.ReadClient(ctx, in.ID)
			if err != nil {
				return err
			}
			if len(c.Secrets) == 1 && strings.EqualFold(c.Secrets[0].ID, in.SecretID) {
				return errOwnClient
			}
		}
		return s.store.DropSecret(ctx, in.ID, in.SecretID)
	})
}
