package api

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gatehouse/store"
	"gatehouse/store/storetest"
)

// signUp is the body of a sign-up, with members replaced; nil leaves one out.
func signUp(changes map[string]any) string {
	m := map[string]any{"email": "Ada@Example.com", "username": "ada", "first_name": "Ada", "last_name": "Lovelace", "password": password}
	for name, value := range changes {
		if m[name] = value; value == nil {
			delete(m, name)
		}
	}
	body, _ := json.Marshal(m)
	return string(body)
}

func TestSignUp(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		a := w.do("POST", "/accounts", "", signUp(map[string]any{"email": "  Ada@Example.com "}), header("X-Forwarded-For", "198.51.100.7"))
		var got map[string]map[string]any
		a.json(&got)
		if a.Code != 201 || a.Header().Get("Location") != "/accounts/me" {
			t.Fatalf("%d %s %v", a.Code, a.Body, a.Header())
		}
		id, _ := got["account"]["id"].(string)
		row, err := w.store.Account(context.Background(), id)
		if err != nil {
			t.Fatal(err)
		}
		want := map[string]map[string]any{
			"account": {"id": id, "email": "Ada@Example.com", "email_verified": false, "username": "ada",
				"first_name": "Ada", "last_name": "Lovelace", "created_at": row.CreatedAt.UTC().Format(time.RFC3339Nano)},
			"token": {"access_token": "gth_at_new", "token_type": "bearer", "expires_in": 900.0,
				"refresh_token": "gth_rt_new", "scope": "read write"},
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
		if user, pass, _ := (&http.Request{Header: w.as.header}).BasicAuth(); user != "web" || pass != secret {
			t.Errorf("signed in by client %s", user)
		}
		wantForm := map[string][]string{"grant_type": {"password"}, "username": {"Ada@Example.com"}, "password": {password}}
		if diff := cmp.Diff(wantForm, w.as.form); diff != "" {
			t.Error(diff)
		}
		if got := w.as.header.Values("X-Forwarded-For"); len(got) != 1 || got[0] != "198.51.100.7" {
			t.Errorf("forwarded for %q", got)
		}

		p := w.do("POST", "/accounts", "", signUp(map[string]any{"email": "ADA@example.COM"})).problem(409, "email_taken")
		if len(p.Errors) != 1 || p.Errors[0].Location != "body.email" {
			t.Errorf("errors %v", p.Errors)
		}
		if n := w.count(); n != 2 {
			t.Errorf("%d accounts", n)
		}
	})
}

func TestSignUpWithoutSignIn(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.configure(func(c *Config) { c.SignInClientID, c.SignInClientSecret = "", "" })
		a := w.do("POST", "/accounts", "", signUp(map[string]any{"last_name": nil}))
		var got map[string]map[string]any
		a.json(&got)
		if a.Code != 201 || len(got) != 1 || got["account"]["last_name"] != "" || w.as.form != nil {
			t.Errorf("%d %s, asked %v", a.Code, a.Body, w.as.form)
		}
	})
}

func TestSignInFails(t *testing.T) {
	const leak = "echo-of-" + password
	for _, tt := range []struct {
		name   string
		token  http.HandlerFunc
		status int
		code   string
	}{
		{"client not allowed", answering(400, `{"error":"unauthorized_client","error_description":"`+leak+`"}`), 502, "sign_in_refused"},
		{"wrong secret", answering(401, `{"error":"invalid_client"}`), 502, "sign_in_refused"},
		{"redirect", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
		}, 502, "sign_in_refused"},
		{"too many", answering(429, `{"error":"temporarily_unavailable"}`), 429, "too_many_requests"},
		{"busy", answering(503, `{"error":"temporarily_unavailable"}`), 503, "temporarily_unavailable"},
		{"broken", answering(500, leak), 503, "temporarily_unavailable"},
		{"nonsense", answering(200, leak), 503, "temporarily_unavailable"},
		{"no token in it", answering(200, `{"token_type":"bearer"}`), 503, "temporarily_unavailable"},
		{"slow", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, 503, "temporarily_unavailable"},
		{"down", nil, 503, "temporarily_unavailable"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			each(t, func(t *testing.T, w *world) {
				w.configure(func(c *Config) { c.HTTPClient = &http.Client{Timeout: 300 * time.Millisecond} })
				w.as.answerToken(tt.token)
				if tt.token == nil {
					w.as.Close()
				}
				w.log.take()
				a := w.do("POST", "/accounts", "", signUp(nil))
				var got struct {
					Account     account
					Token       *token
					SignInError *problem `json:"sign_in_error"`
				}
				a.json(&got)
				if a.Code != 201 || got.Account.Username != "ada" || got.Token != nil || got.SignInError == nil {
					t.Fatalf("%d %s", a.Code, a.Body)
				}
				if p := got.SignInError; p.Status != tt.status || p.Code != tt.code || p.Title == "" || p.Detail == "" {
					t.Errorf("%+v, want %d %s", p, tt.status, tt.code)
				}
				log := w.log.take()
				if !strings.Contains(log, `"error":"`+tt.code+`"`) || strings.Contains(log+a.Body.String(), password) {
					t.Errorf("logged %s, answered %s", log, a.Body)
				}
			})
		})
	}
}

