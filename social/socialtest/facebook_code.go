package socialtest

import (
	"net/http"
	"net/url"
	"strings"
)

// dialog serves GET and POST /dialog/oauth: a page, then 302 with a code.
func (f *Facebook) dialog(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	switch {
	case query.Get("client_id") != f.cfg.AppID:
		refuse(w, http.StatusBadRequest, "101", "Invalid App ID: the provided app ID does not look like a valid app ID.")
		return
	case !webURL(query.Get("redirect_uri")):
		refuse(w, http.StatusBadRequest, "191", "URL blocked: redirect_uri is not an http or https address.")
		return
	case query.Get("response_type") != "" && query.Get("response_type") != "code":
		refuse(w, http.StatusBadRequest, "100", "The stand-in knows response_type code.")
		return
	case query.Has("code_challenge") && query.Get("code_challenge_method") != "S256":
		refuse(w, http.StatusBadRequest, "100", "The stand-in knows code_challenge_method S256.")
		return
	}
	back := url.Values{}
	if query.Has("state") {
		back.Set("state", query.Get("state"))
	}
	if iss := f.issParameter(""); iss != "" {
		back.Set("iss", iss)
	}
	email, how := ask(w, r, signInPage{"Facebook", query.Get("client_id"), query.Get("login_hint"), false})
	switch how {
	case asked:
		return
	case cancelled:
		back.Set("error", "access_denied")
		back.Set("error_code", "200")
		back.Set("error_description", "Permissions error")
		back.Set("error_reason", "user_denied")
	case continued:
		who := TokenOptions{Email: email, NoEmail: email == "", Aud: f.cfg.AppID, Scope: facebookScopes(query.Get("scope"), email)}
		back.Set("code", f.newCode("AQ"+encode(random(120)), query, who))
	}
	sendBack(w, query.Get("redirect_uri"), back, "#_=_") // Facebook's habit; the browser keeps it
}

// facebookScopes are those asked for, by commas or spaces, that can be granted.
func facebookScopes(asked, email string) string {
	granted := []string{"public_profile"}
	for _, s := range strings.FieldsFunc(asked, func(r rune) bool { return r == ',' || r == ' ' }) {
		if s != "public_profile" && (s != "email" || email != "") {
			granted = append(granted, s)
		}
	}
	return strings.Join(granted, " ")
}

// accessToken serves GET and POST /oauth/access_token for a code, and for the
// app's own token.
func (f *Facebook) accessToken(w http.ResponseWriter, r *http.Request) {
	if e, ok := f.credentials(r.FormValue("client_id"), r.FormValue("client_secret")); !ok {
		graphFail(w, http.StatusBadRequest, e)
		return
	}
	if r.FormValue("grant_type") == "client_credentials" {
		answer(w, http.StatusOK, map[string]string{"access_token": f.cfg.AppID + "|" + f.cfg.AppSecret, "token_type": "bearer"})
		return
	}
	spent, ok := f.codes.take(r.FormValue("code"))
	e := graphError{Code: 100}
	switch {
	case r.FormValue("redirect_uri") == "":
		e.Code, e.Message = 191, "Missing redirect_uri parameter."
	case r.FormValue("code") == "":
		e.Message = "Missing authorization code"
	case !ok:
		e.Message = "Invalid verification code format."
	case !f.now().Before(spent.expires):
		e.Subcode, e.Message = 36007, "This authorization code has expired."
	case spent.redirectURI != r.FormValue("redirect_uri"):
		e.Subcode, e.Message = 36008, "Error validating verification code. Please make sure your redirect_uri is identical to the one you used in the OAuth dialog request"
	case !spent.verified(r.FormValue("code_verifier")):
		e.Message = "Invalid code_verifier parameter."
	default:
		made := f.grant(f.spoiled(spent.who), facebookTokenLife)
		answer(w, http.StatusOK, map[string]any{
			"access_token": f.remember(made), "token_type": "bearer", "expires_in": int64(facebookTokenLife.Seconds()),
		})
		return
	}
	graphFail(w, http.StatusBadRequest, e)
}

// credentials checks the app's id and secret as parameters.
func (f *Facebook) credentials(id, secret string) (graphError, bool) {
	switch {
	case id == "":
		return graphError{Code: 101, Message: "Missing client_id parameter."}, false
	case id != f.cfg.AppID:
		return graphError{Code: 101, Message: "Error validating application. Cannot get application info due to a system error."}, false
	case !same(secret, f.cfg.AppSecret):
		return graphError{Code: 1, Message: "Error validating client secret."}, false
	}
	return graphError{}, true
}
