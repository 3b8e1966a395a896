package introspect

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func TestNewValidates(t *testing.T) {
	good := Config{Endpoint: "https://auth.example.com/oauth2/introspect", ClientID: "a", ClientSecret: "b", Audience: "c"}
	for _, tt := range []struct {
		name   string
		change func(*Config)
		want   string // part of the error; "" for none
	}{
		{"https", func(*Config) {}, ""},
		{"http on 127.0.0.1", func(c *Config) { c.Endpoint = "http://127.0.0.1:9000/i" }, ""},
		{"http on ::1", func(c *Config) { c.Endpoint = "http://[::1]:9000/i" }, ""},
		{"http on localhost", func(c *Config) { c.Endpoint = "http://localhost:9000/i" }, ""},
		{"http elsewhere", func(c *Config) { c.Endpoint = "http://auth.example.com/i" }, "https"},
		{"http on a name like loopback", func(c *Config) { c.Endpoint = "http://127.0.0.1.example.com/i" }, "https"},
		{"other scheme", func(c *Config) { c.Endpoint = "ftp://127.0.0.1/i" }, "https"},
		{"no endpoint", func(c *Config) { c.Endpoint = "" }, "absolute"},
		{"relative endpoint", func(c *Config) { c.Endpoint = "/oauth2/introspect" }, "absolute"},
		{"unparsable endpoint", func(c *Config) { c.Endpoint = "https://a b/" }, "absolute"},
		{"user in endpoint", func(c *Config) { c.Endpoint = "https://u:pw@auth.example.com/i" }, "absolute"},
		{"query in endpoint", func(c *Config) { c.Endpoint += "?key=pw" }, "absolute"},
		{"fragment in endpoint", func(c *Config) { c.Endpoint += "#pw" }, "absolute"},
		{"no id", func(c *Config) { c.ClientID = "" }, "ClientID"},
		{"no secret", func(c *Config) { c.ClientSecret = "" }, "ClientSecret"},
		{"no audience", func(c *Config) { c.Audience = "" }, "Audience is required"},
		{"any audience", func(c *Config) { c.Audience, c.AnyAudience = "", true }, ""},
		{"audience and any audience", func(c *Config) { c.AnyAudience = true }, "exclude"},
		{"realm", func(c *Config) { c.Realm = "my orders" }, ""},
		{"quote in realm", func(c *Config) { c.Realm = `a"b` }, "Realm"},
		{"line break in realm", func(c *Config) { c.Realm = "a\r\nb" }, "Realm"},
		{"realm beyond ASCII", func(c *Config) { c.Realm = "né" }, "Realm"},
		{"negative timeout", func(c *Config) { c.Timeout = -1 }, "Timeout"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			config := good
			tt.change(&config)
			c, err := New(config)
			if tt.want == "" && (err != nil || c == nil) {
				t.Errorf("refused: %v", err)
			}
			if tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "pw")) {
				t.Errorf("error %v, want %q in it", err, tt.want)
			}
		})
	}
}

func TestCheckSendsWhatTheRFCAsks(t *testing.T) {
	w := newWorld(t, func(rw http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if r.Method != "POST" || r.URL.String() != "/oauth2/introspect" {
			t.Errorf("%s %s", r.Method, r.URL)
		}
		// The id's colon must not be taken for the separator (RFC 6749 §2.3.1).
		id, secret, ok := r.BasicAuth()
		if !ok || id != "the%3A+orders%26api" || secret != "s3cret+%25%2B%2F%3A%C3%A9" {
			t.Errorf("credentials %q %q", id, secret)
		}
		if want := "token=gth_at_dGhlIHRva2Vu-._~%2B%2F%3D%3D&token_type_hint=access_token"; string(body) != want {
			t.Errorf("body %s", body)
		}
		for name, want := range map[string]string{
			"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json", "Idempotency-Key": "",
		} {
			if got := strings.Join(r.Header.Values(name), "|"); got != want {
				t.Errorf("%s: %q, want %q", name, got, want)
			}
		}
		answering(active)(rw, r)
	})
	p, err := w.Check(t.Context(), testToken)
	if err != nil || p.Subject != "u1" || w.calls.Load() != 1 {
		t.Errorf("%+v %v after %d calls", p, err, w.calls.Load())
	}
}

func TestCheckUnavailable(t *testing.T) {
	padded := `{"active":true,"aud":"` + testAudience + `","pad":"` + strings.Repeat("x", maxAnswer) + `"}`
	for _, tt := range []struct {
		name string
		h    http.HandlerFunc
		want string
	}{
		{"500", respond(500, "application/json", active), "500"},
		{"503", respond(503, "application/json", active), "503"},
		{"404", respond(404, "text/html", "none"), "404"},
		{"201", respond(201, "application/json", active), "201"},
		{"204", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(204) }, "204"},
		{"400", respond(400, "application/json", `{"error":"invalid_request"}`), "400"},
		{"our credentials refused", respond(401, "application/json", `{"error":"invalid_client"}`), "our own credentials"},
		{"our client not allowed", respond(403, "application/json", `{}`), "our own credentials"},
		{"no content type", respond(200, "", active), "content type"},
		{"html", respond(200, "text/html", active), "content type"},
		{"signed answer", respond(200, "application/token-introspection+jwt", "e30.e30."), "content type"},
		{"empty body", answering(""), "not JSON"},
		{"garbage", answering("active=true"), "not JSON"},
		{"huge body", answering(padded), "65536"},
		{"cut body", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("Content-Length", "5000")
			io.WriteString(w, active)
		}, "EOF"},
		{"connection dropped", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, "EOF"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, tt.h)
			p, err := w.Check(t.Context(), testToken)
			if !errors.Is(err, ErrUnavailable) || errors.Is(err, ErrInactive) || !strings.Contains(fmt.Sprint(err), tt.want) {
				t.Errorf("error %v, want ErrUnavailable with %q", err, tt.want)
			}
			if p.Subject != "" {
				t.Errorf("principal %+v", p)
			}
			noSecrets(t, fmt.Sprint(err))
		})
	}
}

