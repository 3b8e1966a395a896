package api

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"gatehouse/store/storetest"
)

// TestBadInput: each gets a 4xx that says why, and changes nothing.
func TestBadInput(t *testing.T) {
	long := strings.Repeat("x", 151)
	body := func(name, value string) string { // a sign-up with one member written so
		return strings.Replace(signUp(map[string]any{name: "?!?"}), `"?!?"`, value, 1)
	}
	each(t, func(t *testing.T, w *world) {
		for _, tt := range []struct {
			name, body string
			status     int
			code       string
			location   string // of the first of errors
		}{
			{"broken", `{"email":`, 400, "invalid_json", ""},
			{"array", `[` + signUp(nil) + `]`, 400, "invalid_json", ""},
			{"number", `17`, 400, "invalid_json", ""},
			{"null", `null`, 400, "invalid_json", ""},
			{"string", `"email"`, 400, "invalid_json", ""},
			{"two objects", signUp(nil) + signUp(nil), 400, "invalid_json", ""},
			{"byte order mark", "\ufeff" + signUp(nil), 400, "invalid_json", ""},
			{"white space only", " ", 400, "invalid_json", ""},
			{"too deep", strings.Repeat(`{"a":`, 11000) + "1" + strings.Repeat("}", 11000), 413, "too_large", ""},
			{"deep", strings.Repeat(`[`, 11000) + strings.Repeat("]", 11000), 400, "invalid_json", ""},
			{"duplicate key", strings.Replace(signUp(nil), "{", `{"email":"eve@example.com",`, 1), 400, "invalid_json", ""},
			{"duplicate key in another case", strings.Replace(signUp(nil), "{", `{"EMAIL":"eve@example.com",`, 1), 400, "invalid_json", ""},
			{"key in another case", strings.Replace(signUp(nil), "email", "Email", 1), 422, "validation_failed", "body.Email"},
			{"key with a long s", strings.Replace(signUp(nil), "first", "fir\u017ft", 1), 422, "validation_failed", "body.fir\u017ft_name"},
			{"NUL", body("username", "\"a\x00b\""), 400, "invalid_json", ""},
			{"escaped NUL", body("username", `"a\u0000b"`), 400, "invalid_json", ""},
			{"NUL in the password", body("password", `"`+password+`\u0000"`), 400, "invalid_json", ""},
			{"invalid UTF-8", body("username", "\"a\xffb\""), 400, "invalid_json", ""},
			{"half a surrogate pair", body("password", `"`+password+`\ud800"`), 400, "invalid_json", ""},
			{"control character", body("username", `"a\u0007b"`), 422, "validation_failed", "body.username"},
			{"member null", body("email", `null`), 422, "validation_failed", "body.email"},
			{"optional member null", body("last_name", `null`), 422, "validation_failed", "body.last_name"},
			{"member number", body("email", `17`), 422, "validation_failed", "body.email"},
			{"huge number", body("email", `1e999`), 400, "invalid_request", "body"},
			{"member array", body("password", `["`+password+`"]`), 422, "validation_failed", "body.password"},
			{"member object", body("username", `{"a":1}`), 422, "validation_failed", "body.username"},
			{"member true", body("first_name", `true`), 422, "validation_failed", "body.first_name"},
			{"unknown member", signUp(map[string]any{"is_staff": true}), 422, "validation_failed", "body.is_staff"},
			{"unknown member, endless", signUp(map[string]any{strings.Repeat("x", 60000): 1}), 422, "validation_failed", "body." + strings.Repeat("x", 95) + "…"},
			{"empty object", `{}`, 422, "validation_failed", "body"},
			{"no email", signUp(map[string]any{"email": nil}), 422, "validation_failed", "body"},
			{"empty email", signUp(map[string]any{"email": ""}), 422, "validation_failed", "body.email"},
			{"no address", signUp(map[string]any{"email": "ada"}), 422, "validation_failed", "body.email"},
			{"address with a name", signUp(map[string]any{"email": "Ada <ada@example.com>"}), 422, "validation_failed", "body.email"},
			{"two addresses", signUp(map[string]any{"email": "a@example.com,b@example.com"}), 422, "validation_failed", "body.email"},
			{"long email", signUp(map[string]any{"email": strings.Repeat("x", 251) + "@x.y"}), 422, "validation_failed", "body.email"},
			{"no username", signUp(map[string]any{"username": nil}), 422, "validation_failed", "body"},
			{"blank username", signUp(map[string]any{"username": " "}), 422, "validation_failed", "body.username"},
			{"long username", signUp(map[string]any{"username": long}), 422, "validation_failed", "body.username"},
			{"blank first name", signUp(map[string]any{"first_name": " "}), 422, "validation_failed", "body.first_name"},
			{"long first name", signUp(map[string]any{"first_name": long}), 422, "validation_failed", "body.first_name"},
			{"long last name", signUp(map[string]any{"last_name": long}), 422, "validation_failed", "body.last_name"},
			{"no password", signUp(map[string]any{"password": nil}), 422, "validation_failed", "body"},
			{"short password", signUp(map[string]any{"password": "short"}), 422, "validation_failed", "body.password"},
			{"long password", signUp(map[string]any{"password": strings.Repeat("x", 129)}), 422, "validation_failed", "body.password"},
			{"common password", signUp(map[string]any{"password": "password123"}), 422, "validation_failed", "body.password"},
			{"password is the email", signUp(map[string]any{"password": "ada@example.com"}), 422, "validation_failed", "body.password"},
			{"over the limit", signUp(map[string]any{"last_name": strings.Repeat("x", maxBody)}), 413, "too_large", ""},
		} {
			t.Run(tt.name, func(t *testing.T) {
				a := w.do("POST", "/accounts", "", tt.body)
				a.t = t
				p := a.problem(tt.status, tt.code)
				if (len(p.Errors) > 0) != (tt.location != "") || len(p.Errors) > 0 && (p.Errors[0].Location != tt.location || p.Errors[0].Message == "") {
					t.Errorf("errors %v, want %s", p.Errors, tt.location)
				}
			})
		}
		for _, body := range []string{`{"email":"eve@example.com"}`, `{"id":"x"}`, `{"is_superuser":true}`, `{"username":null}`, `{"username":""}`,
			`{"username":["x"]}`, `{"Username":"x"}`, `{"password":"a new, better password"}`, `{"last_name":"` + long + `"}`} {
			w.do("PATCH", "/accounts/me", "rw", body).problem(422, "validation_failed")
		}
		var me account
		w.do("GET", "/accounts/me", "rw", "").json(&me)
		if w.count() != 1 || me.Username != "demo" {
			t.Errorf("%d accounts, %+v", w.count(), me)
		}
	})
}

