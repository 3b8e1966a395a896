package social_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"gatehouse/social"
	"gatehouse/social/socialtest"
)

func TestFacebookTokensBecomeAnIdentity(t *testing.T) {
	c := newClock()
	f, base := stillFacebook(t)
	p := provider(t, facebookAt(base, c, nil))
	made := f.Mint(socialtest.TokenOptions{Sub: "1509", Email: "grace.hopper@corp.example"})
	for _, tok := range []social.Token{accessToken(made.AccessToken), idToken(made.IDToken)} {
		t.Run(string(tok.Kind), func(t *testing.T) {
			id := verified(t, p, tok)
			want := &social.Identity{
				Provider: "facebook", Issuer: "https://www.facebook.com", Subject: "1509",
				Email: "grace.hopper@corp.example", Name: "Grace Hopper", FirstName: "Grace", LastName: "Hopper",
				Username: "GraceHopper", IssuedAt: start, SignedInAt: start,
			}
			if diff := cmp.Diff(want, id, cmpopts.IgnoreFields(social.Identity{}, "Picture", "Replay", "ExpiresAt")); diff != "" {
				t.Errorf("identity (-want, +got):\n%s", diff)
			}
			if !strings.HasPrefix(id.Picture, "https://") {
				t.Errorf("picture %q", id.Picture)
			}
			if once := id.Replay != nil; once != (tok.Kind == social.IDToken) {
				t.Errorf("Replay is %x", id.Replay)
			}
		})
	}
}

func TestFacebookAddressesAreTrustedOnDemand(t *testing.T) {
	c := newClock()
	f, base := stillFacebook(t)
	p := provider(t, facebookAt(base, c, func(cfg *social.Config) { cfg.TrustEmail = true }))
	id := verified(t, p, accessToken(f.Mint(socialtest.TokenOptions{Email: "a@gmail.com"}).AccessToken))
	if !id.EmailVerified || id.Authoritative {
		t.Errorf("verified %v, authoritative %v", id.EmailVerified, id.Authoritative)
	}
	id = verified(t, p, accessToken(f.Mint(socialtest.TokenOptions{NoEmail: true, Sub: "7"}).AccessToken))
	if id.Email != "" || id.EmailVerified {
		t.Errorf("without address: %q, verified %v", id.Email, id.EmailVerified)
	}
}

func TestFacebookAccessTokenIsRefused(t *testing.T) {
	c := newClock()
	f, base := stillFacebook(t)
	p := provider(t, facebookAt(base, c, nil))
	dead := func(subcode int) socialtest.TokenOptions { return socialtest.TokenOptions{Subcode: subcode} }
	debug := func(name string, value any) socialtest.TokenOptions {
		return socialtest.TokenOptions{Debug: map[string]any{name: value}}
	}
	const refused, expired = social.ReasonProviderRefused, social.ReasonExpired
	const dying = "the facebook token is no longer valid; sign in again"
	for _, tt := range []struct {
		name        string
		o           socialtest.TokenOptions
		reason, say string
	}{
		{"another app", socialtest.TokenOptions{Aud: "999"}, social.ReasonAudience, "the facebook token was issued to another app"},
		{"another app, with answer", debug("app_id", "999"), social.ReasonAudience, "the facebook token was issued to another app"},
		{"expired", socialtest.TokenOptions{ExpiresIn: new(int64(-1))}, expired, "the facebook token has expired; sign in again"},
		{"app removed", dead(458), refused, dying},
		{"password changed", dead(460), refused, dying},
		{"unconfirmed", dead(464), refused, dying},
		{"invalid", dead(467), refused, dying},
		{"is_valid false", debug("is_valid", false), refused, dying},
		{"page", debug("type", "PAGE"), refused, "the facebook token is not a user's"},
		{"expires_at passed", debug("expires_at", start.Add(-61*time.Second).Unix()), expired, "the facebook token expired at 09:58:59Z; sign in again"},
		{"data access passed", debug("data_access_expires_at", start.Add(-61*time.Second).Unix()), expired, "the facebook token expired at 09:58:59Z; sign in again"},
		{"another person", debug("user_id", "1"), refused, "the facebook token could not be verified"},
		{"nobody", debug("user_id", nil), social.ReasonProviderDown, "facebook cannot be reached"},
		{"no app", debug("app_id", nil), social.ReasonProviderDown, "facebook cannot be reached"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			told(t, refusal(t, p, accessToken(f.Mint(tt.o).AccessToken)), tt.reason, tt.say)
		})
	}
	t.Run("unknown", func(t *testing.T) { told(t, refusal(t, p, accessToken("EAABx")), refused, dying) })
	t.Run("never expires", func(t *testing.T) {
		forever := socialtest.TokenOptions{Debug: map[string]any{"expires_at": 0, "data_access_expires_at": 0}}
		verified(t, p, accessToken(f.Mint(forever).AccessToken))
	})
	t.Run("client takes no facebook", func(t *testing.T) {
		tok := accessToken(f.Mint(socialtest.TokenOptions{}).AccessToken)
		tok.Audiences = []string{"999"}
		told(t, refusal(t, p, tok), social.ReasonAudience, "the facebook token is not accepted from this client")
	})
}

