package authz

import (
	"context"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"gatehouse/store"
	"gatehouse/store/storetest"
)

func TestFiftyRefreshesAtOnceGetOnePair(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		for round := range 3 {
			first := w.login("web")
			access := w.count(`SELECT count(*) FROM access_tokens`)
			refresh := w.count(`SELECT count(*) FROM refresh_tokens`)
			answers := make([]answer, 50)
			var wg sync.WaitGroup
			for i := range answers {
				wg.Go(func() { answers[i] = w.refresh("web", first.str("refresh_token")) })
			}
			wg.Wait()
			pairs := map[string]int{}
			for _, a := range answers {
				pairs[a.str("access_token")+" "+a.str("refresh_token")]++
				if a.code != 200 || a.str("scope") != "read write" {
					t.Errorf("%d %s", a.code, a.text)
				}
			}
			if len(pairs) != 1 {
				t.Errorf("round %d: %d different pairs", round, len(pairs))
			}
			if n := w.count(`SELECT count(*) FROM access_tokens`) - access; n != 1 {
				t.Errorf("round %d: %d new access rows", round, n)
			}
			if n := w.count(`SELECT count(*) FROM refresh_tokens`) - refresh; n != 1 {
				t.Errorf("round %d: %d successor rows", round, n)
			}
			if w.active(first.str("access_token")) {
				t.Error("the access token issued with the spent token lives")
			}
			if !w.active(answers[0].str("access_token")) {
				t.Error("the new access token does not")
			}
		}
	})
}

func TestRefreshWithinAndAfterTheGrace(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		r0 := w.login("web")
		other := w.login("web")
		r1 := w.refresh("web", r0.str("refresh_token"))
		w.clock.move(10 * time.Second)
		again := w.refresh("web", r0.str("refresh_token"))
		if again.code != 200 || again.str("access_token") != r1.str("access_token") || again.str("refresh_token") != r1.str("refresh_token") {
			t.Errorf("a retry got %d %s, want the pair of %s", again.code, again.text, r1.text)
		}
		if left := again.body["expires_in"].(float64); left < 870 || left > 891 {
			t.Errorf("a retry 10 s later is told %v s", left)
		}
		r2 := w.refresh("web", r1.str("refresh_token"))
		if r2.code != 200 {
			t.Fatalf("%d %s", r2.code, r2.text)
		}
		// R0 after R1 is spent, within the grace: refused, and nothing revoked.
		if a := w.refresh("web", r0.str("refresh_token")); a.code != 400 || a.str("error") != "invalid_grant" {
			t.Errorf("R0 after R1: %d %s", a.code, a.text)
		}
		if !w.active(r2.str("access_token")) {
			t.Error("R0 after R1 within the grace ended the family")
		}
		if a := w.refresh("web", r1.str("refresh_token")); a.str("refresh_token") != r2.str("refresh_token") {
			t.Errorf("R1's own retry: %s", a.text)
		}
		w.clock.move(grace)
		a := w.refresh("web", r0.str("refresh_token"))
		if a.code != 400 || a.str("error") != "invalid_grant" {
			t.Errorf("reuse: %d %s", a.code, a.text)
		}
		if w.active(r2.str("access_token")) {
			t.Error("reuse left an access token of the family alive")
		}
		if a := w.refresh("web", r2.str("refresh_token")); a.code != 400 {
			t.Errorf("reuse left a refresh token of the family alive: %s", a.text)
		}
		if !w.active(other.str("access_token")) {
			t.Error("reuse ended another sign-in of the same account")
		}
		if n := w.count(`SELECT count(*) FROM audit WHERE action = 'refresh_token.reuse'`); n != 1 {
			t.Errorf("%d audit rows", n)
		}
	})
}

// A thief who hangs up at once leaves the same trace.
func TestReuseIsOnRecordEvenIfTheThiefHangsUp(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		first := w.login("web")
		w.refresh("web", first.str("refresh_token"))
		w.clock.move(grace + time.Second)
		p, err := w.store.PresentedRefresh(context.Background(), w.server.keys.verify(first.str("refresh_token"), refreshToken).signature)
		if err != nil {
			t.Fatal(err)
		}
		gone, cancel := context.WithCancel(context.Background())
		cancel()
		if err := w.store.RevokeReused(gone, p, "192.0.2.1"); err != nil {
			t.Error(err)
		}
		if n := w.count(`SELECT count(*) FROM audit WHERE action = 'refresh_token.reuse'`) + w.count(`SELECT count(*) FROM grants WHERE revoked_at IS NOT NULL`); n != 2 {
			t.Errorf("%d of the two rows", n)
		}
	})
}

