package social

import (
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"
)

// Config is one provider as the operator describes it. Names in brackets are
// the configuration's, below providers.<name>.
type Config struct {
	Name string // what identities are keyed by; [the key itself]
	Kind string // google, facebook or oidc; default Name [kind]

	Audiences    []string      // client ids that a token may be for; at least one [audiences]
	Presenters   []string      // client ids that may stand in azp; default Audiences [presenters]
	ClientID     string        // ours, for sign-in by redirect; facebook: the app id; oidc: for introspection too; added to Audiences and Presenters [client_id]
	ClientSecret string        // of ClientID; facebook: the app secret; oidc: a public client has none [client_secret]
	Domains      []string      // google: the Workspace domains that alone may sign in [domains]
	TrustEmail   bool          // an address counts as verified where the provider is silent on it (facebook always is) [trust_email]
	RequireNonce bool          // an ID token needs a nonce that the client knows [require_nonce]
	MaxAge       time.Duration // of an ID token since iat; default 10m, at most 24h [max_age]
	AllowReuse   bool          // an ID token may be used more than once [allow_reuse]
	AccessTokens bool          // access tokens are taken beside ID tokens; always so for facebook [access_tokens]
	Policy       Policy        // [sign_up, auto_link]

	Issuer       string // oidc: the exact iss; the others have theirs [issuer]
	GraphVersion string // facebook: as in v26.0; empty: the oldest that the app may use [graph_version]

	// Addresses of the provider, where they are not the usual ones: for
	// stand-ins, and for networks that reach it by another way.
	JWKSURI          string // google, facebook; oidc: instead of discovery [jwks_uri]
	AuthorizationURL string // google; oidc: instead of discovery [authorization_url]
	TokenURL         string // google; oidc: instead of discovery [token_url]
	TokenInfoURL     string // google [tokeninfo_url]
	UserInfoURL      string // google; oidc: instead of discovery [userinfo_url]
	GraphURL         string // facebook; a version is added [graph_url]
	DialogURL        string // facebook; complete, with its version [dialog_url]
	IntrospectURL    string // oidc: instead of discovery [introspection_url]
	AllowLoopback    bool   // plain http on loopback will do; never set by configuration but by gatehouse dev and tests

	HTTPClient     *http.Client     // its Transport is used, which then owns ConnectTimeout; default: one of our own
	Now            func() time.Time // default time.Now
	Log            *slog.Logger     // default slog.Default()
	ConnectTimeout time.Duration    // default 1s
	CallTimeout    time.Duration    // of one call; default 3s
	TotalTimeout   time.Duration    // of one Verify or Redeem; default 5s
}

// New returns the provider that cfg describes, having called nobody.
func New(cfg Config) (Provider, error) {
	cfg = cfg.complete()
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	switch cfg.Kind {
	case "google":
		return newGoogle(cfg)
	case "facebook":
		return newFacebook(cfg)
	case "oidc":
		return newOIDC(cfg)
	}
	return nil, errors.New("kind: use google, facebook or oidc")
}

// complete fills in what the zero value stands for.
func (c Config) complete() Config {
	if c.Kind == "" {
		c.Kind = c.Name
	}
	c.Audiences = slices.Clone(c.Audiences)
	if c.ClientID != "" && !slices.Contains(c.Audiences, c.ClientID) {
		c.Audiences = append(c.Audiences, c.ClientID)
	}
	c.Presenters = slices.Clone(c.Presenters)
	if len(c.Presenters) == 0 {
		c.Presenters = c.Audiences
	} else if c.ClientID != "" && !slices.Contains(c.Presenters, c.ClientID) {
		c.Presenters = append(c.Presenters, c.ClientID)
	}
	domains := make([]string, len(c.Domains))
	for i, d := range c.Domains {
		domains[i] = strings.ToLower(d)
	}
	c.Domains = domains
	if c.Policy.SignUp == "" {
		c.Policy.SignUp = SignUpOpen
	}
	if c.MaxAge == 0 {
		c.MaxAge = 10 * time.Minute
	}
	c.completeTimeouts()
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.Default()
	}
	return c
}

// completeTimeouts lets a time-out that is not given shrink to the one around it.
func (c *Config) completeTimeouts() {
	if c.TotalTimeout == 0 {
		c.TotalTimeout = max(5*time.Second, c.CallTimeout)
	}
	if c.CallTimeout == 0 {
		c.CallTimeout = min(3*time.Second, c.TotalTimeout)
	}
	if c.ConnectTimeout == 0 {
		c.ConnectTimeout = min(time.Second, c.CallTimeout)
	}
}

// or is the configured address, or the usual one.
func or(configured, usual string) string {
	if configured != "" {
		return configured
	}
	return usual
}
