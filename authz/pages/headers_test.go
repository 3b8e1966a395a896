package pages

import (
	"net/http"
	"slices"
	"strings"
	"testing"
)

func TestContentSecurityPolicy(t *testing.T) {
	const begin, end = "default-src 'none'; style-src 'self'; img-src 'self'; ", "; base-uri 'none'; frame-ancestors 'none'"
	for _, tt := range []struct {
		name    string
		page    Page
		targets []string
		want    string
	}{
		{"a form with a script", SignIn{}, nil, "script-src 'self'; form-action 'self'"},
		{"a form alone", Confirm{}, nil, "form-action 'self'"},
		{"no form", CheckMail{}, nil, "form-action 'none'"},
		{"no form, with targets", CheckMail{}, []string{"https://app.example"}, "form-action 'none'"},
		{"targets", Consent{}, []string{"https://app.example", "http://127.0.0.1:8080", "com.example.app:", "https:"},
			"form-action 'self' https://app.example http://127.0.0.1:8080 com.example.app: https:"},
		{"targets twice", Consent{}, []string{"https://app.example", "HTTPS://APP.example"}, "form-action 'self' https://app.example"},
		{"an IPv6 address, for which CSP has no form", Consent{}, []string{"http://[::1]:8080"}, "form-action 'self' http:"},
		{"targets that are none", Consent{}, []string{"", "*", "'unsafe-inline'", "https://*.example", "https://a.example/path", "https://a.example; script-src *",
			"https://a.example, default-src *", "https://a.example https://b.example", "https://a.example\r\nSet-Cookie: x", "javascript:", "data:", "https://u@a.example", "https://"},
			"form-action 'self'"},
		{"a response for the web", FormPost{RedirectURI: "https://app.example/cb"}, nil, "script-src 'self'; form-action https:"},
		{"a response for this machine", FormPost{RedirectURI: "http://127.0.0.1:8080/cb"}, nil, "script-src 'self'; form-action http: https:"},
		{"a response for a program", FormPost{RedirectURI: "com.example.app:/cb"}, []string{"https://app.example"}, "script-src 'self'; form-action com.example.app:"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := written(newPages(t, Config{}), tt.page, tt.targets...).Header().Get("Content-Security-Policy")
			if got != begin+tt.want+end {
				t.Errorf("got  %s\nwant %s", got, begin+tt.want+end)
			}
		})
	}
}

func TestHeaders(t *testing.T) {
	for name, page := range examples {
		t.Run(name, func(t *testing.T) {
			h := written(newPages(t, Config{}), page).Header()
			want := map[string]string{
				"Content-Type": "text/html; charset=utf-8", "Cache-Control": "no-store", "Referrer-Policy": "strict-origin",
				"X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Cross-Origin-Resource-Policy": "same-origin",
				"Cross-Origin-Opener-Policy": "",
				"Permissions-Policy":         "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()",
			}
			if _, own := page.(Account); own {
				want["Cross-Origin-Opener-Policy"] = "same-origin"
			}
			for key, value := range want {
				if got := h.Get(key); got != value {
					t.Errorf("%s: got %q, want %q", key, got, value)
				}
			}
		})
	}
}

// TestFormPostTarget holds which redirect URIs a response is posted to.
func TestFormPostTarget(t *testing.T) {
	for _, tt := range []struct {
		uri string
		ok  bool
	}{
		{"https://app.example/cb?a=b&c=d", true},
		{"http://127.0.0.1:8080/cb", true},
		{"http://[::1]:8080/cb", true},
		{"com.example.app:/cb", true},
		{"com.example.app://cb/x", true},
		{"myapp:cb", true},
		{"javascript:alert(1)", false},
		{"JavaScript:alert(1)", false},
		{" javascript:alert(1)", false},
		{"java\tscript:alert(1)", false},
		{"data:text/html,x", false},
		{"blob:https://app.example/x", false},
		{"file:///etc/passwd", false},
		{"about:blank", false},
		{"https:app.example", false},
		{"https:///cb", false},
		{"https://app.example@evil.example/", false},
		{"https://app.example\\@evil.example/", false},
		{"https://app.example/#x", false},
		{"/cb", false},
		{"//app.example/cb", false},
		{"", false},
	} {
		t.Run(tt.uri, func(t *testing.T) {
			w := written(newPages(t, Config{}), FormPost{RedirectURI: tt.uri, Parameters: []Parameter{{"code", "c0de"}}})
			if !tt.ok {
				if w.Code != http.StatusBadRequest || strings.Contains(w.Body.String(), "c0de") || strings.Contains(w.Body.String(), "<form") {
					t.Errorf("%d\n%s", w.Code, w.Body)
				}
				return
			}
			found := slices.ContainsFunc(elements(t, w.Body.String()), func(n *node) bool { return n.Data == "form" && attribute(n, "action") == tt.uri })
			if w.Code != http.StatusOK || !found {
				t.Errorf("%d\n%s", w.Code, w.Body)
			}
		})
	}
}

func TestLinks(t *testing.T) {
	for _, tt := range []struct {
		address string
		ok      bool
	}{
		{"/signin?ticket=a-b_c", true},
		{"https://app.example/", true},
		{"http://127.0.0.1:3000/x?y=z#w", true},
		{"//evil.example", false},
		{"/\\evil.example", false},
		{"/\t/evil.example", false},
		{"\\\\evil.example", false},
		{"javascript:alert(1)", false},
		{"java\nscript:alert(1)", false},
		{"data:text/html,x", false},
		{"com.example.app:/x", false},
		{"mailto:a@b.example", false},
		{"https:evil.example", false},
		{"https://u:p@evil.example/", false},
		{"signin", false},
	} {
		t.Run(tt.address, func(t *testing.T) {
			body := written(newPages(t, Config{}), SignedOut{ReturnURL: tt.address}).Body.String()
			found := slices.ContainsFunc(elements(t, body), func(n *node) bool { return n.Data == "a" && attribute(n, "href") == tt.address })
			if found != tt.ok || !tt.ok && strings.Contains(body, "<a ") {
				t.Errorf("linked: %v\n%s", found, body)
			}
		})
	}
}
