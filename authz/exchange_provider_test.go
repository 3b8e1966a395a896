package authz

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"gatehouse/social"
	"gatehouse/social/socialtest"
	"gatehouse/store"
	"gatehouse/store/storetest"
)

// exchangeForm is a token exchange of one subject token; extra is more of the
// form.
func exchangeForm(token, kind, extra string) url.Values {
	form, _ := url.ParseQuery(extra)
	form.Set("grant_type", store.GrantTokenExchange)
	if token != "" {
		form.Set("subject_token", token)
	}
	if kind != "" {
		form.Set("subject_token_type", kind)
	}
	return form
}

func (w *world) exchange(client, token, kind, extra string) answer {
	w.t.Helper()
	return w.token(client, exchangeForm(token, kind, extra))
}

func TestProvidersTokensSignIn(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		yes := true
		ada := socialtest.TokenOptions{Sub: "1170", Email: "ada.lovelace@gmail.com", EmailVerified: &yes, Name: "Ada Lovelace"}
		accounts := w.count(`SELECT count(*) FROM accounts`)
		var subject string
		for _, tt := range []struct {
			name, client, token, kind, extra string
			refresh                          bool
		}{
			{"ID token", "web", w.google(ada).IDToken, typeIDToken, "", true},
			{"ID token, provider by name", "web", w.google(ada).IDToken, typeIDToken, "subject_issuer=google", true},
			{"ID token, provider by issuer", "web", w.google(ada).IDToken, typeIDToken, "subject_issuer=https://accounts.google.com", true},
			{"jwt", "web", w.google(ada).IDToken, typeJWT, "", true},
			{"public client", "spa", w.google(ada).IDToken, typeIDToken, "", true},
			{"access token", "web", w.google(ada).AccessToken, typeAccessToken, "subject_issuer=google", true},
			{"access token again", "web", w.google(ada).AccessToken, typeAccessToken, "subject_issuer=google", true},
			{"refresh token wanted", "web", w.google(ada).IDToken, typeIDToken, "requested_token_type=" + typeRefreshToken, true},
			{"one scope and audience", "web", w.google(ada).IDToken, typeIDToken, "scope=read&audience=https://api.example.com", true},
		} {
			a := w.exchange(tt.client, tt.token, tt.kind, tt.extra)
			if a.code != 200 || a.str("token_type") != "Bearer" || a.header.Get("Cache-Control") != "no-store" {
				t.Errorf("%s: %d %s", tt.name, a.code, a.text)
				continue
			}
			want := typeAccessToken
			if strings.Contains(tt.extra, "requested_token_type") {
				want = typeRefreshToken
			}
			if (a.str("refresh_token") != "") != tt.refresh || a.str("issued_token_type") != want {
				t.Errorf("%s: %s", tt.name, a.text)
			}
			told := w.introspect(a.str("access_token"))
			if subject == "" {
				subject = told.str("sub")
			}
			if told.str("sub") != subject || told.str("username") != ada.Email || told.str("sub_type") != "account" || told.body["act"] != nil {
				t.Errorf("%s: %s", tt.name, told.text)
			}
			if b := w.refresh(tt.client, a.str("refresh_token")); b.code != 200 {
				t.Errorf("%s: refresh: %d %s", tt.name, b.code, b.text)
			}
		}
		if n := w.count(`SELECT count(*) FROM accounts`); n != accounts+1 {
			t.Errorf("%d accounts, want one more than %d", n, accounts)
		}
		a, err := w.store.Account(context.Background(), subject)
		if err != nil || a.Username != "ada.lovelace" || a.FirstName != "Ada" || a.LastName != "Lovelace" || a.EmailState != store.EmailProven || a.PasswordHash != "" {
			t.Errorf("%+v, %v", a, err)
		}
		if b := w.token("web", url.Values{"grant_type": {"password"}, "username": {ada.Email}, "password": {password}}); b.code != 400 {
			t.Errorf("an account without password: %d %s", b.code, b.text)
		}
	})
}

