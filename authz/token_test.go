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

	"gatehouse/store"
	"gatehouse/store/storetest"
)

func TestTokenEndpoint(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		pw := "grant_type=password&username=" + url.QueryEscape(email) + "&password=" + url.QueryEscape(password)
		for _, tt := range []struct {
			name, client, form string
			code               int
			err, scope         string
		}{
			{"password", "web", pw, 200, "", "read write"},
			{"password, address in another case", "web", "grant_type=password&username=DEMO@EXAMPLE.COM&password=" + url.QueryEscape(password), 200, "", "read write"},
			{"password at a public client", "spa", pw, 200, "", "read write"},
			{"password at a client with an exposed secret", "tutorial", pw, 200, "", "read write"},
			{"narrower scope", "web", pw + "&scope=read", 200, "", "read"},
			{"scope beyond the default", "web", pw + "&scope=more+read", 200, "", "more read"},
			{"unknown scope", "web", pw + "&scope=read+fly", 400, "invalid_scope", ""},
			{"no default scope", "operator", "grant_type=client_credentials", 400, "invalid_scope", ""},
			{"one audience", "web", pw + "&audience=https://api.example.com", 200, "", "read write"},
			{"one resource", "web", pw + "&resource=https://api.example.com", 200, "", "read write"},
			{"parameters without a value", "web", pw + "&scope=&audience=&resource=&client_id=&client_secret=&client_assertion=", 200, "", "read write"},
			{"unknown parameter", "web", pw + "&" + strings.Repeat("x", 300) + "=1", 200, "", "read write"},
			{"unknown audience", "web", pw + "&audience=https://evil.example.com", 400, "invalid_target", ""},
			{"resource with fragment", "web", pw + "&resource=https://api.example.com%23x", 400, "invalid_target", ""},
			{"resource that is relative", "web", pw + "&resource=api", 400, "invalid_target", ""},
			{"wrong password", "web", pw + "x", 400, "invalid_grant", ""},
			{"unknown account", "web", "grant_type=password&username=nobody@example.com&password=x", 400, "invalid_grant", ""},
			{"no username", "web", "grant_type=password&password=x", 400, "invalid_request", ""},
			{"blank password", "web", "grant_type=password&username=x&password=", 400, "invalid_request", ""},
			{"grant not registered", "third", pw, 400, "unauthorized_client", ""},
			{"client credentials", "web", "grant_type=client_credentials", 200, "", "read write"},
			{"client credentials of a public client", "spa", "grant_type=client_credentials", 400, "unauthorized_client", ""},
			{"operator", "operator", "grant_type=client_credentials&scope=admin", 200, "", "admin"},
			{"operator names the audience", "operator", "grant_type=client_credentials&scope=admin&resource=https://id.example.com/admin", 200, "", "admin"},
			{"scope admin by password", "operator", pw + "&scope=admin", 400, "invalid_scope", ""},
			{"scope admin by another client", "web", "grant_type=client_credentials&scope=admin", 400, "invalid_scope", ""},
			{"admin token for another audience", "operator", "grant_type=client_credentials&scope=admin&audience=https://api.example.com", 400, "invalid_target", ""},
			{"no grant type", "web", "scope=read", 400, "invalid_request", ""},
			{"unknown grant type", "web", "grant_type=magic", 400, "unsupported_grant_type", ""},
			{"two grant types", "web", "grant_type=password+refresh_token", 400, "unsupported_grant_type", ""},
			{"code at a client without the grant", "web", "grant_type=authorization_code&code=x", 400, "unauthorized_client", ""},
			{"unknown client", "nobody", pw, 401, "invalid_client", ""},
		} {
			form, _ := url.ParseQuery(tt.form)
			a := w.token(tt.client, form)
			if a.code != tt.code || a.str("error") != tt.err || a.str("scope") != tt.scope {
				t.Errorf("%s: got %d %s; want %d %s %s", tt.name, a.code, a.text, tt.code, tt.err, tt.scope)
			}
			if got := a.header.Get("Cache-Control") + a.header.Get("Pragma"); got != "no-storeno-cache" {
				t.Errorf("%s: caching: %q", tt.name, got)
			}
			if a.code == 200 && (a.str("token_type") != "Bearer" || a.body["expires_in"].(float64) > 900 || a.body["expires_in"].(float64) < 880) {
				t.Errorf("%s: %s", tt.name, a.text)
			}
			if a.code != 200 && a.str("error_description") == "" {
				t.Errorf("%s: no description: %s", tt.name, a.text)
			}
			if wants := tt.client != "operator" && strings.HasPrefix(tt.form, "grant_type=password"); a.code == 200 && wants != (a.str("refresh_token") != "") {
				t.Errorf("%s: refresh token: %s", tt.name, a.text)
			}
		}
	})
}

