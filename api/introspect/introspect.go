package introspect

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"
)

const (
	maxToken    = 4 << 10         // bytes of a token; longer ones are refused unasked
	maxAnswer   = 64 << 10        // bytes of an answer's body
	maxConns    = 64              // connections to the authorization server, idle or busy
	leeway      = 5 * time.Second // clock difference allowed for exp and nbf (RFC 7519 §4.1.4)
	callTimeout = 5 * time.Second // default of Config.Timeout
)

// Config says whom a Checker asks and what it demands of the answer. Zero values
// take the default noted.
type Config struct {
	// Endpoint is the introspection endpoint (RFC 7662 §2): an https URL without
	// query; http is accepted on loopback only. Required.
	Endpoint string

	// ClientID and ClientSecret are this API's own credentials, sent by
	// client_secret_basic (RFC 6749 §2.3.1). Required.
	ClientID     string
	ClientSecret string

	// Audience is this API's identifier. A token whose aud does not contain it,
	// compared exactly, was issued for another API and is refused. Required, unless
	// AnyAudience is set.
	Audience string

	// AnyAudience accepts tokens that were issued for other APIs too. Whoever
	// receives such a token can then replay it here (RFC 9700 §4.10).
	AnyAudience bool

	// Issuer, when set, must equal the answer's iss exactly.
	Issuer string

	// Realm is told in WWW-Authenticate (RFC 9110 §11.5); default "api". Printable
	// ASCII without quotes and backslashes.
	Realm string

	// Timeout bounds one check, waiting for a shared call included; default 5s.
	Timeout time.Duration

	// Now is the clock that exp and nbf are compared with; default time.Now.
	Now func() time.Time

	// HTTPClient makes the calls; the default keeps up to 64 HTTP/1.1 connections
	// to the one host. Redirects are followed by neither: they would carry the token
	// elsewhere.
	HTTPClient *http.Client

	// Fail writes a refusal in another shape than RFC 9457's. The headers
	// WWW-Authenticate, Retry-After and Cache-Control are set already and may be
	// changed; Fail writes status and body. Default: (*Failure).WriteProblem.
	Fail func(w http.ResponseWriter, r *http.Request, f *Failure)

	// Log is told of refusals (debug) and of outages and wrong credentials of ours
	// (error), never of tokens or secrets; default slog.Default().
	Log *slog.Logger
}

// Checker checks Bearer tokens at one introspection endpoint. It is safe for
// concurrent use and is not changed after New.
type Checker struct {
	config Config // validated, defaults filled in
	client *http.Client
	calls  calls
	now    func() time.Time
}

// New returns a Checker, or an error that names the member of config at fault.
// It does not call the endpoint.
func New(config Config) (*Checker, error) {
	switch {
	case config.ClientID == "" || config.ClientSecret == "":
		return nil, errors.New("introspect: ClientID and ClientSecret are required")
	case config.Audience == "" && !config.AnyAudience:
		return nil, errors.New("introspect: Audience is required (or AnyAudience, to accept tokens for other APIs)")
	case config.Audience != "" && config.AnyAudience:
		return nil, errors.New("introspect: Audience and AnyAudience exclude each other")
	case !quotable(config.Realm):
		return nil, errors.New("introspect: Realm has characters other than printable ASCII, or quotes")
	case config.Timeout < 0:
		return nil, errors.New("introspect: Timeout is negative")
	}
	if err := checkEndpoint(config.Endpoint); err != nil {
		return nil, err
	}
	if config.Realm == "" {
		config.Realm = "api"
	}
	if config.Timeout == 0 {
		config.Timeout = callTimeout
	}
	if config.Log == nil {
		config.Log = slog.Default()
	}
	if config.Now == nil {
		config.Now = time.Now
	}
	if config.Fail == nil {
		config.Fail = func(w http.ResponseWriter, _ *http.Request, f *Failure) { f.WriteProblem(w) }
	}
	return &Checker{config: config, client: newClient(config.HTTPClient), now: config.Now}, nil
}

// checkEndpoint refuses what would send tokens and our secret in the clear
// (RFC 7662 §4), and a URL that might hold a secret, for the endpoint is logged.
func checkEndpoint(endpoint string) error {
	u, err := url.Parse(endpoint)
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return errors.New("introspect: Endpoint must be an absolute URL without user name, query and fragment")
	}
	if u.Scheme == "https" || u.Scheme == "http" && loopback(u.Hostname()) {
		return nil
	}
	return errors.New("introspect: Endpoint must be an https URL (http on loopback only)")
}

func loopback(host string) bool {
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && addr.IsLoopback()
}

// newClient returns a copy of given, or a client for one host, that does not
// follow redirects.
func newClient(given *http.Client) *http.Client {
	var client http.Client
	if given != nil {
		client = *given
	} else {
		// HTTP/1.1, because a dead HTTP/2 connection goes on failing all calls until
		// TCP gives up, while here a call that times out takes its connection along.
		protocols := new(http.Protocols)
		protocols.SetHTTP1(true)
		client.Transport = &http.Transport{
			Proxy:                  http.ProxyFromEnvironment,
			DialContext:            (&net.Dialer{Timeout: 3 * time.Second}).DialContext,
			TLSHandshakeTimeout:    3 * time.Second,
			Protocols:              protocols,
			MaxIdleConns:           maxConns,
			MaxIdleConnsPerHost:    maxConns,
			MaxConnsPerHost:        maxConns,
			IdleConnTimeout:        90 * time.Second,
			MaxResponseHeaderBytes: 16 << 10,
			DisableCompression:     true,
		}
	}
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &client
}

