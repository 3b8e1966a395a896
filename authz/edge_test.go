package authz

import (
	"context"
	"encoding/base64"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gatehouse/store"
	"gatehouse/store/storetest"
)

func TestBadInput(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		cc := "grant_type=client_credentials"
		form := "application/x-www-form-urlencoded"
		for _, tt := range []struct {
			name, path, kind, auth, body string
			code                         int
			err                          string
		}{
			{"JSON", "/oauth2/token", "application/json", "web", `{"grant_type":"client_credentials"}`, 400, "invalid_request"},
			{"JSON called a form", "/oauth2/token", form, "web", `{"grant_type":"client_credentials"}`, 400, "invalid_request"},
			{"JSON array called a form", "/oauth2/token", form, "web", `[1]`, 400, "invalid_request"},
			{"number called a form", "/oauth2/token", form, "web", `1`, 400, "invalid_request"},
			{"multipart", "/oauth2/token", "multipart/form-data; boundary=x", "web", "--x--", 400, "invalid_request"},
			{"no content type", "/oauth2/token", "", "web", cc, 400, "invalid_request"},
			{"another charset", "/oauth2/token", form + "; charset=utf-16", "web", cc, 400, "invalid_request"},
			{"empty body", "/oauth2/token", form, "web", "", 400, "invalid_request"},
			{"bad escape", "/oauth2/token", form, "web", cc + "&x=%zz", 400, "invalid_request"},
			{"semicolon", "/oauth2/token", form, "web", cc + ";x=1", 400, "invalid_request"},
			{"NUL in a value", "/oauth2/token", form, "web", cc + "&scope=a%00", 400, "invalid_request"},
			{"NUL in a name", "/oauth2/token", form, "web", cc + "&a%00=1", 400, "invalid_request"},
			{"NUL in username", "/oauth2/token", form, "web", "grant_type=password&username=%00&password=x", 400, "invalid_request"},
			{"NUL in client_id", "/oauth2/token", form, "", cc + "&client_id=%00&client_secret=x", 400, "invalid_request"},
			{"invalid UTF-8", "/oauth2/token", form, "web", cc + "&scope=%ff", 400, "invalid_request"},
			{"username too long", "/oauth2/token", form, "web", "grant_type=password&password=x&username=" + strings.Repeat("é", 255), 400, "invalid_request"},
			{"password too long", "/oauth2/token", form, "web", "grant_type=password&username=x&password=" + strings.Repeat("é", 129), 400, "invalid_request"},
			{"scope too long", "/oauth2/token", form, "web", cc + "&scope=" + strings.Repeat("a", 4001), 400, "invalid_request"},
			{"duplicate grant_type", "/oauth2/token", form, "web", cc + "&" + cc, 400, "invalid_request"},
			{"audience too often", "/oauth2/token", form, "web", cc + strings.Repeat("&audience=x", 21), 400, "invalid_request"},
			{"audience too long", "/oauth2/token", form, "web", cc + "&audience=" + strings.Repeat("x", 501), 400, "invalid_request"},
			{"duplicate empty parameter", "/oauth2/token", form, "web", cc + "&scope=&scope=", 400, "invalid_request"},
			{"duplicate unknown parameter", "/oauth2/token", form, "web", cc + "&x=1&x=2", 400, "invalid_request"},
			{"parameters in the query", "/oauth2/token?x=1", form, "web", cc, 400, "invalid_request"},
			{"empty query", "/oauth2/token?", form, "web", cc, 400, "invalid_request"},
			{"header and body secret", "/oauth2/token", form, "web", cc + "&client_secret=" + secret, 400, "invalid_request"},
			{"header and another client_id", "/oauth2/token", form, "web", cc + "&client_id=third", 400, "invalid_request"},
			{"assertion", "/oauth2/token", form, "", cc + "&client_assertion=x&client_assertion_type=y", 401, "invalid_client"},
			{"no client", "/oauth2/token", form, "", cc, 401, "invalid_client"},
			{"no secret", "/oauth2/token", form, "", cc + "&client_id=web", 401, "invalid_client"},
			{"wrong secret", "/oauth2/token", form, "", cc + "&client_id=web&client_secret=x", 401, "invalid_client"},
			{"wrong secret of an exposed one", "/oauth2/token", form, "", "grant_type=password&username=x&password=y&client_id=tutorial&client_secret=x", 401, "invalid_client"},
			{"secret of a public client", "/oauth2/token", form, "", cc + "&client_id=spa&client_secret=x", 401, "invalid_client"},
			{"body too large", "/oauth2/token", form, "web", cc + "&x=" + strings.Repeat("a", maxBody), 413, "invalid_request"},
			{"introspection without token", "/oauth2/introspect", form, "resource", "x=1", 400, "invalid_request"},
			{"introspection without client", "/oauth2/introspect", form, "", "token=x", 401, "invalid_client"},
			{"introspection, token twice", "/oauth2/introspect", form, "resource", "token=x&token=y", 400, "invalid_request"},
			{"introspection, token in the query", "/oauth2/introspect?token=x", form, "resource", "x=1", 400, "invalid_request"},
			{"introspection, NUL", "/oauth2/introspect", form, "resource", "token=%00", 400, "invalid_request"},
			{"introspection, JSON", "/oauth2/introspect", "application/json", "resource", `{"token":"x"}`, 400, "invalid_request"},
			{"revocation without token", "/oauth2/revoke", form, "web", "x=1", 400, "invalid_request"},
			{"revocation without client", "/oauth2/revoke", form, "", "token=x", 401, "invalid_client"},
			{"unknown path", "/oauth2/tokens", form, "web", cc, 404, "not_found"},
			{"path with a slash behind", "/oauth2/token/", form, "web", cc, 404, "not_found"},
			{"path with a double slash", "//oauth2/token", form, "web", cc, 404, "not_found"},
			{"encoded path", "/oauth2%2ftoken", form, "web", cc, 404, "not_found"},
		} {
			req, err := http.NewRequest("POST", w.http.URL+tt.path, strings.NewReader(tt.body))
			if err != nil {
				t.Fatal(err)
			}
			if tt.kind != "" {
				req.Header.Set("Content-Type", tt.kind)
			}
			if tt.auth != "" {
				req.SetBasicAuth(tt.auth, secret)
			}
			a := w.send(req)
			if a.code != tt.code || a.str("error") != tt.err || a.str("error_description") == "" {
				t.Errorf("%s: %d %s, want %d %s", tt.name, a.code, a.text, tt.code, tt.err)
			}
			if a.code == 401 && a.header.Get("WWW-Authenticate") == "" {
				t.Errorf("%s: 401 without a challenge", tt.name)
			}
		}
		if n := w.count(`SELECT count(*) FROM grants`); n != 0 {
			t.Errorf("%d grants came of it", n)
		}
	})
}