func TestRefreshWithoutGraceIsStrict(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.store = storetest.Open(t, store.Config{URL: w.url, Now: w.clock.now})
		w.http = httptest.NewServer(w.serve([]byte(strings.Repeat("s", 32))).Handler())
		defer w.http.Close()
		first := w.login("web")
		second := w.refresh("web", first.str("refresh_token"))
		if second.code != 200 {
			t.Fatalf("%d %s", second.code, second.text)
		}
		if a := w.refresh("web", first.str("refresh_token")); a.code != 400 || a.str("error") != "invalid_grant" {
			t.Errorf("the second use: %d %s", a.code, a.text)
		}
		if w.active(second.str("access_token")) {
			t.Error("the family lives on")
		}
	})
}

func TestRetryAfterTheAccessTokensEnd(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		if _, err := w.store.UpdateClient(context.Background(), "web", func(c *store.Client) error { c.AccessTokenLifetime = 1; return nil }); err != nil {
			t.Fatal(err)
		}
		first := w.login("web")
		second := w.refresh("web", first.str("refresh_token"))
		w.clock.move(10 * time.Second)
		if _, err := w.store.Purge(context.Background()); err != nil {
			t.Fatal(err)
		}
		again := w.refresh("web", first.str("refresh_token"))
		if again.code != 200 || again.str("refresh_token") != second.str("refresh_token") || again.body["expires_in"] != 0.0 {
			t.Errorf("%d %s, want the pair of %s", again.code, again.text, second.text)
		}
	})
}

func TestRefreshNeverLosesItsWholeAudience(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		first := w.login("web")
		if _, err := w.store.UpdateClient(context.Background(), "web", func(c *store.Client) error {
			c.Audience = store.Words{"https://new.example.com"}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		if a := w.refresh("web", first.str("refresh_token")); a.code != 400 || a.str("error") != "invalid_target" {
			t.Errorf("%d %s", a.code, a.text)
		}
	})
}

func TestRefreshIsRefused(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		first := w.login("web")
		good := first.str("refresh_token")
		flipped := []byte(good)
		flipped[len(flipped)-1] ^= 1
		for _, tt := range []struct {
			name, client, token, extra, err string
		}{
			{"missing", "web", "", "", "invalid_request"},
			{"another client's", "tutorial", good, "", "invalid_grant"},
			{"an access token", "web", first.str("access_token"), "", "invalid_grant"},
			{"truncated", "web", good[:len(good)-1], "", "invalid_grant"},
			{"with a blank behind", "web", good + " ", "", "invalid_grant"},
			{"with a line break behind", "web", good + "\n", "", "invalid_grant"},
			{"with a line break inside", "web", good[:50] + "\n" + good[51:], "", "invalid_grant"},
			{"padded", "web", good + "==", "", "invalid_grant"},
			{"last character altered", "web", string(flipped), "", "invalid_grant"},
			{"prefix alone", "web", "gth_rt_", "", "invalid_grant"},
			{"prefix of the other kind", "web", "gth_at_" + good[7:], "", "invalid_grant"},
			{"no token at all", "web", "x", "", "invalid_grant"},
			{"scope widened", "web", good, "scope=more", "invalid_scope"},
			{"scope admin", "web", good, "scope=admin", "invalid_scope"},
			{"audience widened", "web", good, "audience=https://evil.example.com", "invalid_target"},
		} {
			form, _ := url.ParseQuery(tt.extra)
			form.Set("grant_type", "refresh_token")
			form.Set("refresh_token", tt.token)
			if a := w.token(tt.client, form); a.code != 400 || a.str("error") != tt.err {
				t.Errorf("%s: %d %s, want %s", tt.name, a.code, a.text, tt.err)
			}
		}
		if a := w.refresh("web", good); a.code != 200 {
			t.Errorf("after all that the token works: %d %s", a.code, a.text)
		}
	})
}

