package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"gatehouse/store"
)

// drfPair is the answer to whoever signed in.
type drfPair struct {
	AccessToken  string   `json:"access_token"`
	ExpiresIn    int64    `json:"expires_in"`
	TokenType    string   `json:"token_type"`
	Scope        string   `json:"scope"`
	RefreshToken string   `json:"refresh_token,omitempty"`
	User         *drfUser `json:"user,omitempty"` // of convert-token alone
}

// drfUser is an account as convert-token shows it.
type drfUser struct {
	Email     string `json:"email"`
	FirstName string `json:"first_name"`
	LastName  string `json:"last_name"`
}

// drfRefused is the authorization server's refusal of a token request.
type drfRefused struct {
	refused
	status int
	retry  time.Duration
	cause  error
}

func (e *drfRefused) Error() string {
	if e.cause != nil {
		return e.cause.Error()
	}
	return fmt.Sprintf("the authorization server answers %d %s %s", e.status, e.Code, e.Reason)
}

// tokens asks the token endpoint as the client that the form or basic names.
func (d *drf) tokens(r *http.Request, form url.Values, basic string) (*drfPair, *drfRefused) {
	answer, err := d.ask(r, "/oauth2/token", form, basic)
	if err != nil {
		return nil, &drfRefused{status: http.StatusServiceUnavailable, retry: retryOutages, cause: err}
	}
	var pair drfPair
	if answer.status == http.StatusOK && answer.decode(&pair) && pair.AccessToken != "" {
		return &pair, nil
	}
	return nil, answer.refusal()
}

// ask sends a form to the authorization server.
func (d *drf) ask(r *http.Request, path string, form url.Values, basic string) (*forwarded, error) {
	ctx, cancel := context.WithTimeout(r.Context(), forwardTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, d.cfg.Issuer+path, strings.NewReader(form.Encode()))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Accept", "application/json")
	if basic != "" {
		req.Header.Set("Authorization", basic)
	}
	answer, err := d.send(req)
	if p := (*problem)(nil); errors.As(err, &p) && p.cause != nil {
		err = p.cause
	}
	return answer, err
}

// refusal reads an error of RFC 6749 §5.2. What is none is not the client's
// fault.
func (f *forwarded) refusal() *drfRefused {
	e := &drfRefused{status: f.status, retry: f.retryAfter()}
	if f.status < 400 || !f.decode(&e.refused) || !isCode(e.Code) {
		e.status, e.cause = http.StatusServiceUnavailable, f.unexpected().cause
	}
	return e
}

// general is what is answered alike wherever a client was to authenticate; nil
// for the others.
func (e *drfRefused) general(basic string) *drfError {
	var refusal *drfError
	switch {
	case e.status == http.StatusTooManyRequests:
		refusal = drfOAuth(e.status, "temporarily_unavailable", e.say()).after(e.retry)
	case e.status >= 500:
		refusal = drfOAuth(http.StatusServiceUnavailable, "temporarily_unavailable", "Not possible at the moment. Try again later.").after(e.retry)
	case e.status == http.StatusUnauthorized:
		refusal = drfOAuth(e.status, "invalid_client", "")
		if basic != "" { // RFC 6749 §5.2; without need browsers would ask their user for a password
			refusal.with("WWW-Authenticate", `Basic realm="`+realm+`"`)
		}
	default:
		return nil
	}
	refusal.cause = e
	return refusal
}

// basicAuthorization is the request's Authorization header if it is of HTTP
// Basic. Others are not looked at where a client authenticates: a stale Bearer
// must not stop a login or a refresh.
func basicAuthorization(r *http.Request) string {
	headers := r.Header.Values("Authorization")
	if len(headers) != 1 {
		return ""
	}
	if scheme, _, _ := strings.Cut(headers[0], " "); !strings.EqualFold(scheme, "Basic") {
		return ""
	}
	return headers[0]
}

var (
	tokenGrants     = []string{store.GrantPassword, store.GrantRefreshToken, store.GrantClientCredentials}
	tokenParameters = []string{"grant_type", "client_id", "client_secret", "username", "password", "refresh_token", "scope"}
)

// token serves POST token: the token endpoint in the service's words.
func (d *drf) token(w http.ResponseWriter, r *http.Request) {
	form, err := tokenForm(r)
	if err != nil {
		d.fail(w, r, err)
		return
	}
	basic := basicAuthorization(r)
	pair, refused := d.tokens(r, form, basic)
	if refused != nil {
		d.fail(w, r, refused.ofToken(form.Get("grant_type"), basic))
		return
	}
	d.answer(w, http.StatusOK, pair)
}

// tokenForm is what the body asks for, in OAuth's form. What is no text is an
// OAuth error here.
func tokenForm(r *http.Request) (url.Values, error) {
	fields, err := readFields(r)
	var refusal *drfError
	switch {
	case errors.As(err, &refusal) && refusal.status == http.StatusBadRequest:
		return nil, drfOAuth(http.StatusBadRequest, "invalid_request", "The body is not a well-formed JSON object or form.")
	case err != nil:
		return nil, err
	}
	form := url.Values{}
	for _, name := range tokenParameters {
		v := fields[name]
		broken := v.kind == drfOther || strings.ContainsRune(v.text, 0)
		switch {
		case broken && strings.HasPrefix(name, "client_"):
			return nil, drfOAuth(http.StatusUnauthorized, "invalid_client", "")
		case broken:
			return nil, drfOAuth(http.StatusBadRequest, "invalid_request", "The parameter "+name+" is not text without NUL.")
		case v.text != "":
			form.Set(name, v.text)
		}
	}
	if !slices.Contains(tokenGrants, form.Get("grant_type")) {
		return nil, drfOAuth(http.StatusBadRequest, "unsupported_grant_type", "")
	}
	return form, nil
}

// ofToken keeps a description where the service had one.
func (e *drfRefused) ofToken(grant, basic string) *drfError {
	if general := e.general(basic); general != nil {
		return general
	}
	description := ""
	if e.Code == "invalid_request" || e.Code == "invalid_grant" && grant == store.GrantPassword {
		description = e.say()
	}
	refusal := drfOAuth(http.StatusBadRequest, e.Code, description)
	refusal.cause = e
	return refusal
}
