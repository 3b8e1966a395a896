package main

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"gatehouse/store"
)

// seed brings the clients and the two people of the folder up to date.
func (p *devProcess) seed(ctx context.Context) error {
	if err := p.store.MarkDev(ctx); err != nil {
		return err
	}
	for _, want := range devClients(p.cfg.API.Audience, p.origins(), p.providerNames()) {
		err := p.seedClient(ctx, want)
		if err != nil {
			return fmt.Errorf("client %s: %w", want.ID, err)
		}
	}
	for _, u := range []struct {
		devUser
		create func(context.Context, store.NewAccount) (*store.Account, error)
	}{{p.data.User, p.store.CreateUser}, {p.data.Superuser, p.store.CreateSuperuser}} {
		_, err := u.create(ctx, store.NewAccount{Email: u.Email, Username: u.Username, FirstName: u.FirstName,
			Password: u.Password, EmailState: store.EmailProven})
		if err != nil && !errors.Is(err, store.ErrExists) {
			return fmt.Errorf("account %s: %w", u.Email, err)
		}
	}
	return nil
}

func (p *devProcess) seedClient(ctx context.Context, want store.Client) error {
	_, err := p.store.UpdateClient(ctx, want.ID, func(c *store.Client) error {
		want.CreatedAt, want.DisabledAt = c.CreatedAt, c.DisabledAt
		*c = want
		return nil
	})
	if errors.Is(err, store.ErrNotFound) {
		_, err = p.store.CreateClient(ctx, &want, p.data.Clients[want.ID].Secret)
	}
	return err
}

// providerNames are the providers that the clients may bring tokens of.
func (p *process) providerNames() store.Words {
	var names store.Words
	for _, c := range p.cfg.Providers {
		names = append(names, c.Name)
	}
	return names
}

// devClients are one client of each kind.
func devClients(audience string, origins, providers store.Words) []store.Client {
	all := store.Words{"read", "write", "accounts:read"}
	people := append(slices.Clone(all), store.ScopeOpenID, store.ScopeProfile, store.ScopeEmail, store.ScopeOffline)
	readWrite := store.Words{"read", "write"}
	api := store.Words{audience}
	sessions := store.Words{store.GrantPassword, store.GrantRefreshToken, store.GrantTokenExchange}
	browser := append(store.Words{store.GrantAuthorizationCode}, sessions...)
	back := store.Words{"http://127.0.0.1/callback", "http://localhost:3000/callback", "http://127.0.0.1:3000/callback"} // at the first one any port does
	bye := store.Words{"http://127.0.0.1:3000/", "http://localhost:3000/"}
	return []store.Client{
		{ID: "web", Name: "Web application", Type: store.Confidential, GrantTypes: browser, Scope: people, DefaultScope: readWrite,
			RedirectURIs: back, PostLogoutRedirectURIs: bye, Audience: api, Origins: origins, Providers: providers, FirstParty: true, RotateRefresh: true},
		{ID: "spa", Name: "Single-page application", Type: store.Public, GrantTypes: browser, Scope: people, DefaultScope: readWrite,
			RedirectURIs: back, PostLogoutRedirectURIs: bye, Audience: api, Origins: origins, Providers: providers, FirstParty: true, RotateRefresh: true},
		{ID: "tutorial", Name: "The tutorial's frontend", Type: store.Confidential, ExposedSecret: true, GrantTypes: sessions,
			Scope: readWrite, DefaultScope: readWrite, Audience: api, Origins: origins, Providers: providers, FirstParty: true, RotateRefresh: true,
			AccessTokenLifetime: 36000},
		{ID: "resource", Name: "Resource API", Type: store.Confidential, Audience: api, IntrospectAll: true, TrustedForwarder: true, RotateRefresh: true},
		{ID: "service", Name: "Backend service", Type: store.Confidential, RotateRefresh: true,
			GrantTypes: store.Words{store.GrantClientCredentials, store.GrantTokenExchange}, Scope: all, DefaultScope: readWrite,
			Audience: api, ExchangeAudiences: api},
		{ID: "operator", Name: "Operator", Type: store.Confidential, Operator: true, RotateRefresh: true,
			GrantTypes: store.Words{store.GrantClientCredentials}, Scope: store.Words{store.ScopeAdmin}},
	}
}
