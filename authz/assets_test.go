package authz

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"gatehouse/authz/pages"
)

// TestAssets holds that the pages' files stand below the issuer.
func TestAssets(t *testing.T) {
	for _, issuer := range []string{"https://id.example.com", "https://example.com/id"} {
		t.Run(issuer, func(t *testing.T) {
			s, err := New(Config{Issuer: issuer, Secrets: [][]byte{[]byte(strings.Repeat("s", 32))}, Pages: pages.Config{Name: "Harbour"}}, nil)
			if err != nil {
				t.Fatal(err)
			}
			page := httptest.NewRecorder()
			s.pages.Write(page, http.StatusOK, pages.SignedOut{})
			_, rest, found := strings.Cut(page.Body.String(), `rel="stylesheet" href="`)
			address, _, _ := strings.Cut(rest, `"`)
			if !found || !strings.Contains(page.Body.String(), "Harbour") {
				t.Fatalf("the page:\n%s", page.Body)
			}
			for target, code := range map[string]int{address: http.StatusOK, address + "x": http.StatusNotFound} {
				w := httptest.NewRecorder()
				s.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, target, nil))
				if w.Code != code {
					t.Errorf("%s: %d, want %d", target, w.Code, code)
				}
			}
		})
	}
	if _, err := New(Config{Issuer: "https://id.example.com", Secrets: [][]byte{[]byte(strings.Repeat("s", 32))}, Pages: pages.Config{Accent: "#cccccc"}}, nil); err == nil ||
		!strings.HasPrefix(err.Error(), "pages.accent: ") {
		t.Errorf("a colour that cannot be read: %v", err)
	}
}
