package main

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"testing"
	"time"

	"gatehouse/social/socialtest"
	"gatehouse/store"
)

const unknownApplication = `{"detail":"The application for this client_id does not exist."}`

// alive tells whether a pair's two tokens still work; asking spends the second.
func (w *drfWorld) alive(t testing.TB, pair reply, client string) (access, refresh bool) {
	t.Helper()
	access = w.works(t, pair.str("access_token"))
	return access, w.refresh(t, pair.str("refresh_token"), obj{"client_id": client}).code == 200
}

func (w *drfWorld) expectAlive(t testing.TB, name string, pair reply, client string, access, refresh bool) {
	t.Helper()
	if a, r := w.alive(t, pair, client); a != access || r != refresh {
		t.Errorf("%s: access %v, refresh %v", name, a, r)
	}
}

func (w *drfWorld) end(t testing.TB, path string, pair reply, body any, changes ...change) reply {
	t.Helper()
	return w.call(t, "POST", "/api-auth/"+path, body, append([]change{bearerOf(pair.str("access_token"))}, changes...)...)
}

func TestDRF6RevokeToken(t *testing.T) {
	eachDRF(t, func(t *testing.T, w *drfWorld) {
		t.Run("§6 revoke-token: Bearer + client_id", func(t *testing.T) {
			for _, body := range []any{obj{"client_id": "tutorial"}, obj{"client_id": "tutorial", "token": "ignored"}, theTutorial, url.Values{"client_id": {"tutorial"}}} {
				pair, other := w.pairOf(t, "tutorial"), w.pairOf(t, "tutorial")
				w.end(t, "revoke-token", pair, body).is(204, "")
				w.expectAlive(t, "revoked", pair, "tutorial", false, false)
				w.expectAlive(t, "another login", other, "tutorial", true, true)
				w.end(t, "revoke-token", pair, body).is(401, unknownBearer)
			}
		})
		t.Run("§6 revoke-token: errors", func(t *testing.T) {
			pair := w.pairOf(t, "tutorial")
			w.call(t, "POST", "/api-auth/revoke-token", obj{"client_id": "tutorial"}).is(401, notProvided)
			w.call(t, "POST", "/api-auth/revoke-token", `{`).is(401, notProvided)
			w.end(t, "revoke-token", pair, obj{}).is(400, `{"client_id":["client_id is required."]}`)
			w.end(t, "revoke-token", pair, obj{"client_id": nil}).is(400, `{"client_id":["This field may not be null."]}`)
			w.end(t, "revoke-token", pair, obj{"client_id": "a\x00"}).is(400, `{"client_id":["Null characters are not allowed."]}`)
			w.end(t, "revoke-token", pair, `[]`).is(400, `{"non_field_errors":["Invalid data. Expected a dictionary, but got list."]}`)
			w.end(t, "revoke-token", pair, obj{"client_id": "nobody"}).is(400, unknownApplication)
			w.expectAlive(t, "after errors", pair, "tutorial", true, true)
		})
		t.Run("§6 revoke-token: an exchanged token is no login", func(t *testing.T) {
			pair := w.pairOf(t, "tutorial")
			child := w.atAS(t, "/oauth2/token", url.Values{"grant_type": {store.GrantTokenExchange}, "subject_token": {pair.str("access_token")},
				"subject_token_type": {"urn:ietf:params:oauth:token-type:access_token"}}, basic("agent", drfSecret))
			if child.code != 200 {
				t.Fatalf("%d %s", child.code, child.text)
			}
			w.call(t, "POST", "/api-auth/revoke-token", obj{"token": child.str("access_token")}, basic("agent", drfSecret)).is(204, "")
			if w.works(t, child.str("access_token")) {
				t.Error("the exchanged token works")
			}
			w.expectAlive(t, "the login that it was exchanged from", pair, "tutorial", true, true)
		})
		t.Run("§6 revoke-token: two Authorization headers", func(t *testing.T) {
			pair := w.pairOf(t, "other")
			w.call(t, "POST", "/api-auth/revoke-token", obj{"client_id": "spa", "token": pair.str("access_token")}, basic("other", drfSecret), func(r *http.Request) {
				r.Header.Add("Authorization", "x")
			})
			w.expectAlive(t, "another client's login", pair, "other", true, true)
		})
		t.Run("§6 revoke-token: wrong client_secret", func(t *testing.T) {
			pair := w.pairOf(t, "tutorial")
			w.end(t, "revoke-token", pair, obj{"client_id": "tutorial", "client_secret": "wrong"}).is(401, invalidClient)
			w.expectAlive(t, "after it", pair, "tutorial", true, true)
		})
		t.Run("§6 revoke-token: bearer in lower case", func(t *testing.T) {
			for _, word := range []string{"bearer ", "BEARER "} {
				pair := w.pairOf(t, "tutorial")
				w.end(t, "revoke-token", pair, obj{"client_id": "tutorial"}, with("Authorization", word+pair.str("access_token"))).is(204, "")
				w.expectAlive(t, word, pair, "tutorial", false, false)
			}
		})
		t.Run("§6 revoke-token: without Bearer, client_id + secret + token", func(t *testing.T) {
			for _, kind := range []string{"access_token", "refresh_token"} {
				pair := w.pairOf(t, "tutorial")
				w.call(t, "POST", "/api-auth/revoke-token", set(theTutorial, obj{"token": pair.str(kind)})).is(204, "")
				w.expectAlive(t, kind, pair, "tutorial", false, false)
				w.call(t, "POST", "/api-auth/revoke-token", set(theTutorial, obj{"token": pair.str(kind)})).is(204, "")
			}
			pair := w.pairOf(t, "tutorial")
			w.call(t, "POST", "/api-auth/revoke-token", url.Values{"token": {pair.str("access_token")}}, basic("tutorial", drfSecret)).is(204, "")
			w.expectAlive(t, "by Basic", pair, "tutorial", false, false)
		})
		t.Run("§6 revoke-token: without Bearer, what is refused", func(t *testing.T) {
			pair := w.pairOf(t, "tutorial")
			token := obj{"token": pair.str("access_token")}
			for name, tt := range map[string]struct {
				change obj
				code   int
				want   string
			}{
				"wrong secret":   {obj{"client_secret": "wrong"}, 401, invalidClient},
				"no secret":      {obj{"client_secret": absent}, 401, invalidClient},
				"unknown client": {obj{"client_id": "nobody"}, 401, invalidClient},
				"no client":      {obj{"client_id": absent}, 400, `{"client_id":["client_id is required."]}`},
				"another client": {obj{"client_id": "other"}, 204, ""},
				"nothing":        {obj{"client_id": absent, "client_secret": absent, "token": absent}, 401, notProvided},
			} {
				w.call(t, "POST", "/api-auth/revoke-token", set(set(theTutorial, token), tt.change)).is(tt.code, tt.want)
				if !w.works(t, pair.str("access_token")) {
					t.Fatalf("%s: it was revoked", name)
				}
			}
		})
		t.Run("§6 revoke-token: tokens that speak for nobody in person", func(t *testing.T) {
			service := w.call(t, "POST", "/api-auth/token", url.Values{"grant_type": {"client_credentials"}}, basic("service", drfSecret))
			w.end(t, "revoke-token", service, obj{"client_id": "service"}).is(403, permissionGone)
			pair := w.pairOf(t, "tutorial")
			passedOn := w.atAS(t, "/oauth2/token", url.Values{"grant_type": {store.GrantTokenExchange}, "subject_token": {pair.str("access_token")},
				"subject_token_type": {"urn:ietf:params:oauth:token-type:access_token"}}, basic("agent", drfSecret))
			if passedOn.code != 200 {
				t.Fatalf("%d %s", passedOn.code, passedOn.text)
			}
			for _, path := range []string{"revoke-token", "invalidate-sessions", "invalidate-refresh-tokens", "disconnect-backend"} {
				w.end(t, path, passedOn, obj{"client_id": "tutorial"}).is(403, permissionGone)
			}
			w.expectAlive(t, "whose it is", pair, "tutorial", true, true)
		})
	})
}

