package main

import (
	"fmt"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"
)

const (
	invalidGrant   = `{"error":"invalid_grant"}`
	invalidClient  = `{"error":"invalid_client"}`
	wrongPassword  = `{"error":"invalid_grant","error_description":"Invalid credentials given."}`
	unknownBearer  = `{"detail":"Invalid token header. No credentials provided."}`
	notProvided    = `{"detail":"Authentication credentials were not provided."}`
	permissionGone = `{"detail":"You do not have permission to perform this action."}`
)

func TestDRF4Password(t *testing.T) {
	eachDRF(t, func(t *testing.T, w *drfWorld) {
		t.Run("§4 password ok", func(t *testing.T) {
			w.login(t, "bo@example.com", nil).isPair(200)
			body := obj{"client_id": absent, "client_secret": absent}
			w.login(t, "bo@example.com", body, basic("tutorial", drfSecret)).isPair(200)
			a := w.login(t, "bo@example.com", obj{"scope": "read"})
			if a.code != 200 || a.str("scope") != "read" {
				t.Errorf("narrowed: %d %s", a.code, a.text)
			}
			if a := w.login(t, "bo@example.com", obj{"client_id": "spa", "client_secret": absent}); a.code != 200 {
				t.Errorf("public client: %d %s", a.code, a.text)
			}
		})
		t.Run("§4 wrong password = unknown user = deactivated", func(t *testing.T) {
			gone := w.addAccount("gone@example.com", "gone", "Gone")
			w.deactivate(t, gone.ID)
			w.login(t, "bo@example.com", obj{"password": "wrong"}).is(400, wrongPassword)
			w.login(t, "nobody@example.com", nil).is(400, wrongPassword)
			w.login(t, "gone@example.com", nil).is(400, wrongPassword)
		})
		t.Run("§4 e-mail in other letter case", func(t *testing.T) { w.login(t, "BO@Example.COM", nil).isPair(200) })
		t.Run("§4 no or blank username, password", func(t *testing.T) {
			for _, name := range []string{"username", "password"} {
				for _, value := range []any{absent, "", nil} {
					w.login(t, "bo@example.com", obj{name: value}).is(400, `{"error":"invalid_request","error_description":"Request is missing `+name+` parameter."}`)
				}
			}
		})
		t.Run("§4 no grant_type, unknown one", func(t *testing.T) {
			for _, grant := range []any{absent, "", nil, "magic", "Password", "authorization_code", "urn:ietf:params:oauth:grant-type:token-exchange"} {
				w.login(t, "bo@example.com", obj{"grant_type": grant}).is(400, `{"error":"unsupported_grant_type"}`)
			}
		})
		t.Run("§4 convert_token sent here", func(t *testing.T) {
			w.login(t, "bo@example.com", obj{"grant_type": "convert_token", "backend": "facebook", "token": "x"}).is(400, `{"error":"unsupported_grant_type"}`)
		})
		t.Run("§4 unknown client, wrong, no secret", func(t *testing.T) {
			for _, change := range []obj{{"client_id": "nobody"}, {"client_secret": "wrong"}, {"client_secret": absent}, {"client_id": absent, "client_secret": absent}, {"client_secret": nil}} {
				a := w.login(t, "bo@example.com", change)
				a.is(401, invalidClient)
				if got := a.header.Get("WWW-Authenticate"); got != "" {
					t.Errorf("%v: a browser would ask for a password: %s", change, got)
				}
			}
			a := w.login(t, "bo@example.com", obj{"client_id": absent, "client_secret": absent}, basic("tutorial", "wrong"))
			a.is(401, invalidClient)
			if !strings.HasPrefix(a.header.Get("WWW-Authenticate"), "Basic ") {
				t.Errorf("with Basic: WWW-Authenticate %q", a.header.Get("WWW-Authenticate"))
			}
		})
		t.Run("§4 grant not registered", func(t *testing.T) {
			w.login(t, "bo@example.com", obj{"client_id": "refresher"}).is(400, `{"error":"unauthorized_client"}`)
		})
		t.Run("§4 unknown scope", func(t *testing.T) {
			w.login(t, "bo@example.com", obj{"scope": "read magic"}).is(400, `{"error":"invalid_scope"}`)
		})
		t.Run("§4 NUL in username, client_id, refresh_token", func(t *testing.T) {
			w.login(t, "bo\x00@example.com", nil).is(400, `{"error":"invalid_request","error_description":"The parameter username is not text without NUL."}`)
			w.login(t, "bo@example.com", obj{"client_id": "tuto\x00rial"}).is(401, invalidClient)
			w.login(t, "bo@example.com", obj{"client_secret": "\x00"}).is(401, invalidClient)
			w.refresh(t, "gth\x00", nil).is(400, `{"error":"invalid_request","error_description":"The parameter refresh_token is not text without NUL."}`)
		})
		t.Run("§4 JSON array or string", func(t *testing.T) {
			for _, body := range []string{`[]`, `"grant_type"`, `7`, `null`, `[{"grant_type":"password"}]`} {
				if a := w.call(t, "POST", "/api-auth/token", body); a.code != 400 || a.str("error") != "invalid_request" {
					t.Errorf("%s: %d %s", body, a.code, a.text)
				}
			}
		})
		t.Run("§4 booleans, lists and objects refused", func(t *testing.T) {
			for _, value := range []any{true, []string{"x"}, obj{"x": "y"}} {
				if a := w.login(t, "bo@example.com", obj{"password": value}); a.code != 400 || a.str("error") != "invalid_request" {
					t.Errorf("%v: %d %s", value, a.code, a.text)
				}
				w.login(t, "bo@example.com", obj{"client_id": value}).is(401, invalidClient)
			}
		})
		t.Run("§4 too long", func(t *testing.T) {
			if a := w.login(t, strings.Repeat("a", 300)+"@example.com", nil); a.code != 400 || a.str("error") != "invalid_request" {
				t.Errorf("%d %s", a.code, a.text)
			}
		})
	})
}