func TestAuthorizationHeader(t *testing.T) {
	w := newWorld(t, storetest.SQLite(t))
	for _, tt := range []struct {
		name   string
		header []string
		code   int
	}{
		{"form-encoded", []string{"Basic d2ViOnNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3JldC1zZWNyZXQtMDEyMw=="}, 200},
		{"scheme in lower case", []string{"basic d2ViOnNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3JldC1zZWNyZXQtMDEyMw=="}, 200},
		{"twice", []string{"Basic d2ViOng=", "Basic d2ViOng="}, 400},
		{"Bearer", []string{"Bearer x"}, 401},
		{"empty", []string{""}, 401},
		{"not base64", []string{"Basic ???"}, 401},
		{"without colon", []string{"Basic d2Vi"}, 401},
		{"bad escape", []string{"Basic JXp6OiV6eg=="}, 401},
		{"NUL", []string{"Basic JTAwOng="}, 401},
		{"empty id", []string{"Basic Ong="}, 401},
	} {
		req := mustRequest(w, "/oauth2/token", "grant_type=client_credentials")
		req.Header["Authorization"] = tt.header
		if a := w.send(req); a.code != tt.code {
			t.Errorf("%s: %d %s", tt.name, a.code, a.text)
		}
	}
}

func TestMethods(t *testing.T) {
	w := newWorld(t, storetest.SQLite(t))
	for _, tt := range []struct{ method, path, allow string }{
		{"GET", "/oauth2/token", "POST"}, {"PUT", "/oauth2/introspect", "POST"}, {"DELETE", "/oauth2/revoke", "POST"},
		{"OPTIONS", "/oauth2/token", "POST"}, {"POST", "/livez", "GET, HEAD"},
		{"POST", "/.well-known/oauth-authorization-server", "GET, HEAD"},
	} {
		req, _ := http.NewRequest(tt.method, w.http.URL+tt.path, nil)
		if a := w.send(req); a.code != 405 || a.header.Get("Allow") != tt.allow {
			t.Errorf("%s %s: %d, Allow %q", tt.method, tt.path, a.code, a.header.Get("Allow"))
		}
	}
}

