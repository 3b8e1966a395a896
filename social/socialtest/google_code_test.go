package socialtest_test

import (
	"crypto/sha256"
	"encoding/base64"
	"maps"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/oauth2"
)

const verifier = "0123456789012345678901234567890123456789012"

// with is a copy of form in which name, value pairs are set; an empty value
// removes.
func with(form url.Values, pairs ...string) url.Values {
	form = maps.Clone(form)
	for i := 0; i+1 < len(pairs); i += 2 {
		form.Set(pairs[i], pairs[i+1])
		if pairs[i+1] == "" {
			form.Del(pairs[i])
		}
	}
	return form
}

func googleRequest() url.Values {
	return url.Values{
		"client_id": {webID}, "redirect_uri": {back}, "response_type": {"code"}, "scope": {"openid email profile"},
		"state": {"s&t"}, "nonce": {"n"}, "code_challenge": {oauth2.S256ChallengeFromVerifier(verifier)}, "code_challenge_method": {"S256"},
	}
}

// googleCode signs in as an address.
func (w *world) googleCode(request url.Values) string {
	w.t.Helper()
	_, params := w.redirected(w.get("/o/oauth2/v2/auth?"+with(request, "_dev_email", "grace@x.example").Encode(), ""))
	return params.Get("code")
}

func TestGoogleAuthorize(t *testing.T) {
	_, w := newGoogle(t)
	path := "/o/oauth2/v2/auth?" + with(googleRequest(), "login_hint", `"><script>@x.example`).Encode()
	page := w.get(path, "")
	if page.status != 200 || !strings.Contains(page.text, `<form method="post">`) || strings.Contains(page.text, `"><script>`) {
		t.Errorf("page: %d %s", page.status, page.text)
	}
	to, params := w.redirected(w.postForm(path, url.Values{"email": {"grace@x.example"}, "answer": {"continue"}}))
	if to.Host != "app.example" || params.Get("x") != "1" || params.Get("state") != "s&t" || params.Get("scope") != googleScope {
		t.Errorf("redirect to %s", to)
	}
	if !strings.HasPrefix(params.Get("code"), "4/0A") {
		t.Errorf("code %s", params.Get("code"))
	}
	_, params = w.redirected(w.postForm(path, url.Values{"email": {"grace@x.example"}, "answer": {"cancel"}}))
	if params.Get("error") != "access_denied" || params.Has("code") || params.Get("state") != "s&t" {
		t.Errorf("cancelled: %v", params)
	}
	if got := w.postForm(path, url.Values{"answer": {"continue"}}); got.status != 200 {
		t.Errorf("without an address: %d", got.status)
	}
	for _, tt := range []struct {
		name, member, value string
		status              int
	}{
		{"unknown client", "client_id", "other", 401},
		{"no client", "client_id", "", 401},
		{"redirect_uri of another scheme", "redirect_uri", "javascript:alert(1)", 400},
		{"relative redirect_uri", "redirect_uri", "/cb", 400},
		{"no redirect_uri", "redirect_uri", "", 400},
		{"response_type token", "response_type", "token", 400},
		{"no scope", "scope", "", 400},
		{"plain challenge", "code_challenge_method", "plain", 400},
	} {
		got := w.get("/o/oauth2/v2/auth?"+with(googleRequest(), "_dev_email", "a@b.example", tt.member, tt.value).Encode(), "")
		if got.status != tt.status || got.header.Get("Location") != "" {
			t.Errorf("%s: %d", tt.name, got.status)
		}
	}
}

