package admin

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"gatehouse/store"
	"gatehouse/store/storetest"
)

func TestCreateClient(t *testing.T) {
	storetest.Each(t, func(t *testing.T, database string) {
		w := newWorld(t, database)
		for _, tt := range []struct {
			name, body string
			want       map[string]any // members that are not the default
			secret     bool
		}{
			{"with nothing given", `{}`, nil, true},
			{"with an id and a secret of one's own", `{"client_id":"web","client_secret":"` + strings.Repeat("s", 40) + `"}`,
				map[string]any{"client_id": "web", "client_secret": strings.Repeat("s", 40)}, true},
			{"public", `{"client_id":"spa","type":"public","origins":["https://app.example.com"]}`,
				map[string]any{"client_id": "spa", "type": "public", "token_endpoint_auth_method": "none", "origins": []any{"https://app.example.com"}}, false},
			{"disabled", `{"client_id":"off","disabled":true,"rotate_refresh":false}`,
				map[string]any{"client_id": "off", "disabled": true, "rotate_refresh": false}, true},
			{"with every member", `{"client_id":"all.of~it-_","client_name":"All of it","type":"confidential",
				"redirect_uris":["https://app.example.com/cb","com.example.app:/cb","http://127.0.0.1/cb"],
				"post_logout_redirect_uris":["https://app.example.com/bye"],"id_token_signed_response_alg":"ES256",
				"grant_types":["authorization_code","password","refresh_token","client_credentials"],"scope":"read  write admin read","default_scope":"read write",
				"token_endpoint_auth_method":"client_secret_post","audience":["https://api.example.com","api"],
				"origins":["https://app.example.com","http://localhost:3000"],"access_token_lifetime":600,"refresh_token_lifetime":86400,
				"grant_lifetime":864000,"providers":["google"],"provider_audiences":["123.apps.example.com"],"exchange_audiences":["api"],
				"first_party":true,"operator":true,"introspect_all":true,"native":true,"trusted_forwarder":true,"impersonate":true}`,
				map[string]any{"client_id": "all.of~it-_", "client_name": "All of it",
					"redirect_uris":             []any{"https://app.example.com/cb", "com.example.app:/cb", "http://127.0.0.1/cb"},
					"post_logout_redirect_uris": []any{"https://app.example.com/bye"}, "id_token_signed_response_alg": "ES256",
					"grant_types": []any{"authorization_code", "password", "refresh_token", "client_credentials"}, "scope": "read write admin", "default_scope": "read write",
					"token_endpoint_auth_method": "client_secret_post", "audience": []any{"https://api.example.com", "api"},
					"origins": []any{"https://app.example.com", "http://localhost:3000"}, "access_token_lifetime": 600.0, "refresh_token_lifetime": 86400.0,
					"grant_lifetime": 864000.0, "providers": []any{"google"}, "provider_audiences": []any{"123.apps.example.com"}, "exchange_audiences": []any{"api"},
					"first_party": true, "operator": true, "introspect_all": true, "native": true, "trusted_forwarder": true, "impersonate": true}, true},
			{"exposed", `{"client_id":"tutorial","exposed_secret":true,"first_party":true,"grant_types":["password"]}`,
				map[string]any{"client_id": "tutorial", "exposed_secret": true, "first_party": true, "grant_types": []any{"password"}}, true},
		} {
			t.Run(tt.name, func(t *testing.T) {
				made := w.must(201, "POST", "/admin/clients", tt.body)
				want := map[string]any{
					"client_name": "", "type": "confidential", "token_endpoint_auth_method": "client_secret_basic",
					"redirect_uris": []any{}, "post_logout_redirect_uris": []any{}, "id_token_signed_response_alg": "RS256",
					"grant_types": []any{}, "scope": "", "default_scope": "", "audience": []any{}, "origins": []any{},
					"access_token_lifetime": 0.0, "refresh_token_lifetime": 0.0, "grant_lifetime": 0.0,
					"providers": []any{}, "provider_audiences": []any{}, "exchange_audiences": []any{},
					"first_party": false, "operator": false, "introspect_all": false, "exposed_secret": false, "native": false,
					"trusted_forwarder": false, "rotate_refresh": true, "impersonate": false, "disabled": false,
				}
				maps.Copy(want, tt.want)
				ignore := cmpopts.IgnoreMapEntries(func(name string, _ any) bool {
					return slices.Contains([]string{"client_secret", "secrets", "created_at", "updated_at"}, name) || (want["client_id"] == nil && name == "client_id")
				})
				if diff := cmp.Diff(want, made.body, ignore); diff != "" {
					t.Error(diff)
				}
				id, secret := made.str("client_id"), made.str("client_secret")
				if tt.secret != regexp.MustCompile(`^[A-Za-z0-9_-]{40,}$`).MatchString(secret) {
					t.Errorf("secret %q", secret)
				}
				if got := made.header.Get("Location"); got != "/admin/clients/"+id {
					t.Errorf("Location %q", got)
				}
				read := w.must(200, "GET", "/admin/clients/"+id, "")
				delete(made.body, "client_secret")
				if diff := cmp.Diff(made.body, read.body); diff != "" {
					t.Errorf("read otherwise than made: %s", diff)
				}
				if secret == "" {
					return
				}
				if strings.Contains(read.text, secret) || strings.Contains(w.must(200, "GET", "/admin/clients", "").text, secret) ||
					strings.Contains(w.must(200, "GET", "/admin/audit", "").text, secret) || strings.Contains(w.log.String(), secret) {
					t.Error("the secret is shown again")
				}
				c, err := w.store.ReadClient(t.Context(), id)
				if err != nil || !c.SecretMatches(secret) {
					t.Errorf("the secret shown is not the client's: %v", err)
				}
			})
		}
	})
}

