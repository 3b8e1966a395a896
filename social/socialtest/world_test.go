package socialtest_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"gatehouse/social/socialtest"
)

const (
	webID     = "1-web.apps.googleusercontent.com"
	iosID     = "1-ios.apps.googleusercontent.com"
	secret    = "GOCSPX-secret"
	appID     = "250"
	appSecret = "app-secret"
	back      = "https://app.example/cb?x=1"
	jsonType  = "application/json"
	formType  = "application/x-www-form-urlencoded"
)

// clock is a clock that tests move.
type clock struct {
	mu    sync.Mutex
	ahead time.Duration
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Add(c.ahead)
}

func (c *clock) move(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ahead += d
}

// world is one provider that listens.
type world struct {
	t     *testing.T
	url   string
	clock *clock
}

type handler interface {
	http.Handler
	SetURL(string)
}

func listen(t *testing.T, h handler, c *clock) *world {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	h.SetURL(server.URL)
	return &world{t, server.URL, c}
}

func newGoogle(t *testing.T) (*socialtest.Google, *world) {
	c := new(clock)
	g := socialtest.NewGoogle(socialtest.GoogleConfig{ClientIDs: []string{webID, iosID}, ClientSecret: secret, Now: c.now})
	return g, listen(t, g, c)
}

func newFacebook(t *testing.T) (*socialtest.Facebook, *world) {
	c := new(clock)
	f := socialtest.NewFacebook(socialtest.FacebookConfig{AppID: appID, AppSecret: appSecret, Now: c.now})
	return f, listen(t, f, c)
}

// reply is an answer with its body read.
type reply struct {
	status int
	header http.Header
	text   string
}

// json is the answer's object; {} if it is none.
func (r reply) json() map[string]any {
	object := map[string]any{}
	json.Unmarshal([]byte(r.text), &object)
	return object
}

// at walks the members of the answer's objects, as "error.code".
func (r reply) at(path string) any {
	var value any = r.json()
	for name := range strings.SplitSeq(path, ".") {
		object, _ := value.(map[string]any)
		value = object[name]
	}
	return value
}

// ask sends a request; headers are name, value, name, value.
func (w *world) ask(method, path, body string, headers ...string) reply {
	w.t.Helper()
	req, err := http.NewRequest(method, w.url+path, strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := http.DefaultTransport.RoundTrip(req) // follows no redirect
	if err != nil {
		w.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return reply{resp.StatusCode, resp.Header, string(text)}
}

// get asks with a token in the header.
func (w *world) get(path, token string) reply {
	w.t.Helper()
	if token == "" {
		return w.ask("GET", path, "")
	}
	return w.ask("GET", path, "", "Authorization", "Bearer "+token)
}

func (w *world) postForm(path string, form url.Values) reply {
	w.t.Helper()
	return w.ask("POST", path, form.Encode(), "Content-Type", formType)
}

func (w *world) postJSON(path, body string) reply {
	w.t.Helper()
	return w.ask("POST", path, body, "Content-Type", jsonType)
}

// redirected is where a 302 leads, and its parameters.
func (w *world) redirected(r reply) (*url.URL, url.Values) {
	w.t.Helper()
	if r.status != http.StatusFound {
		w.t.Fatalf("status %d, want 302: %s", r.status, r.text)
	}
	to, err := url.Parse(r.header.Get("Location"))
	if err != nil {
		w.t.Fatal(err)
	}
	return to, to.Query()
}

func seconds(n int64) *int64 { return &n }
