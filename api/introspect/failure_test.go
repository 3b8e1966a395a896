package introspect

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
)

func TestAnswers(t *testing.T) {
	for _, tt := range []struct {
		name      string
		h         http.HandlerFunc
		header    string
		scopes    []string
		status    int
		challenge string
		body      string
	}{
		{"passes", nil, bearer, []string{"read", "write"}, 200, "", "u1"},
		{"no token", nil, "", []string{"read"}, 401, `Bearer realm="shop"`,
			`{"title":"Unauthorized","status":401,"detail":"the request has no access token"}`},
		{"inactive", answering(`{"active":false}`), bearer, nil, 401,
			`Bearer realm="shop", error="invalid_token", error_description="the access token is unknown, expired or revoked"`,
			`{"title":"Unauthorized","status":401,"detail":"the access token is unknown, expired or revoked","code":"invalid_token"}`},
		{"expired", answering(`{"active":true,"exp":1,"aud":"` + testAudience + `"}`), bearer, nil, 401,
			`Bearer realm="shop", error="invalid_token", error_description="the access token has expired"`,
			`{"title":"Unauthorized","status":401,"detail":"the access token has expired","code":"invalid_token"}`},
		{"scope missing", nil, bearer, []string{"read", "admin"}, 403,
			`Bearer realm="shop", error="insufficient_scope", error_description="the access token lacks scope admin", scope="read admin"`,
			`{"title":"Forbidden","status":403,"detail":"the access token lacks scope admin","code":"insufficient_scope","scope":"read admin"}`},
		{"inactive before scope", answering(`{"active":false}`), bearer, []string{"admin"}, 401,
			`Bearer realm="shop", error="invalid_token", error_description="the access token is unknown, expired or revoked"`,
			`{"title":"Unauthorized","status":401,"detail":"the access token is unknown, expired or revoked","code":"invalid_token"}`},
		{"server broken", respond(500, "text/html", "oops"), bearer, nil, 503, "",
			`{"title":"Service Unavailable","status":503,"detail":"the access token can't be checked at the moment","code":"temporarily_unavailable"}`},
		{"our credentials refused", respond(401, "application/json", `{"error":"invalid_client"}`), bearer, nil, 503, "",
			`{"title":"Service Unavailable","status":503,"detail":"the access token can't be checked at the moment","code":"temporarily_unavailable"}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, tt.h, func(c *Config) { c.Realm = "shop" })
			rec := get(w.Require(tt.scopes...)(who), tt.header)
			h := rec.Header()
			if rec.Code != tt.status || h.Get("WWW-Authenticate") != tt.challenge || rec.Body.String() != tt.body {
				t.Errorf("%d\n%s\n%s", rec.Code, h.Get("WWW-Authenticate"), rec.Body)
			}
			if tt.status != 200 && (h.Get("Content-Type") != "application/problem+json" || h.Get("Cache-Control") != "no-store") {
				t.Errorf("headers %v", h)
			}
			if (h.Get("Retry-After") == "5") != (tt.status == 503) {
				t.Errorf("Retry-After %q", h.Get("Retry-After"))
			}
			noSecrets(t, rec.Body.String()+w.log.String())
		})
	}
}

func TestLogTellsWhoseFault(t *testing.T) {
	for _, tt := range []struct {
		name   string
		h      http.HandlerFunc
		level  string
		phrase string
	}{
		{"misconfigured", respond(401, "application/json", "{}"), "level=ERROR", "check ClientID and ClientSecret"},
		{"down", respond(502, "text/html", ""), "level=ERROR", "introspection unavailable"},
		{"inactive", answering(`{"active":false}`), "level=DEBUG", "revoked"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, tt.h)
			get(w.Require()(who), bearer)
			log := w.log.String()
			if strings.Count(log, "\n") != 1 || !strings.Contains(log, tt.level) || !strings.Contains(log, tt.phrase) {
				t.Errorf("log: %s", log)
			}
			noSecrets(t, log)
		})
	}
}

func TestFailWritesAnotherShape(t *testing.T) {
	var got *Failure
	w := newWorld(t, answering(`{"active":true,"exp":1,"aud":"`+testAudience+`"}`), func(c *Config) {
		c.Fail = func(w http.ResponseWriter, r *http.Request, f *Failure) {
			got = f
			if f.Code == "" {
				f.WriteProblem(w)
				return
			}
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(f.Status)
			json.NewEncoder(w).Encode(map[string]string{"detail": "no"})
		}
	})
	rec := get(w.Require()(who), bearer)
	if rec.Code != 401 || rec.Body.String() != "{\"detail\":\"no\"}\n" || rec.Header().Get("WWW-Authenticate") != got.Challenge {
		t.Errorf("%d %s %v", rec.Code, rec.Body, rec.Header())
	}
	if !errors.Is(got.Err, ErrExpired) || !errors.Is(got.Err, ErrInactive) || got.Code != "invalid_token" || got.Challenge == "" {
		t.Errorf("%+v", got)
	}
	if rec = get(w.Require()(who)); rec.Header().Get("Content-Type") != "application/problem+json" || !errors.Is(got.Err, ErrNoToken) {
		t.Errorf("%v %+v", rec.Header(), got)
	}
}
