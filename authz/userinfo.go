package authz

import (
	"errors"
	"net/http"

	"gatehouse/store"
)

// userinfo serves /oauth2/userinfo (OpenID Connect Core §5.3): the claims that
// the access token's scopes stand for. The token comes in the header, or in the
// form of a POST (RFC 6750 §2.1, §2.2), never in the URL. One statement.
func (s *Server) userinfo(w http.ResponseWriter, r *http.Request) {
	noStore(w.Header())
	text, err := userinfoToken(w, r)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	t := s.keys.verify(text, accessToken)
	if t == nil {
		s.fail(w, r, bearerError("invalid_token", "The access token is unknown, expired or revoked."))
		return
	}
	who, err := s.store.UserInfo(r.Context(), t.signature)
	if errors.Is(err, store.ErrNotFound) {
		err = bearerError("invalid_token", "The access token is unknown, expired or revoked.")
	}
	if err != nil {
		s.fail(w, r, err)
		return
	}
	ev := eventOf(r.Context())
	ev.client, ev.account = who.ClientID, who.Account.ID
	if client, err := s.store.Client(r.Context(), who.ClientID); err == nil {
		s.allowOrigin(ev.header, r, client)
	}
	if !who.Scope.Has(store.ScopeOpenID) {
		s.fail(w, r, bearerError("insufficient_scope", "The access token lacks the scope openid."))
		return
	}
	writeJSON(w, http.StatusOK, struct {
		Subject string `json:"sub"`
		claimSet
	}{who.Account.ID, claimsOf(&who.Account, who.Scope)})
}

func userinfoToken(w http.ResponseWriter, r *http.Request) (string, error) {
	text, err := bearerToken(r)
	if err != nil {
		return "", err
	}
	if r.Method == http.MethodPost && r.ContentLength != 0 {
		form, err := readForm(w, r)
		if err != nil {
			return "", err
		}
		if form.Has("access_token") && text != "" {
			return "", bearerError("invalid_request", "The access token is there twice.")
		}
		text += form.Get("access_token")
	}
	if text == "" {
		return "", bearerError("", "Send an access token: Authorization: Bearer …")
	}
	return text, nil
}
