package authz

import (
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/ory/fosite"

	"gatehouse/store"
)

// mediaForm is what the parameters of a POST are sent as.
const mediaForm = "application/x-www-form-urlencoded"

const (
	maxBody    = 64 << 10 // bytes
	maxTargets = 20       // of resource, and of audience: they are compared with each other
)

// Longest values, in characters, of parameters that a request may carry; the
// others are bounded by maxBody.
var maxParameter = map[string]int{
	"grant_type": 200, "client_id": 200, "client_secret": 500, "scope": 4000,
	"resource": 500, "audience": 500, "username": store.MaxEmail, "password": store.MaxPassword, "old_password": store.MaxPassword, "refresh_token": 2000, "token": 8000,
	"subject_token": 16 << 10, "actor_token": 2000, "subject_token_type": 200, "actor_token_type": 200, "requested_token_type": 200,
	"subject_issuer": 500, "requested_issuer": 500, "nonce": 500,
	"code": 200, "code_verifier": 200, "code_challenge": 200, "redirect_uri": 2000, "state": 4000, "id_token_hint": 8000, "login_hint": 500,
	"email": 2 * store.MaxEmail, "post_logout_redirect_uri": 2000, "logout_hint": 500, "ui_locales": 500,
}

// readForm parses the body of a POST strictly: parameters in the body alone
// (RFC 6749 §2.3.1), each at most once (§3.2) but resource and audience
// (RFC 8707 §2, RFC 8693 §2.1), in UTF-8 without NUL. One without a value is
// as if it were not there (RFC 6749 §3.2). It leaves them in r.PostForm, where
// fosite looks too.
func readForm(w http.ResponseWriter, r *http.Request) (url.Values, error) {
	form, err := parseForm(w, r)
	if err != nil {
		return nil, err
	}
	if r.PostForm, err = checkedForm(form); err != nil {
		return nil, err
	}
	return form, nil
}

// parseForm is readForm without its rules for parameters.
func parseForm(w http.ResponseWriter, r *http.Request) (url.Values, error) {
	if r.URL.RawQuery != "" || r.URL.ForceQuery {
		return nil, invalidRequest("Send the parameters in the body, not in the URL.")
	}
	media, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || media != mediaForm || len(r.Header.Values("Content-Type")) > 1 ||
		(params["charset"] != "" && !strings.EqualFold(params["charset"], "utf-8")) {
		return nil, invalidRequest("Send the parameters as application/x-www-form-urlencoded.")
	}
	body, err := readBody(w, r)
	if err != nil {
		return nil, err
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, invalidRequest("The body is not a well-formed form.")
	}
	return form, nil
}

func readBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if tooLarge := new(http.MaxBytesError); errors.As(err, &tooLarge) {
		return nil, &refusal{RFC6749Error: fosite.ErrInvalidRequest, status: http.StatusRequestEntityTooLarge, say: "The body is larger than 64 KiB."}
	} else if err != nil {
		return nil, invalidRequest("The body ended early.")
	}
	return body, nil
}

// checkedForm holds the rules for parameters, in whatever form they came. There
// is at least one.
func checkedForm(form url.Values) (url.Values, error) {
	form, err := checkedValues(form)
	if err == nil && len(form) == 0 {
		return nil, invalidRequest("The body has no parameters.")
	}
	return form, err
}

// checkedValues is checkedForm where there may be none.
func checkedValues(form url.Values) (url.Values, error) {
	for name, values := range form {
		if err := checkParameter(name, values); err != nil {
			return nil, err
		}
		values = slices.DeleteFunc(values, func(v string) bool { return v == "" })
		if form[name] = values; len(values) == 0 {
			delete(form, name)
		}
	}
	return form, nil
}

func checkParameter(name string, values []string) error {
	if !utf8.ValidString(name) || strings.ContainsRune(name, 0) {
		return invalidRequest("A parameter has a name that is not well-formed.")
	}
	if many := name == "resource" || name == "audience"; len(values) > 1 && !many || len(values) > maxTargets {
		return invalidRequest("The parameter '" + printable(name) + "' is there too often.")
	}
	for _, v := range values {
		if !utf8.ValidString(v) || strings.ContainsRune(v, 0) {
			return invalidRequest("The parameter '" + printable(name) + "' is not UTF-8 without NUL.")
		}
		if most, ok := maxParameter[name]; ok && utf8.RuneCountInString(v) > most {
			return invalidRequest("The parameter '" + printable(name) + "' is too long.")
		}
	}
	return nil
}

// printable cuts a client's own text down to what an error_description may
// hold (RFC 6749 §5.2).
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if r < 0x20 || r > 0x7e || r == '"' || r == '\\' {
			return '?'
		}
		return r
	}, text)
}

// readParameters reads a form, or the same as one JSON object of strings.
func readParameters(w http.ResponseWriter, r *http.Request) (url.Values, error) {
	if !strings.HasPrefix(strings.ToLower(r.Header.Get("Content-Type")), "application/json") {
		return readForm(w, r)
	}
	body, err := readBody(w, r)
	if err != nil {
		return nil, err
	}
	if err := store.CheckJSON(body); err != nil {
		return nil, invalidRequest("The body is not a JSON object: " + printable(err.Error()))
	}
	var members map[string]string
	if err := json.Unmarshal(body, &members); err != nil {
		return nil, invalidRequest("The members of the body are strings.")
	}
	form := url.Values{}
	for name, value := range members {
		form.Set(name, value)
	}
	return checkedForm(form)
}