// TestGraphErrorsAreToldByCode answers each call in turn with an error.
func TestGraphErrorsAreToldByCode(t *testing.T) {
	const good = `{"data":{"app_id":"` + appID + `","type":"USER","is_valid":true,"user_id":"1"}}`
	const refused, down, audience = social.ReasonProviderRefused, social.ReasonProviderDown, social.ReasonAudience
	const dying, other = "the facebook token is no longer valid; sign in again", "the facebook token was issued to another app"
	const cannot, wrong = "facebook cannot be reached", "sign-in with facebook is set up wrongly here"
	const unverified = "the facebook token could not be verified"
	const lacks = "the facebook token lacks a permission; sign in again and grant it"
	for _, tt := range []struct {
		code                             string
		status                           int
		debugReason, debug, meReason, me string
	}{
		{`"code":190`, 400, "", wrong, refused, dying},
		{`"code":190,"error_subcode":463`, 400, "", wrong, social.ReasonExpired, "the facebook token has expired; sign in again"},
		{`"code":102`, 400, "", wrong, refused, dying},
		{`"code":101`, 400, "", wrong, "", wrong},
		{`"code":100`, 400, audience, other, audience, other},
		{`"code":2500`, 400, refused, unverified, refused, unverified},
		{`"code":4`, 403, down, cannot, down, cannot},
		{`"code":17`, 400, down, cannot, down, cannot},
		{`"code":1`, 500, down, cannot, down, cannot},
		{`"code":2`, 503, down, cannot, down, cannot},
		{`"code":2,"is_transient":true`, 200, down, cannot, down, cannot},
		{`"code":10`, 403, refused, lacks, refused, lacks},
		{`"code":200`, 400, refused, lacks, refused, lacks},
		{`"code":99999`, 400, down, cannot, down, cannot},
		{`"code":0`, 400, down, cannot, down, cannot},
		{`"code":368`, 429, down, cannot, down, cannot},
	} {
		t.Run(tt.code, func(t *testing.T) {
			for _, at := range []struct{ path, reason, say string }{
				{"/v26.0/debug_token", tt.debugReason, tt.debug}, {"/v26.0/me", tt.meReason, tt.me},
			} {
				p := provider(t, facebookAt(serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					if r.URL.Path != at.path {
						w.Write([]byte(good))
						return
					}
					w.WriteHeader(tt.status)
					w.Write([]byte(`{"error":{"message":"hush: ` + appSecret + `",` + tt.code + `}}`))
				})), newClock(), nil))
				e := refusal(t, p, accessToken("EAAB"))
				told(t, e, at.reason, at.say)
				if strings.Contains(e.Error(), "hush") || strings.Contains(p.Health().LastError, "hush") {
					t.Errorf("the answer is repeated: %v", e)
				}
			}
		})
	}
}

