package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// running is what startServers started.
type running struct {
	at   []*listener
	stop context.CancelFunc
	done chan error
	log  *lockedBuffer
}

type lockedBuffer struct {
	mu sync.Mutex
	bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Buffer.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Buffer.String()
}

// startServers serves each handler on a free port and returns when all answer.
func startServers(t *testing.T, cert *certificate, wait time.Duration, handlers ...http.Handler) running {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	r := running{stop: cancel, done: make(chan error, 1), log: new(lockedBuffer)}
	var sites []site
	for _, h := range handlers {
		l, err := listen(ctx, "public.addr", "127.0.0.1:0", cert)
		if err != nil {
			t.Fatal(err)
		}
		r.at = append(r.at, l)
		sites = append(sites, site{listener: l, handler: h})
	}
	ready := make(chan struct{})
	s := servers{
		Log:   slog.New(slog.NewTextHandler(r.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Ready: func() { close(ready) },
		Wait:  wait,
	}
	go func() { r.done <- s.serve(ctx, sites...) }()
	<-ready
	t.Cleanup(cancel)
	return r
}

func fetch(t *testing.T, client *http.Client, url string) string {
	t.Helper()
	resp, err := client.Get(url)
	if err != nil {
		t.Error(err) // not Fatal: other goroutines call this too
		return ""
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(resp.Body)
	return string(body)
}

func hello(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "hello") }

func TestListenSaysWhyNot(t *testing.T) {
	taken, err := listen(t.Context(), "public.addr", "127.0.0.1:0", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer taken.close()
	used := "127.0.0.1:" + taken.port()
	for _, tt := range []struct{ addr, want string }{
		{used, "admin.addr: " + used + " is in use by another process"},
		{"192.0.2.1:0", "admin.addr: 192.0.2.1:0 is not an address of this machine"},
		{"nonsense", "admin.addr: "},
	} {
		if _, err := listen(t.Context(), "admin.addr", tt.addr, nil); err == nil || !strings.HasPrefix(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want %s", tt.addr, err, tt.want)
		}
	}
}

func TestListenerURL(t *testing.T) {
	for addr, want := range map[string]string{
		"127.0.0.1:0": "http://127.0.0.1:", "localhost:0": "http://localhost:", "0.0.0.0:0": "http://127.0.0.1:", ":0": "http://127.0.0.1:",
	} {
		l, err := listen(t.Context(), "public.addr", addr, nil)
		if err != nil {
			t.Fatal(err)
		}
		l.close()
		if got := l.url(); got != want+l.port() || l.port() == "0" {
			t.Errorf("%s: %s", addr, got)
		}
	}
}

func TestServeLetsRequestsFinish(t *testing.T) {
	entered, leave := make(chan struct{}), make(chan struct{})
	r := startServers(t, nil, 0, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		close(entered)
		<-leave
		fmt.Fprint(w, r.Context().Err())
	}))
	answer := make(chan string, 1)
	go func() { answer <- fetch(t, http.DefaultClient, r.at[0].url()) }()
	<-entered
	r.stop()
	for range 200 { // until the socket is closed
		c, err := net.Dial("tcp", r.at[0].sock.Addr().String())
		if err != nil {
			break
		}
		c.Close()
		time.Sleep(5 * time.Millisecond)
	}
	select {
	case err := <-r.done:
		t.Fatalf("stopped with a request in flight: %v", err)
	default:
	}
	close(leave)
	if got := <-answer; got != "<nil>" {
		t.Errorf("answer %q", got)
	}
	if err := <-r.done; err != nil {
		t.Error(err)
	}
	if _, err := http.Get(r.at[0].url()); err == nil {
		t.Error("still accepts connections")
	}
}

func TestServeCutsWhatDoesNotFinish(t *testing.T) {
	entered := make(chan struct{})
	r := startServers(t, nil, 200*time.Millisecond, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		close(entered)
		<-r.Context().Done()
	}))
	failed := make(chan error, 1)
	go func() {
		_, err := http.Get(r.at[0].url())
		failed <- err
	}()
	<-entered
	r.stop()
	if err := <-r.done; err != nil {
		t.Error(err)
	}
	if <-failed == nil {
		t.Error("the request was answered")
	}
	if !strings.Contains(r.log.String(), "level=WARN") {
		t.Errorf("nothing said about it:\n%s", r.log)
	}
}

// A request at the last site may still ask the first one while both stop.
func TestServeStopsTheLastSiteFirst(t *testing.T) {
	var first string
	entered, leave := make(chan struct{}), make(chan struct{})
	r := startServers(t, nil, 0, http.HandlerFunc(hello), http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		close(entered)
		<-leave
		io.WriteString(w, fetch(t, http.DefaultClient, first))
	}))
	first = r.at[0].url()
	answer := make(chan string, 1)
	go func() { answer <- fetch(t, http.DefaultClient, r.at[1].url()) }()
	<-entered
	time.AfterFunc(50*time.Millisecond, func() { close(leave) })
	r.stop()
	if got := <-answer; got != "hello" {
		t.Errorf("answer %q", got)
	}
	if err := <-r.done; err != nil {
		t.Error(err)
	}
}

