package authz

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"

	"gatehouse/store"
	"gatehouse/store/storetest"
)

func TestCodeGrant(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		b := w.browser()
		for _, tt := range []struct {
			name    string
			client  string
			changes []string
			want    string // error; empty for a token
		}{
			{"as it should be", "site", nil, ""},
			{"no code", "site", []string{"code", ""}, "invalid_request"},
			{"no verifier", "site", []string{"code_verifier", ""}, "invalid_request"},
			{"another verifier", "site", []string{"code_verifier", strings.Repeat("x", 43)}, "invalid_grant"},
			{"a verifier that is too short", "site", []string{"code_verifier", "short"}, "invalid_grant"},
			{"the challenge as the verifier", "site", []string{"code_verifier", challenge()}, "invalid_grant"},
			{"no address", "site", []string{"redirect_uri", ""}, "invalid_grant"},
			{"another address", "site", []string{"redirect_uri", "https://partner.example.com/cb?x=1"}, "invalid_grant"},
			{"another client, which it was never given to", "partner", nil, "invalid_grant"},
			{"a code that is none", "site", []string{"code", "gth_ac_x"}, "invalid_grant"},
			{"an access token for a code", "site", []string{"code", w.login("web").str("access_token")}, "invalid_grant"},
			{"a resource that it was not given for", "site", []string{"resource", "https://third.example.com"}, "invalid_target"},
			{"one of its resources", "site", []string{"resource", "https://api.example.com"}, ""},
		} {
			a := w.redeem(tt.client, b.code(), tt.changes...)
			if got := a.str("error"); got != tt.want || (tt.want == "") != (a.code == 200) {
				t.Errorf("%s: %d %s", tt.name, a.code, a.text)
			}
		}
		// A wrong guess spends nothing: a thief of the code cannot keep its owner out (RFC 7636 §4.6).
		code := b.code()
		w.redeem("site", code, "code_verifier", strings.Repeat("x", 43))
		if a := w.redeem("site", code); a.code != 200 {
			t.Errorf("after a wrong verifier: %s", a.text)
		}
		code = b.code()
		w.clock.move(codeLife + time.Second)
		if a := w.redeem("site", code); a.str("error") != "invalid_grant" {
			t.Errorf("expired: %s", a.text)
		}
	})
}

// TestPKCECannotBeStripped is the downgrade of RFC 9700 §4.8.2: a code that was
// asked for with a challenge is worth nothing without its verifier, however often
// one tries.
func TestPKCECannotBeStripped(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		code := w.browser().code()
		for _, v := range []string{strings.Repeat("x", 43), "", strings.Repeat("y", 43), ""} {
			if a := w.redeem("site", code, "code_verifier", v); a.code != 400 {
				t.Fatalf("verifier %q: %s", v, a.text)
			}
		}
	})
}

func TestCodeReplayEndsWhatItBegan(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		code := w.browser().code()
		first := w.redeem("site", code)
		if a := w.redeem("partner", code); a.str("error") != "invalid_grant" || !w.active(first.str("access_token")) {
			t.Errorf("somebody else's client: %s", a.text)
		}
		if a := w.redeem("site", code, "code_verifier", strings.Repeat("x", 43)); a.str("error") != "invalid_grant" || !w.active(first.str("access_token")) {
			t.Errorf("who has the code and not its verifier: %s", a.text)
		}
		if a := w.redeem("site", code); a.str("error") != "invalid_grant" || a.str("reason") != "replayed" {
			t.Errorf("%d %s", a.code, a.text)
		}
		if w.active(first.str("access_token")) || w.refresh("site", first.str("refresh_token")).code != 400 {
			t.Error("what the code began lives on")
		}
		w.redeem("site", code)
		if n := w.count(`SELECT count(*) FROM audit WHERE action = 'code.replay'`); n != 1 {
			t.Errorf("%d audit rows", n)
		}
	})
}

func TestCodeRace(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		b := w.browser()
		for range 5 {
			code := b.code()
			answers := make([]answer, 20)
			var all sync.WaitGroup
			for i := range answers {
				all.Go(func() { answers[i] = w.redeem("site", code) })
			}
			all.Wait()
			good := 0
			for _, a := range answers {
				switch {
				case a.code == 200:
					good++
				case a.code != 400 || a.str("error") != "invalid_grant":
					t.Errorf("%d %s", a.code, a.text)
				}
			}
			if good != 1 {
				t.Errorf("%d of 20 got tokens", good)
			}
		}
		if n := w.count(`SELECT count(*) FROM grants WHERE login_session_id IS NOT NULL AND revoked_at IS NULL`); n != 0 {
			t.Errorf("%d grants of codes that two had live on", n)
		}
	})
}

