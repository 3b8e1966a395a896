package socialtest_test

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"golang.org/x/oauth2"
)

func facebookRequest() url.Values {
	return url.Values{"client_id": {appID}, "redirect_uri": {back}, "state": {"s&t"}, "scope": {"public_profile,email"}}
}

func (w *world) facebookCode(request url.Values) string {
	w.t.Helper()
	_, params := w.redirected(w.get("/v26.0/dialog/oauth?"+with(request, "_dev_email", "grace@x.example").Encode(), ""))
	return params.Get("code")
}

func TestDialog(t *testing.T) {
	_, w := newFacebook(t)
	path := "/v26.0/dialog/oauth?" + facebookRequest().Encode()
	if page := w.get(path, ""); page.status != 200 || !strings.Contains(page.text, `<form method="post">`) {
		t.Errorf("page: %d %s", page.status, page.text)
	}
	to, params := w.redirected(w.postForm(path, url.Values{"email": {"grace@x.example"}, "answer": {"continue"}}))
	if to.Host != "app.example" || to.Fragment != "_=_" || params.Get("x") != "1" || params.Get("state") != "s&t" || params.Get("code") == "" {
		t.Errorf("redirect to %s", to)
	}
	_, params = w.redirected(w.postForm(path, url.Values{"answer": {"cancel"}}))
	if params.Get("error") != "access_denied" || params.Get("error_reason") != "user_denied" || params.Has("code") {
		t.Errorf("cancelled: %v", params)
	}
	for _, tt := range []struct{ name, member, value string }{
		{"another app", "client_id", "251"},
		{"bad redirect_uri", "redirect_uri", "data:text/html,x"},
		{"response_type token", "response_type", "token"},
		{"plain challenge", "code_challenge", "x"},
	} {
		got := w.get("/dialog/oauth?"+with(facebookRequest(), "_dev_email", "a@b.example", tt.member, tt.value).Encode(), "")
		if got.status != 400 || got.header.Get("Location") != "" {
			t.Errorf("%s: %d", tt.name, got.status)
		}
	}
}

func TestFacebookAccessToken(t *testing.T) {
	_, w := newFacebook(t)
	good := url.Values{"client_id": {appID}, "client_secret": {appSecret}, "redirect_uri": {back}}
	for _, tt := range []struct {
		name string
		form url.Values
		code any
	}{
		{"exchanges", good, nil},
		{"other redirect_uri", with(good, "redirect_uri", "https://app.example/"), 100.0},
		{"no redirect_uri", with(good, "redirect_uri", ""), 191.0},
		{"unknown code", with(good, "code", "guess"), 100.0},
		{"wrong secret", with(good, "client_secret", "guess"), 1.0},
		{"unknown app", with(good, "client_id", "251"), 101.0},
		{"no app", with(good, "client_id", ""), 101.0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			form := tt.form
			if !form.Has("code") {
				form = with(form, "code", w.facebookCode(facebookRequest()))
			}
			got := w.get("/v26.0/oauth/access_token?"+form.Encode(), "")
			if tt.code != nil {
				if got.status != 400 || got.at("error.code") != tt.code {
					t.Errorf("%d %s", got.status, got.text)
				}
				return
			}
			if got.status != 200 || got.at("token_type") != "bearer" || got.at("expires_in") != 5184000.0 {
				t.Fatalf("%d %s", got.status, got.text)
			}
			me := w.get("/me?fields=email", got.at("access_token").(string))
			if me.at("email") != "grace@x.example" {
				t.Errorf("/me: %s", me.text)
			}
			if again := w.postForm("/oauth/access_token", form); again.status != 400 || again.at("error.code") != 100.0 {
				t.Errorf("a second use: %d %s", again.status, again.text)
			}
		})
	}
	if got := w.postForm("/oauth/access_token", good); got.at("error.code") != 100.0 {
		t.Errorf("no code: %s", got.text)
	}
	if got := w.postForm("/oauth/access_token", with(good, "grant_type", "client_credentials")); got.at("access_token") != appToken {
		t.Errorf("the app's own token: %s", got.text)
	}
	old := with(good, "code", w.facebookCode(facebookRequest()))
	w.clock.move(11 * time.Minute)
	if got := w.postForm("/oauth/access_token", old); got.at("error.code") != 100.0 || got.at("error.error_subcode") != 36007.0 {
		t.Errorf("an old code: %s", got.text)
	}
}

func TestFacebookCodeWithPKCE(t *testing.T) {
	_, w := newFacebook(t)
	request := with(facebookRequest(), "code_challenge", oauth2.S256ChallengeFromVerifier(verifier), "code_challenge_method", "S256")
	for codeVerifier, status := range map[string]int{verifier: 200, "": 400, "guess": 400} {
		got := w.get("/oauth/access_token?"+url.Values{
			"client_id": {appID}, "client_secret": {appSecret}, "redirect_uri": {back},
			"code": {w.facebookCode(request)}, "code_verifier": {codeVerifier},
		}.Encode(), "")
		if got.status != status {
			t.Errorf("verifier %q: %d %s", codeVerifier, got.status, got.text)
		}
	}
}

func TestFacebookWithoutAddress(t *testing.T) {
	_, w := newFacebook(t)
	for name, request := range map[string]url.Values{
		"none":     facebookRequest(),
		"no scope": with(facebookRequest(), "scope", ""),
	} {
		form := url.Values{"email": {""}}
		if name == "no scope" {
			form.Set("email", "grace@x.example")
		}
		_, params := w.redirected(w.postForm("/dialog/oauth?"+request.Encode(), form))
		got := w.get("/oauth/access_token?"+url.Values{
			"client_id": {appID}, "client_secret": {appSecret}, "redirect_uri": {back}, "code": {params.Get("code")},
		}.Encode(), "")
		me := w.get("/me?fields=id,email", got.at("access_token").(string))
		if me.status != 200 || me.at("email") != nil || me.at("id") == nil {
			t.Errorf("%s: %d %s", name, me.status, me.text)
		}
	}
}