func TestDRF6Invalidate(t *testing.T) {
	eachDRF(t, func(t *testing.T, w *drfWorld) {
		w.addAccount("al@example.com", "al", "Al")
		for path, access := range map[string]bool{"invalidate-sessions": false, "invalidate-refresh-tokens": true} {
			t.Run("§6 "+path, func(t *testing.T) {
				one, two, elsewhere := w.pairOf(t, "tutorial"), w.pairOf(t, "tutorial"), w.pairOf(t, "other")
				replaced := w.pairOf(t, "tutorial")
				successor := w.refresh(t, replaced.str("refresh_token"), nil)
				somebody := w.login(t, "al@example.com", nil)
				w.end(t, path, one, obj{"client_id": "tutorial"}).is(204, "")
				w.expectAlive(t, "own", one, "tutorial", access, false)
				w.expectAlive(t, "other login", two, "tutorial", access, false)
				w.expectAlive(t, "refreshed", successor, "tutorial", access, false)
				w.refresh(t, replaced.str("refresh_token"), nil).is(400, invalidGrant) // within the grace
				w.expectAlive(t, "at another client", elsewhere, "other", true, true)
				w.expectAlive(t, "somebody else's", somebody, "tutorial", true, true)
				if again := w.works(t, successor.str("access_token")); again != access {
					t.Errorf("showing a spent token was taken for theft: access %v", again)
				}
			})
			t.Run("§6 "+path+": errors", func(t *testing.T) {
				pair := w.pairOf(t, "tutorial")
				w.call(t, "POST", "/api-auth/"+path, theTutorial).is(401, notProvided)
				w.end(t, path, pair, obj{}).is(400, `{"client_id":["client_id is required."]}`)
				w.end(t, path, pair, obj{"client_id": "nobody"}).is(400, `{"detail":"The application linked to the provided client_id could not be found."}`)
				w.end(t, path, pair, obj{"client_id": "tutorial", "client_secret": "wrong"}).is(401, invalidClient)
				w.expectAlive(t, "after errors", pair, "tutorial", true, true)
			})
		}
		t.Run("§8 refresh after invalidate-sessions", func(t *testing.T) {
			pair := w.pairOf(t, "tutorial")
			w.end(t, "invalidate-sessions", pair, obj{"client_id": "tutorial"}).is(204, "")
			w.refresh(t, pair.str("refresh_token"), nil).is(400, invalidGrant)
		})
	})
}