// TestCodeEndsWithItsSignIn has what happens between the code and its exchange.
func TestCodeEndsWithItsSignIn(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := context.Background()
		for name, end := range map[string]func() error{
			"password changed": func() error { return w.store.SetPassword(ctx, w.account.ID, password) },
			"session ended": func() error {
				_, err := w.store.EndLoginSessions(ctx, w.account.ID, "")
				return err
			},
			"client disabled": func() error {
				defer w.store.DisableClient(ctx, "site", false)
				return w.store.DisableClient(ctx, "site", true)
			},
		} {
			code := w.browser().code()
			if err := end(); err != nil {
				t.Fatal(err)
			}
			a := w.redeem("site", code)
			if name == "client disabled" { // it is enabled again: the code is as good as its client
				continue
			}
			if a.str("error") != "invalid_grant" {
				t.Errorf("%s: %d %s", name, a.code, a.text)
			}
		}
	})
}

// TestIDToken lets go-oidc judge: signature, issuer, audience, nonce, at_hash.
func TestIDToken(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		b := w.browser()
		a := w.redeem("site", b.code())
		token := w.judge(a.str("id_token"), "site")
		var claims idToken
		if err := token.Claims(&claims); err != nil {
			t.Fatal(err)
		}
		if token.Nonce != "a nonce" || token.Subject != w.account.ID || token.VerifyAccessToken(a.str("access_token")) != nil {
			t.Errorf("%+v", token)
		}
		if claims.SID == "" || claims.AuthTime == 0 || len(claims.AMR) != 1 || claims.AMR[0] != "pwd" || claims.Email != email || *claims.EmailVerified || claims.GivenName != "Demo" {
			t.Errorf("%+v", claims)
		}
		w.clock.move(time.Minute)
		again := w.refresh("site", a.str("refresh_token"))
		var later idToken
		if err := w.judge(again.str("id_token"), "site").Claims(&later); err != nil {
			t.Fatal(err)
		}
		if later.AuthTime != claims.AuthTime || later.SID != claims.SID || later.Nonce != "" || later.IssuedAt <= claims.IssuedAt || later.Subject != claims.Subject {
			t.Errorf("refreshed: %+v", later)
		}
		only := w.redeem("site", b.code("scope", "openid"))
		var bare idToken
		if err := w.judge(only.str("id_token"), "site").Claims(&bare); err != nil {
			t.Fatal(err)
		}
		if bare.Email != "" || bare.Name != "" || bare.EmailVerified != nil {
			t.Errorf("claims that no scope asked for: %+v", bare)
		}
		if a := w.redeem("site", b.code("scope", "read")); a.str("id_token") != "" {
			t.Error("an ID token without the scope openid")
		}
	})
}

// judge verifies an ID token as a client would.
func (w *world) judge(text, client string) *oidc.IDToken {
	w.t.Helper()
	ctx := context.Background()
	keys := oidc.NewRemoteKeySet(ctx, w.http.URL+"/.well-known/jwks.json")
	token, err := oidc.NewVerifier("https://id.example.com", keys, &oidc.Config{ClientID: client, Now: w.clock.now, SupportedSigningAlgs: []string{"RS256", "ES256"}}).Verify(ctx, text)
	if err != nil {
		w.t.Fatalf("id token: %v", err)
	}
	return token
}

