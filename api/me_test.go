package api

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"gatehouse/store"
)

// TestAccess has a row for each way to be refused.
func TestAccess(t *testing.T) {
	const change = `{"old_password":"` + password + `","new_password":"another fine one"}`
	each(t, func(t *testing.T, w *world) {
		w.as.issue("nobody", store.NewGrantID(), "read write", nil)
		off := w.addAccount("off@example.com", "off")
		w.as.issue("off", off.ID, "read write", nil)
		if err := w.store.Deactivate(context.Background(), off.ID); err != nil {
			t.Fatal(err)
		}
		for _, tt := range []struct {
			name, method, path, token, body string
			status                          int
			code, challenge                 string
		}{
			{"no token", "GET", "/accounts/me", "", "", 401, "token_required", `Bearer realm="api"`},
			{"no token, bad body", "PATCH", "/accounts/me", "", "[", 401, "token_required", `Bearer realm="api"`},
			{"forged", "GET", "/accounts/me", "forged", "", 401, "invalid_token", `error="invalid_token"`},
			{"malformed", "GET", "/accounts/me", "a b", "", 401, "invalid_token", `error="invalid_token"`},
			{"for another API", "GET", "/accounts/me", "other", "", 401, "invalid_token", `error="invalid_token"`},
			{"account never was", "GET", "/accounts/me", "nobody", "", 401, "invalid_token", `error="invalid_token"`},
			{"account never was, PATCH", "PATCH", "/accounts/me", "nobody", `{}`, 401, "invalid_token", `error="invalid_token"`},
			{"account never was, DELETE", "DELETE", "/accounts/me", "nobody", "", 401, "invalid_token", `error="invalid_token"`},
			{"account never was, password", "POST", "/accounts/me/password", "nobody", change, 401, "invalid_token", `error="invalid_token"`},
			{"account deactivated since", "GET", "/accounts/me", "off", "", 401, "invalid_token", `error="invalid_token"`},
			{"scope read missing", "GET", "/accounts/me", "w", "", 403, "insufficient_scope", `scope="read"`},
			{"scope write missing", "PATCH", "/accounts/me", "r", `{}`, 403, "insufficient_scope", `scope="write"`},
			{"scope write missing, DELETE", "DELETE", "/accounts/me", "r", "", 403, "insufficient_scope", `scope="write"`},
			{"scope write missing, password", "POST", "/accounts/me/password", "r", change, 403, "insufficient_scope", `scope="write"`},
			{"client's token", "GET", "/accounts/me", "client", "", 403, "account_required", `error="insufficient_scope"`},
			{"client's token, PATCH", "PATCH", "/accounts/me", "client", `{}`, 403, "account_required", `error="insufficient_scope"`},
			{"client's token, DELETE", "DELETE", "/accounts/me", "client", "", 403, "account_required", `error="insufficient_scope"`},
			{"client's token, password", "POST", "/accounts/me/password", "client", change, 403, "account_required", `error="insufficient_scope"`},
			{"delegated may not delete", "DELETE", "/accounts/me", "delegated", "", 403, "delegated", `error="insufficient_scope"`},
			{"delegated may not change the password", "POST", "/accounts/me/password", "delegated", change, 403, "delegated", `error="insufficient_scope"`},
			{"others' application may not delete", "DELETE", "/accounts/me", "third", "", 403, "first_party_required", `error="insufficient_scope"`},
			{"others' application may not change names", "PATCH", "/accounts/me", "third", `{}`, 403, "first_party_required", `error="insufficient_scope"`},
			{"others' application may not change the password", "POST", "/accounts/me/password", "third", change, 403, "first_party_required", `error="insufficient_scope"`},
			{"others' application may not link", "POST", "/accounts/me/identities", "third", `{}`, 403, "first_party_required", `error="insufficient_scope"`},
		} {
			t.Run(tt.name, func(t *testing.T) {
				a := w.do(tt.method, tt.path, tt.token, tt.body)
				a.t = t
				a.problem(tt.status, tt.code)
				if got := a.Header().Get("WWW-Authenticate"); !strings.HasPrefix(got, `Bearer realm="api"`) || !strings.Contains(got, tt.challenge) {
					t.Errorf("WWW-Authenticate: %s", got)
				}
			})
		}
		for token, seen := range map[string]bool{"third": false, "third+email": true, "rw": true} {
			if a := w.do("GET", "/accounts/me", token, ""); a.Code != 200 || strings.Contains(a.Body.String(), "Demo@example.com") != seen {
				t.Errorf("the address, by %s: %d %s", token, a.Code, a.Body)
			}
		}
		if a := w.do("PATCH", "/accounts/me", "delegated", `{"last_name":"Agent"}`); a.Code != 200 {
			t.Errorf("delegated may do the rest: %d %s", a.Code, a.Body)
		}
		if w.do("GET", "/accounts/me", "rw", "").Code != 200 || w.count() != 2 {
			t.Error("a refused request changed something")
		}

		w.as.Close()
		a := w.do("GET", "/accounts/me", "rw", "")
		a.problem(503, "temporarily_unavailable")
		if a.Header().Get("Retry-After") == "" {
			t.Error("no Retry-After")
		}
	})
}

