package authz

import (
	"context"
	"encoding/json"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"gatehouse/social/socialtest"
	"gatehouse/store"
)

// passwordToken signs in at a client for one audience.
func (w *world) passwordToken(client, extra string) answer {
	w.t.Helper()
	form, _ := url.ParseQuery(extra)
	form.Set("grant_type", "password")
	form.Set("username", email)
	form.Set("password", password)
	a := w.token(client, form)
	if a.code != 200 {
		w.t.Fatalf("sign-in: %d %s", a.code, a.text)
	}
	return a
}

func TestOwnTokensAreNarrowedAndPassedOn(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		token := w.passwordToken("web", "scope=read+write+more").str("access_token")
		both := "https://api.example.com https://other.example.com"
		for _, tt := range []struct {
			name, client, extra  string
			scope, audience, act string
		}{
			{"all of it", "web", "", "read write more", both, `{"sub":"web"}`},
			{"one scope", "web", "scope=read", "read", both, `{"sub":"web"}`},
			{"one audience", "web", "audience=https://other.example.com", "read write more", "https://other.example.com", `{"sub":"web"}`},
			{"as access token of ours by name", "web", "subject_issuer=https://id.example.com&scope=read", "read", both, `{"sub":"web"}`},
			{"by an API that it names", "backend", "", "read write more", both, `{"sub":"backend"}`},
			{"for the next API", "backend", "resource=https://third.example.com&scope=read", "read", "https://third.example.com", `{"sub":"backend"}`},
			{"as the person", "mask", "scope=read", "read", both, ""},
			{"access token wanted", "web", "requested_token_type=" + typeAccessToken, "read write more", both, `{"sub":"web"}`},
		} {
			a := w.exchange(tt.client, token, typeAccessToken, tt.extra)
			if a.code != 200 || a.str("refresh_token") != "" || a.str("issued_token_type") != typeAccessToken || a.str("scope") != tt.scope {
				t.Errorf("%s: %d %s", tt.name, a.code, a.text)
				continue
			}
			told := w.introspect(a.str("access_token"))
			act := ""
			if told.body["act"] != nil {
				text, _ := json.Marshal(told.body["act"])
				act = string(text)
			}
			if act != tt.act || strings.Join(strs(told.body["aud"]), " ") != tt.audience || told.str("sub") != w.account.ID ||
				told.str("client_id") != tt.client || told.str("username") != email {
				t.Errorf("%s: %s", tt.name, told.text)
			}
		}
	})
}

func strs(list any) (texts []string) {
	items, _ := list.([]any)
	for _, item := range items {
		texts = append(texts, item.(string))
	}
	return texts
}

func TestActorsFormAChain(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		token := w.login("web").str("access_token")
		first := w.exchange("web", token, typeAccessToken, "")
		second := w.exchange("backend", first.str("access_token"), typeAccessToken, "audience=https://other.example.com")
		actor := w.token("backend", url.Values{"grant_type": {"client_credentials"}}).str("access_token")
		third := w.exchange("backend", second.str("access_token"), typeAccessToken,
			"actor_token_type="+typeAccessToken+"&actor_token="+actor)
		told := w.introspect(third.str("access_token"))
		want := map[string]any{"sub": "backend", "act": map[string]any{"sub": "backend", "act": map[string]any{"sub": "web"}}}
		got, _ := json.Marshal(told.body["act"])
		text, _ := json.Marshal(want)
		if string(got) != string(text) {
			t.Errorf("%s, want %s", got, text)
		}
		// A token that was only shown to the client lends it no name.
		if a := w.exchange("web", token, typeAccessToken, "actor_token_type="+typeAccessToken+"&actor_token="+actor); a.code != 400 || a.str("reason") != "audience" {
			t.Errorf("another client's token as actor: %d %s", a.code, a.text)
		}
		// Somebody's token as the actor: a person acts.
		person := w.exchange("web", token, typeAccessToken, "actor_token_type="+typeAccessToken+"&actor_token="+w.login("web").str("access_token"))
		if act, _ := w.introspect(person.str("access_token")).body["act"].(map[string]any); act["sub"] != w.account.ID {
			t.Errorf("a person as actor: %v", act)
		}
		for range 60 {
			a := w.exchange("web", token, typeAccessToken, "")
			if a.code == 400 && strings.Contains(a.text, "too often") {
				return
			}
			if a.code != 200 {
				t.Fatalf("%d %s", a.code, a.text)
			}
			token = a.str("access_token")
		}
		t.Error("the chain has no end")
	})
}