// TestPeopleGetPages opens in a browser what is no page.
func TestPeopleGetPages(t *testing.T) {
	w := newWorld(t, storetest.SQLite(t))
	for _, tt := range []struct {
		path string
		code int
		want string
	}{
		{"/nowhere", 404, "There is nothing here"},
		{"/nothing/here", 404, "There is nothing here"},
		{"/consent", 405, "This page cannot be opened this way"},
		{"/account/unlink", 405, "This page cannot be opened this way"},
	} {
		req, err := http.NewRequest("GET", w.http.URL+tt.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Accept", "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8")
		a := w.send(req)
		if a.code != tt.code || !strings.Contains(a.text, "<h1>"+tt.want+"</h1>") || !strings.Contains(a.text, a.header.Get("X-Request-Id")) || (a.header.Get("Allow") == "POST") != (a.code == 405) {
			t.Errorf("%s: %d %v %s", tt.path, a.code, a.header, a.text)
		}
	}
}

func TestCORS(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		const own, operator, foreign = "https://app.example.com", "https://operator.example.com", "https://evil.example.com"
		for _, tt := range []struct {
			path, origin string
			allowed      bool
		}{
			{"/oauth2/token", own, true}, {"/oauth2/revoke", own, true}, {"/oauth2/token", operator, true},
			{"/oauth2/token", foreign, false}, {"/oauth2/token", "null", false}, {"/oauth2/introspect", own, false},
		} {
			req, _ := http.NewRequest("OPTIONS", w.http.URL+tt.path, nil)
			req.Header.Set("Origin", tt.origin)
			req.Header.Set("Access-Control-Request-Method", "POST")
			req.Header.Set("Access-Control-Request-Headers", "content-type")
			a := w.send(req)
			if got := a.header.Get("Access-Control-Allow-Origin"); (got == tt.origin) != tt.allowed || (!tt.allowed && got != "") {
				t.Errorf("preflight of %s from %s: %d %q", tt.path, tt.origin, a.code, got)
			}
			if a.header.Get("Access-Control-Allow-Credentials") != "" {
				t.Error("credentials are allowed")
			}
		}
		for _, tt := range []struct {
			client, origin string
			allowed        bool
		}{
			{"spa", own, true}, {"spa", operator, true}, {"spa", foreign, false},
			{"tutorial", own, false}, // registered, but by another client
		} {
			req := mustRequest(w, "/oauth2/token", "grant_type=password&username=x&password=y&client_id="+tt.client+"&client_secret="+map[string]string{"tutorial": secret}[tt.client])
			req.Header.Set("Origin", tt.origin)
			a := w.send(req)
			if got := a.header.Get("Access-Control-Allow-Origin"); a.code != 400 || (got == tt.origin) != tt.allowed || (!tt.allowed && got != "") {
				t.Errorf("%s from %s: %d %q", tt.client, tt.origin, a.code, got)
			}
			if a.header.Get("Vary") != "Origin" {
				t.Errorf("Vary: %q", a.header.Get("Vary"))
			}
		}
	})
}