func TestWrongUnknownAndDeactivatedAreOneAnswer(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := context.Background()
		gone, err := w.store.CreateUser(ctx, store.NewAccount{Email: "gone@example.com", Username: "gone", FirstName: "G", Password: password})
		if err != nil {
			t.Fatal(err)
		}
		if err := w.store.Deactivate(ctx, gone.ID); err != nil {
			t.Fatal(err)
		}
		attempt := func(username, pass string) string {
			return w.token("web", url.Values{"grant_type": {"password"}, "username": {username}, "password": {pass}}).text
		}
		want := attempt(email, "wrong")
		if !strings.Contains(want, "Invalid credentials given.") {
			t.Error(want)
		}
		for name, got := range map[string]string{
			"unknown": attempt("nobody@example.com", password), "deactivated": attempt("gone@example.com", password),
		} {
			if got != want {
				t.Errorf("%s: %s, want %s", name, got, want)
			}
		}
		// Each of them asks for a hash: with no worker free and no queue all are told to wait.
		resume := w.store.Hasher().Pause()
		defer resume()
		for _, username := range []string{email, "nobody@example.com", "gone@example.com"} {
			ctx, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
			_, err := w.store.Login(w.store.Begin(ctx), testLimits, username, password, "192.0.2.1")
			cancel()
			if err == nil || err == store.ErrWrongPassword {
				t.Errorf("%s: answered without a hash: %v", username, err)
			}
		}
	})
}

func TestPasswordFailuresAreLimited(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		attempt := func(username, pass string) answer {
			return w.token("web", url.Values{"grant_type": {"password"}, "username": {username}, "password": {pass}})
		}
		for range 15 { // a success is no failure
			if a := attempt(email, password); a.code != 200 {
				t.Fatalf("good password: %d %s", a.code, a.text)
			}
		}
		for _, username := range []string{email, "nobody@example.com"} {
			var wg sync.WaitGroup
			var mu sync.Mutex
			codes := map[int]int{}
			for range 30 { // at once: a burst gets no more than the limit
				wg.Go(func() {
					a := attempt(username, "wrong")
					mu.Lock()
					defer mu.Unlock()
					codes[a.code]++
				})
			}
			wg.Wait()
			if codes[400] > 10 || codes[400] == 0 || codes[400]+codes[429] != 30 {
				t.Errorf("%s: %v, want at most 10 times 400 and otherwise 429", username, codes)
			}
			if a := attempt(username, password); a.code != 429 || a.header.Get("Retry-After") == "" || a.str("error") != "temporarily_unavailable" {
				t.Errorf("%s: %d %s %v", username, a.code, a.text, a.header)
			}
		}
		w.clock.move(31 * time.Minute)
		if a := attempt(email, password); a.code != 200 {
			t.Errorf("after the window: %d %s", a.code, a.text)
		}
	})
}

