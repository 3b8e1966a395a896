package main

import (
	"context"
	"strings"
	"testing"

	"gatehouse/social/socialtest"
)

const (
	notAllowed = `{"error":"access_denied","error_description":"Your credentials aren't allowed"}`
	canceled   = `{"error":"access_denied","error_description":"Authentication process canceled"}`
)

var fay = socialtest.TokenOptions{Sub: "2250", Email: "fay@example.org", Name: "Fay Book"}

func TestDRF5Convert(t *testing.T) {
	eachDRF(t, func(t *testing.T, w *drfWorld) {
		t.Run("§5 ok", func(t *testing.T) {
			for _, tt := range []struct{ backend, token string }{
				{"google-oauth2", w.google(cara).AccessToken}, {"google-oauth2", w.google(cara).IDToken}, {"google-identity", w.google(cara).IDToken},
				{"google-identity", w.google(cara).AccessToken}, {"facebook", w.facebook(fay).AccessToken}, {"facebook", w.facebook(fay).IDToken},
			} {
				a := w.convert(t, tt.backend, tt.token, obj{"scope": "admin"})
				a.isPair(200, "user")
				if !w.works(t, a.str("access_token")) {
					t.Errorf("%s: the token is no good", tt.backend)
				}
			}
			first := w.convert(t, "google-oauth2", w.google(cara).AccessToken, nil)
			second := w.convert(t, "google-oauth2", w.google(cara).AccessToken, nil)
			if first.str("access_token") == second.str("access_token") || !w.works(t, first.str("access_token")) {
				t.Error("not a new pair each time")
			}
		})
		t.Run("§5 ok: with HTTP Basic", func(t *testing.T) {
			w.convert(t, "google-oauth2", w.google(cara).AccessToken, obj{"client_id": absent, "client_secret": absent}, basic("tutorial", drfSecret)).isPair(200, "user")
		})
		t.Run("§5 new person, Google", func(t *testing.T) {
			a := w.convert(t, "google-oauth2", w.google(cara).AccessToken, nil)
			user, _ := a.body.(obj)["user"].(obj)
			if len(user) != 3 || user["email"] != "cara.mia@gmail.com" || user["first_name"] != "Cara" || user["last_name"] != "Mia" {
				t.Errorf("user %v", user)
			}
			w.call(t, "GET", "/api-auth/currentUser/", nil, bearerOf(a.str("access_token"))).is(200, `{"email":"cara.mia@gmail.com","username":"cara.mia","first_name":"Cara"}`)
			row, err := w.store.AccountByEmail(context.Background(), "cara.mia@gmail.com")
			if err != nil || row.PasswordHash != "" {
				t.Errorf("a password %q, %v", row.PasswordHash, err)
			}
			if _, err := w.store.IdentityOf(context.Background(), "google", "1170"); err != nil {
				t.Errorf("the identity is not the sub: %v", err)
			}
		})
		t.Run("§5 new person, Facebook", func(t *testing.T) {
			a := w.convert(t, "facebook", w.facebook(fay).AccessToken, nil)
			user, _ := a.body.(obj)["user"].(obj)
			if user["first_name"] != "Fay" || user["last_name"] != "Book" {
				t.Errorf("user %v", user)
			}
			if a := w.call(t, "GET", "/api-auth/currentUser/", nil, bearerOf(a.str("access_token"))); a.str("username") != "FayBook" || a.str("first_name") != "Fay" {
				t.Errorf("%s", a.text)
			}
			if _, err := w.store.IdentityOf(context.Background(), "facebook", "2250"); err != nil {
				t.Errorf("the identity is not the id: %v", err)
			}
		})
		for _, name := range []string{"token", "backend", "client_id", "grant_type"} {
			t.Run("§5 absent, blank, null: "+name, func(t *testing.T) {
				w.convert(t, "facebook", "x", obj{name: absent}).is(400, `{"`+name+`":["`+name+` is required."]}`)
				w.convert(t, "facebook", "x", obj{name: " "}).is(400, `{"`+name+`":["`+name+` cannot be blank."]}`)
				w.convert(t, "facebook", "x", obj{name: nil}).is(400, `{"`+name+`":["This field may not be null."]}`)
			})
		}
		t.Run("§5 too long, NUL, array", func(t *testing.T) {
			w.convert(t, "facebook", strings.Repeat("x", 5001), nil).is(400, `{"token":["Ensure this field has no more than 5000 characters."]}`)
			w.convert(t, "facebook", "x\x00", obj{"client_id": "\x00a"}).is(400, `{"token":["Null characters are not allowed."],"client_id":["Null characters are not allowed."]}`)
			w.convert(t, "facebook", "x", obj{"token": []string{"x"}, "backend": true}).is(400, `{"token":["Not a valid string."],"backend":["Not a valid string."]}`)
			w.call(t, "POST", "/api-auth/convert-token", `[]`).is(400, `{"non_field_errors":["Invalid data. Expected a dictionary, but got list."]}`)
			w.convert(t, "facebook", "x", obj{"token": 12345}).is(400, canceled) // a number is text
		})
		t.Run("§5 other grant_type", func(t *testing.T) {
			w.convert(t, "facebook", "x", obj{"grant_type": "password"}).is(400, `{"error":"unsupported_grant_type"}`)
		})
		t.Run("§5 unknown client", func(t *testing.T) {
			w.convert(t, "facebook", "x", obj{"client_id": "nobody"}).is(400, `{"detail":"The application for this client_id does not exist."}`)
		})
		t.Run("§5 unknown backend", func(t *testing.T) {
			w.convert(t, "myspace", "x", nil).is(400, `{"error":"invalid_request","error_description":"Invalid backend parameter."}`)
		})
		t.Run("§5 Django, facebook-app", func(t *testing.T) {
			for _, backend := range []string{"Django", "facebook-app"} {
				w.convert(t, backend, "x", nil).is(400, `{"error":"invalid_request","error_description":"Invalid backend parameter."}`)
			}
		})
		t.Run("§5 wrong or no client_secret", func(t *testing.T) {
			token := w.google(cara).AccessToken
			for _, secret := range []any{"wrong", absent, "", nil} {
				w.convert(t, "google-oauth2", token, obj{"client_secret": secret}).is(401, invalidClient)
			}
		})
		t.Run("§5 grant not registered", func(t *testing.T) {
			w.convert(t, "google-oauth2", "x", obj{"client_id": "refresher"}).is(400, `{"error":"unauthorized_client","error_description":"This client is not registered for the grant urn:ietf:params:oauth:grant-type:token-exchange."}`)
		})
	})
}

