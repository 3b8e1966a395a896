package social_test

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
	"testing"

	"gatehouse/social"
	"gatehouse/social/socialtest"
)

func TestReplayIsTheSameForOneTokenOnly(t *testing.T) {
	c := newClock()
	g, base := stillGoogle(t)
	p := provider(t, googleAt(base, c, nil))
	one, other := g.Mint(socialtest.TokenOptions{}).IDToken, g.Mint(socialtest.TokenOptions{}).IDToken
	first := verified(t, p, idToken(one)).Replay
	if !slices.Equal(first, verified(t, p, idToken(one)).Replay) {
		t.Error("two uses of one token differ")
	}
	if slices.Equal(first, verified(t, p, idToken(other)).Replay) {
		t.Error("two tokens are the same")
	}
	again := provider(t, googleAt(base, c, func(cfg *social.Config) { cfg.AllowReuse = true }))
	if got := verified(t, again, idToken(one)).Replay; got != nil {
		t.Errorf("allow_reuse leaves %x", got)
	}
}

func TestNonceIsComparedAsItIsOrHashed(t *testing.T) {
	c := newClock()
	g, base := stillGoogle(t)
	hash := sha256.Sum256([]byte("raw"))
	hashed := hex.EncodeToString(hash[:])
	lax := provider(t, googleAt(base, c, nil))
	strict := provider(t, googleAt(base, c, func(cfg *social.Config) { cfg.RequireNonce = true }))
	const mismatch = "the google token does not match the nonce"
	for _, tt := range []struct {
		name        string
		p           social.Provider
		claim, sent string
		say         string
	}{
		{"plain", lax, "raw", "raw", ""},
		{"hashed", lax, hashed, "raw", ""},
		{"client sends none", lax, "raw", "", ""},
		{"nobody has one", lax, "", "", ""},
		{"wrong", lax, "other", "raw", mismatch},
		{"absent from the token", lax, "", "raw", mismatch},
		{"client sends the hash of a raw one", lax, "raw", hashed, mismatch},
		{"required and right", strict, hashed, "raw", ""},
		{"required and not sent", strict, "raw", "", "the google token needs a nonce"},
		{"required and absent", strict, "", "raw", mismatch},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tok := idToken(g.Mint(socialtest.TokenOptions{Nonce: tt.claim}).IDToken)
			tok.Nonce = tt.sent
			if tt.say == "" {
				verified(t, tt.p, tok)
				return
			}
			told(t, refusal(t, tt.p, tok), social.ReasonProviderRefused, tt.say)
		})
	}
}

func TestAudiencesAndPresenters(t *testing.T) {
	c := newClock()
	g, base := stillGoogle(t)
	p := provider(t, googleAt(base, c, nil))
	for _, tt := range []struct {
		name string
		o    socialtest.TokenOptions
		only []string // the client's own list
		say  string
	}{
		{"web", socialtest.TokenOptions{Aud: webID}, nil, ""},
		{"android brings the web's", socialtest.TokenOptions{Aud: webID, Azp: androidID}, nil, ""},
		{"no azp", socialtest.TokenOptions{Claims: map[string]any{"azp": nil}}, nil, ""},
		{"two with azp", socialtest.TokenOptions{Claims: map[string]any{"aud": []string{iosID, webID}}}, nil, ""},
		{"two, of which one is a stranger's", socialtest.TokenOptions{Claims: map[string]any{"aud": []string{"x", webID}}}, nil,
			"the google token was issued to client x, not to one of the 2 accepted"},
		{"list of one", socialtest.TokenOptions{Claims: map[string]any{"aud": []string{webID}, "azp": nil}}, nil, ""},
		{"client takes this one", socialtest.TokenOptions{Aud: webID}, []string{webID}, ""},
		{"android is no audience", socialtest.TokenOptions{Aud: androidID}, nil,
			"the google token was issued to client " + androidID + ", not to one of the 2 accepted"},
		{"stranger presents it", socialtest.TokenOptions{Aud: webID, Azp: "evil"}, nil,
			"the google token was issued to client evil, not to one of the 2 accepted"},
		{"two without azp", socialtest.TokenOptions{Claims: map[string]any{"aud": []string{iosID, webID}, "azp": nil}}, nil,
			"the google token is for 2 clients and does not say which one it was issued to"},
		{"client takes another", socialtest.TokenOptions{Aud: webID}, []string{iosID},
			"the google token was issued to client " + webID + ", not to the one accepted"},
		{"client takes what is not configured", socialtest.TokenOptions{Aud: "evil"}, []string{"evil"},
			"the google token was issued to client evil, and none is accepted from this client"},
		{"part of an id", socialtest.TokenOptions{Aud: webID[:10]}, nil,
			"the google token was issued to client " + webID[:10] + ", not to one of the 2 accepted"},
		{"unprintable", socialtest.TokenOptions{Aud: "a\"\n\\é" + strings.Repeat("x", 200)}, nil,
			"the google token was issued to client a????" + strings.Repeat("x", 92) + "..., not to one of the 2 accepted"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			made := g.Mint(tt.o)
			tok := idToken(made.IDToken)
			tok.Audiences = tt.only
			if tt.say == "" {
				verified(t, p, tok)
				return
			}
			told(t, refusal(t, p, tok), social.ReasonAudience, tt.say)
			if tt.o.Claims == nil { // which the access token has not
				tok = accessToken(made.AccessToken)
				tok.Audiences = tt.only
				told(t, refusal(t, p, tok), social.ReasonAudience, tt.say)
			}
		})
	}
}

func TestDomainsHoldOnEveryPath(t *testing.T) {
	c := newClock()
	g, base := stillGoogle(t)
	p := provider(t, googleAt(base, c, func(cfg *social.Config) { cfg.Domains = []string{"Corp.example"} }))
	for _, tt := range []struct{ name, hd, email, say string }{
		{"inside", "corp.example", "a@corp.example", ""},
		{"outside", "evil.example", "a@evil.example", "the google account belongs to none of the accepted domains"},
		{"address only", "", "a@corp.example", "the google account belongs to none of the accepted domains"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			made := g.Mint(socialtest.TokenOptions{Email: tt.email, Hd: tt.hd})
			for _, tok := range []social.Token{idToken(made.IDToken), accessToken(made.AccessToken)} {
				if tt.say == "" {
					verified(t, p, tok)
				} else {
					told(t, refusal(t, p, tok), social.ReasonProviderRefused, tt.say)
				}
			}
		})
	}
}