func TestShowAndUpdateMe(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		if err := w.store.MarkEmailProven(context.Background(), w.account.ID); err != nil {
			t.Fatal(err)
		}
		for _, tt := range []struct{ name, method, body, username, firstName, lastName string }{
			{"shows", "GET", "", "demo", "demo", ""},
			{"changes nothing", "PATCH", `{}`, "demo", "demo", ""},
			{"changes one", "PATCH", `{"last_name":" Müller "}`, "demo", "demo", "Müller"},
			{"changes all", "PATCH", `{"username":"d","first_name":"D","last_name":""}`, "d", "D", ""},
			{"shows the change", "GET", "", "d", "D", ""},
		} {
			a := w.do(tt.method, "/accounts/me", "rw", tt.body)
			var got account
			a.json(&got)
			if a.Code != 200 || got.ID != w.account.ID || got.Email == nil || *got.Email != "Demo@example.com" || !got.EmailVerified ||
				got.Username != tt.username || got.FirstName != tt.firstName || got.LastName != tt.lastName || !got.CreatedAt.Equal(w.account.CreatedAt) {
				t.Errorf("%s: %d %s", tt.name, a.Code, a.Body)
			}
		}
	})
}

func TestEmailMayBeAbsent(t *testing.T) {
	if got := newAccount(&store.Account{EmailState: store.EmailProven}); got.Email != nil || got.EmailVerified {
		t.Errorf("%+v", got)
	}
}

func TestDeleteMe(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		grant := store.NewGrantID()
		w.addGrant(grant, w.account)
		a := w.do("DELETE", "/accounts/me", "rw", "")
		if a.Code != 204 || a.Body.Len() != 0 {
			t.Fatalf("%d %s", a.Code, a.Body)
		}
		if grants := w.grants(); len(grants) != 0 || w.count() != 0 {
			t.Errorf("%v live on, %d accounts", grants, w.count())
		}
		w.do("GET", "/accounts/me", "rw", "").problem(401, "invalid_token")
		w.do("DELETE", "/accounts/me", "rw", "").problem(401, "invalid_token")
		if a := w.do("POST", "/accounts", "", signUp(map[string]any{"email": "demo@example.com"})); a.Code != 201 {
			t.Errorf("the address is free again: %d %s", a.Code, a.Body)
		}
	})
}

// grants lists the demo account's live grants.
func (w *world) grants() (ids []string) {
	w.Helper()
	list, _, err := w.store.Grants(context.Background(), w.account.ID, "", 100)
	if err != nil {
		w.Fatal(err)
	}
	for _, g := range list {
		ids = append(ids, g.ID)
	}
	return ids
}

