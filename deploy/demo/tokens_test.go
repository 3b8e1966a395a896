package demo

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"gatehouse/social/socialtest"
)

// serveTokens is a demo whose Google is at the address.
func serveTokens(t *testing.T, google string) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(newHandler(Config{Google: Provider{URL: google}}, built))
	t.Cleanup(server.Close)
	return server
}

// post sends body to the demo's Google.
func post(t *testing.T, demo *httptest.Server, kind, body string, header ...string) (int, string) {
	t.Helper()
	r, err := http.NewRequest("POST", demo.URL+"/_dev/google/tokens", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", kind)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	resp, err := demo.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if !json.Valid(text) && resp.StatusCode != http.StatusForbidden {
		t.Errorf("the answer is no JSON: %s", text)
	}
	return resp.StatusCode, string(text)
}

func TestTokens(t *testing.T) {
	google := httptest.NewServer(socialtest.NewGoogle(socialtest.GoogleConfig{}))
	defer google.Close()
	demo := serveTokens(t, google.URL+"/")
	const kind = "application/json"

	code, body := post(t, demo, kind, `{"email":"bo@gmail.com","name":"Bo Peep","aud":"app"}`)
	var pair socialtest.Tokens
	if err := json.Unmarshal([]byte(body), &pair); err != nil || code != 200 || pair.AccessToken == "" || pair.IDToken == "" {
		t.Fatalf("got %d %s", code, body)
	}
	resp, err := http.Get(google.URL + "/tokeninfo?access_token=" + pair.AccessToken)
	if err != nil {
		t.Fatal(err)
	}
	info, _ := io.ReadAll(resp.Body)
	resp.Body.Close()
	if !strings.Contains(string(info), `"aud":"app"`) || !strings.Contains(string(info), `"email":"bo@gmail.com"`) {
		t.Errorf("the token stands for %s", info)
	}

	for _, tt := range []struct {
		name, kind, body string
		header           []string
		code             int
	}{
		{"what the stand-in refuses", kind, `{"surname":"Peep"}`, nil, 400},
		{"not JSON", kind, `{`, nil, 400},
		{"a form, which any page can send", "application/x-www-form-urlencoded", "email=bo", nil, 415},
		{"a text", "text/plain", `{}`, nil, 415},
		{"no type", "", `{}`, nil, 415},
		{"another site's page", kind, `{}`, []string{"Sec-Fetch-Site", "cross-site"}, 403},
		{"another origin's page", kind, `{}`, []string{"Origin", "https://evil.example"}, 403},
		{"too long", kind, `{"name":"` + strings.Repeat("a", maxTokenRequest) + `"}`, nil, 413},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if code, body := post(t, demo, tt.kind, tt.body, tt.header...); code != tt.code {
				t.Errorf("got %d %s, want %d", code, body, tt.code)
			}
		})
	}
	t.Run("reading", func(t *testing.T) {
		resp, err := demo.Client().Get(demo.URL + "/_dev/google/tokens")
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != 405 || resp.Header.Get("Allow") != "POST" {
			t.Errorf("got %d, Allow %q", resp.StatusCode, resp.Header.Get("Allow"))
		}
	})
	t.Run("a provider that is not there", func(t *testing.T) {
		resp, err := demo.Client().Post(demo.URL+"/_dev/facebook/tokens", kind, strings.NewReader("{}"))
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != 405 {
			t.Errorf("got %d", resp.StatusCode)
		}
	})
}

// TestStrangeStandIns are answers that are not passed on.
func TestStrangeStandIns(t *testing.T) {
	for name, serve := range map[string]http.HandlerFunc{
		"redirects":   func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/elsewhere", http.StatusFound) },
		"is not JSON": func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "<h1>Sign in</h1>") },
		"never ends":  func(w http.ResponseWriter, _ *http.Request) { w.Write(make([]byte, maxTokenAnswer+1)) },
		"hangs up":    func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		"long but valid JSON": func(w http.ResponseWriter, _ *http.Request) {
			io.WriteString(w, `"`+strings.Repeat("a", maxTokenAnswer)+`"`)
		},
	} {
		t.Run(name, func(t *testing.T) {
			google := httptest.NewServer(serve)
			defer google.Close()
			if code, body := post(t, serveTokens(t, google.URL), "application/json", "{}"); code != http.StatusBadGateway {
				t.Errorf("got %d %s", code, body)
			}
		})
	}
	t.Run("is down", func(t *testing.T) {
		google := httptest.NewServer(http.NotFoundHandler())
		google.Close()
		if code, body := post(t, serveTokens(t, google.URL), "application/json", "{}"); code != http.StatusBadGateway {
			t.Errorf("got %d %s", code, body)
		}
	})
	t.Run("sets a cookie", func(t *testing.T) {
		google := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Set-Cookie", "a=b")
			io.WriteString(w, "{}")
		}))
		defer google.Close()
		demo := serveTokens(t, google.URL)
		resp, err := demo.Client().Post(demo.URL+"/_dev/google/tokens", "application/json", strings.NewReader("{}"))
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != 200 || resp.Header.Get("Set-Cookie") != "" || resp.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("got %d %v", resp.StatusCode, resp.Header)
		}
	})
}
