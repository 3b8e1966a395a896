package main

import (
	"context"
	"net/url"
	"strings"
	"testing"

	"gatehouse/social/socialtest"
)

// obj is a JSON body.
type obj = map[string]any

// set returns the body with members replaced; absent leaves one out.
func set(body obj, changes obj) obj {
	out := obj{}
	for name, value := range body {
		out[name] = value
	}
	for name, value := range changes {
		if out[name] = value; value == absent {
			delete(out, name)
		}
	}
	return out
}

const absent = "\x00absent"

var theTutorial = obj{"client_id": "tutorial", "client_secret": drfSecret}

// login signs in as the tutorial's frontend does.
func (w *drfWorld) login(t testing.TB, email string, changes obj, more ...change) reply {
	t.Helper()
	body := set(theTutorial, obj{"grant_type": "password", "username": email, "password": drfPassword})
	return w.call(t, "POST", "/api-auth/token", set(body, changes), more...)
}

// pairOf is login that must succeed.
func (w *drfWorld) pairOf(t testing.TB, client string) reply {
	t.Helper()
	pair := w.login(t, "bo@example.com", obj{"client_id": client})
	if pair.code != 200 {
		t.Fatalf("%d %s", pair.code, pair.text)
	}
	return pair
}

func (w *drfWorld) refresh(t testing.TB, token string, changes obj, more ...change) reply {
	t.Helper()
	body := set(theTutorial, obj{"grant_type": "refresh_token", "refresh_token": token})
	return w.call(t, "POST", "/api-auth/token", set(body, changes), more...)
}

func (w *drfWorld) convert(t testing.TB, backend, token string, changes obj, more ...change) reply {
	t.Helper()
	body := set(theTutorial, obj{"grant_type": "convert_token", "backend": backend, "token": token})
	return w.call(t, "POST", "/api-auth/convert-token", set(body, changes), more...)
}

// works tells whether an access token opens currentUser/.
func (w *drfWorld) works(t testing.TB, token string) bool {
	t.Helper()
	a := w.call(t, "GET", "/api-auth/currentUser/", nil, bearerOf(token))
	if a.code != 200 && a.code != 401 {
		t.Errorf("currentUser/: %d %s", a.code, a.text)
	}
	return a.code == 200
}

// isPair checks what every sign-in answers, and that nobody may keep it.
func (r reply) isPair(code int, keys ...string) {
	r.t.Helper()
	body, _ := r.body.(obj)
	wanted := append([]string{"access_token", "expires_in", "token_type", "scope", "refresh_token"}, keys...)
	for _, key := range wanted {
		if body[key] == nil {
			r.t.Errorf("%s is missing", key)
		}
	}
	if r.code != code || len(body) != len(wanted) || body["token_type"] != "Bearer" || body["scope"] != "read write" ||
		body["expires_in"] != 36000.0 || strings.Contains(r.text, "36000.0") {
		r.t.Errorf("%d %s, want %d and a pair", r.code, r.text, code)
	}
	if r.header.Get("Cache-Control") != "no-store" || r.header.Get("Content-Type") != "application/json" {
		r.t.Errorf("headers %v", r.header)
	}
}

func (w *drfWorld) deactivate(t testing.TB, id string) {
	t.Helper()
	if err := w.store.Deactivate(context.Background(), id); err != nil {
		t.Fatal(err)
	}
}

func (w *drfWorld) google(o socialtest.TokenOptions) socialtest.Tokens {
	return w.standIns.google.Mint(o)
}
func (w *drfWorld) facebook(o socialtest.TokenOptions) socialtest.Tokens {
	return w.standIns.facebook.Mint(o)
}

// atAS sends a form to the authorization server itself.
func (w *drfWorld) atAS(t testing.TB, path string, form url.Values, changes ...change) reply {
	t.Helper()
	return (&drfWorld{api: w.as}).call(t, "POST", path, form, changes...)
}
