package demo

import (
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io/fs"
	"mime"
	"net/http"
	"net/url"
	"path"
	"strings"
)

// dist is what build made: index.html, assets/ with a hash in each name, and
// what public/ holds; without a build only placeholder.html.
//
//go:embed all:dist
var dist embed.FS

// Config says what the frontend has to know. It is all public: /config.json
// tells it to whoever asks.
type Config struct {
	API          string   `json:"api"` // base address of the resource API, as http://127.0.0.1:8000
	ClientID     string   `json:"client_id"`
	ClientSecret string   `json:"client_secret"`
	Google       Provider `json:"google,omitzero"`
	Facebook     Provider `json:"facebook,omitzero"`
}

// Provider is a stand-in of social/socialtest. The zero value: none, and the
// frontend has no button for it.
type Provider struct {
	URL      string `json:"url"`
	ClientID string `json:"client_id"` // the app that its tokens are for
}

// Built says whether this program has the application, and not just the page
// that stands in for it.
func Built() bool {
	_, err := fs.Stat(dist, "dist/index.html")
	return err == nil
}

// Handler serves the application on every path of its own, so that it must be
// at the root of its address.
func Handler(cfg Config) http.Handler {
	files, err := fs.Sub(dist, "dist")
	if err != nil { // never: the name is valid
		panic(err)
	}
	return newHandler(cfg, files)
}

func newHandler(cfg Config, files fs.FS) http.Handler {
	s := &site{files: files}
	s.config, _ = json.Marshal(cfg) // texts alone: it cannot fail
	mux := http.NewServeMux()
	mux.HandleFunc("/", s.file)
	mux.HandleFunc("/config.json", s.configJSON)
	for name, p := range map[string]Provider{"google": cfg.Google, "facebook": cfg.Facebook} {
		if p.URL != "" {
			mux.Handle("/_dev/"+name+"/tokens", tokens(p.URL))
		}
	}
	return withSecurityHeaders(cfg.API, mux)
}

// withSecurityHeaders lets the pages run and load what is theirs, and call the
// API, and nothing else.
func withSecurityHeaders(api string, next http.Handler) http.Handler {
	connect := "'self'"
	if u, err := url.Parse(api); err == nil && u.Host != "" && !strings.ContainsAny(u.Host, " ;,'") {
		connect += " " + u.Scheme + "://" + u.Host
	}
	policy := "default-src 'self'; connect-src " + connect +
		"; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'"
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Referrer-Policy", "same-origin")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		next.ServeHTTP(w, r)
	})
}

type site struct {
	files  fs.FS
	config []byte // of /config.json
}

// file serves what was built. Any other path without an extension is a page of
// the application, which reads the path itself.
func (s *site) file(w http.ResponseWriter, r *http.Request) {
	if !reads(w, r) {
		return
	}
	name := strings.TrimPrefix(path.Clean(r.URL.Path), "/")
	info, err := fs.Stat(s.files, name)
	isFile := err == nil && !info.IsDir() && name != "placeholder.html"
	switch {
	case isFile && strings.HasPrefix(name, "assets/"):
		w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	case isFile:
		w.Header().Set("Cache-Control", "no-cache")
	case path.Ext(name) != "" || strings.HasPrefix(name, "assets") || strings.HasPrefix(name, "_dev/"):
		http.Error(w, "There is no such file.", http.StatusNotFound)
		return
	default:
		name = "index.html"
		w.Header().Set("Cache-Control", "no-cache")
	}
	text, err := fs.ReadFile(s.files, name)
	if err != nil && name == "index.html" {
		name = "placeholder.html"
		text, err = fs.ReadFile(s.files, name)
	}
	if err != nil {
		http.Error(w, "The demo is not built.", http.StatusNotFound)
		return
	}
	send(w, r, name, text)
}

// configJSON serves GET /config.json.
func (s *site) configJSON(w http.ResponseWriter, r *http.Request) {
	if !reads(w, r) {
		return
	}
	w.Header().Set("Cache-Control", "no-store")
	send(w, r, "config.json", s.config)
}

// reads says whether the request only reads. False: the answer is written.
func reads(w http.ResponseWriter, r *http.Request) bool {
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		return true
	}
	w.Header().Set("Allow", "GET, HEAD")
	http.Error(w, "The method is GET or HEAD.", http.StatusMethodNotAllowed)
	return false
}

// send writes a file. Its tag is made of what it holds, since embedded files
// have no times.
func send(w http.ResponseWriter, r *http.Request, name string, text []byte) {
	sum := sha256.Sum256(text)
	tag := `"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`
	w.Header().Set("ETag", tag)
	if r.Header.Get("If-None-Match") == tag {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	w.Header().Set("Content-Type", contentType(name))
	w.Header().Set("Content-Length", fmt.Sprint(len(text)))
	w.Write(text) // fails only if the browser has gone; of HEAD net/http drops the body
}

// contentType is told by the extension. The kinds that we have are not left to
// the machine's own table, which may call a script text/plain.
func contentType(name string) string {
	switch ext := path.Ext(name); ext {
	case ".html":
		return "text/html; charset=utf-8"
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".css":
		return "text/css; charset=utf-8"
	case ".json":
		return "application/json"
	case ".svg":
		return "image/svg+xml"
	default:
		if kind := mime.TypeByExtension(ext); kind != "" {
			return kind
		}
		return "application/octet-stream"
	}
}
