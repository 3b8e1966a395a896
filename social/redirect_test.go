package social_test

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"gatehouse/social"
)

func TestRedirectBecomesAnIdentity(t *testing.T) {
	for _, r := range bothRedirecting(t) {
		t.Run(r.name, func(t *testing.T) {
			p := r.new(t, r.base, nil)
			if !p.Redirects() {
				t.Fatal("it does not redirect")
			}
			asked := begun()
			id := redeemed(t, p, asked, browse(t, p, asked, continueAsGrace))
			want := &social.Identity{
				Provider: r.name, Issuer: p.Issuers()[0], Email: "grace.hopper@gmail.com",
				EmailVerified: r.name == "google", Authoritative: r.name == "google",
				Name: "Grace Hopper", FirstName: "Grace", LastName: "Hopper", Username: "grace.hopper",
				IssuedAt: start, SignedInAt: start,
			}
			if r.name == "facebook" {
				want.Username = "GraceHopper"
			}
			if diff := cmp.Diff(want, id, cmpopts.IgnoreFields(social.Identity{}, "Subject", "Picture", "Replay", "ExpiresAt")); diff != "" {
				t.Errorf("identity (-want, +got):\n%s", diff)
			}
			if id.Subject == "" || (len(id.Replay) == 32) != (r.name == "google") {
				t.Errorf("subject %q, Replay of %d bytes", id.Subject, len(id.Replay))
			}
		})
	}
}

func TestEachRedirectionIsItsOwn(t *testing.T) {
	a, b := social.NewRedirection(callback), social.NewRedirection(callback)
	seen := map[string]bool{}
	for _, text := range []string{a.State, a.Nonce, a.Verifier, b.State, b.Nonce, b.Verifier} {
		if raw, err := base64.RawURLEncoding.DecodeString(text); err != nil || len(raw) != 32 || seen[text] {
			t.Errorf("%q: %d bytes, %v, seen %v", text, len(raw), err, seen[text])
		}
		seen[text] = true
	}
	if a.RedirectURI != callback || a.Began.IsZero() || a.Fresh {
		t.Errorf("%+v", a)
	}
}

func TestAuthorizationURL(t *testing.T) {
	i := newIssuer(t)
	google := func(change func(*social.Config)) social.Provider {
		return provider(t, social.Config{Name: "google", ClientID: webID, ClientSecret: googleSecret}, change)
	}
	facebook := func(change func(*social.Config)) social.Provider {
		return provider(t, social.Config{Name: "facebook", ClientID: appID, ClientSecret: appSecret}, change)
	}
	fresh := func(r *social.Redirection) { r.Fresh = true }
	hint := func(r *social.Redirection) { r.LoginHint = "a&b@x.example" }
	const openID, dialog = "openid email profile", "https://www.facebook.com/dialog/oauth"
	for _, tt := range []struct {
		name   string
		p      social.Provider
		change func(*social.Redirection)
		at     string
		want   string // beside what all have
	}{
		{"google", google(nil), nil, "https://accounts.google.com/o/oauth2/v2/auth", "client_id=" + webID + "&scope=" + openID},
		{"google, fresh", google(nil), fresh, "https://accounts.google.com/o/oauth2/v2/auth", "client_id=" + webID + "&scope=" + openID + "&prompt=select_account"},
		{"google, one domain", google(func(c *social.Config) { c.Domains = []string{"Corp.example"} }), nil,
			"https://accounts.google.com/o/oauth2/v2/auth", "client_id=" + webID + "&scope=" + openID + "&hd=corp.example"},
		{"google, elsewhere", google(func(c *social.Config) { c.AuthorizationURL = "https://g.example/auth" }), hint,
			"https://g.example/auth", "client_id=" + webID + "&scope=" + openID + "&login_hint=a%26b@x.example"},
		{"facebook", facebook(nil), hint, dialog, "client_id=" + appID + "&scope=public_profile,email"},
		{"facebook, fresh", facebook(nil), fresh, dialog, "client_id=" + appID + "&scope=public_profile,email&auth_type=reauthenticate"},
		{"facebook, by version", facebook(func(c *social.Config) { c.GraphVersion = "v26.0" }), nil,
			"https://www.facebook.com/v26.0/dialog/oauth", "client_id=" + appID + "&scope=public_profile,email"},
		{"any, with a query of its own", provider(t, i.config(nil)), nil, i.url + "/authorize", "tenant=1&client_id=us&scope=" + openID},
		{"any, fresh", provider(t, i.config(nil)), fresh, i.url + "/authorize", "tenant=1&client_id=us&scope=" + openID + "&prompt=login&max_age=0"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := begun()
			if tt.change != nil {
				tt.change(&r)
			}
			to := sentTo(t, tt.p, r)
			want, err := url.ParseQuery(tt.want)
			if err != nil {
				t.Fatal(err)
			}
			sum := sha256.Sum256([]byte(r.Verifier)) // RFC 7636 §4.2
			want.Set("response_type", "code")
			want.Set("redirect_uri", callback)
			want.Set("state", r.State)
			want.Set("code_challenge", base64.RawURLEncoding.EncodeToString(sum[:]))
			want.Set("code_challenge_method", "S256")
			if tt.p.Name() != "facebook" {
				want.Set("nonce", r.Nonce)
			}
			if diff := cmp.Diff(want, to.Query()); diff != "" {
				t.Errorf("query (-want, +got):\n%s", diff)
			}
			if to.RawQuery = ""; to.String() != tt.at {
				t.Errorf("sent to %s", to)
			}
		})
	}
}

