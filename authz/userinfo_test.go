package authz

import (
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"gatehouse/store"
)

func TestUserinfo(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.addClient(store.Client{ID: "machine", Type: store.Confidential, GrantTypes: store.Words{store.GrantClientCredentials}, Scope: store.Words{"openid"}, DefaultScope: store.Words{"openid"}})
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
		kind := func(media, token, text string) *http.Request {
			req, _ := http.NewRequest("POST", w.http.URL+"/oauth2/userinfo", io.MultiReader(strings.NewReader(text))) // of unknown length
			req.Header.Set("Content-Type", media)
			if token != "" {
				req.Header.Set("Authorization", "Bearer "+token)
			}
			return req
		}
		head := header(full)
		head.Method = "HEAD"
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
			{"no token", body("x=1"), 401, "Bearer realm"},
			{"in the URL", inURL, 401, "Bearer realm"},
			{"two ways", twice, 400, `error="invalid_request"`},
			{"two headers", double, 400, `error="invalid_request"`},
			{"twice in the body", body("access_token=x&access_token=y"), 400, `error="invalid_request"`},
			{"another body without a token", kind("application/json", "", `{"access_token":"x"}`), 400, `error="invalid_request"`},
			{"another body beside the header", kind("application/json", full, `{}`), 200, ""},
			{"an empty form beside the header", kind(mediaForm, full, ""), 200, ""},
			{"an empty parameter beside the header", kind(mediaForm, full, "access_token="), 200, ""},
			{"an empty body in chunks", kind("", full, ""), 200, ""},
			{"HEAD", head, 200, ""},
			{"of a client alone", header(w.token("machine", url.Values{"grant_type": {"client_credentials"}}).str("access_token")), 403, `error="insufficient_scope"`},
		} {
			a := w.send(tt.req)
			if a.code != tt.code || !strings.Contains(a.header.Get("WWW-Authenticate"), tt.challenge) || a.header.Get("Cache-Control") != "no-store" {
				t.Errorf("%s: %d %q %s", tt.name, a.code, a.header.Get("WWW-Authenticate"), a.text)
			}
			challenge := `Bearer realm="gatehouse"` // alone, where there is no token (RFC 6750 §3.1)
			if code := a.str("error"); code != "" {
				challenge += `, error="` + code + `"`
			}
			if _, told := a.body["error"]; a.code != 200 && (a.header.Get("WWW-Authenticate") != challenge || told == (tt.challenge == "Bearer realm")) {
				t.Errorf("%s: %q %s", tt.name, a.header.Get("WWW-Authenticate"), a.text)
			}
			if text := a.str("error_description"); text != printable(text) || (text == "") != (a.code == 200) {
				t.Errorf("%s: error_description %q", tt.name, text)
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
