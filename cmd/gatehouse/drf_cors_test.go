package main

import (
	"bufio"
	"fmt"
	"net"
	"strings"
	"testing"
)

func TestDRF1CORS(t *testing.T) {
	eachDRF(t, func(t *testing.T, w *drfWorld) {
		cors := func(a reply) map[string]string {
			got := map[string]string{}
			for name, values := range a.header {
				if strings.HasPrefix(name, "Access-Control-") || name == "Vary" {
					got[strings.TrimPrefix(name, "Access-Control-")] = strings.Join(values, "; ")
				}
			}
			return got
		}
		ask := with("Access-Control-Request-Method", "POST")
		for _, origin := range []string{drfOrigin, "http://127.0.0.1:3000"} {
			t.Run("§1 CORS preflight, any path, "+origin, func(t *testing.T) {
				for _, path := range append(drfPosts, "currentUser/", "all/", "nowhere", "authorize/") {
					a := w.call(t, "OPTIONS", "/api-auth/"+path, nil, with("Origin", origin), ask, bearerOf("stale"))
					want := map[string]string{"Allow-Origin": origin, "Vary": "Origin", "Max-Age": "86400", "Allow-Methods": "DELETE, GET, OPTIONS, PATCH, POST, PUT",
						"Allow-Headers": "accept, accept-encoding, authorization, content-type, dnt, origin, user-agent, x-csrftoken, x-requested-with"}
					if got := cors(a); a.code != 200 || a.text != "" || fmt.Sprint(got) != fmt.Sprint(want) {
						t.Errorf("%s: %d %q %v", path, a.code, a.text, got)
					}
				}
			})
			t.Run("§1 CORS plain answers, 4xx and 5xx included, "+origin, func(t *testing.T) {
				want := fmt.Sprint(map[string]string{"Allow-Origin": origin, "Vary": "Accept, Origin"})
				for _, a := range []reply{
					w.call(t, "GET", "/api-auth/all/", nil, with("Origin", origin)), w.call(t, "GET", "/api-auth/currentUser/", nil, with("Origin", origin)),
					w.call(t, "POST", "/api-auth/token", `{`, with("Origin", origin)), w.call(t, "GET", "/api-auth/nowhere", nil, with("Origin", origin)),
					w.login(t, "bo@example.com", nil, with("Origin", origin)),
				} {
					if got := fmt.Sprint(cors(a)); got != want {
						t.Errorf("%d: %s", a.code, got)
					}
				}
			})
		}
		t.Run("§1 CORS foreign or null origin", func(t *testing.T) {
			for _, origin := range []string{"https://evil.example.com", "null", "http://localhost:3001", "https://localhost:3000", "HTTP://LOCALHOST:3000"} {
				a := w.login(t, "bo@example.com", nil, with("Origin", origin))
				a.isPair(200)
				p := w.call(t, "OPTIONS", "/api-auth/token", nil, with("Origin", origin), ask)
				if len(cors(a)) != 1 || len(cors(p)) != 1 || p.code >= 400 {
					t.Errorf("%s: %v, preflight %d %v", origin, cors(a), p.code, cors(p))
				}
			}
		})
		t.Run("§1 CORS on a 5xx", func(t *testing.T) {
			w.as.Close()
			a := w.login(t, "bo@example.com", nil, with("Origin", drfOrigin))
			if a.code != 503 || a.str("error") != "temporarily_unavailable" || a.header.Get("Retry-After") == "" || a.header.Get("Access-Control-Allow-Origin") != drfOrigin {
				t.Errorf("%d %v %s", a.code, a.header, a.text)
			}
			a = w.call(t, "GET", "/api-auth/currentUser/", nil, bearerOf("x"), with("Origin", drfOrigin))
			if a.code != 503 || a.str("detail") == "" || a.header.Get("Retry-After") == "" || a.header.Get("Access-Control-Allow-Origin") != drfOrigin {
				t.Errorf("%d %v %s", a.code, a.header, a.text)
			}
		})
	})
}

// The interceptor compares the reason phrase, which net/http's client takes from
// the wire as it is.
func TestDRF3ReasonPhrase(t *testing.T) {
	eachDRF(t, func(t *testing.T, w *drfWorld) {
		t.Run("§3 reason phrase: 401 Unauthorized", func(t *testing.T) {
			conn, err := net.Dial("tcp", strings.TrimPrefix(w.api.URL, "http://"))
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			fmt.Fprintf(conn, "GET /api-auth/currentUser/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
			line, err := bufio.NewReader(conn).ReadString('\n')
			if err != nil || line != "HTTP/1.1 401 Unauthorized\r\n" {
				t.Errorf("%q, %v", line, err)
			}
			if a := w.call(t, "GET", "/api-auth/currentUser/", nil, bearerOf("x")); a.status != "401 Unauthorized" {
				t.Errorf("%q", a.status)
			}
		})
	})
}
