package introspect

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// who answers with the subject of the request's principal.
var who = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	p, ok := PrincipalFrom(r.Context())
	if !ok {
		io.WriteString(w, "nobody")
		return
	}
	io.WriteString(w, p.Subject)
})

// get sends a request with these Authorization headers through h.
func get(h http.Handler, authorization ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest("GET", "/orders", nil)
	r.Header["Authorization"] = authorization
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

const bearer = "Bearer " + testToken

func TestAuthorizationHeader(t *testing.T) {
	const none, bad, twice = "no token", "malformed", "repeated"
	for _, tt := range []struct {
		name   string
		header []string
		want   string // the token, none or bad
	}{
		{"token", []string{bearer}, testToken},
		{"lower case", []string{"bearer " + testToken}, testToken},
		{"capitals", []string{"BEARER " + testToken}, testToken},
		{"several spaces", []string{"Bearer   " + testToken}, testToken},
		{"absent", nil, none},
		{"empty", []string{""}, none},
		{"Basic", []string{"Basic dTpw"}, none},
		{"Token", []string{"Token " + testToken}, none},
		{"longer word", []string{"Bearers " + testToken}, none},
		{"word alone", []string{"Bearer"}, bad},
		{"word and space", []string{"Bearer "}, bad},
		{"colon", []string{"Bearer: " + testToken}, bad},
		{"tab", []string{"Bearer\t" + testToken}, bad},
		{"no scheme", []string{" " + testToken}, bad},
		{"two parts", []string{"Bearer google " + testToken}, bad},
		{"trailing space", []string{bearer + " "}, bad},
		{"list", []string{bearer + ", " + bearer}, bad},
		{"quoted", []string{`Bearer "abc"`}, bad},
		{"control character", []string{"Bearer a\x00b"}, bad},
		{"beyond ASCII", []string{"Bearer né"}, bad},
		{"scheme beyond ASCII", []string{"Beärer abc"}, bad},
		{"padding alone", []string{"Bearer =="}, bad},
		{"padding within", []string{"Bearer a=b"}, bad},
		{"too long", []string{"Bearer " + strings.Repeat("a", maxToken+1)}, bad},
		{"twice the same", []string{bearer, bearer}, twice},
		{"Basic and Bearer", []string{"Basic dTpw", bearer}, twice},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, nil)
			required, optional := get(w.Require()(who), tt.header...), get(w.Optional()(who), tt.header...)
			challenge := required.Header().Get("WWW-Authenticate")
			asked := w.calls.Load()
			switch tt.want {
			case none:
				if required.Code != 401 || challenge != `Bearer realm="api"` || asked != 0 {
					t.Errorf("Require: %d %s, %d calls", required.Code, challenge, asked)
				}
				if optional.Code != 200 || optional.Body.String() != "nobody" {
					t.Errorf("Optional: %d %s", optional.Code, optional.Body)
				}
			case twice:
				if required.Code != 400 || !strings.Contains(challenge, `error="invalid_request"`) || optional.Code != 400 || asked != 0 {
					t.Errorf("%d %s, %d, %d calls", required.Code, challenge, optional.Code, asked)
				}
			case bad:
				if required.Code != 401 || !strings.HasPrefix(challenge, `Bearer realm="api", error="invalid_token", `) || asked != 0 {
					t.Errorf("Require: %d %s, %d calls", required.Code, challenge, asked)
				}
				if optional.Code != 401 {
					t.Errorf("Optional: %d", optional.Code)
				}
			default:
				if required.Code != 200 || optional.Code != 200 || optional.Body.String() != "u1" || asked != 2 {
					t.Errorf("%d, %d %s, %d calls", required.Code, optional.Code, optional.Body, asked)
				}
			}
			r := &http.Request{Header: http.Header{"Authorization": tt.header}}
			token, err := BearerToken(r)
			want := map[string]error{none: ErrNoToken, bad: ErrMalformed, twice: ErrRepeated}[tt.want]
			if !errors.Is(err, want) || err == nil && token != tt.want || err != nil && token != "" {
				t.Errorf("BearerToken: %q %v", token, err)
			}
			if optional.Header().Get("Vary") != "Authorization" {
				t.Error("Optional: no Vary")
			}
		})
	}
}

