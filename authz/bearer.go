package authz

import (
	"errors"
	"net/http"
	"strings"

	"github.com/ory/fosite"

	"gatehouse/store"
)

// person is the account that the request's Bearer token speaks for (RFC 6750
// §2.1): in person, by a first-party client, with this scope, and by a token
// that is for this server's account pages or the resource API and for nobody
// else. Any other API that was shown its user's token must not be able to
// change how that user signs in.
func (s *Server) person(r *http.Request, scope string) (*store.SubjectToken, error) {
	text, err := bearerToken(r)
	if err != nil {
		return nil, err
	}
	if text == "" {
		return nil, errNoToken()
	}
	t := s.keys.verify(text, accessToken)
	if t == nil {
		return nil, errTokenEnded()
	}
	who, err := s.store.SubjectToken(r.Context(), t.signature)
	if errors.Is(err, store.ErrNotFound) {
		return nil, errTokenEnded()
	}
	if err != nil {
		return nil, err
	}
	ev := eventOf(r.Context())
	ev.client, ev.account = who.ClientID, who.Subject
	client, err := s.store.Client(r.Context(), who.ClientID)
	if errors.Is(err, store.ErrNotFound) {
		return nil, errTokenEnded()
	}
	if err != nil {
		return nil, err
	}
	s.allowOrigin(r, client)
	switch {
	case len(who.TokenAudience) == 0 || !store.Words(s.cfg.AccountAudiences).Holds(who.TokenAudience):
		return nil, bearerError("invalid_token", "The access token is not for this server alone (audience).")
	case who.AccountID == nil || who.Actor != "" || who.RootID != who.ID || !client.FirstParty:
		return nil, bearerError("insufficient_scope", "The access token does not speak for an account in person, by a first-party client.")
	case !who.TokenScope.Has(scope):
		return nil, bearerError("insufficient_scope", "The access token lacks the scope "+scope+".")
	}
	return who, nil
}

// bearerToken is the access token in the Authorization header (RFC 6750 §2.1);
// empty if there is none.
func bearerToken(r *http.Request) (string, error) {
	headers := r.Header.Values("Authorization")
	if len(headers) > 1 {
		return "", bearerError("invalid_request", "There is more than one Authorization header.")
	}
	kind, text, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(kind, "Bearer") {
		return "", nil
	}
	return text, nil
}

// personNow is person for what changes how somebody signs in: they signed in
// just now (RFC 9470 §3).
func (s *Server) personNow(r *http.Request) (*store.SubjectToken, error) {
	who, err := s.person(r, "write")
	if err != nil {
		return nil, err
	}
	if who.AuthTime.Before(s.store.Now().Add(-freshSignIn)) {
		return nil, &refusal{RFC6749Error: &fosite.RFC6749Error{ErrorField: "insufficient_user_authentication", CodeField: http.StatusUnauthorized},
			say: "Sign in again: this needs a sign-in of the last five minutes.", reason: reasonInteraction, challenge: `Bearer realm="gatehouse", error="insufficient_user_authentication", max_age="300"`}
	}
	return who, nil
}

// bearerError refuses an access token (RFC 6750 §3.1).
func bearerError(code, say string) error {
	status := http.StatusUnauthorized
	switch code {
	case "insufficient_scope":
		status = http.StatusForbidden
	case "invalid_request":
		status = http.StatusBadRequest
	}
	return &refusal{RFC6749Error: &fosite.RFC6749Error{ErrorField: code, CodeField: status}, say: say, challenge: bearerChallenge(code)}
}

// errNoToken asks for an access token where there is none: that has no error
// code (RFC 6750 §3.1).
func errNoToken() error {
	return bearerError("", "Send an access token in the header Authorization, after the word Bearer.")
}

func errTokenEnded() error {
	return bearerError("invalid_token", "The access token is unknown, expired or revoked.")
}

// bearerChallenge is the value of WWW-Authenticate (RFC 6750 §3).
func bearerChallenge(code string) string {
	if code == "" {
		return `Bearer realm="gatehouse"`
	}
	return `Bearer realm="gatehouse", error="` + code + `"`
}