func TestUpdateClient(t *testing.T) {
	storetest.Each(t, func(t *testing.T, database string) {
		w := newWorld(t, database)
		made := w.must(201, "POST", "/admin/clients", `{"client_id":"web","client_name":"Web","scope":"read write","default_scope":"read",
			"grant_types":["refresh_token"],"redirect_uris":["https://a.example/"],"access_token_lifetime":60,"native":true,"rotate_refresh":false}`)
		delete(made.body, "client_secret")
		have := made.body
		for _, tt := range []struct {
			name, body string
			change     map[string]any
		}{
			{"nothing", `{}`, nil},
			{"one member", `{"client_name":"Other"}`, map[string]any{"client_name": "Other"}},
			{"to empty", `{"client_name":"","redirect_uris":[],"default_scope":""}`, map[string]any{"client_name": "", "redirect_uris": []any{}, "default_scope": ""}},
			{"to zero and false", `{"access_token_lifetime":0,"native":false}`, map[string]any{"access_token_lifetime": 0.0, "native": false}},
			{"to true", `{"rotate_refresh":true,"introspect_all":true}`, map[string]any{"rotate_refresh": true, "introspect_all": true}},
			{"disabled with another member", `{"disabled":true,"scope":"read"}`, map[string]any{"disabled": true, "scope": "read"}},
			{"again", `{"disabled":true}`, nil},
			{"enabled", `{"disabled":false}`, map[string]any{"disabled": false}},
		} {
			t.Run(tt.name, func(t *testing.T) {
				maps.Copy(have, tt.change)
				updated := cmpopts.IgnoreMapEntries(func(name string, _ any) bool { return name == "updated_at" })
				if diff := cmp.Diff(have, w.must(200, "PATCH", "/admin/clients/web", tt.body).body, updated); diff != "" {
					t.Error(diff)
				}
				if diff := cmp.Diff(have, w.must(200, "GET", "/admin/clients/web", "").body, updated); diff != "" {
					t.Error(diff)
				}
			})
		}
		if r := w.do("PATCH", "/admin/clients/web", `{"client_name":"Third","disabled":true,"default_scope":"none"}`); r.status != 422 {
			t.Errorf("status %d: %s", r.status, r.text)
		}
		if r := w.must(200, "GET", "/admin/clients/web", ""); r.str("client_name") != "" || r.body["disabled"] != false {
			t.Errorf("half of a refused change is there: %s", r.text)
		}
		want := []string{
			"ops client.create web succeeded", "ops client.update web succeeded", "ops client.update web succeeded", "ops client.update web succeeded",
			"ops client.update web succeeded", "ops client.update web succeeded", "ops client.disable web succeeded", "ops client.disable web succeeded", "ops client.enable web succeeded",
		}
		if diff := cmp.Diff(want, w.trail()); diff != "" {
			t.Error(diff)
		}
	})
}

