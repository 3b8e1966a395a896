package api

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"gatehouse/store"
)

// drfBackends are the service's names of providers, and ours. ID tokens came by
// a backend of their own; here either name takes either kind.
var drfBackends = map[string]string{"google-oauth2": "google", "google-identity": "google", "facebook": "facebook"}

// Token types (RFC 8693 §3).
const (
	typeAccessToken = "urn:ietf:params:oauth:token-type:access_token"
	typeIDToken     = "urn:ietf:params:oauth:token-type:id_token"
)

// clientFields are how a client says in a body who it is.
func clientFields(basic string) []drfField {
	return []drfField{
		{name: "client_id", max: 200, named: true, optional: basic != ""},
		{name: "client_secret", max: 500, optional: true},
	}
}

// convertToken serves POST convert-token: a provider's token for a pair, by
// token exchange (RFC 8693), which holds every rule about whose account it is.
func (d *drf) convertToken(w http.ResponseWriter, r *http.Request) {
	pair, err := d.convert(r)
	if err != nil {
		d.fail(w, r, err)
		return
	}
	d.answer(w, http.StatusOK, pair)
}

func (d *drf) convert(r *http.Request) (*drfPair, error) {
	basic := basicAuthorization(r)
	fields, err := readFields(r)
	if err != nil {
		return nil, err
	}
	values, wrong := fields.check(append(clientFields(basic),
		drfField{name: "grant_type", max: 50, named: true},
		drfField{name: "backend", max: 200, named: true},
		drfField{name: "token", max: 5000, named: true}))
	if len(wrong) > 0 {
		return nil, wrong.refusal()
	}
	if basic == "" {
		if err := d.knownClient(r, values["client_id"], "The application for this client_id does not exist."); err != nil {
			return nil, err
		}
	}
	if values["grant_type"] != "convert_token" {
		return nil, drfOAuth(http.StatusBadRequest, "unsupported_grant_type", "")
	}
	provider, ok := drfBackends[values["backend"]]
	if !ok {
		return nil, drfOAuth(http.StatusBadRequest, "invalid_request", "Invalid backend parameter.")
	}
	form := url.Values{
		"grant_type": {store.GrantTokenExchange}, "subject_issuer": {provider},
		"subject_token": {values["token"]}, "subject_token_type": {tokenType(values["token"])},
	}
	setClient(form, values)
	pair, refused := d.tokens(r, form, basic)
	if refused != nil {
		return nil, refused.ofConvert(provider, basic)
	}
	pair.User = d.userOf(r, pair.AccessToken)
	return pair, nil
}

// setClient leaves out what is empty: HTTP Basic may say it.
func setClient(form url.Values, values map[string]string) {
	for _, name := range []string{"client_id", "client_secret"} {
		if values[name] != "" {
			form.Set(name, values[name])
		}
	}
}

// tokenType tells an ID token from an access token, which of Google's and
// Facebook's is never a JWT.
func tokenType(token string) string {
	if strings.Count(token, ".") == 2 && strings.HasPrefix(token, "eyJ") {
		return typeIDToken
	}
	return typeAccessToken
}

// knownClient returns a 400 with this detail for a client that is not there, or
// is disabled.
func (d *drf) knownClient(r *http.Request, id, detail string) error {
	_, err := d.store.Client(r.Context(), id)
	if errors.Is(err, store.ErrNotFound) {
		return drfDetail(http.StatusBadRequest, detail)
	}
	if err != nil {
		return fmt.Errorf("read the client: %w", err)
	}
	return nil
}

// ofConvert puts the authorization server's reason into the service's words.
func (e *drfRefused) ofConvert(provider, basic string) *drfError {
	if general := e.general(basic); general != nil {
		return general
	}
	var refusal *drfError
	switch e.Reason {
	case "link_required":
		refusal = drfOAuth(http.StatusBadRequest, "A user with this email already exists.", "")
	case "account_disabled":
		refusal = drfOAuth(http.StatusBadRequest, "invalid_grant", "User inactive or deleted.")
	case "": // nothing about the token
		refusal = drfOAuth(http.StatusBadRequest, e.Code, e.say())
	default:
		said := "Your credentials aren't allowed"
		if provider == "facebook" {
			said = "Authentication process canceled"
		}
		refusal = drfOAuth(http.StatusBadRequest, "access_denied", said)
	}
	refusal.code, refusal.cause = e.Code, e
	return refusal
}

// userOf is whom a new access token signs in. The API learns that as it learns it
// of any token, by introspection: one call more, and no second reader of what a
// token means. If that fails the login stands, and the answer goes without, as in
// the service's first version.
func (d *drf) userOf(r *http.Request, accessToken string) *drfUser {
	ctx, ev := r.Context(), eventOf(r.Context())
	who, err := d.checker.Check(ctx, accessToken)
	if err != nil {
		ev.cause = fmt.Errorf("whom the new token signs in: %w", err)
		return nil
	}
	ev.client, ev.account = who.ClientID, who.Subject
	a, err := d.store.Account(ctx, who.Subject)
	if err != nil {
		ev.cause = fmt.Errorf("whom the new token signs in: %w", err)
		return nil
	}
	return &drfUser{a.Email, a.FirstName, a.LastName}
}
