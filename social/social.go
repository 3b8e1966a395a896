package social

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"
)

// Kinds of tokens that can be handed to a Provider.
const (
	IDToken     Kind = "id_token"
	AccessToken Kind = "access_token"
)

// Kind says what a token is, as its bearer says.
type Kind string

// Token is what a provider gave a frontend, and the frontend gave us.
type Token struct {
	Kind      Kind
	Text      string
	Nonce     string   // as the client began the sign-in with; empty: it says none
	Audiences []string // those of the provider's audiences that this client may bring; empty: all
}

// Identity is one person at one provider. Its key is (Provider, Subject),
// compared byte for byte, and nothing else.
type Identity struct {
	Provider      string // the configured name
	Issuer        string // the one that the name is bound to
	Subject       string
	Email         string // as the provider says it; may be empty
	EmailVerified bool   // the provider vouches that it is this person's, and we believe it in that
	Authoritative bool   // the provider is who gives this address out: nobody else can have it now
	Name          string
	FirstName     string
	LastName      string
	Username      string // what this person could be called; may be empty
	Picture       string // https URL; may be empty
	MayAct        json.RawMessage
	IssuedAt      time.Time // when the provider vouched
	ExpiresAt     time.Time // from then on Replay need not be remembered
	Replay        []byte    // 32 bytes that are the same for each use of this very token; nil: it may be used again
}

// Provider verifies tokens that one identity provider has issued. Every error
// of Verify is an *Error.
type Provider interface {
	Name() string
	Issuers() []string // values of iss by which a JWT chooses this provider
	Policy() Policy
	Verify(ctx context.Context, t Token) (*Identity, error)
	Check(ctx context.Context) error // keys can be fetched, the app's credentials are right; in words
	Health() Health
}

// Policy is what an operator decided for one provider about accounts.
type Policy struct {
	SignUp   string // SignUpOpen or SignUpVerifiedOnly
	AutoLink bool   // a verified address that the provider is not the authority for joins a proven account
}

// How someone without an account is received.
const (
	SignUpOpen         = "open"          // also without a verified address, which is then no login address
	SignUpVerifiedOnly = "verified_only" // only with one
)

// Health is what a provider's last calls came to.
type Health struct {
	State      string    // ok, failing, open (calls are held back), or unknown (nobody has called yet)
	LastError  string    // in our own words: never a body or a secret of theirs
	LastSucces time.Time // zero: never
	KeysRead   time.Time // zero: never, or it has no keys
}

// Reasons of an Error; the first column of the table in the package comment.
const (
	ReasonProviderRefused = "provider_refused"
	ReasonAudience        = "audience"
	ReasonExpired         = "expired"
	ReasonProviderDown    = "provider_down"
)

// Error says why a token proves nothing.
type Error struct {
	Reason     string        // one of the Reason… constants, or empty
	Say        string        // for the client, who holds the token: no body, id or secret of ours
	Cause      error         // for the log
	RetryAfter time.Duration // above zero with ReasonProviderDown
	Ours       bool          // our credentials or configuration are wrong: nothing that the client can mend
}

func (e *Error) Error() string {
	if e.Cause != nil {
		return fmt.Sprintf("%s: %v", e.Say, e.Cause)
	}
	return e.Say
}

// Unwrap is the cause.
func (e *Error) Unwrap() error { return e.Cause }

// Config is one provider as the operator describes it. Names in brackets are
// the configuration's, below providers.<name>.
type Config struct {
	Name string // what identities are keyed by; [the key itself]
	Kind string // google, facebook or oidc; default Name [kind]

	Audiences    []string      // client ids that a token may be for; at least one [audiences]
	Presenters   []string      // client ids that may stand in azp; default Audiences [presenters]
	ClientID     string        // facebook: the app id; oidc: for introspection; added to Audiences [client_id]
	ClientSecret string        // facebook: the app secret [client_secret]
	Domains      []string      // Google Workspace domains that alone may sign in [domains]
	TrustEmail   bool          // believe the provider's word, or silence, about an address [trust_email]
	RequireNonce bool          // an ID token needs a nonce that the client knows [require_nonce]
	MaxAge       time.Duration // of an ID token since iat; default 10m [max_age]
	AllowReuse   bool          // an ID token may be used more than once [allow_reuse]
	AccessTokens bool          // access tokens are taken beside ID tokens; always so for facebook [access_tokens]
	Policy       Policy        // [sign_up, auto_link]

	Issuer       string // oidc: the exact iss; the others have theirs [issuer]
	GraphVersion string // facebook: as in v26.0 [graph_version]

	// Addresses of the provider, where they are not the usual ones: for
	// stand-ins, and for networks that reach it by another way.
	JWKSURI        string // google, facebook; oidc: instead of discovery [jwks_uri]
	TokenInfoURL   string // google [tokeninfo_url]
	UserInfoURL    string // google; oidc: instead of discovery [userinfo_url]
	GraphURL       string // facebook [graph_url]
	IntrospectURL  string // oidc: instead of discovery [introspection_url]
	AllowLoopback  bool   // plain http on loopback will do; never set by configuration but by gatehouse dev and tests
	HTTPClient     *http.Client
	Now            func() time.Time // default time.Now
	Log            *slog.Logger     // default slog.Default()
	ConnectTimeout time.Duration    // default 1s
	CallTimeout    time.Duration    // of one call; default 3s
	TotalTimeout   time.Duration    // of one Verify; default 5s
}

// New returns the provider that cfg describes, having called nobody.
func New(cfg Config) (Provider, error) {
	if cfg.Kind == "" {
		cfg.Kind = cfg.Name
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
