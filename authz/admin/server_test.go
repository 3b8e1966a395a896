package admin

import (
	"bytes"
	"encoding/json"
	"flag"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/gorilla/mux"

	"gatehouse/store"
	"gatehouse/store/storetest"
)

var update = flag.Bool("update", false, "write testdata/openapi.json")

func TestNew(t *testing.T) {
	st := storetest.Open(t, store.Config{URL: storetest.SQLite(t)})
	check := func(*http.Request) (Actor, error) { return Actor{}, ErrNoToken }
	for _, tt := range []struct {
		name  string
		cfg   Config
		store *store.Store
		ok    bool
	}{
		{"whole", Config{Issuer: issuer, Check: check}, st, true},
		{"without an issuer", Config{Check: check}, st, false},
		{"with half an issuer", Config{Issuer: "id.example.com", Check: check}, st, false},
		{"without a check", Config{Issuer: issuer}, st, false},
		{"without a store", Config{Issuer: issuer, Check: check}, nil, false},
	} {
		if s, err := New(tt.cfg, tt.store); (err == nil) != tt.ok || (s != nil) != tt.ok {
			t.Errorf("%s: %v, %v", tt.name, s, err)
		}
	}
}

// TestOpenAPI compares with the golden document, so that a change of the API
// shows in review, and asserts what OpenAPI 3.1 asks for and huma could miss.
func TestOpenAPI(t *testing.T) {
	w := newWorld(t, storetest.SQLite(t))
	r := w.do("GET", "/admin/openapi.json", "", "Authorization", "")
	if r.status != 200 || r.header.Get("Content-Type") != "application/openapi+json" {
		t.Fatalf("status %d as %q", r.status, r.header.Get("Content-Type"))
	}
	var pretty bytes.Buffer
	if err := json.Indent(&pretty, []byte(r.text), "", "  "); err != nil {
		t.Fatal(err)
	}
	pretty.WriteByte('\n')
	const golden = "testdata/openapi.json"
	if *update {
		if err := os.WriteFile(golden, pretty.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if want, err := os.ReadFile(golden); err != nil || !bytes.Equal(want, pretty.Bytes()) {
		t.Errorf("not as in %s (%v); if that is meant: go test ./authz/admin -run OpenAPI -update", golden, err)
	}
	if r.str("openapi") != "3.1.0" {
		t.Errorf("openapi %q", r.str("openapi"))
	}
	for _, ref := range regexp.MustCompile(`"\$ref":"#/([^"]+)"`).FindAllStringSubmatch(r.text, -1) {
		var at any = r.body
		for step := range strings.SplitSeq(ref[1], "/") {
			at, _ = at.(map[string]any)[step]
		}
		if at == nil {
			t.Errorf("%s leads nowhere", ref[0])
		}
	}
	if strings.Contains(r.text, "$schema") {
		t.Error("schema links")
	}
	documented := w.checkOperations(t, r.body)
	var routed []string
	if err := w.server.router.Walk(func(route *mux.Route, _ *mux.Router, _ []*mux.Route) error {
		path, err := route.GetPathTemplate()
		methods, _ := route.GetMethods()
		for _, method := range methods {
			if path != "/admin/openapi.json" {
				routed = append(routed, method+" "+path)
			}
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	slices.Sort(documented)
	slices.Sort(routed)
	if !slices.Equal(documented, routed) || len(routed) != 21 {
		t.Errorf("documented %q, routed %q", documented, routed)
	}
}

func (w *world) checkOperations(t *testing.T, document map[string]any) (documented []string) {
	ids := map[any]bool{}
	for path, item := range document["paths"].(map[string]any) {
		for method, value := range item.(map[string]any) {
			op := value.(map[string]any)
			name := strings.ToUpper(method) + " " + path
			documented = append(documented, name)
			if ids[op["operationId"]] || op["operationId"] == nil || op["summary"] == nil || op["security"] == nil {
				t.Errorf("%s: operation %v, summary %v, security %v", name, op["operationId"], op["summary"], op["security"])
			}
			ids[op["operationId"]] = true
			var params []string
			list, _ := op["parameters"].([]any)
			for _, p := range list {
				if p := p.(map[string]any); p["in"] == "path" {
					params = append(params, "{"+p["name"].(string)+"}")
					if p["required"] != true {
						t.Errorf("%s: %v is not required", name, p["name"])
					}
				}
			}
			if want := regexp.MustCompile(`\{\w+\}`).FindAllString(path, -1); !slices.Equal(params, want) {
				t.Errorf("%s: path parameters %q, want %q", name, params, want)
			}
			answers := op["responses"].(map[string]any)
			for _, status := range []string{"401", "403", "503"} {
				problem, _ := answers[status].(map[string]any)
				if content, _ := problem["content"].(map[string]any); content["application/problem+json"] == nil {
					t.Errorf("%s: %s is no problem", name, status)
				}
			}
			if answers["200"] == nil && answers["201"] == nil && answers["204"] == nil {
				t.Errorf("%s: no success", name)
			}
		}
	}
	return documented
}