func TestDRF4Refresh(t *testing.T) {
	eachDRF(t, func(t *testing.T, w *drfWorld) {
		t.Run("§4 refresh ok, effects", func(t *testing.T) {
			first := w.pairOf(t, "tutorial")
			second := w.refresh(t, first.str("refresh_token"), nil)
			second.isPair(200)
			if second.str("access_token") == first.str("access_token") || second.str("refresh_token") == first.str("refresh_token") {
				t.Error("not a new pair")
			}
			if w.works(t, first.str("access_token")) || !w.works(t, second.str("access_token")) {
				t.Error("the old access token lives, or the new one does not")
			}
			w.ahead.move(11 * time.Hour)
			if w.works(t, second.str("access_token")) {
				t.Error("the access token has no end")
			}
			w.refresh(t, second.str("refresh_token"), nil).isPair(200)
			social := w.convert(t, "google-oauth2", w.google(cara).AccessToken, nil)
			w.refresh(t, social.str("refresh_token"), nil).isPair(200)
		})
		t.Run("§4 refresh: scope narrowed if asked; wider at refresh", func(t *testing.T) {
			first := w.login(t, "bo@example.com", obj{"scope": "read"})
			w.refresh(t, first.str("refresh_token"), obj{"scope": "read write"}).is(400, `{"error":"invalid_scope"}`)
			wide := w.pairOf(t, "tutorial")
			if a := w.refresh(t, wide.str("refresh_token"), obj{"scope": "read"}); a.code != 200 || a.str("scope") != "read" {
				t.Errorf("%d %s", a.code, a.text)
			}
		})
		t.Run("§4 refresh: unknown, other client's, spent", func(t *testing.T) {
			first := w.pairOf(t, "tutorial")
			w.refresh(t, "nothing", nil).is(400, invalidGrant)
			w.refresh(t, first.str("access_token"), nil).is(400, invalidGrant)
			w.refresh(t, first.str("refresh_token"), obj{"client_id": "other"}).is(400, invalidGrant)
			second := w.refresh(t, first.str("refresh_token"), nil)
			w.refresh(t, second.str("refresh_token"), nil).isPair(200)
			w.refresh(t, first.str("refresh_token"), nil).is(400, invalidGrant) // its successor has been used
		})
		t.Run("§4 refresh: none", func(t *testing.T) {
			for _, value := range []any{absent, "", nil} {
				w.refresh(t, "", obj{"refresh_token": value}).is(400, `{"error":"invalid_request","error_description":"Missing refresh token parameter."}`)
			}
		})
		t.Run("§4 same token three times at once", func(t *testing.T) {
			first := w.pairOf(t, "tutorial")
			answers := make([]reply, 3)
			var all sync.WaitGroup
			for i := range answers {
				all.Go(func() { answers[i] = w.refresh(t, first.str("refresh_token"), nil) })
			}
			all.Wait()
			for _, a := range answers {
				a.isPair(200)
				if a.str("access_token") != answers[0].str("access_token") || a.str("refresh_token") != answers[0].str("refresh_token") {
					t.Error("different pairs")
				}
			}
			if !w.works(t, answers[0].str("access_token")) {
				t.Error("the session has ended")
			}
			w.refresh(t, answers[2].str("refresh_token"), nil).isPair(200)
		})
		t.Run("§4 spent token again, later", func(t *testing.T) {
			first := w.pairOf(t, "tutorial")
			second := w.refresh(t, first.str("refresh_token"), nil)
			w.ahead.move(31 * time.Second)
			w.refresh(t, first.str("refresh_token"), nil).is(400, invalidGrant)
			w.refresh(t, second.str("refresh_token"), nil).is(400, invalidGrant)
			if w.works(t, second.str("access_token")) {
				t.Error("the family lives")
			}
		})
		t.Run("§4 refresh after revoke or invalidate-sessions", func(t *testing.T) {
			for _, path := range []string{"revoke-token", "invalidate-sessions"} {
				pair := w.pairOf(t, "tutorial")
				w.call(t, "POST", "/api-auth/"+path, obj{"client_id": "tutorial"}, bearerOf(pair.str("access_token"))).is(204, "")
				w.refresh(t, pair.str("refresh_token"), nil).is(400, invalidGrant)
			}
		})
		t.Run("§4 refresh by a deactivated user", func(t *testing.T) {
			pair := w.pairOf(t, "tutorial")
			w.deactivate(t, w.bo.ID)
			w.refresh(t, pair.str("refresh_token"), nil).is(400, invalidGrant)
		})
	})
}

