package authz

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"gatehouse/social/socialtest"
	"gatehouse/store"
)

// call sends a request with a Bearer token.
func (w *world) call(method, path, token, kind, body string) answer {
	w.t.Helper()
	req, err := http.NewRequest(method, w.http.URL+path, strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	if kind != "" {
		req.Header.Set("Content-Type", kind)
	}
	return w.send(req)
}

func (w *world) linkWith(token, idToken string) answer {
	w.t.Helper()
	return w.call("POST", "/account/identities", token, "application/x-www-form-urlencoded",
		url.Values{"subject_token": {idToken}, "subject_token_type": {typeIDToken}}.Encode())
}

// apiAlone asks for a token that may look after its account.
const apiAlone = "audience=https://api.example.com"

func TestLinkAndUnlink(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		token := w.passwordToken("web", apiAlone).str("access_token")
		idToken := w.google(socialtest.TokenOptions{Sub: "1", Email: "elsewhere@example.com"}).IDToken
		linked := w.linkWith(token, idToken)
		if linked.code != 201 || linked.str("provider") != "google" || linked.str("email") != "elsewhere@example.com" || linked.body["email_verified"] != true {
			t.Fatalf("%d %s", linked.code, linked.text)
		}
		if again := w.linkWith(token, idToken); again.code != 200 || again.str("id") != linked.str("id") {
			t.Errorf("once more: %d %s", again.code, again.text)
		}
		for _, client := range []string{"spa", "web"} {
			if a := w.exchange(client, idToken, typeIDToken, ""); a.str("reason") != "replayed" {
				t.Errorf("the token that linked signs in at %s: %d %s", client, a.code, a.text)
			}
		}
		signedIn := w.googleSignIn("1", "elsewhere@example.com", true, "")
		if w.introspect(signedIn.str("access_token")).str("sub") != w.account.ID {
			t.Errorf("sign-in with it: %d %s", signedIn.code, signedIn.text)
		}
		fb := w.facebook(socialtest.TokenOptions{Sub: "2", NoEmail: true})
		body := `{"subject_token":"` + fb.AccessToken + `","subject_token_type":"` + typeAccessToken + `","subject_issuer":"facebook"}`
		if a := w.call("POST", "/account/identities", token, "application/json", body); a.code != 201 || a.body["email"] != nil {
			t.Errorf("by JSON: %d %s", a.code, a.text)
		}
		list := w.call("GET", "/account/identities", token, "", "")
		if items, _ := list.body["items"].([]any); list.code != 200 || len(items) != 2 || list.body["next_cursor"] != nil {
			t.Errorf("%d %s", list.code, list.text)
		}
		if a := w.call("DELETE", "/account/identities/"+linked.str("id"), token, "", ""); a.code != 204 {
			t.Errorf("unlink: %d %s", a.code, a.text)
		}
		if w.active(signedIn.str("access_token")) || !w.active(token) {
			t.Error("the sign-in by the identity should have ended, and no other")
		}
		if a := w.call("DELETE", "/account/identities/"+linked.str("id"), token, "", ""); a.code != 404 {
			t.Errorf("unlink again: %d %s", a.code, a.text)
		}
		if a := w.call("DELETE", "/account/identities/x", token, "", ""); a.code != 404 {
			t.Errorf("unlink what is none: %d %s", a.code, a.text)
		}
	})
}

