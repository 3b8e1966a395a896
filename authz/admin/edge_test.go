package admin

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"gatehouse/store/storetest"
)

func TestToken(t *testing.T) {
	w := newWorld(t, storetest.SQLite(t))
	for _, tt := range []struct {
		name, authorization string
		status              int
		challenge, retry    string
	}{
		{"an operator's", "Bearer ops", 200, "", ""},
		{"a superuser's", "Bearer person", 200, "", ""},
		{"none", "", 401, `Bearer realm="gatehouse admin"`, ""},
		{"unknown", "Bearer guess", 401, `error="invalid_token"`, ""},
		{"another user's", "Bearer user", 403, `error="insufficient_scope", scope="admin"`, ""},
		{"one that cannot be checked", "Bearer unsure", 503, "", "2"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, path := range []string{"/admin/clients", "/admin/clients/ops", "/admin/audit"} {
				r := w.do("GET", path, "", "Authorization", tt.authorization)
				if r.status != tt.status || r.header.Get("Retry-After") != tt.retry {
					t.Errorf("%s: status %d, Retry-After %q", path, r.status, r.header.Get("Retry-After"))
				}
				if got := r.header.Get("WWW-Authenticate"); (tt.challenge == "") != (got == "") || !strings.Contains(got, tt.challenge) {
					t.Errorf("%s: WWW-Authenticate %q", path, got)
				}
			}
			if tt.status >= 400 {
				r := w.do("DELETE", "/admin/clients/ops", "", "Authorization", tt.authorization)
				if r.status != tt.status {
					t.Errorf("delete: status %d", r.status)
				}
				r = w.do("POST", "/admin/clients", strings.Repeat("x", maxBody+1), "Authorization", tt.authorization)
				if r.status != tt.status {
					t.Errorf("the body was looked at first: status %d", r.status)
				}
			}
		})
	}
	if r := w.must(200, "GET", "/admin/clients/ops", ""); r.str("client_id") != "ops" {
		t.Errorf("deleted without a token: %s", r.text)
	}
	for _, part := range []string{"Bearer", "guess"} {
		if strings.Contains(w.log.String(), part) {
			t.Errorf("the log has %q", part)
		}
	}
}

