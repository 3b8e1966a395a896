package authz

import (
	"net/netip"
	"net/url"
	"testing"

	"gatehouse/store"
)

// FuzzRegisteredURI holds that nothing is taken for a registered address but
// itself, and the same at another port of this machine.
func FuzzRegisteredURI(f *testing.F) {
	registered := store.Words{"https://app.example.com/callback", "http://127.0.0.1/cb", "http://[::1]:80/cb?x=1", "com.example.app:/cb"}
	for _, uri := range append(registered, "http://127.0.0.1:1/cb", "http://127.0.0.1:65536/cb", "http://127.0.0.1:1@evil.example/cb", "http://127.0.0.1:/cb",
		"http://[::1]:443/cb?x=1", "http://[::1%25lo]:1/cb?x=1", "http://127.0.0.1:1/cb#", "HTTP://127.0.0.1:1/cb", "http://127.0.0.1:1/c%62", "http://127.0.0.1\\@evil.example/cb") {
		f.Add(uri)
	}
	f.Fuzz(func(t *testing.T, uri string) {
		if !registeredURI(registered, uri) || registered.Has(uri) {
			return
		}
		u, err := url.Parse(uri)
		if err != nil || u.Scheme != "http" || u.User != nil || u.Fragment != "" || u.Opaque != "" || u.Port() == "0" {
			t.Fatalf("taken for registered: %q", uri)
		}
		host, err := netip.ParseAddr(u.Hostname())
		v4 := host == netip.MustParseAddr("127.0.0.1") && u.Path == "/cb" && u.RawQuery == "" && u.RawPath == ""
		v6 := host == netip.MustParseAddr("::1") && u.Path == "/cb" && u.RawQuery == "x=1" && u.RawPath == ""
		if err != nil || !v4 && !v6 {
			t.Fatalf("taken for registered: %q", uri)
		}
	})
}

// FuzzSealed holds that nothing opens but what was sealed.
func FuzzSealed(f *testing.F) {
	ring, err := newKeyring([][]byte{[]byte("a secret of the length that is needed")})
	if err != nil {
		f.Fatal(err)
	}
	good := ring.seal(atBrowser, ticketContext, []byte(`{"asked":"2026-01-01T00:00:00Z"}`))
	f.Add(good)
	f.Add(good[:20])
	f.Fuzz(func(t *testing.T, sealed []byte) {
		if text, err := ring.open(atBrowser, ticketContext, sealed); err == nil && string(sealed) != string(good) {
			t.Fatalf("opened %x as %q", sealed, text)
		}
	})
}