func TestFacebookTokensSignIn(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		fay := w.facebook(socialtest.TokenOptions{Sub: "1509", Email: "fay@example.com", Name: "Fay Book"})
		for name, a := range map[string]answer{
			"access token": w.exchange("web", fay.AccessToken, typeAccessToken, "subject_issuer=facebook"),
			"ID token":     w.exchange("web", fay.IDToken, typeIDToken, ""),
		} {
			told := w.introspect(a.str("access_token"))
			if a.code != 200 || told.body["username"] != nil {
				t.Errorf("%s: %d %s; %s", name, a.code, a.text, told.text)
			}
		}
		if n := w.count(`SELECT count(*) FROM accounts WHERE email_key IS NULL AND username = 'FayBook' AND first_name = 'Fay' AND last_name = 'Book'`); n != 1 {
			t.Errorf("%d accounts without a login address", n)
		}
		if n := w.count(`SELECT count(*) FROM identities WHERE email = 'fay@example.com' AND NOT verified`); n != 1 {
			t.Errorf("%d identities", n)
		}
		if a := w.exchange("web", w.facebook(socialtest.TokenOptions{Sub: "77", NoEmail: true, Name: "No Mail"}).AccessToken, typeAccessToken, "subject_issuer=facebook"); a.code != 200 {
			t.Errorf("without an address: %d %s", a.code, a.text)
		}
	})
}

