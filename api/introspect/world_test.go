package introspect

import (
	"bytes"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

const (
	testToken    = "gth_at_dGhlIHRva2Vu-._~+/=="
	testID       = "the: orders&api"
	testSecret   = "s3cret %+/:é"
	testAudience = "https://orders.example.com"
)

// active is what the fake server answers unless told otherwise.
const active = `{"active":true,"token_type":"Bearer","client_id":"web","sub":"u1","sub_type":"account",
	"aud":["https://other.example.com","https://orders.example.com"],"scope":"read write"}`

// world is a Checker, the authorization server that it asks, and its log.
type world struct {
	*Checker
	server *httptest.Server
	calls  atomic.Int64 // introspection requests that arrived
	conns  atomic.Int64 // connections accepted
	log    lockedBuffer
}

// newWorld starts an authorization server that answers with h, nil for active.
func newWorld(t *testing.T, h http.HandlerFunc, change ...func(*Config)) *world {
	t.Helper()
	w := new(world)
	if h == nil {
		h = answering(active)
	}
	w.server = httptest.NewUnstartedServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		w.calls.Add(1)
		h(rw, r)
	}))
	w.server.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			w.conns.Add(1)
		}
	}
	w.server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	w.server.Start()
	t.Cleanup(w.server.Close)
	config := Config{
		Endpoint: w.server.URL + "/oauth2/introspect", ClientID: testID, ClientSecret: testSecret,
		Audience: testAudience,
		Log:      slog.New(slog.NewTextHandler(&w.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	for _, f := range change {
		f(&config)
	}
	c, err := New(config)
	if err != nil {
		t.Fatal(err)
	}
	w.Checker = c
	t.Cleanup(c.client.CloseIdleConnections)
	return w
}

func answering(body string) http.HandlerFunc {
	return respond(200, "application/json", body)
}

func respond(status int, contentType, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		w.WriteHeader(status)
		io.WriteString(w, body)
	}
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// noSecrets fails if text holds the token or our secret in a form that was sent.
func noSecrets(t *testing.T, text string) {
	t.Helper()
	for _, s := range []string{testToken, "dGhlIHRva2Vu", testSecret, "s3cret", "Basic "} {
		if strings.Contains(text, s) {
			t.Errorf("%q is told in: %s", s, text)
		}
	}
}
