package main

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"path"
	"regexp"
	"strings"
)

// minSecret is the least length of a system secret, in bytes.
const minSecret = 32

// wrong is an error that names the key and where its value came from.
func (c Config) wrong(name, problem string) error {
	if origin := c.from[name]; origin != "" && origin != "default" {
		return fmt.Errorf("%s (%s): %s", name, origin, problem)
	}
	return fmt.Errorf("%s: %s", name, problem)
}

// checkProduction is what gatehouse serve refuses to start with. It reads no
// more than the TLS files.
func (c Config) checkProduction() error {
	if c.Issuer == "" {
		return c.wrong("issuer", "is not set: the https URL that clients know this server by")
	}
	if err := checkIssuer(c.Issuer); err != nil {
		return c.wrong("issuer", err.Error())
	}
	return firstOf(c.checkSecrets, c.checkSessions, c.checkDatabase, c.checkTLS, c.checkProviders, c.checkMail)
}

// checkAPI is what gatehouse api refuses to start with.
func (c Config) checkAPI() error {
	for _, k := range []struct{ name, value string }{
		{"api.issuer", c.apiIssuer()}, {"api.client_id", c.API.ClientID}, {"api.client_secret", c.API.ClientSecret},
	} {
		if k.value == "" {
			return c.wrong(k.name, "is not set: the resource API asks the authorization server about each token")
		}
	}
	if c.API.DRF && c.API.DRFID == "" {
		return c.wrong("api.drf_client_id", "is not set: /api-auth/create/ signs new users in with it")
	}
	if c.API.DRF && c.API.DRFSecret == "" {
		return c.wrong("api.drf_client_secret", "is not set, but api.drf_client_id is")
	}
	if err := checkIssuer(c.apiIssuer()); err != nil {
		return c.wrong("api.issuer", err.Error())
	}
	return firstOf(c.checkDatabase, c.checkTLS)
}

// apiIssuer is the authorization server that the resource API asks.
func (c Config) apiIssuer() string {
	if c.API.Issuer != "" {
		return c.API.Issuer
	}
	return c.Issuer
}

func firstOf(checks ...func() error) error {
	for _, check := range checks {
		if err := check(); err != nil {
			return err
		}
	}
	return nil
}

// checkIssuer follows RFC 8414 §2 and is stricter where clients compare the
// issuer as text. Plain http is for this machine only.
func checkIssuer(issuer string) error {
	u, err := url.Parse(issuer)
	if err != nil || u.Host == "" || u.Hostname() == "" || u.Opaque != "" {
		return errors.New("is not a URL like https://auth.example.com")
	}
	switch {
	case u.Scheme != "https" && u.Scheme != "http":
		return errors.New("must be an https URL")
	case u.Scheme == "http" && !isLoopback(u.Hostname()):
		return errors.New("must be https: plain http is for loopback addresses only")
	case u.User != nil:
		return errors.New("must have no user name in it")
	case strings.ContainsAny(issuer, "?#"):
		return errors.New("must have no query and no fragment (RFC 8414 §2)")
	case strings.HasSuffix(issuer, "/"):
		return errors.New("must not end with a slash: clients compare it as text")
	case u.Path != "" && u.Path != path.Clean(u.Path), u.RawPath != "", issuer != u.Scheme+"://"+strings.ToLower(u.Host)+u.Path:
		return errors.New("must be written plainly: lower-case scheme and host, no dot segments, nothing escaped")
	}
	return nil
}

// isLoopback reports whether a host can only be this machine.
func isLoopback(host string) bool {
	addr, err := netip.ParseAddr(host)
	return strings.EqualFold(host, "localhost") || err == nil && addr.Unmap().IsLoopback()
}

func (c Config) checkSecrets() error {
	if len(c.Secrets) == 0 {
		return c.wrong("secrets", fmt.Sprintf("is not set: at least one secret of at least %d random bytes", minSecret))
	}
	for i, s := range c.Secrets {
		if len(s) < minSecret {
			return c.wrong("secrets", fmt.Sprintf("secret %d has %d bytes, it needs at least %d", i+1, len(s), minSecret))
		}
	}
	return nil
}

func (c Config) checkDatabase() error {
	if c.DatabaseURL == "" {
		return c.wrong("database.url", "is not set: sqlite:///path or postgres://host/database")
	}
	return nil
}

func (c Config) checkSessions() error {
	if c.Sessions.Idle > c.Sessions.Absolute {
		return c.wrong("sessions.idle", fmt.Sprintf("is longer than sessions.absolute, which is %v", c.Sessions.Absolute))
	}
	return nil
}

func (c Config) checkTLS() error {
	switch {
	case c.TLSCert == "" && c.TLSKey == "":
		return nil
	case c.TLSCert == "":
		return c.wrong("tls.cert", "is not set, but tls.key is")
	case c.TLSKey == "":
		return c.wrong("tls.key", "is not set, but tls.cert is")
	}
	if _, err := tls.LoadX509KeyPair(c.TLSCert, c.TLSKey); err != nil {
		return c.wrong("tls.cert", err.Error())
	}
	return nil
}

func (c Config) checkMail() error {
	if key, problem := c.Mail.Check(); key != "" {
		return c.wrong(key, problem)
	}
	return nil
}

// quoted matches what parsers quote of a file; it may be part of a secret.
var quoted = regexp.MustCompile("'[^']*'|\"[^\"]*\"|`[^`]*`")

func withoutQuotes(s string) string { return quoted.ReplaceAllString(s, "…") }