// Each refusal has its code, its reason and its words, and leaves nothing.
func TestExchangeIsRefused(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		own := w.login("web")
		short := int64(-60)
		at := func(d time.Duration) time.Time { return time.Now().Add(d) }
		mint := func(o socialtest.TokenOptions) string { return w.google(o).IDToken }
		const google = "subject_issuer=google"
		rows := func() int {
			return w.count(`SELECT (SELECT count(*) FROM accounts) + (SELECT count(*) FROM identities) + (SELECT count(*) FROM grants) + (SELECT count(*) FROM replays)`)
		}
		before := rows()
		for _, tt := range []struct {
			name, client, token, kind, extra string
			err, reason, say                 string
		}{
			{"no subject_token", "web", "", typeIDToken, "", "invalid_request", "", "subject_token is missing"},
			{"no type", "web", mint(socialtest.TokenOptions{}), "", "", "invalid_request", "", "subject_token_type is missing"},
			{"unknown type", "web", mint(socialtest.TokenOptions{}), "urn:x", "", "invalid_request", "", "not supported"},
			{"refresh token", "web", own.str("refresh_token"), typeRefreshToken, "", "invalid_request", "", "grant_type=refresh_token"},
			{"refresh token called an access token", "web", own.str("refresh_token"), typeAccessToken, "", "invalid_request", "", "not an access token"},
			{"JWT called an access token", "web", mint(socialtest.TokenOptions{}), typeAccessToken, google, "invalid_request", "provider_refused", "send subject_token_type " + typeIDToken},
			{"actor without type", "web", own.str("access_token"), typeAccessToken, "actor_token=x", "invalid_request", "", "actor_token_type is missing"},
			{"actor type without actor", "web", own.str("access_token"), typeAccessToken, "actor_token_type=" + typeAccessToken, "invalid_request", "", "no actor_token"},
			{"actor for a provider's token", "web", mint(socialtest.TokenOptions{}), typeIDToken, "actor_token=x&actor_token_type=" + typeAccessToken, "invalid_request", "", "access token of this server"},
			{"requested_issuer", "web", mint(socialtest.TokenOptions{}), typeIDToken, "requested_issuer=google", "invalid_request", "", "requested_issuer"},
			{"ID token wanted", "web", mint(socialtest.TokenOptions{}), typeIDToken, "requested_token_type=" + typeIDToken, "invalid_request", "", "for an access token of this server alone"},
			{"JWT wanted", "web", mint(socialtest.TokenOptions{}), typeIDToken, "requested_token_type=" + typeJWT, "invalid_request", "", "requested_token_type is not supported"},
			{"refresh token wanted without the grant", "plain", mint(socialtest.TokenOptions{}), typeIDToken, "requested_token_type=" + typeRefreshToken, "invalid_request", "", "not registered for refresh tokens"},
			{"unknown provider", "web", mint(socialtest.TokenOptions{}), typeIDToken, "subject_issuer=nobody", "invalid_request", "provider_refused", "subject_issuer is not accepted for this client"},
			{"provider barred for the client", "plain", w.facebook(socialtest.TokenOptions{}).AccessToken, typeAccessToken, "subject_issuer=facebook", "invalid_request", "provider_refused", "not accepted for this client"},
			{"client without the grant", "third", mint(socialtest.TokenOptions{}), typeIDToken, "", "unauthorized_client", "", ""},
			{"unknown audience", "web", mint(socialtest.TokenOptions{}), typeIDToken, "audience=https://evil.example.com", "invalid_target", "", ""},
			{"unknown resource", "web", mint(socialtest.TokenOptions{}), typeIDToken, "resource=https://evil.example.com", "invalid_target", "", ""},
			{"unknown scope", "web", mint(socialtest.TokenOptions{}), typeIDToken, "scope=fly", "invalid_scope", "", ""},
			{"scope admin", "web", mint(socialtest.TokenOptions{}), typeIDToken, "scope=admin", "invalid_scope", "", ""},
			{"issued to another app", "web", mint(socialtest.TokenOptions{Aud: "other.apps.googleusercontent.com"}), typeIDToken, "", "invalid_request", "audience", "issued to client other.apps.googleusercontent.com, not to one of the 2 accepted"},
			{"audience barred for the client", "plain", mint(socialtest.TokenOptions{}), typeIDToken, "", "invalid_request", "audience", "not to the one accepted"},
			{"access token of another app", "web", w.google(socialtest.TokenOptions{Aud: "other.apps.googleusercontent.com"}).AccessToken, typeAccessToken, google, "invalid_request", "audience", "issued to client other"},
			{"unknown access token", "web", "ya29.unknown", typeAccessToken, google, "invalid_request", "provider_refused", "google token"},
			{"expired", "web", mint(socialtest.TokenOptions{ExpiresIn: &short}), typeIDToken, "", "invalid_request", "expired", "the google token expired at"},
			{"too old", "web", mint(socialtest.TokenOptions{IssuedAt: at(-20 * time.Minute)}), typeIDToken, "", "invalid_request", "expired", "google token"},
			{"not yet valid", "web", mint(socialtest.TokenOptions{NotBefore: at(10 * time.Minute)}), typeIDToken, "", "invalid_request", "provider_refused", "google token"},
			{"wrong issuer", "web", mint(socialtest.TokenOptions{Issuer: "https://evil.example.com"}), typeIDToken, google, "invalid_request", "provider_refused", "google token"},
			{"issuer nobody knows", "web", mint(socialtest.TokenOptions{Issuer: "https://evil.example.com"}), typeIDToken, "", "invalid_request", "provider_refused", "issuer of the subject_token is not accepted"},
			{"alg none", "web", mint(socialtest.TokenOptions{Alg: "none"}), typeIDToken, "", "invalid_request", "provider_refused", "could not be verified"},
			{"HS256 by the public key", "web", mint(socialtest.TokenOptions{Alg: "HS256"}), typeIDToken, "", "invalid_request", "provider_refused", "could not be verified"},
			{"unknown kid", "web", mint(socialtest.TokenOptions{Kid: "nobody"}), typeIDToken, "", "invalid_request", "provider_refused", "could not be verified"},
			{"JSON serialisation", "web", mint(socialtest.TokenOptions{JSON: true}), typeIDToken, google, "invalid_request", "provider_refused", "google token"},
			{"two audiences without azp", "web", mint(socialtest.TokenOptions{Claims: map[string]any{"aud": []string{webAudience, androidAudience}, "azp": nil}}), typeIDToken, "", "invalid_request", "audience", "google token"},
			{"wrong nonce", "web", mint(socialtest.TokenOptions{Nonce: "a"}), typeIDToken, "nonce=b", "invalid_request", "provider_refused", "does not match the nonce"},
			{"nonce that is not there", "web", mint(socialtest.TokenOptions{}), typeIDToken, "nonce=b", "invalid_request", "provider_refused", "nonce"},
			{"facebook token of another app", "web", w.facebook(socialtest.TokenOptions{Aud: "999"}).AccessToken, typeAccessToken, "subject_issuer=facebook", "invalid_request", "audience", "the facebook token was issued to another app"},
			{"facebook ID token of another app", "web", w.facebook(socialtest.TokenOptions{Aud: "999"}).IDToken, typeIDToken, "", "invalid_request", "audience", "facebook token"},
			{"dead facebook token", "web", w.facebook(socialtest.TokenOptions{ExpiresIn: &short}).AccessToken, typeAccessToken, "subject_issuer=facebook", "invalid_request", "expired", "facebook token"},
			{"own token with a provider's name", "web", own.str("access_token"), typeAccessToken, google, "invalid_request", "provider_refused", "google token"},
			{"own token called an ID token", "web", own.str("access_token"), typeIDToken, "subject_issuer=https://id.example.com", "invalid_request", "", "own tokens"},
			{"ID token with our issuer", "web", mint(socialtest.TokenOptions{Issuer: "https://id.example.com"}), typeIDToken, "", "invalid_request", "", "own tokens"},
			{"empty JWT", "web", "..", typeIDToken, "", "invalid_request", "provider_refused", "not accepted"},
			{"garbage", "web", "x", typeIDToken, google, "invalid_request", "provider_refused", "google token"},
			{"too long", "web", strings.Repeat("e", 17<<10), typeIDToken, google, "invalid_request", "", "too long"},
		} {
			a := w.exchange(tt.client, tt.token, tt.kind, tt.extra)
			if a.code != 400 || a.str("error") != tt.err || a.str("reason") != tt.reason || !strings.Contains(strings.ToLower(a.str("error_description")), strings.ToLower(tt.say)) {
				t.Errorf("%s: %d %s; want %s %s …%s…", tt.name, a.code, a.text, tt.err, tt.reason, tt.say)
			}
			if strings.Contains(a.text, facebookSecret) || strings.Contains(a.text, facebookApp) {
				t.Errorf("%s tells too much: %s", tt.name, a.text)
			}
		}
		if n := rows(); n != before {
			t.Errorf("%d rows came of it", n-before)
		}
	})
}