func TestDRF6DisconnectBackend(t *testing.T) {
	eachDRF(t, func(t *testing.T, w *drfWorld) {
		link := func(t *testing.T, pair reply, token string) {
			t.Helper()
			a := w.atAS(t, "/account/identities", url.Values{"subject_issuer": {"google"}, "subject_token": {token},
				"subject_token_type": {"urn:ietf:params:oauth:token-type:id_token"}}, bearerOf(pair.str("access_token")))
			if a.code != 201 {
				t.Fatalf("link: %d %s", a.code, a.text)
			}
		}
		identities := func(t *testing.T) int {
			t.Helper()
			list, err := w.store.Identities(context.Background(), w.bo.ID)
			if err != nil {
				t.Fatal(err)
			}
			return len(list)
		}
		pair := w.pairOf(t, "tutorial")
		link(t, pair, w.google(socialtest.TokenOptions{Sub: "61", Email: "bo.one@gmail.com"}).IDToken)
		t.Run("§6 disconnect-backend: errors", func(t *testing.T) {
			w.call(t, "POST", "/api-auth/disconnect-backend", obj{"backend": "facebook", "association_id": 1}).is(401, notProvided)
			w.end(t, "disconnect-backend", pair, obj{}).is(400, `{"backend":["backend is required."],"association_id":["association_id is required."]}`)
			w.end(t, "disconnect-backend", pair, obj{"association_id": "x"}).is(400, `{"backend":["backend is required."],"association_id":["association_id must be a valid integer."]}`)
			for _, id := range []any{"", "1.5", true, []int{1}, "one", "99999999999999999999"} {
				w.end(t, "disconnect-backend", pair, obj{"backend": "facebook", "association_id": id}).is(400, `{"association_id":["association_id must be a valid integer."]}`)
			}
			w.end(t, "disconnect-backend", pair, obj{"backend": "myspace", "association_id": 1}).is(400, `{"backend":["Invalid backend."]}`)
			if identities(t) != 1 {
				t.Error("it was disconnected")
			}
		})
		t.Run("§6 disconnect-backend: the last way in", func(t *testing.T) {
			social := w.convert(t, "google-oauth2", w.google(cara).AccessToken, nil)
			a := w.end(t, "disconnect-backend", social, obj{"backend": "google-oauth2", "association_id": 1})
			if a.code != 400 || a.body.(obj)["backend"] == nil {
				t.Errorf("%d %s", a.code, a.text)
			}
			w.convert(t, "google-oauth2", w.google(cara).AccessToken, nil).isPair(200, "user")
		})
		t.Run("§6 disconnect-backend: too long after the login", func(t *testing.T) {
			old := w.pairOf(t, "tutorial")
			w.ahead.move(6 * time.Minute)
			a := w.end(t, "disconnect-backend", old, obj{"backend": "google-oauth2", "association_id": 1})
			if a.code != 403 || a.str("detail") == "" || identities(t) != 1 {
				t.Errorf("%d %s", a.code, a.text)
			}
		})
		t.Run("§6 disconnect-backend: ok", func(t *testing.T) {
			fresh := w.pairOf(t, "tutorial")
			bySocial := w.convert(t, "google-oauth2", w.google(socialtest.TokenOptions{Sub: "61", Email: "bo.one@gmail.com"}).AccessToken, nil)
			bySocial.isPair(200, "user")
			for _, id := range []any{7, "7"} { // a second time there is nothing left to do
				w.end(t, "disconnect-backend", fresh, obj{"backend": "google-oauth2", "association_id": id}).is(204, "")
			}
			if identities(t) != 0 || w.works(t, bySocial.str("access_token")) || !w.works(t, fresh.str("access_token")) {
				t.Error("the identity is still there, its login lives, or the own one does not")
			}
		})
		t.Run("§6 disconnect-backend: one of several", func(t *testing.T) {
			fresh := w.pairOf(t, "tutorial")
			for _, sub := range []string{"62", "63"} {
				link(t, fresh, w.google(socialtest.TokenOptions{Sub: sub, Email: "bo." + sub + "@gmail.com"}).IDToken)
			}
			for _, id := range []int{0, 3, -1} {
				if a := w.end(t, "disconnect-backend", fresh, obj{"backend": "google-oauth2", "association_id": id}); a.code != 400 {
					t.Errorf("%s: %d %s", strconv.Itoa(id), a.code, a.text)
				}
			}
			w.end(t, "disconnect-backend", fresh, obj{"backend": "google-oauth2", "association_id": 2}).is(204, "")
			if _, err := w.store.IdentityOf(context.Background(), "google", "62"); err != nil || identities(t) != 1 {
				t.Errorf("not the second: %v", err)
			}
		})
	})
}
