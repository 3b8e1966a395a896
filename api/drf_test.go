package api

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"gatehouse/store"
)

// What the facade answers beside a real authorization server is held by
// cmd/gatehouse/drf_*_test.go, row by row; here is what such a one never says.

func (w *world) configureDRF(change func(*Config)) {
	w.Helper()
	w.configure(func(c *Config) {
		c.DRF, c.DRFClientID, c.DRFClientSecret = true, "tutorial", secret
		if change != nil {
			change(c)
		}
	})
}

// says checks status and the whole JSON body.
func (a answer) says(status int, body string) {
	a.t.Helper()
	if a.Code != status || a.Body.String() != body || a.Header().Get("Content-Type") != "application/json" {
		a.t.Errorf("%d %s %s, want %d %s", a.Code, a.Header().Get("Content-Type"), a.Body, status, body)
	}
}

func TestDRFIsOffUnlessConfigured(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		for _, path := range []string{"/api-auth/token", "/admin/"} {
			w.do("POST", path, "", "{}").problem(404, "not_found")
		}
		for name, change := range map[string]func(*Config){
			"no client": func(c *Config) { c.DRFClientID = "" }, "no secret": func(c *Config) { c.DRFClientSecret = "" },
			"all for some": func(c *Config) { c.DRFAll = "some" },
		} {
			cfg := Config{Issuer: w.as.URL, ClientID: "resource", ClientSecret: secret, Audience: audience, DRF: true, DRFClientID: "t", DRFClientSecret: "s"}
			change(&cfg)
			if _, err := New(cfg, w.store); err == nil || !strings.Contains(err.Error(), "DRF") {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}

const convertBody = `{"grant_type":"convert_token","backend":"%","token":"x","client_id":"web","client_secret":"s"}`

// TestDRFReasons holds each reason that the authorization server can name.
func TestDRFReasons(t *testing.T) {
	const (
		google   = `{"error":"access_denied","error_description":"Your credentials aren't allowed"}`
		facebook = `{"error":"access_denied","error_description":"Authentication process canceled"}`
		busy     = `{"error":"temporarily_unavailable","error_description":"Not possible at the moment. Try again later."}`
	)
	each(t, func(t *testing.T, w *world) {
		w.configureDRF(nil)
		for _, tt := range []struct {
			reason, backend string
			said            http.HandlerFunc
			status          int
			want            string
		}{
			{"provider_refused", "google-oauth2", nil, 400, google},
			{"provider_refused", "facebook", nil, 400, facebook},
			{"audience", "google-identity", nil, 400, google},
			{"expired", "facebook", nil, 400, facebook},
			{"replayed", "google-oauth2", nil, 400, google},
			{"email_unverified", "google-oauth2", nil, 400, google},
			{"interaction_required", "facebook", nil, 400, facebook},
			{"one_to_come", "facebook", nil, 400, facebook},
			{"link_required", "google-oauth2", nil, 400, `{"error":"A user with this email already exists."}`},
			{"account_disabled", "google-oauth2", nil, 400, `{"error":"invalid_grant","error_description":"User inactive or deleted."}`},
			{"provider_down", "facebook", answering(503, `{"error":"temporarily_unavailable","reason":"provider_down"}`), 503, busy},
			{"ours", "facebook", answering(500, `{"error":"server_error"}`), 503, busy},
			{"scope", "facebook", answering(400, `{"error":"invalid_scope","error_description":"no \"scope\""}`), 400, `{"error":"invalid_scope","error_description":"no ?scope?"}`},
			{"limit", "facebook", answering(429, `{"error":"temporarily_unavailable","error_description":"Wait."}`), 429, `{"error":"temporarily_unavailable","error_description":"Wait."}`},
			{"no JSON", "facebook", answering(400, `<html>`), 503, busy},
			{"no error", "facebook", answering(400, `{"error":"<script>"}`), 503, busy},
			{"no token", "facebook", answering(200, `{"token_type":"Bearer"}`), 503, busy},
			{"redirect", "facebook", func(w http.ResponseWriter, r *http.Request) {
				http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
			}, 503, busy},
		} {
			if tt.said == nil {
				tt.said = answering(400, `{"error":"invalid_request","error_description":"x","reason":"`+tt.reason+`"}`)
			}
			w.as.answerToken(tt.said)
			a := w.do("POST", "/api-auth/convert-token", "", strings.ReplaceAll(convertBody, "%", tt.backend))
			t.Run(tt.reason+" "+tt.backend, func(t *testing.T) { answer{a.ResponseRecorder, t}.says(tt.status, tt.want) })
			if (a.Header().Get("Retry-After") != "") != (tt.status == 429 || tt.status == 503) {
				t.Errorf("%s: Retry-After %q", tt.reason, a.Header().Get("Retry-After"))
			}
		}
	})
}

// A login that is good stays one if only the user cannot be told of.
func TestDRFUserIsNotKnown(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.configureDRF(nil)
		const pair = `"access_token":"gth_at_new","expires_in":900,"token_type":"bearer","scope":"read write","refresh_token":"gth_rt_new"`
		body := strings.ReplaceAll(convertBody, "%", "facebook")
		w.do("POST", "/api-auth/convert-token", "", body).says(200, "{"+pair+"}")
		w.as.issue("gth_at_new", w.account.ID, "read", map[string]any{"aud": "https://other.example.com"})
		w.do("POST", "/api-auth/convert-token", "", body).says(200, "{"+pair+"}")
		w.as.issue("gth_at_new", store.NewGrantID(), "read", nil)
		w.do("POST", "/api-auth/convert-token", "", body).says(200, "{"+pair+"}")
		w.as.issue("gth_at_new", w.account.ID, "read", nil)
		w.do("POST", "/api-auth/convert-token", "", body).says(200, "{"+pair+`,"user":{"email":"Demo@example.com","first_name":"demo","last_name":""}}`)
	})
}