func TestGoogleToken(t *testing.T) {
	_, w := newGoogle(t)
	good := url.Values{
		"grant_type": {"authorization_code"}, "client_id": {webID}, "client_secret": {secret},
		"redirect_uri": {back}, "code_verifier": {verifier},
	}
	for _, tt := range []struct {
		name   string
		form   url.Values
		status int
		err    any
	}{
		{"exchanges", good, 200, nil},
		{"wrong verifier", with(good, "code_verifier", verifier+"x"), 400, "invalid_grant"},
		{"no verifier", with(good, "code_verifier", ""), 400, "invalid_grant"},
		{"other redirect_uri", with(good, "redirect_uri", "https://app.example/cb"), 400, "redirect_uri_mismatch"},
		{"other client", with(good, "client_id", iosID), 400, "invalid_grant"},
		{"unknown client", with(good, "client_id", "other"), 401, "invalid_client"},
		{"wrong secret", with(good, "client_secret", "guess"), 401, "invalid_client"},
		{"no secret", with(good, "client_secret", ""), 400, "invalid_request"},
		{"other grant", with(good, "grant_type", "password"), 400, "unsupported_grant_type"},
		{"unknown code", with(good, "code", "4/0Aguess"), 400, "invalid_grant"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			form := tt.form
			if !form.Has("code") {
				form = with(form, "code", w.googleCode(googleRequest()))
			}
			got := w.postForm("/token", form)
			if got.status != tt.status || got.at("error") != tt.err {
				t.Errorf("%d %s", got.status, got.text)
			}
			if again := w.postForm("/token", form); tt.status == 200 && (again.status != 400 || again.at("error") != "invalid_grant") {
				t.Errorf("a second use: %d %s", again.status, again.text)
			}
		})
	}
	form := with(good, "code", w.googleCode(googleRequest()))
	if got := w.postJSON("/token", `{}`); got.status != 400 {
		t.Errorf("JSON: %d", got.status)
	}
	w.clock.move(11 * time.Minute)
	if got := w.postForm("/token", form); got.status != 400 || got.at("error") != "invalid_grant" {
		t.Errorf("an old code: %d %s", got.status, got.text)
	}
}

func TestGoogleCodeGivesTokens(t *testing.T) {
	_, w := newGoogle(t)
	conf := oauth2.Config{
		ClientID: webID, ClientSecret: secret, RedirectURL: back, Scopes: []string{"openid", "email"},
		Endpoint: oauth2.Endpoint{AuthURL: w.url + "/o/oauth2/v2/auth", TokenURL: w.url + "/token"},
	}
	address := conf.AuthCodeURL("s", oauth2.S256ChallengeOption(verifier), oauth2.SetAuthURLParam("nonce", "n"))
	_, params := w.redirected(w.get(strings.TrimPrefix(address, w.url)+"&_dev_email=grace%40x.example", ""))
	token, err := conf.Exchange(t.Context(), params.Get("code"), oauth2.VerifierOption(verifier))
	if err != nil {
		t.Fatal(err)
	}
	claims := w.mustClaims(googleKeys, token.Extra("id_token").(string))
	sum := sha256.Sum256([]byte(token.AccessToken))
	for name, want := range map[string]any{
		"email": "grace@x.example", "nonce": "n", "aud": webID, "name": nil, "nbf": nil,
		"at_hash": base64.RawURLEncoding.EncodeToString(sum[:16]),
	} {
		if claims[name] != want {
			t.Errorf("%s is %v, want %v", name, claims[name], want)
		}
	}
	if got := w.get("/tokeninfo", token.AccessToken); got.at("sub") != claims["sub"] || got.at("aud") != webID {
		t.Errorf("tokeninfo: %s", got.text)
	}
}

func TestPostmessage(t *testing.T) {
	_, w := newGoogle(t)
	request := with(googleRequest(), "redirect_uri", "postmessage", "code_challenge", "", "code_challenge_method", "")
	got := w.get("/o/oauth2/v2/auth?"+with(request, "_dev_email", "a@gmail.com").Encode(), "")
	if got.status != 200 || got.at("state") != "s&t" {
		t.Fatalf("%d %s", got.status, got.text)
	}
	got = w.ask("POST", "/token", url.Values{
		"grant_type": {"authorization_code"}, "redirect_uri": {"postmessage"}, "code": {got.at("code").(string)},
	}.Encode(), "Content-Type", formType, "Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(webID+":"+secret)))
	if got.status != 200 || got.at("id_token") == nil {
		t.Errorf("%d %s", got.status, got.text)
	}
}

func TestCodeIsSpentOnce(t *testing.T) {
	_, w := newGoogle(t)
	form := url.Values{
		"grant_type": {"authorization_code"}, "client_id": {webID}, "client_secret": {secret},
		"redirect_uri": {back}, "code_verifier": {verifier}, "code": {w.googleCode(googleRequest())},
	}
	var all sync.WaitGroup
	var won atomic.Int32
	for range 8 {
		all.Go(func() {
			if w.postForm("/token", form).status == 200 {
				won.Add(1)
			}
		})
	}
	all.Wait()
	if won.Load() != 1 {
		t.Errorf("%d of 8 got tokens", won.Load())
	}
}
