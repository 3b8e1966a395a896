package socialtest_test

import (
	"maps"
	"net/url"
	"slices"
	"strconv"
	"testing"
	"time"

	"gatehouse/social/socialtest"
)

const googleScope = "openid https://www.googleapis.com/auth/userinfo.email https://www.googleapis.com/auth/userinfo.profile"

// members are the names in an answer, sorted.
func (r reply) members() []string { return slices.Sorted(maps.Keys(r.json())) }

func TestTokeninfo(t *testing.T) {
	g, w := newGoogle(t)
	mint := func(o socialtest.TokenOptions) string { return g.Mint(o).AccessToken }
	ours := mint(socialtest.TokenOptions{Sub: "1170", Azp: iosID})
	for _, path := range []string{"/tokeninfo", "/oauth2/v3/tokeninfo"} {
		for name, got := range map[string]reply{
			"header":       w.get(path, ours),
			"parameter":    w.ask("GET", path+"?access_token="+ours, ""),
			"POST":         w.postForm(path, url.Values{"access_token": {ours}}),
			"POST, header": w.ask("POST", path, "", "Authorization", "bearer "+ours),
		} {
			if got.status != 200 || got.header.Get("Content-Type") != "application/json; charset=UTF-8" {
				t.Fatalf("%s, %s: %d %s", path, name, got.status, got.text)
			}
			left, err := strconv.Atoi(got.at("expires_in").(string))
			exp, err2 := strconv.ParseInt(got.at("exp").(string), 10, 64)
			if err != nil || err2 != nil || left < 3590 || left > 3600 || exp < time.Now().Unix()+3590 {
				t.Errorf("%s, %s: expires_in %d, exp %d", path, name, left, exp)
			}
			for member, want := range map[string]string{
				"aud": webID, "azp": iosID, "sub": "1170", "scope": googleScope, "email_verified": "true", "access_type": "online",
			} {
				if got.at(member) != want {
					t.Errorf("%s, %s: %s is %v, want %s", path, name, member, got.at(member), want)
				}
			}
		}
	}
	got := w.get("/tokeninfo", mint(socialtest.TokenOptions{Scope: "email", EmailVerified: new(false)}))
	if got.at("sub") != nil || got.at("email_verified") != "false" {
		t.Errorf("scope email: %s", got.text)
	}
	if got := w.get("/tokeninfo", mint(socialtest.TokenOptions{Scope: "openid"})); got.at("email") != nil || got.at("sub") == nil {
		t.Errorf("scope openid: %s", got.text)
	}
	if got := w.get("/tokeninfo", mint(socialtest.TokenOptions{Aud: "other"})); got.status != 200 || got.at("aud") != "other" || got.at("azp") != "other" {
		t.Errorf("another app's token: %d %s", got.status, got.text)
	}
}

func TestTokeninfoV2(t *testing.T) {
	g, w := newGoogle(t)
	token := g.Mint(socialtest.TokenOptions{Sub: "1170", Aud: "other", Azp: "android"}).AccessToken
	for _, path := range []string{"/oauth2/v1/tokeninfo", "/oauth2/v2/tokeninfo"} {
		got := w.get(path, token)
		want := []string{"access_type", "audience", "email", "expires_in", "issued_to", "scope", "user_id", "verified_email"}
		if got.status != 200 || !slices.Equal(got.members(), want) {
			t.Errorf("%s: %d %s", path, got.status, got.text)
		}
		if got.at("audience") != "other" || got.at("issued_to") != "android" || got.at("user_id") != "1170" || got.at("verified_email") != true {
			t.Errorf("%s: %s", path, got.text)
		}
		if left, ok := got.at("expires_in").(float64); !ok || left < 3590 {
			t.Errorf("%s: expires_in %v", path, got.at("expires_in"))
		}
	}
}

func TestUserinfo(t *testing.T) {
	g, w := newGoogle(t)
	token := g.Mint(socialtest.TokenOptions{Aud: "other", Hd: "x.example"}).AccessToken
	full := []string{"email", "email_verified", "family_name", "given_name", "hd", "name", "picture", "sub"}
	for _, path := range []string{"/v1/userinfo", "/oauth2/v3/userinfo"} {
		got := w.get(path, token) // whichever app it was issued to
		if got.status != 200 || !slices.Equal(got.members(), full) || got.at("email_verified") != true {
			t.Errorf("%s: %d %s", path, got.status, got.text)
		}
	}
	got := w.get("/oauth2/v2/userinfo", token)
	if got.status != 200 || got.at("id") == nil || got.at("sub") != nil || got.at("verified_email") != true || got.at("email_verified") != nil {
		t.Errorf("v2: %d %s", got.status, got.text)
	}
	got = w.get("/v1/userinfo", g.Mint(socialtest.TokenOptions{Scope: "openid"}).AccessToken)
	if !slices.Equal(got.members(), []string{"sub"}) {
		t.Errorf("scope openid: %s", got.text)
	}
}

func TestDeadGoogleTokens(t *testing.T) {
	g, w := newGoogle(t)
	revoked := g.Mint(socialtest.TokenOptions{}).AccessToken
	if got := w.postForm("/revoke", url.Values{"token": {revoked}}); got.status != 200 {
		t.Errorf("revoke: %d %s", got.status, got.text)
	}
	aged := g.Mint(socialtest.TokenOptions{ExpiresIn: seconds(60)}).AccessToken
	if got := w.get("/tokeninfo", aged); got.status != 200 {
		t.Errorf("before its end: %d", got.status)
	}
	w.clock.move(time.Minute)
	for name, token := range map[string]string{
		"expired":  g.Mint(socialtest.TokenOptions{ExpiresIn: seconds(-1)}).AccessToken,
		"aged":     aged,
		"revoked":  revoked,
		"garbage":  "garbage",
		"ID token": g.Mint(socialtest.TokenOptions{}).IDToken,
	} {
		for _, path := range []string{"/tokeninfo", "/oauth2/v1/tokeninfo", "/oauth2/v2/tokeninfo", "/oauth2/v3/tokeninfo"} {
			got := w.get(path, token)
			if got.status != 400 || got.text != `{"error":"invalid_token","error_description":"Invalid Value"}` {
				t.Errorf("%s, %s: %d %s", name, path, got.status, got.text)
			}
		}
		got := w.get("/v1/userinfo", token)
		if got.status != 401 || got.text != `{"error":"invalid_request","error_description":"Invalid Credentials"}` || got.header.Get("WWW-Authenticate") == "" {
			t.Errorf("%s, userinfo: %d %s", name, got.status, got.text)
		}
		if got := w.postForm("/revoke", url.Values{"token": {token}}); got.status != 400 || got.at("error") != "invalid_token" {
			t.Errorf("%s, revoke: %d %s", name, got.status, got.text)
		}
	}
	if got := w.get("/tokeninfo", ""); got.status != 400 || got.at("error") != "invalid_request" {
		t.Errorf("no token: %d %s", got.status, got.text)
	}
	if got := w.get("/v1/userinfo", ""); got.status != 401 {
		t.Errorf("no token, userinfo: %d", got.status)
	}
}