func TestRefreshNarrowsTheAccessTokenAlone(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		first := w.login("web")
		narrow := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {first.str("refresh_token")}, "scope": {"read"},
			"audience": {"https://api.example.com"}}
		a := w.token("web", narrow)
		if a.code != 200 || a.str("scope") != "read" {
			t.Fatalf("%d %s", a.code, a.text)
		}
		if got := w.introspect(a.str("access_token")); got.str("scope") != "read" || len(got.body["aud"].([]any)) != 1 {
			t.Error(got.text)
		}
		// A retry that asks for something else gets the pair as issued, and is told so.
		if again := w.refresh("web", first.str("refresh_token")); again.str("scope") != "read" || again.str("access_token") != a.str("access_token") {
			t.Errorf("retry: %s", again.text)
		}
		if b := w.refresh("web", a.str("refresh_token")); b.str("scope") != "read write" {
			t.Errorf("the next refresh has the grant's scope again (RFC 6749 §6): %s", b.text)
		}
	})
}

func TestRefreshEndsWithItsGrant(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		a := w.login("web")
		for day := 0; day < 80; day += 20 { // sliding: each refresh has 30 days
			if a = w.refresh("web", a.str("refresh_token")); a.code != 200 {
				t.Fatalf("day %d: %d %s", day, a.code, a.text)
			}
			w.clock.move(20 * 24 * time.Hour)
		}
		w.clock.move(10*24*time.Hour - 5*time.Minute)
		if a = w.refresh("web", a.str("refresh_token")); a.code != 200 || a.body["expires_in"].(float64) > 301 {
			t.Fatalf("5 minutes before the end: %d %s", a.code, a.text)
		}
		w.clock.move(6 * time.Minute)
		if a = w.refresh("web", a.str("refresh_token")); a.code != 400 || a.str("reason") != "expired" {
			t.Errorf("after 90 days: %d %s", a.code, a.text)
		}
		b := w.login("web")
		w.clock.move(31 * 24 * time.Hour)
		if b = w.refresh("web", b.str("refresh_token")); b.code != 400 {
			t.Errorf("unused for 31 days: %d %s", b.code, b.text)
		}
	})
}

func TestRefreshWithoutRotation(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		first := w.login("kept")
		second := w.refresh("kept", first.str("refresh_token"))
		if second.code != 200 || second.str("refresh_token") != first.str("refresh_token") || second.str("access_token") == first.str("access_token") {
			t.Errorf("%d %s", second.code, second.text)
		}
		for _, a := range []answer{first, second} {
			if !w.active(a.str("access_token")) {
				t.Error("another tab's access token ended")
			}
		}
		w.post("/oauth2/revoke", "kept", url.Values{"token": {first.str("refresh_token")}})
		if a := w.refresh("kept", first.str("refresh_token")); a.code != 400 {
			t.Errorf("after revocation: %d %s", a.code, a.text)
		}
	})
}

func TestPurgeMakesOldSuccessorsUnderivable(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := context.Background()
		first := w.login("web")
		w.refresh("web", first.str("refresh_token"))
		if _, err := w.store.Purge(ctx); err != nil {
			t.Fatal(err)
		}
		if n := w.count(`SELECT count(*) FROM refresh_tokens WHERE salt IS NULL AND spent_at IS NOT NULL`); n != 0 {
			t.Error("a salt went within the grace")
		}
		w.clock.move(grace + time.Second)
		if _, err := w.store.Purge(ctx); err != nil {
			t.Fatal(err)
		}
		if n := w.count(`SELECT count(*) FROM refresh_tokens WHERE salt IS NULL AND spent_at IS NOT NULL`); n != 1 {
			t.Error("the spent token's salt is still there")
		}
		w.clock.move(91 * 24 * time.Hour)
		if _, err := w.store.Purge(ctx); err != nil {
			t.Fatal(err)
		}
		for _, table := range []string{"grants", "access_tokens", "refresh_tokens", "limits"} {
			if n := w.count(`SELECT count(*) FROM ` + table); n != 0 {
				t.Errorf("%s keeps %d rows after everything has expired", table, n)
			}
		}
	})
}

