package main

import (
	"bytes"
	"fmt"
	"mime/multipart"
	"net/url"
	"strings"
	"testing"
	"time"
)

// multipartOf is a body of multipart/form-data, with its content type.
func multipartOf(t testing.TB, fields map[string]string) (string, change) {
	t.Helper()
	var text bytes.Buffer
	form := multipart.NewWriter(&text)
	for name, value := range fields {
		if err := form.WriteField(name, value); err != nil {
			t.Fatal(err)
		}
	}
	form.Close()
	return text.String(), with("Content-Type", form.FormDataContentType())
}

var drfPosts = []string{"create", "token", "convert-token", "revoke-token", "invalidate-sessions", "invalidate-refresh-tokens", "disconnect-backend"}

func TestDRF1Bodies(t *testing.T) {
	eachDRF(t, func(t *testing.T, w *drfWorld) {
		token := w.pairOf(t, "tutorial").str("access_token")
		login := map[string]string{"grant_type": "password", "client_id": "tutorial", "client_secret": drfSecret, "username": "bo@example.com", "password": drfPassword}
		form := url.Values{}
		for name, value := range login {
			form.Set(name, value)
		}
		t.Run("§1 body types: JSON, urlencoded and multipart, equal everywhere", func(t *testing.T) {
			w.call(t, "POST", "/api-auth/token", login).isPair(200)
			w.call(t, "POST", "/api-auth/token", form).isPair(200)
			text, contentType := multipartOf(t, login)
			w.call(t, "POST", "/api-auth/token", text, contentType).isPair(200)
			w.call(t, "POST", "/api-auth/token", login, with("Content-Type", "application/json; charset=UTF-8")).isPair(200)
			sign := map[string]string{"email": "multi@example.com", "username": "multi", "first_name": "Multi", "password": drfPassword}
			text, contentType = multipartOf(t, sign)
			w.call(t, "POST", "/api-auth/create/", text, contentType).isPair(201)
			w.call(t, "POST", "/api-auth/convert-token", url.Values{"backend": {"x"}}).is(400, `{"token":["token is required."],"client_id":["client_id is required."],"grant_type":["grant_type is required."]}`)
			text, contentType = multipartOf(t, map[string]string{"backend": "x"})
			w.call(t, "POST", "/api-auth/convert-token", text, contentType).is(400, `{"token":["token is required."],"client_id":["client_id is required."],"grant_type":["grant_type is required."]}`)
		})
		t.Run("§1 other or no Content-Type with a body", func(t *testing.T) {
			for _, path := range drfPosts {
				for _, tt := range []struct{ contentType, said string }{{"text/plain", "text/plain"}, {"", ""}, {"application/x-yaml", "application/x-yaml"}} {
					w.call(t, "POST", "/api-auth/"+path, `{}`, bearerOf(token), with("Content-Type", tt.contentType)).
						is(415, fmt.Sprintf(`{"detail":"Unsupported media type \"%s\" in request."}`, tt.said))
				}
			}
			w.call(t, "POST", "/api-auth/token", "\x1f\x8b", with("Content-Encoding", "gzip")).
				is(415, `{"detail":"Unsupported media type \"application/json\" in request."}`)
		})
		t.Run("§1 malformed JSON, bad UTF-8", func(t *testing.T) {
			for _, path := range drfPosts {
				for _, body := range []string{`{"a":`, `{a:1}`, "{\"a\":\"\xff\"}", ` `, `{"a":1}{}`, `{"a":NaN}`, `{"a":"1","a":"2"}`} {
					a := w.call(t, "POST", "/api-auth/"+path, body, bearerOf(token))
					if path == "token" {
						a.is(400, `{"error":"invalid_request","error_description":"The body is not a well-formed JSON object or form."}`)
					} else if a.code != 400 || !strings.HasPrefix(a.str("detail"), "JSON parse error - ") {
						t.Errorf("%s of %q: %d %s", path, body, a.code, a.text)
					}
				}
			}
			a := w.call(t, "POST", "/api-auth/create/", "password=hunter2&password=hunter2", with("Content-Type", "application/x-www-form-urlencoded"))
			a.is(400, `{"detail":"Form parse error - a field stands twice"}`)
			// As Django reads them: split at & alone, and % that escapes nothing is one.
			a = w.call(t, "POST", "/api-auth/create/", "email=odd%40example.com&username=a;b&first_name=O+dd&password=abc;def%kLm9%25", with("Content-Type", "application/x-www-form-urlencoded"))
			if a.code != 201 {
				t.Errorf("an unescaped form: %d %s", a.code, a.text)
			}
			a = w.call(t, "POST", "/api-auth/token", `{"grant_type":"password","username":"odd@example.com","password":"abc;def%kLm9%","client_id":"tutorial","client_secret":"`+drfSecret+`"}`)
			if a.code != 200 {
				t.Errorf("its password: %d %s", a.code, a.text)
			}
			for _, contentType := range []string{"multipart/form-data", "multipart/form-data; boundary=x"} {
				a := w.call(t, "POST", "/api-auth/create/", "--x\r\nbroken", with("Content-Type", contentType))
				if a.code != 400 || !strings.HasPrefix(a.str("detail"), "Multipart form parse error - ") {
					t.Errorf("%s: %d %s", contentType, a.code, a.text)
				}
			}
		})
		t.Run("§1 empty JSON body", func(t *testing.T) {
			w.call(t, "POST", "/api-auth/revoke-token", "", bearerOf(token)).is(400, `{"client_id":["client_id is required."]}`)
			w.call(t, "POST", "/api-auth/token", "").is(400, `{"error":"unsupported_grant_type"}`)
			w.call(t, "POST", "/api-auth/revoke-token", nil, bearerOf(token)).is(400, `{"client_id":["client_id is required."]}`)
		})
		t.Run("§1 a body that is too large", func(t *testing.T) {
			w.call(t, "POST", "/api-auth/create/", `{"a":"`+strings.Repeat("x", 64<<10)+`"}`).is(413, `{"detail":"A body has at most 64 KiB."}`)
		})
	})
}