func TestServeDoesNotWaitForSilentConnections(t *testing.T) {
	r := startServers(t, nil, 4*time.Second, http.HandlerFunc(hello)) // less than net/http waits for such a connection
	c, err := net.Dial("tcp", r.at[0].sock.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	fetch(t, http.DefaultClient, r.at[0].url()) // so that the silent one was accepted
	r.stop()
	<-r.done
	if log := r.log.String(); strings.Contains(log, "requests in flight") {
		t.Errorf("it was waited for: %s", log)
	}
}

func TestServeStopsAllWhenOneFails(t *testing.T) {
	r := startServers(t, nil, 0, http.HandlerFunc(hello), http.HandlerFunc(hello))
	r.at[1].close()
	if err := <-r.done; !errors.Is(err, net.ErrClosed) || !strings.HasPrefix(err.Error(), "public.addr: ") {
		t.Errorf("got %v", err)
	}
	if _, err := http.Get(r.at[0].url()); err == nil {
		t.Error("the other one still answers")
	}
}

func TestServeLimits(t *testing.T) {
	t.Parallel() // it waits for readHeaderTimeout
	r := startServers(t, nil, 0, http.HandlerFunc(hello))
	addr := r.at[0].sock.Addr().String()
	t.Run("header too long", func(t *testing.T) {
		t.Parallel()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, r.at[0].url(), nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("X-Long", strings.Repeat("a", maxHeaderBytes+4096))
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
			t.Errorf("got %s", resp.Status)
		}
	})
	t.Run("header too slow", func(t *testing.T) {
		t.Parallel()
		c, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		io.WriteString(c, "GET / HTTP/1.1\r\nHost: ")
		start := time.Now()
		c.SetReadDeadline(start.Add(readHeaderTimeout + 5*time.Second))
		if _, err := bufio.NewReader(c).ReadByte(); !errors.Is(err, io.EOF) {
			t.Errorf("got %v, want the connection closed", err)
		}
		if d := time.Since(start); d < readHeaderTimeout/2 {
			t.Errorf("cut after %v", d)
		}
	})
}

func TestServeLogsPanicsAsErrors(t *testing.T) {
	r := startServers(t, nil, 0, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("oh") }))
	if _, err := http.Get(r.at[0].url()); err == nil {
		t.Error("the request was answered")
	}
	r.stop()
	<-r.done
	if !strings.Contains(r.log.String(), "level=ERROR") || !strings.Contains(r.log.String(), "panic") {
		t.Errorf("log:\n%s", r.log)
	}
}

func TestServeTLS(t *testing.T) {
	files := writePair(t, t.TempDir(), "auth.example.com")
	cert, err := newCertificate(files.cert, files.key, slog.Default())
	if err != nil {
		t.Fatal(err)
	}
	r := startServers(t, cert, 0, http.HandlerFunc(hello))
	trusted := &tls.Config{RootCAs: x509.NewCertPool(), ServerName: "auth.example.com"}
	trusted.RootCAs.AddCert(cert.pair.Leaf)
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: trusted, ForceAttemptHTTP2: true}}
	if got := fetch(t, client, r.at[0].url()); got != "hello" || !strings.HasPrefix(r.at[0].url(), "https://") {
		t.Errorf("%s answers %q", r.at[0].url(), got)
	}
	old := trusted.Clone()
	old.MinVersion, old.MaxVersion = tls.VersionTLS10, tls.VersionTLS11
	if c, err := tls.Dial("tcp", r.at[0].sock.Addr().String(), old); err == nil {
		c.Close()
		t.Error("TLS 1.1 was accepted")
	}
	client.CloseIdleConnections()
}

// HTTP/2 has no reason phrases, which the tutorial's frontend looks for.
func TestServeTLSWithoutHTTP2(t *testing.T) {
	files := writePair(t, t.TempDir(), "auth.example.com")
	cert, err := newCertificate(files.cert, files.key, slog.Default())
	if err != nil {
		t.Fatal(err)
	}
	trusted := &tls.Config{RootCAs: x509.NewCertPool(), ServerName: "auth.example.com"}
	trusted.RootCAs.AddCert(cert.pair.Leaf)
	for http1, want := range map[bool]string{true: "HTTP/1.1", false: "HTTP/2.0"} {
		l, err := listen(t.Context(), "api.addr", "127.0.0.1:0", cert)
		if err != nil {
			t.Fatal(err)
		}
		s := newServer(t.Context(), site{listener: l, handler: http.HandlerFunc(hello), http1: http1}, slog.New(slog.DiscardHandler))
		go s.run()
		client := &http.Client{Transport: &http.Transport{TLSClientConfig: trusted, ForceAttemptHTTP2: true}}
		resp, err := client.Get(l.url())
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.Proto != want {
			t.Errorf("http1 %v: %s", http1, resp.Proto)
		}
		s.Close()
	}
}
