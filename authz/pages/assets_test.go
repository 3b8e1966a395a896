package pages

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func get(p *Pages, address string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, address, nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	p.Assets().ServeHTTP(w, r)
	return w
}

func TestAssets(t *testing.T) {
	p := newPages(t, Config{Base: "/id", Logo: []byte("\x89PNG\r\n\x1a\n…")})
	for called, kind := range map[string]string{"style": "text/css; charset=utf-8", "page": "text/javascript; charset=utf-8", "google": "image/svg+xml",
		"facebook": "image/svg+xml", "provider": "image/svg+xml", "logo": "image/png"} {
		t.Run(called, func(t *testing.T) {
			w := get(p, "/id/assets/"+p.assets[called].name)
			h := w.Header()
			for key, want := range map[string]string{
				"Content-Type": kind, "Cache-Control": "public, max-age=31536000, immutable", "X-Content-Type-Options": "nosniff",
				"Cross-Origin-Resource-Policy": "same-origin", "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'",
			} {
				if got := h.Get(key); got != want {
					t.Errorf("%s: got %q, want %q", key, got, want)
				}
			}
			if w.Code != http.StatusOK || w.Body.Len() == 0 || strings.Contains(w.Body.String(), "{accent") {
				t.Errorf("%d %s", w.Code, w.Body)
			}
			if again := get(p, "/id/assets/"+p.assets[called].name, "If-None-Match", h.Get("ETag")); again.Code != http.StatusNotModified {
				t.Errorf("asked again: %d, ETag %q", again.Code, h.Get("ETag"))
			}
		})
	}
	for _, none := range []string{"/id/assets/", "/id/assets/style.css", "/id/assets/none.css", "/id/assets/..%2fstyle.css", "/id/assets/" + p.assets["style"].name + "x"} {
		if w := get(p, none); w.Code != http.StatusNotFound || w.Header().Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %d", none, w.Code)
		}
	}
}

// TestAssetsAreNamedByContent holds that what may be kept for ever never changes.
func TestAssetsAreNamedByContent(t *testing.T) {
	green, violet := newPages(t, Config{}), newPages(t, Config{Accent: "#5a2d82"})
	if green.assets["style"].name == violet.assets["style"].name {
		t.Error("two stylesheets of one name")
	}
	if green.assets["page"].name != violet.assets["page"].name {
		t.Error("one script of two names")
	}
	if !strings.Contains(get(violet, "/assets/"+violet.assets["style"].name).Body.String(), "--accent:#5a2d82") {
		t.Error("the colour is not in the stylesheet")
	}
}

func TestDevice(t *testing.T) {
	p := newPages(t, Config{})
	for _, tt := range []struct{ userAgent, want string }{
		{chromeOnLinux, "Chrome on Linux"},
		{"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36 Edg/140.0.0.0", "Edge on Windows"},
		{"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/19.0 Safari/605.1.15", "Safari on macOS"},
		{"Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/140.0 Mobile/15E148 Safari/604.1", "Chrome on iPhone"},
		{"Mozilla/5.0 (Android 15; Mobile; rv:140.0) Gecko/140.0 Firefox/140.0", "Firefox on Android"},
		{"curl/8.14.1", "curl"},
		{"<script>", "Unknown browser"},
		{"", "Unknown browser"},
	} {
		if got := p.device(tt.userAgent); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.userAgent, got, tt.want)
		}
	}
}
