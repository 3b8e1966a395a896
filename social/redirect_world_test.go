package social_test

import (
	"context"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"gatehouse/social"
	"gatehouse/social/socialtest"
)

const (
	callback     = "https://id.example/signin/provider/callback"
	googleSecret = "GOCSPX-a+b/c%"
	failed       = "could not be completed; begin it again"
)

// begun is a sign-in that began as the test did.
func begun() social.Redirection {
	r := social.NewRedirection(callback)
	r.Began = start
	return r
}

// codeGoogle and codeFacebook are for all tests of redirects. Whoever makes one
// fail sets it right again; none moves its time.
var codeGoogle = sync.OnceValue(func() *socialtest.Google {
	return socialtest.NewGoogle(socialtest.GoogleConfig{ClientIDs: []string{webID, iosID}, ClientSecret: googleSecret, Now: newClock().now})
})

var codeFacebook = oneFacebook

func redirectGoogle(t *testing.T, base string, change func(*social.Config)) social.Provider {
	t.Helper()
	return provider(t, googleAt(base, newClock(), func(cfg *social.Config) {
		cfg.ClientID, cfg.ClientSecret, cfg.Presenters = webID, googleSecret, []string{androidID}
		cfg.AuthorizationURL, cfg.TokenURL = base+"/o/oauth2/v2/auth", base+"/token"
		if change != nil {
			change(cfg)
		}
	}))
}

func redirectFacebook(t *testing.T, base string, change func(*social.Config)) social.Provider {
	t.Helper()
	return provider(t, facebookAt(base, newClock(), func(cfg *social.Config) {
		cfg.DialogURL = base + "/v26.0/dialog/oauth"
		if change != nil {
			change(cfg)
		}
	}))
}

// standIn is what the tests need of either stand-in.
type standIn interface {
	http.Handler
	SetFault(string) error
	Requests(string) int
}

// redirecting is a provider with its stand-in, and where codes are spent there.
type redirecting struct {
	name    string
	standIn standIn
	base    string
	new     func(t *testing.T, base string, change func(*social.Config)) social.Provider
	token   string
}

func bothRedirecting(t *testing.T) []redirecting {
	t.Helper()
	return []redirecting{
		{"google", codeGoogle(), serve(t, codeGoogle()), redirectGoogle, "/token"},
		{"facebook", codeFacebook(), serve(t, codeFacebook()), redirectFacebook, "/oauth/access_token"},
	}
}

// fail has the stand-in fail until the test ends.
func (r redirecting) fail(t *testing.T, mode string) {
	t.Helper()
	if err := r.standIn.SetFault(mode); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.standIn.SetFault("ok") })
}

// sentTo is where the browser is sent.
func sentTo(t *testing.T, p social.Provider, r social.Redirection) *url.URL {
	t.Helper()
	address, err := p.AuthorizationURL(context.Background(), r)
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// browse is a person with a browser that runs no script: they see the
// provider's page, fill in its form, and are sent back with what is returned.
func browse(t *testing.T, p social.Provider, r social.Redirection, form url.Values) url.Values {
	t.Helper()
	address := sentTo(t, p, r).String()
	browser := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	page, err := browser.Get(address)
	if err != nil {
		t.Fatal(err)
	}
	text, _ := io.ReadAll(page.Body)
	page.Body.Close()
	if page.StatusCode != 200 || !strings.Contains(string(text), `<form method="post">`) {
		t.Fatalf("no form: %d %s", page.StatusCode, text)
	}
	back, err := browser.PostForm(address, form)
	if err != nil {
		t.Fatal(err)
	}
	back.Body.Close()
	to, err := back.Location()
	if err != nil || !strings.HasPrefix(to.String(), callback+"?") {
		t.Fatalf("sent to %v, %v", to, err)
	}
	return to.Query()
}

var continueAsGrace = url.Values{"email": {"grace.hopper@gmail.com"}, "answer": {"continue"}}

// with is values with name, value pairs set; an empty value removes.
func with(values url.Values, pairs ...string) url.Values {
	values = maps.Clone(values)
	for i := 0; i+1 < len(pairs); i += 2 {
		if values.Set(pairs[i], pairs[i+1]); pairs[i+1] == "" {
			values.Del(pairs[i])
		}
	}
	return values
}

// redeemed is who signed in; anything else ends the test.
func redeemed(t *testing.T, p social.Provider, r social.Redirection, answer url.Values) *social.Identity {
	t.Helper()
	id, err := p.Redeem(context.Background(), r, answer)
	if err != nil {
		t.Fatalf("redeem: %v", err)
	}
	return id
}

// notRedeemed is why nobody did. It says nothing of what only we and the
// provider may know.
func notRedeemed(t *testing.T, p social.Provider, r social.Redirection, answer url.Values) *social.Error {
	t.Helper()
	id, err := p.Redeem(context.Background(), r, answer)
	if err == nil {
		t.Fatalf("accepted, as %+v", id)
	}
	for _, secret := range []string{r.State, r.Nonce, r.Verifier, answer.Get("code"), googleSecret, appSecret} {
		if secret != "" && strings.Contains(err.Error(), secret) {
			t.Errorf("tells a secret: %v", err)
		}
	}
	return asError(t, err)
}

// because compares the cause, which is for the log.
func because(t *testing.T, e *social.Error, cause string) {
	t.Helper()
	if cause != "" && (e.Cause == nil || !strings.Contains(e.Cause.Error(), cause)) {
		t.Errorf("because %v, want %q", e.Cause, cause)
	}
}
