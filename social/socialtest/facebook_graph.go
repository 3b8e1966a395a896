package socialtest

import (
	"encoding/hex"
	"fmt"
	"net/http"
	"regexp"
	"strings"
)

// graphError is the object error of Facebook's answers. Apps decide by Code.
type graphError struct {
	Message   string `json:"message"`
	Type      string `json:"type"`
	Code      int    `json:"code"`
	Subcode   int    `json:"error_subcode,omitempty"`
	Transient bool   `json:"is_transient,omitempty"`
	Trace     string `json:"fbtrace_id"`
}

func graphFail(w http.ResponseWriter, status int, e graphError) {
	e.Type = or(e.Type, "OAuthException")
	e.Trace = "A" + encode(random(16))
	w.Header().Set("WWW-Authenticate", fmt.Sprintf(`OAuth "Facebook Platform" "invalid_request" %q`, e.Message))
	answer(w, status, map[string]any{"error": e})
}

// facebookLimited is Facebook's answer beyond the quota.
func facebookLimited(w http.ResponseWriter) {
	w.Header().Set("X-App-Usage", `{"call_count":100,"total_cputime":25,"total_time":30}`)
	graphFail(w, http.StatusForbidden, graphError{Message: "(#4) Application request limit reached", Code: 4, Transient: true})
}

// asApp checks the app access token, {app-id}|{app-secret}. False: the answer is
// written.
func (f *Facebook) asApp(w http.ResponseWriter, token string) bool {
	id, secret, ok := strings.Cut(token, "|")
	var e graphError
	switch {
	case token == "":
		e = graphError{Code: 104, Message: "An access token is required to request this resource."}
	case !ok:
		e = graphError{Code: 190, Message: "Invalid OAuth access token - Cannot parse access token"}
	case id != f.cfg.AppID:
		e = graphError{Code: 101, Message: "Error validating application. Cannot get application info due to a system error."}
	case !same(secret, f.cfg.AppSecret):
		e = graphError{Code: 190, Message: "Invalid OAuth access token signature."}
	default:
		return true
	}
	graphFail(w, http.StatusBadRequest, e)
	return false
}

// debugToken serves GET /debug_token. It tells an app about its own tokens only.
func (f *Facebook) debugToken(w http.ResponseWriter, r *http.Request) {
	if !f.asApp(w, bearer(r)) {
		return
	}
	token := r.URL.Query().Get("input_token")
	made, known, alive := f.live(token)
	switch {
	case token == "":
		graphFail(w, http.StatusBadRequest, graphError{Code: 100, Message: "(#100) You must provide an input token"})
	case known && made.Aud != f.cfg.AppID:
		graphFail(w, http.StatusBadRequest, graphError{
			Code: 100, Message: "(#100) The App_id in the input_token did not match the Viewing App",
		})
	case !alive:
		dead := f.death(made, known)
		reason := map[string]any{"code": dead.Code, "message": dead.Message}
		if dead.Subcode != 0 {
			reason["subcode"] = dead.Subcode
		}
		answer(w, http.StatusOK, map[string]any{
			"data": map[string]any{"is_valid": false, "error": reason, "scopes": []string{}},
		})
	default:
		answer(w, http.StatusOK, map[string]any{"data": f.debugData(made)})
	}
}

func (f *Facebook) debugData(made grant) map[string]any {
	data := map[string]any{
		"app_id": made.Aud, "type": "USER", "application": appName, "is_valid": true,
		"issued_at": made.IssuedAt.Unix(), "expires_at": made.expires.Unix(),
		"data_access_expires_at": made.IssuedAt.Add(facebookDataAccess).Unix(),
		"scopes":                 strings.Fields(made.Scope), "user_id": made.Sub,
	}
	for name, value := range made.Debug {
		if value == nil {
			delete(data, name)
		} else {
			data[name] = value
		}
	}
	return data
}