func TestPasswordFailuresAreLimitedByAddress(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		s, err := New(Config{Issuer: "https://id.example.com", Secrets: [][]byte{[]byte(strings.Repeat("s", 32))},
			Limits: store.Limits{PasswordAddress: store.Limit{Max: 3, Window: 15 * time.Minute}}}, w.store)
		if err != nil {
			t.Fatal(err)
		}
		w.http = httptest.NewServer(s.Handler())
		defer w.http.Close()
		attempt := func(address, username, pass string) int {
			req := mustRequest(w, "/oauth2/token", url.Values{"grant_type": {"password"}, "username": {username}, "password": {pass}}.Encode())
			req.SetBasicAuth("forwarder", secret)
			req.Header.Set("X-Forwarded-For", address)
			return w.send(req).code
		}
		for i, address := range []string{"2001:db8::1", "2001:db8::2", "2001:db8::3:4"} { // one network
			if code := attempt(address, string(rune('a'+i))+"@example.com", "x"); code != 400 {
				t.Errorf("%s: %d", address, code)
			}
		}
		if code := attempt("2001:db8::5", email, password); code != 429 {
			t.Errorf("the fourth from the network: %d", code)
		}
		if code := attempt("2001:db8:0:1::5", email, password); code != 200 {
			t.Errorf("from another network: %d", code)
		}
	})
}

// A client that another process disables or drops may be in this one's memory
// for two seconds, and yet gets nothing.
func TestDisabledClientInMemoryGetsNothing(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := context.Background()
		other := storetest.Open(t, store.Config{URL: w.url})
		cc, pw := url.Values{"grant_type": {"client_credentials"}}, url.Values{"grant_type": {"password"}, "username": {email}, "password": {password}}
		if a := w.token("web", cc); a.code != 200 {
			t.Fatalf("%d %s", a.code, a.text)
		}
		if err := other.DisableClient(ctx, "web", true); err != nil {
			t.Fatal(err)
		}
		before := w.count(`SELECT count(*) FROM grants`)
		if a := w.token("web", cc); a.code != 401 || a.str("error") != "invalid_client" {
			t.Errorf("client_credentials: %d %s", a.code, a.text)
		}
		if a := w.token("web", pw); a.code/100 != 4 {
			t.Errorf("password: %d %s", a.code, a.text)
		}
		if n := w.count(`SELECT count(*) FROM grants`); n != before {
			t.Errorf("%d grants, before %d", n, before)
		}
	})
}

func TestDeletionBeatsClientCredentialsInFlight(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		var wg sync.WaitGroup
		tokens := make(chan string, 1000)
		for range 8 {
			wg.Go(func() {
				for range 12 {
					if a := w.token("web", url.Values{"grant_type": {"client_credentials"}}); a.code == 200 {
						tokens <- a.str("access_token")
					} else if a.code != 401 {
						t.Errorf("%d %s", a.code, a.text)
					}
				}
			})
		}
		time.Sleep(5 * time.Millisecond) // into the middle of them
		if err := w.store.DeleteClient(context.Background(), "web"); err != nil {
			t.Fatal(err)
		}
		wg.Wait()
		close(tokens)
		for token := range tokens {
			if w.active(token) {
				t.Error("a token outlived its client")
			}
		}
	})
}

func TestDeactivationBeatsSignInsInFlight(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := context.Background()
		for name, end := range map[string]func() error{
			"deactivation":    func() error { return w.store.Deactivate(ctx, w.account.ID) },
			"password change": func() error { return w.store.SetPassword(ctx, w.account.ID, password+"!") },
			"disabled client": func() error { return w.store.DisableClient(ctx, "spa", true) },
		} {
			restore := func() {
				w.store.Reactivate(ctx, w.account.ID)
				w.store.SetPassword(ctx, w.account.ID, password)
				w.store.DisableClient(ctx, "spa", false)
			}
			restore()
			var wg sync.WaitGroup
			tokens := make(chan string, 1000)
			for range 8 {
				wg.Go(func() {
					for range 12 {
						a := w.token("spa", url.Values{"grant_type": {"password"}, "username": {email}, "password": {password}})
						switch a.code {
						case 200:
							tokens <- a.str("access_token")
						case 400, 401, 429:
						default:
							t.Errorf("%s: %d %s", name, a.code, a.text)
						}
					}
				})
			}
			time.Sleep(10 * time.Millisecond) // into the middle of them
			if err := end(); err != nil {
				t.Fatal(err)
			}
			// Whatever was told before or while this returned is over now.
			cut := w.store.Now()
			wg.Wait()
			close(tokens)
			for token := range tokens {
				if w.active(token) {
					t.Errorf("%s: a token outlived it (cut at %v)", name, cut)
				}
			}
			restore()
			w.clock.move(time.Hour) // the limits' window
		}
	})
}