func TestMayActNamesTheOnlyActor(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		sign := func(mayAct any) string {
			a := w.exchange("web", w.google(socialtest.TokenOptions{Sub: "9", Claims: map[string]any{"may_act": mayAct}}).IDToken, typeIDToken, "")
			if a.code != 200 {
				t.Fatalf("%d %s", a.code, a.text)
			}
			return a.str("access_token")
		}
		backend := sign(map[string]any{"sub": "backend"})
		if told := w.introspect(backend); !strings.Contains(told.text, `"may_act":{"sub":"backend"}`) {
			t.Error(told.text)
		}
		if a := w.exchange("backend", backend, typeAccessToken, ""); a.code != 200 {
			t.Errorf("the one it names: %d %s", a.code, a.text)
		}
		for name, a := range map[string]answer{
			"another":             w.exchange("web", backend, typeAccessToken, ""),
			"an impersonator":     w.exchange("mask", backend, typeAccessToken, ""),
			"of another issuer":   w.exchange("backend", sign(map[string]any{"sub": "backend", "iss": "https://evil.example.com"}), typeAccessToken, ""),
			"with odd may_act":    w.exchange("backend", sign(map[string]any{"sub": []string{"backend"}}), typeAccessToken, ""),
			"with empty may_act":  w.exchange("backend", sign(map[string]any{}), typeAccessToken, ""),
			"may_act of children": w.exchange("web", w.exchange("backend", backend, typeAccessToken, "").str("access_token"), typeAccessToken, ""),
		} {
			if a.code != 400 || a.str("error") != "invalid_request" {
				t.Errorf("%s: %d %s", name, a.code, a.text)
			}
		}
	})
}

func TestOwnTokenExchangeIsRefused(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := context.Background()
		token := w.passwordToken("web", "audience=https://api.example.com").str("access_token")
		spas := w.login("spa").str("access_token")
		ended := w.login("web").str("access_token")
		w.post("/oauth2/revoke", "web", url.Values{"token": {ended}})
		admin := w.token("operator", url.Values{"grant_type": {"client_credentials"}, "scope": {"admin"}}).str("access_token")
		if _, err := w.store.UpdateClient(ctx, "operator", func(c *store.Client) error {
			c.ExchangeAudiences = store.Words{"https://api.example.com"}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		forged := []byte(token)
		forged[20] ^= 1
		for _, tt := range []struct{ name, client, token, extra, err, reason string }{
			{"by a client that it does not name", "backend", token, "", "invalid_request", "audience"},
			{"a public client narrowing another's", "spa", token, "", "invalid_request", "audience"},
			{"without an audience, by another client", "web", spas, "", "invalid_request", "audience"},
			{"more scope", "web", token, "scope=more", "invalid_scope", ""},
			{"scope admin", "web", token, "scope=admin", "invalid_scope", ""},
			{"admin passed on", "operator", admin, "scope=admin", "invalid_scope", ""},
			{"admin without saying so", "operator", admin, "", "invalid_scope", ""},
			{"unknown audience", "web", token, "audience=https://evil.example.com", "invalid_target", ""},
			{"another audience of the client", "web", token, "audience=https://other.example.com", "invalid_target", ""},
			{"refresh token wanted", "web", token, "requested_token_type=" + typeRefreshToken, "invalid_request", ""},
			{"revoked", "web", ended, "", "invalid_request", "expired"},
			{"forged", "web", string(forged), "", "invalid_request", ""},
			{"with a blank", "web", token + " ", "", "invalid_request", ""},
			{"revoked actor", "web", token, "actor_token_type=" + typeAccessToken + "&actor_token=" + ended, "invalid_request", "expired"},
			{"actor of another client", "web", token, "actor_token_type=" + typeAccessToken + "&actor_token=" + spas, "invalid_request", "audience"},
			{"actor of another type", "web", token, "actor_token_type=" + typeIDToken + "&actor_token=" + spas, "invalid_request", ""},
		} {
			if a := w.exchange(tt.client, tt.token, typeAccessToken, tt.extra); a.code != 400 || a.str("error") != tt.err || a.str("reason") != tt.reason {
				t.Errorf("%s: %d %s; want %s %s", tt.name, a.code, a.text, tt.err, tt.reason)
			}
		}
		// The admin audience is never exchanged for, though registered.
		both := w.passwordToken("web", "audience=https://other.example.com").str("access_token")
		if a := w.exchange("backend", both, typeAccessToken, "audience=https://id.example.com/admin"); a.str("error") != "invalid_target" {
			t.Errorf("the admin audience: %d %s", a.code, a.text)
		}
	})
}