func TestTokenElsewhereIsIgnored(t *testing.T) {
	w := newWorld(t, nil)
	r := httptest.NewRequest("POST", "/orders?access_token="+testToken, strings.NewReader("access_token="+testToken))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	rec := httptest.NewRecorder()
	w.Require()(who).ServeHTTP(rec, r)
	if rec.Code != 401 || rec.Header().Get("WWW-Authenticate") != `Bearer realm="api"` || w.calls.Load() != 0 {
		t.Errorf("%d %s", rec.Code, rec.Header())
	}
	if body, _ := io.ReadAll(r.Body); len(body) == 0 {
		t.Error("the body was read")
	}
}

func TestStackedMiddlewareAsksOnce(t *testing.T) {
	w, other := newWorld(t, nil), newWorld(t, nil)
	for _, tt := range []struct {
		name    string
		h       http.Handler
		status  int
		here    int64
		another int64
	}{
		{"Require in Require", w.Require()(w.Require("write")(who)), 200, 1, 0},
		{"Require in Optional", w.Optional()(w.Require("write")(who)), 200, 1, 0},
		{"scope only inside", w.Require()(w.Require("admin")(who)), 403, 1, 0},
		{"another checker inside", w.Require()(other.Require()(who)), 200, 1, 1},
		{"another token inside", w.Require()(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			r.Header.Set("Authorization", "Bearer another")
			w.Require()(who).ServeHTTP(rw, r)
		})), 200, 2, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			here, another := w.calls.Load(), other.calls.Load()
			rec := get(tt.h, bearer)
			if rec.Code != tt.status || w.calls.Load()-here != tt.here || other.calls.Load()-another != tt.another {
				t.Errorf("%d, calls %d and %d", rec.Code, w.calls.Load()-here, other.calls.Load()-another)
			}
		})
	}
}

func TestEveryRequestAsksAnew(t *testing.T) {
	w := newWorld(t, nil)
	h := w.Require()(who)
	for range 3 {
		get(h, bearer)
	}
	if n := w.calls.Load(); n != 3 {
		t.Errorf("%d calls for 3 requests", n)
	}
}

func TestCancelledRequestIsRefused(t *testing.T) {
	block := make(chan struct{})
	w := newWorld(t, func(http.ResponseWriter, *http.Request) { <-block })
	defer close(block)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	rec := httptest.NewRecorder()
	r := httptest.NewRequest("GET", "/", nil).WithContext(ctx)
	r.Header.Set("Authorization", bearer)
	w.Require()(who).ServeHTTP(rec, r)
	if rec.Code != 503 || strings.Contains(w.log.String(), "ERROR") {
		t.Errorf("%d, log %s", rec.Code, w.log.String())
	}
}

func TestRequirePanicsOnBadScope(t *testing.T) {
	w := newWorld(t, nil)
	for _, scope := range []string{"", "a b", `a"b`, `a\b`, "é", "a\n"} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%q accepted", scope)
				}
			}()
			w.Require("read", scope)
		}()
	}
}

func FuzzBearerToken(f *testing.F) {
	for _, s := range []string{bearer, "bearer a", "Bearer", "Basic x", "", "Bearer a, Bearer b", "Bearer\ta", "\xff"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, header string) {
		token, err := BearerToken(&http.Request{Header: http.Header{"Authorization": {header}}})
		switch {
		case err != nil:
			if token != "" || !errors.Is(err, ErrNoToken) && !errors.Is(err, ErrMalformed) {
				t.Fatalf("%q %v", token, err)
			}
		case len(token) > maxToken || strings.ContainsAny(token, " \t\r\n\",\x00"),
			!strings.EqualFold(header[:7], "Bearer ") || !strings.HasSuffix(header, " "+token):
			t.Fatalf("%q from %q", token, header)
		}
	})
}
