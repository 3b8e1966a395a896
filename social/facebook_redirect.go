package social

import (
	"context"
	"fmt"
	"net/url"
)

const facebookDialog = "https://www.facebook.com"

// codeRedirectURI is the error of a redirect URI that the app has not registered.
const codeRedirectURI = 191

// AuthorizationURL calls nobody. There is no nonce, as no ID token comes of it:
// state and PKCE bind the answer to the browser.
func (f *facebook) AuthorizationURL(_ context.Context, r Redirection) (string, error) {
	if err := f.checkRedirection(r); err != nil {
		return "", err
	}
	query := f.asking(r, "public_profile,email")
	if r.Fresh {
		query.Set("auth_type", "reauthenticate")
	}
	return addressWith(f.dialogURL(), query), nil
}

func (f *facebook) dialogURL() string {
	if f.cfg.GraphVersion == "" {
		return or(f.cfg.DialogURL, facebookDialog+"/dialog/oauth")
	}
	return or(f.cfg.DialogURL, facebookDialog+"/"+f.cfg.GraphVersion+"/dialog/oauth")
}

func (f *facebook) Redeem(ctx context.Context, r Redirection, answer url.Values) (*Identity, error) {
	return f.redeem(ctx, r, answer, comeback{spend: f.spend})
}

// spend takes the access token the way of all access tokens: that it came from
// Facebook itself does not say for which app.
func (f *facebook) spend(ctx context.Context, r Redirection, code string) (*Identity, error) {
	got, err := f.codeToken(ctx, r, code)
	if err != nil {
		return nil, err
	}
	t := Token{Kind: AccessToken, Text: got, Audiences: []string{f.cfg.ClientID}}
	if err := f.checkAccessToken(t.Text); err != nil {
		return nil, err
	}
	return f.accessToken(ctx, t)
}

// codeToken posts, though Facebook's pages have it in a query: ours would hold
// the app's secret.
func (f *facebook) codeToken(ctx context.Context, r Redirection, code string) (string, error) {
	const what = "oauth/access_token"
	got, fault := &issued{}, &graphFault{}
	ans, err := f.calls.do(ctx, request{
		what: what,
		url:  f.graphURL + "/" + what,
		form: url.Values{
			"client_id": {f.cfg.ClientID}, "client_secret": {f.cfg.ClientSecret},
			"redirect_uri": {r.RedirectURI}, "code": {code}, "code_verifier": {r.Verifier},
		},
		once:  true,
		into:  &either{into: got, fault: fault},
		fault: fault,
	})
	switch {
	case err != nil:
		return "", err
	case fault.Error != nil:
		return "", f.codeFailure(fmt.Errorf("%s: %w", what, fault.Error), fault.Error)
	case !ans.ok():
		return "", f.calls.unexpected(what, ans)
	case got.AccessToken == "":
		return "", f.calls.missing(what, "access_token")
	}
	return got.AccessToken, nil
}

// codeFailure tells whose fault an error is. A wrong secret has the code that
// is an outage elsewhere.
func (f *facebook) codeFailure(cause error, e *graphError) error {
	switch {
	case e.Code == codeParameter || e.Code == codeToken:
		return f.broken(cause)
	case e.Code == codeAPIKey || e.Code == codeRedirectURI || e.Code == codeUnknown && !e.Transient:
		return f.misconfigured(cause)
	}
	f.calls.note(cause)
	return cause
}
