package main

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"
)

func TestDRF7Pages(t *testing.T) {
	eachDRF(t, func(t *testing.T, w *drfWorld) {
		t.Run("§7 /admin/", func(t *testing.T) {
			for _, path := range []string{"/admin/", "/admin"} {
				if a := w.call(t, "GET", path, nil); a.code != 302 || a.header.Get("Location") != "/admin/login/" {
					t.Errorf("%s: %d %v", path, a.code, a.header)
				}
			}
			a := w.call(t, "GET", "/admin/login/", nil)
			if a.code != 200 || a.header.Get("Content-Type") != "text/html; charset=utf-8" || !strings.Contains(a.text, "Gatehouse console") ||
				!strings.Contains(a.header.Get("Content-Security-Policy"), "default-src 'none'") {
				t.Errorf("%d %v %s", a.code, a.header, a.text)
			}
		})
		t.Run("§7 authorize", func(t *testing.T) {
			for query, want := range map[string]string{
				"": "Invalid client_id parameter value.", "client_id=nobody": "Invalid client_id parameter value.", "client_id=%00": "Invalid client_id parameter value.",
				"client_id=%ff": "Invalid client_id parameter value.", "client_id=refresher&redirect_uri=https://evil.example.com/": "Mismatching redirect URI.", "client_id=tutorial": "Mismatching redirect URI.",
			} {
				w.call(t, "GET", "/api-auth/authorize/?"+query, nil).is(400, `{"error":"invalid_request","error_description":"`+want+`"}`)
			}
			for _, query := range []string{"client_id=refresher&redirect_uri=https://app.example.com/back", "client_id=refresher&state=<script>"} {
				a := w.call(t, "GET", "/api-auth/authorize?"+query, nil)
				if a.code != 200 || a.header.Get("Content-Type") != "text/html; charset=utf-8" || strings.Contains(a.text, "<script>") {
					t.Errorf("%d %v %s", a.code, a.header, a.text)
				}
			}
		})
		t.Run("§7 login, logout, login and complete by backend: never 5xx", func(t *testing.T) {
			for _, path := range []string{"login/", "logout/", "login/facebook/", "complete/google-oauth2/"} {
				for _, method := range []string{"GET", "POST"} {
					if a := w.call(t, method, "/api-auth/"+path, nil); a.code >= 500 {
						t.Errorf("%s: %d %s", path, a.code, a.text)
					}
				}
			}
		})
	})
}

func TestDRF8OlderVersions(t *testing.T) {
	eachDRF(t, func(t *testing.T, w *drfWorld) {
		t.Run("§8 both forms of revoke-token, always user", func(t *testing.T) {
			first := w.convert(t, "google-oauth2", w.google(cara).AccessToken, nil)
			first.isPair(200, "user")
			w.call(t, "POST", "/api-auth/revoke-token", set(theTutorial, obj{"token": first.str("access_token")})).is(204, "")
			second := w.convert(t, "google-oauth2", w.google(cara).AccessToken, nil)
			w.end(t, "revoke-token", second, theTutorial).is(204, "")
			if w.works(t, first.str("access_token")) || w.works(t, second.str("access_token")) {
				t.Error("a token lives")
			}
		})
	})
}

// interceptor is what the tutorial's axios does at a 401: it refreshes without
// the Bearer and asks again with the new token.
func (w *drfWorld) interceptor(t testing.TB, stored *reply, method, path string) reply {
	t.Helper()
	a := w.call(t, method, path, nil, bearerOf(stored.str("access_token")), with("Origin", drfOrigin))
	if a.code != 401 || !strings.HasSuffix(a.status, " Unauthorized") {
		return a
	}
	*stored = w.refresh(t, stored.str("refresh_token"), nil, with("Origin", drfOrigin))
	return w.call(t, method, path, nil, bearerOf(stored.str("access_token")), with("Origin", drfOrigin))
}

