package demo

import (
	"encoding/json"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
)

var built = fstest.MapFS{
	"index.html":          {Data: []byte("<title>application</title>")},
	"placeholder.html":    {Data: []byte("<title>not built</title>")},
	"favicon.svg":         {Data: []byte("<svg/>")},
	"assets/index-aa.js":  {Data: []byte("export {}")},
	"assets/index-aa.css": {Data: []byte("p {}")},
}

// ask serves one request and returns the answer with its body.
func ask(h http.Handler, method, path string, header ...string) (*http.Response, string) {
	r := httptest.NewRequest(method, path, nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	body, _ := io.ReadAll(w.Result().Body)
	return w.Result(), string(body)
}

func TestFiles(t *testing.T) {
	h := newHandler(Config{API: "http://127.0.0.1:8000"}, built)
	const (
		html    = "text/html; charset=utf-8"
		plain   = "text/plain; charset=utf-8"
		forever = "public, max-age=31536000, immutable"
	)
	for _, tt := range []struct {
		name, method, path string
		code               int
		kind, cache, body  string
	}{
		{"the application", "GET", "/", 200, html, "no-cache", "application"},
		{"a page of it", "GET", "/login/", 200, html, "no-cache", "application"},
		{"an unknown page of it", "GET", "/no/such/page", 200, html, "no-cache", "application"},
		{"by its file's name", "GET", "/index.html", 200, html, "no-cache", "application"},
		{"a script", "GET", "/assets/index-aa.js", 200, "text/javascript; charset=utf-8", forever, "export"},
		{"a style", "GET", "/assets/index-aa.css", 200, "text/css; charset=utf-8", forever, "p {}"},
		{"the icon", "GET", "/favicon.svg", 200, "image/svg+xml", "no-cache", "<svg/>"},
		{"an old script", "GET", "/assets/index-old.js", 404, plain, "", "no such file"},
		{"the folder of scripts", "GET", "/assets/", 404, plain, "", "no such file"},
		{"another file", "GET", "/robots.txt", 404, plain, "", "no such file"},
		{"the placeholder, which is not needed", "GET", "/placeholder.html", 404, plain, "", "no such file"},
		{"no provider to ask", "GET", "/_dev/google/tokens", 404, plain, "", "no such file"},
		{"a way out, escaped", "GET", "/..%2f..%2fembed.go", 404, plain, "", "no such file"},
		{"writing", "POST", "/login/", 405, plain, "", "GET or HEAD"},
		{"writing to config.json", "PUT", "/config.json", 405, plain, "", "GET or HEAD"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			resp, body := ask(h, tt.method, tt.path)
			got := []any{resp.StatusCode, resp.Header.Get("Content-Type"), resp.Header.Get("Cache-Control")}
			if diff := cmp.Diff([]any{tt.code, tt.kind, tt.cache}, got); diff != "" || !strings.Contains(body, tt.body) {
				t.Errorf("%s (-want +got), %q", diff, body)
			}
			if tt.code == 405 && resp.Header.Get("Allow") != "GET, HEAD" {
				t.Errorf("Allow is %q", resp.Header.Get("Allow"))
			}
		})
	}
}

func TestUnchangedFileIsNotSentAgain(t *testing.T) {
	h := newHandler(Config{}, built)
	resp, _ := ask(h, "GET", "/")
	again, body := ask(h, "GET", "/", "If-None-Match", resp.Header.Get("ETag"))
	if again.StatusCode != http.StatusNotModified || body != "" || again.Header.Get("Cache-Control") != "no-cache" {
		t.Errorf("got %d %v %q", again.StatusCode, again.Header, body)
	}
	if other, _ := ask(h, "GET", "/favicon.svg", "If-None-Match", resp.Header.Get("ETag")); other.StatusCode != 200 {
		t.Errorf("another file's tag: got %d", other.StatusCode)
	}
}

