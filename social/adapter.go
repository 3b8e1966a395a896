package social

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// maxAccessToken bounds what is sent on to a provider; the longest known are
// Facebook's and JWTs of generic providers.
const maxAccessToken = 8 << 10

// adapter is what all providers share. It is complete once New returns, and
// never changes after.
type adapter struct {
	cfg     Config
	issuers []string // the first is stored; go-oidc is given that too
	algs    []string // that ID tokens may be signed with
	calls   *caller
	keys    *keySet
}

func newAdapter(cfg Config, issuers, algs []string) adapter {
	return adapter{cfg: cfg, issuers: issuers, algs: algs, calls: newCaller(cfg)}
}

// readKeysAt gives the adapter its keys, from an address known beforehand.
func (a *adapter) readKeysAt(uri string) {
	a.keys = newKeySet(a.cfg, a.calls, func(context.Context) (string, error) { return uri, nil })
}

func (a *adapter) now() time.Time    { return a.cfg.Now() }
func (a *adapter) Name() string      { return a.cfg.Name }
func (a *adapter) Policy() Policy    { return a.cfg.Policy }
func (a *adapter) Issuers() []string { return slices.Clone(a.issuers) }

func (a *adapter) Health() Health {
	h := a.calls.health()
	h.KeysRead = a.keys.readAt()
	return h
}

// SignedRequest is for Facebook alone, which has its own.
func (a *adapter) SignedRequest(string) (string, error) {
	return "", &Error{
		Reason: ReasonProviderRefused,
		Say:    a.cfg.Name + " posts no signed_request",
		Cause:  errors.New("signed_request for a provider that is not facebook"),
	}
}

// way verifies tokens of one kind. Its errors are those that told takes.
type way func(context.Context, Token) (*Identity, error)

// verify sends t its way, within the time that it may take.
func (a *adapter) verify(ctx context.Context, t Token, idToken, accessToken way) (*Identity, error) {
	ctx, cancel := a.calls.within(ctx)
	defer cancel()
	var id *Identity
	var err error
	switch t.Kind {
	case IDToken:
		id, err = idToken(ctx, t)
	case AccessToken:
		if err = a.checkAccessToken(t.Text); err == nil {
			id, err = accessToken(ctx, t)
		}
	default:
		err = a.refused("is of a kind that is not accepted", nil)
	}
	if err != nil {
		return nil, a.told(err)
	}
	return id, nil
}

// checkAccessToken holds back what no provider need be asked about. Google's
// and Facebook's access tokens are never JWTs, but apps mix the two up, and
// Facebook's own iOS kit does.
func (a *adapter) checkAccessToken(text string) error {
	if _, err := parseCompact(text); err == nil && a.cfg.Kind != "oidc" {
		return &Error{
			Reason: ReasonProviderRefused,
			Say:    "subject_token is a JWT; send subject_token_type urn:ietf:params:oauth:token-type:id_token",
		}
	}
	if !a.cfg.AccessTokens {
		return &Error{
			Reason: ReasonProviderRefused,
			Say: "access tokens of " + a.cfg.Name + " are not accepted; send its id_token" +
				" with subject_token_type urn:ietf:params:oauth:token-type:id_token",
		}
	}
	if text == "" || len(text) > maxAccessToken || strings.ContainsFunc(text, notVisible) {
		return a.unverifiable(errors.New("empty, too long or with characters that no token has"))
	}
	return nil
}

// checkKeys reads the keys anew, whatever is held.
func (a *adapter) checkKeys(ctx context.Context) error {
	if _, _, err := a.keys.read(ctx); err != nil {
		return fmt.Errorf("%s's keys cannot be read: %w", a.cfg.Name, err)
	}
	return nil
}