// A page must be able to read what it did wrong before it is known for whom it
// asked, and no page what a client that is not its own is told.
func TestPagesCanReadRefusals(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		const own, operator, foreign = "https://app.example.com", "https://operator.example.com", "https://evil.example.com"
		token := w.login("tutorial").str("access_token") // of a client without origins
		for _, tt := range []struct {
			name, method, path, token string
			code                      int
			of                        map[string]bool
		}{
			{"userinfo without a token", "GET", "/oauth2/userinfo", "", 401, map[string]bool{own: true, operator: true}},
			{"userinfo with a wrong token", "GET", "/oauth2/userinfo", "x", 401, map[string]bool{own: true, operator: true}},
			{"userinfo for another client", "GET", "/oauth2/userinfo", token, 403, map[string]bool{operator: true}},
			{"an account without a token", "GET", "/account/sessions", "", 401, map[string]bool{own: true, operator: true}},
			{"an account for another client", "GET", "/account/sessions", token, 401, map[string]bool{operator: true}},
			{"token without a client", "POST", "/oauth2/token", "", 400, map[string]bool{own: true, operator: true}},
			{"token by another method", "GET", "/oauth2/token", "", 405, map[string]bool{own: true, operator: true}},
			{"introspection", "POST", "/oauth2/introspect", "", 400, nil},
		} {
			for _, origin := range []string{own, operator, foreign, "null"} {
				req, _ := http.NewRequest(tt.method, w.http.URL+tt.path, nil)
				req.Header.Set("Origin", origin)
				if tt.token != "" {
					req.Header.Set("Authorization", "Bearer "+tt.token)
				}
				a := w.send(req)
				want, exposed := "", ""
				if tt.of[origin] {
					want, exposed = origin, "Retry-After, WWW-Authenticate, X-Request-Id"
				}
				if a.code != tt.code || a.header.Get("Access-Control-Allow-Origin") != want || a.header.Get("Access-Control-Expose-Headers") != exposed {
					t.Errorf("%s from %s: %d %v %s", tt.name, origin, a.code, a.header, a.text)
				}
			}
		}
	})
}

func TestAnyPageMayReadWhatIsPublic(t *testing.T) {
	w := newWorld(t, storetest.SQLite(t))
	for _, path := range []string{"/.well-known/openid-configuration", "/.well-known/oauth-authorization-server", "/.well-known/jwks.json"} {
		for _, method := range []string{"OPTIONS", "GET"} {
			req, _ := http.NewRequest(method, w.http.URL+path, nil)
			req.Header.Set("Origin", "https://evil.example.com")
			if method == "OPTIONS" {
				req.Header.Set("Access-Control-Request-Method", "GET")
				req.Header.Set("Access-Control-Request-Headers", "x-library")
			}
			a := w.send(req)
			h := a.header
			if h.Get("Access-Control-Allow-Origin") != "*" || h.Get("Access-Control-Allow-Credentials") != "" || (a.code == 204) != (method == "OPTIONS") ||
				method == "OPTIONS" && (h.Get("Access-Control-Allow-Methods") != "GET, HEAD" || h.Get("Access-Control-Allow-Headers") != "*") {
				t.Errorf("%s %s: %d %v", method, path, a.code, h)
			}
		}
	}
	for _, method := range []string{"GET", "HEAD", "POST"} {
		req, _ := http.NewRequest("OPTIONS", w.http.URL+"/oauth2/userinfo", nil)
		req.Header.Set("Origin", "https://app.example.com")
		req.Header.Set("Access-Control-Request-Method", method)
		req.Header.Set("Access-Control-Request-Headers", "authorization")
		if a := w.send(req); a.code != 204 || a.header.Get("Access-Control-Allow-Origin") == "" {
			t.Errorf("userinfo by %s: %d %v", method, a.code, a.header)
		}
	}
}

func TestForwardedAddressIsBelievedOfTrustedForwardersAlone(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		attempt := func(client, forwarded string) int {
			req := mustRequest(w, "/oauth2/token", url.Values{"grant_type": {"password"}, "username": {"nobody@example.com"}, "password": {"x"}}.Encode())
			req.SetBasicAuth(client, secret)
			req.Header.Set("X-Forwarded-For", forwarded)
			return w.send(req).code
		}
		attempt("forwarder", "198.51.100.7")
		attempt("web", "198.51.100.8")
		if log := w.log.String(); !strings.Contains(log, "198.51.100.7") || strings.Contains(log, "198.51.100.8") {
			t.Error(log)
		}
	})
}

func TestPagesCanReadThatAGrantIsUnknown(t *testing.T) {
	w := newWorld(t, storetest.SQLite(t))
	req := mustRequest(w, "/oauth2/token", "grant_type=magic&client_id=spa")
	req.Header.Set("Origin", "https://app.example.com")
	if a := w.send(req); a.str("error") != "unsupported_grant_type" || a.header.Get("Access-Control-Allow-Origin") != "https://app.example.com" {
		t.Errorf("%d %s %v", a.code, a.text, a.header)
	}
}

