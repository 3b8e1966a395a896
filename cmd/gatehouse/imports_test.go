package main

import (
	"bufio"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestImportArrows holds who may import whom. What is not here imports nothing
// of ours.
func TestImportArrows(t *testing.T) {
	allowed := map[string][]string{
		"cmd/gatehouse":   {"authz", "authz/admin", "api", "store", "social", "social/socialtest", "deploy/demo"},
		"cmd/bench":       {"authz", "store"},
		"authz":           {"store", "social", "authz/pages"},
		"authz/admin":     {"store"},
		"api":             {"store", "api/introspect"},
		"store/storetest": {"store"},
	}
	out, err := exec.Command("go", "list", "-f", `{{.ImportPath}} {{join .Imports " "}}`, "gatehouse/...").Output()
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for line := range strings.Lines(string(out)) {
		names := strings.Fields(line)
		from := strings.TrimPrefix(names[0], "gatehouse/")
		for _, to := range names[1:] {
			if ours, ok := strings.CutPrefix(to, "gatehouse/"); ok {
				seen++
				if !slices.Contains(allowed[from], ours) {
					t.Errorf("%s imports %s", from, ours)
				}
			}
			if from == "api/introspect" && strings.Contains(to, ".") {
				t.Errorf("%s imports %s: it must do with the standard library", from, to)
			}
			if to == "testing" && from != "store/storetest" {
				t.Errorf("%s imports %s outside its tests", from, to)
			}
		}
	}
	if seen < 8 {
		t.Errorf("only %d imports of ours were found", seen)
	}
}

// TestDirectDependencies makes a new dependency show up in review.
func TestDirectDependencies(t *testing.T) {
	want, err := os.ReadFile("testdata/dependencies.txt")
	if err != nil {
		t.Fatal(err)
	}
	mod, err := os.Open("../../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	defer mod.Close()
	var got []string
	for lines := bufio.NewScanner(mod); lines.Scan(); {
		fields := strings.Fields(strings.TrimPrefix(lines.Text(), "require "))
		if len(fields) == 2 && strings.HasPrefix(fields[1], "v") {
			got = append(got, fields[0])
		}
	}
	slices.Sort(got)
	if diff := cmp.Diff(strings.Fields(string(want)), got); diff != "" {
		t.Errorf("direct dependencies (-list, +go.mod):\n%s", diff)
	}
}
