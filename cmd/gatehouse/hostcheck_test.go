package main

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

func TestRequireLoopbackHost(t *testing.T) {
	for _, tt := range []struct {
		host, port string
		want       int
	}{
		{"127.0.0.1:9000", "9000", 200},
		{"localhost:9000", "9000", 200},
		{"LOCALHOST:9000", "9000", 200},
		{"[::1]:9000", "9000", 200},
		{"127.8.9.1:9000", "9000", 200},
		{"localhost", "80", 200},
		{"[::1]", "80", 200},
		{"127.0.0.1:9001", "9000", 421},
		{"127.0.0.1", "9000", 421},
		{"", "9000", 421},
		{"0.0.0.0:9000", "9000", 421},
		{"192.0.2.1:9000", "9000", 421},
		{"evil.example:9000", "9000", 421},
		{"localhost.evil.example:9000", "9000", 421},
		{"127.0.0.1.evil.example:9000", "9000", 421},
		{"127.0.0.1@evil.example:9000", "9000", 421},
	} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Host = tt.host
		w := httptest.NewRecorder()
		requireLoopbackHost(tt.port, http.HandlerFunc(hello)).ServeHTTP(w, r)
		if w.Code != tt.want {
			t.Errorf("Host %q at port %s: %d, want %d", tt.host, tt.port, w.Code, tt.want)
		}
	}
}
