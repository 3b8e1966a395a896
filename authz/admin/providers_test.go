package admin

import (
	"net/http/httptest"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gatehouse/store/storetest"
)

func TestProviders(t *testing.T) {
	w := newWorld(t, storetest.SQLite(t))
	if r := w.must(200, "GET", "/admin/providers", ""); len(r.items()) != 0 || r.body["items"] == nil {
		t.Errorf("none configured: %s", r.text)
	}
	at, problem := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), "tokeninfo: answered 503"
	var err error
	w.server, err = New(Config{Issuer: issuer, Check: w.check, Log: w.server.log, Providers: func() []ProviderStatus {
		return []ProviderStatus{
			{Name: "corp", Kind: "oidc", Issuers: []string{"https://corp.example"}, Audiences: []string{"us"}, SignUp: "verified_only",
				AutoLink: true, Health: ProviderHealth{State: "unknown"}},
			{Name: "google", Kind: "google", Issuers: []string{"https://accounts.google.com"}, Audiences: []string{"web", "ios"}, SignUp: "open",
				Health: ProviderHealth{State: "failing", LastError: &problem, LastSuccess: &at, KeysRead: &at}},
		}
	}}, w.store)
	if err != nil {
		t.Fatal(err)
	}
	w.http = httptest.NewServer(w.server.Handler())
	t.Cleanup(w.http.Close)
	got := w.must(200, "GET", "/admin/providers", "").body
	want := map[string]any{"next_cursor": nil, "items": []any{
		map[string]any{"name": "corp", "kind": "oidc", "issuers": []any{"https://corp.example"}, "audiences": []any{"us"}, "sign_up": "verified_only",
			"auto_link": true, "health": map[string]any{"state": "unknown", "last_error": nil, "last_success": nil, "keys_read": nil}},
		map[string]any{"name": "google", "kind": "google", "issuers": []any{"https://accounts.google.com"}, "audiences": []any{"web", "ios"}, "sign_up": "open",
			"auto_link": false, "health": map[string]any{"state": "failing", "last_error": problem,
				"last_success": "2026-01-02T03:04:05Z", "keys_read": "2026-01-02T03:04:05Z"}},
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	for authorization, status := range map[string]int{"": 401, "Bearer user": 403, "Bearer guess": 401} {
		if r := w.do("GET", "/admin/providers", "", "Authorization", authorization); r.status != status {
			t.Errorf("%q: status %d", authorization, r.status)
		}
	}
	if r := w.do("POST", "/admin/providers", "{}"); r.status != 405 {
		t.Errorf("post: status %d", r.status)
	}
	if len(w.trail()) != 0 {
		t.Error("reading is on record")
	}
}