func TestDRF9Frontend(t *testing.T) {
	eachDRF(t, func(t *testing.T, w *drfWorld) {
		t.Run("§9 an expired token is refreshed by the interceptor", func(t *testing.T) {
			stored := w.pairOf(t, "tutorial")
			w.ahead.move(11 * time.Hour)
			w.interceptor(t, &stored, "GET", "/api-auth/currentUser/").is(200, `{"email":"bo@example.com","username":"bo","first_name":"Bo"}`)
		})
		t.Run("§9 N parallel 401s send N refreshes of one token", func(t *testing.T) {
			shared := w.pairOf(t, "tutorial")
			w.ahead.move(11 * time.Hour)
			done := make(chan reply)
			for range 6 {
				go func() {
					stored := shared
					done <- w.interceptor(t, &stored, "GET", "/api-auth/currentUser/")
				}()
			}
			for range 6 {
				if a := <-done; a.code != 200 || a.header.Get("Access-Control-Allow-Origin") != drfOrigin {
					t.Errorf("%d %s", a.code, a.text)
				}
			}
		})
	})
}

func TestDRFOtherClients(t *testing.T) {
	eachDRF(t, func(t *testing.T, w *drfWorld) {
		ctx := context.Background()
		for name, style := range map[string]oauth2.AuthStyle{"either": oauth2.AuthStyleAutoDetect, "Basic": oauth2.AuthStyleInHeader, "body": oauth2.AuthStyleInParams} {
			t.Run("golang.org/x/oauth2, client in "+name, func(t *testing.T) {
				cfg := oauth2.Config{ClientID: "tutorial", ClientSecret: drfSecret, Scopes: []string{"read"},
					Endpoint: oauth2.Endpoint{TokenURL: w.api.URL + "/api-auth/token/", AuthStyle: style}}
				token, err := cfg.PasswordCredentialsToken(ctx, "bo@example.com", drfPassword)
				if err != nil || token.Type() != "Bearer" || token.RefreshToken == "" || token.Extra("scope") != "read" || time.Until(token.Expiry) < 9*time.Hour {
					t.Fatalf("%+v, %v", token, err)
				}
				token.Expiry = time.Now().Add(-time.Hour)
				resp, err := cfg.Client(ctx, token).Get(w.api.URL + "/api-auth/currentUser/")
				if err != nil || resp.StatusCode != http.StatusOK {
					t.Fatalf("%v %v", resp, err)
				}
				resp.Body.Close()
				service := clientcredentials.Config{ClientID: "service", ClientSecret: drfSecret, TokenURL: w.api.URL + "/api-auth/token", AuthStyle: style}
				if token, err := service.Token(ctx); err != nil || token.AccessToken == "" {
					t.Errorf("%+v, %v", token, err)
				}
			})
		}
	})
}

// TestDevServesTheTutorial is what its frontend does, against gatehouse dev.
func TestDevServesTheTutorial(t *testing.T) {
	d := startDev(t, t.TempDir())
	base, tutorial := d.ready.API+"/api-auth/", d.ready.Clients["tutorial"]
	code, made := d.call("POST", base+"create/", "", `{"email":"bo@example.com","username":"bo","first_name":"Bo","password":"`+drfPassword+`"}`)
	if code != 201 || made["refresh_token"] == nil || made["expires_in"] != 36000.0 {
		t.Fatalf("create/: %d %v", code, made)
	}
	if code, me := d.call("GET", base+"currentUser/", made["access_token"].(string), ""); code != 200 || me["username"] != "bo" {
		t.Errorf("currentUser/: %d %v", code, me)
	}
	if code, _ := d.call("GET", base+"all/", "", ""); code != 200 {
		t.Errorf("all/: %d", code)
	}
	for backend, provider := range map[string]string{"google-oauth2": "google", "facebook": "facebook"} {
		idToken, accessToken := d.mint(provider, `{"email":"cara.mia@gmail.com","name":"Cara Mia"}`)
		for _, token := range []string{accessToken, idToken} {
			code, pair := d.call("POST", base+"convert-token", "", `{"grant_type":"convert_token","backend":"`+backend+`","token":"`+token+
				`","client_id":"`+tutorial.ID+`","client_secret":"`+tutorial.Secret+`"}`)
			if user, _ := pair["user"].(map[string]any); code != 200 || user["first_name"] != "Cara" {
				t.Errorf("convert-token of %s: %d %v", provider, code, pair)
			}
		}
	}
}