// TestBadInput asserts that whatever a client sends is answered 4xx and
// changes nothing.
func TestBadInput(t *testing.T) {
	storetest.Each(t, func(t *testing.T, database string) {
		w := newWorld(t, database)
		acc := "/admin/accounts/" + w.account.ID
		const js, clients, ops = "application/json", "/admin/clients", "/admin/clients/ops"
		long := strings.Repeat("x", 300)
		person := func(members string) string {
			return `{"email":"new@example.com","username":"new","first_name":"New","password":"` + password + `"` + members + `}`
		}
		for _, tt := range []struct {
			name, method, path, contentType, body string
			status                                int
			location                              string
		}{
			{"no body", "POST", clients, js, "", 400, ""},
			{"no body and no type", "POST", clients, "", "", 400, ""},
			{"no type", "POST", clients, "", `{}`, 415, ""},
			{"a form", "POST", clients, "application/x-www-form-urlencoded", "client_id=a", 415, ""},
			{"text", "PATCH", ops, "text/plain", `{"client_name":"a"}`, 415, ""},
			{"merge patch", "PATCH", ops, "application/merge-patch+json", `{"client_name":"a"}`, 415, ""},
			{"latin-1", "POST", clients, js + "; charset=iso-8859-1", `{}`, 415, ""},
			{"a broken type", "POST", clients, "application/json; =", `{}`, 415, ""},
			{"a body of 64 KiB and more", "POST", clients, js, `{"client_name":"` + strings.Repeat("x", maxBody) + `"}`, 413, ""},
			{"white space of 64 KiB and more", "PATCH", ops, js, `{}` + strings.Repeat(" ", maxBody), 413, ""},
			{"broken JSON", "POST", clients, js, `{"client_name":`, 400, ""},
			{"an array", "POST", clients, js, `[{"client_name":"a"}]`, 400, ""},
			{"a number", "PATCH", ops, js, `17`, 400, ""},
			{"a string", "PATCH", ops, js, `"x"`, 400, ""},
			{"null", "POST", clients, js, `null`, 400, ""},
			{"two values", "POST", clients, js, `{}{}`, 400, ""},
			{"duplicate keys", "PATCH", ops, js, `{"client_name":"a","client_name":"b"}`, 400, ""},
			{"duplicate keys in another case", "PATCH", ops, js, `{"client_name":"a","Client_Name":"b"}`, 400, ""},
			{"duplicate keys within", "PATCH", ops, js, `{"x":{"a":1,"a":1}}`, 400, ""},
			{"a NUL byte", "PATCH", ops, js, "{\"client_name\":\"a\x00\"}", 400, ""},
			{"a NUL escape", "PATCH", ops, js, `{"client_name":"a\u0000"}`, 400, ""},
			{"invalid UTF-8", "PATCH", ops, js, "{\"client_name\":\"\xff\"}", 400, ""},
			{"half a surrogate pair", "PATCH", acc, js, `{"password":"correct horse \ud800"}`, 400, ""},
			{"a number beyond float64", "PATCH", ops, js, `{"access_token_lifetime":1e999}`, 400, ""},
			{"another letter case", "POST", clients, js, `{"OPERATOR":true}`, 422, "body.OPERATOR"},
			{"null for a member", "PATCH", ops, js, `{"client_name":null}`, 422, "body.client_name"},
			{"null for a list", "PATCH", ops, js, `{"redirect_uris":null,"audience":null}`, 422, "body.audience body.redirect_uris"},
			{"null within a list", "PATCH", ops, js, `{"redirect_uris":[null]}`, 422, "body.redirect_uris[0]"},
			{"null for an account's name", "PATCH", acc, js, `{"first_name":null}`, 422, "body.first_name"},
			{"an unknown member", "PATCH", ops, js, `{"clientname":"a"}`, 422, "body.clientname"},
			{"a read-only member", "PATCH", ops, js, `{"client_id":"other"}`, 422, "body.client_id"},
			{"a number for a string", "PATCH", ops, js, `{"client_name":1}`, 422, "body.client_name"},
			{"a string for a list", "PATCH", ops, js, `{"redirect_uris":"https://a.example"}`, 422, "body.redirect_uris"},
			{"a list for a string", "PATCH", ops, js, `{"scope":["read"]}`, 422, "body.scope"},
			{"a string for a flag", "PATCH", ops, js, `{"operator":"yes"}`, 422, "body.operator"},
			{"a fraction", "PATCH", ops, js, `{"access_token_lifetime":1.5}`, 422, "body.access_token_lifetime"},
			{"a huge number", "PATCH", ops, js, `{"access_token_lifetime":1e300}`, 422, "body.access_token_lifetime"},
			{"a negative lifetime", "PATCH", ops, js, `{"refresh_token_lifetime":-1}`, 422, "body.refresh_token_lifetime"},
			{"an object for a member", "PATCH", ops, js, `{"client_name":{"a":1}}`, 422, "body.client_name"},
			{"a long name", "PATCH", ops, js, `{"client_name":"` + long + `"}`, 422, "body.client_name"},
			{"a line break in a name", "PATCH", ops, js, `{"client_name":"a\nb"}`, 422, "body.client_name"},
			{"a blank within a URI", "PATCH", ops, js, `{"redirect_uris":["https://a.example/ x"]}`, 422, "body.redirect_uris[0]"},
			{"an empty URI", "PATCH", ops, js, `{"redirect_uris":[""]}`, 422, "body.redirect_uris[0]"},
			{"http beyond loopback", "PATCH", ops, js, `{"redirect_uris":["http://a.example/"]}`, 422, "body.redirect_uris"},
			{"an origin with a path", "PATCH", ops, js, `{"origins":["https://a.example/x"]}`, 422, "body.origins"},
			{"a blank within an audience", "PATCH", ops, js, `{"audience":["a b"]}`, 422, "body.audience[0]"},
			{"a grant type that is not served", "POST", clients, js, `{"grant_types":["implicit"]}`, 422, "body.grant_types"},
			{"a scope with a quote", "PATCH", ops, js, `{"scope":"admin a\"b"}`, 422, "body.scope"},
			{"a default that is no scope of it", "PATCH", ops, js, `{"default_scope":"write"}`, 422, "body.default_scope"},
			{"admin as a default", "PATCH", ops, js, `{"default_scope":"admin"}`, 422, "body.default_scope"},
			{"admin for no operator", "POST", clients, js, `{"scope":"admin"}`, 422, "body.scope"},
			{"a public operator", "POST", clients, js, `{"type":"public","operator":true}`, 422, "body.type"},
			{"a secret for a public client", "POST", clients, js, `{"type":"public","client_secret":"` + strings.Repeat("s", 40) + `"}`, 422, "body.client_secret"},
			{"a short secret", "POST", clients, js, `{"client_secret":"short"}`, 422, "body.client_secret"},
			{"an empty id", "POST", clients, js, `{"client_id":""}`, 422, "body.client_id"},
			{"an id with a slash", "POST", clients, js, `{"client_id":"a/b"}`, 422, "body.client_id"},
			{"an id like an account's", "POST", clients, js, `{"client_id":"` + w.account.ID + `"}`, 422, "body.client_id"},
			{"an id that is taken", "POST", clients, js, `{"client_id":"ops"}`, 409, "body.client_id"},
			{"an unknown type of client", "POST", clients, js, `{"type":"secret"}`, 422, "body.type"},
			{"too many members", "POST", clients, js, `{` + manyMembers(2000) + `}`, 422, ""},
			{"deep nesting", "PATCH", ops, js, `{"client_name":` + strings.Repeat("[", 20000) + strings.Repeat("]", 20000) + `}`, 400, ""},

			{"no members", "POST", "/admin/accounts", js, `{}`, 422, "body body body body"},
			{"an empty e-mail", "POST", "/admin/accounts", js, `{"email":" ","username":"a","first_name":"a","password":"` + password + `"}`, 422, "body.email"},
			{"no e-mail address", "POST", "/admin/accounts", js, `{"email":"a","username":"a","first_name":"a","password":"` + password + `"}`, 422, "body.email"},
			{"a long e-mail", "POST", "/admin/accounts", js, `{"email":"` + long + `@example.com","username":"a","first_name":"a","password":"` + password + `"}`, 422, "body.email"},
			{"an empty username", "POST", "/admin/accounts", js, `{"email":"a@example.com","username":"","first_name":"a","password":"` + password + `"}`, 422, "body.username"},
			{"a common password", "POST", "/admin/accounts", js, `{"email":"a@example.com","username":"a","first_name":"a","password":"password1"}`, 422, "body.password"},
			{"an address that is taken", "POST", "/admin/accounts", js, `{"email":"demo@EXAMPLE.com","username":"a","first_name":"a","password":"` + password + `"}`, 409, "body.email"},
			{"no truth value", "POST", "/admin/accounts", js, person(`,"is_staff":"true"`), 422, "body.is_staff"},
			{"unproving an e-mail", "PATCH", acc, js, `{"email_verified":false,"first_name":"Other"}`, 422, "body.email_verified"},
			{"a password that is too short", "PATCH", acc, js, `{"password":"short","first_name":"Other"}`, 422, "body.password"},
			{"a password of 200 characters", "PATCH", acc, js, `{"password":"` + long[:200] + `"}`, 422, "body.password"},
			{"the new username as password", "PATCH", acc, js, `{"username":"correct horse","password":"Correct Horse"}`, 422, "body.password"},
			{"an empty first name", "PATCH", acc, js, `{"first_name":" ","active":false}`, 422, "body.first_name"},
			{"a control character", "PATCH", acc, js, `{"last_name":"a\u0007"}`, 422, "body.last_name"},
			{"making a superuser", "PATCH", acc, js, `{"is_superuser":true}`, 422, "body.is_superuser"},
			{"changing an address", "PATCH", acc, js, `{"email":"other@example.com"}`, 422, "body.email"},

			{"a negative limit", "GET", clients + "?limit=-1", "", "", 422, "query.limit"},
			{"a limit of nothing", "GET", clients + "?limit=0", "", "", 422, "query.limit"},
			{"a limit above 200", "GET", "/admin/accounts?limit=201", "", "", 422, "query.limit"},
			{"a huge limit", "GET", "/admin/audit?limit=99999999999999999999", "", "", 422, "query.limit"},
			{"a limit that is no number", "GET", clients + "?limit=ten", "", "", 422, "query.limit"},
			{"a huge cursor", "GET", clients + "?cursor=" + long, "", "", 422, "query.cursor"},
			{"a cursor of another list", "GET", "/admin/accounts?cursor=ops", "", "", 422, "query.cursor"},
			{"a cursor that is no id", "GET", "/admin/audit?cursor=ops", "", "", 422, ""},
			{"a cursor in braces", "GET", "/admin/audit?cursor=%7B" + w.account.ID + "%7D", "", "", 422, "query.cursor"},
			{"a grant's cursor that is no id", "GET", acc + "/grants?cursor=ops", "", "", 422, "query.cursor"},
			{"a NUL byte in the query", "GET", "/admin/accounts?email=a%00", "", "", 400, ""},
			{"invalid UTF-8 in the query", "GET", "/admin/accounts?email=%ff", "", "", 400, ""},
			{"a NUL byte in a cursor", "GET", clients + "?cursor=%00", "", "", 400, ""},
			{"a NUL byte in a query's name", "GET", clients + "?a%00=1", "", "", 400, ""},
			{"a broken escape in the query", "GET", clients + "?cursor=%zz", "", "", 400, ""},
			{"a semicolon in the query", "GET", clients + "?limit=1;cursor=a", "", "", 400, ""},
			{"a parameter twice", "GET", clients + "?limit=1&limit=2", "", "", 400, ""},
			{"an unknown parameter", "GET", clients + "?page=2", "", "", 422, "query.page"},
			{"a long search", "GET", "/admin/accounts?email=" + long, "", "", 422, "query.email"},

			{"an unknown path", "GET", "/admin/nothing", "", "", 404, ""},
			{"the root", "GET", "/", "", "", 404, ""},
			{"a trailing slash", "GET", clients + "/", "", "", 404, ""},
			{"two slashes", "GET", "//admin//clients", "", "", 404, ""},
			{"dots", "GET", "/admin/clients/../accounts", "", "", 404, ""},
			{"an unknown client", "GET", clients + "/nobody", "", "", 404, ""},
			{"a client in another case", "GET", clients + "/OPS", "", "", 404, ""},
			{"a client's id with a slash", "GET", clients + "/a%2Fb", "", "", 404, ""},
			{"a client's id with a NUL byte", "GET", clients + "/a%00", "", "", 400, ""},
			{"a client's id of invalid UTF-8", "DELETE", clients + "/%ff", "", "", 400, ""},
			{"a client's id with a percent", "DELETE", clients + "/%25", "", "", 404, ""},
			{"a client's id of 5,000 characters", "DELETE", clients + "/" + strings.Repeat("x", 5000), "", "", 404, ""},
			{"a client's id with a quote", "DELETE", clients + "/'%20OR%201=1", "", "", 404, ""},
			{"an account's id that is none", "GET", "/admin/accounts/1", "", "", 404, ""},
			{"an account's id with a line break", "PATCH", "/admin/accounts/%0A", js, `{"active":false}`, 404, ""},
			{"an account that is not there", "PATCH", "/admin/accounts/00000000-0000-7000-8000-000000000000", js, `{"active":false}`, 404, ""},
			{"grants of no account", "GET", "/admin/accounts/1/grants", "", "", 404, ""},
			{"ending the grants of no account", "DELETE", "/admin/accounts/1/grants", "", "", 404, ""},
			{"a grant's id that is none", "DELETE", acc + "/grants/1", "", "", 404, ""},
			{"a secret's id that is none", "DELETE", ops + "/secrets/1", "", "", 404, ""},
			{"a secret for no client", "POST", clients + "/nobody/secrets", "", "", 404, ""},
			{"changing no client", "PATCH", clients + "/nobody", js, `{"client_name":"a"}`, 404, ""},
			{"disabling no client", "PATCH", clients + "/nobody", js, `{"disabled":true}`, 404, ""},
			{"nothing to change in no client", "PATCH", clients + "/nobody", js, `{}`, 404, ""},
			{"deleting no client", "DELETE", clients + "/nobody", "", "", 404, ""},
		} {
			t.Run(tt.name, func(t *testing.T) {
				w := *w
				w.t = t
				r := w.do(tt.method, tt.path, tt.body, "Content-Type", tt.contentType)
				if r.status != tt.status {
					t.Fatalf("status %d, want %d: %.500s", r.status, tt.status, r.text)
				}
				if tt.location != "" && r.locations() != tt.location {
					t.Errorf("at %q, want %q: %.500s", r.locations(), tt.location, r.text)
				}
				if len(r.text) > 5000 {
					t.Errorf("an answer of %d bytes", len(r.text))
				}
				if strings.Contains(r.text, password) || strings.Contains(r.text, long[:200]) {
					t.Errorf("the answer quotes what was sent: %.500s", r.text)
				}
			})
		}
		if trail := w.trail(); len(trail) > 0 {
			t.Errorf("on record: %q", trail)
		}
		if list := w.must(200, "GET", clients, "").items(); len(list) != 1 || list[0]["client_name"] != "" {
			t.Errorf("clients: %v", list)
		}
		if list := w.must(200, "GET", "/admin/accounts", "").items(); len(list) != 1 || list[0]["first_name"] != "Demo" ||
			list[0]["is_active"] != true || list[0]["email_verified"] != false {
			t.Errorf("accounts: %v", list)
		}
		if strings.Contains(w.log.String(), "level=ERROR") {
			t.Errorf("logged as our fault:\n%s", w.log)
		}
	})
}

