package authz

import (
	"context"
	"encoding/base64"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/ory/fosite"

	"gatehouse/store"
)

// credentials are what a request says about its client.
type credentials struct {
	id, secret string
	hasSecret  bool
}

// authenticateClient is the client authentication of every endpoint (RFC 6749
// §2.3): client_secret_basic, client_secret_post, or none for a public client.
// A secret is accepted by either method whichever is registered, and where one
// is sent it is checked.
func (s *Server) authenticateClient(ctx context.Context, r *http.Request, form url.Values) (*store.Client, error) {
	c, err := readCredentials(r, form)
	if err != nil {
		return nil, err
	}
	client, err := s.store.Client(ctx, c.id)
	if errors.Is(err, store.ErrNotFound) {
		return nil, invalidClient("Unknown client, or a wrong secret.")
	}
	if err != nil {
		return nil, err
	}
	ev := eventOf(ctx)
	ev.client = client.ID
	s.allowOrigin(r, client)
	switch {
	case client.Type == store.Public && c.hasSecret && c.secret != "":
		return nil, invalidClient("This client is public and has no secret: send none.")
	case client.Type == store.Public:
		return client, nil
	case !c.hasSecret:
		return nil, invalidClient("This client authenticates with its secret: send client_secret, or an Authorization header.")
	}
	if ok, err := s.store.CheckSecret(ctx, client, c.secret); err != nil {
		return nil, err
	} else if !ok {
		return nil, invalidClient("Unknown client, or a wrong secret.")
	}
	if client.TrustedForwarder {
		ev.address = store.ForwardedAddress(r, s.cfg.TrustedProxies)
	}
	return client, nil
}

// readCredentials reads the Authorization header or the body, never both
// (RFC 6749 §2.3).
func readCredentials(r *http.Request, form url.Values) (credentials, error) {
	for _, name := range []string{"client_assertion", "client_assertion_type"} {
		if form.Has(name) {
			return credentials{}, invalidClient("This server has no client assertions: use client_secret_basic or client_secret_post.")
		}
	}
	headers := r.Header.Values("Authorization")
	if len(headers) == 0 {
		c := credentials{id: form.Get("client_id"), secret: form.Get("client_secret"), hasSecret: form.Get("client_secret") != ""}
		if c.id == "" {
			return c, invalidClient("Send client_id, or an Authorization header.")
		}
		return c, nil
	}
	if len(headers) > 1 {
		return credentials{}, invalidRequest("There is more than one Authorization header.")
	}
	c, err := basicCredentials(headers[0])
	if err != nil {
		return c, err
	}
	if form.Has("client_secret") {
		return c, invalidRequest("The client authenticates twice: use the Authorization header or client_secret.")
	}
	if form.Has("client_id") && form.Get("client_id") != c.id {
		return c, invalidRequest("The client_id differs from the one in the Authorization header.")
	}
	return c, nil
}

// basicCredentials decodes HTTP Basic, whose halves are form-encoded (RFC 6749
// §2.3.1).
func basicCredentials(header string) (credentials, error) {
	scheme, encoded, _ := strings.Cut(header, " ")
	if !strings.EqualFold(scheme, "Basic") {
		return credentials{}, invalidClient("A client authenticates by the scheme Basic.")
	}
	text, err := base64.StdEncoding.DecodeString(strings.TrimSpace(encoded))
	id, secret, ok := strings.Cut(string(text), ":")
	if err != nil || !ok {
		return credentials{}, invalidClient("The Authorization header is not well-formed.")
	}
	c := credentials{hasSecret: secret != ""}
	if c.id, err = url.QueryUnescape(id); err != nil {
		return c, invalidClient("The client id in the Authorization header is not form-encoded.")
	}
	if c.secret, err = url.QueryUnescape(secret); err != nil {
		return c, invalidClient("The secret in the Authorization header is not form-encoded.")
	}
	if c.id == "" || checkParameter("client_id", []string{c.id}) != nil {
		return c, invalidClient("The Authorization header is not well-formed.")
	}
	return c, nil
}

// clientStrategy is authenticateClient for fosite.
func (s *Server) clientStrategy(ctx context.Context, r *http.Request, form url.Values) (fosite.Client, error) {
	client, err := s.authenticateClient(ctx, r, form)
	if err != nil {
		return nil, err
	}
	return client, nil
}