// The resource API calls with its users' credentials, and proves by a header
// that it may say whose address it acts for.
func TestForwarderIsBelievedByItsSecret(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		basic := func(id, secret string) string {
			return "Basic " + base64.StdEncoding.EncodeToString([]byte(id+":"+secret))
		}
		for _, tt := range []struct {
			name, header, address string
			believed              bool
		}{
			{"trusted", basic("forwarder", secret), "198.51.100.1", true},
			{"wrong secret", basic("forwarder", "guess"), "198.51.100.2", false},
			{"no forwarder", basic("web", secret), "198.51.100.3", false},
			{"nobody", basic("nobody", secret), "198.51.100.4", false},
			{"no header", "", "198.51.100.5", false},
			{"nonsense", "x", "198.51.100.6", false},
		} {
			req := mustRequest(w, "/oauth2/token", url.Values{"grant_type": {"password"}, "username": {email}, "password": {password}, "client_id": {"spa"}}.Encode())
			req.Header.Set("X-Forwarded-For", tt.address)
			if tt.header != "" {
				req.Header.Set("Gatehouse-Forwarder", tt.header)
			}
			if a := w.send(req); a.code != 200 || strings.Contains(w.log.String(), tt.address) != tt.believed {
				t.Errorf("%s: %d, believed %v", tt.name, a.code, !tt.believed)
			}
		}
		if strings.Contains(w.log.String(), secret) {
			t.Error("the secret is in the log")
		}
	})
}

func TestProxiesAreBelievedWhereConfigured(t *testing.T) {
	w := newWorld(t, storetest.SQLite(t))
	for name, trusted := range map[string][]netip.Prefix{"198.51.100.9": {netip.MustParsePrefix("127.0.0.0/8")}, "127.0.0.1": nil} {
		s, err := New(Config{Issuer: "https://id.example.com", Secrets: [][]byte{[]byte(strings.Repeat("s", 32))}, TrustedProxies: trusted,
			Log: slog.New(slog.NewJSONHandler(w.log, nil))}, w.store)
		if err != nil {
			t.Fatal(err)
		}
		w.http = httptest.NewServer(s.Handler())
		defer w.http.Close()
		req, _ := http.NewRequest("GET", w.http.URL+"/livez", nil)
		req.Header.Set("X-Forwarded-For", "192.0.2.1, 198.51.100.9")
		w.send(req)
		if log := w.log.String(); !strings.Contains(log, `"address":"`+name+`"`) || strings.Contains(log, "192.0.2.1") {
			t.Errorf("want %s: %s", name, log)
		}
	}
}

func TestMetadataSaysOnlyWhatWorks(t *testing.T) {
	w := newWorld(t, storetest.SQLite(t))
	resp, err := http.Get(w.http.URL + "/.well-known/oauth-authorization-server")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	got, _ := io.ReadAll(resp.Body)
	want, err := os.ReadFile("testdata/metadata.json")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.TrimSpace(string(want)), strings.TrimSpace(string(got))); diff != "" {
		t.Error(diff)
	}
	if resp.Header.Get("Access-Control-Allow-Origin") != "*" {
		t.Error(resp.Header)
	}
}

// proxy stands between the server and PostgreSQL and can be cut.
type proxy struct {
	listener net.Listener
	target   string
	mu       sync.Mutex
	cut      bool
	open     []net.Conn
}

func (p *proxy) run() {
	for {
		c, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.mu.Lock()
		up, err := net.Dial("tcp", p.target)
		if p.cut || err != nil {
			c.Close()
			p.mu.Unlock()
			continue
		}
		p.open = append(p.open, c, up)
		p.mu.Unlock()
		go io.Copy(up, c)
		go io.Copy(c, up)
	}
}

func (p *proxy) set(cut bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cut = cut
	for _, c := range p.open {
		c.Close()
	}
	p.open = nil
}