func TestConcurrentSignUps(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		const n = 16
		var wg sync.WaitGroup
		codes := make([]int, n)
		for i := range n {
			wg.Go(func() {
				email := "ada@example.com"
				if i%2 == 0 {
					email = "ADA@example.com"
				}
				codes[i] = w.do("POST", "/accounts", "", signUp(map[string]any{"email": email})).Code
			})
		}
		wg.Wait()
		count := map[int]int{}
		for _, code := range codes {
			count[code]++
		}
		if count[201] != 1 || count[409] != n-1 || w.count() != 2 {
			t.Errorf("%v, %d accounts", count, w.count())
		}
	})
}

// TestBusy: when the hasher's queue is full, the answer is to come back.
func TestBusy(t *testing.T) {
	storetest.Each(t, func(t *testing.T, databaseURL string) {
		w := newWorld(t, databaseURL)
		w.store = storetest.Open(t, store.Config{URL: databaseURL,
			Hasher: store.NewHasher(store.HasherConfig{Workers: 1, Queue: -1, Memory: 32 << 10, Time: 4})})
		w.configure(nil)
		const n = 8
		answers := make([]answer, n)
		var wg sync.WaitGroup
		for i := range n {
			wg.Go(func() {
				answers[i] = w.do("POST", "/accounts", "", signUp(map[string]any{"email": fmt.Sprintf("u%d@example.com", i)}))
			})
		}
		wg.Wait()
		made, busy := 0, 0
		for _, a := range answers {
			if a.Code == 201 {
				made++
				continue
			}
			busy++
			a.problem(503, "temporarily_unavailable")
			if a.Header().Get("Retry-After") != "2" {
				t.Errorf("Retry-After %q", a.Header().Get("Retry-After"))
			}
		}
		if made == 0 || busy == 0 || w.count() != made+1 {
			t.Errorf("%d made, %d busy, %d accounts", made, busy, w.count())
		}
	})
}

func TestSignUpLimit(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.configure(func(c *Config) { c.Limits.SignUp = store.Limit{Max: 2, Window: time.Hour} })
		for i, tt := range []struct {
			from string
			code int
		}{
			{"198.51.100.7", 201},
			{"198.51.100.7", 201},
			{"198.51.100.7", 429},
			{"198.51.100.8", 201},
			{"2001:db8::1", 201},
			{"2001:db8::2", 201},
			{"2001:db8::3", 429}, // one /64 counts as one
			{"2001:db8:0:1::1", 201},
			{"", 201}, // the proxy itself
		} {
			a := w.do("POST", "/accounts", "", signUp(map[string]any{"email": fmt.Sprintf("u%d@example.com", i)}), header("X-Forwarded-For", tt.from))
			if a.Code != tt.code {
				t.Errorf("%d from %q: %d %s", i, tt.from, a.Code, a.Body)
			}
			if tt.code == 429 {
				a.problem(429, "too_many_requests")
				if a.Header().Get("Retry-After") == "" {
					t.Error("no Retry-After")
				}
			}
		}
	})
}

func TestListAccounts(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		for i := range 4 {
			w.addAccount(fmt.Sprintf("u%d@example.com", i), fmt.Sprintf("u%d", i))
		}
		type page struct {
			Items      []account
			NextCursor *string `json:"next_cursor"`
		}
		var names []string
		target, pages := "/accounts?limit=2", 0
		for ; target != ""; pages++ {
			a, p := w.do("GET", target, "rw", ""), page{}
			a.json(&p)
			if a.Code != 200 {
				t.Fatalf("%d %s", a.Code, a.Body)
			}
			for _, item := range p.Items {
				names = append(names, item.Username)
			}
			target = ""
			if p.NextCursor != nil {
				target = "/accounts?limit=2&cursor=" + *p.NextCursor
			}
		}
		if got := strings.Join(names, " "); got != "demo u0 u1 u2 u3" || pages != 3 {
			t.Errorf("%s in %d pages", got, pages)
		}
		if a := w.do("GET", "/accounts?cursor=ffffffff-ffff-7fff-bfff-ffffffffffff", "rw", ""); a.Body.String() != `{"items":[],"next_cursor":null}`+"\n" {
			t.Errorf("after the end: %s", a.Body)
		}

		w.do("GET", "/accounts", "", "").problem(401, "token_required")
		w.do("GET", "/accounts", "r", "").problem(403, "insufficient_scope")
		if a := w.do("GET", "/accounts", "client", ""); a.Code != 200 {
			t.Errorf("a service may list: %d %s", a.Code, a.Body)
		}
		w.configure(func(c *Config) { c.AccountsOpen = true })
		if a := w.do("GET", "/accounts", "", ""); a.Code != 200 {
			t.Errorf("open: %d %s", a.Code, a.Body)
		}
		w.do("GET", "/accounts", "forged", "").problem(401, "invalid_token")
	})
}