func manyMembers(n int) string {
	var b strings.Builder
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(`"m` + strings.Repeat("x", i%10) + string(rune('a'+i%26)) + strings.Repeat("y", i/26) + `":1`)
		if b.Len() > maxBody/2 {
			break
		}
	}
	return b.String()
}

func TestMethods(t *testing.T) {
	w := newWorld(t, storetest.SQLite(t))
	acc := "/admin/accounts/" + w.account.ID
	for _, tt := range []struct{ method, path, allow string }{
		{"PUT", "/admin/clients", "GET, HEAD, POST"},
		{"OPTIONS", "/admin/clients", "GET, HEAD, POST"},
		{"DELETE", "/admin/clients", "GET, HEAD, POST"},
		{"POST", "/admin/clients/ops", "GET, HEAD, PATCH, DELETE"},
		{"PUT", "/admin/clients/a%2Fb", "GET, HEAD, PATCH, DELETE"},
		{"GET", "/admin/clients/ops/secrets", "POST"},
		{"HEAD", "/admin/clients/ops/secrets", "POST"},
		{"GET", "/admin/clients/ops/secrets/1", "DELETE"},
		{"PATCH", "/admin/accounts", "GET, HEAD, POST"},
		{"DELETE", acc, "GET, HEAD, PATCH"},
		{"POST", acc + "/grants", "GET, HEAD, DELETE"},
		{"GET", acc + "/grants/1", "DELETE"},
		{"POST", "/admin/audit", "GET, HEAD"},
		{"DELETE", "/admin/openapi.json", "GET, HEAD"},
		{"BREW", "/admin/audit", "GET, HEAD"},
	} {
		t.Run(tt.method+" "+tt.path, func(t *testing.T) {
			w := *w
			w.t = t
			r := w.do(tt.method, tt.path, "")
			if got := r.header.Get("Allow"); r.status != http.StatusMethodNotAllowed || got != tt.allow {
				t.Errorf("status %d, Allow %q, want %q", r.status, got, tt.allow)
			}
		})
	}
	if r := w.do("HEAD", "/admin/clients/ops", ""); r.status != 200 || r.text != "" || r.header.Get("Content-Type") != "application/json" {
		t.Errorf("HEAD: status %d, %q as %q", r.status, r.text, r.header.Get("Content-Type"))
	}
	if r := w.do("HEAD", "/admin/clients/nobody", ""); r.status != 404 {
		t.Errorf("HEAD of nothing: status %d", r.status)
	}
}

