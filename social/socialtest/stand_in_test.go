package socialtest_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"gatehouse/social/socialtest"
)

func TestRequests(t *testing.T) {
	g, gw := newGoogle(t)
	f, fw := newFacebook(t)
	for range 3 {
		gw.get(googleKeys, "")
	}
	fw.get("/v26.0/debug_token", "")
	fw.get("/debug_token", "")
	fw.get("/v1/debug_token", "") // no version
	for got, want := range map[[2]any]int{
		{"google", g.Requests(googleKeys)}:                 3,
		{"google, other", g.Requests("/tokeninfo")}:        0,
		{"facebook", f.Requests("/debug_token")}:           2,
		{"versioned", f.Requests("/v25.0/debug_token")}:    2,
		{"not a version", f.Requests("/v1/debug_token")}:   1,
		{"dev is not counted", g.Requests("/_dev/faults")}: 0,
	} {
		if got[1] != want {
			t.Errorf("%s: %d, want %d", got[0], got[1], want)
		}
	}
}

func TestMethodsAndUnknownPaths(t *testing.T) {
	_, google := newGoogle(t)
	_, facebook := newFacebook(t)
	for _, tt := range []struct {
		w            *world
		method, path string
		status       int
	}{
		{google, "GET", "/token", 405},
		{google, "GET", "/revoke", 405},
		{google, "POST", "/oauth2/v3/certs", 405},
		{google, "GET", "/nothing", 404},
		{facebook, "POST", "/debug_token", 405},
		{facebook, "GET", "/v26.0/not/there", 404},
		{facebook, "GET", "/_dev/nothing", 404},
	} {
		if got := tt.w.ask(tt.method, tt.path, ""); got.status != tt.status {
			t.Errorf("%s %s: %d, want %d", tt.method, tt.path, got.status, tt.status)
		}
	}
}

func TestDiscovery(t *testing.T) {
	g, w := newGoogle(t)
	got := w.get("/.well-known/openid-configuration", "")
	for name, want := range map[string]string{
		"issuer": "https://accounts.google.com", "jwks_uri": w.url + googleKeys, "token_endpoint": w.url + "/token",
		"authorization_endpoint": w.url + "/o/oauth2/v2/auth", "userinfo_endpoint": w.url + "/v1/userinfo",
		"revocation_endpoint": w.url + "/revoke",
	} {
		if got.at(name) != want {
			t.Errorf("%s is %v, want %s", name, got.at(name), want)
		}
	}
	g.SetURL("") // then the request's own
	rec := httptest.NewRecorder()
	g.ServeHTTP(rec, httptest.NewRequest("GET", "http://other.example/.well-known/openid-configuration", nil))
	if got := (reply{text: rec.Body.String()}).at("jwks_uri"); got != "http://other.example"+googleKeys {
		t.Errorf("jwks_uri is %v", got)
	}
	_, fw := newFacebook(t)
	got = fw.get("/.well-known/openid-configuration/", "")
	if got.at("issuer") != "https://www.facebook.com" || got.at("jwks_uri") != fw.url+facebookKeys || got.at("token_endpoint") != nil {
		t.Errorf("Facebook: %s", got.text)
	}
}

// Everything at once; the race detector is the judge.
func TestConcurrently(t *testing.T) {
	g, gw := newGoogle(t)
	f, fw := newFacebook(t)
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			o := socialtest.TokenOptions{Email: fmt.Sprintf("p%d@gmail.com", i)}
			made, other := g.Mint(o), f.Mint(o)
			if got := gw.get("/tokeninfo", made.AccessToken); got.status != http.StatusOK {
				t.Errorf("tokeninfo: %d", got.status)
			}
			if got := fw.get("/me", other.AccessToken); got.status != http.StatusOK {
				t.Errorf("/me: %d", got.status)
			}
			gw.get(googleKeys, "")
			g.SetURL(gw.url)
			g.Requests(googleKeys)
			if i == 0 {
				g.SetFault("rotate_keys")
			}
		})
	}
	all.Wait()
}
