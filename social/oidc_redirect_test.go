package social_test

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"gatehouse/social"
)

const codeAccessToken = "an access token"

// answered is with what the issuer sends the browser back.
func (i *issuer) answered(r social.Redirection) url.Values {
	return url.Values{"code": {"a code"}, "state": {r.State}, "iss": {i.url}}
}

// codeFlow has the token endpoint give an ID token for the code of r alone, with changes.
func (i *issuer) codeFlow(t *testing.T, r social.Redirection, changes map[string]any) {
	t.Helper()
	all := map[string]any{"nonce": r.Nonce}
	for name, value := range changes {
		all[name] = value
	}
	i.codeGives(t, r, map[string]any{"access_token": codeAccessToken, "token_type": "Bearer", "id_token": i.token(t, all)})
}

// codeGives answers the token request of r with body (RFC 6749 §4.1.3).
func (i *issuer) codeGives(t *testing.T, r social.Redirection, body any) {
	t.Helper()
	want := url.Values{
		"grant_type": {"authorization_code"}, "code": {"a code"}, "redirect_uri": {callback}, "code_verifier": {r.Verifier},
	}.Encode()
	i.answer("/token", func(w http.ResponseWriter, req *http.Request) {
		req.ParseForm()
		if id, secret, ok := req.BasicAuth(); !ok || id != "us" || secret != url.QueryEscape("our secret: %") || req.PostForm.Encode() != want || req.Method != "POST" {
			t.Errorf("%s as %q, %q: %v", req.Method, id, secret, req.PostForm)
		}
		json.NewEncoder(w).Encode(body)
	})
}

func s256(text string) []byte {
	sum := sha256.Sum256([]byte(text))
	return sum[:]
}

func TestOwnIDTokenIsHeldAgainstTheRedirection(t *testing.T) {
	fits := base64.RawURLEncoding.EncodeToString(s256(codeAccessToken)[:16])
	two := func(c *social.Config) { c.Audiences = []string{"us", "mobile"} }
	for _, tt := range []struct {
		name        string
		changes     func(r social.Redirection) map[string]any
		config      func(*social.Config)
		reason, say string // empty: it is accepted
	}{
		{"as it should be", nil, nil, "", ""},
		{"at_hash fits", func(social.Redirection) map[string]any { return map[string]any{"at_hash": fits} }, nil, "", ""},
		{"azp is us", func(social.Redirection) map[string]any { return map[string]any{"azp": "us"} }, nil, "", ""},
		{"no nonce", func(social.Redirection) map[string]any { return map[string]any{"nonce": nil} }, nil,
			social.ReasonProviderRefused, "the corp token does not match the nonce"},
		{"another nonce", func(social.Redirection) map[string]any { return map[string]any{"nonce": begun().Nonce} }, nil,
			social.ReasonProviderRefused, "the corp token does not match the nonce"},
		{"hash of the nonce", func(r social.Redirection) map[string]any {
			return map[string]any{"nonce": hex.EncodeToString(s256(r.Nonce))}
		}, nil, social.ReasonProviderRefused, "the corp token does not match the nonce"},
		{"at_hash of another token", func(social.Redirection) map[string]any { return map[string]any{"at_hash": fits[:21] + "A"} }, nil,
			social.ReasonProviderRefused, "the corp token could not be verified"},
		{"empty at_hash", func(social.Redirection) map[string]any { return map[string]any{"at_hash": ""} }, nil,
			social.ReasonProviderRefused, "the corp token could not be verified"},
		{"for another client", func(social.Redirection) map[string]any { return map[string]any{"aud": "them"} }, nil,
			social.ReasonAudience, "the corp token was issued to client them, not to the one accepted"},
		{"for another client of ours", func(social.Redirection) map[string]any { return map[string]any{"aud": "mobile"} }, two,
			social.ReasonAudience, "the corp token was issued to client mobile, not to the one accepted"},
		{"by another client of ours", func(social.Redirection) map[string]any { return map[string]any{"azp": "mobile"} }, two,
			social.ReasonAudience, "the corp token was issued to client mobile, not to the one accepted"},
		{"of another issuer", func(social.Redirection) map[string]any { return map[string]any{"iss": "https://evil.example"} }, nil,
			social.ReasonProviderRefused, "the corp token could not be verified"},
		{"expired", func(social.Redirection) map[string]any {
			return map[string]any{"iat": start.Unix() - 500, "exp": start.Unix() - 400}
		}, nil, social.ReasonExpired, "the corp token expired at 09:53:20Z; sign in again"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			i, r := newIssuer(t), begun()
			var changes map[string]any
			if tt.changes != nil {
				changes = tt.changes(r)
			}
			i.codeFlow(t, r, changes)
			p := provider(t, i.config(tt.config))
			if tt.reason == "" {
				if id := redeemed(t, p, r, i.answered(r)); id.Subject != "s-1" || id.Email != "grace@corp.example" || !id.EmailVerified {
					t.Errorf("%+v", id)
				}
				return
			}
			told(t, notRedeemed(t, p, r, i.answered(r)), tt.reason, tt.say)
		})
	}
}

