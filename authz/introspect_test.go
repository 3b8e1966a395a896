package authz

import (
	"context"
	"encoding/json"
	"net/url"
	"strings"
	"testing"
	"time"

	"gatehouse/store"
)

func TestIntrospectionTellsWhatATokenIs(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		a := w.login("web")
		got := w.introspect(a.str("access_token"))
		now := float64(w.store.Now().Unix())
		for member, want := range map[string]any{
			"active": true, "scope": "read write", "client_id": "web", "username": email, "token_type": "Bearer",
			"sub": w.account.ID, "sub_type": "account", "iss": "https://id.example.com",
		} {
			if got.body[member] != want {
				t.Errorf("%s: %v, want %v", member, got.body[member], want)
			}
		}
		for member, want := range map[string]float64{"iat": now, "nbf": now, "auth_time": now, "exp": now + 900} {
			if at, _ := got.body[member].(float64); at < want-2 || at > want+2 {
				t.Errorf("%s: %v, want %v", member, at, want)
			}
		}
		if aud, _ := json.Marshal(got.body["aud"]); string(aud) != `["https://api.example.com","https://other.example.com"]` {
			t.Errorf("aud: %s", aud)
		}
		if got.str("jti") == "" || got.str("grant_id") == "" || strings.Contains(a.str("access_token"), got.str("jti")) {
			t.Error(got.text)
		}
		if got.header.Get("Cache-Control") != "no-store" || got.header.Get("Content-Type") != "application/json" {
			t.Error(got.header)
		}
		b := w.introspect(w.token("web", url.Values{"grant_type": {"client_credentials"}}).str("access_token"))
		if b.str("sub") != "web" || b.str("sub_type") != "client" || b.body["username"] != nil || b.body["auth_time"] != nil {
			t.Error(b.text)
		}
	})
}

func TestIntrospectionShowsEachCallerItsOwn(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		a := w.login("web")
		const active, not = `{"active":true`, `{"active":false}`
		for _, tt := range []struct {
			name, caller, token, want string
		}{
			{"owner", "web", a.str("access_token"), active},
			{"audience", "api", a.str("access_token"), active},
			{"sees all", "resource", a.str("access_token"), active},
			{"another audience", "stranger", a.str("access_token"), not},
			{"refresh token by its owner", "web", a.str("refresh_token"), active},
			{"refresh token by a resource server", "api", a.str("refresh_token"), not},
			{"refresh token by one that sees all", "resource", a.str("refresh_token"), not},
			{"garbage", "resource", "x", not},
			{"blank behind", "resource", a.str("access_token") + " ", not},
			{"cut", "resource", a.str("access_token")[:92], not},
			{"signature behind other bytes", "resource", "gth_at_" + strings.Repeat("A", 43) + a.str("access_token")[50:], not},
			{"kind exchanged", "resource", "gth_rt_" + a.str("access_token")[7:], not},
		} {
			got := w.post("/oauth2/introspect", tt.caller, url.Values{"token": {tt.token}})
			if got.code != 200 || !strings.HasPrefix(got.text, tt.want) {
				t.Errorf("%s: %d %s", tt.name, got.code, got.text)
			}
			if tt.want == not && strings.TrimSpace(got.text) != not {
				t.Errorf("%s: inactive tells more: %s", tt.name, got.text)
			}
			if (tt.caller != "resource") == (got.body["grant_id"] != nil) && tt.want == active {
				t.Errorf("%s: grant_id: %s", tt.name, got.text)
			}
		}
		if got := w.post("/oauth2/introspect", "web", url.Values{"token": {a.str("refresh_token")}}); got.str("token_type") == "Bearer" {
			t.Errorf("a refresh token looks like an access token: %s", got.text)
		}
		for _, caller := range []string{"spa", "tutorial"} { // public in fact
			if got := w.post("/oauth2/introspect", caller, url.Values{"token": {a.str("access_token")}}); got.code != 401 || got.str("error") != "invalid_client" {
				t.Errorf("%s: %d %s", caller, got.code, got.text)
			}
		}
		w.clock.move(16 * time.Minute)
		if w.active(a.str("access_token")) {
			t.Error("active after its end")
		}
	})
}

func TestIntrospectionEscapesWhatPeopleType(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		const odd = "o'brien+&é@example.com"
		if _, err := w.store.CreateUser(context.Background(), store.NewAccount{Email: odd, Username: "o", FirstName: "O", Password: password}); err != nil {
			t.Fatal(err)
		}
		a := w.token("web", url.Values{"grant_type": {"password"}, "username": {odd}, "password": {password}})
		if got := w.introspect(a.str("access_token")); got.str("username") != odd || strings.Contains(got.text, "&") {
			t.Error(got.text)
		}
	})
}