func TestDRFBearers(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.configureDRF(nil)
		w.as.issue("old", w.account.ID, "read", map[string]any{"exp": time.Now().Add(-time.Hour).Unix()})
		a := w.do("GET", "/api-auth/currentUser/", "old", "")
		a.says(401, `{"detail":"Invalid token header. No credentials provided."}`)
		if got := a.Header().Get("WWW-Authenticate"); got != `Bearer realm="api",error="invalid_token",error_description="The access token has expired."` {
			t.Errorf("a server that tells of expiry: %s", got)
		}
		w.as.issue("nobody", store.NewGrantID(), "read", nil)
		w.do("GET", "/api-auth/currentUser/", "nobody", "").says(401, `{"detail":"Invalid token header. No credentials provided."}`)
		for path, method := range map[string]string{"currentUser/": "GET", "invalidate-sessions": "POST", "revoke-token": "POST", "disconnect-backend": "POST"} {
			a := w.do(method, "/api-auth/"+path, "third+email", `{"client_id":"partner"}`)
			if a.Code != 403 || strings.Contains(a.Body.String(), "Demo@example.com") {
				t.Errorf("%s by an application of others: %d %s", path, a.Code, a.Body)
			}
		}
		w.as.issue("blind", w.account.ID, "write", map[string]any{"grant_id": ""})
		w.log.take()
		a = w.do("POST", "/api-auth/revoke-token", "blind", `{"client_id":"web"}`)
		if a.Code != 503 || !strings.Contains(w.log.take(), "introspect_all") {
			t.Errorf("an API that is not told of grants: %d %s", a.Code, a.Body)
		}
		w.as.Close()
		a = w.do("GET", "/api-auth/currentUser/", "rw", "")
		a.says(503, `{"detail":"Not possible at the moment. Try again later."}`)
		if a.Header().Get("Retry-After") == "" {
			t.Error("no Retry-After")
		}
	})
}

func TestDRFWithoutItsDatabase(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.configureDRF(func(c *Config) { c.DRFAll = drfPublic })
		if _, err := w.store.UpdateClient(t.Context(), "web", func(c *store.Client) error { c.Origins = store.Words{"https://spa.example.com"}; return nil }); err != nil {
			t.Fatal(err)
		}
		spa := header("Origin", "https://spa.example.com")
		w.do("GET", "/api-auth/all/", "", "", spa).says(200, `[{"email":"Demo@example.com","username":"demo","first_name":"demo"}]`)
		w.store.Close()
		for name, a := range map[string]answer{
			"all": w.do("GET", "/api-auth/all/", "", "", spa), "currentUser": w.do("GET", "/api-auth/currentUser/", "rw", "", spa),
			"create":    w.do("POST", "/api-auth/create/", "", `{"email":"a@example.com","username":"a","first_name":"a","password":"`+password+`"}`, spa),
			"faulty":    w.do("POST", "/api-auth/create/", "", `{"email":"a@example.com"}`, spa),
			"convert":   w.do("POST", "/api-auth/convert-token", "", strings.ReplaceAll(convertBody, "%", "facebook"), spa),
			"revoke":    w.do("POST", "/api-auth/revoke-token", "rw", `{"client_id":"web"}`, spa),
			"sessions":  w.do("POST", "/api-auth/invalidate-sessions", "rw", `{"client_id":"web"}`, spa),
			"authorize": w.do("GET", "/api-auth/authorize?client_id=web", "", "", spa),
		} {
			t.Run(name, func(t *testing.T) {
				answer{a.ResponseRecorder, t}.says(503, `{"detail":"Not possible at the moment. Try again later."}`)
			})
			if a.Header().Get("Access-Control-Allow-Origin") != "https://spa.example.com" || a.Header().Get("Retry-After") == "" {
				t.Errorf("%s: %v", name, a.Header())
			}
		}
	})
}