func TestDatabaseDown(t *testing.T) {
	u, err := url.Parse(storetest.Postgres(t))
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	p := &proxy{listener: l, target: u.Host}
	go p.run()
	u.Host = l.Addr().String()
	w := newWorld(t, u.String())
	a := w.login("web")
	ready := func() int {
		req, _ := http.NewRequest("GET", w.http.URL+"/readyz", nil)
		return w.send(req).code
	}
	if code := ready(); code != 200 {
		t.Fatalf("ready: %d", code)
	}
	p.set(true)
	time.Sleep(2100 * time.Millisecond) // clients in memory have aged
	for name, got := range map[string]answer{
		"introspection": w.introspect(a.str("access_token")),
		"refresh":       w.refresh("web", a.str("refresh_token")),
		"password":      w.token("web", url.Values{"grant_type": {"password"}, "username": {email}, "password": {password}}),
		"revocation":    w.post("/oauth2/revoke", "web", url.Values{"token": {a.str("access_token")}}),
		"credentials":   w.token("web", url.Values{"grant_type": {"client_credentials"}}),
	} {
		if got.code != 503 || got.str("error") != "temporarily_unavailable" || got.header.Get("Retry-After") == "" {
			t.Errorf("%s while the database is down: %d %s", name, got.code, got.text)
		}
		if strings.Contains(got.text, "127.0.0.1") || strings.Contains(got.text, "dial") {
			t.Errorf("%s tells what is inside: %s", name, got.text)
		}
	}
	if code := ready(); code != 503 {
		t.Errorf("ready while the database is down: %d", code)
	}
	p.set(false)
	deadline := time.Now().Add(10 * time.Second)
	for ready() != 200 {
		if time.Now().After(deadline) {
			t.Fatal("not ready again")
		}
		time.Sleep(20 * time.Millisecond)
	}
	if !w.active(a.str("access_token")) {
		t.Error("the token is lost")
	}
	if b := w.refresh("web", a.str("refresh_token")); b.code != 200 {
		t.Errorf("refresh afterwards: %d %s", b.code, b.text)
	}
}

func TestReadiness(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		get := func(path string) answer {
			req, _ := http.NewRequest("GET", w.http.URL+path, nil)
			return w.send(req)
		}
		if a := get("/readyz"); a.code != 200 {
			t.Errorf("%d %s", a.code, a.text)
		}
		if strings.HasSuffix(t.Name(), "postgres") { // on SQLite there is but one clock
			w.clock.move(3 * time.Second)
			if a := get("/readyz"); a.code != 503 || a.str("failed") != "clock" {
				t.Errorf("clocks apart: %d %s", a.code, a.text)
			}
			w.clock.move(-3 * time.Second)
		}
		if _, err := w.store.MigrateDown(context.Background()); err != nil {
			t.Fatal(err)
		}
		if a := get("/readyz"); a.code != 503 || a.str("failed") != "schema" {
			t.Errorf("schema behind: %d %s", a.code, a.text)
		}
		if a := get("/livez"); a.code != 200 {
			t.Errorf("alive: %d", a.code)
		}
	})
}

func TestNewRefuses(t *testing.T) {
	st := storetest.Open(t, store.Config{URL: storetest.SQLite(t)})
	good := [][]byte{[]byte(strings.Repeat("s", 32))}
	for name, cfg := range map[string]Config{
		"no issuer":         {Secrets: good},
		"issuer with slash": {Issuer: "https://id.example.com/", Secrets: good},
		"issuer with query": {Issuer: "https://id.example.com?x=1", Secrets: good},
		"no secret":         {Issuer: "https://id.example.com"},
		"short secret":      {Issuer: "https://id.example.com", Secrets: [][]byte{[]byte("short")}},
		"tokens for ever":   {Issuer: "https://id.example.com", Secrets: good, AccessTokenLife: -1},
	} {
		if _, err := New(cfg, st); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestIssuerWithPath(t *testing.T) {
	w := newWorld(t, storetest.SQLite(t))
	s, err := New(Config{Issuer: "https://example.com/id", Secrets: [][]byte{[]byte(strings.Repeat("s", 32))}, Limits: testLimits}, w.store)
	if err != nil {
		t.Fatal(err)
	}
	w.http = httptest.NewServer(s.Handler())
	defer w.http.Close()
	resp, err := http.Get(w.http.URL + "/.well-known/oauth-authorization-server/id") // RFC 8414 §3.1
	if err != nil || resp.StatusCode != 200 {
		t.Errorf("%v %v", resp, err)
	}
	if a := w.post("/id/nothing", "", nil); !strings.Contains(a.str("error_description"), " /.well-known/oauth-authorization-server/id.") {
		t.Errorf("%d %s", a.code, a.text)
	}
	if a := w.post("/id/oauth2/token", "web", url.Values{"grant_type": {"client_credentials"}}); a.code != 200 {
		t.Errorf("%d %s", a.code, a.text)
	}
}