func TestChangePassword(t *testing.T) {
	const newer = "a new, better password"
	each(t, func(t *testing.T, w *world) {
		mine, other := store.NewGrantID(), store.NewGrantID()
		w.addGrant(mine, w.account)
		w.addGrant(other, w.account)
		w.as.issue("mine", w.account.ID, "write", map[string]any{"grant_id": mine})
		for _, tt := range []struct{ name, old, new, code, location string }{
			{"wrong old one", "wrong horse battery", newer, "wrong_password", "body.old_password"},
			{"empty old one", "", newer, "wrong_password", "body.old_password"},
			{"too short", password, "short", "validation_failed", "body.new_password"},
			{"too long", password, strings.Repeat("x", 129), "validation_failed", "body.new_password"},
			{"common", password, "password123", "validation_failed", "body.new_password"},
			{"the e-mail", password, "demo@example.com", "validation_failed", "body.new_password"},
		} {
			a := w.do("POST", "/accounts/me/password", "mine", `{"old_password":"`+tt.old+`","new_password":"`+tt.new+`"}`)
			p := a.problem(422, tt.code)
			if len(p.Errors) != 1 || p.Errors[0].Location != tt.location || p.Errors[0].Message == "" {
				t.Errorf("%s: %s", tt.name, a.Body)
			}
		}
		if got := w.grants(); len(got) != 2 {
			t.Fatalf("a refused change ended grants: %v", got)
		}
		a := w.do("POST", "/accounts/me/password", "mine", `{"old_password":"`+password+`","new_password":"`+newer+`"}`)
		if a.Code != 204 || a.Body.Len() != 0 {
			t.Fatalf("%d %s", a.Code, a.Body)
		}
		if got := w.grants(); len(got) != 1 || got[0] != mine {
			t.Errorf("live grants %v, want %s", got, mine)
		}
		ctx := w.store.Begin(context.Background())
		if _, err := w.store.Login(ctx, anyNumber, "demo@example.com", newer, ""); err != nil {
			t.Errorf("sign in with the new password: %v", err)
		}
	})
}

var anyNumber = store.Limits{PasswordAccount: store.Limit{Max: 1e6, Window: time.Hour}, PasswordAddress: store.Limit{Max: 1e6, Window: time.Hour}}

func TestGuessesAreLimited(t *testing.T) {
	guess := `{"old_password":"wrong horse battery","new_password":"a new, better password"}`
	for _, tt := range []struct {
		name   string
		limits store.Limits
	}{
		{"by account", store.Limits{PasswordAccount: store.Limit{Max: 3, Window: time.Hour}}},
		{"by address", store.Limits{PasswordAddress: store.Limit{Max: 3, Window: time.Hour}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			each(t, func(t *testing.T, w *world) {
				w.configure(func(c *Config) { c.Limits = tt.limits })
				for range 3 {
					w.do("POST", "/accounts/me/password", "rw", `{"old_password":"x","new_password":"password123"}`).problem(422, "validation_failed")
				}
				for range 3 {
					w.do("POST", "/accounts/me/password", "rw", guess).problem(422, "wrong_password")
				}
				right := strings.Replace(guess, "wrong horse battery", password, 1)
				a := w.do("POST", "/accounts/me/password", "rw", right)
				a.problem(429, "too_many_requests")
				if a.Header().Get("Retry-After") == "" {
					t.Error("no Retry-After")
				}
				if tt.limits.PasswordAccount.Max > 0 { // one count with the token endpoint's
					limits := store.Limits{PasswordAccount: tt.limits.PasswordAccount, PasswordAddress: anyNumber.PasswordAddress}
					_, err := w.store.Login(w.store.Begin(context.Background()), limits, "demo@example.com", password, "")
					if limit := (*store.LimitError)(nil); !errors.As(err, &limit) {
						t.Errorf("guesses here are not counted there: %v", err)
					}
				}
			})
		})
	}
}

func TestDatabaseDown(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.store.Close()
		for _, tt := range []struct{ method, path, body string }{
			{"POST", "/accounts", signUp(nil)},
			{"GET", "/accounts", ""},
			{"GET", "/accounts/me", ""},
			{"PATCH", "/accounts/me", `{"username":"x"}`},
			{"DELETE", "/accounts/me", ""},
			{"POST", "/accounts/me/password", `{"old_password":"x","new_password":"a new, better password"}`},
		} {
			a := w.do(tt.method, tt.path, "rw", tt.body)
			a.problem(503, "temporarily_unavailable")
			if a.Header().Get("Retry-After") == "" {
				t.Errorf("%s %s: no Retry-After", tt.method, tt.path)
			}
		}
		w.do("GET", "/readyz", "", "").problem(503, "not_ready")
		if a := w.do("GET", "/livez", "", ""); a.Code != http.StatusOK {
			t.Errorf("livez %d", a.Code)
		}
	})
}