func TestSecurityHeaders(t *testing.T) {
	const rest = "; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'"
	for _, tt := range []struct{ api, connect string }{
		{"http://127.0.0.1:8000", "'self' http://127.0.0.1:8000"},
		{"https://api.example/base/", "'self' https://api.example"},
		{"", "'self'"},
		{"nowhere", "'self'"},
		{"http://a;script-src *", "'self'"},
	} {
		h := newHandler(Config{API: tt.api}, built)
		for _, path := range []string{"/", "/assets/index-aa.js", "/config.json", "/no.such"} {
			resp, _ := ask(h, "GET", path)
			for name, want := range map[string]string{
				"Content-Security-Policy":      "default-src 'self'; connect-src " + tt.connect + rest,
				"Cross-Origin-Opener-Policy":   "same-origin",
				"Cross-Origin-Resource-Policy": "same-origin",
				"Referrer-Policy":              "same-origin",
				"X-Content-Type-Options":       "nosniff",
				"X-Frame-Options":              "DENY",
			} {
				if got := resp.Header.Get(name); got != want {
					t.Errorf("api %q, %s: %s is %q, want %q", tt.api, path, name, got, want)
				}
			}
		}
	}
}

func TestConfigJSON(t *testing.T) {
	for _, tt := range []struct {
		name string
		cfg  Config
		want string
	}{
		{"whole", Config{"http://127.0.0.1:8000", "tutorial", "s3cret", Provider{"http://127.0.0.1:9100", "g"}, Provider{"http://127.0.0.1:9101", "f"}},
			`{"api":"http://127.0.0.1:8000","client_id":"tutorial","client_secret":"s3cret",` +
				`"google":{"url":"http://127.0.0.1:9100","client_id":"g"},"facebook":{"url":"http://127.0.0.1:9101","client_id":"f"}}`},
		{"without providers", Config{API: "http://127.0.0.1:8000", ClientID: "tutorial"},
			`{"api":"http://127.0.0.1:8000","client_id":"tutorial","client_secret":""}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			resp, body := ask(newHandler(tt.cfg, built), "GET", "/config.json")
			if resp.StatusCode != 200 || body != tt.want {
				t.Errorf("got %d %s, want %s", resp.StatusCode, body, tt.want)
			}
			if resp.Header.Get("Content-Type") != "application/json" || resp.Header.Get("Cache-Control") != "no-store" {
				t.Errorf("got %v", resp.Header)
			}
			var again Config
			if err := json.Unmarshal([]byte(body), &again); err != nil || again != tt.cfg {
				t.Errorf("read again it is %+v, %v", again, err)
			}
		})
	}
}

// TestWithoutBuild is what a program has that was built without npm.
func TestWithoutBuild(t *testing.T) {
	committed, err := fs.ReadFile(dist, "dist/placeholder.html")
	if err != nil {
		t.Fatal(err)
	}
	h := newHandler(Config{API: "http://127.0.0.1:8000"}, fstest.MapFS{"placeholder.html": {Data: committed}})
	for _, path := range []string{"/", "/login/", "/index.html"} {
		resp, body := ask(h, "GET", path)
		if resp.StatusCode != map[bool]int{true: 404, false: 200}[path == "/index.html"] {
			t.Errorf("%s: got %d", path, resp.StatusCode)
		}
		if path != "/index.html" && !strings.Contains(body, "make run") {
			t.Errorf("%s: got %q, which does not say how to build it", path, body)
		}
	}
	if resp, _ := ask(h, "GET", "/config.json"); resp.StatusCode != 200 {
		t.Errorf("config.json: got %d", resp.StatusCode)
	}
}

// TestEmbeddedFiles asks for what this very program has, built or not.
func TestEmbeddedFiles(t *testing.T) {
	resp, body := ask(Handler(Config{}), "GET", "/")
	if resp.StatusCode != 200 || strings.Contains(body, `id="root"`) != Built() {
		t.Errorf("got %d %s; built: %v", resp.StatusCode, body, Built())
	}
}