func TestSignInThatWaitsForItsHashIsRefusedAfterDeactivation(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		resume := w.store.Hasher().Pause()
		answered := make(chan answer)
		go func() {
			answered <- w.token("web", url.Values{"grant_type": {"password"}, "username": {email}, "password": {password}})
		}()
		for w.count(`SELECT count(*) FROM limits`) < 2 { // it has read the account
			time.Sleep(time.Millisecond)
		}
		if err := w.store.Deactivate(context.Background(), w.account.ID); err != nil {
			t.Fatal(err)
		}
		resume()
		if a := <-answered; a.code != 400 || a.str("error") != "invalid_grant" {
			t.Errorf("got %d %s", a.code, a.text)
		}
		if n := w.count(`SELECT count(*) FROM grants`); n != 0 {
			t.Errorf("%d grants were written", n)
		}
	})
}

func TestHasherQueueIsBounded(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		resume := w.store.Hasher().Pause()
		var wg sync.WaitGroup
		codes := make(chan answer, 1100)
		for range 1100 { // the tests' queue has 1000 places
			wg.Go(func() {
				ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
				defer cancel()
				_, err := w.store.Login(w.store.Begin(ctx), store.Limits{}, "nobody@example.com", "x", "192.0.2.1")
				if f := refusalOf(err); f.status != 0 {
					codes <- answer{code: f.status, header: http.Header{"Retry": {f.retry.String()}}}
				}
			})
		}
		first := <-codes
		if first.code != 503 || first.header.Get("Retry") == "0s" {
			t.Errorf("got %+v", first)
		}
		resume()
		wg.Wait()
	})
}

func TestStatementsPerRequest(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		if !strings.HasSuffix(t.Name(), "postgres") {
			return // counted where each is a round trip; SQLite runs in process
		}
		first := w.login("web")
		pw := url.Values{"grant_type": {"password"}, "username": {email}, "password": {password}}
		w.introspect(first.str("access_token"))
		for _, tt := range []struct {
			name string
			want int
			run  func() answer
		}{
			{"password", 2, func() answer { return w.token("web", pw) }},
			{"refresh", 1, func() answer { return w.refresh("web", first.str("refresh_token")) }},
			{"client credentials", 1, func() answer { return w.token("web", url.Values{"grant_type": {"client_credentials"}}) }},
			{"introspection", 1, func() answer { return w.introspect(first.str("access_token")) }},
			{"introspection of a forged token", 0, func() answer { return w.introspect("gth_at_" + strings.Repeat("A", 86)) }},
			{"refresh with a forged token", 0, func() answer { return w.refresh("web", "gth_rt_"+strings.Repeat("A", 86)) }},
			{"wrong secret", 0, func() answer {
				return w.send(mustRequest(w, "/oauth2/token", "grant_type=client_credentials&client_id=web&client_secret=guess"))
			}},
		} {
			w.queries.take()
			a := tt.run()
			if got := w.queries.take(); got != tt.want {
				t.Errorf("%s: %d statements, want %d (%d %s)", tt.name, got, tt.want, a.code, a.text)
			}
		}
	})
}

func TestNoSecretInTheLog(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		a := w.login("web")
		w.token("web", url.Values{"grant_type": {"password"}, "username": {email}, "password": {"wrong-" + password}})
		b := w.refresh("web", a.str("refresh_token"))
		w.clock.move(grace + time.Second)
		w.refresh("web", a.str("refresh_token"))
		w.introspect(b.str("access_token"))
		w.post("/oauth2/revoke", "web", url.Values{"token": {b.str("refresh_token")}})
		text := w.log.String()
		for name, private := range map[string]string{
			"password": password, "secret": secret, "e-mail": email, "prefix of a token": "gth_",
		} {
			if strings.Contains(text, private) {
				t.Errorf("the log has a %s:\n%s", name, text)
			}
		}
		if lines := strings.Count(text, `"msg":"request"`); lines != 6 {
			t.Errorf("%d events for 6 requests:\n%s", lines, text)
		}
	})
}