func TestNonceIsTheRawOneOrItsHash(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		token := w.google(socialtest.TokenOptions{Nonce: "a-nonce"}).IDToken
		if a := w.exchange("web", token, typeIDToken, "nonce=a-nonce"); a.code != 200 {
			t.Errorf("%d %s", a.code, a.text)
		}
	})
}

// What goes wrong at the provider is never told as a fault of the token.
func TestProviderFaultsAreTemporary(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		testProviders(t)
		defer standIns.google.SetFault("ok")
		defer standIns.facebook.SetFault("ok")
		for _, mode := range []string{"down", "rate_limited", "garbage", "slow", "huge", "reset", "false"} {
			cfg := social.Config{CallTimeout: 200 * time.Millisecond, TotalTimeout: 500 * time.Millisecond}
			s, err := New(Config{Issuer: "https://id.example.com", Secrets: [][]byte{[]byte(strings.Repeat("s", 32))},
				Providers: []social.Provider{newTestProvider(t, "google", cfg), newTestProvider(t, "facebook", cfg)}}, w.store)
			if err != nil {
				t.Fatal(err)
			}
			w.http = httptest.NewServer(s.Handler())
			google, facebook := w.google(socialtest.TokenOptions{}), w.facebook(socialtest.TokenOptions{})
			if err := standIns.google.SetFault(mode); err != nil {
				t.Fatal(err)
			}
			standIns.facebook.SetFault(mode)
			for name, a := range map[string]answer{
				"ID token":       w.exchange("web", google.IDToken, typeIDToken, ""),
				"access token":   w.exchange("web", google.AccessToken, typeAccessToken, "subject_issuer=google"),
				"facebook token": w.exchange("web", facebook.AccessToken, typeAccessToken, "subject_issuer=facebook"),
			} {
				if a.code != 503 || a.str("error") != "temporarily_unavailable" || a.str("reason") != "provider_down" || a.header.Get("Retry-After") == "" {
					t.Errorf("%s, %s: %d %s", mode, name, a.code, a.text)
				}
			}
			standIns.google.SetFault("ok")
			standIns.facebook.SetFault("ok")
			w.http.Close()
		}
		if n := w.count(`SELECT count(*) FROM identities`); n != 0 {
			t.Errorf("%d identities", n)
		}
	})
}