func TestOwnIDTokenIsNoneAtAll(t *testing.T) {
	i, r := newIssuer(t), begun()
	claims, err := json.Marshal(i.claims(map[string]any{"nonce": r.Nonce}))
	if err != nil {
		t.Fatal(err)
	}
	none := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none"}`)) + "." + base64.RawURLEncoding.EncodeToString(claims) + "."
	hmac := sign(t, jose.HS256, []byte(strings.Repeat("our secret: %", 4)), "r", i.claims(map[string]any{"nonce": r.Nonce}))
	for name, text := range map[string]string{"alg none": none, "alg none, signed": none + "AA", "alg HS256": hmac, "no JWT": "x"} {
		i.codeGives(t, r, map[string]any{"access_token": "a", "id_token": text})
		e := notRedeemed(t, provider(t, i.config(nil)), r, i.answered(r))
		if e.Reason != social.ReasonProviderRefused || e.Say != "the corp token could not be verified" {
			t.Errorf("%s: %v", name, e)
		}
	}
}

// TestIssIsDemandedWhereItIsPromised is the defence against mix-up (RFC 9207).
func TestIssIsDemandedWhereItIsPromised(t *testing.T) {
	for _, tt := range []struct {
		name     string
		promised any
		iss      string // empty: none
		cause    string // empty: accepted
	}{
		{"promised and there", true, "ITS OWN", ""},
		{"promised and missing", true, "", "iss is missing"},
		{"promised, another's", true, "https://evil.example", "iss "},
		{"not promised and missing", false, "", ""},
		{"nothing said of it and there", nil, "ITS OWN", ""},
		{"not promised, another's", false, "https://evil.example", "iss "},
	} {
		t.Run(tt.name, func(t *testing.T) {
			i, r := newIssuer(t), begun()
			i.discovered(map[string]any{"authorization_response_iss_parameter_supported": tt.promised})
			i.codeFlow(t, r, nil)
			p := provider(t, i.config(nil))
			answer := with(i.answered(r), "iss", strings.Replace(tt.iss, "ITS OWN", i.url, 1))
			if tt.cause == "" {
				redeemed(t, p, r, answer)
				return
			}
			for _, a := range []url.Values{answer, with(answer, "code", "", "error", "access_denied")} {
				e := notRedeemed(t, p, r, a)
				told(t, e, social.ReasonProviderRefused, "the sign-in with corp "+failed)
				because(t, e, tt.cause)
			}
			if n := i.asked("/token"); n != 0 {
				t.Errorf("the code was sent %d times", n)
			}
		})
	}
}

func TestFreshSignInIsProven(t *testing.T) {
	at := func(d time.Duration) map[string]any { return map[string]any{"auth_time": start.Add(d).Unix()} }
	for name, tt := range map[string]struct {
		changes  map[string]any
		fresh    bool
		signedIn time.Time // zero: refused
	}{
		"just now":               {at(0), true, start},
		"clocks differ":          {at(-59 * time.Second), true, start.Add(-59 * time.Second)},
		"before":                 {at(-61 * time.Second), true, time.Time{}},
		"not told":               {nil, true, time.Time{}},
		"before, and not asked":  {at(-time.Hour), false, start.Add(-time.Hour)},
		"nothing told, or asked": {nil, false, start},
	} {
		t.Run(name, func(t *testing.T) {
			i, r := newIssuer(t), begun()
			r.Fresh = tt.fresh
			i.codeFlow(t, r, tt.changes)
			p := provider(t, i.config(nil))
			if tt.signedIn.IsZero() {
				told(t, notRedeemed(t, p, r, i.answered(r)), social.ReasonProviderRefused, "corp did not ask again who you are; sign in there anew")
				return
			}
			if id := redeemed(t, p, r, i.answered(r)); !id.SignedInAt.Equal(tt.signedIn) {
				t.Errorf("signed in at %v", id.SignedInAt)
			}
		})
	}
}

func TestCheckSpendsACodeThatCannotBe(t *testing.T) {
	i := newIssuer(t)
	i.json("/introspect", map[string]any{"active": false})
	for _, tt := range []struct {
		name   string
		status int
		body   any
		want   string
	}{
		{"knows us", 400, map[string]any{"error": "invalid_grant"}, ""},
		{"does not know us", 401, map[string]any{"error": "invalid_client"}, "does not accept client_id with client_secret"},
		{"is no token endpoint", 404, "x", "token endpoint does not work"},
		{"takes anything", 200, map[string]any{"id_token": "x"}, "gives tokens for a code that cannot be"},
	} {
		i.status("/token", tt.status, tt.body)
		err := provider(t, i.config(nil)).Check(context.Background())
		if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}
