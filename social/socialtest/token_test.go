package socialtest_test

import (
	"encoding/base64"
	"strings"
	"testing"
	"time"

	"gatehouse/social/socialtest"
)

// decode is strict base64url without padding.
func decode(t *testing.T, text string) []byte {
	t.Helper()
	b, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	return b
}

func TestGoogleMint(t *testing.T) {
	g, w := newGoogle(t)
	for _, tt := range []struct {
		name string
		o    socialtest.TokenOptions
		want map[string]any // nil: not there
	}{
		{"defaults", socialtest.TokenOptions{}, map[string]any{
			"iss": "https://accounts.google.com", "aud": webID, "azp": webID, "email": "ada@gmail.com", "email_verified": true,
			"name": "Ada Lovelace", "given_name": "Ada", "family_name": "Lovelace", "nonce": nil, "hd": nil, "at_hash": nil,
		}},
		{"all", socialtest.TokenOptions{
			Sub: "7", Email: "g@x.example", EmailVerified: new(false), Name: "Grace", Aud: "other", Azp: "android", Hd: "x.example", Nonce: "n",
		}, map[string]any{
			"sub": "7", "email": "g@x.example", "email_verified": false, "name": "Grace", "family_name": nil,
			"aud": "other", "azp": "android", "hd": "x.example", "nonce": "n",
		}},
		{"name of an address", socialtest.TokenOptions{Email: "grace.hopper@x.example"}, map[string]any{"name": "Grace Hopper"}},
		{"no address", socialtest.TokenOptions{NoEmail: true}, map[string]any{"email": nil, "email_verified": nil}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			claims := w.mustClaims(googleKeys, g.Mint(tt.o).IDToken)
			for name, want := range tt.want {
				if got := claims[name]; got != want {
					t.Errorf("%s is %v, want %v", name, got, want)
				}
			}
			if life := claims["exp"].(float64) - claims["iat"].(float64); life != 3600 || claims["jti"] == "" {
				t.Errorf("life %v, jti %v", life, claims["jti"])
			}
		})
	}
}

func TestSubjects(t *testing.T) {
	g, gw := newGoogle(t)
	f, fw := newFacebook(t)
	google := func(o socialtest.TokenOptions) any { return gw.mustClaims(googleKeys, g.Mint(o).IDToken)["sub"] }
	facebook := func(o socialtest.TokenOptions) any { return fw.mustClaims(facebookKeys, f.Mint(o).IDToken)["sub"] }
	ada := google(socialtest.TokenOptions{})
	if len(ada.(string)) != 21 || ada != google(socialtest.TokenOptions{Email: "ADA@gmail.com", Aud: "other"}) {
		t.Errorf("Google's subject %v differs between apps, or by case", ada)
	}
	if ada == google(socialtest.TokenOptions{Email: "b@gmail.com"}) {
		t.Error("two addresses, one subject")
	}
	if here := facebook(socialtest.TokenOptions{}); len(here.(string)) != 16 || here == facebook(socialtest.TokenOptions{Aud: "251"}) {
		t.Errorf("Facebook's subject %v is the same for two apps", here)
	}
	one := gw.mustClaims(googleKeys, g.Mint(socialtest.TokenOptions{Sub: "1"}).IDToken)
	two := gw.mustClaims(googleKeys, g.Mint(socialtest.TokenOptions{Sub: "2"}).IDToken)
	if one["email"] == two["email"] {
		t.Error("two subjects, one address")
	}
}

func TestExpiresIn(t *testing.T) {
	g, w := newGoogle(t)
	for _, tt := range []struct{ in, exp, iat int64 }{
		{60, 60, 0}, {-10, -10, -3610}, {0, 0, -3600},
	} {
		now := w.clock.now().Unix()
		claims := w.mustClaims(googleKeys, g.Mint(socialtest.TokenOptions{ExpiresIn: &tt.in}).IDToken)
		if exp := int64(claims["exp"].(float64)) - now; exp != tt.exp && exp != tt.exp+1 {
			t.Errorf("%d: exp is %d from now", tt.in, exp)
		}
		if iat := int64(claims["iat"].(float64)) - now; iat != tt.iat && iat != tt.iat+1 {
			t.Errorf("%d: iat is %d from now", tt.in, iat)
		}
	}
	g.Mint(socialtest.TokenOptions{ExpiresIn: seconds(1 << 62)}) // is cut, not overflown
}

func TestFacebookMint(t *testing.T) {
	f, w := newFacebook(t)
	made := f.Mint(socialtest.TokenOptions{Nonce: "n"})
	claims := w.mustClaims(facebookKeys, made.IDToken)
	for name, want := range map[string]any{
		"iss": "https://www.facebook.com", "aud": appID, "email": "ada@gmail.com", "nonce": "n", "name": "Ada Lovelace",
		"email_verified": nil, "azp": nil, "hd": nil,
	} {
		if claims[name] != want {
			t.Errorf("%s is %v, want %v", name, claims[name], want)
		}
	}
	if !strings.HasPrefix(made.AccessToken, "EAAB") {
		t.Errorf("access token %s", made.AccessToken)
	}
	if _, has := w.mustClaims(facebookKeys, f.Mint(socialtest.TokenOptions{NoEmail: true}).IDToken)["email"]; has {
		t.Error("a person without an address has one")
	}
	id := time.Unix(int64(claims["exp"].(float64)), 0)
	if left := time.Until(id); left > time.Hour || left < 59*time.Minute {
		t.Errorf("the ID token lives for %s", left)
	}
}
