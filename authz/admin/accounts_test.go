package admin

import (
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"gatehouse/store"
	"gatehouse/store/storetest"
)

func TestCreateAccount(t *testing.T) {
	storetest.Each(t, func(t *testing.T, database string) {
		w := newWorld(t, database)
		for _, tt := range []struct {
			name, body string
			want       map[string]any
		}{
			{"with what is needed", `{"email":" Ann@Example.com","username":"ann","first_name":"Ann","password":"` + password + `"}`,
				map[string]any{"email": "Ann@Example.com", "email_verified": false, "username": "ann", "first_name": "Ann", "last_name": "",
					"is_active": true, "is_staff": false, "is_superuser": false, "last_login_at": nil, "email_state": "unproven"}},
			{"with everything", `{"email":"bo@example.com","username":"bo","first_name":"Bo","last_name":"Ek","password":"` + password + `","email_verified":true,"is_staff":true,"is_superuser":false}`,
				map[string]any{"email": "bo@example.com", "email_verified": true, "username": "bo", "first_name": "Bo", "last_name": "Ek",
					"is_active": true, "is_staff": true, "is_superuser": false, "last_login_at": nil, "email_state": "proven"}},
		} {
			t.Run(tt.name, func(t *testing.T) {
				made := w.must(201, "POST", "/admin/accounts", tt.body)
				ignore := cmpopts.IgnoreMapEntries(func(name string, _ any) bool { return name == "id" || name == "created_at" })
				if diff := cmp.Diff(tt.want, made.body, ignore); diff != "" {
					t.Error(diff)
				}
				if made.str("created_at") == "" || made.header.Get("Location") != "/admin/accounts/"+made.str("id") {
					t.Errorf("created at %q, Location %q", made.str("created_at"), made.header.Get("Location"))
				}
				if diff := cmp.Diff(made.body, w.must(200, "GET", made.header.Get("Location"), "").body); diff != "" {
					t.Errorf("read otherwise than made: %s", diff)
				}
				if !w.canSignIn(made.str("email"), password) {
					t.Error("cannot sign in")
				}
				if trail := w.trail(); trail[len(trail)-1] != "ops account.create "+made.str("id")+" succeeded" {
					t.Errorf("on record: %q", trail)
				}
			})
		}
		n := len(w.trail())
		r := w.do("POST", "/admin/accounts", `{"email":"su@example.com","username":"su","first_name":"Su","password":"`+password+`","is_superuser":true}`)
		if r.status != 422 || r.locations() != "body.is_superuser" || !strings.Contains(r.str("detail"), "create-superuser") {
			t.Errorf("a superuser: status %d: %s", r.status, r.text)
		}
		if trail := w.trail(); len(trail) != n+1 || trail[n] != "ops account.create  refused" {
			t.Errorf("on record: %q", trail)
		}
		if _, err := w.store.AccountByEmail(t.Context(), "su@example.com"); err != store.ErrNotFound {
			t.Errorf("the refused account: %v", err)
		}
		if strings.Contains(w.must(200, "GET", "/admin/audit", "").text+w.log.String(), password) {
			t.Error("the password is shown")
		}
	})
}

// canSignIn asks the store as the token endpoint does.
func (w *world) canSignIn(email, password string) bool {
	w.t.Helper()
	_, err := w.store.Login(w.store.Begin(w.t.Context()), store.Limits{}, email, password, "127.0.0.1")
	if err != nil && err != store.ErrWrongPassword {
		w.t.Fatal(err)
	}
	return err == nil
}