func TestLinkIsRefused(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		token := w.passwordToken("web", apiAlone).str("access_token")
		w.googleSignIn("taken", "taken@example.com", true, "")
		narrow := w.passwordToken("web", apiAlone+"&scope=more").str("access_token")
		readOnly := w.passwordToken("web", apiAlone+"&scope=read").str("access_token")
		elsewhere := w.passwordToken("web", "audience=https://other.example.com").str("access_token")
		wide := w.login("web").str("access_token")
		thirdParty := w.exchange("plainthird", w.google(socialtest.TokenOptions{Sub: "third"}).IDToken, typeIDToken, "").str("access_token")
		masked := w.exchange("mask", w.passwordToken("web", "audience=https://api.example.com&audience=https://other.example.com").str("access_token"), typeAccessToken, apiAlone).str("access_token")
		delegated := w.exchange("web", token, typeAccessToken, "").str("access_token")
		client := w.token("web", url.Values{"grant_type": {"client_credentials"}, "audience": {"https://api.example.com"}}).str("access_token")
		mint := func() string { return w.google(socialtest.TokenOptions{Sub: "new"}).IDToken }
		form := "application/x-www-form-urlencoded"
		good := func() string {
			return url.Values{"subject_token": {mint()}, "subject_token_type": {typeIDToken}}.Encode()
		}
		for _, tt := range []struct {
			name, method, path, token, kind, body string
			code                                  int
			err, challenge                        string
		}{
			{"no token", "POST", "", "", form, good(), 401, "", `Bearer realm="gatehouse"`},
			{"refresh token", "POST", "", w.login("web").str("refresh_token"), form, good(), 401, "invalid_token", `error="invalid_token"`},
			{"forged", "POST", "", "gth_at_x", form, good(), 401, "invalid_token", `error="invalid_token"`},
			{"for another API", "POST", "", elsewhere, form, good(), 401, "invalid_token", `error="invalid_token"`},
			{"for another API too", "POST", "", wide, form, good(), 401, "invalid_token", `error="invalid_token"`},
			{"of a third party's client", "POST", "", thirdParty, form, good(), 403, "insufficient_scope", `error="insufficient_scope"`},
			{"impersonated", "POST", "", masked, form, good(), 403, "insufficient_scope", `error="insufficient_scope"`},
			{"of a client", "POST", "", client, form, good(), 403, "insufficient_scope", `error="insufficient_scope"`},
			{"delegated", "POST", "", delegated, form, good(), 403, "insufficient_scope", `error="insufficient_scope"`},
			{"read only", "POST", "", readOnly, form, good(), 403, "insufficient_scope", `error="insufficient_scope"`},
			{"list without read", "GET", "", narrow, "", "", 403, "insufficient_scope", `error="insufficient_scope"`},
			{"unlink read only", "DELETE", "/01a20be8-839b-7b46-ab0c-69c2c46c41cb", readOnly, "", "", 403, "insufficient_scope", ""},
			{"linked to another account", "POST", "", token, form, url.Values{"subject_token": {w.google(socialtest.TokenOptions{Sub: "taken"}).IDToken}, "subject_token_type": {typeIDToken}}.Encode(), 409, "invalid_request", ""},
			{"own token", "POST", "", token, form, url.Values{"subject_token": {token}, "subject_token_type": {typeAccessToken}}.Encode(), 400, "invalid_request", ""},
			{"another app's", "POST", "", token, form, url.Values{"subject_token": {w.google(socialtest.TokenOptions{Aud: "x"}).IDToken}, "subject_token_type": {typeIDToken}}.Encode(), 400, "invalid_request", ""},
			{"JSON array", "POST", "", token, "application/json", `["x"]`, 400, "invalid_request", ""},
			{"JSON number", "POST", "", token, "application/json", `{"subject_token":1}`, 400, "invalid_request", ""},
			{"duplicate member", "POST", "", token, "application/json", `{"subject_token":"a","subject_token":"b"}`, 400, "invalid_request", ""},
			{"text", "POST", "", token, "text/plain", good(), 400, "invalid_request", ""},
			{"method", "PUT", "", token, form, good(), 405, "invalid_request", ""},
		} {
			a := w.call(tt.method, "/account/identities"+tt.path, tt.token, tt.kind, tt.body)
			if a.code != tt.code || a.str("error") != tt.err || !strings.Contains(a.header.Get("WWW-Authenticate"), tt.challenge) {
				t.Errorf("%s: %d %s %q", tt.name, a.code, a.text, a.header.Get("WWW-Authenticate"))
			}
		}
		w.clock.move(6 * time.Minute)
		a := w.call("POST", "/account/identities", token, form, good())
		if a.code != 401 || a.str("error") != "insufficient_user_authentication" || a.str("reason") != "interaction_required" ||
			!strings.Contains(a.header.Get("WWW-Authenticate"), `max_age="300"`) {
			t.Errorf("six minutes after the sign-in: %d %s", a.code, a.text)
		}
		if n := w.count(`SELECT count(*) FROM identities`); n != 2 {
			t.Errorf("%d identities", n)
		}
	})
}

