package authz

import (
	"errors"
	"mime"
	"net/http"

	"gatehouse/store"
)

// userinfo serves /oauth2/userinfo (OpenID Connect Core §5.3): the claims that
// the access token's scopes stand for. The token comes in the header, or in the
// form of a POST (RFC 6750 §2.1, §2.2), never in the URL. One statement.
func (s *Server) userinfo(w http.ResponseWriter, r *http.Request) {
	noStore(w.Header())
	who, err := s.readUserInfo(w, r)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	writeJSON(w, http.StatusOK, struct {
		Subject string `json:"sub"`
		claimSet
	}{who.Account.ID, claimsOf(&who.Account, who.Scope)})
}

func (s *Server) readUserInfo(w http.ResponseWriter, r *http.Request) (*store.UserInfo, error) {
	text, err := userinfoToken(w, r)
	if err != nil {
		return nil, err
	}
	t := s.keys.verify(text, accessToken)
	if t == nil {
		return nil, errTokenEnded()
	}
	who, err := s.store.UserInfo(r.Context(), t.signature)
	if errors.Is(err, store.ErrNotFound) {
		return nil, errTokenEnded()
	}
	if err != nil {
		return nil, err
	}
	ev := eventOf(r.Context())
	ev.client, ev.account = who.ClientID, who.Account.ID
	if client, err := s.store.Client(r.Context(), who.ClientID); err == nil {
		s.allowOrigin(r, client)
	} else { // the answer stands, but whether a page may read it is not known
		ev.cause, ev.originHeld = err, true
	}
	switch {
	case who.Account.ID == "":
		return nil, bearerError("insufficient_scope", "The access token speaks for no account.")
	case !who.Scope.Has(store.ScopeOpenID):
		return nil, bearerError("insufficient_scope", "The access token lacks the scope openid.")
	}
	return who, nil
}

// userinfoToken is the access token of the header or, where the body is a form,
// of that. Any other body is left alone: most of those that send one mean
// nothing by it (OpenID Connect Core §5.3.1).
func userinfoToken(w http.ResponseWriter, r *http.Request) (string, error) {
	text, err := bearerToken(r)
	if err != nil {
		return "", err
	}
	media := r.Header.Get("Content-Type")
	if kind, _, err := mime.ParseMediaType(media); r.Method == http.MethodPost && err == nil && kind == mediaForm {
		inForm, err := formToken(w, r)
		if err != nil {
			return "", err
		}
		if inForm != "" && text != "" {
			return "", bearerError("invalid_request", "The access token is there twice.")
		}
		text += inForm
	} else if r.Method == http.MethodPost && media != "" && text == "" {
		return "", bearerError("invalid_request", "Send the access token in the header Authorization, or in a body of application/x-www-form-urlencoded.")
	}
	if text == "" {
		return "", errNoToken()
	}
	return text, nil
}

// formToken is the access token in the body (RFC 6750 §2.2); empty if there is
// none.
func formToken(w http.ResponseWriter, r *http.Request) (string, error) {
	form, err := parseForm(w, r)
	if err == nil {
		form, err = checkedValues(form)
	}
	if refused := (*refusal)(nil); errors.As(err, &refused) {
		refused.challenge = bearerChallenge("invalid_request")
	}
	return form.Get("access_token"), err
}