// TestEveryGraphCallIsProven holds what debug_token and /me are sent.
func TestEveryGraphCallIsProven(t *testing.T) {
	c := newClock()
	f := socialtest.NewFacebook(socialtest.FacebookConfig{AppID: appID, AppSecret: appSecret, Now: c.now})
	var mu sync.Mutex
	var paths []string
	recorded := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
		mac := hmac.New(sha256.New, []byte(appSecret))
		mac.Write([]byte(token))
		if r.URL.Query().Get("appsecret_proof") != hex.EncodeToString(mac.Sum(nil)) {
			t.Errorf("%s has proof %q", r.URL.Path, r.URL.Query().Get("appsecret_proof"))
		}
		if strings.Contains(r.URL.RawQuery, appSecret) {
			t.Errorf("%s has the secret in its query", r.URL.Path)
		}
		mu.Lock()
		paths = append(paths, r.URL.Path)
		mu.Unlock()
		f.ServeHTTP(w, r)
	}))
	t.Cleanup(recorded.Close)
	p := provider(t, facebookAt(recorded.URL, c, nil))
	verified(t, p, accessToken(f.Mint(socialtest.TokenOptions{}).AccessToken))
	if want := []string{"/v26.0/debug_token", "/v26.0/me"}; !slices.Equal(paths, want) {
		t.Errorf("calls %q", paths)
	}
}

// TestWrongAppSecretIsOurs is what users meet while an operator has mistyped it.
func TestWrongAppSecretIsOurs(t *testing.T) {
	c := newClock()
	f, base := stillFacebook(t)
	tok := accessToken(f.Mint(socialtest.TokenOptions{}).AccessToken)
	for name, change := range map[string]func(*social.Config){
		"secret": func(cfg *social.Config) { cfg.ClientSecret = "mistyped" },
		"app":    func(cfg *social.Config) { cfg.ClientID = "4711" },
	} {
		t.Run(name, func(t *testing.T) {
			p := provider(t, facebookAt(base, c, change))
			told(t, refusal(t, p, tok), "", "sign-in with facebook is set up wrongly here")
			if h := p.Health(); h.State != social.StateFailing || !strings.Contains(h.LastError, "the app id or the app secret is wrong") {
				t.Errorf("health %+v", h)
			}
		})
	}
}

func TestCheckSaysWhatIsWrong(t *testing.T) {
	c := newClock()
	_, facebookURL := stillFacebook(t)
	_, googleURL := stillGoogle(t)
	dead := httptest.NewServer(nil)
	dead.Close()
	for _, tt := range []struct {
		name string
		cfg  social.Config
		want string // empty: nothing is
	}{
		{"google", googleAt(googleURL, c, nil), ""},
		{"facebook", facebookAt(facebookURL, c, nil), ""},
		{"google is away", googleAt(dead.URL, c, nil), "google's keys cannot be read: keys: "},
		{"google's keys are elsewhere", googleAt(googleURL+"/x", c, nil), "google's keys cannot be read: keys: answered 404"},
		{"facebook is away", facebookAt(dead.URL, c, nil), "facebook's app cannot be looked up: "},
		{"wrong secret", facebookAt(facebookURL, c, func(cfg *social.Config) { cfg.ClientSecret = "mistyped" }),
			"facebook does not accept client_id with client_secret: facebook error 190/0"},
		{"wrong app", facebookAt(facebookURL, c, func(cfg *social.Config) { cfg.ClientID = "4711" }),
			"facebook does not accept client_id with client_secret: facebook error 101/0"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := provider(t, tt.cfg).Check(context.Background())
			switch {
			case tt.want == "" && err != nil:
				t.Error(err)
			case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
				t.Errorf("says %v, want %q", err, tt.want)
			case err != nil && (strings.Contains(err.Error(), appSecret) || strings.Contains(err.Error(), "mistyped")):
				t.Errorf("tells a secret: %v", err)
			}
		})
	}
}