func TestCheckFollowsNoRedirect(t *testing.T) {
	var elsewhere atomic.Int64
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		elsewhere.Add(1)
		answering(active)(w, r)
	}))
	defer other.Close()
	redirect := func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, other.URL, http.StatusTemporaryRedirect)
	}
	for name, client := range map[string]*http.Client{"default client": nil, "given client": {}} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, redirect, func(c *Config) { c.HTTPClient = client })
			if _, err := w.Check(t.Context(), testToken); !errors.Is(err, ErrUnavailable) {
				t.Errorf("error %v", err)
			}
			if elsewhere.Load() != 0 {
				t.Error("the token went elsewhere")
			}
			if client != nil && client.CheckRedirect != nil {
				t.Error("the given client was changed")
			}
		})
	}
}

func TestCheckTimesOut(t *testing.T) {
	release := make(chan struct{})
	w := newWorld(t, func(rw http.ResponseWriter, r *http.Request) {
		<-release
		answering(active)(rw, r)
	}, func(c *Config) { c.Timeout = 50 * time.Millisecond })
	defer close(release)
	_, err := w.Check(t.Context(), testToken)
	if !errors.Is(err, ErrUnavailable) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v", err)
	}
	noSecrets(t, fmt.Sprint(err))
}

func TestCheckServerDownAndBack(t *testing.T) {
	w := newWorld(t, nil)
	addr := w.server.Listener.Addr().String()
	if _, err := w.Check(t.Context(), testToken); err != nil {
		t.Fatal(err)
	}
	w.server.Close()
	if _, err := w.Check(t.Context(), testToken); !errors.Is(err, ErrUnavailable) {
		t.Errorf("down: error %v", err)
	}
	l, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	back := &http.Server{Handler: answering(active)}
	go back.Serve(l)
	defer back.Close()
	if _, err := w.Check(t.Context(), testToken); err != nil {
		t.Errorf("back: error %v", err)
	}
}

// transport is a foreign HTTP client at its worst.
type transport func(*http.Request) (*http.Response, error)

func (f transport) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestCheckSurvivesForeignClient(t *testing.T) {
	for name, f := range map[string]transport{
		"quotes the request": func(r *http.Request) (*http.Response, error) {
			body, _ := io.ReadAll(r.Body)
			return nil, fmt.Errorf("dump: %v %s", r.Header, body)
		},
		"panics": func(r *http.Request) (*http.Response, error) { panic(r.Header.Get("Authorization")) },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, nil, func(c *Config) { c.HTTPClient = &http.Client{Transport: f} })
			for range 2 { // the second finds nothing left behind by the first
				_, err := w.Check(t.Context(), testToken)
				if !errors.Is(err, ErrUnavailable) || errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("error %v", err)
				}
				noSecrets(t, fmt.Sprint(err))
			}
		})
	}
}

func TestCheckAsksNobodyAboutMalformed(t *testing.T) {
	w := newWorld(t, nil)
	for _, token := range []string{"", "=", "a b", "a=b", "a\n", "a\x00", "é", `a"`, "a,b", strings.Repeat("a", maxToken+1)} {
		if _, err := w.Check(t.Context(), token); !errors.Is(err, ErrMalformed) || !errors.Is(err, ErrInactive) {
			t.Errorf("%.20q: error %v", token, err)
		}
	}
	if n := w.calls.Load(); n != 0 {
		t.Errorf("%d calls", n)
	}
	if _, err := w.Check(t.Context(), strings.Repeat("a", maxToken)); err != nil {
		t.Errorf("longest token: %v", err)
	}
}

func TestCheckReusesConnections(t *testing.T) {
	var n atomic.Int64
	w := newWorld(t, func(rw http.ResponseWriter, r *http.Request) {
		// Refusals and faults must give their connection back too.
		[]http.HandlerFunc{
			answering(active), answering(`{"active":false}`), respond(503, "text/html", strings.Repeat("x", 30<<10)),
			respond(401, "application/json", `{"error":"invalid_client"}`), answering("garbage"),
		}[n.Add(1)%5](rw, r)
	})
	for range 50 {
		w.Check(t.Context(), testToken)
	}
	if calls, conns := w.calls.Load(), w.conns.Load(); calls != 50 || conns != 1 {
		t.Errorf("%d calls over %d connections, want 50 over 1", calls, conns)
	}

	// A crowd with tokens of their own takes no more than the cap, and keeps them.
	crowd := func() {
		var wg sync.WaitGroup
		for i := range 4 * maxConns {
			wg.Go(func() { w.Check(t.Context(), fmt.Sprint("token", i)) })
		}
		wg.Wait()
	}
	crowd()
	first := w.conns.Load()
	crowd()
	if second := w.conns.Load(); first > maxConns || second > maxConns {
		t.Errorf("%d, then %d connections, want at most %d", first, second, maxConns)
	}
}

// A server that restarts closes idle connections; no request may notice.
func TestCheckOutlivesClosedConnections(t *testing.T) {
	w := newWorld(t, nil)
	for i := range 20 {
		if _, err := w.Check(t.Context(), testToken); err != nil {
			t.Fatalf("check %d: %v", i, err)
		}
		w.server.CloseClientConnections()
	}
}