func TestDRFPanic(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.configureDRF(nil)
		d := &drf{w.server}
		broken := d.edge(drfRoute{"/api-auth/broken", drfGet, func(http.ResponseWriter, *http.Request) { panic("gth_at_secret is not told") }})
		w.server.handler = w.server.observe(broken)
		w.log.take()
		w.do("GET", "/api-auth/broken", "", "").says(500, `{"detail":"Something went wrong here. Quote the X-Request-Id."}`)
		if log := w.log.take(); !strings.Contains(log, `"level":"ERROR"`) || !strings.Contains(log, "panic: ") {
			t.Error(log)
		}
	})
}

// signedIn is a live token of the account, as the store knows it.
func (w *world) signedIn(client string) *store.SubjectToken {
	w.Helper()
	now, id, signature := w.store.Now(), store.NewGrantID(), []byte(strings.Repeat("s", 32))
	ctx := w.store.Begin(context.Background())
	w.store.AddGrant(ctx, &store.Session{AuthEpoch: w.account.AuthEpoch, Grant: store.Grant{ID: id, RootID: id, AccountID: &w.account.ID,
		ClientID: client, Subject: w.account.ID, AuthTime: now, CreatedAt: now, ExpiresAt: now.Add(time.Hour)}},
		&store.AccessToken{Signature: signature, GrantID: id, IssuedAt: now, ExpiresAt: now.Add(time.Hour)}, nil)
	if err := w.store.Flush(ctx); err != nil {
		w.Fatal(err)
	}
	who, err := w.store.SubjectToken(ctx, signature)
	if err != nil {
		w.Fatal(err)
	}
	return who
}

func TestDRFDisconnectBackendRefusals(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.configureDRF(nil)
		f := store.Federated{Provider: "google", Subject: "1", Actor: "test"}
		if _, err := w.store.LinkIdentity(context.Background(), f, w.signedIn("web").Presence(), nil, time.Time{}); err != nil {
			t.Fatal(err)
		}
		for _, tt := range []struct {
			name   string
			said   http.HandlerFunc
			status int
			want   string
		}{
			{"gone", answering(204, ""), 204, ""},
			{"never there", answering(404, `{"error":"invalid_request","error_description":"x"}`), 204, ""},
			{"last way in", answering(409, `{"error":"invalid_request","error_description":"Only way."}`), 400, `{"backend":["Only way."]}`},
			{"token ended", answering(401, `{"error":"invalid_token","error_description":"x"}`), 401, `{"detail":"Invalid token header. No credentials provided."}`},
			{"scope", answering(403, `{"error":"insufficient_scope","error_description":"Lacks write."}`), 403, `{"detail":"Lacks write."}`},
			{"nonsense", answering(500, `?`), 503, `{"detail":"Not possible at the moment. Try again later."}`},
			{"stale", func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("WWW-Authenticate", `Bearer error="insufficient_user_authentication"`)
				answering(401, `{"error":"insufficient_user_authentication","error_description":"Sign in."}`)(w, nil)
			}, 403, `{"detail":"Sign in."}`},
		} {
			w.as.answerIdentities(tt.said)
			a := w.do("POST", "/api-auth/disconnect-backend", "rw", `{"backend":"google-oauth2","association_id":1}`)
			if a.Code != tt.status || a.Body.String() != tt.want {
				t.Errorf("%s: %d %s", tt.name, a.Code, a.Body)
			}
		}
	})
}

func FuzzReadFields(f *testing.F) {
	for _, body := range []string{`{"a":"1","b":2,"c":null,"d":[true]}`, `{"a":"\ud800"}`, `{"a":1,"a":2}`, `[]`, `null`, `1e9`, "a=1&b=%ff", "a=1&a=2",
		"--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n--x--\r\n", "--x\r\nContent-Disposition: form-data; name=\"a\"; filename=\"f\"\r\n\r\n1\r\n--x--"} {
		for kind := range 3 {
			f.Add(kind, body)
		}
	}
	types := []string{"application/json", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"}
	f.Fuzz(func(t *testing.T, kind int, body string) {
		r, err := http.NewRequest("POST", "/", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", types[uint(kind)%3])
		fields, err := readFields(r)
		if err != nil {
			if e := asDRF(err); e.status < 400 || e.status > 499 || !json.Valid(drfJSON(e.body)) {
				t.Errorf("%d %s", e.status, drfJSON(e.body))
			}
			return
		}
		values, wrong := fields.check([]drfField{{name: "a", max: 10}, {name: "b", max: 10, typed: true}, {name: "c", max: 10, optional: true}})
		for name, text := range values {
			if !utf8.ValidString(text) || utf8.RuneCountInString(text) > 10 || strings.ContainsRune(text, 0) || text == "" && name != "c" || wrong[name] != nil {
				t.Errorf("%s = %q", name, text)
			}
		}
	})
}