func TestDRF5Refusals(t *testing.T) {
	eachDRF(t, func(t *testing.T, w *drfWorld) {
		past, no := int64(-60), false
		t.Run("§5 provider refuses the token", func(t *testing.T) {
			w.convert(t, "google-oauth2", "ya29.forged", nil).is(400, notAllowed)
			w.convert(t, "google-identity", "eyJhbGciOiJub25lIn0.e30.", nil).is(400, notAllowed)
			w.convert(t, "google-oauth2", w.google(socialtest.TokenOptions{ExpiresIn: &past}).AccessToken, nil).is(400, notAllowed)
			w.convert(t, "google-oauth2", w.google(socialtest.TokenOptions{ExpiresIn: &past}).IDToken, nil).is(400, notAllowed)
			w.convert(t, "facebook", "EAAforged", nil).is(400, canceled)
			w.convert(t, "facebook", w.google(cara).IDToken, nil).is(400, canceled)
			w.convert(t, "google-oauth2", w.facebook(fay).AccessToken, nil).is(400, notAllowed)
		})
		t.Run("§5 Facebook token of another app", func(t *testing.T) {
			other := fay
			other.Aud = "999999"
			w.convert(t, "facebook", w.facebook(other).AccessToken, nil).is(400, canceled)
		})
		t.Run("§5 Google token issued to another client", func(t *testing.T) {
			other := cara
			other.Aud = "other.apps.googleusercontent.com"
			w.convert(t, "google-oauth2", w.google(other).AccessToken, nil).is(400, notAllowed)
			w.convert(t, "google-oauth2", w.google(other).IDToken, nil).is(400, notAllowed)
		})
		t.Run("§5 e-mail belongs to a password account", func(t *testing.T) {
			taken := `{"error":"A user with this email already exists."}`
			w.convert(t, "google-oauth2", w.google(socialtest.TokenOptions{Sub: "5", Email: "bo@example.com"}).AccessToken, nil).is(400, taken)
			if a := w.login(t, "bo@example.com", nil); a.code != 200 {
				t.Errorf("its own login: %d %s", a.code, a.text)
			}
		})
		t.Run("§5 deactivated", func(t *testing.T) {
			a := w.convert(t, "google-oauth2", w.google(cara).AccessToken, nil)
			row, err := w.store.AccountByEmail(context.Background(), "cara.mia@gmail.com")
			if err != nil {
				t.Fatalf("%v %s", err, a.text)
			}
			w.deactivate(t, row.ID)
			w.convert(t, "google-oauth2", w.google(cara).AccessToken, nil).is(400, `{"error":"invalid_grant","error_description":"User inactive or deleted."}`)
		})
		t.Run("§5 another Google person with the same, unverified e-mail", func(t *testing.T) {
			first := w.convert(t, "google-oauth2", w.google(socialtest.TokenOptions{Sub: "31", Email: "same@gmail.com"}).AccessToken, nil)
			second := w.convert(t, "google-oauth2", w.google(socialtest.TokenOptions{Sub: "32", Email: "same@gmail.com", EmailVerified: &no}).AccessToken, nil)
			first.isPair(200, "user")
			second.isPair(200, "user") // an account of its own, without the address
			if user := second.body.(obj)["user"].(obj); user["email"] != "" {
				t.Errorf("it logs in as the first: %v", user)
			}
		})
		t.Run("§5 provider gives no e-mail", func(t *testing.T) {
			for _, a := range []reply{
				w.convert(t, "facebook", w.facebook(socialtest.TokenOptions{Sub: "41", NoEmail: true, Name: "No Mail"}).AccessToken, nil),
				w.convert(t, "google-oauth2", w.google(socialtest.TokenOptions{Sub: "42", NoEmail: true}).AccessToken, nil),
			} {
				a.isPair(200, "user")
				if user := a.body.(obj)["user"].(obj); user["email"] != "" {
					t.Errorf("user %v", user)
				}
			}
		})
		t.Run("§5 provider down", func(t *testing.T) {
			for _, mode := range []string{"down", "garbage", "rate_limited"} {
				if err := w.standIns.facebook.SetFault(mode); err != nil {
					t.Fatal(err)
				}
				a := w.convert(t, "facebook", w.facebook(fay).AccessToken, nil)
				if a.code != 503 || a.str("error") != "temporarily_unavailable" || a.header.Get("Retry-After") == "" {
					t.Errorf("%s: %d %v %s", mode, a.code, a.header, a.text)
				}
			}
			w.standIns.facebook.SetFault("ok")
		})
	})
}
