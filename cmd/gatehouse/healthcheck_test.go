package main

import (
	"bytes"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
)

// gatehouse runs the command line as main does, without its own process.
func gatehouse(t *testing.T, args ...string) (string, error) {
	t.Helper()
	var out bytes.Buffer
	root := newRoot()
	root.SetArgs(args)
	root.SetOut(&out)
	root.SetErr(io.Discard)
	err := root.ExecuteContext(t.Context())
	return out.String(), err
}

func TestHealthcheck(t *testing.T) {
	files, other := writePair(t, t.TempDir(), "auth.example.com"), writePair(t, t.TempDir(), "auth.example.com")
	cert, err := newCertificate(files.cert, files.key, slog.Default())
	if err != nil {
		t.Fatal(err)
	}
	health := http.NewServeMux()
	health.HandleFunc("GET /livez", hello)
	health.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, `{"failed":"database"}`, http.StatusServiceUnavailable)
	})
	plain, secure := startServers(t, nil, 0, health).at[0], startServers(t, cert, 0, health).at[0]
	plainAddr, secureAddr := "127.0.0.1:"+plain.port(), "127.0.0.1:"+secure.port()
	for _, tt := range []struct {
		name string
		args []string
		want string // of the error
		code int
	}{
		{"live", []string{"--live", plain.url()}, "", 0},
		{"live, as configured", []string{"--live", "--public-addr", plainAddr}, "", 0},
		{"live, its own certificate", []string{"--live", "--public-addr", secureAddr, "--tls-cert", files.cert}, "", 0},
		{"not ready", []string{plain.url() + "/"}, `/readyz: 503 Service Unavailable: {"failed":"database"}`, 1},
		{"another certificate", []string{"--live", "--public-addr", secureAddr, "--tls-cert", other.cert}, "another certificate", 1},
		{"a URL gets the usual checks", []string{"--live", secure.url()}, "x509:", 1},
		{"not there", []string{"http://127.0.0.1:1"}, "connection refused", 1},
		{"not TLS", []string{"--live", "https://" + plainAddr}, "HTTP response to HTTPS client", 1},
		{"port open", []string{"--public-addr", "127.0.0.1:0"}, "does not tell the port", 1},
		{"not a URL", []string{"example.com"}, "is not a base URL", 2},
		{"too many", []string{"a", "b"}, "accepts at most 1 arg", 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			out, err := gatehouse(t, append([]string{"healthcheck"}, tt.args...)...)
			if tt.want == "" {
				if err != nil || out != "ok\n" {
					t.Errorf("%q, %v", out, err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), tt.want) || exitCode(err) != tt.code {
				t.Errorf("got %v, want …%s… with exit code %d", err, tt.want, tt.code)
			}
		})
	}
}
