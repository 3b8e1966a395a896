package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"log/slog"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

type pairFiles struct{ cert, key string }

// writePair puts a new self-signed certificate for name into dir.
func writePair(t *testing.T, dir, name string) pairFiles {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: time.Now().Add(-time.Minute), NotAfter: time.Now().Add(time.Hour),
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	files := pairFiles{filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")}
	for path, block := range map[string]*pem.Block{
		files.cert: {Type: "CERTIFICATE", Bytes: cert},
		files.key:  {Type: "PRIVATE KEY", Bytes: der},
	} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return files
}

func TestCertificateFollowsItsFiles(t *testing.T) {
	dir := t.TempDir()
	files := writePair(t, dir, "first.example")
	var logged bytes.Buffer
	c, err := newCertificate(files.cert, files.key, slog.New(slog.NewTextHandler(&logged, nil)))
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	c.now = func() time.Time { return now }
	expect := func(when, name string, errorsLogged int) {
		t.Helper()
		pair, err := c.get(nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := pair.Leaf.Subject.CommonName; got != name {
			t.Errorf("%s: %s, want %s", when, got, name)
		}
		if got := strings.Count(logged.String(), "level=ERROR"); got != errorsLogged {
			t.Errorf("%s: %d errors logged, want %d:\n%s", when, got, errorsLogged, &logged)
		}
	}
	expect("at first", "first.example", 0)

	now = now.Add(time.Second)
	expect("unchanged", "first.example", 0)
	writePair(t, dir, "second.example-longer")
	expect("changed within the second", "first.example", 0)
	now = now.Add(time.Second)
	expect("changed", "second.example-longer", 0)

	if err := os.Truncate(files.key, 10); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		now = now.Add(time.Second)
		expect("broken", "second.example-longer", 1)
	}
	for _, name := range []string{files.cert, files.key} {
		if err := os.Remove(name); err != nil {
			t.Fatal(err)
		}
	}
	for range 3 {
		now = now.Add(time.Second)
		expect("gone", "second.example-longer", 2)
	}
	writePair(t, dir, "third.example")
	now = now.Add(time.Second)
	expect("repaired", "third.example", 2)
}

func TestNewCertificateRefusesBrokenFiles(t *testing.T) {
	files := writePair(t, t.TempDir(), "a.example")
	other := writePair(t, t.TempDir(), "b.example")
	for _, bad := range []pairFiles{{files.cert, other.key}, {files.cert, files.cert}, {"/nonexistent", files.key}, {files.key, files.key}} {
		if _, err := newCertificate(bad.cert, bad.key, slog.Default()); err == nil {
			t.Errorf("%v was accepted", bad)
		}
	}
}