func TestDRF1Paths(t *testing.T) {
	eachDRF(t, func(t *testing.T, w *drfWorld) {
		t.Run("§1 answer type, and Accept: text/html", func(t *testing.T) {
			for _, path := range []string{"all/", "currentUser/", "nowhere"} {
				a := w.call(t, "GET", "/api-auth/"+path, nil, with("Accept", "text/html"))
				if a.header.Get("Content-Type") != "application/json" || a.body == nil || a.header.Get("Set-Cookie") != "" {
					t.Errorf("%s: %v %s", path, a.header, a.text)
				}
			}
		})
		t.Run("§1 wrong method", func(t *testing.T) {
			for _, path := range drfPosts {
				a := w.call(t, "GET", "/api-auth/"+path, nil)
				a.is(405, `{"detail":"Method \"GET\" not allowed."}`)
				if a.header.Get("Allow") != "POST, OPTIONS" {
					t.Errorf("%s: Allow %s", path, a.header.Get("Allow"))
				}
			}
			a := w.call(t, "DELETE", "/api-auth/all/", nil)
			a.is(405, `{"detail":"Method \"DELETE\" not allowed."}`)
			if a.header.Get("Allow") != "GET, HEAD, OPTIONS" {
				t.Errorf("Allow %s", a.header.Get("Allow"))
			}
			if a := w.call(t, "HEAD", "/api-auth/token", nil); a.code != 405 {
				t.Errorf("HEAD: %d", a.code)
			}
		})
		t.Run("§1 OPTIONS without CORS headers", func(t *testing.T) {
			if a := w.call(t, "OPTIONS", "/api-auth/token", nil); a.code != 200 || a.header.Get("Allow") != "POST, OPTIONS" || a.body == nil {
				t.Errorf("%d %v %s", a.code, a.header, a.text)
			}
		})
		t.Run("§1 unknown path", func(t *testing.T) {
			for _, path := range []string{"/api-auth", "/api-auth/", "/api-auth/nowhere", "/api-auth/token//", "/api-auth//token", "/api-auth/token/x", "/admin/x", "/api-auth/%74oken"} {
				w.call(t, "POST", path, obj{}).is(404, `{"detail":"Not found."}`)
			}
		})
		t.Run("§1 slash: both spellings", func(t *testing.T) {
			for _, path := range append(drfPosts, "authorize", "all", "currentUser") {
				method, preflight := "POST", with("Access-Control-Request-Method", "POST")
				if path == "authorize" || path == "all" || path == "currentUser" {
					method = "GET"
				}
				bare, slashed := w.call(t, method, "/api-auth/"+path, nil), w.call(t, method, "/api-auth/"+path+"/", nil)
				if bare.code != slashed.code || bare.text != slashed.text || bare.code >= 500 || bare.code == 404 || bare.code/100 == 3 {
					t.Errorf("%s: %d %s, with a slash %d %s", path, bare.code, bare.text, slashed.code, slashed.text)
				}
				for _, p := range []string{path, path + "/"} {
					if a := w.call(t, "OPTIONS", "/api-auth/"+p, nil, with("Origin", drfOrigin), preflight); a.code != 200 || a.header.Get("Access-Control-Allow-Origin") != drfOrigin {
						t.Errorf("preflight of %s: %d %v", p, a.code, a.header)
					}
				}
			}
		})
		t.Run("§1 slash: POST create without it", func(t *testing.T) {
			w.call(t, "POST", "/api-auth/create", obj{"email": "s@example.com", "username": "s", "first_name": "S", "password": drfPassword}).isPair(201)
		})
		t.Run("§1 security headers", func(t *testing.T) {
			for _, path := range []string{"/api-auth/all/", "/api-auth/currentUser/", "/api-auth/nowhere", "/admin/login/"} {
				a := w.call(t, "GET", path, nil)
				for name, want := range map[string]string{"X-Content-Type-Options": "nosniff", "Referrer-Policy": "same-origin", "X-Frame-Options": "DENY"} {
					if got := a.header.Values(name); len(got) != 1 || got[0] != want {
						t.Errorf("%s: %s %q", path, name, got)
					}
				}
			}
		})
		t.Run("§1 the rest of the API is as it was", func(t *testing.T) {
			if a := w.call(t, "GET", "/accounts/me", nil); a.code != 401 || a.header.Get("Content-Type") != "application/problem+json" || a.header.Get("Referrer-Policy") != "no-referrer" {
				t.Errorf("%d %v", a.code, a.header)
			}
		})
	})
}