func TestAccept(t *testing.T) {
	w := newWorld(t, storetest.SQLite(t))
	for _, accept := range []string{"", "*/*", "text/html", "json", "application/cbor", "application/json;q=0", ";;;"} {
		for path, want := range map[string]string{"/admin/clients": "application/json", "/admin/clients/nobody": "application/problem+json"} {
			if r := w.do("GET", path, "", "Accept", accept); r.header.Get("Content-Type") != want {
				t.Errorf("Accept %q: %s as %q", accept, path, r.header.Get("Content-Type"))
			}
		}
	}
}

func TestPanic(t *testing.T) {
	w := newWorld(t, storetest.SQLite(t))
	r := w.do("GET", "/admin/clients", "", "Authorization", "Bearer panic")
	if r.status != 500 || strings.Contains(r.text, "secret thing") || strings.Contains(r.text, ".go:") {
		t.Errorf("status %d: %s", r.status, r.text)
	}
	if id := r.header.Get("X-Request-Id"); !strings.Contains(w.log.String(), id) || !strings.Contains(w.log.String(), "a secret thing") {
		t.Errorf("the log tells not of %s:\n%s", id, w.log)
	}
}

// cutOff is a body that ends in an error.
type cutOff struct{}

func (cutOff) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

func TestBodyEndsEarly(t *testing.T) {
	w := newWorld(t, storetest.SQLite(t))
	req, _ := http.NewRequest("POST", w.http.URL+"/admin/clients", io.MultiReader(strings.NewReader(`{"client_id":"half"`), cutOff{}))
	req.Header.Set("Authorization", "Bearer ops")
	req.Header.Set("Content-Type", "application/json")
	if resp, err := http.DefaultTransport.RoundTrip(req); err == nil {
		resp.Body.Close()
		if resp.StatusCode != http.StatusBadRequest {
			t.Errorf("status %d", resp.StatusCode)
		}
	}
	if r := w.do("GET", "/admin/clients/half", ""); r.status != 404 {
		t.Errorf("made of half a body: %s", r.text)
	}
}

