package social

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
)

// tokenEndpoint is where codes are spent, and how we show who we are there.
type tokenEndpoint struct {
	url   string
	basic bool // client_secret_basic, else client_secret_post (OIDC Core §9)
}

// issued is a token endpoint's answer (OIDC Core §3.1.3.3).
type issued struct {
	AccessToken string `json:"access_token"`
	IDToken     string `json:"id_token"`
}

// own is what an ID token must fit that we asked for ourselves.
type own struct {
	redirection Redirection
	accessToken string // issued beside it
}

// ownToken spends the code and returns the ID token, with all that it is to be
// held against.
func (a *adapter) ownToken(ctx context.Context, at tokenEndpoint, r Redirection, code string) (Token, error) {
	got, err := a.spendCode(ctx, at, r, code)
	if err != nil {
		return Token{}, err
	}
	if got.IDToken == "" {
		return Token{}, a.calls.missing("token", "id_token")
	}
	return Token{
		Kind: IDToken, Text: got.IDToken, Nonce: r.Nonce, Audiences: []string{a.cfg.ClientID},
		own: &own{redirection: r, accessToken: got.AccessToken},
	}, nil
}

// spendCode makes the access token request (RFC 6749 §4.1.3, RFC 7636 §4.5).
func (a *adapter) spendCode(ctx context.Context, at tokenEndpoint, r Redirection, code string) (*issued, error) {
	form := url.Values{
		"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {r.RedirectURI}, "code_verifier": {r.Verifier},
	}
	authorization := ""
	if at.basic && a.cfg.ClientSecret != "" {
		authorization = basic(a.cfg.ClientID, a.cfg.ClientSecret)
	} else {
		form.Set("client_id", a.cfg.ClientID)
		if a.cfg.ClientSecret != "" {
			form.Set("client_secret", a.cfg.ClientSecret)
		}
	}
	got := &issued{}
	var fault struct {
		Error string `json:"error"`
	}
	ans, err := a.calls.do(ctx, request{
		what: "token", url: at.url, form: form, authorization: authorization, once: true, into: got, fault: &fault,
	})
	switch {
	case err != nil:
		return nil, err
	case ans.ok():
		return got, nil
	}
	return nil, a.tokenFailure(ans, fault.Error)
}

// tokenFailure tells whose fault an error of the token endpoint is (RFC 6749
// §5.2). A code that somebody slipped in is never ours.
func (a *adapter) tokenFailure(ans *answer, code string) error {
	cause := fmt.Errorf("token: answered %d %q", ans.status, shown(code))
	switch code {
	case "invalid_grant", "invalid_request", "redirect_uri_mismatch": // the last is Google's
		return a.broken(cause)
	case "invalid_client", "unauthorized_client", "unsupported_grant_type":
		return a.misconfigured(cause)
	}
	if ans.status == http.StatusUnauthorized {
		return a.misconfigured(cause)
	}
	return a.calls.unexpected("token", ans)
}

// checkOwn is what an ID token of ours must fit beside all else: the nonce
// exactly, no other client, the access token beside it, and how long ago the
// person signed in. It has nothing against tokens that others bring.
func (a *adapter) checkOwn(t Token, c *claims) error {
	switch {
	case t.own == nil:
		return nil
	case t.Nonce == "" || subtle.ConstantTimeCompare([]byte(c.Nonce), []byte(t.Nonce)) != 1: // OIDC Core §3.1.3.7 step 11
		return a.refused("does not match the nonce", nil)
	case c.AuthorizedParty != "" && c.AuthorizedParty != a.cfg.ClientID: // step 5
		return a.wrongAudience(c.AuthorizedParty, t.Audiences)
	case c.AccessTokenHash != nil && *c.AccessTokenHash != atHash(t.own.accessToken):
		return a.unverifiable(errors.New("at_hash is not that of the access token beside it"))
	}
	return a.checkFresh(t.own.redirection, c)
}

// checkFresh is OIDC Core §3.1.2.1, prompt=login and max_age=0.
func (a *adapter) checkFresh(r Redirection, c *claims) error {
	told := !c.AuthTime.IsZero()
	if !r.Fresh || !told && a.cfg.Kind != "oidc" || told && !c.AuthTime.Before(r.Began.Add(-skew)) {
		return nil
	}
	return &Error{
		Reason: ReasonProviderRefused,
		Say:    a.cfg.Name + " did not ask again who you are; sign in there anew",
		Cause:  fmt.Errorf("auth_time %v, began %v", c.AuthTime.Time, r.Began),
	}
}

// atHash is OIDC Core §3.1.3.6 for the algorithms that we take, all of which
// have SHA-256 in them.
func atHash(accessToken string) string {
	sum := sha256.Sum256([]byte(accessToken))
	return base64.RawURLEncoding.EncodeToString(sum[:len(sum)/2])
}

// checkClient is for the operator: it tries to spend a code that cannot be,
// which who knows us by our credentials refuses for the code's sake.
func (a *adapter) checkClient(ctx context.Context, at tokenEndpoint) error {
	r := NewRedirection("https://gatehouse.invalid/")
	_, err := a.spendCode(ctx, at, r, "gatehouse-check")
	refused, ok := errors.AsType[*Error](err)
	switch {
	case err == nil:
		return fmt.Errorf("%s gives tokens for a code that cannot be", a.cfg.Name)
	case !ok:
		return fmt.Errorf("%s's token endpoint does not work: %w", a.cfg.Name, err)
	case refused.Ours:
		return fmt.Errorf("%s does not accept client_id with client_secret: %w", a.cfg.Name, refused.Cause)
	}
	return nil
}
