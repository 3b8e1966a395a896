package socialtest_test

import (
	"net/url"
	"testing"
)

// TestBrowserComesBackWithIss, and with another's if the fault is asked for.
func TestBrowserComesBackWithIss(t *testing.T) {
	g, google := newGoogle(t)
	f, facebook := newFacebook(t)
	for _, tt := range []struct{ mode, google, facebook string }{
		{"ok", "https://accounts.google.com", ""},
		{"wrong_iss", "https://evil.example", "https://evil.example"},
	} {
		if g.SetFault(tt.mode) != nil || f.SetFault(tt.mode) != nil {
			t.Fatalf("%s is not known", tt.mode)
		}
		for _, answer := range []string{"continue", "cancel"} {
			form := url.Values{"email": {"a@x.example"}, "answer": {answer}}
			_, params := google.redirected(google.postForm("/o/oauth2/v2/auth?"+googleRequest().Encode(), form))
			if params.Get("iss") != tt.google {
				t.Errorf("google, %s, %s: %v", tt.mode, answer, params)
			}
			_, params = facebook.redirected(facebook.postForm("/dialog/oauth?"+facebookRequest().Encode(), form))
			if params.Get("iss") != tt.facebook {
				t.Errorf("facebook, %s, %s: %v", tt.mode, answer, params)
			}
		}
	}
}

func TestGoogleSpoilsWhatACodeStandsFor(t *testing.T) {
	g, w := newGoogle(t)
	for _, tt := range []struct{ mode, nonce, aud string }{
		{"ok", "n", webID},
		{"wrong_nonce", "another-nonce", webID},
		{"other_audience", "n", "1000000000000666"},
	} {
		if err := g.SetFault(tt.mode); err != nil {
			t.Fatal(err)
		}
		got := w.postForm("/token", url.Values{
			"grant_type": {"authorization_code"}, "client_id": {webID}, "client_secret": {secret},
			"redirect_uri": {back}, "code_verifier": {verifier}, "code": {w.googleCode(googleRequest())},
		})
		if got.status != 200 {
			t.Fatalf("%s: %d %s", tt.mode, got.status, got.text)
		}
		claims := w.mustClaims(googleKeys, got.at("id_token").(string))
		if claims["nonce"] != tt.nonce || claims["aud"] != tt.aud {
			t.Errorf("%s: %v", tt.mode, claims)
		}
		if info := w.get("/tokeninfo", got.at("access_token").(string)); info.at("aud") != tt.aud {
			t.Errorf("%s: %s", tt.mode, info.text)
		}
	}
}

func TestFacebookSpoilsWhatACodeStandsFor(t *testing.T) {
	f, w := newFacebook(t)
	app := url.QueryEscape(appID + "|" + appSecret)
	for mode, status := range map[string]int{"ok": 200, "other_audience": 400} {
		if err := f.SetFault(mode); err != nil {
			t.Fatal(err)
		}
		got := w.postForm("/oauth/access_token", url.Values{
			"client_id": {appID}, "client_secret": {appSecret}, "redirect_uri": {back}, "code": {w.facebookCode(facebookRequest())},
		})
		token, _ := got.at("access_token").(string)
		if info := w.get("/debug_token?access_token="+app+"&input_token="+token, ""); token == "" || info.status != status {
			t.Errorf("%s: %s: %d %s", mode, got.text, info.status, info.text)
		}
	}
}