func FuzzAppendString(f *testing.F) {
	for _, seed := range []string{"", `"\`, "\x00\x1f\x7f", "é \u2028", "\xff"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var back string
		if err := json.Unmarshal(appendString(nil, text), &back); err != nil || back != strings.ToValidUTF8(text, "\ufffd") && back != strings.Map(func(r rune) rune { return r }, text) {
			t.Errorf("%q came back as %q, %v", text, back, err)
		}
	})
}

func FuzzVerify(f *testing.F) {
	ring, err := newKeyring([][]byte{[]byte(strings.Repeat("s", 32))})
	if err != nil {
		f.Fatal(err)
	}
	good := ring.mint(accessToken).String()
	f.Add(good)
	f.Add(good + "\n")
	f.Add("gth_rt_" + good[7:])
	f.Fuzz(func(t *testing.T, text string) {
		if tok := ring.verify(text, accessToken, refreshToken); tok != nil && tok.String() != text {
			t.Errorf("%q is taken for %q", text, tok)
		}
	})
}

func TestRevocation(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		revoke := func(client, token string) {
			t.Helper()
			if a := w.post("/oauth2/revoke", client, url.Values{"token": {token}, "token_type_hint": {"nonsense"}}); a.code != 200 || a.text != "" {
				t.Errorf("%d %s", a.code, a.text)
			}
		}
		a, b := w.login("web"), w.login("web")
		for _, token := range []string{"x", "", a.str("access_token") + "x", "gth_at_" + strings.Repeat("A", 43) + a.str("access_token")[50:],
			"gth_rt_" + a.str("access_token")[7:]} {
			w.post("/oauth2/revoke", "web", url.Values{"token": {token}})
		}
		revoke("third", a.str("access_token"))
		revoke("third", a.str("refresh_token"))
		if !w.active(a.str("access_token")) {
			t.Fatal("ended by a forged token or another client")
		}
		revoke("web", a.str("access_token"))
		if w.active(a.str("access_token")) {
			t.Error("a revoked access token is active")
		}
		c := w.refresh("web", a.str("refresh_token"))
		if c.code != 200 {
			t.Errorf("revoking an access token ended its refresh token: %s", c.text)
		}
		revoke("web", a.str("refresh_token")) // spent, and still the family's
		if w.active(c.str("access_token")) {
			t.Error("revoking a spent refresh token left the family's access token")
		}
		if d := w.refresh("web", c.str("refresh_token")); d.code != 400 || d.str("error") != "invalid_grant" {
			t.Errorf("%d %s", d.code, d.text)
		}
		if !w.active(b.str("access_token")) {
			t.Error("another sign-in ended too")
		}
		s := w.login("spa")
		revoke("spa", s.str("refresh_token"))
		if w.active(s.str("access_token")) {
			t.Error("a public client cannot sign out")
		}
	})
}

func TestOperatorTokens(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := context.Background()
		op := w.token("operator", url.Values{"grant_type": {"client_credentials"}, "scope": {"admin"}}).str("access_token")
		if got := w.introspect(op); len(got.body["aud"].([]any)) != 1 || got.body["aud"].([]any)[0] != "https://id.example.com/admin" {
			t.Error(got.text)
		}
		if id, err := w.server.CheckOperator(ctx, op); id != "operator" || err != nil {
			t.Errorf("%q, %v", id, err)
		}
		plain := w.token("operator", url.Values{"grant_type": {"client_credentials"}, "scope": {"read"}}).str("access_token")
		for name, token := range map[string]string{"without the scope": plain, "of a person": w.login("web").str("access_token")} {
			if _, err := w.server.CheckOperator(ctx, token); err != ErrNotOperator {
				t.Errorf("%s: %v", name, err)
			}
		}
		for name, token := range map[string]string{"garbage": "x", "refresh": w.login("web").str("refresh_token")} {
			if _, err := w.server.CheckOperator(ctx, token); err != ErrNotActive {
				t.Errorf("%s: %v", name, err)
			}
		}
		if _, err := w.store.UpdateClient(ctx, "operator", func(c *store.Client) error {
			c.Operator, c.Scope = false, store.Words{"read"}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.server.CheckOperator(ctx, op); err != ErrNotOperator {
			t.Errorf("no operator any more: %v", err)
		}
	})
}