// Somebody whose password was changed while their link was under way is not
// linked: the thief is out.
func TestLinkEndsWithTheSession(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := context.Background()
		token := w.passwordToken("web", apiAlone).str("access_token")
		who, err := w.store.SubjectToken(ctx, w.server.keys.verify(token, accessToken).signature)
		if err != nil {
			t.Fatal(err)
		}
		if err := w.store.SetPassword(ctx, w.account.ID, password); err != nil {
			t.Fatal(err)
		}
		_, err = w.store.LinkIdentity(ctx, store.Federated{Provider: "google", Subject: "thief", Actor: w.account.ID}, who.Presence(), nil, time.Time{})
		if !errors.Is(err, store.ErrNotFound) {
			t.Errorf("linked: %v", err)
		}
		if err := w.store.Unlink(ctx, who.Presence(), store.NewGrantID()); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("unlinked: %v", err)
		}
	})
}

// What a provider calls a sign-in may be long past.
func TestOnlyAFreshSignInAtTheProviderCounts(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		old := time.Now().Add(-2 * time.Hour)
		for name, token := range map[string]answer{
			"auth_time of an ID token": w.exchange("web", w.google(socialtest.TokenOptions{Sub: "1", Claims: map[string]any{"auth_time": old.Unix()}}).IDToken, typeIDToken, apiAlone),
			"an old Facebook token":    w.exchange("web", w.facebook(socialtest.TokenOptions{Sub: "2", Debug: map[string]any{"issued_at": old.Unix()}}).AccessToken, typeAccessToken, apiAlone+"&subject_issuer=facebook"),
			"one without a date":       w.exchange("web", w.facebook(socialtest.TokenOptions{Sub: "3", Debug: map[string]any{"issued_at": nil}}).AccessToken, typeAccessToken, apiAlone+"&subject_issuer=facebook"),
		} {
			if token.code != 200 {
				t.Errorf("%s: %d %s", name, token.code, token.text)
			} else if a := w.linkWith(token.str("access_token"), w.google(socialtest.TokenOptions{Sub: "new"}).IDToken); a.code != 401 || a.str("reason") != "interaction_required" {
				t.Errorf("%s links: %d %s", name, a.code, a.text)
			}
		}
	})
}

// Where a provider does not say when the person signed in there, nobody is told
// a time (OpenID Connect Core §2), of any token that descends from it.
func TestNoTimeOfSignInIsMadeUp(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.setClient("web", func(c *clientRow) { c.Scope = append(c.Scope, store.ScopeOpenID) })
		for _, told := range []bool{false, true} {
			at := any(nil)
			if told {
				at = time.Now().Add(-2 * time.Hour).Unix()
			}
			first := w.exchange("web", w.facebook(socialtest.TokenOptions{Sub: "8", Debug: map[string]any{"issued_at": at}}).AccessToken, typeAccessToken, "scope=openid+read&subject_issuer=facebook")
			refreshed := w.refresh("web", first.str("refresh_token"))
			passedOn := w.exchange("web", refreshed.str("access_token"), typeAccessToken, "scope=read")
			again := w.exchange("web", refreshed.str("access_token"), typeAccessToken, "requested_token_type="+typeIDToken)
			for name, token := range map[string]string{"first": first.str("id_token"), "refreshed": refreshed.str("id_token"), "exchanged": again.str("access_token")} {
				var claims map[string]any
				if err := w.judge(token, "web").Claims(&claims); err != nil {
					t.Fatal(err)
				}
				if _, is := claims["auth_time"]; is != told {
					t.Errorf("%s ID token, told %v: %v", name, told, claims)
				}
			}
			for name, token := range map[string]string{"access token": refreshed.str("access_token"), "passed on": passedOn.str("access_token"), "refresh token": refreshed.str("refresh_token")} {
				a := w.introspect(token)
				if name == "refresh token" {
					a = w.post("/oauth2/introspect", "web", url.Values{"token": {token}})
				}
				if got, is := a.body["auth_time"]; a.body["active"] != true || is != told || told && got != float64(at.(int64)) {
					t.Errorf("introspection of %s, told %v: %s", name, told, a.text)
				}
			}
		}
	})
}

