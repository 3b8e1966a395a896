package api

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"gatehouse/store"
)

func TestRouting(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		for _, tt := range []struct {
			method, target string
			status         int
			allow          string
		}{
			{"GET", "/", 404, ""},
			{"GET", "/accounts/", 404, ""},
			{"GET", "//accounts", 404, ""},
			{"GET", "/accounts/../accounts/me", 404, ""},
			{"GET", "/accounts%2Fme", 404, ""},
			{"GET", "/accounts/me%00", 404, ""},
			{"GET", "/ACCOUNTS/me", 404, ""},
			{"GET", "/accounts/" + w.account.ID, 404, ""},
			{"GET", "/docs", 404, ""},
			{"GET", "/schemas/Account.json", 404, ""},
			{"GET", "/openapi.yaml", 404, ""},
			{"POST", "/nowhere", 404, ""},
			{"PUT", "/accounts", 405, "GET, HEAD, POST"},
			{"OPTIONS", "/accounts", 405, "GET, HEAD, POST"},
			{"DELETE", "/accounts", 405, "GET, HEAD, POST"},
			{"POST", "/accounts/me", 405, "GET, HEAD, PATCH, DELETE"},
			{"PUT", "/accounts/me", 405, "GET, HEAD, PATCH, DELETE"},
			{"TRACE", "/accounts/me", 405, "GET, HEAD, PATCH, DELETE"},
			{"BREW", "/accounts/me", 405, "GET, HEAD, PATCH, DELETE"},
			{"GET", "/accounts/me/password", 405, "POST"},
			{"HEAD", "/accounts/me/password", 405, "POST"},
			{"POST", "/openapi.json", 405, "GET, HEAD"},
			{"POST", "/livez", 405, "GET, HEAD"},
		} {
			a := w.do(tt.method, tt.target, "rw", "")
			a.problem(tt.status, map[int]string{404: "not_found", 405: "method_not_allowed"}[tt.status])
			if got := a.Header().Get("Allow"); got != tt.allow {
				t.Errorf("%s %s: Allow %q, want %q", tt.method, tt.target, got, tt.allow)
			}
		}
		front := httptest.NewServer(w.server.Handler())
		defer front.Close()
		resp, err := http.Head(front.URL + "/livez")
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != 200 {
			t.Errorf("HEAD: %d", resp.StatusCode)
		}
	})
}

func TestHeaders(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ids := map[string]bool{}
		for _, path := range []string{"/accounts/me", "/accounts", "/nowhere", "/livez", "/openapi.json"} {
			h := w.do("GET", path, "r", "", header("X-Request-Id", "theirs")).Header()
			id := h.Get("X-Request-Id")
			if ids[id] || len(id) != 36 {
				t.Errorf("%s: request id %q", path, id)
			}
			ids[id] = true
			for name, want := range map[string]string{"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Cache-Control": "no-store", "Pragma": "no-cache"} {
				if got := h.Get(name); got != want {
					t.Errorf("%s: %s %q", path, name, got)
				}
			}
		}
	})
}

