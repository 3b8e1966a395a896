package authz

import (
	"bytes"
	"testing"
)

func TestSeal(t *testing.T) {
	old, err := newKeyring([][]byte{bytes.Repeat([]byte("o"), 32)})
	if err != nil {
		t.Fatal(err)
	}
	both, err := newKeyring([][]byte{bytes.Repeat([]byte("n"), 32), bytes.Repeat([]byte("o"), 32)})
	if err != nil {
		t.Fatal(err)
	}
	sealed := old.seal(atRest, "row 1", []byte("text"))
	if got, err := both.open(atRest, "row 1", sealed); err != nil || string(got) != "text" {
		t.Fatalf("after a rotation: %q, %v", got, err)
	}
	changed := bytes.Clone(sealed)
	changed[len(changed)-1] ^= 1
	for name, open := range map[string]func() ([]byte, error){
		"another row":     func() ([]byte, error) { return both.open(atRest, "row 2", sealed) },
		"another box":     func() ([]byte, error) { return both.open(atBrowser, "row 1", sealed) },
		"a changed byte":  func() ([]byte, error) { return both.open(atRest, "row 1", changed) },
		"a secret gone":   func() ([]byte, error) { return both[:1].open(atRest, "row 1", sealed) },
		"cut":             func() ([]byte, error) { return both.open(atRest, "row 1", sealed[:19]) },
		"nothing but ids": func() ([]byte, error) { return both.open(atRest, "row 1", sealed[:20]) },
	} {
		if text, err := open(); err == nil {
			t.Errorf("%s: opened as %q", name, text)
		}
	}
}