// TestRedirectNeedsAClient: who only verifies tokens sends nobody anywhere.
func TestRedirectNeedsAClient(t *testing.T) {
	for name, tt := range map[string]struct {
		cfg       social.Config
		redirects bool
	}{
		"google's audiences":       {social.Config{Name: "google", Audiences: []string{webID}}, false},
		"google without a secret":  {social.Config{Name: "google", ClientID: webID}, false},
		"google":                   {social.Config{Name: "google", ClientID: webID, ClientSecret: googleSecret}, true},
		"facebook":                 {social.Config{Name: "facebook", ClientID: appID, ClientSecret: appSecret}, true},
		"any issuer's audiences":   {social.Config{Name: "corp", Kind: "oidc", Issuer: "https://c.example", Audiences: []string{"us"}}, false},
		"a public client's issuer": {social.Config{Name: "corp", Kind: "oidc", Issuer: "https://c.example", ClientID: "us"}, true},
	} {
		t.Run(name, func(t *testing.T) {
			p := provider(t, tt.cfg)
			if p.Redirects() != tt.redirects {
				t.Fatalf("redirects: %v", p.Redirects())
			}
			r, why := begun(), "needs client_id"
			if tt.redirects { // then it is the redirection that says too little
				r.State, why = "", "not complete"
			}
			say := "sign-in with " + p.Name() + " is set up wrongly here"
			_, err := p.AuthorizationURL(context.Background(), r)
			if err == nil {
				t.Fatal("it has a URL")
			}
			told(t, asError(t, err), "", say)
			e := notRedeemed(t, p, r, url.Values{"code": {"a-code-of-theirs"}})
			told(t, e, "", say)
			because(t, e, why)
		})
	}
}