func TestDRF1Bearers(t *testing.T) {
	eachDRF(t, func(t *testing.T, w *drfWorld) {
		account := obj{"email": "b@example.com", "username": "b", "first_name": "B", "password": drfPassword}
		t.Run("§1 bad or expired Bearer on all, create", func(t *testing.T) {
			w.call(t, "GET", "/api-auth/all/", nil, bearerOf("stale")).is(401, `{"detail":"Invalid token header. No credentials provided."}`)
			w.call(t, "POST", "/api-auth/create/", account, bearerOf("stale")).is(401, `{"detail":"Invalid token header. No credentials provided."}`)
		})
		t.Run("§1 a stale Bearer does not stop token, convert-token", func(t *testing.T) {
			pair := w.login(t, "bo@example.com", nil, bearerOf("stale"))
			pair.isPair(200)
			w.refresh(t, pair.str("refresh_token"), nil, bearerOf(pair.str("access_token")+"x")).isPair(200)
			w.convert(t, "google-oauth2", w.google(cara).AccessToken, nil, bearerOf("stale")).isPair(200, "user")
		})
		t.Run("§1 access token in the query or the form", func(t *testing.T) {
			token := w.pairOf(t, "tutorial").str("access_token")
			w.call(t, "GET", "/api-auth/currentUser/?access_token="+token, nil).is(401, `{"detail":"Authentication credentials were not provided."}`)
			form := url.Values{"access_token": {token}, "client_id": {"tutorial"}}
			w.call(t, "POST", "/api-auth/invalidate-sessions", form).is(401, `{"detail":"Authentication credentials were not provided."}`)
			w.call(t, "POST", "/api-auth/revoke-token?access_token="+token, form).is(401, `{"detail":"Authentication credentials were not provided."}`)
			if !w.works(t, token) {
				t.Error("it ended the session")
			}
		})
		t.Run("§1 Bearer backend and provider token", func(t *testing.T) {
			provider := "google-oauth2 " + w.google(cara).AccessToken
			w.call(t, "GET", "/api-auth/currentUser/", nil, bearerOf(provider)).is(401, `{"detail":"Invalid token header. Token string should not contain spaces."}`)
			w.call(t, "GET", "/api-auth/all/", nil, bearerOf(provider)).is(401, `{"detail":"Invalid token header. Token string should not contain spaces."}`)
		})
		t.Run("§1 Cache-Control on token answers", func(t *testing.T) { // isPair looks at it
			w.call(t, "POST", "/api-auth/create/", account).isPair(201)
			w.login(t, "b@example.com", nil).isPair(200)
			w.convert(t, "google-oauth2", w.google(cara).AccessToken, nil).isPair(200, "user")
		})
	})
}

func TestDRF1Throttling(t *testing.T) {
	eachDRF(t, func(t *testing.T, w *drfWorld) {
		from := with("X-Forwarded-For", "198.51.100.1")
		t.Run("§1 throttling: repeated wrong passwords at one account", func(t *testing.T) {
			for range 5 {
				w.login(t, "bo@example.com", obj{"password": "wrong"}).is(400, `{"error":"invalid_grant","error_description":"Invalid credentials given."}`)
			}
			a := w.login(t, "bo@example.com", nil)
			if a.code != 429 || a.str("error") != "temporarily_unavailable" || a.header.Get("Retry-After") == "" {
				t.Errorf("%d %v %s", a.code, a.header, a.text)
			}
		})
		t.Run("§1 throttling: the address is the user's", func(t *testing.T) {
			for i := range 8 {
				w.login(t, fmt.Sprintf("%d@example.com", i), nil, from)
			}
			if a := w.login(t, "9@example.com", nil, from); a.code != 429 {
				t.Errorf("%d %s", a.code, a.text)
			}
			if a := w.login(t, "9@example.com", nil, with("X-Forwarded-For", "198.51.100.2")); a.code != 400 {
				t.Errorf("somebody else: %d %s", a.code, a.text)
			}
			w.ahead.move(time.Hour)
			if a := w.login(t, "9@example.com", nil, from); a.code != 400 {
				t.Errorf("later: %d %s", a.code, a.text)
			}
		})
		t.Run("§1 throttling: sign-ups", func(t *testing.T) {
			for i := range 9 {
				a := w.call(t, "POST", "/api-auth/create/", obj{"email": fmt.Sprintf("%d@example.com", i), "username": "x", "first_name": "X"}, from)
				if i < 8 {
					a.is(400, `{"password":["This field is required."]}`)
				} else if a.code != 429 || !strings.HasPrefix(a.str("detail"), "Request was throttled. Expected available in ") || a.header.Get("Retry-After") == "" {
					t.Errorf("%d %v %s", a.code, a.header, a.text)
				}
			}
		})
	})
}
