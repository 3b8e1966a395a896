package main

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"
)

// certificate is a TLS certificate that follows its files: whoever renews them
// need not restart the server.
type certificate struct {
	certFile, keyFile string
	log               *slog.Logger
	now               func() time.Time

	mu      sync.Mutex
	pair    *tls.Certificate // the last good one
	read    stamps           // the files as they were when pair was read
	broken  *stamps          // the state of the files that was complained about last; nil if none
	checked time.Time
}

// stamps tells two states of the files apart.
type stamps [2]struct {
	mtime time.Time
	size  int64
}

// newCertificate reads the pair of files; the first time it must be good.
func newCertificate(certFile, keyFile string, log *slog.Logger) (*certificate, error) {
	c := &certificate{certFile: certFile, keyFile: keyFile, log: log, now: time.Now}
	if err := c.load(); err != nil {
		return nil, fmt.Errorf("tls.cert, tls.key: %w", err)
	}
	c.checked = c.now()
	return c, nil
}

// config is what a listener with this certificate does TLS by.
func (c *certificate) config() *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: c.get}
}

// get is for tls.Config.GetCertificate. It looks at the files at most once a
// second, and goes on with what it has while they are broken.
func (c *certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now := c.now(); now.Sub(c.checked) >= time.Second {
		c.checked = now
		c.follow()
	}
	return c.pair, nil
}

// follow loads the pair again if the files have changed since it was read. A
// broken state of them is logged once, and tried again at the next look: one
// file may be there before the other.
func (c *certificate) follow() {
	at, err := c.stamps()
	if err == nil && at == c.read {
		c.broken = nil
		return
	}
	if err == nil {
		err = c.load()
	}
	switch {
	case err == nil:
		c.log.Info("TLS certificate read again", "file", c.certFile, "not_after", c.pair.Leaf.NotAfter)
	case c.broken == nil || at != *c.broken:
		c.broken = &at
		c.log.Error("TLS certificate is broken, the old one stays in use", "file", c.certFile, "err", err)
	}
}

// load takes the stamps first, so that a change meanwhile is seen next time.
func (c *certificate) load() error {
	at, err := c.stamps()
	if err != nil {
		return err
	}
	pair, err := tls.LoadX509KeyPair(c.certFile, c.keyFile)
	if err != nil {
		return err
	}
	c.pair, c.read, c.broken = &pair, at, nil
	return nil
}

// stamps leaves zero what it cannot see.
func (c *certificate) stamps() (at stamps, err error) {
	for i, name := range []string{c.certFile, c.keyFile} {
		info, bad := os.Stat(name)
		if bad != nil {
			err = errors.Join(err, bad)
			continue
		}
		at[i].mtime, at[i].size = info.ModTime(), info.Size()
	}
	return at, err
}

// leafOf reads the first certificate of a PEM file.
func leafOf(certFile string) (*x509.Certificate, error) {
	rest, err := os.ReadFile(certFile)
	if err != nil {
		return nil, err
	}
	for block, rest := pem.Decode(rest); block != nil; block, rest = pem.Decode(rest) {
		if block.Type == "CERTIFICATE" {
			return x509.ParseCertificate(block.Bytes)
		}
	}
	return nil, errors.New("there is no certificate in " + certFile)
}
