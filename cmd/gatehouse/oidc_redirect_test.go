package main

import (
	"context"
	"errors"
	"net/url"
	"testing"
	"time"

	"gatehouse/social"
)

// TestRedirectToOIDCProvider is sign-in by redirect at an OpenID provider that
// nobody of ours wrote, found by discovery.
func TestRedirectToOIDCProvider(t *testing.T) {
	u := startUpstream(t)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	p := corp(t, u, productionSecret)
	begin := func(fresh bool) (social.Redirection, url.Values) {
		r := social.NewRedirection("https://app.example.com/callback")
		r.Fresh = fresh
		address, err := p.AuthorizationURL(ctx, r)
		if err != nil {
			t.Fatal(err)
		}
		return r, u.browse(t, ctx, "grace", address)
	}
	for name, fresh := range map[string]bool{"as usual": false, "asked again": true} {
		t.Run(name, func(t *testing.T) {
			r, answer := begin(fresh)
			id, err := p.Redeem(ctx, r, answer)
			if err != nil {
				t.Fatal(err)
			}
			if id.Provider != "corp" || id.Issuer != u.issuer || id.Subject != "grace" || id.Email != "grace@example.com" ||
				!id.EmailVerified || id.Authoritative || id.Username != "the.grace" || id.SignedInAt.IsZero() {
				t.Errorf("%+v", id)
			}
			refusedRedirect(t, ctx, p, r, answer, "the code once more")
		})
	}
	for name, change := range map[string]func(*social.Redirection, url.Values){
		"state of another browser":    func(r *social.Redirection, _ url.Values) { r.State = social.NewRedirection("").State },
		"verifier of another browser": func(r *social.Redirection, _ url.Values) { r.Verifier = social.NewRedirection("").Verifier },
		"nonce of another browser":    func(r *social.Redirection, _ url.Values) { r.Nonce = social.NewRedirection("").Nonce },
		"another redirect URI":        func(r *social.Redirection, _ url.Values) { r.RedirectURI += "/x" },
		"no iss":                      func(_ *social.Redirection, answer url.Values) { answer.Del("iss") },
		"asked again in an hour":      func(r *social.Redirection, _ url.Values) { r.Fresh, r.Began = true, r.Began.Add(time.Hour) },
	} {
		r, answer := begin(false)
		change(&r, answer)
		refusedRedirect(t, ctx, p, r, answer, name)
	}
}

func refusedRedirect(t *testing.T, ctx context.Context, p social.Provider, r social.Redirection, answer url.Values, name string) {
	t.Helper()
	id, err := p.Redeem(ctx, r, answer)
	if refused := new(social.Error); !errors.As(err, &refused) || refused.Reason != social.ReasonProviderRefused {
		t.Errorf("%s: %+v, %v", name, id, err)
	}
}
