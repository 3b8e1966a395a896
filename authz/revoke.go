package authz

import (
	"context"
	"net/http"

	"gatehouse/store"
)

// revoke serves POST /oauth2/revoke (RFC 7009 §2). A refresh token ends its
// whole family, spent or not; an access token ends itself. No token at all is
// answered 200 (§2.2), and so is another client's, which is left alone: a
// departure from §2.1, see DIVERGENCES.md.
func (s *Server) revoke(w http.ResponseWriter, r *http.Request) {
	ctx := r.Context()
	form, err := readForm(w, r)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	client, err := s.authenticateClient(ctx, r, form)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	if form.Get("token") == "" {
		s.fail(w, r, invalidRequest("The parameter token is missing."))
		return
	}
	if err := s.endToken(ctx, form.Get("token"), client); err != nil {
		s.fail(w, r, err)
		return
	}
	noStore(w.Header())
	w.WriteHeader(http.StatusOK)
}

func (s *Server) endToken(ctx context.Context, text string, client *store.Client) error {
	switch t := s.keys.verify(text, accessToken, refreshToken); {
	case t == nil && hasOurForm(text):
		return nil
	case t == nil:
		return s.store.RevokeImported(ctx, text, client.ID)
	case t.kind == refreshToken:
		return s.store.RevokeFamily(ctx, t.signature, client.ID)
	default:
		return s.store.RevokeAccess(ctx, t.signature, client.ID)
	}
}
