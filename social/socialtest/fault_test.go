package socialtest_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

var (
	googleRoutes = []string{
		"GET /.well-known/openid-configuration", "GET /oauth2/v3/certs", "GET /tokeninfo", "POST /tokeninfo",
		"GET /oauth2/v1/tokeninfo", "GET /oauth2/v2/tokeninfo", "GET /oauth2/v3/tokeninfo", "GET /v1/userinfo",
		"GET /oauth2/v3/userinfo", "GET /o/oauth2/v2/auth", "POST /token", "POST /revoke", "GET /unknown",
	}
	facebookRoutes = []string{
		"GET /debug_token", "GET /v26.0/debug_token", "GET /me", "GET /oauth/access_token", "GET /v26.0/dialog/oauth",
		"GET /250", "GET /.well-known/oauth/openid/jwks/", "GET /unknown",
	}
)

func TestFaultsOnEveryRoute(t *testing.T) {
	g, google := newGoogle(t)
	f, facebook := newFacebook(t)
	for _, tt := range []struct {
		mode, kind       string
		google, facebook int
		text             string
	}{
		{"down", "text/html", 503, 503, "unavailable"},
		{"rate_limited", "application/json", 429, 403, "imit"},
		{"garbage", "text/html", 200, 200, "<!doctype html>"},
		{"false", "application/json", 200, 200, "false"},
	} {
		t.Run(tt.mode, func(t *testing.T) {
			if g.SetFault(tt.mode) != nil || f.SetFault(tt.mode) != nil {
				t.Fatal("the mode is not known")
			}
			check := func(w *world, routes []string, status int) {
				for _, route := range routes {
					method, path, _ := strings.Cut(route, " ")
					got := w.ask(method, path, "")
					if got.status != status || !strings.HasPrefix(got.header.Get("Content-Type"), tt.kind) || !strings.Contains(got.text, tt.text) {
						t.Errorf("%s: %d %s", route, got.status, got.text)
					}
				}
			}
			check(google, googleRoutes, tt.google)
			check(facebook, facebookRoutes, tt.facebook)
			if got := google.postJSON("/_dev/tokens", `{}`); got.status != 200 {
				t.Errorf("/_dev/tokens: %d", got.status)
			}
		})
	}
	if f.SetFault("rate_limited") != nil {
		t.Fatal("rate_limited is not known")
	}
	got := facebook.get("/me", "")
	if got.at("error.code") != 4.0 || got.header.Get("X-App-Usage") == "" {
		t.Errorf("Facebook's limit: %s", got.text)
	}
	if err := g.SetFault("explode"); err == nil {
		t.Error("a mode that nobody knows was taken")
	}
}

func TestSlow(t *testing.T) {
	g, w := newGoogle(t)
	g.SetFault("slow")
	start := time.Now()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, "POST", w.url+"/tokeninfo", strings.NewReader("access_token=a"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := http.DefaultClient.Do(req); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v", err)
	}
	answered := make(chan int)
	go func() { answered <- w.get("/tokeninfo", "").status }()
	for g.Requests("/tokeninfo") < 2 {
		time.Sleep(time.Millisecond)
	}
	g.SetFault("ok")
	if status := <-answered; status != 503 && status != 400 { // 400: it came after the change
		t.Errorf("a released request: %d", status)
	}
	if took := time.Since(start); took > 20*time.Second {
		t.Errorf("took %s", took)
	}
}

func TestHuge(t *testing.T) {
	g, w := newGoogle(t)
	g.SetFault("huge")
	if got := w.get(googleKeys, ""); len(got.text) < 10<<20 || got.at("error") == nil {
		t.Errorf("%d bytes", len(got.text))
	}
}

func TestReset(t *testing.T) {
	g, w := newGoogle(t)
	g.SetFault("reset")
	req := httptest.NewRequest("GET", w.url+googleKeys, nil)
	if resp, err := http.DefaultTransport.RoundTrip(req); err == nil {
		resp.Body.Close()
		t.Errorf("answered %d", resp.StatusCode)
	}
}
