package store

import (
	"net/http"
	"net/netip"
	"strings"
	"testing"
)

func TestClientAddress(t *testing.T) {
	proxies := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("2001:db8:1::/48")}
	for _, tt := range []struct {
		name, peer string
		header     []string
		client     string // ClientAddress
		forwarded  string // ForwardedAddress
	}{
		{"peer without header", "192.0.2.1:1234", nil, "192.0.2.1", "192.0.2.1"},
		{"a stranger's header is not believed", "192.0.2.1:1", []string{"198.51.100.7"}, "192.0.2.1", "198.51.100.7"},
		{"one proxy", "10.0.0.1:1", []string{"198.51.100.7"}, "198.51.100.7", "198.51.100.7"},
		{"what the user wrote is left of it", "10.0.0.1:1", []string{"203.0.113.9, 198.51.100.7"}, "198.51.100.7", "203.0.113.9"},
		{"two proxies", "10.0.0.1:1", []string{"203.0.113.9, 198.51.100.7, 10.9.9.9"}, "198.51.100.7", "203.0.113.9"},
		{"two header lines are one list", "10.0.0.1:1", []string{"203.0.113.9", "198.51.100.7", "10.9.9.9"}, "198.51.100.7", "203.0.113.9"},
		{"all trusted", "10.0.0.1:1", []string{"10.0.0.3, 10.0.0.2"}, "10.0.0.3", "10.0.0.3"},
		{"proxy says nothing", "10.0.0.1:1", nil, "10.0.0.1", "10.0.0.1"},
		{"proxy says nonsense", "10.0.0.1:1", []string{"198.51.100.7, unknown"}, "10.0.0.1", "10.0.0.1"},
		{"nonsense further left", "10.0.0.1:1", []string{"<script>, 198.51.100.7"}, "198.51.100.7", "198.51.100.7"},
		{"empty entries", "10.0.0.1:1", []string{",,"}, "10.0.0.1", "10.0.0.1"},
		{"entries with ports", "10.0.0.1:1", []string{"198.51.100.7:443, [2001:db8:1::5]:80"}, "198.51.100.7", "198.51.100.7"},
		{"IPv6 in brackets", "10.0.0.1:1", []string{"[2001:db8::1]"}, "2001:db8::1", "2001:db8::1"},
		{"IPv6 peer, canonical", "[2001:DB8:0:0::1]:99", nil, "2001:db8::1", "2001:db8::1"},
		{"IPv6 proxy", "[2001:db8:1::2]:99", []string{"198.51.100.7"}, "198.51.100.7", "198.51.100.7"},
		{"IPv4 as IPv6 is trusted alike", "[::ffff:10.0.0.1]:99", []string{"::ffff:198.51.100.7"}, "198.51.100.7", "198.51.100.7"},
		{"zone", "[fe80::1%eth0]:99", nil, "fe80::1", "fe80::1"},
		{"Unix socket", "@", nil, "", ""},
		{"Unix socket's header is not believed", "@", []string{"198.51.100.7"}, "", "198.51.100.7"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := &http.Request{RemoteAddr: tt.peer, Header: http.Header{}}
			for _, h := range tt.header {
				r.Header.Add("X-Forwarded-For", h)
			}
			if got := ClientAddress(r, proxies); got != tt.client {
				t.Errorf("ClientAddress %q, want %q", got, tt.client)
			}
			if got := ForwardedAddress(r, proxies); got != tt.forwarded {
				t.Errorf("ForwardedAddress %q, want %q", got, tt.forwarded)
			}
		})
	}
}

func TestAddressBlock(t *testing.T) {
	for in, want := range map[string]string{
		"192.0.2.1":            "192.0.2.1",
		"::ffff:192.0.2.1":     "192.0.2.1",
		"2001:db8:1:2:3:4:5:6": "2001:db8:1:2::/64",
		"2001:db8:1:2::":       "2001:db8:1:2::/64",
		"":                     "",
		"nobody":               "nobody",
	} {
		if got := AddressBlock(in); got != want {
			t.Errorf("AddressBlock(%q) = %q, want %q", in, got, want)
		}
	}
}

func FuzzClientAddress(f *testing.F) {
	f.Add("10.0.0.1:1", "203.0.113.9, [2001:db8::1]:80, 10.1.1.1")
	f.Add("[fe80::1%eth0]:99", ",[[]:,")
	f.Fuzz(func(t *testing.T, peer, header string) {
		r := &http.Request{RemoteAddr: peer, Header: http.Header{"X-Forwarded-For": {header}}}
		alone := &http.Request{RemoteAddr: peer, Header: http.Header{}}
		if got, want := ClientAddress(r, nil), ClientAddress(alone, nil); got != want {
			t.Fatalf("a header without proxies: %q, not %q", got, want)
		}
		trusted := []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0")}
		for _, got := range []string{ClientAddress(r, trusted), ForwardedAddress(r, nil)} {
			if got == "" {
				continue
			}
			addr, err := netip.ParseAddr(got)
			if err != nil || addr.String() != got || addr.Zone() != "" || strings.HasPrefix(got, "::ffff:") {
				t.Fatalf("not canonical: %q", got)
			}
		}
	})
}