func TestIDTokensAreSingleUse(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		token := w.google(socialtest.TokenOptions{Sub: "1"}).IDToken
		first := w.exchange("web", token, typeIDToken, "")
		if first.code != 200 {
			t.Fatalf("%d %s", first.code, first.text)
		}
		if a := w.exchange("spa", token, typeIDToken, ""); a.code != 400 || a.str("reason") != "replayed" || a.str("error") != "invalid_request" {
			t.Errorf("by another client: %d %s", a.code, a.text)
		}
		if !w.active(first.str("access_token")) {
			t.Error("another client's replay ended the first grant")
		}
		w.clock.move(30 * time.Second)
		second := w.exchange("web", token, typeIDToken, "") // it did not get the answer
		if second.code != 200 || w.active(first.str("access_token")) || !w.active(second.str("access_token")) {
			t.Errorf("a retry: %d %s", second.code, second.text)
		}
		w.clock.move(40 * time.Second)
		if a := w.exchange("web", token, typeIDToken, ""); a.code != 400 || a.str("reason") != "replayed" || !strings.Contains(a.str("error_description"), "google") {
			t.Errorf("70 s after the first use: %d %s", a.code, a.text)
		}
		if !w.active(second.str("access_token")) {
			t.Error("a replay ended the grant")
		}
		// A token whose account is gone makes no new one.
		if err := w.store.DeleteAccount(context.Background(), w.introspect(second.str("access_token")).str("sub"), "test"); err != nil {
			t.Fatal(err)
		}
		if a := w.exchange("web", token, typeIDToken, ""); a.str("reason") != "replayed" || w.count(`SELECT count(*) FROM identities`) != 0 {
			t.Errorf("after its account was deleted: %d %s", a.code, a.text)
		}
	})
}

func TestOneTokenManyTimesAtOnceLeavesOneGrant(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.exchange("web", w.google(socialtest.TokenOptions{Sub: "1"}).IDToken, typeIDToken, "")
		for range 3 {
			token := w.google(socialtest.TokenOptions{Sub: "1"}).IDToken
			answers := make([]answer, 16)
			var wg sync.WaitGroup
			for i := range answers {
				wg.Go(func() { answers[i] = w.exchange("web", token, typeIDToken, "") })
			}
			wg.Wait()
			alive := 0
			for _, a := range answers {
				if a.code != 200 {
					t.Errorf("%d %s", a.code, a.text)
				} else if w.active(a.str("access_token")) {
					alive++
				}
			}
			if alive != 1 {
				t.Errorf("%d grants live", alive)
			}
		}
	})
}

// Retries and the end of their client wait for each other in one order.
func TestRetriesBesideADisabledClient(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		for range 6 {
			token := w.google(socialtest.TokenOptions{Sub: "1"}).IDToken
			w.exchange("web", token, typeIDToken, "")
			var wg sync.WaitGroup
			for range 8 {
				wg.Go(func() {
					if a := w.exchange("web", token, typeIDToken, ""); a.code >= 500 {
						t.Errorf("%d %s", a.code, a.text)
					}
				})
			}
			if err := w.store.DisableClient(context.Background(), "web", true); err != nil {
				t.Error(err)
			}
			wg.Wait()
			if err := w.store.DisableClient(context.Background(), "web", false); err != nil {
				t.Error(err)
			}
		}
	})
}

