package store

import (
	"net/http"
	"net/netip"
	"strings"
)

// ClientAddress is the address of whoever sent r: the peer's, unless that is a
// trusted proxy's, then the rightmost entry of X-Forwarded-For that is none
// (each proxy appends its own peer, so what stands left of that entry is only
// what its sender wrote). It is canonical: without port and zone, IPv4 never
// as IPv6. Empty if the peer has no address, as on a Unix socket.
func ClientAddress(r *http.Request, trusted []netip.Prefix) string {
	return text(forwardedBy(r, trusted)[0])
}

// ForwardedAddress is ClientAddress for a request by a client that is a trusted
// forwarder: the address it says it acts for, which is the next entry to the
// left, or its own if it names none.
func ForwardedAddress(r *http.Request, trusted []netip.Prefix) string {
	hops := forwardedBy(r, trusted)
	return text(hops[min(1, len(hops)-1)])
}

// AddressBlock is what a limit by address counts: an IPv4 address itself, of an
// IPv6 address its /64, the least that one subscriber holds (RFC 6177 §2) and
// can choose from at will. Anything else is returned as it is.
func AddressBlock(address string) string {
	addr, ok := parseHop(address)
	if !ok {
		return address
	}
	if addr.Is4() {
		return addr.String()
	}
	block, err := addr.Prefix(64)
	if err != nil { // can't be: an IPv6 address has 64 bits
		return address
	}
	return block.String()
}

// forwardedBy lists the hops from the one that ClientAddress names on, nearest
// first; at least one, of which the first may be invalid. An entry that is no
// address ends the list: its writer is known, and nothing beyond.
func forwardedBy(r *http.Request, trusted []netip.Prefix) []netip.Addr {
	peer, _ := parseHop(r.RemoteAddr)
	hops := []netip.Addr{peer}
	entries := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for i := len(entries) - 1; i >= 0; i-- {
		addr, ok := parseHop(strings.TrimSpace(entries[i]))
		if !ok {
			break
		}
		hops = append(hops, addr)
	}
	for len(hops) > 1 && isTrusted(hops[0], trusted) {
		hops = hops[1:]
	}
	return hops
}

func isTrusted(addr netip.Addr, trusted []netip.Prefix) bool {
	for _, p := range trusted {
		if p.Contains(addr) {
			return true
		}
	}
	return false
}

// parseHop reads an address with or without port; some proxies append theirs.
func parseHop(text string) (netip.Addr, bool) {
	addr, err := netip.ParseAddr(strings.Trim(text, "[]"))
	if err != nil {
		ap, err := netip.ParseAddrPort(text)
		if err != nil {
			return netip.Addr{}, false
		}
		addr = ap.Addr()
	}
	return addr.Unmap().WithZone(""), true
}

func text(addr netip.Addr) string {
	if !addr.IsValid() {
		return ""
	}
	return addr.String()
}