func TestSystemSecretIsRotatedUnderRefreshesInFlight(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		old, next := []byte(strings.Repeat("s", 32)), []byte(strings.Repeat("n", 32))
		first := w.login("web")
		before := w.refresh("web", first.str("refresh_token"))
		// The next replica already issues under the new secret.
		replica := httptest.NewServer(w.serve(next, old).Handler())
		defer replica.Close()
		home := w.http
		w.http = replica
		if a := w.refresh("web", first.str("refresh_token")); a.str("access_token") != before.str("access_token") {
			t.Errorf("a retry at the other replica: %d %s, want %s", a.code, a.text, before.text)
		}
		second := w.refresh("web", before.str("refresh_token"))
		if second.code != 200 || !w.active(second.str("access_token")) {
			t.Errorf("%d %s", second.code, second.text)
		}
		// A server that knows neither refuses all of it, and changes nothing.
		strange := httptest.NewServer(w.serve([]byte(strings.Repeat("x", 32))).Handler())
		defer strange.Close()
		w.http = strange
		if w.active(second.str("access_token")) {
			t.Error("a server with another secret accepts the token")
		}
		if a := w.refresh("web", second.str("refresh_token")); a.code != 400 || a.str("error") != "invalid_grant" {
			t.Errorf("%d %s", a.code, a.text)
		}
		// The old replica verifies the new one's tokens once it lists the secret too.
		w.http = home
		if w.active(second.str("access_token")) {
			t.Error("verified under a secret that is not on the list")
		}
	})
}

func TestRacingReplicasWithDifferentCurrentSecretsGiveOnePair(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		a, b := []byte(strings.Repeat("s", 32)), []byte(strings.Repeat("n", 32))
		one, two := httptest.NewServer(w.serve(a, b).Handler()), httptest.NewServer(w.serve(b, a).Handler())
		defer one.Close()
		defer two.Close()
		first := w.login("web")
		pairs := map[string]bool{}
		var mu sync.Mutex
		var wg sync.WaitGroup
		for i := range 20 {
			wg.Go(func() {
				req := mustRequest(w, "/oauth2/token", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {first.str("refresh_token")}}.Encode())
				target, _ := url.Parse([]string{one.URL, two.URL}[i%2])
				req.URL.Host = target.Host
				req.SetBasicAuth("web", secret)
				got := w.send(req)
				mu.Lock()
				defer mu.Unlock()
				pairs[got.str("access_token")+got.str("refresh_token")+got.str("error")] = true
			})
		}
		wg.Wait()
		if len(pairs) != 1 {
			t.Errorf("%d different answers: %v", len(pairs), pairs)
		}
		if n := w.count(`SELECT count(*) FROM access_tokens`); n != 2 {
			t.Errorf("%d access rows, want the first and its successor", n)
		}
	})
}

// TestRefreshAsksAgainForWhatWasDropped is a client that always asks for
// offline_access.
func TestRefreshAsksAgainForWhatWasDropped(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		b := w.browser()
		b.code()
		page := b.authorize("client_id", "partner", "scope", "openid offline_access")
		a := w.redeem("partner", b.follow("POST", "/consent", url.Values{"ticket": {page.hidden(t, "ticket")}, "decision": {"allow"}}).arrival(t).Get("code"))
		again := w.token("partner", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {a.str("refresh_token")}, "scope": {"openid offline_access"}})
		if again.code != 200 || again.str("scope") != "openid" {
			t.Errorf("%d %s", again.code, again.text)
		}
	})
}

// TestRefreshSpendsNothingWhereNothingCanBeSigned has keys that cannot be read
// for longer than the grace: nobody is taken for a thief afterwards.
func TestRefreshSpendsNothingWhereNothingCanBeSigned(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		first := w.redeem("site", w.browser().code())
		w.tamper(`UPDATE signing_keys SET kid = kid || 'x'`)
		w.clock.move(10 * time.Second)
		if a := w.refresh("site", first.str("refresh_token")); a.code != 503 {
			t.Fatalf("%d %s", a.code, a.text)
		}
		w.tamper(`UPDATE signing_keys SET kid = substr(kid, 1, length(kid) - 1)`)
		w.clock.move(grace + time.Minute)
		if a := w.refresh("site", first.str("refresh_token")); a.code != 200 || a.str("id_token") == "" {
			t.Errorf("after the grace: %d %s", a.code, a.text)
		}
	})
}