func TestDRF4AuthorizationServerFails(t *testing.T) {
	eachDRF(t, func(t *testing.T, w *drfWorld) {
		w.as.Close()
		t.Run("§4 §5 the authorization server is down", func(t *testing.T) {
			for name, a := range map[string]reply{
				"token": w.login(t, "bo@example.com", nil), "refresh": w.refresh(t, "x", nil), "convert-token": w.convert(t, "facebook", "x", nil),
			} {
				if a.code != 503 || a.str("error") != "temporarily_unavailable" || a.header.Get("Retry-After") == "" {
					t.Errorf("%s: %d %v %s", name, a.code, a.header, a.text)
				}
			}
			create := w.call(t, "POST", "/api-auth/create/", obj{"email": "x@example.com", "username": "x", "first_name": "X", "password": drfPassword})
			if create.code != 503 || !strings.Contains(create.str("detail"), "account was made") {
				t.Errorf("create/: %d %s", create.code, create.text)
			}
			revoke := w.call(t, "POST", "/api-auth/revoke-token", url.Values{"client_id": {"tutorial"}, "client_secret": {drfSecret}, "token": {"x"}})
			if revoke.code != 503 || revoke.str("detail") == "" {
				t.Errorf("revoke-token: %d %s", revoke.code, revoke.text)
			}
			for _, secret := range []string{drfPassword, drfSecret} {
				if strings.Contains(w.log.String(), secret) || strings.Contains(w.log.String(), url.QueryEscape(secret)) {
					t.Error("the log has a secret")
				}
			}
			if !strings.Contains(w.log.String(), "connection refused") {
				t.Error(fmt.Sprint("the log does not say why: ", w.log))
			}
		})
	})
}