// Tokens that only the provider can judge are counted like passwords.
func TestGuessedAccessTokensAreLimited(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		testProviders(t)
		s, err := New(Config{Issuer: "https://id.example.com", Secrets: [][]byte{[]byte(strings.Repeat("s", 32))}, Providers: testProviders(t),
			Limits: store.Limits{PasswordAddress: store.Limit{Max: 3, Window: 15 * time.Minute}, SignUp: store.Limit{Max: 2, Window: time.Hour}}}, w.store)
		if err != nil {
			t.Fatal(err)
		}
		w.http = httptest.NewServer(s.Handler())
		defer w.http.Close()
		good := w.google(socialtest.TokenOptions{Sub: "1"}).AccessToken
		codes := map[int]int{}
		for i := range 9 {
			token := "ya29.guess"
			if i%3 == 0 {
				token = good // not counted
			}
			codes[w.exchange("web", token, typeAccessToken, "subject_issuer=google").code]++
		}
		if codes[400] != 3 || codes[200] != 2 || codes[429] != 4 {
			t.Errorf("%v", codes)
		}
		w.exchange("web", w.google(socialtest.TokenOptions{Sub: "2"}).IDToken, typeIDToken, "")
		if a := w.exchange("web", w.google(socialtest.TokenOptions{Sub: "3"}).IDToken, typeIDToken, ""); a.code != 429 {
			t.Errorf("the third new account of an address: %d %s", a.code, a.text)
		}
	})
}

// What the database cannot tell is not told as the token's fault.
func TestUnknownUseIsNoReplay(t *testing.T) {
	w := newWorld(t, storetest.Postgres(t))
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, w.url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	if _, err := conn.Exec(ctx, `DROP TABLE replays`); err != nil {
		t.Fatal(err)
	}
	if a := w.exchange("web", w.google(socialtest.TokenOptions{Sub: "1"}).IDToken, typeIDToken, ""); a.code != 503 || a.str("error") != "temporarily_unavailable" {
		t.Errorf("%d %s", a.code, a.text)
	}
	if n := w.count(`SELECT count(*) FROM identities`); n != 0 {
		t.Errorf("%d identities", n)
	}
}

func TestTwoProvidersOfOneIssuerAreRefused(t *testing.T) {
	w := newWorld(t, storetest.SQLite(t))
	list := testProviders(t)
	if _, err := New(Config{Issuer: "https://id.example.com", Secrets: [][]byte{[]byte(strings.Repeat("s", 32))}, Providers: append(list, list[0])}, w.store); err == nil {
		t.Error("accepted")
	}
}

func TestFirstSignInsAtOnceMakeOneAccount(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		yes := true
		before := w.count(`SELECT count(*) FROM accounts`)
		tokens := make([]string, 24)
		for i := range tokens {
			tokens[i] = w.google(socialtest.TokenOptions{Sub: "42", Email: "burst@gmail.com", EmailVerified: &yes}).IDToken
		}
		subjects := sync.Map{}
		var wg sync.WaitGroup
		for _, token := range tokens {
			wg.Go(func() {
				a := w.exchange("web", token, typeIDToken, "")
				if a.code != 200 {
					t.Errorf("%d %s", a.code, a.text)
					return
				}
				subjects.Store(w.introspect(a.str("access_token")).str("sub"), true)
			})
		}
		wg.Wait()
		n := 0
		subjects.Range(func(any, any) bool { n++; return true })
		if got := w.count(`SELECT count(*) FROM accounts`) - before; got != 1 || n != 1 {
			t.Errorf("%d accounts, %d subjects", got, n)
		}
	})
}

func TestAColdKeySetIsFetchedOnce(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		testProviders(t)
		s, err := New(Config{Issuer: "https://id.example.com", Secrets: [][]byte{[]byte(strings.Repeat("s", 32))},
			Providers: []social.Provider{newTestProvider(t, "google", social.Config{CallTimeout: 20 * time.Second, TotalTimeout: 30 * time.Second})}}, w.store)
		if err != nil {
			t.Fatal(err)
		}
		w.http = httptest.NewServer(s.Handler())
		defer w.http.Close()
		before := standIns.google.Requests("/oauth2/v3/certs")
		var wg sync.WaitGroup
		for range 100 {
			token := w.google(socialtest.TokenOptions{Sub: "7"}).IDToken
			wg.Go(func() {
				if a := w.exchange("web", token, typeIDToken, ""); a.code != http.StatusOK {
					t.Errorf("%d %s", a.code, a.text)
				}
			})
		}
		wg.Wait()
		if n := standIns.google.Requests("/oauth2/v3/certs") - before; n != 1 {
			t.Errorf("%d fetches", n)
		}
	})
}
