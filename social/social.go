package social

import (
	"context"
	"encoding/json"
	"net/url"
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

	own *own // set by Redeem, whose tokens must fit more
}

// Identity is one person at one provider. Its key is (Provider, Subject),
// compared byte for byte, and nothing else.
type Identity struct {
	Provider      string // the configured name
	Issuer        string // the one that the name is bound to
	Subject       string // 1 to 255 printable ASCII characters (OIDC Core §2)
	Email         string // as the provider says it; may be empty
	EmailVerified bool   // the provider vouches that it is this person's, and we believe it in that
	Authoritative bool   // the provider is who gives this address out: nobody else can have it now
	Name          string // this and the next three: one line, at most 150 characters; may be empty
	FirstName     string
	LastName      string
	Username      string          // what this person could be called
	Picture       string          // https URL; may be empty
	MayAct        json.RawMessage // the claim of RFC 8693 §4.4, a JSON object; nil: absent
	IssuedAt      time.Time       // when the provider vouched
	SignedInAt    time.Time       // when the person last showed the provider who they are, at the earliest; zero: it does not say
	ExpiresAt     time.Time       // from then on Replay need not be remembered; zero for access tokens
	Replay        []byte          // 32 bytes that are the same for each use of this very token; nil: it may be used again
}

// Provider verifies tokens that one identity provider has issued, and signs
// people in there by redirect. Every error of Verify, AuthorizationURL, Redeem
// and SignedRequest is an *Error. It is safe for concurrent use.
type Provider interface {
	Name() string
	Issuers() []string // values of iss by which a JWT chooses this provider
	Policy() Policy
	Verify(ctx context.Context, t Token) (*Identity, error)
	Redirects() bool                                                                 // whether it is configured for sign-in by redirect
	AuthorizationURL(ctx context.Context, r Redirection) (string, error)             // where the browser is sent; only a generic provider may be called for it
	Redeem(ctx context.Context, r Redirection, answer url.Values) (*Identity, error) // answer: the parameters with which the browser came back
	SignedRequest(text string) (subject string, err error)                           // who removed our app, as posted to a callback (Facebook only)
	Check(ctx context.Context) error                                                 // keys can be fetched, the app's credentials are right; in words
	Health() Health
}

// Policy is what an operator decided for one provider about accounts.
type Policy struct {
	SignUp   string // SignUpOpen (the default) or SignUpVerifiedOnly
	AutoLink bool   // a verified address that the provider is not the authority for joins a proven account
}

// How someone without an account is received.
const (
	SignUpOpen         = "open"          // also without a verified address, which is then no login address
	SignUpVerifiedOnly = "verified_only" // only with one
)

// Health is what a provider's last calls came to.
type Health struct {
	State       string    // one of the State… constants
	LastError   string    // in our own words: never a body or a secret of theirs
	LastSuccess time.Time // of a call; zero: never
	KeysRead    time.Time // zero: never
}

// States of a provider. Verifying with keys at hand calls nobody and so
// changes none.
const (
	StateUnknown = "unknown" // nobody has called yet
	StateOK      = "ok"
	StateFailing = "failing" // the last call failed
	StateOpen    = "open"    // calls are held back
)