func TestExchangedTokensEndWithTheirRoot(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := context.Background()
		for name, end := range map[string]func(login answer) error{
			"revocation": func(login answer) error {
				w.post("/oauth2/revoke", "web", url.Values{"token": {login.str("refresh_token")}})
				return nil
			},
			"all of the account": func(answer) error { _, err := w.store.RevokeGrants(ctx, w.account.ID, ""); return err },
			"those of the client": func(answer) error {
				_, err := w.store.RevokeGrants(ctx, w.account.ID, "web")
				return err
			},
			"disabled client of the sign-in": func(answer) error {
				defer w.store.DisableClient(ctx, "web", false)
				return w.store.DisableClient(ctx, "web", true)
			},
			"new password": func(answer) error { return w.store.SetPassword(ctx, w.account.ID, password) },
			"time":         func(answer) error { w.clock.move(15 * time.Minute); return nil },
		} {
			login := w.login("web")
			w.clock.move(time.Minute)
			child := w.exchange("backend", login.str("access_token"), typeAccessToken, "audience=https://third.example.com")
			grandchild := w.exchange("backend", child.str("access_token"), typeAccessToken, "scope=read")
			if !w.active(grandchild.str("access_token")) || child.body["expires_in"].(float64) > 840 {
				t.Fatalf("%s: %s; %s", name, child.text, grandchild.text)
			}
			if err := end(login); err != nil {
				t.Fatal(err)
			}
			for _, a := range []answer{login, child, grandchild} {
				if w.active(a.str("access_token")) {
					t.Errorf("%s: a token lives on", name)
				}
			}
		}
	})
}

// A client in the middle of a chain takes with it what others made of its tokens.
func TestDisablingTheMiddleEndsWhatFollows(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		login := w.login("web")
		child := w.exchange("backend", login.str("access_token"), typeAccessToken, "")
		grandchild := w.exchange("mask", child.str("access_token"), typeAccessToken, "")
		if err := w.store.DisableClient(context.Background(), "backend", true); err != nil {
			t.Fatal(err)
		}
		if !w.active(login.str("access_token")) || w.active(child.str("access_token")) || w.active(grandchild.str("access_token")) {
			t.Errorf("the sign-in %v, the child %v, the grandchild %v", w.active(login.str("access_token")), w.active(child.str("access_token")), w.active(grandchild.str("access_token")))
		}
	})
}

func TestRevocationBeatsExchangesInFlight(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		for range 3 {
			login := w.login("web")
			var wg sync.WaitGroup
			tokens := make(chan string, 1000)
			for range 8 {
				wg.Go(func() {
					for range 10 {
						if a := w.exchange("backend", login.str("access_token"), typeAccessToken, ""); a.code == 200 {
							tokens <- a.str("access_token")
						} else if a.code != 400 || a.str("reason") != "expired" {
							t.Errorf("%d %s", a.code, a.text)
						}
					}
				})
			}
			time.Sleep(5 * time.Millisecond) // into the middle of them
			w.post("/oauth2/revoke", "web", url.Values{"token": {login.str("refresh_token")}})
			wg.Wait()
			close(tokens)
			for token := range tokens {
				if w.active(token) {
					t.Error("a child outlived its root")
				}
			}
		}
	})
}