// death says why a token is not accepted.
func (f *Facebook) death(made grant, known bool) graphError {
	const prefix = "Error validating access token: "
	e := graphError{Code: 190, Subcode: made.Subcode}
	switch {
	case !known:
		e.Message = "Invalid OAuth access token - Cannot parse access token"
	case made.Subcode == 458:
		e.Message = prefix + "The user has not authorized application " + made.Aud + "."
	case made.Subcode == 460:
		e.Message = prefix + "The session has been invalidated because the user changed their password or Facebook has changed the session for security reasons."
	case made.Subcode == 464:
		e.Message = prefix + "Sessions for the user are not allowed because the user is not a confirmed user."
	case made.Subcode != 0:
		e.Message = prefix + "The session is invalid."
	default:
		const day = "Monday, 02-Jan-06 15:04:05 MST"
		e.Subcode = 463
		e.Message = prefix + "Session has expired on " + made.expires.UTC().Format(day) +
			". The current time is " + f.now().UTC().Format(day) + "."
	}
	return e
}

// me serves GET /me, for any app's tokens unless appsecret_proof is sent.
func (f *Facebook) me(w http.ResponseWriter, r *http.Request) {
	token, query := bearer(r), r.URL.Query()
	made, known, alive := f.live(token)
	proof := hex.EncodeToString(mac([]byte(f.cfg.AppSecret), token))
	switch {
	case token == "" || strings.HasPrefix(token, f.cfg.AppID+"|"):
		graphFail(w, http.StatusBadRequest, graphError{
			Code: 2500, Message: "An active access token must be used to query information about the current user.",
		})
	case !alive:
		graphFail(w, http.StatusBadRequest, f.death(made, known))
	case query.Has("appsecret_proof") && (made.Aud != f.cfg.AppID || !same(query.Get("appsecret_proof"), proof)):
		graphFail(w, http.StatusBadRequest, graphError{
			Type: "GraphMethodException", Code: 100, Message: "Invalid appsecret_proof provided in the API argument",
		})
	default:
		user, err := userFields(made, query.Get("fields"))
		if err != nil {
			graphFail(w, http.StatusBadRequest, graphError{Code: 100, Message: err.Error()})
			return
		}
		answer(w, http.StatusOK, user)
	}
}

// subfields are what may follow a field: picture{url}, picture.type(large).
var subfields = regexp.MustCompile(`\{[^{}]*\}|\.[a-z]+\([^()]*\)`)

// userFields picks what a user shows. What they do not have or did not allow is
// left out; a field that nobody has is an error.
func userFields(made grant, fields string) (map[string]any, error) {
	first, last := names(made.Name)
	all := map[string]any{"id": made.Sub, "name": made.Name, "first_name": first, "last_name": last, "email": made.Email}
	if !hasScope(made.Scope, "email") {
		all["email"] = ""
	}
	all["picture"] = map[string]any{"data": map[string]any{
		"height": 50, "width": 50, "is_silhouette": false, "url": facebookPicture(made.Sub),
	}}
	user := map[string]any{"id": made.Sub}
	for field := range strings.SplitSeq(or(subfields.ReplaceAllString(fields, ""), "id,name"), ",") {
		field = strings.TrimSpace(field)
		value, ok := all[field]
		if !ok {
			return nil, fmt.Errorf("(#100) Tried accessing nonexisting field (%s) on node type (User)", field)
		}
		if value != "" {
			user[field] = value
		}
	}
	return user, nil
}

// application serves GET /{app-id}, which an app reads about itself.
func (f *Facebook) application(w http.ResponseWriter, r *http.Request) {
	if !f.asApp(w, bearer(r)) {
		return
	}
	id := r.PathValue("id")
	if id != f.cfg.AppID && id != "app" {
		graphFail(w, http.StatusBadRequest, graphError{
			Type: "GraphMethodException", Code: 100, Subcode: 33,
			Message: "Unsupported get request. Object with ID '" + id +
				"' does not exist, cannot be loaded due to missing permissions, or does not support this operation.",
		})
		return
	}
	answer(w, http.StatusOK, map[string]string{
		"category": "Utilities", "link": "https://www.facebook.com/games/?app_id=" + f.cfg.AppID,
		"name": appName, "id": f.cfg.AppID,
	})
}
