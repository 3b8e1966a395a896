package social_test

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// TestImports: social is a leaf, and no test's tool gets into the server.
func TestImports(t *testing.T) {
	out, err := exec.Command("go", "list", "-f", `{{join .Imports "\n"}}`, ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	imports := strings.Fields(string(out))
	if !slices.Contains(imports, "github.com/coreos/go-oidc/v3/oidc") {
		t.Fatalf("the list is wrong: %q", imports)
	}
	allowed := []string{"github.com/coreos/go-oidc/v3/oidc", "github.com/go-jose/go-jose/v4", "github.com/go-jose/go-jose/v4/json",
		"github.com/sony/gobreaker/v2", "golang.org/x/sync/singleflight"}
	for _, path := range imports {
		if strings.HasPrefix(path, "gatehouse/") || path == "testing" || path == "net/http/httptest" {
			t.Errorf("imports %s", path)
		}
		if strings.Contains(path, ".") && !slices.Contains(allowed, path) {
			t.Errorf("imports %s, which is not agreed", path)
		}
	}
}
