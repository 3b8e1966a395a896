package main

import (
	"net"
	"net/http"
	"strings"
)

// requireLoopbackHost lets through only requests that name this machine and
// port as their host. Otherwise a web page anywhere could let its own name
// resolve to 127.0.0.1 and talk to gatehouse dev as if it were its own server
// (DNS rebinding).
func requireLoopbackHost(port string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host, asked, err := net.SplitHostPort(r.Host)
		if err != nil {
			host, asked = strings.Trim(r.Host, "[]"), "80"
		}
		if asked != port || !isLoopback(host) {
			http.Error(w, "gatehouse dev answers only at a loopback address and port "+port, http.StatusMisdirectedRequest)
			return
		}
		next.ServeHTTP(w, r)
	})
}
