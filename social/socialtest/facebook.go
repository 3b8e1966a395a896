package socialtest

import (
	"encoding/hex"
	"net/http"
	"regexp"
	"time"
)

const (
	facebookIssuer     = "https://www.facebook.com"
	facebookScope      = "email public_profile"
	facebookTokenLife  = 60 * 24 * time.Hour
	facebookDataAccess = 90 * 24 * time.Hour // after it Facebook wants to see the person again
	appName            = "Gatehouse dev"
)

// FacebookConfig says which app is asked about.
type FacebookConfig struct {
	AppID     string           // digits; default: one is made up
	AppSecret string           // default: one is made up, the same in every run
	Now       func() time.Time // default time.Now
}

// Facebook answers as graph.facebook.com and www.facebook.com do, on one host,
// for one app. Every path is also served below a version, as /v26.0/me.
type Facebook struct {
	*standIn
	cfg FacebookConfig
}

// graphVersion is what may stand before a path.
var graphVersion = regexp.MustCompile(`^/v\d{1,3}\.\d{1,3}(/|$)`)

// NewFacebook makes a Facebook with two fresh keys of 2048 bits.
func NewFacebook(cfg FacebookConfig) *Facebook {
	cfg.AppID = or(cfg.AppID, "1000000000000250")
	cfg.AppSecret = or(cfg.AppSecret, "stand-in")
	f := &Facebook{newStandIn(cfg.Now), cfg}
	f.mint, f.limited = f.Mint, facebookLimited
	f.trim = func(path string) string { return graphVersion.ReplaceAllString(path, "/") }
	for pattern, serve := range map[string]http.HandlerFunc{
		"GET /.well-known/openid-configuration":     f.discovery,
		"GET /.well-known/openid-configuration/{$}": f.discovery,
		"GET /.well-known/oauth/openid/jwks":        f.jwks,
		"GET /.well-known/oauth/openid/jwks/{$}":    f.jwks,
		"GET /debug_token":                          f.debugToken,
		"GET /me":                                   f.me,
		"GET /oauth/access_token":                   f.accessToken,
		"POST /oauth/access_token":                  f.accessToken,
		"GET /dialog/oauth":                         f.dialog,
		"POST /dialog/oauth":                        f.dialog,
		"GET /{id}":                                 f.application,
	} {
		f.routes.HandleFunc(pattern, serve)
	}
	return f
}

// Mint makes an access token as Facebook's JavaScript SDK gives it, and an ID
// token as the iOS SDK's Limited Login does; it is what POST /_dev/tokens does.
func (f *Facebook) Mint(o TokenOptions) Tokens {
	made := f.grant(o, facebookTokenLife)
	return Tokens{IDToken: f.idToken(o), AccessToken: f.remember(made)}
}

// grant fills in o for Facebook, where a person is someone else for each app.
func (f *Facebook) grant(o TokenOptions, life time.Duration) grant {
	o.Aud = or(o.Aud, f.cfg.AppID)
	o = o.person(func(who string) string { return digits("facebook "+o.Aud+" "+who, 16) })
	if o.Scope == "" {
		o.Scope = facebookScope
		if o.Email == "" {
			o.Scope = "public_profile"
		}
	}
	expires := o.times(f.now(), life)
	return grant{o, expires}
}

// remember makes the access token of a grant.
func (f *Facebook) remember(made grant) string {
	token := "EAAB" + hex.EncodeToString(random(80)) + "ZD"
	f.tokens.put(token, made)
	return token
}

// idToken makes a Limited Login token. It never says whether the address is
// verified.
func (f *Facebook) idToken(o TokenOptions) string {
	made := f.grant(o, idTokenLife)
	first, last := names(made.Name)
	claims := map[string]any{
		"iss": or(made.Issuer, facebookIssuer), "aud": made.Aud, "sub": made.Sub,
		"iat": made.IssuedAt.Unix(), "exp": made.expires.Unix(), "jti": encode(random(20)),
		"name": made.Name, "given_name": first, "picture": facebookPicture(made.Sub),
	}
	for name, value := range map[string]string{
		"family_name": last, "email": made.Email, "nonce": made.Nonce, "azp": made.Azp,
	} {
		if value != "" {
			claims[name] = value
		}
	}
	if !made.NotBefore.IsZero() {
		claims["nbf"] = made.NotBefore.Unix()
	}
	return f.keys.sign(claims, made.TokenOptions)
}

func facebookPicture(userID string) string {
	return "https://platform-lookaside.fbsbx.com/platform/profilepic/?asid=" + userID + "&height=50&width=50"
}

// SignedRequest is what Facebook posts as signed_request to an app's
// deauthorize and data deletion callbacks about a user.
func (f *Facebook) SignedRequest(userID string) string {
	payload := encode(mustJSON(map[string]any{
		"algorithm": "HMAC-SHA256", "issued_at": f.now().Unix(), "user_id": userID,
	}))
	return encode(mac([]byte(f.cfg.AppSecret), payload)) + "." + payload
}

// jwks serves GET /.well-known/oauth/openid/jwks/.
func (f *Facebook) jwks(w http.ResponseWriter, _ *http.Request) { f.keys.serve(w, f.now()) }

// discovery serves GET /.well-known/openid-configuration/, where no token and
// no userinfo endpoint stands.
func (f *Facebook) discovery(w http.ResponseWriter, r *http.Request) {
	base := f.base(r)
	answer(w, http.StatusOK, map[string]any{
		"issuer":                                facebookIssuer,
		"authorization_endpoint":                base + "/dialog/oauth/",
		"jwks_uri":                              base + "/.well-known/oauth/openid/jwks/",
		"response_types_supported":              []string{"id_token", "token id_token"},
		"subject_types_supported":               []string{"pairwise"},
		"id_token_signing_alg_values_supported": []string{"RS256"},
		"claims_supported": []string{
			"iss", "aud", "sub", "iat", "exp", "jti", "nonce", "name", "given_name", "family_name", "email", "picture",
		},
	})
}
