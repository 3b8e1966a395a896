package introspect

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// refusal is why a token is not accepted, in words that its bearer may read: they
// become the error_description, so no quotes (RFC 6750 §3). Each is ErrInactive to
// errors.Is.
type refusal string

func (r refusal) Error() string        { return string(r) }
func (r refusal) Is(target error) bool { return target == ErrInactive }

// Errors of Check and BearerToken.
var (
	// ErrNoToken: the request has no Bearer token; 401 without an error code.
	ErrNoToken = errors.New("the request has no access token")

	// ErrInactive: the token must not be used here; 401 invalid_token.
	ErrInactive error = refusal("the access token is unknown, expired or revoked")

	// ErrRepeated: there is more than one Authorization header (RFC 9110 §11.6.2);
	// 400 invalid_request.
	ErrRepeated = errors.New("the request has more than one Authorization header")

	// ErrMalformed is an ErrInactive: not even the shape of a Bearer token
	// (RFC 6750 §2.1); nobody was asked.
	ErrMalformed error = refusal("the Authorization header or the access token in it is malformed")

	// ErrExpired is an ErrInactive. A server that answers no more than
	// "active": false, as Gatehouse does, leaves expired tokens at ErrInactive.
	ErrExpired error = refusal("the access token has expired")

	// ErrUnavailable: nobody could be asked, or the answer was unusable; 503.
	ErrUnavailable = errors.New("the access token can't be checked")
)

var (
	errBound     error = refusal("the access token is bound to a key, which this API does not check")
	errNotBearer error = refusal("the token is not a Bearer access token")
	errNotYet    error = refusal("the access token is not valid yet")
	errIssuer    error = refusal("the access token is from another issuer")
	errAudience  error = refusal("the access token is for another API (audience)")

	// errCredentials is our own fault (RFC 7662 §2.3) and none of the token's.
	errCredentials = errors.New("the authorization server refuses our own credentials, check ClientID and ClientSecret")
)

const retryAfter = 5 * time.Second // told with 503

// Failure is why a request is refused and what the answer has to say.
type Failure struct {
	Status      int           // 400, 401, 403 or 503
	Code        string        // "" (no credentials), "invalid_request", "invalid_token", "insufficient_scope", "temporarily_unavailable"
	Description string        // for the caller's developer, ASCII without quotes, no secrets
	Challenge   string        // the value of WWW-Authenticate (RFC 6750 §3); "" with 503
	Scope       []string      // with insufficient_scope: what the resource needs
	RetryAfter  time.Duration // with 503
	Err         error         // the cause, not for the wire: ErrNoToken, ErrRepeated, ErrMalformed, ErrExpired, ErrInactive, ErrUnavailable
}

// failure maps an error of BearerToken or Check to its answer (RFC 6750 §3.1).
func (c *Checker) failure(err error) *Failure {
	f := &Failure{Status: http.StatusUnauthorized, Err: err}
	switch {
	case errors.Is(err, ErrNoToken):
		// RFC 6750 §3.1: no error code for a request without credentials.
		f.Description = ErrNoToken.Error()
	case errors.Is(err, ErrRepeated):
		f.Status, f.Code, f.Description = http.StatusBadRequest, "invalid_request", err.Error()
	case errors.Is(err, ErrInactive):
		f.Code, f.Description = "invalid_token", err.Error()
	default: // whatever it is, never "allowed"
		f.Status, f.Code = http.StatusServiceUnavailable, "temporarily_unavailable"
		f.Description, f.RetryAfter = "the access token can't be checked at the moment", retryAfter
		return f
	}
	f.Challenge = c.challenge(f)
	return f
}

// scopeFailure is the answer to a token that lacks some of the scopes needed.
func (c *Checker) scopeFailure(needed, missing []string) *Failure {
	f := &Failure{
		Status:      http.StatusForbidden,
		Code:        "insufficient_scope",
		Description: "the access token lacks scope " + strings.Join(missing, " "),
		Scope:       needed,
	}
	f.Err = errors.New(f.Description)
	f.Challenge = c.challenge(f)
	return f
}

// challenge returns the WWW-Authenticate value (RFC 6750 §3). Realm and scopes
// were checked when they were configured, the rest is ours: nothing needs escaping.
func (c *Checker) challenge(f *Failure) string {
	s := `Bearer realm="` + c.config.Realm + `"`
	if f.Code != "" {
		s += `, error="` + f.Code + `", error_description="` + f.Description + `"`
	}
	if len(f.Scope) > 0 {
		s += `, scope="` + strings.Join(f.Scope, " ") + `"`
	}
	return s
}

// fail logs a refusal and writes it.
func (c *Checker) fail(w http.ResponseWriter, r *http.Request, f *Failure) {
	log := c.config.Log.With("endpoint", c.config.Endpoint, "client_id", c.config.ClientID, "err", f.Err)
	switch {
	case errors.Is(f.Err, errCredentials):
		log.ErrorContext(r.Context(), "introspection is misconfigured")
	case f.Status == http.StatusServiceUnavailable && r.Context().Err() == nil:
		log.ErrorContext(r.Context(), "introspection unavailable")
	default:
		log.DebugContext(r.Context(), "request refused", "status", f.Status, "code", f.Code)
	}
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	if f.Challenge != "" {
		h.Set("WWW-Authenticate", f.Challenge)
	}
	if f.RetryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(int(f.RetryAfter.Seconds())))
	}
	c.config.Fail(w, r, f)
}

// WriteProblem writes status and body as a problem document (RFC 9457) with the
// extra members code and scope. A Config.Fail that changes only some answers can
// leave the others to it.
func (f *Failure) WriteProblem(w http.ResponseWriter) {
	body, err := json.Marshal(struct {
		Title  string `json:"title"`
		Status int    `json:"status"`
		Detail string `json:"detail"`
		Code   string `json:"code,omitempty"`
		Scope  string `json:"scope,omitempty"`
	}{http.StatusText(f.Status), f.Status, f.Description, f.Code, strings.Join(f.Scope, " ")})
	if err != nil { // can't be: strings and a number
		body = []byte("{}")
	}
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(f.Status)
	w.Write(body)
}
