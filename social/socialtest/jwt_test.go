package socialtest_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"gatehouse/social/socialtest"
)

const (
	googleKeys   = "/oauth2/v3/certs"
	facebookKeys = "/.well-known/oauth/openid/jwks/"
)

func (w *world) keys(path string) *jose.JSONWebKeySet {
	w.t.Helper()
	set := new(jose.JSONWebKeySet)
	if err := json.Unmarshal([]byte(w.get(path, "").text), set); err != nil {
		w.t.Fatal(err)
	}
	return set
}

// claims verifies a token against the keys at path, and nothing else.
func (w *world) claims(path, token string) (map[string]any, bool) {
	w.t.Helper()
	parsed, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{jose.RS256})
	if err != nil {
		w.t.Fatalf("parse %.40s…: %v", token, err)
	}
	keys := w.keys(path).Key(parsed.Signatures[0].Header.KeyID)
	if len(keys) != 1 {
		return nil, false
	}
	payload, err := parsed.Verify(keys[0])
	if err != nil {
		return nil, false
	}
	var claims map[string]any
	if err := json.Unmarshal(payload, &claims); err != nil {
		w.t.Fatal(err)
	}
	return claims, true
}

func (w *world) mustClaims(path, token string) map[string]any {
	w.t.Helper()
	claims, ok := w.claims(path, token)
	if !ok {
		w.t.Fatal("the ID token does not verify against the served keys")
	}
	return claims
}

func TestKeys(t *testing.T) {
	_, google := newGoogle(t)
	_, facebook := newFacebook(t)
	for path, w := range map[string]*world{googleKeys: google, facebookKeys: facebook} {
		set := w.keys(path)
		if len(set.Keys) != 2 {
			t.Fatalf("%s: %d keys, want 2", path, len(set.Keys))
		}
		for _, key := range set.Keys {
			if !key.Valid() || !key.IsPublic() || key.Algorithm != "RS256" || key.Use != "sig" || len(key.KeyID) != 40 {
				t.Errorf("%s: bad key %+v", path, key)
			}
		}
		answer := w.get(path, "")
		if got := answer.header.Get("Cache-Control"); !strings.HasPrefix(got, "public, max-age=21600") {
			t.Errorf("%s: Cache-Control %q", path, got)
		}
	}
}

func TestRotateKeys(t *testing.T) {
	g, w := newGoogle(t)
	before, old := w.keys(googleKeys), g.Mint(socialtest.TokenOptions{}).IDToken
	w.mustClaims(googleKeys, old)
	if got := w.postJSON("/_dev/faults", `{"mode":"rotate_keys"}`); got.status != 200 || got.at("mode") != "ok" {
		t.Fatalf("rotate_keys: %d %s", got.status, got.text)
	}
	after := w.keys(googleKeys)
	kept := 0
	for _, key := range after.Keys {
		if slices.ContainsFunc(before.Keys, func(b jose.JSONWebKey) bool { return b.KeyID == key.KeyID }) {
			kept++
		}
	}
	if len(after.Keys) != 2 || kept != 1 {
		t.Errorf("%d keys of which %d were there before, want 2 and 1", len(after.Keys), kept)
	}
	if _, ok := w.claims(googleKeys, old); ok {
		t.Error("a token of the old key still verifies")
	}
	w.mustClaims(googleKeys, g.Mint(socialtest.TokenOptions{}).IDToken)
}

func TestUnsoundTokens(t *testing.T) {
	g, w := newGoogle(t)
	header := func(token string) map[string]any {
		head, _, _ := strings.Cut(token, ".")
		var object map[string]any
		if err := json.Unmarshal(decode(t, head), &object); err != nil {
			t.Fatal(err)
		}
		return object
	}
	if none := g.Mint(socialtest.TokenOptions{Alg: "none"}).IDToken; header(none)["alg"] != "none" || !strings.HasSuffix(none, ".") {
		t.Errorf("none: %s", none)
	}
	if hs := g.Mint(socialtest.TokenOptions{Alg: "HS256"}).IDToken; header(hs)["alg"] != "HS256" || strings.HasSuffix(hs, ".") {
		t.Errorf("HS256: %s", hs)
	}
	if _, ok := w.claims(googleKeys, g.Mint(socialtest.TokenOptions{Kid: "unknown"}).IDToken); ok {
		t.Error("a token of an unknown kid verifies")
	}
	inJSON := g.Mint(socialtest.TokenOptions{JSON: true}).IDToken
	parsed, err := jose.ParseSignedJSON(inJSON, []jose.SignatureAlgorithm{jose.RS256})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := parsed.Verify(w.keys(googleKeys).Key(parsed.Signatures[0].Header.KeyID)[0]); err != nil {
		t.Errorf("JSON serialization: %v", err)
	}
	issued := time.Now().Add(-20 * time.Minute).Truncate(time.Second)
	got := w.mustClaims(googleKeys, g.Mint(socialtest.TokenOptions{
		Issuer: "accounts.google.com", IssuedAt: issued, NotBefore: issued,
		Claims: map[string]any{"aud": []string{webID, "other"}, "email_verified": "true", "sub": nil},
	}).IDToken)
	if got["iss"] != "accounts.google.com" || got["iat"] != float64(issued.Unix()) || got["nbf"] != got["iat"] {
		t.Errorf("issuer and times: %v", got)
	}
	if _, has := got["sub"]; has || got["email_verified"] != "true" || len(got["aud"].([]any)) != 2 {
		t.Errorf("claims: %v", got)
	}
}