func TestUpdateAccount(t *testing.T) {
	storetest.Each(t, func(t *testing.T, database string) {
		for _, tt := range []struct {
			name, body string
			change     map[string]any
			ends       bool // the sign-ins
			password   string
			trail      string
		}{
			{"nothing", `{}`, nil, false, password, ""},
			{"names", `{"username":"d2","first_name":" Dee ","last_name":"Mo"}`, map[string]any{"username": "d2", "first_name": "Dee", "last_name": "Mo"}, false, password, "update"},
			{"one name", `{"last_name":"Mo"}`, map[string]any{"last_name": "Mo"}, false, password, "update"},
			{"deactivated", `{"active":false}`, map[string]any{"is_active": false}, true, "", "deactivate"},
			{"active as it was", `{"active":true}`, nil, false, password, "reactivate"},
			{"the e-mail proven", `{"email_verified":true}`, map[string]any{"email_verified": true, "email_state": "proven"}, false, password, "verify_email"},
			{"a password", `{"password":"another long one"}`, nil, true, "another long one", "set_password"},
			{"all at once", `{"active":true,"email_verified":true,"password":"another long one","first_name":"Dee"}`,
				map[string]any{"email_verified": true, "email_state": "proven", "first_name": "Dee"}, true, "another long one", "update set_password verify_email reactivate"},
			{"deactivated with a password", `{"active":false,"password":"another long one"}`, map[string]any{"is_active": false}, true, "", "deactivate set_password"},
		} {
			t.Run(tt.name, func(t *testing.T) {
				w := newWorld(t, storetestURL(t, database))
				_, token := w.signIn(w.account)
				path := "/admin/accounts/" + w.account.ID
				want := w.must(200, "GET", path, "").body
				if want["last_login_at"] == nil {
					t.Error("no last_login_at after a sign-in")
				}
				for name, value := range tt.change {
					want[name] = value
				}
				if diff := cmp.Diff(want, w.must(200, "PATCH", path, tt.body).body); diff != "" {
					t.Error(diff)
				}
				if diff := cmp.Diff(want, w.must(200, "GET", path, "").body); diff != "" {
					t.Error(diff)
				}
				if w.live(token) == tt.ends {
					t.Errorf("the token is live: %t", w.live(token))
				}
				if tt.password != "" && !w.canSignIn("demo@example.com", tt.password) {
					t.Errorf("cannot sign in with %q", tt.password)
				}
				if tt.password != password && w.canSignIn("demo@example.com", password) {
					t.Error("signed in with the old password")
				}
				var trail []string
				for _, row := range w.trail() {
					trail = append(trail, strings.TrimSuffix(strings.TrimPrefix(row, "ops account."), " "+w.account.ID+" succeeded"))
				}
				if got := strings.Join(trail, " "); got != tt.trail {
					t.Errorf("on record %q, want %q", got, tt.trail)
				}
				shown := w.must(200, "GET", "/admin/audit", "").text + w.log.String()
				if strings.Contains(shown, "another long one") || strings.Contains(shown, "Dee") {
					t.Error("a password or a name is on record")
				}
			})
		}
	})
}

func TestReactivate(t *testing.T) {
	storetest.Each(t, func(t *testing.T, database string) {
		w := newWorld(t, database)
		path := "/admin/accounts/" + w.account.ID
		_, token := w.signIn(w.account)
		w.must(200, "PATCH", path, `{"active":false}`)
		if w.canSignIn("demo@example.com", password) {
			t.Error("a deactivated account signed in")
		}
		w.must(200, "PATCH", path, `{"active":true}`)
		if !w.canSignIn("demo@example.com", password) || w.live(token) {
			t.Errorf("after reactivation: can sign in %t, old token live %t", w.canSignIn("demo@example.com", password), w.live(token))
		}
	})
}

func TestOwnAccount(t *testing.T) {
	w := newWorld(t, storetest.SQLite(t))
	path := "/admin/accounts/" + w.account.ID
	r := w.do("PATCH", path, `{"active":false}`, "Authorization", "Bearer person")
	if r.status != 409 {
		t.Errorf("deactivated itself: status %d: %s", r.status, r.text)
	}
	if r := w.must(200, "GET", path, ""); r.body["is_active"] != true {
		t.Error("deactivated")
	}
	if diff := cmp.Diff([]string{w.account.ID + " account.deactivate " + w.account.ID + " refused"}, w.trail()); diff != "" {
		t.Error(diff)
	}
}

func TestBusyHasher(t *testing.T) {
	w := newWorldWith(t, storetest.SQLite(t), store.NewHasher(store.HasherConfig{Workers: 1, Queue: -1, Memory: 64 << 10, Time: 2}))
	var mu sync.Mutex
	statuses := map[int]int{}
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			r := w.do("PATCH", "/admin/accounts/"+w.account.ID, `{"password":"another long one"}`)
			if r.status == 503 && r.header.Get("Retry-After") != "1" {
				t.Errorf("Retry-After %q", r.header.Get("Retry-After"))
			}
			mu.Lock()
			defer mu.Unlock()
			statuses[r.status]++
		})
	}
	all.Wait()
	if statuses[503] == 0 || statuses[200] == 0 || statuses[200]+statuses[503] != 8 {
		t.Errorf("statuses %v", statuses)
	}
	if n := len(w.trail()); n != statuses[200] {
		t.Errorf("%d changes, %d on record", statuses[200], n)
	}
}
