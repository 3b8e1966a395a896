package admin

import (
	"context"
	"crypto/rand"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gatehouse/store"
	"gatehouse/store/storetest"
)

// browse signs an account in at a browser and gives a client a token there, and
// returns the session's id and the token's signature.
func (w *world) browse(a *store.Account, scope string) (id string, signature []byte) {
	w.t.Helper()
	a, err := w.store.Account(w.t.Context(), a.ID)
	if err != nil {
		w.t.Fatal(err)
	}
	now := w.store.Now()
	cookie := make([]byte, 32)
	rand.Read(cookie)
	l, err := w.store.OpenLoginSession(w.store.Begin(w.t.Context()), store.NewLoginSession{Account: a, Signature: cookie, AuthTime: now,
		AMR: store.Words{"pwd"}, UserAgent: "A browser", Address: "192.0.2.1", Life: store.SessionLife{Idle: time.Hour, Absolute: 2 * time.Hour}})
	if err != nil {
		w.t.Fatal(err)
	}
	g := store.Grant{ID: store.NewGrantID(), AccountID: &a.ID, ClientID: "ops", Subject: a.ID, Username: a.Email, Scope: store.ParseWords(scope),
		AuthTime: now, CreatedAt: now, ExpiresAt: now.Add(time.Hour), LoginSessionID: &l.ID, SID: l.SID}
	g.RootID = g.ID
	signature = make([]byte, 32)
	rand.Read(signature)
	ctx := w.store.Begin(context.Background())
	w.store.AddGrant(ctx, &store.Session{Grant: g, AuthEpoch: a.AuthEpoch},
		&store.AccessToken{Signature: signature, GrantID: g.ID, IssuedAt: now, ExpiresAt: now.Add(time.Minute)}, nil)
	if err := w.store.Flush(ctx); err != nil {
		w.t.Fatal(err)
	}
	return l.ID, signature
}

func TestSessions(t *testing.T) {
	storetest.Each(t, func(t *testing.T, database string) {
		w := newWorld(t, database)
		other, err := w.store.CreateUser(t.Context(), store.NewAccount{Email: "other@example.com", Username: "o", FirstName: "O", Password: password})
		if err != nil {
			t.Fatal(err)
		}
		path := "/admin/accounts/" + w.account.ID + "/sessions"
		first, firstToken := w.browse(w.account, "openid")
		_, secondToken := w.browse(w.account, "openid")
		_, offline := w.browse(w.account, "openid offline_access")
		theirs, theirToken := w.browse(other, "openid")

		list := w.must(200, "GET", path, "").items()
		if len(list) != 3 {
			t.Fatalf("sessions %v", list)
		}
		for _, item := range list {
			for _, name := range []string{"id", "auth_time", "created_at", "last_seen_at", "expires_at"} {
				if text, _ := item[name].(string); text == "" {
					t.Errorf("no %s", name)
				}
				delete(item, name)
			}
		}
		if diff := cmp.Diff(map[string]any{"user_agent": "A browser", "address": "192.0.2.1", "amr": []any{"pwd"}}, list[0]); diff != "" {
			t.Error(diff)
		}
		for name, path := range map[string]string{
			"another account's":     path + "/" + theirs,
			"of nobody":             "/admin/accounts/" + store.NewGrantID() + "/sessions/" + first,
			"one that never was":    path + "/" + store.NewGrantID(),
			"an id that is none":    path + "/x",
			"an account of no id":   "/admin/accounts/x/sessions",
			"an account that is no": "/admin/accounts/" + store.NewGrantID() + "/sessions",
		} {
			if r := w.do("DELETE", path, ""); r.status != 404 {
				t.Errorf("%s: %d", name, r.status)
			}
		}
		w.must(204, "DELETE", path+"/"+first, "")
		if r := w.do("DELETE", path+"/"+first, ""); r.status != 404 || w.live(firstToken) || !w.live(secondToken) || !w.live(theirToken) {
			t.Errorf("ended one: again %d, live %t %t %t", r.status, w.live(firstToken), w.live(secondToken), w.live(theirToken))
		}
		w.must(204, "DELETE", path, "")
		if w.live(secondToken) || !w.live(offline) || !w.live(theirToken) || len(w.must(200, "GET", path, "").items()) != 0 {
			t.Errorf("ended all: live %t, offline %t, another's %t", w.live(secondToken), w.live(offline), w.live(theirToken))
		}
		w.must(204, "DELETE", path, "")
		trail := []string{
			"ops account.end_session " + w.account.ID + " succeeded",
			"ops account.end_sessions " + w.account.ID + " succeeded",
			"ops account.end_sessions " + w.account.ID + " succeeded",
		}
		if diff := cmp.Diff(trail, w.trail()); diff != "" {
			t.Error(diff)
		}
		audit := w.must(200, "GET", "/admin/audit", "").items()
		if audit[1]["detail"].(map[string]any)["ended"] != 2.0 || audit[2]["detail"].(map[string]any)["session_id"] != first {
			t.Errorf("on record: %v", audit)
		}
	})
}

func TestConsents(t *testing.T) {
	storetest.Each(t, func(t *testing.T, database string) {
		w := newWorld(t, database)
		path := "/admin/accounts/" + w.account.ID + "/consents"
		if r := w.must(200, "GET", path, ""); len(r.items()) != 0 {
			t.Errorf("%s", r.text)
		}
		session, token := w.browse(w.account, "openid offline_access")
		in := &store.SignedIn{LoginSession: store.LoginSession{ID: session, AccountID: w.account.ID}}
		if err := w.store.Consent(t.Context(), in, "ops", store.Words{"openid", "read"}); err != nil {
			t.Fatal(err)
		}
		list := w.must(200, "GET", path, "").items()
		if len(list) != 1 || list[0]["client_id"] != "ops" || list[0]["scope"] != "openid read offline_access" || list[0]["granted_at"] == nil {
			t.Errorf("%v", list)
		}
		for _, wrong := range []string{path + "/nobody", "/admin/accounts/" + store.NewGrantID() + "/consents/ops", "/admin/accounts/x/consents/ops"} {
			if r := w.do("DELETE", wrong, ""); r.status != 404 {
				t.Errorf("%s: %d", wrong, r.status)
			}
		}
		w.must(204, "DELETE", path+"/ops", "")
		if r := w.do("DELETE", path+"/ops", ""); r.status != 404 || w.live(token) {
			t.Errorf("again %d, live %t", r.status, w.live(token))
		}
		if r := w.do("GET", "/admin/accounts/"+store.NewGrantID()+"/consents", ""); r.status != 404 {
			t.Errorf("of nobody: %d", r.status)
		}
		if diff := cmp.Diff([]string{"ops account.withdraw_consent " + w.account.ID + " succeeded"}, w.trail()); diff != "" {
			t.Error(diff)
		}
	})
}