func TestDatabaseDown(t *testing.T) {
	storetest.Each(t, func(t *testing.T, database string) {
		w := newWorld(t, database)
		w.store.Close()
		for _, tt := range []struct{ method, path, body string }{
			{"GET", "/admin/clients", ""},
			{"GET", "/admin/accounts/" + w.account.ID, ""},
			{"GET", "/admin/audit", ""},
			{"POST", "/admin/clients", `{}`},
			{"PATCH", "/admin/clients/ops", `{"client_name":"a"}`},
			{"DELETE", "/admin/accounts/" + w.account.ID + "/grants", ""},
		} {
			r := w.do(tt.method, tt.path, tt.body)
			if r.status != 503 || r.header.Get("Retry-After") != "2" || strings.Contains(r.text, "sql") || strings.Contains(r.text, "closed") {
				t.Errorf("%s %s: status %d, Retry-After %q: %s", tt.method, tt.path, r.status, r.header.Get("Retry-After"), r.text)
			}
		}
		if !strings.Contains(w.log.String(), "closed") {
			t.Errorf("the log has no cause:\n%s", w.log)
		}
	})
}

// FuzzRequest asserts that nothing a client sends is answered 5xx.
func FuzzRequest(f *testing.F) {
	for _, seed := range []struct {
		method            byte
		path, query, body string
	}{
		{0, "clients", "limit=1", ""}, {1, "clients", "", `{"client_id":"a","redirect_uris":["https://a.example"]}`},
		{2, "clients/ops", "", `{"client_name":"a","scope":"admin read"}`}, {3, "clients/a%2Fb", "", ""},
		{0, "accounts", "email=d%25&cursor=x", ""}, {1, "accounts", "", `{"email":"a@b.c","username":"a","first_name":"b","password":"a long enough one"}`},
		{0, "audit", "cursor=%00", ""}, {3, "accounts/1/grants/%ff", "", ""},
	} {
		f.Add(seed.method, seed.path, seed.query, seed.body)
	}
	w := newWorld(f, storetest.SQLite(f))
	f.Fuzz(func(t *testing.T, method byte, path, query, body string) {
		req, err := http.NewRequest([]string{"GET", "POST", "PATCH", "DELETE"}[method%4], w.http.URL+"/admin/"+path, strings.NewReader(body))
		if err != nil {
			return // no address that a client could send
		}
		req.URL.RawQuery = query
		req.Header.Set("Authorization", "Bearer ops")
		req.Header.Set("Content-Type", "application/json")
		rec := httptest.NewRecorder()
		w.server.Handler().ServeHTTP(rec, req)
		if rec.Code >= 500 {
			t.Errorf("%s %q ?%q %q: status %d: %s", req.Method, path, query, body, rec.Code, rec.Body)
		}
	})
}
