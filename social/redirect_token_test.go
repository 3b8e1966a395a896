package social_test

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"gatehouse/social"
)

// TestCodeIsRefused has codes spent otherwise than they were asked for.
func TestCodeIsRefused(t *testing.T) {
	for _, at := range bothRedirecting(t) {
		for _, tt := range []struct {
			name          string
			fault         string
			change        func(r *social.Redirection, answer url.Values, p social.Provider)
			reason, say   string
			google, graph string // causes
		}{
			{"verifier of another browser", "", func(r *social.Redirection, _ url.Values, _ social.Provider) { r.Verifier = begun().Verifier },
				social.ReasonProviderRefused, "the sign-in with PROVIDER " + failed, "invalid_grant", "error 100/"},
			{"another redirect URI", "", func(r *social.Redirection, _ url.Values, _ social.Provider) { r.RedirectURI += "/x" },
				social.ReasonProviderRefused, "the sign-in with PROVIDER " + failed, "redirect_uri_mismatch", "error 100/36008"},
			{"code used before", "", func(r *social.Redirection, answer url.Values, p social.Provider) { redeemed(t, p, *r, answer) },
				social.ReasonProviderRefused, "the sign-in with PROVIDER " + failed, "invalid_grant", "error 100/"},
			{"code that nobody gave out", "", func(_ *social.Redirection, answer url.Values, _ social.Provider) { answer.Set("code", "guess") },
				social.ReasonProviderRefused, "the sign-in with PROVIDER " + failed, "invalid_grant", "error 100/"},
			{"tokens of another app", "other_audience", nil, social.ReasonAudience, "", "", ""},
			{"iss of another", "wrong_iss", nil, social.ReasonProviderRefused, "the sign-in with PROVIDER " + failed, `iss "https://evil.example"`, `iss "https://evil.example"`},
		} {
			t.Run(at.name+" "+tt.name, func(t *testing.T) {
				p, r := at.new(t, at.base, nil), begun()
				if tt.fault != "" {
					at.fail(t, tt.fault)
				}
				answer := browse(t, p, r, continueAsGrace)
				if tt.change != nil {
					tt.change(&r, answer, p)
				}
				e := notRedeemed(t, p, r, answer)
				if tt.say == "" {
					tt.say = e.Say
				}
				told(t, e, tt.reason, strings.ReplaceAll(tt.say, "PROVIDER", at.name))
				because(t, e, map[string]string{"google": tt.google, "facebook": tt.graph}[at.name])
				if h := p.Health(); h.State == social.StateFailing {
					t.Errorf("counts as the provider's failure: %+v", h)
				}
			})
		}
	}
}

func TestGoogleNonceOfAnother(t *testing.T) {
	at := bothRedirecting(t)[0]
	at.fail(t, "wrong_nonce")
	p, r := at.new(t, at.base, nil), begun()
	told(t, notRedeemed(t, p, r, browse(t, p, r, continueAsGrace)),
		social.ReasonProviderRefused, "the google token does not match the nonce")
}

// TestGoogleDomainHoldsForRedirects: hd in the request is only a hint.
func TestGoogleDomainHoldsForRedirects(t *testing.T) {
	at := bothRedirecting(t)[0]
	p, r := at.new(t, at.base, func(c *social.Config) { c.Domains = []string{"corp.example"} }), begun()
	told(t, notRedeemed(t, p, r, browse(t, p, r, continueAsGrace)),
		social.ReasonProviderRefused, "the google account belongs to none of the accepted domains")
}

// TestCodeOfAnotherClient is slipped in, with the state of this browser.
func TestCodeOfAnotherClient(t *testing.T) {
	at := bothRedirecting(t)[0]
	other := at.new(t, at.base, func(c *social.Config) { c.ClientID = iosID })
	p, r := at.new(t, at.base, nil), begun()
	e := notRedeemed(t, p, r, browse(t, other, r, continueAsGrace))
	told(t, e, social.ReasonProviderRefused, "the sign-in with google "+failed)
	because(t, e, "invalid_grant")
}

