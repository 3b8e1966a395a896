package socialtest_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"gatehouse/social/socialtest"
)

const appToken = appID + "|" + appSecret

// proof is appsecret_proof, computed here a second time.
func proof(secret, token string) string {
	h := hmac.New(sha256.New, []byte(secret))
	h.Write([]byte(token))
	return hex.EncodeToString(h.Sum(nil))
}

func debug(token string) string { return "/v26.0/debug_token?input_token=" + url.QueryEscape(token) }

func TestDebugToken(t *testing.T) {
	f, w := newFacebook(t)
	token := f.Mint(socialtest.TokenOptions{Sub: "1509"}).AccessToken
	for name, got := range map[string]reply{
		"header":     w.get(debug(token), appToken),
		"parameter":  w.ask("GET", debug(token)+"&access_token="+url.QueryEscape(appToken), ""),
		"no version": w.get("/debug_token?input_token="+token, appToken),
	} {
		if got.status != 200 {
			t.Fatalf("%s: %d %s", name, got.status, got.text)
		}
		for member, want := range map[string]any{
			"data.app_id": appID, "data.type": "USER", "data.is_valid": true, "data.user_id": "1509", "data.error": nil,
		} {
			if got.at(member) != want {
				t.Errorf("%s: %s is %v, want %v", name, member, got.at(member), want)
			}
		}
		issued, until, data := got.at("data.issued_at").(float64), got.at("data.expires_at").(float64), got.at("data.data_access_expires_at").(float64)
		if until-issued != 60*24*3600 || data-issued != 90*24*3600 {
			t.Errorf("%s: issued %.0f, expires %.0f, data access %.0f", name, issued, until, data)
		}
	}
	page := f.Mint(socialtest.TokenOptions{Debug: map[string]any{"type": "PAGE", "expires_at": 0, "user_id": nil}}).AccessToken
	got := w.get(debug(page), appToken)
	if got.at("data.type") != "PAGE" || got.at("data.expires_at") != 0.0 || got.at("data.user_id") != nil {
		t.Errorf("a page's: %s", got.text)
	}
	none := w.get(debug(f.Mint(socialtest.TokenOptions{NoEmail: true}).AccessToken), appToken)
	if scopes, _ := none.at("data.scopes").([]any); len(scopes) != 1 || scopes[0] != "public_profile" {
		t.Errorf("without an address: %s", none.text)
	}
}

func TestDebugTokenRefusals(t *testing.T) {
	f, w := newFacebook(t)
	mint := func(o socialtest.TokenOptions) string { return f.Mint(o).AccessToken }
	good := mint(socialtest.TokenOptions{})
	for _, tt := range []struct {
		name, app, token string
		status           int
		code             any
	}{
		{"another app's", appToken, mint(socialtest.TokenOptions{Aud: "251"}), 400, 100.0},
		{"another app's, dead", appToken, mint(socialtest.TokenOptions{Aud: "251", ExpiresIn: seconds(-1)}), 400, 100.0},
		{"no input", appToken, "", 400, 100.0},
		{"wrong secret", appID + "|guess", good, 400, 190.0},
		{"unknown app", "251|" + appSecret, good, 400, 101.0},
		{"a user's token as the app's", good, good, 400, 190.0},
		{"no app", "", good, 400, 104.0},
	} {
		got := w.get(debug(tt.token), tt.app)
		if got.status != tt.status || got.at("error.code") != tt.code || got.at("data") != nil {
			t.Errorf("%s: %d %s", tt.name, got.status, got.text)
		}
		if got.at("error.type") != "OAuthException" || got.at("error.fbtrace_id") == nil || got.at("error.message") == "" {
			t.Errorf("%s: %s", tt.name, got.text)
		}
	}
}

// Dead tokens: debug_token says 200, /me 400.
func TestDeadFacebookTokens(t *testing.T) {
	f, w := newFacebook(t)
	aged := f.Mint(socialtest.TokenOptions{ExpiresIn: seconds(60)}).AccessToken
	w.clock.move(time.Minute)
	for _, tt := range []struct {
		name, token string
		subcode     any
	}{
		{"expired", f.Mint(socialtest.TokenOptions{ExpiresIn: seconds(-1)}).AccessToken, 463.0},
		{"aged", aged, 463.0},
		{"app removed", f.Mint(socialtest.TokenOptions{Subcode: 458}).AccessToken, 458.0},
		{"password changed", f.Mint(socialtest.TokenOptions{Subcode: 460}).AccessToken, 460.0},
		{"unconfirmed", f.Mint(socialtest.TokenOptions{Subcode: 464}).AccessToken, 464.0},
		{"invalid", f.Mint(socialtest.TokenOptions{Subcode: 467}).AccessToken, 467.0},
		{"garbage", "garbage", nil},
		{"Limited Login", f.Mint(socialtest.TokenOptions{}).IDToken, nil},
	} {
		got := w.get(debug(tt.token), appToken)
		if got.status != 200 || got.at("data.is_valid") != false || got.at("data.error.code") != 190.0 || got.at("data.error.subcode") != tt.subcode {
			t.Errorf("%s: %d %s", tt.name, got.status, got.text)
		}
		if scopes, ok := got.at("data.scopes").([]any); !ok || len(scopes) != 0 || got.at("data.app_id") != nil {
			t.Errorf("%s: %s", tt.name, got.text)
		}
		got = w.get("/v26.0/me", tt.token)
		if got.status != 400 || got.at("error.code") != 190.0 || got.at("error.error_subcode") != tt.subcode {
			t.Errorf("%s, /me: %d %s", tt.name, got.status, got.text)
		}
	}
}

