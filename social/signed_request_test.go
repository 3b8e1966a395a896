package social_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"strings"
	"testing"
	"time"

	"gatehouse/social"
)

// signedRequest signs payload, encoded as it is given.
func signedRequest(secret, payload string) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(payload))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil)) + "." + payload
}

func TestSignedRequest(t *testing.T) {
	c := newClock()
	f, base := stillFacebook(t)
	p := provider(t, facebookAt(base, c, nil))
	encode := base64.RawURLEncoding.EncodeToString
	const good = `{"algorithm":"HMAC-SHA256","issued_at":1777888800,"user_id":"2184"}` // start
	ours := func(payload string) string { return signedRequest(appSecret, encode([]byte(payload))) }
	with := func(old, new string) string { return ours(strings.Replace(good, old, new, 1)) }
	yesterday, tomorrow := "1777802399", "1777888861"
	for _, tt := range []struct{ name, text, subject string }{
		{"Facebook's", f.SignedRequest("2184"), "2184"},
		{"ours", ours(good), "2184"},
		{"a day old", with("1777888800", "1777802400"), "2184"},
		{"older", with("1777888800", yesterday), ""},
		{"from the future", with("1777888800", tomorrow), ""},
		{"no time", with(`"issued_at":1777888800,`, ""), ""},
		{"time is text", with("1777888800", `"1777888800"`), ""},
		{"another algorithm", with("HMAC-SHA256", "none"), ""},
		{"no algorithm", with(`"algorithm":"HMAC-SHA256",`, ""), ""},
		{"nobody", with("2184", ""), ""},
		{"user with NUL", with("2184", `2\u0000`), ""},
		{"another secret", signedRequest("guess", encode([]byte(good))), ""},
		{"no secret", signedRequest("", encode([]byte(good))), ""},
		{"signature of the decoded payload", strings.Split(signedRequest(appSecret, good), ".")[0] + "." + encode([]byte(good)), ""},
		{"no signature", "." + encode([]byte(good)), ""},
		{"short signature", ours(good)[:20] + "." + encode([]byte(good)), ""},
		{"no payload", signedRequest(appSecret, ""), ""},
		{"no dot", "x", ""},
		{"empty", "", ""},
		{"padded payload", signedRequest(appSecret, base64.URLEncoding.EncodeToString([]byte(good+" "))), ""},
		{"payload in two lines", signedRequest(appSecret, encode([]byte(good))[:8]+"\n"+encode([]byte(good))[8:]), ""},
		{"payload is a list", ours(`[]`), ""},
		{"endless", ours(good + strings.Repeat(" ", 9000)), ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			subject, err := p.SignedRequest(tt.text)
			if subject != tt.subject {
				t.Errorf("subject %q, want %q (%v)", subject, tt.subject, err)
			}
			if tt.subject == "" {
				told(t, asError(t, err), social.ReasonProviderRefused, "the facebook signed_request could not be verified")
			}
		})
	}
	c.pass(24*time.Hour + time.Second)
	if _, err := p.SignedRequest(ours(good)); err == nil {
		t.Error("it is good forever")
	}
}

func TestOnlyFacebookPostsSignedRequests(t *testing.T) {
	p := provider(t, googleAt("https://google.example", newClock(), nil))
	_, err := p.SignedRequest("x.y")
	told(t, asError(t, err), social.ReasonProviderRefused, "google posts no signed_request")
}