func TestDisableAndDeleteEndSignIns(t *testing.T) {
	storetest.Each(t, func(t *testing.T, database string) {
		for _, tt := range []struct{ name, method, body string }{
			{"disabled", "PATCH", `{"disabled":true}`},
			{"deleted", "DELETE", ""},
		} {
			w := newWorld(t, storetestURL(t, database))
			_, token := w.signIn(w.account) // by the client ops
			r := w.do(tt.method, "/admin/clients/ops", tt.body, "Authorization", "Bearer person")
			if r.status >= 300 || w.live(token) {
				t.Errorf("%s: status %d, token live %t", tt.name, r.status, w.live(token))
			}
			if _, err := w.store.Client(t.Context(), "ops"); err != store.ErrNotFound {
				t.Errorf("%s: %v", tt.name, err)
			}
		}
	})
}

// storetestURL is another empty database of the same kind.
func storetestURL(t *testing.T, database string) string {
	if strings.HasPrefix(database, "sqlite") {
		return storetest.SQLite(t)
	}
	return storetest.Postgres(t)
}

func TestOwnAccess(t *testing.T) {
	storetest.Each(t, func(t *testing.T, database string) {
		w := newWorld(t, database)
		before := w.must(200, "GET", "/admin/clients/ops", "")
		only := before.body["secrets"].([]any)[0].(map[string]any)["id"].(string)
		for _, tt := range []struct{ name, method, path, body string }{
			{"deleting itself", "DELETE", "/admin/clients/ops", ""},
			{"disabling itself", "PATCH", "/admin/clients/ops", `{"disabled":true}`},
			{"giving up operator", "PATCH", "/admin/clients/ops", `{"operator":false,"scope":"read"}`},
			{"giving up the scope", "PATCH", "/admin/clients/ops", `{"scope":"read"}`},
			{"giving up the grant type", "PATCH", "/admin/clients/ops", `{"grant_types":[]}`},
			{"giving up the audience", "PATCH", "/admin/clients/ops", `{"audience":["api"]}`},
			{"dropping its only secret", "DELETE", "/admin/clients/ops/secrets/" + only, ""},
			{"dropping it in capitals", "DELETE", "/admin/clients/ops/secrets/" + strings.ToUpper(only), ""},
		} {
			if r := w.do(tt.method, tt.path, tt.body); r.status != 409 && !(r.status == 404 && tt.name == "dropping it in capitals") {
				t.Errorf("%s: status %d: %s", tt.name, r.status, r.text)
			}
		}
		if diff := cmp.Diff(before.body, w.must(200, "GET", "/admin/clients/ops", "").body); diff != "" {
			t.Error(diff)
		}
		for _, row := range w.trail() {
			if !strings.HasPrefix(row, "ops client.") || !strings.HasSuffix(row, " ops refused") {
				t.Errorf("on record: %q", row)
			}
		}
		if n := len(w.trail()); n < 7 {
			t.Errorf("%d refusals on record", n)
		}

		w.must(200, "PATCH", "/admin/clients/ops", `{"client_name":"Operators","scope":"admin read","grant_types":["client_credentials","refresh_token"]}`)
		w.must(201, "POST", "/admin/clients", `{"client_id":"second","operator":true,"scope":"admin","grant_types":["client_credentials"]}`)
		w.must(200, "PATCH", "/admin/clients/second", `{"operator":false,"scope":"","disabled":true}`)
		w.must(204, "DELETE", "/admin/clients/second", "")
		w.must(201, "POST", "/admin/clients/ops/secrets", "")
		w.must(204, "DELETE", "/admin/clients/ops/secrets/"+only, "")
		if r := w.do("DELETE", "/admin/clients/ops", "", "Authorization", "Bearer person"); r.status != 204 {
			t.Errorf("deleted by a person: status %d: %s", r.status, r.text)
		}
	})
}

