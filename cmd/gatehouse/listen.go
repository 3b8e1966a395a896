package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"time"
)

// What a listener bears with, and how long it waits for requests in flight
// when it stops.
const (
	readHeaderTimeout = 5 * time.Second
	readTimeout       = 15 * time.Second
	writeTimeout      = 30 * time.Second
	idleTimeout       = 120 * time.Second
	maxHeaderBytes    = 16 << 10 // net/http adds 4 KiB before it answers 431
	stopTimeout       = 10 * time.Second
)

// listener is an open socket: who connects waits until servers.serve.
type listener struct {
	key  string // of the configuration, as errors and logs name it
	sock net.Listener
	host string       // as configured
	cert *certificate // nil: plain HTTP
}

// listen opens the socket that key configures as addr. It may be closed with
// close until it is served.
func listen(ctx context.Context, key, addr string, cert *certificate) (*listener, error) {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", key, err)
	}
	sock, err := new(net.ListenConfig).Listen(ctx, "tcp", addr)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, fmt.Errorf("%s: %s is in use by another process", key, addr)
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return nil, fmt.Errorf("%s: %s is not an address of this machine", key, addr)
	case errors.Is(err, syscall.EACCES):
		return nil, fmt.Errorf("%s: this user may not listen on %s", key, addr)
	case err != nil:
		return nil, fmt.Errorf("%s: %w", key, err)
	}
	return &listener{key, sock, host, cert}, nil
}

func (l *listener) close() { l.sock.Close() }

// port is the one it has, also where the configuration left that open.
func (l *listener) port() string {
	_, port, _ := net.SplitHostPort(l.sock.Addr().String())
	return port
}

// url is where this machine reaches it, without a slash at the end.
func (l *listener) url() string {
	scheme := "http"
	if l.cert != nil {
		scheme = "https"
	}
	return scheme + "://" + net.JoinHostPort(reachable(l.host), l.port())
}

// reachable is the host to connect to for what listens on host.
func reachable(host string) string {
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		if ip != nil && ip.To4() == nil {
			return "::1"
		}
		return "127.0.0.1"
	}
	return host
}

// site is a listener and what answers on it.
type site struct {
	*listener
	handler http.Handler
	http1   bool // no HTTP/2, which has no reason phrases
}

// servers runs the listeners of a process.
type servers struct {
	Log   *slog.Logger  // required
	Ready func()        // called once all of them answer; optional
	Wait  time.Duration // for requests in flight when stopping; default stopTimeout
}

// serve answers on all sites until ctx is done, or until one of them fails,
// which ends the others. It stops gracefully, the last site first, so those
// that another one asks belong before it. It returns when all are closed, nil
// if nothing but ctx ended them.
func (s servers) serve(ctx context.Context, sites ...site) error {
	running := make([]*server, len(sites))
	failed := make(chan error, len(sites))
	for i, at := range sites {
		running[i] = newServer(context.WithoutCancel(ctx), at, s.Log)
		go func() {
			if err := running[i].run(); !errors.Is(err, http.ErrServerClosed) {
				failed <- fmt.Errorf("%s: %w", at.key, err)
			}
		}()
		s.Log.Info("listening", "key", at.key, "url", at.url())
	}
	if s.Ready != nil {
		s.Ready()
	}
	var err error
	select {
	case <-ctx.Done():
	case err = <-failed:
	}
	if s.Wait == 0 {
		s.Wait = stopTimeout
	}
	s.stop(running)
	return err
}

// stop closes the last server first. One that still has requests after a third
// of the time no longer keeps the one before it waiting.
func (s servers) stop(running []*server) {
	ctx, cancel := context.WithTimeout(context.Background(), s.Wait)
	defer cancel()
	var all sync.WaitGroup
	for i := len(running) - 1; i >= 0; i-- {
		done := make(chan struct{})
		all.Go(func() {
			defer close(done)
			running[i].stop(ctx)
		})
		select {
		case <-done:
		case <-time.After(s.Wait / 3):
		}
	}
	all.Wait()
}

// server is one site while it runs.
type server struct {
	http.Server
	at  site
	log *slog.Logger

	mu    sync.Mutex
	fresh map[net.Conn]bool // connections that no request came on yet
}

func newServer(ctx context.Context, at site, log *slog.Logger) *server {
	log = log.With("key", at.key)
	s := &server{at: at, log: log, fresh: make(map[net.Conn]bool)}
	s.Server = http.Server{
		Handler:           at.handler,
		ReadHeaderTimeout: readHeaderTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          slog.NewLogLogger(serverLog{log.Handler()}, slog.LevelDebug),
		BaseContext:       func(net.Listener) context.Context { return ctx },
		ConnState:         s.track,
	}
	if at.cert != nil {
		s.TLSConfig = at.cert.config()
	}
	if at.http1 {
		s.Protocols = new(http.Protocols)
		s.Protocols.SetHTTP1(true)
	}
	return s
}

func (s *server) run() error {
	if s.at.cert != nil {
		return s.ServeTLS(s.at.sock, "", "")
	}
	return s.Serve(s.at.sock)
}

func (s *server) track(c net.Conn, state http.ConnState) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if state == http.StateNew {
		s.fresh[c] = true
	} else {
		delete(s.fresh, c)
	}
}

// stop waits for requests in flight until ctx is done. Shutdown would wait 5 s
// for connections that browsers open on suspicion; half a second must do.
func (s *server) stop(ctx context.Context) {
	hurry := time.AfterFunc(500*time.Millisecond, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		for c := range s.fresh {
			c.Close()
		}
	})
	defer hurry.Stop()
	if err := s.Shutdown(ctx); err != nil {
		s.log.Warn("stopped with requests in flight")
		s.Close()
	}
}

// serverLog takes net/http's complaints, which are about clients, except for
// a panic.
type serverLog struct{ slog.Handler }

func (h serverLog) Enabled(context.Context, slog.Level) bool { return true }

func (h serverLog) Handle(ctx context.Context, r slog.Record) error {
	if strings.HasPrefix(r.Message, "http: panic") {
		r.Level = slog.LevelError
	}
	if !h.Handler.Enabled(ctx, r.Level) {
		return nil
	}
	return h.Handler.Handle(ctx, r)
}