func TestOurSecretIsWrong(t *testing.T) {
	for _, at := range bothRedirecting(t) {
		t.Run(at.name, func(t *testing.T) {
			p, r := at.new(t, at.base, func(c *social.Config) { c.ClientSecret = "a guess" }), begun()
			told(t, notRedeemed(t, p, r, browse(t, p, r, continueAsGrace)), "", "sign-in with "+at.name+" is set up wrongly here")
			if h := p.Health(); h.State != social.StateFailing {
				t.Errorf("health %+v", h)
			}
			if err := p.Check(context.Background()); err == nil || !strings.Contains(err.Error(), "does not accept client_id with client_secret") {
				t.Errorf("check says %v", err)
			}
			if err := at.new(t, at.base, nil).Check(context.Background()); err != nil {
				t.Errorf("with the right one: %v", err)
			}
		})
	}
}

func TestProviderFailsWhereCodesAreSpent(t *testing.T) {
	for _, at := range bothRedirecting(t) {
		for _, mode := range []string{"down", "slow", "garbage", "huge", "false", "reset", "rate_limited"} {
			t.Run(at.name+" "+mode, func(t *testing.T) {
				p := at.new(t, at.base, func(c *social.Config) {
					if mode == "slow" {
						c.CallTimeout, c.TotalTimeout = 100*time.Millisecond, time.Second
					}
				})
				r := begun()
				answer := browse(t, p, r, continueAsGrace)
				before := at.standIn.Requests(at.token)
				at.fail(t, mode)
				e := notRedeemed(t, p, r, answer)
				told(t, e, social.ReasonProviderDown, at.name+" cannot be reached")
				if strings.Contains(e.Error(), "hotel") || strings.Contains(e.Error(), "aaaa") {
					t.Errorf("passes a body on: %v", e)
				}
				if n := at.standIn.Requests(at.token) - before; n != 1 {
					t.Errorf("the code was sent %d times", n)
				}
			})
		}
	}
}

// TestCodeIsSentAgainOnlyIfNobodyHeard: a connection refused spends no code.
func TestCodeIsSentAgainOnlyIfNobodyHeard(t *testing.T) {
	at := bothRedirecting(t)[0]
	var dials atomic.Int64
	transport := flakyTransport(&dials)
	p, r := at.new(t, at.base, func(c *social.Config) { c.HTTPClient = &http.Client{Transport: transport} }), begun()
	redeemed(t, p, r, browse(t, p, r, continueAsGrace))
	if n := dials.Load(); n < 2 {
		t.Errorf("%d connections", n)
	}
}

// TestGraphRefusesACode goes by Facebook's codes, whatever the status.
func TestGraphRefusesACode(t *testing.T) {
	const failedAt, ours, down = "the sign-in with facebook " + failed, "sign-in with facebook is set up wrongly here", "facebook cannot be reached"
	for _, tt := range []struct {
		name        string
		status      int
		body        string
		reason, say string
	}{
		{"code expired", 400, `{"error":{"code":100,"error_subcode":36007,"message":"m"}}`, social.ReasonProviderRefused, failedAt},
		{"code expired, with 200", 200, `{"error":{"code":100}}`, social.ReasonProviderRefused, failedAt},
		{"dead", 400, `{"error":{"code":190}}`, social.ReasonProviderRefused, failedAt},
		{"unknown app", 400, `{"error":{"code":101}}`, "", ours},
		{"wrong secret", 400, `{"error":{"code":1,"message":"Error validating client secret."}}`, "", ours},
		{"redirect URI not registered", 400, `{"error":{"code":191}}`, "", ours},
		{"transient", 400, `{"error":{"code":1,"is_transient":true}}`, social.ReasonProviderDown, down},
		{"limit", 403, `{"error":{"code":4}}`, social.ReasonProviderDown, down},
		{"no error in it", 400, `{}`, social.ReasonProviderDown, down},
		{"no token", 200, `{"token_type":"bearer"}`, social.ReasonProviderDown, down},
		{"false", 200, `false`, social.ReasonProviderDown, down},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := redirectFacebook(t, serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.Method != "POST" || r.URL.Path != "/v26.0/oauth/access_token" || r.URL.RawQuery != "" {
					t.Errorf("%s %s", r.Method, r.URL)
				}
				w.WriteHeader(tt.status)
				w.Write([]byte(tt.body))
			})), nil)
			r := begun()
			told(t, notRedeemed(t, p, r, url.Values{"state": {r.State}, "code": {"AQ-code"}}), tt.reason, tt.say)
		})
	}
}