func TestSecrets(t *testing.T) {
	storetest.Each(t, func(t *testing.T, database string) {
		w := newWorld(t, database)
		first := w.must(201, "POST", "/admin/clients", `{"client_id":"web"}`).str("client_secret")
		second := w.must(201, "POST", "/admin/clients/web/secrets", "")
		third := w.must(201, "POST", "/admin/clients/web/secrets", `{}`)
		matches := func(text string) bool {
			c, err := w.store.ReadClient(t.Context(), "web")
			if err != nil {
				t.Fatal(err)
			}
			return c.SecretMatches(text)
		}
		if matches(first) || !matches(second.str("client_secret")) || !matches(third.str("client_secret")) {
			t.Error("of three secrets not the two newest are live")
		}
		read := w.must(200, "GET", "/admin/clients/web", "")
		want := []any{
			map[string]any{"id": second.body["id"], "created_at": second.body["created_at"]},
			map[string]any{"id": third.body["id"], "created_at": third.body["created_at"]},
		}
		if diff := cmp.Diff(want, read.body["secrets"]); diff != "" {
			t.Error(diff)
		}
		w.must(204, "DELETE", "/admin/clients/web/secrets/"+second.str("id"), "")
		if r := w.do("DELETE", "/admin/clients/web/secrets/"+second.str("id"), ""); r.status != 404 {
			t.Errorf("ended twice: status %d", r.status)
		}
		if r := w.do("DELETE", "/admin/clients/ops/secrets/"+third.str("id"), ""); r.status != 404 {
			t.Errorf("ended as another client's: status %d", r.status)
		}
		if matches(second.str("client_secret")) || !matches(third.str("client_secret")) {
			t.Error("the wrong secret ended")
		}
		w.must(204, "DELETE", "/admin/clients/web/secrets/"+third.str("id"), "") // the last of another client may go
		w.must(201, "POST", "/admin/clients", `{"client_id":"spa","type":"public"}`)
		if r := w.do("POST", "/admin/clients/spa/secrets", ""); r.status != 422 {
			t.Errorf("a secret for a public client: status %d: %s", r.status, r.text)
		}
		shown := w.must(200, "GET", "/admin/audit", "").text + w.must(200, "GET", "/admin/clients", "").text + w.log.String()
		for _, text := range []string{first, second.str("client_secret"), third.str("client_secret")} {
			if strings.Contains(shown, text) {
				t.Error("a secret is shown again")
			}
		}
		rows := []string{
			"ops client.create web succeeded", "ops client.add_secret web succeeded", "ops client.add_secret web succeeded",
			"ops client.drop_secret web succeeded", "ops client.drop_secret web succeeded", "ops client.create spa succeeded",
		}
		if diff := cmp.Diff(rows, w.trail()); diff != "" {
			t.Error(diff)
		}
	})
}

func TestPaging(t *testing.T) {
	storetest.Each(t, func(t *testing.T, database string) {
		w := newWorld(t, database)
		for i := range 6 { // with ops and the first account seven of each, and 12 rows in the trail
			n := string(rune('1' + i))
			w.must(201, "POST", "/admin/clients", `{"client_id":"c`+n+`"}`)
			w.must(201, "POST", "/admin/accounts", `{"email":"Page`+n+`@example.com","username":"p","first_name":"P","password":"`+password+`"}`)
		}
		for range 7 {
			w.signIn(w.account)
		}
		grants := "/admin/accounts/" + w.account.ID + "/grants"
		for _, tt := range []struct {
			path  string
			id    string
			limit string
			pages []int
		}{
			{"/admin/clients?", "client_id", "3", []int{3, 3, 1}},
			{"/admin/clients?", "client_id", "7", []int{7}},
			{"/admin/accounts?", "id", "6", []int{6, 1}},
			{"/admin/accounts?email=PAGE&", "id", "2", []int{2, 2, 2}},
			{"/admin/accounts?email=page3%40&", "id", "2", []int{1}},
			{"/admin/accounts?email=%25&", "id", "2", []int{0}},
			{"/admin/accounts?email=nobody&", "id", "2", []int{0}},
			{grants + "?", "id", "1", []int{1, 1, 1, 1, 1, 1, 1}},
			{grants + "?", "id", "200", []int{7}},
			{"/admin/audit?", "id", "5", []int{5, 5, 2}},
			{"/admin/audit?", "id", "12", []int{12}},
		} {
			t.Run(tt.path+"limit="+tt.limit, func(t *testing.T) {
				seen := map[any]bool{}
				var pages []int
				var times []string
				cursor := ""
				for {
					r := w.must(200, "GET", tt.path+"limit="+tt.limit+"&cursor="+cursor, "")
					for _, item := range r.items() {
						if seen[item[tt.id]] {
							t.Errorf("%v twice", item[tt.id])
						}
						seen[item[tt.id]] = true
						times = append(times, item[tt.id].(string))
					}
					pages = append(pages, len(r.items()))
					if cursor = r.str("next_cursor"); cursor == "" || len(pages) > 20 {
						break
					}
				}
				if !slices.Equal(pages, tt.pages) {
					t.Errorf("pages of %v, want %v", pages, tt.pages)
				}
				if newest := strings.Contains(tt.path, "grants") || strings.Contains(tt.path, "audit"); newest {
					slices.Reverse(times)
				}
				if !slices.IsSorted(times) {
					t.Errorf("not in order: %q", times)
				}
			})
		}
		if n := len(w.must(200, "GET", "/admin/clients", "").items()); n != 7 {
			t.Errorf("%d clients without a limit", n)
		}
	})
}