func TestContentType(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		for _, tt := range []struct {
			contentType string
			code        int
		}{
			{"application/json", 422},
			{"Application/JSON; charset=UTF-8", 422},
			{"application/json ; charset=\"utf-8\"", 422},
			{"application/json; charset=latin1", 415},
			{"application/json;", 422},
			{"application/x-www-form-urlencoded", 415},
			{"multipart/form-data; boundary=x", 415},
			{"text/plain", 415},
			{"application/cbor", 415},
			{"application/merge-patch+json", 415},
			{"application/problem+json", 415},
			{"nonsense;;;", 415},
			{"", 415},
		} {
			if a := w.do("POST", "/accounts", "", "{}", header("Content-Type", tt.contentType)); a.Code != tt.code {
				t.Errorf("%q: %d, want %d", tt.contentType, a.Code, tt.code)
			}
		}
		w.do("POST", "/accounts", "", "", func(r *http.Request) { r.Header.Del("Content-Type") }).problem(415, "unsupported_media_type")
		w.do("POST", "/accounts", "", "{}", header("Content-Encoding", "gzip")).problem(415, "unsupported_media_type")
		w.do("POST", "/accounts", "", "{}", func(r *http.Request) { r.Header.Add("Content-Type", "application/json") }).problem(415, "unsupported_media_type")
		w.do("POST", "/accounts", "", "{}", func(r *http.Request) { r.Body = io.NopCloser(brokenReader{}) }).problem(400, "invalid_request")
		for _, accept := range []string{"text/html", "application/cbor", "*/*;q=0", "\x01"} {
			if a := w.do("GET", "/accounts/me", "rw", "", header("Accept", accept)); a.Code != 200 || a.Header().Get("Content-Type") != "application/json" {
				t.Errorf("Accept %q: %d %s", accept, a.Code, a.Header())
			}
		}
	})
}

type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, errors.New("connection reset") }

func TestBadQuery(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		for _, tt := range []struct {
			target   string
			status   int
			location string
		}{
			{"/accounts?limit=0", 422, "query.limit"},
			{"/accounts?limit=201", 422, "query.limit"},
			{"/accounts?limit=-1", 422, "query.limit"},
			{"/accounts?limit=x", 422, "query.limit"},
			{"/accounts?limit=99999999999999999999", 422, "query.limit"},
			{"/accounts?limit=1.5", 422, "query.limit"},
			{"/accounts?cursor=x", 422, "query.cursor"},
			{"/accounts?cursor=%00", 422, "query.cursor"},
			{"/accounts?cursor=%ff", 422, "query.cursor"},
			{"/accounts?cursor='%20OR%201=1", 422, "query.cursor"},
			{"/accounts?page=2", 422, "query.page"},
			{"/accounts/me?access_token=rw", 422, "query.access_token"},
			{"/accounts?limit=1&limit=2", 400, ""},
			{"/accounts?limit=%zz", 400, ""},
			{"/accounts?limit=1;cursor=x", 400, ""},
		} {
			code := map[int]string{400: "invalid_request", 422: "validation_failed"}[tt.status]
			p := w.do("GET", tt.target, "rw", "").problem(tt.status, code)
			if tt.location != "" && (len(p.Errors) != 1 || p.Errors[0].Location != tt.location) {
				t.Errorf("%s: %v", tt.target, p.Errors)
			}
		}
	})
}

// FuzzSignUp holds the API to its promise: whatever a client sends, no 5xx.
func FuzzSignUp(f *testing.F) {
	for _, seed := range []string{signUp(nil), `{}`, `[]`, `{"email":{"a":[]}}`, `{"username":"\ud800"}`, "{\"password\":\"\xff\"}", `{"a":1e999}`, `{"":""}`} {
		f.Add([]byte(seed), "application/json")
	}
	f.Add([]byte(signUp(nil)), "application/json;charset=utf-8;x=+y")
	w := newWorld(f, storetest.SQLite(f))
	w.configure(func(c *Config) { c.SignInClientID, c.SignInClientSecret = "", "" })
	f.Fuzz(func(t *testing.T, body []byte, contentType string) {
		r := httptest.NewRequest("POST", "/accounts", strings.NewReader(string(body)))
		r.Header["Content-Type"] = []string{contentType}
		rec := httptest.NewRecorder()
		w.server.Handler().ServeHTTP(rec, r)
		switch rec.Code {
		case 201, 400, 409, 413, 415, 422:
		default:
			t.Fatalf("%d %s", rec.Code, rec.Body)
		}
	})
}