func TestIDTokenByExchange(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		b := w.browser()
		a := w.redeem("site", b.code())
		form := func(changes ...string) url.Values {
			v := url.Values{"grant_type": {store.GrantTokenExchange}, "subject_token": {a.str("access_token")}, "subject_token_type": {typeAccessToken}, "requested_token_type": {typeIDToken}}
			for i := 0; i < len(changes); i += 2 {
				v.Set(changes[i], changes[i+1])
			}
			return v
		}
		page := b.authorize("client_id", "partner")
		partnerCode := b.follow("POST", "/consent", url.Values{"ticket": {page.hidden(t, "ticket")}, "decision": {"allow"}}).arrival(t).Get("code")
		grants := w.count(`SELECT count(*) FROM grants`)
		got := w.token("site", form())
		if got.code != 200 || got.str("issued_token_type") != typeIDToken || got.str("token_type") != "N_A" || got.str("refresh_token") != "" {
			t.Fatalf("%d %s", got.code, got.text)
		}
		var claims idToken
		if err := w.judge(got.str("access_token"), "site").Claims(&claims); err != nil || claims.Email != email || claims.Nonce != "" {
			t.Errorf("%+v %v", claims, err)
		}
		if n := w.count(`SELECT count(*) FROM grants`); n != grants {
			t.Error("a grant was made for it")
		}
		if got := w.token("site", form("scope", "openid")); got.code != 200 {
			t.Errorf("less scope: %s", got.text)
		}
		for name, tt := range map[string]struct {
			client string
			form   url.Values
			want   string
		}{
			"another client":               {"backend", form(), "invalid_request"},
			"a client that anybody can be": {"partner", form("subject_token", w.redeem("partner", partnerCode).str("access_token")), "invalid_request"},
			"more scope":                   {"site", form("scope", "openid more"), "invalid_request"},
			"an audience":                  {"site", form("audience", "https://api.example.com"), "invalid_request"},
			"without openid":               {"site", form("subject_token", w.redeem("site", b.code("scope", "read")).str("access_token")), "invalid_scope"},
			"of a provider's token":        {"web", form("subject_token", "x", "subject_issuer", "google"), "invalid_request"},
		} {
			if got := w.token(tt.client, tt.form); got.code != 400 || got.str("error") != tt.want {
				t.Errorf("%s: %d %s", name, got.code, got.text)
			}
		}
	})
}

// TestCodeForSeveralResources holds RFC 8707 §2.2: what a token is narrowed to
// does not narrow the grant.
func TestCodeForSeveralResources(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		audience := func(a answer) any { return w.introspect(a.str("access_token")).body["aud"] }
		one, other := "https://api.example.com", "https://other.example.com"
		a := w.redeem("site", w.browser().code("scope", "read offline_access"), "resource", one)
		if got := fmt.Sprint(audience(a)); got != "["+one+"]" {
			t.Errorf("narrowed: %s", got)
		}
		b := w.token("site", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {a.str("refresh_token")}, "resource": {other}})
		if got := fmt.Sprint(audience(b)); got != "["+other+"]" {
			t.Errorf("refreshed for the other: %s %s", got, b.text)
		}
		c := w.token("site", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {b.str("refresh_token")}})
		if got := fmt.Sprint(audience(c)); got != "["+one+" "+other+"]" {
			t.Errorf("refreshed for both: %s %s", got, c.text)
		}
	})
}

// TestCodeTellsOfItsOwnSignIn holds that signing in again meanwhile changes
// nothing of a code that is under way.
func TestCodeTellsOfItsOwnSignIn(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		b := w.browser()
		began := w.store.Now()
		code := b.code()
		w.clock.move(30 * time.Second)
		b.signIn(b.authorize("prompt", "login"))
		var claims idToken
		if err := w.judge(w.redeem("site", code).str("id_token"), "site").Claims(&claims); err != nil || claims.AuthTime >= began.Add(20*time.Second).Unix() {
			t.Errorf("%+v %v", claims, err)
		}
	})
}

// TestCodeStatements holds the numbers of the design.
func TestCodeStatements(t *testing.T) {
	w := newWorld(t, storetest.Postgres(t))
	b := w.browser()
	b.code()
	w.redeem("site", b.code())
	w.queries.take()
	code := b.code()
	if n := w.queries.take(); n > 2 {
		t.Errorf("authorize with a session and a trusted client: %d statements", n)
	}
	a := w.redeem("site", code)
	if n := w.queries.take(); n != 2 {
		t.Errorf("code exchange: %d statements", n)
	}
	w.post("/oauth2/userinfo", "", url.Values{"access_token": {a.str("access_token")}})
	if n := w.queries.take(); n != 1 {
		t.Errorf("userinfo: %d statements", n)
	}
	page := b.authorize("client_id", "partner")
	b.follow("POST", "/consent", url.Values{"ticket": {page.hidden(t, "ticket")}, "decision": {"allow"}})
	w.queries.take()
	if got := b.authorize("client_id", "partner").arrival(t); got.Get("code") == "" {
		t.Fatal(got)
	}
	if n := w.queries.take(); n > 3 {
		t.Errorf("authorize with remembered consent: %d statements", n)
	}
}

// TestCodesThatNobodyExchangedGo holds that only codes that were used stay, for
// their replay to be told.
func TestCodesThatNobodyExchangedGo(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		b := w.browser()
		b.code()
		w.redeem("site", b.code())
		w.clock.move(2 * codeLife)
		if _, err := w.store.Purge(context.Background()); err != nil {
			t.Fatal(err)
		}
		if n := w.count(`SELECT count(*) FROM codes`); n != 1 {
			t.Errorf("%d codes are kept", n)
		}
	})
}
