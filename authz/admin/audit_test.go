package admin

import (
	"database/sql"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gatehouse/store/storetest"
)

func TestAudit(t *testing.T) {
	storetest.Each(t, func(t *testing.T, database string) {
		w := newWorld(t, database)
		w.must(201, "POST", "/admin/clients", `{"client_id":"web","client_name":"Web","native":false,"redirect_uris":[]}`)
		if r := w.do("PATCH", "/admin/clients/web", `{"client_name":"Other","disabled":true}`, "Authorization", "Bearer person"); r.status != 200 {
			t.Fatalf("status %d: %s", r.status, r.text)
		}
		list := w.must(200, "GET", "/admin/audit", "").items()
		for _, row := range list {
			at, err := time.Parse(time.RFC3339Nano, row["time"].(string))
			if err != nil || time.Since(at).Abs() > time.Minute || row["id"] == "" {
				t.Errorf("row %v", row)
			}
			delete(row, "time")
			delete(row, "id")
		}
		want := []map[string]any{
			{"actor": w.account.ID, "action": "client.disable", "target": "web", "outcome": "succeeded", "detail": map[string]any{"client_id": "console"}},
			{"actor": w.account.ID, "action": "client.update", "target": "web", "outcome": "succeeded",
				"detail": map[string]any{"client_id": "console", "set": map[string]any{"client_name": "Other"}}},
			{"actor": "ops", "action": "client.create", "target": "web", "outcome": "succeeded",
				"detail": map[string]any{"set": map[string]any{"client_name": "Web", "native": false, "redirect_uris": []any{}}}},
		}
		if diff := cmp.Diff(want, list); diff != "" {
			t.Error(diff)
		}
	})
}

// TestOffTheRecord asserts that no change answers 2xx, and no secret is handed
// out, while the trail cannot be written.
func TestOffTheRecord(t *testing.T) {
	storetest.Each(t, func(t *testing.T, database string) {
		w := newWorld(t, database)
		driver, source := "pgx", database // store registers both
		if path, ok := strings.CutPrefix(database, "sqlite://"); ok {
			driver, source = "sqlite", path
		}
		db, err := sql.Open(driver, source)
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		if _, err := db.ExecContext(t.Context(), "ALTER TABLE audit RENAME TO elsewhere"); err != nil {
			t.Fatal(err)
		}
		r := w.do("POST", "/admin/clients", `{"client_id":"web","client_name":"Web"}`)
		if r.status != 503 || strings.Contains(r.text, "client_secret") || r.header.Get("Retry-After") == "" {
			t.Errorf("status %d: %s", r.status, r.text)
		}
		for _, part := range []string{"off the record", "client.create", "web", "ops"} {
			if !strings.Contains(w.log.String(), part) {
				t.Errorf("the log has no %q:\n%s", part, w.log)
			}
		}
		if _, err := db.ExecContext(t.Context(), "ALTER TABLE elsewhere RENAME TO audit"); err != nil {
			t.Fatal(err)
		}
		w.must(204, "DELETE", "/admin/clients/web", "") // it is there, and nobody has its secret
	})
}