func TestCORS(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.addClient(store.Client{ID: "spa", Type: store.Public, Origins: store.Words{"https://spa.example.com"}})
		for _, tt := range []struct {
			name, method, path, origin, ask, headers string
			status                                   int
			allowed                                  bool
		}{
			{"preflight, configured", "OPTIONS", "/accounts/me", "https://app.example.com", "PATCH", "authorization,content-type", 204, true},
			{"preflight, a client's", "OPTIONS", "/accounts", "https://spa.example.com", "POST", "content-type", 204, true},
			{"preflight, DELETE", "OPTIONS", "/accounts/me", "https://spa.example.com", "DELETE", "authorization", 204, true},
			{"preflight, stranger", "OPTIONS", "/accounts/me", "https://evil.example.com", "GET", "authorization", 204, false},
			{"preflight, null", "OPTIONS", "/accounts/me", "null", "GET", "authorization", 204, false},
			{"preflight, another port", "OPTIONS", "/accounts/me", "https://spa.example.com:444", "GET", "authorization", 204, false},
			{"preflight, a suffix", "OPTIONS", "/accounts/me", "https://spa.example.com.evil.org", "GET", "authorization", 204, false},
			{"preflight, PUT", "OPTIONS", "/accounts/me", "https://app.example.com", "PUT", "", 204, false},
			{"preflight, other header", "OPTIONS", "/accounts/me", "https://app.example.com", "GET", "x-evil", 204, false},
			{"GET, another client's", "GET", "/accounts/me", "https://spa.example.com", "", "", 200, false},
			{"GET, the operator's", "GET", "/accounts/me", "https://app.example.com", "", "", 200, true},
			{"GET, stranger", "GET", "/accounts/me", "https://evil.example.com", "", "", 200, false},
			{"GET, no origin", "GET", "/accounts/me", "", "", "", 200, false},
			{"404", "GET", "/nowhere", "https://app.example.com", "", "", 404, true},
			{"405", "POST", "/accounts/me", "https://app.example.com", "", "", 405, true},
			{"415", "POST", "/accounts", "https://app.example.com", "", "", 415, true},
		} {
			t.Run(tt.name, func(t *testing.T) {
				h := func(r *http.Request) {
					for name, value := range map[string]string{"Origin": tt.origin, "Access-Control-Request-Method": tt.ask, "Access-Control-Request-Headers": tt.headers} {
						if value != "" {
							r.Header.Set(name, value)
						}
					}
				}
				a := w.do(tt.method, tt.path, "rw", "", h)
				want := ""
				if tt.allowed {
					want = tt.origin
				}
				if got := a.Header().Get("Access-Control-Allow-Origin"); a.Code != tt.status || got != want {
					t.Errorf("%d, Access-Control-Allow-Origin %q, want %q", a.Code, got, want)
				}
				if !strings.HasPrefix(a.Header().Get("Vary"), "Origin") || a.Header().Get("Access-Control-Allow-Credentials") != "" {
					t.Errorf("headers %v", a.Header())
				}
				if exposed := a.Header().Get("Access-Control-Expose-Headers"); tt.ask == "" && tt.allowed && exposed != "Www-Authenticate, Retry-After, X-Request-Id" {
					t.Errorf("exposes %q", exposed)
				}
			})
		}
		spa := header("Origin", "https://spa.example.com")
		w.as.issue("its", w.account.ID, "read", map[string]any{"client_id": "spa"})
		if a := w.do("GET", "/accounts/me", "its", "", spa); a.Code != 200 || a.Header().Get("Access-Control-Allow-Origin") == "" {
			t.Errorf("a token of the page's own client: %d %v", a.Code, a.Header())
		}
		w.as.Close()
		for code, a := range map[int]answer{401: w.do("GET", "/accounts/me", "", "", spa), 503: w.do("GET", "/accounts/me", "rw", "", spa)} {
			if a.Code != code || a.Header().Get("Access-Control-Allow-Origin") == "" {
				t.Errorf("%d %v, want %d", a.Code, a.Header(), code)
			}
		}
		w.store.Close() // then the origins known last still are
		for origin, want := range map[string]string{"https://spa.example.com": "https://spa.example.com", "https://evil.example.com": ""} {
			a := w.do("GET", "/livez", "", "", header("Origin", origin))
			if a.Code != 200 || a.Header().Get("Access-Control-Allow-Origin") != want {
				t.Errorf("database down: %d %v", a.Code, a.Header())
			}
		}
	})
}

