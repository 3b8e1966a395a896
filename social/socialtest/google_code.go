package socialtest

import (
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// postmessage stands for a redirect address where the code reaches the page by
// Google's JavaScript, out of a popup.
const postmessage = "postmessage"

// authorize serves GET and POST /o/oauth2/v2/auth: a page, then 302 with a code.
func (g *Google) authorize(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	if status, code, message := g.mayAuthorize(query); code != "" {
		refuse(w, status, code, message)
		return
	}
	back := url.Values{"iss": {g.issParameter(googleIssuer)}} // though its discovery does not say so
	if query.Has("state") {
		back.Set("state", query.Get("state"))
	}
	email, how := ask(w, r, signInPage{"Google", query.Get("client_id"), query.Get("login_hint"), true})
	switch how {
	case asked:
		return
	case cancelled:
		back.Set("error", "access_denied")
	case continued:
		scope := googleScopes(query.Get("scope"))
		who := TokenOptions{Email: email, Aud: query.Get("client_id"), Nonce: query.Get("nonce"), Scope: scope}
		back.Set("code", g.newCode("4/0A"+encode(random(48)), query, who))
		back.Set("scope", scope)
		back.Set("authuser", "0")
		back.Set("prompt", or(query.Get("prompt"), "none"))
	}
	if query.Get("redirect_uri") == postmessage { // what the library's callback gets
		object := map[string]string{}
		for name := range back {
			object[name] = back.Get(name)
		}
		answer(w, http.StatusOK, object)
		return
	}
	sendBack(w, query.Get("redirect_uri"), back, "")
}

// mayAuthorize checks an authorization request; Google tells such errors to the
// person and never sends them back.
func (g *Google) mayAuthorize(query url.Values) (status int, code, message string) {
	switch {
	case !slices.Contains(g.cfg.ClientIDs, query.Get("client_id")):
		return http.StatusUnauthorized, "invalid_client", "The OAuth client was not found."
	case query.Get("redirect_uri") != postmessage && !webURL(query.Get("redirect_uri")):
		return http.StatusBadRequest, "redirect_uri_mismatch", "redirect_uri is not an http or https address."
	case query.Get("response_type") != "code":
		return http.StatusBadRequest, "unsupported_response_type", "The stand-in knows response_type code."
	case query.Get("scope") == "":
		return http.StatusBadRequest, "invalid_request", "Missing required parameter: scope"
	case query.Has("code_challenge") && query.Get("code_challenge_method") != "S256":
		return http.StatusBadRequest, "invalid_request", "The stand-in knows code_challenge_method S256."
	}
	return 0, "", ""
}

// googleScopes writes scopes as Google grants them: by their long names.
func googleScopes(asked string) string {
	scopes := strings.Fields(asked)
	for i, s := range scopes {
		switch s {
		case "email":
			scopes[i] = emailScope
		case "profile":
			scopes[i] = profileScope
		}
	}
	return strings.Join(scopes, " ")
}

// token serves POST /token for a code (RFC 6749 §4.1.3).
func (g *Google) token(w http.ResponseWriter, r *http.Request) {
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/x-www-form-urlencoded" {
		googleFail(w, http.StatusBadRequest, "invalid_request", "The body is application/x-www-form-urlencoded.")
		return
	}
	clientID, ok := g.client(w, r)
	if !ok {
		return
	}
	if kind := r.PostFormValue("grant_type"); kind != "authorization_code" {
		googleFail(w, http.StatusBadRequest, "unsupported_grant_type", "Invalid grant_type: "+kind)
		return
	}
	spent, ok := g.codes.take(r.PostFormValue("code"))
	switch verifier := r.PostFormValue("code_verifier"); {
	case !ok || spent.clientID != clientID || !g.now().Before(spent.expires):
		googleFail(w, http.StatusBadRequest, "invalid_grant", "Malformed auth code.")
	case spent.redirectURI != r.PostFormValue("redirect_uri"):
		googleFail(w, http.StatusBadRequest, "redirect_uri_mismatch", "Bad Request")
	case verifier == "" && spent.codeChallenge != "":
		googleFail(w, http.StatusBadRequest, "invalid_grant", "Missing code verifier.")
	case !spent.verified(verifier):
		googleFail(w, http.StatusBadRequest, "invalid_grant", "Invalid code verifier.")
	default:
		g.issue(w, spent)
	}
}

// client authenticates the client, by Basic or in the body (RFC 6749 §2.3.1).
// False: the answer is written.
func (g *Google) client(w http.ResponseWriter, r *http.Request) (string, bool) {
	id, secret := r.PostFormValue("client_id"), r.PostFormValue("client_secret")
	if name, password, ok := r.BasicAuth(); ok {
		id, secret = formDecoded(name), formDecoded(password)
	}
	switch {
	case !slices.Contains(g.cfg.ClientIDs, id):
		googleFail(w, http.StatusUnauthorized, "invalid_client", "The OAuth client was not found.")
	case g.cfg.ClientSecret != "" && secret == "":
		googleFail(w, http.StatusBadRequest, "invalid_request", "client_secret is missing.")
	case g.cfg.ClientSecret != "" && !same(secret, g.cfg.ClientSecret):
		googleFail(w, http.StatusUnauthorized, "invalid_client", "Unauthorized")
	default:
		return id, true
	}
	return "", false
}

func formDecoded(text string) string {
	if decoded, err := url.QueryUnescape(text); err == nil {
		return decoded
	}
	return text
}

// issue answers with the tokens of a code.
func (g *Google) issue(w http.ResponseWriter, spent code) {
	made := g.grant(g.spoiled(spent.who))
	accessToken := g.remember(made)
	body := map[string]any{
		"access_token": accessToken, "token_type": "Bearer", "scope": made.Scope,
		"expires_in": g.secondsLeft(made),
	}
	if hasScope(made.Scope, "openid") {
		claims := g.claims(made, made.Scope)
		claims["at_hash"] = atHash(accessToken)
		body["id_token"] = g.keys.sign(claims, made.TokenOptions)
	}
	answer(w, http.StatusOK, body)
}

// revoke serves POST /revoke.
func (g *Google) revoke(w http.ResponseWriter, r *http.Request) {
	if made, ok := g.tokens.take(r.FormValue("token")); !ok || !g.now().Before(made.expires) {
		googleFail(w, http.StatusBadRequest, "invalid_token", "Token expired or revoked")
		return
	}
	answer(w, http.StatusOK, map[string]any{})
}
