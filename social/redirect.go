package social

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"
)

// maxCode bounds an authorization code, in bytes; the longest known have 2 KiB.
const maxCode = 8 << 10

// Redirection is one sign-in by redirect: what we send the browser away with
// and must hold against what comes back. State, Nonce and Verifier belong to
// one browser; nobody else may learn the last two.
type Redirection struct {
	RedirectURI string    // ours, registered at the provider
	State       string    // 256 random bits, base64url
	Nonce       string    // likewise; in the ID token afterwards
	Verifier    string    // likewise; PKCE code_verifier (RFC 7636 §4.1)
	LoginHint   string    // optional
	Began       time.Time // by the clock that the provider is configured with
	// Fresh has the provider ask again who the person is. One of kind oidc must
	// prove by auth_time that it did; google and facebook can only be asked.
	Fresh bool
}

// NewRedirection begins a sign-in that comes back to redirectURI. A caller
// whose clock is not time.Now sets Began.
func NewRedirection(redirectURI string) Redirection {
	return Redirection{RedirectURI: redirectURI, State: unguessable(), Nonce: unguessable(), Verifier: unguessable(), Began: time.Now().UTC()}
}

func unguessable() string {
	b := make([]byte, 32)
	rand.Read(b) // never fails (crypto/rand)
	return base64.RawURLEncoding.EncodeToString(b)
}

// Redirects needs a secret too, but for generic providers, which may know us as
// a public client.
func (a *adapter) Redirects() bool {
	return a.cfg.ClientID != "" && (a.cfg.ClientSecret != "" || a.cfg.Kind == "oidc")
}

// checkRedirection makes sure that there is something to compare with: an
// absent state would equal an absent state.
func (a *adapter) checkRedirection(r Redirection) error {
	var cause error
	switch {
	case !a.Redirects():
		cause = errors.New("sign-in by redirect needs client_id, and google client_secret too")
	case r.RedirectURI == "" || r.State == "" || r.Nonce == "" || r.Verifier == "" || r.Began.IsZero():
		cause = errors.New("the redirection is not complete")
	default:
		return nil
	}
	return &Error{Say: "sign-in with " + a.cfg.Name + " is set up wrongly here", Cause: cause, Ours: true}
}

// asking are the parameters that every authorization request has (RFC 6749
// §4.1.1). PKCE is sent to all: who does not know it ignores it.
func (a *adapter) asking(r Redirection, scope string) url.Values {
	sum := sha256.Sum256([]byte(r.Verifier))
	return url.Values{
		"response_type":         {"code"},
		"client_id":             {a.cfg.ClientID},
		"redirect_uri":          {r.RedirectURI},
		"scope":                 {scope},
		"state":                 {r.State},
		"code_challenge":        {base64.RawURLEncoding.EncodeToString(sum[:])}, // RFC 7636 §4.2
		"code_challenge_method": {"S256"},
	}
}

// askingOpenID adds what providers of ID tokens take (OIDC Core §3.1.2.1).
func (a *adapter) askingOpenID(r Redirection) url.Values {
	query := a.asking(r, "openid email profile")
	query.Set("nonce", r.Nonce)
	if r.LoginHint != "" {
		query.Set("login_hint", r.LoginHint)
	}
	return query
}

// addressWith keeps the query that an address has of its own (RFC 6749 §3.1).
func addressWith(address string, query url.Values) string {
	separator := "?"
	if strings.Contains(address, "?") {
		separator = "&"
	}
	return address + separator + query.Encode()
}

// comeback is what one provider does with an answer that is sound.
type comeback struct {
	named func(context.Context) (bool, error) // whether it always names itself in iss; nil: it need not
	spend func(ctx context.Context, r Redirection, code string) (*Identity, error)
}

// redeem ends a sign-in, within the time that it may take.
func (a *adapter) redeem(ctx context.Context, r Redirection, answer url.Values, c comeback) (*Identity, error) {
	ctx, cancel := a.calls.within(ctx)
	defer cancel()
	err := a.checkRedirection(r)
	if err == nil {
		err = a.checkAnswer(ctx, r, answer, c)
	}
	if err != nil {
		return nil, a.told(err)
	}
	id, err := c.spend(ctx, r, answer.Get("code"))
	if err != nil {
		return nil, a.told(err)
	}
	return id, nil
}

// checkAnswer believes nothing of an answer before its state, and spends no
// code that another provider may have given out (RFC 9700 §4.4).
func (a *adapter) checkAnswer(ctx context.Context, r Redirection, answer url.Values, c comeback) error {
	for name, values := range answer { // RFC 6749 §3.1
		if len(values) > 1 {
			return a.broken(fmt.Errorf("%q is there %d times", shown(name), len(values)))
		}
	}
	if subtle.ConstantTimeCompare([]byte(answer.Get("state")), []byte(r.State)) != 1 { // RFC 6749 §10.12
		return a.broken(errors.New("state is not the one sent"))
	}
	if err := a.checkNamed(ctx, answer, c); err != nil {
		return err
	}
	if err := a.answeredError(answer); err != nil {
		return err
	}
	code := answer.Get("code")
	outside := func(r rune) bool { return r < ' ' || r > '~' } // RFC 6749 §A.11
	if code == "" || len(code) > maxCode || strings.ContainsFunc(code, outside) {
		return a.broken(errors.New("code is absent, too long or has characters that none has"))
	}
	return nil
}

// checkNamed is RFC 9207 §2.4, for errors as well. Google sends iss without
// saying so in its metadata, so it is compared whenever it is there.
func (a *adapter) checkNamed(ctx context.Context, answer url.Values, c comeback) error {
	if answer.Has("iss") {
		if iss := answer.Get("iss"); iss != a.issuers[0] {
			return a.broken(fmt.Errorf("iss %q", shown(iss)))
		}
		return nil
	}
	if c.named == nil {
		return nil
	}
	named, err := c.named(ctx)
	if err == nil && named {
		err = a.broken(errors.New("iss is missing"))
	}
	return err
}

// answeredError is for an answer that is an error (RFC 6749 §4.1.2.1). Facebook
// has forms of its own, with or without error. Descriptions are dropped.
func (a *adapter) answeredError(answer url.Values) error {
	facebook := a.cfg.Kind == "facebook"
	code := answer.Get("error")
	switch {
	case code == "access_denied", facebook && answer.Get("error_reason") == "user_denied":
		return &Error{Reason: ReasonDeclined, Say: "the sign-in with " + a.cfg.Name + " was declined"}
	case answer.Has("error"):
		return a.broken(fmt.Errorf("error %q", shown(code)))
	case facebook && (answer.Has("error_code") || answer.Has("error_reason") || answer.Has("error_message")):
		return a.broken(fmt.Errorf("error_code %q", shown(answer.Get("error_code"))))
	}
	return nil
}

// broken is for an answer that ends in nothing. The person can begin again,
// and is told no more: the answer may be somebody else's making.
func (a *adapter) broken(cause error) error {
	return &Error{
		Reason: ReasonProviderRefused,
		Say:    "the sign-in with " + a.cfg.Name + " could not be completed; begin it again",
		Cause:  cause,
	}
}
