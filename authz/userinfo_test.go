package authz

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
)

func TestUserinfo(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		b := w.browser()
		full := w.redeem("site", b.code()).str("access_token")
		bare := w.redeem("site", b.code("scope", "openid")).str("access_token")
		without := w.redeem("site", b.code("scope", "read")).str("access_token")
		dead := w.redeem("site", b.code())
		w.post("/oauth2/revoke", "site", url.Values{"token": {dead.str("refresh_token")}})
		header := func(token string) *http.Request {
			req, _ := http.NewRequest("GET", w.http.URL+"/oauth2/userinfo", nil)
			req.Header.Set("Authorization", "Bearer "+token)
			return req
		}
		body := func(text string) *http.Request { return mustRequest(w, "/oauth2/userinfo", text) }
		twice := body("access_token=" + full)
		twice.Header.Set("Authorization", "Bearer "+full)
		double := header(full)
		double.Header.Add("Authorization", "Bearer "+full)
		inURL, _ := http.NewRequest("GET", w.http.URL+"/oauth2/userinfo?access_token="+full, nil)
		for _, tt := range []struct {
			name      string
			req       *http.Request
			code      int
			challenge string
		}{
			{"in the header", header(full), 200, ""},
			{"in the body", body("access_token=" + full), 200, ""},
			{"openid alone", header(bare), 200, ""},
			{"without openid", header(without), 403, `error="insufficient_scope"`},
			{"revoked", header(dead.str("access_token")), 401, `error="invalid_token"`},
			{"garbage", header("x"), 401, `error="invalid_token"`},
			{"refresh token", header(dead.str("refresh_token")), 401, `error="invalid_token"`},
			{"no token", body("x=1"), 401, `Bearer realm`},
			{"in the URL", inURL, 401, `Bearer realm`},
			{"two ways", twice, 400, `error="invalid_request"`},
			{"two headers", double, 400, ""},
		} {
			a := w.send(tt.req)
			if a.code != tt.code || !strings.Contains(a.header.Get("WWW-Authenticate"), tt.challenge) || a.header.Get("Cache-Control") != "no-store" {
				t.Errorf("%s: %d %q %s", tt.name, a.code, a.header.Get("WWW-Authenticate"), a.text)
			}
		}
		if a := w.send(header(bare)); a.str("sub") != w.account.ID || len(a.body) != 1 {
			t.Errorf("claims that no scope asked for: %s", a.text)
		}
		req := header(full)
		req.Header.Set("Origin", "https://operator.example.com")
		if a := w.send(req); a.header.Get("Access-Control-Allow-Origin") != "https://operator.example.com" {
			t.Errorf("CORS: %v", a.header)
		}
	})
}