func TestAnswerIsRefusedUnspent(t *testing.T) {
	for _, at := range bothRedirecting(t) {
		p := at.new(t, at.base, nil)
		r := begun()
		good := browse(t, p, r, continueAsGrace)
		before := at.standIn.Requests(at.token)
		for _, tt := range []struct {
			name   string
			answer url.Values
			cause  string
		}{
			{"another state", with(good, "state", begun().State), "state is not the one sent"},
			{"no state", with(good, "state", ""), "state is not the one sent"},
			{"state cut short", with(good, "state", r.State[:42]), "state is not the one sent"},
			{"declined with another state", url.Values{"error": {"access_denied"}, "state": {"x"}}, "state is not the one sent"},
			{"two states", url.Values{"state": {r.State, r.State}, "code": good["code"]}, `"state" is there 2 times`},
			{"two codes", url.Values{"state": {r.State}, "code": {good.Get("code"), "other"}}, `"code" is there 2 times`},
			{"another's iss", with(good, "iss", "https://evil.example"), `iss "https://evil.example"`},
			{"almost its iss", with(good, "iss", p.Issuers()[0]+"/"), "iss "},
			{"empty iss", url.Values{"state": {r.State}, "code": good["code"], "iss": {""}}, `iss ""`},
			{"an error of another's", url.Values{"state": {r.State}, "error": {"access_denied"}, "iss": {"https://evil.example"}}, "iss "},
			{"an error", url.Values{"state": {r.State}, "error": {"server_error"}, "error_description": {"<b>"}}, `error "server_error"`},
			{"an error and a code", with(good, "error", "invalid_scope"), `error "invalid_scope"`},
			{"an empty error", url.Values{"state": {r.State}, "error": {""}, "code": good["code"]}, `error ""`},
			{"no code", with(good, "code", ""), "code is absent"},
			{"endless code", with(good, "code", strings.Repeat("c", 9000)), "code is absent, too long"},
			{"code with a line end", with(good, "code", "c\r\nx"), "code is absent, too long or"},
		} {
			t.Run(at.name+" "+tt.name, func(t *testing.T) {
				e := notRedeemed(t, p, r, tt.answer)
				told(t, e, social.ReasonProviderRefused, "the sign-in with "+at.name+" "+failed)
				because(t, e, tt.cause)
			})
		}
		if n := at.standIn.Requests(at.token) - before; n != 0 {
			t.Errorf("%s was asked %d times", at.name, n)
		}
		redeemed(t, p, r, good) // the code is as good as before
	}
}

func TestPersonDeclines(t *testing.T) {
	for _, at := range bothRedirecting(t) {
		p, r := at.new(t, at.base, nil), begun()
		told(t, notRedeemed(t, p, r, browse(t, p, r, url.Values{"answer": {"cancel"}})),
			social.ReasonDeclined, "the sign-in with "+at.name+" was declined")
	}
}

// TestFacebookHasErrorsOfItsOwn, which mean nothing at other providers.
func TestFacebookHasErrorsOfItsOwn(t *testing.T) {
	at := bothRedirecting(t)[1]
	p, r := at.new(t, at.base, nil), begun()
	for query, reason := range map[string]string{
		"error_reason=user_denied":                                social.ReasonDeclined,
		"error=access_denied&error_code=200":                      social.ReasonDeclined,
		"error_code=1349048&error_message=Can%27t+load+URL":       social.ReasonProviderRefused,
		"error_message=App+not+set+up&code=AQ-code":               social.ReasonProviderRefused,
		"error=server_error&error_code=1&error_reason=try_later":  social.ReasonProviderRefused,
		"error=invalid_request&error_reason=user_denied&code=abc": social.ReasonDeclined,
	} {
		answer, err := url.ParseQuery(query + "&state=" + r.State)
		if err != nil {
			t.Fatal(err)
		}
		if e := notRedeemed(t, p, r, answer); e.Reason != reason || strings.Contains(e.Error(), "URL") {
			t.Errorf("%s: %s: %v", query, e.Reason, e)
		}
	}
	i := newIssuer(t)
	i.codeFlow(t, r, nil)
	redeemed(t, provider(t, i.config(nil)), r, with(i.answered(r), "error_message", "none"))
}

// TestPatienceEnds: a code that lay about is refused by the provider, and its
// ID token, if it had one, would be too old.
func TestPatienceEnds(t *testing.T) {
	i := newIssuer(t)
	r := begun()
	i.codeFlow(t, r, nil)
	i.clock.pass(11 * time.Minute)
	if e := notRedeemed(t, provider(t, i.config(nil)), r, i.answered(r)); e.Reason != social.ReasonExpired {
		t.Errorf("%v", e)
	}
}