// Check asks whether token is active and meant for this API, and returns whom it
// speaks for. The error is ErrInactive (401), of which ErrMalformed and ErrExpired
// are special cases, or ErrUnavailable (503); ask with errors.Is. When ctx ends
// first, the error is ErrUnavailable and ctx's own. Scopes are the caller's to
// compare, see [Principal.HasScope].
func (c *Checker) Check(ctx context.Context, token string) (Principal, error) {
	if !wellFormed(token) {
		return Principal{}, ErrMalformed
	}
	return c.check(ctx, token, sha256.Sum256([]byte(token)))
}

// check is Check for a well-formed token whose digest is known.
func (c *Checker) check(ctx context.Context, token string, digest [sha256.Size]byte) (Principal, error) {
	ctx, cancel := context.WithTimeout(ctx, c.config.Timeout)
	defer cancel()
	return c.calls.share(ctx, digest, func() (Principal, error) {
		// The call serves others too: it outlives this caller, but not its own time.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), c.config.Timeout)
		defer cancel()
		body, err := c.ask(ctx, token)
		if err != nil {
			return Principal{}, fmt.Errorf("%w: %w", ErrUnavailable, err)
		}
		a, err := parseAnswer(body)
		if err != nil {
			return Principal{}, fmt.Errorf("%w: read the answer: %w", ErrUnavailable, err)
		}
		return c.judge(a)
	})
}

// ask makes the introspection request (RFC 7662 §2.1) and returns the body of its
// answer. No error tells the token or our secret.
func (c *Checker) ask(ctx context.Context, token string) ([]byte, error) {
	form := url.Values{"token": {token}, "token_type_hint": {"access_token"}}.Encode()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.config.Endpoint, strings.NewReader(form))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Accept", "application/json")
	// RFC 6749 §2.3.1: form-encoded first, so that a colon in the id is no separator.
	req.SetBasicAuth(url.QueryEscape(c.config.ClientID), url.QueryEscape(c.config.ClientSecret))
	// An empty value is not sent. It tells net/http that this POST is a read, to be
	// repeated when an idle connection turns out to be dead (the server restarted).
	req.Header["Idempotency-Key"] = []string{}

	resp, err := c.client.Do(req)
	if err != nil {
		return nil, c.withhold(err, token)
	}
	defer resp.Body.Close()
	// Read before the status is looked at: a body read to its end frees the connection.
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err != nil {
		return nil, c.withhold(err, token)
	}
	contentType, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	switch {
	case resp.StatusCode == http.StatusUnauthorized || resp.StatusCode == http.StatusForbidden:
		return nil, fmt.Errorf("%w (status %d)", errCredentials, resp.StatusCode) // RFC 7662 §2.3
	case resp.StatusCode != http.StatusOK:
		return nil, fmt.Errorf("the endpoint answers with status %d", resp.StatusCode)
	case contentType != "application/json": // RFC 7662 §2.2
		return nil, errors.New("the answer's content type is not application/json")
	case len(body) > maxAnswer:
		return nil, fmt.Errorf("the answer is over %d bytes", maxAnswer)
	}
	return body, nil
}

// withhold returns err, or another error in its place if it quotes the token or our
// secret: a tracing transport or an echoing server may put the request in it.
func (c *Checker) withhold(err error, token string) error {
	text := err.Error()
	escaped := url.QueryEscape(c.config.ClientSecret)
	basic := base64.StdEncoding.EncodeToString([]byte(url.QueryEscape(c.config.ClientID) + ":" + escaped))
	for _, secret := range []string{token, url.QueryEscape(token), c.config.ClientSecret, escaped, basic} {
		if strings.Contains(text, secret) {
			return errors.New("the call went wrong, and the error quotes a secret")
		}
	}
	return err
}

// judge decides whether a token with this answer may be used here. The server's
// "active" alone is not enough: it does not know who is asking for whom.
func (c *Checker) judge(a answer) (Principal, error) {
	now := c.now()
	var refused error
	switch {
	case !a.active:
		refused = ErrInactive // RFC 7662 §2.2
	case a.bound:
		refused = errBound // RFC 9449 §6.2, RFC 8705 §3.2: possession is not proven here
	case !strings.EqualFold(a.tokenType, "Bearer") || a.tokenUse == "refresh_token":
		refused = errNotBearer // RFC 6749 §7.1; token_use is Ory Hydra's
	case a.expires && !now.Before(a.ExpiresAt.Add(leeway)):
		refused = ErrExpired
	case now.Add(leeway).Before(a.notBefore):
		refused = errNotYet
	case c.config.Issuer != "" && a.issuer != c.config.Issuer:
		refused = errIssuer
	case !c.config.AnyAudience && !slices.Contains(a.Audience, c.config.Audience):
		refused = errAudience // RFC 9700 §2.3
	}
	if refused != nil {
		return Principal{}, refused
	}
	return a.Principal, nil
}
