package social

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
)

var (
	nameForm         = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)
	graphVersionForm = regexp.MustCompile(`^v[0-9]{1,3}\.[0-9]{1,3}$`)
)

// validate refuses what no provider can work with. A setting that would be
// without effect is refused too: whoever sets domains relies on them.
func (c *Config) validate() error {
	if !nameForm.MatchString(c.Name) {
		return fmt.Errorf("name %q: use up to 64 letters, digits and . _ -", c.Name)
	}
	for _, check := range []func() error{c.validateClients, c.validateKind, c.validateTimes, c.validateAddresses} {
		if err := check(); err != nil {
			return err
		}
	}
	if c.Policy.SignUp != SignUpOpen && c.Policy.SignUp != SignUpVerifiedOnly {
		return fmt.Errorf("sign_up: use %s or %s", SignUpOpen, SignUpVerifiedOnly)
	}
	return nil
}

// validateClients makes sure that there is an audience to compare with: without
// one, a token that any client ever got would do.
func (c *Config) validateClients() error {
	if len(c.Audiences) == 0 {
		return errors.New("audiences: name at least one client id that tokens may be for")
	}
	for _, list := range []struct {
		key    string
		values []string
	}{{"audiences", c.Audiences}, {"presenters", c.Presenters}, {"domains", c.Domains}} {
		for _, v := range list.values {
			if v == "" || strings.ContainsFunc(v, notVisible) {
				return fmt.Errorf("%s: %q is empty or has blanks in it", list.key, v)
			}
		}
	}
	return nil
}

func (c *Config) validateKind() error {
	if c.Kind != "google" && len(c.Domains) > 0 {
		return errors.New("domains: only google has them")
	}
	if c.Kind != "oidc" && c.Issuer != "" {
		return fmt.Errorf("issuer: %s has its own", c.Kind)
	}
	switch c.Kind {
	case "google":
		if c.ClientSecret != "" && c.ClientID == "" {
			return errors.New("client_secret: google needs client_id with it")
		}
	case "facebook":
		if c.ClientID == "" || c.ClientSecret == "" {
			return errors.New("client_id, client_secret: facebook needs the app's id and secret")
		}
		if slices.ContainsFunc(c.Audiences, func(a string) bool { return a != c.ClientID }) {
			return errors.New("audiences: facebook's tokens can be for client_id only")
		}
		if c.GraphVersion != "" && !graphVersionForm.MatchString(c.GraphVersion) {
			return errors.New("graph_version: write it like v26.0")
		}
	case "oidc":
		if c.Issuer == "" {
			return errors.New("issuer: oidc needs the provider's")
		}
		if c.AccessTokens && (c.ClientID == "" || c.ClientSecret == "") {
			return errors.New("access_tokens: introspection needs client_id and client_secret")
		}
	}
	return nil
}

func (c *Config) validateTimes() error {
	if c.MaxAge < 0 || c.MaxAge > maxLifetime {
		return errors.New("max_age: use more than 0 and at most 24h")
	}
	if c.ConnectTimeout < 0 || c.CallTimeout < 0 || c.TotalTimeout < 0 || c.TotalTimeout > time.Minute {
		return errors.New("time-outs: use more than 0 and at most 1m")
	}
	if c.CallTimeout > c.TotalTimeout {
		return errors.New("time-outs: one call may not take longer than all together")
	}
	return nil
}

func (c *Config) validateAddresses() error {
	for _, a := range []struct{ key, value string }{
		{"issuer", c.Issuer},
		{"jwks_uri", c.JWKSURI},
		{"authorization_url", c.AuthorizationURL},
		{"token_url", c.TokenURL},
		{"tokeninfo_url", c.TokenInfoURL},
		{"userinfo_url", c.UserInfoURL},
		{"graph_url", c.GraphURL},
		{"dialog_url", c.DialogURL},
		{"introspection_url", c.IntrospectURL},
	} {
		if a.value == "" {
			continue
		}
		if err := checkAddress(a.value, c.AllowLoopback); err != nil {
			return fmt.Errorf("%s: %w", a.key, err)
		}
	}
	if strings.Contains(c.Issuer, "?") || strings.Contains(c.GraphURL, "?") { // OIDC Discovery §3; paths are added to both
		return errors.New("issuer, graph_url: they may not have a query")
	}
	return nil
}

// checkAddress wants https; on loopback, where allowed, plain http will do.
func checkAddress(address string, allowLoopback bool) error {
	u, err := url.Parse(address)
	switch {
	case err != nil || u.Host == "" || u.Opaque != "":
		return errors.New("it is not a complete URL")
	case u.User != nil || u.Fragment != "":
		return errors.New("it may have neither a user nor a fragment")
	case u.Scheme == "https":
		return nil
	case u.Scheme == "http" && allowLoopback && isLoopback(u.Hostname()):
		return nil
	}
	return errors.New("it must begin with https://")
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// notVisible is true for what has no place in an id or a token.
func notVisible(r rune) bool { return r <= ' ' || r > '~' }