func TestMe(t *testing.T) {
	f, w := newFacebook(t)
	const fields = "/v26.0/me?fields=id,name,first_name,last_name,email,picture"
	ours := f.Mint(socialtest.TokenOptions{Sub: "1509"}).AccessToken
	theirs := f.Mint(socialtest.TokenOptions{Aud: "251"}).AccessToken
	for _, tt := range []struct {
		name, path, token string
		status            int
		code              any
		members           string
	}{
		{"all", fields, ours, 200, nil, "email first_name id last_name name picture"},
		{"proven", fields + "&appsecret_proof=" + proof(appSecret, ours), ours, 200, nil, "email first_name id last_name name picture"},
		{"no fields", "/me", ours, 200, nil, "id name"},
		{"parameter", "/me?access_token=" + ours, "", 200, nil, "id name"},
		{"fields of fields", "/me?fields=" + url.QueryEscape("email,picture.type(large){url,width}"), ours, 200, nil, "email id picture"},
		{"no address", fields, f.Mint(socialtest.TokenOptions{NoEmail: true}).AccessToken, 200, nil, "first_name id last_name name picture"},
		{"address declined", fields, f.Mint(socialtest.TokenOptions{Scope: "public_profile"}).AccessToken, 200, nil, "first_name id last_name name picture"},
		{"another app's, unproven", fields, theirs, 200, nil, "email first_name id last_name name picture"},
		{"another app's, proven by us", fields + "&appsecret_proof=" + proof(appSecret, theirs), theirs, 400, 100.0, ""},
		{"wrong proof", fields + "&appsecret_proof=" + proof("guess", ours), ours, 400, 100.0, ""},
		{"empty proof", fields + "&appsecret_proof=", ours, 400, 100.0, ""},
		{"unknown field", "/me?fields=id,shoe_size", ours, 400, 100.0, ""},
		{"no token", fields, "", 400, 2500.0, ""},
		{"the app's token", fields, appToken, 400, 2500.0, ""},
	} {
		got := w.get(tt.path, tt.token)
		if got.status != tt.status || got.at("error.code") != tt.code {
			t.Errorf("%s: %d %s", tt.name, got.status, got.text)
		}
		if tt.status == 200 && !slices.Equal(got.members(), strings.Fields(tt.members)) {
			t.Errorf("%s: %s", tt.name, got.text)
		}
	}
	if got := w.get(fields, ours); got.at("id") != "1509" || got.at("picture.data.url") == nil {
		t.Errorf("%s", got.text)
	}
}

func TestApplication(t *testing.T) {
	_, w := newFacebook(t)
	if got := w.get("/v26.0/"+appID, appToken); got.status != 200 || got.at("id") != appID || got.at("name") == "" {
		t.Errorf("%d %s", got.status, got.text)
	}
	if got := w.get("/"+appID, appID+"|guess"); got.status != 400 || got.at("error.code") != 190.0 {
		t.Errorf("wrong secret: %d %s", got.status, got.text)
	}
	if got := w.get("/251", appToken); got.status != 400 || got.at("error.error_subcode") != 33.0 {
		t.Errorf("another app: %d %s", got.status, got.text)
	}
}

func TestSignedRequest(t *testing.T) {
	f, w := newFacebook(t)
	signature, payload, ok := strings.Cut(f.SignedRequest("2184"), ".")
	if !ok || hex.EncodeToString(decode(t, signature)) != proof(appSecret, payload) {
		t.Fatalf("%s.%s does not verify", signature, payload)
	}
	var got map[string]any
	if err := json.Unmarshal(decode(t, payload), &got); err != nil {
		t.Fatal(err)
	}
	age := w.clock.now().Unix() - int64(got["issued_at"].(float64))
	if got["algorithm"] != "HMAC-SHA256" || got["user_id"] != "2184" || age < 0 || age > 5 {
		t.Errorf("payload %v", got)
	}
}