func TestTheLastWayInStays(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		bare := w.exchange("web", w.google(socialtest.TokenOptions{Sub: "1", Email: "bare@example.com"}).IDToken, typeIDToken, apiAlone)
		token := bare.str("access_token")
		if a := w.linkWith(token, w.google(socialtest.TokenOptions{Sub: "2"}).IDToken); a.code != 201 {
			t.Fatalf("%d %s", a.code, a.text)
		}
		items, _ := w.call("GET", "/account/identities", token, "", "").body["items"].([]any)
		var wg sync.WaitGroup
		var mu sync.Mutex
		codes := map[int]int{}
		for range 6 { // both at once, again and again
			for _, item := range items {
				id := item.(map[string]any)["id"].(string)
				wg.Go(func() {
					a := w.call("DELETE", "/account/identities/"+id, token, "", "")
					mu.Lock()
					defer mu.Unlock()
					codes[a.code]++
				})
			}
		}
		wg.Wait()
		if codes[204] != 1 || codes[409] == 0 || codes[500]+codes[503] > 0 {
			t.Errorf("%v", codes)
		}
		if n := w.count(`SELECT count(*) FROM identities`); n != 1 {
			t.Errorf("%d identities are left", n)
		}
	})
}

func TestDeauthorizeEndsSignInsByThatIdentity(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := context.Background()
		fay := socialtest.TokenOptions{Sub: "1509", NoEmail: true}
		first := w.exchange("web", w.facebook(fay).AccessToken, typeAccessToken, "subject_issuer=facebook")
		identity, err := w.store.Identities(ctx, w.introspect(first.str("access_token")).str("sub"))
		if err != nil || len(identity) != 1 {
			t.Fatal(identity, err)
		}
		post := func(path, request string) answer {
			return w.call("POST", path, "", "application/x-www-form-urlencoded", url.Values{"signed_request": {request}}.Encode())
		}
		good := standIns.facebook.SignedRequest(*identity[0].Subject)
		for name, a := range map[string]answer{
			"forged":            post("/providers/facebook/deauthorize", "x"+good),
			"without signature": post("/providers/facebook/deauthorize", strings.SplitN(good, ".", 2)[1]),
			"missing":           post("/providers/facebook/deauthorize", ""),
			"google":            post("/providers/google/deauthorize", good),
			"unknown provider":  post("/providers/nobody/deauthorize", good),
		} {
			if a.code/100 != 4 {
				t.Errorf("%s: %d %s", name, a.code, a.text)
			}
		}
		if !w.active(first.str("access_token")) {
			t.Fatal("a forged request ended the sign-in")
		}
		if a := post("/providers/facebook/deauthorize", good); a.code != 200 {
			t.Errorf("%d %s", a.code, a.text)
		}
		if w.active(first.str("access_token")) {
			t.Error("the sign-in lives on")
		}
		if a := post("/providers/facebook/deauthorize", standIns.facebook.SignedRequest("999")); a.code != 200 {
			t.Errorf("somebody unknown: %d %s", a.code, a.text)
		}
		if a := w.exchange("web", w.facebook(fay).AccessToken, typeAccessToken, "subject_issuer=facebook"); a.code != 200 {
			t.Errorf("signing in again: %d %s", a.code, a.text)
		}
		if n := w.count(`SELECT count(*) FROM audit WHERE action = 'identity.end'`); n != 1 {
			t.Errorf("%d audit rows", n)
		}
	})
}

// A thousand clients of one provider: what it costs is counted, not timed.
func TestExchangeStatements(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		if !strings.HasSuffix(t.Name(), "postgres") {
			return // there the statements are counted
		}
		w.googleSignIn("1", "a@gmail.com", true, "")
		idToken := w.google(socialtest.TokenOptions{Sub: "1", Email: "a@gmail.com"}).IDToken
		own := w.login("web").str("access_token")
		if _, err := w.store.Client(context.Background(), "web"); err != nil {
			t.Fatal(err)
		}
		w.queries.take()
		if a := w.exchange("web", idToken, typeIDToken, ""); a.code != 200 || w.queries.take() != 2 {
			t.Errorf("an ID token of somebody known: %d %s", a.code, a.text)
		}
		if a := w.exchange("web", own, typeAccessToken, ""); a.code != 200 || w.queries.take() != 2 {
			t.Errorf("an own token: %d %s", a.code, a.text)
		}
	})
}
