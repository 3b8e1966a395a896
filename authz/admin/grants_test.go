package admin

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gatehouse/store"
	"gatehouse/store/storetest"
)

func TestGrants(t *testing.T) {
	storetest.Each(t, func(t *testing.T, database string) {
		w := newWorld(t, database)
		other, err := w.store.CreateUser(t.Context(), store.NewAccount{Email: "other@example.com", Username: "o", FirstName: "O", Password: password})
		if err != nil {
			t.Fatal(err)
		}
		path := "/admin/accounts/" + w.account.ID + "/grants"
		first, firstToken := w.signInAt(w.account, time.Time{})
		second, secondToken := w.signIn(w.account)
		theirs, theirToken := w.signIn(other)

		list := w.must(200, "GET", path, "").items()
		if len(list) != 2 || list[0]["id"] != second || list[1]["id"] != first {
			t.Fatalf("grants %v", list)
		}
		for _, name := range []string{"auth_time", "created_at", "expires_at"} {
			if list[0][name] == nil || list[1][name] == nil != (name == "auth_time") {
				t.Errorf("%s: %v, and of the one without: %v", name, list[0][name], list[1][name])
			}
			delete(list[0], name)
		}
		want := map[string]any{"id": second, "root_id": second, "client_id": "ops", "scope": "read", "audience": []any{"https://api.example.com"}, "amr": []any{"pwd"}}
		if diff := cmp.Diff(want, list[0]); diff != "" {
			t.Error(diff)
		}

		if r := w.do("DELETE", path+"/"+theirs, ""); r.status != 404 || !w.live(theirToken) {
			t.Errorf("another account's grant: status %d, live %t", r.status, w.live(theirToken))
		}
		w.must(204, "DELETE", path+"/"+first, "")
		if w.live(firstToken) || !w.live(secondToken) {
			t.Errorf("after the first ended: first live %t, second live %t", w.live(firstToken), w.live(secondToken))
		}
		if r := w.do("DELETE", path+"/"+first, ""); r.status != 404 {
			t.Errorf("ended twice: status %d", r.status)
		}
		w.signIn(w.account)
		w.must(204, "DELETE", path, "")
		if w.live(secondToken) || !w.live(theirToken) {
			t.Errorf("after all ended: second live %t, the other's %t", w.live(secondToken), w.live(theirToken))
		}
		if list := w.must(200, "GET", path, "").items(); len(list) != 0 {
			t.Errorf("left: %v", list)
		}
		w.must(204, "DELETE", path, "") // there are none, and none are left

		audit := w.must(200, "GET", "/admin/audit", "").items()
		if len(audit) != 3 || audit[1]["detail"].(map[string]any)["revoked"] != 2.0 || audit[2]["detail"].(map[string]any)["grant_id"] != first {
			t.Errorf("on record: %v", audit)
		}
		trail := []string{
			"ops account.revoke_grant " + w.account.ID + " succeeded",
			"ops account.revoke_grants " + w.account.ID + " succeeded",
			"ops account.revoke_grants " + w.account.ID + " succeeded",
		}
		if diff := cmp.Diff(trail, w.trail()); diff != "" {
			t.Error(diff)
		}
	})
}