func TestLog(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.as.issue("gth_at_known", w.account.ID, "read write", nil)
		w.log.take()
		for _, tt := range []struct {
			name, method, target, token, body string
			want                              map[string]any
		}{
			{"sign-up", "POST", "/accounts", "", signUp(nil),
				map[string]any{"level": "INFO", "method": "POST", "path": "/accounts", "status": 201.0}},
			{"taken", "POST", "/accounts", "", signUp(nil),
				map[string]any{"level": "INFO", "status": 409.0, "error": "email_taken"}},
			{"unknown member", "POST", "/accounts", "", signUp(map[string]any{"x": "y"}),
				map[string]any{"level": "INFO", "status": 422.0, "error": "validation_failed"}},
			{"short password", "POST", "/accounts", "", signUp(map[string]any{"password": "sEcrEt!"}),
				map[string]any{"level": "INFO", "status": 422.0, "error": "validation_failed"}},
			{"broken", "POST", "/accounts", "", signUp(nil) + "x",
				map[string]any{"level": "INFO", "status": 400.0, "error": "invalid_json"}},
			{"me", "GET", "/accounts/me", "gth_at_known", "",
				map[string]any{"level": "INFO", "status": 200.0, "client": "web", "subject": w.account.ID, "path": "/accounts/me", "address": "198.51.100.7"}},
			{"forged", "GET", "/accounts/me", "gth_at_forged", "",
				map[string]any{"level": "INFO", "status": 401.0, "error": "invalid_token", "cause": "the access token is unknown, expired or revoked"}},
			{"wrong password", "POST", "/accounts/me/password", "gth_at_known", `{"old_password":"sEcrEt!","new_password":"sEcrEt! too, really"}`,
				map[string]any{"level": "INFO", "status": 422.0, "error": "wrong_password"}},
			{"unknown path", "GET", "/Ada@Example.com?x=sEcrEt!", "gth_at_known", "",
				map[string]any{"level": "INFO", "status": 404.0, "path": "(unknown)", "error": "not_found"}},
			{"unknown method", "SECRET", "/accounts", "", "",
				map[string]any{"level": "INFO", "status": 405.0, "method": "(unknown)"}},
		} {
			a := w.do(tt.method, tt.target, tt.token, tt.body, header("X-Forwarded-For", "198.51.100.7"))
			log := w.log.take()
			for _, s := range []string{"gth_", password, "sEcrEt!", "xample.com", "Bearer"} {
				if strings.Contains(log, s) {
					t.Errorf("%s: %q is logged: %s", tt.name, s, log)
				}
			}
			var got map[string]any
			if err := json.Unmarshal([]byte(log), &got); err != nil {
				t.Errorf("%s: not one event: %s", tt.name, log)
				continue
			}
			if got["id"] != a.Header().Get("X-Request-Id") || got["took"] == nil {
				t.Errorf("%s: %s", tt.name, log)
			}
			for name, want := range tt.want {
				if got[name] != want {
					t.Errorf("%s: %s is %v, want %v", tt.name, name, got[name], want)
				}
			}
		}
		w.as.Close()
		w.do("GET", "/accounts/me", "gth_at_known", "")
		if log := w.log.take(); !strings.Contains(log, `"level":"ERROR"`) || !strings.Contains(log, "connection refused") || strings.Count(log, "\n") != 1 {
			t.Errorf("authorization server down: %s", log)
		}
	})
}

func TestPanic(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.log.take()
		handler := w.server.edge(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/late" {
				rw.WriteHeader(200)
			}
			panic(errors.New("a bug"))
		}))
		rec := httptest.NewRecorder()
		handler.ServeHTTP(rec, httptest.NewRequest("GET", "/", nil))
		answer{rec, t}.problem(500, "internal")
		if log := w.log.take(); !strings.Contains(log, "panic: a bug") || !strings.Contains(log, "edge_test.go") || !strings.Contains(log, `"status":500`) {
			t.Errorf("log %s", log)
		}
		if strings.Contains(rec.Body.String(), "bug") {
			t.Errorf("told: %s", rec.Body)
		}
		defer func() {
			if p := recover(); p != http.ErrAbortHandler {
				t.Errorf("a late panic must break the connection: %v", p)
			}
			if log := w.log.take(); !strings.Contains(log, "panic: a bug") {
				t.Errorf("log %s", log)
			}
		}()
		handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/late", nil))
	})
}
