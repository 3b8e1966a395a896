package socialtest

import (
	"net/http"
	"strconv"
	"time"
)

// tokeninfo serves /tokeninfo and /oauth2/v3/tokeninfo, where all values are
// texts. It tells about every app's tokens: whose it is, the caller compares.
func (g *Google) tokeninfo(w http.ResponseWriter, r *http.Request) {
	made, ok := g.inspect(w, r)
	if !ok {
		return
	}
	info := map[string]string{
		"azp": made.Azp, "aud": made.Aud, "scope": made.Scope,
		"exp":        strconv.FormatInt(made.expires.Unix(), 10),
		"expires_in": strconv.FormatInt(g.secondsLeft(made), 10), "access_type": "online",
	}
	if hasScope(made.Scope, "openid") {
		info["sub"] = made.Sub
	}
	if made.Email != "" && hasScope(made.Scope, "email", emailScope) {
		info["email"] = made.Email
		info["email_verified"] = strconv.FormatBool(*made.EmailVerified)
	}
	answer(w, http.StatusOK, info)
}

// tokeninfoV2 serves /oauth2/v1/tokeninfo and /oauth2/v2/tokeninfo: other names,
// and values with types.
func (g *Google) tokeninfoV2(w http.ResponseWriter, r *http.Request) {
	made, ok := g.inspect(w, r)
	if !ok {
		return
	}
	info := map[string]any{
		"issued_to": made.Azp, "audience": made.Aud, "scope": made.Scope,
		"expires_in": g.secondsLeft(made), "access_type": "online",
	}
	if hasScope(made.Scope, "openid") {
		info["user_id"] = made.Sub
	}
	if made.Email != "" && hasScope(made.Scope, "email", emailScope) {
		info["email"], info["verified_email"] = made.Email, *made.EmailVerified
	}
	answer(w, http.StatusOK, info)
}

// inspect finds the access token that tokeninfo is asked about. False: the
// answer is written.
func (g *Google) inspect(w http.ResponseWriter, r *http.Request) (grant, bool) {
	token := bearer(r)
	if token == "" {
		googleFail(w, http.StatusBadRequest, "invalid_request", "either access_token, id_token, or token_handle required")
		return grant{}, false
	}
	made, _, alive := g.live(token)
	if !alive {
		googleFail(w, http.StatusBadRequest, "invalid_token", "Invalid Value")
	}
	return made, alive
}

func (g *Google) secondsLeft(made grant) int64 {
	return int64(made.expires.Sub(g.now()) / time.Second)
}

// userinfo serves /v1/userinfo and /oauth2/v3/userinfo, for any app's tokens.
func (g *Google) userinfo(w http.ResponseWriter, r *http.Request) {
	made, ok := g.signedIn(w, r)
	if !ok {
		return
	}
	info := map[string]any{"sub": made.Sub}
	addAllowed(info, made, made.Scope)
	answer(w, http.StatusOK, info)
}

// userinfoV2 serves /oauth2/v1/userinfo and /oauth2/v2/userinfo, which have id
// and verified_email.
func (g *Google) userinfoV2(w http.ResponseWriter, r *http.Request) {
	made, ok := g.signedIn(w, r)
	if !ok {
		return
	}
	info := map[string]any{"id": made.Sub}
	addAllowed(info, made, made.Scope)
	if verified, ok := info["email_verified"]; ok {
		info["verified_email"] = verified
		delete(info, "email_verified")
	}
	answer(w, http.StatusOK, info)
}

// signedIn finds the access token of a userinfo request. False: the answer is
// written.
func (g *Google) signedIn(w http.ResponseWriter, r *http.Request) (grant, bool) {
	made, _, alive := g.live(bearer(r))
	if !alive {
		w.Header().Set("WWW-Authenticate", `Bearer realm="https://accounts.google.com/", error="invalid_request"`)
		googleFail(w, http.StatusUnauthorized, "invalid_request", "Invalid Credentials")
	}
	return made, alive
}

func googleFail(w http.ResponseWriter, status int, code, description string) {
	answer(w, status, map[string]string{"error": code, "error_description": description})
}
