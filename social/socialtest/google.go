package socialtest

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"time"
)

const (
	googleIssuer  = "https://accounts.google.com"
	emailScope    = "https://www.googleapis.com/auth/userinfo.email"
	profileScope  = "https://www.googleapis.com/auth/userinfo.profile"
	googleScope   = "openid " + emailScope + " " + profileScope
	buttonNotBack = 5 * time.Minute // how far nbf lies before iat in a button's token
)

// GoogleConfig says which Google is stood in for.
type GoogleConfig struct {
	ClientIDs    []string         // the first is the default audience; none: one is made up
	ClientSecret string           // what the token endpoint wants; empty: it wants none
	Now          func() time.Time // default time.Now
}

// Google answers as Google's OAuth and OpenID Connect endpoints do, all on one
// host. Tokens say that they are from https://accounts.google.com.
type Google struct {
	*standIn
	cfg GoogleConfig
}

// NewGoogle makes a Google with two fresh keys of 2048 bits.
func NewGoogle(cfg GoogleConfig) *Google {
	if len(cfg.ClientIDs) == 0 {
		cfg.ClientIDs = []string{"1000-stand-in.apps.googleusercontent.com"}
	}
	g := &Google{newStandIn(cfg.Now), cfg}
	g.mint, g.limited = g.Mint, googleLimited
	for pattern, serve := range map[string]http.HandlerFunc{
		"GET /.well-known/openid-configuration": g.discovery,
		"GET /oauth2/v3/certs":                  func(w http.ResponseWriter, _ *http.Request) { g.keys.serve(w, g.now()) },
		"GET /tokeninfo":                        g.tokeninfo,
		"POST /tokeninfo":                       g.tokeninfo,
		"GET /oauth2/v3/tokeninfo":              g.tokeninfo,
		"POST /oauth2/v3/tokeninfo":             g.tokeninfo,
		"GET /oauth2/v2/tokeninfo":              g.tokeninfoV2,
		"POST /oauth2/v2/tokeninfo":             g.tokeninfoV2,
		"GET /oauth2/v1/tokeninfo":              g.tokeninfoV2,
		"POST /oauth2/v1/tokeninfo":             g.tokeninfoV2,
		"GET /v1/userinfo":                      g.userinfo,
		"POST /v1/userinfo":                     g.userinfo,
		"GET /oauth2/v3/userinfo":               g.userinfo,
		"POST /oauth2/v3/userinfo":              g.userinfo,
		"GET /oauth2/v2/userinfo":               g.userinfoV2,
		"GET /oauth2/v1/userinfo":               g.userinfoV2,
		"GET /o/oauth2/v2/auth":                 g.authorize,
		"POST /o/oauth2/v2/auth":                g.authorize,
		"POST /token":                           g.token,
		"POST /revoke":                          g.revoke,
	} {
		g.routes.HandleFunc(pattern, serve)
	}
	return g
}

// Mint makes tokens as the Sign in with Google button (the ID token) and
// Google's JavaScript library (the access token) give a frontend; it is what
// POST /_dev/tokens does.
func (g *Google) Mint(o TokenOptions) Tokens {
	made := g.grant(o)
	if made.NotBefore.IsZero() {
		made.NotBefore = made.IssuedAt.Add(-buttonNotBack)
	}
	claims := g.claims(made, googleScope)
	claims["nbf"] = made.NotBefore.Unix()
	claims["jti"] = hex.EncodeToString(random(20))
	return Tokens{IDToken: g.keys.sign(claims, made.TokenOptions), AccessToken: g.remember(made)}
}

// grant fills in o for Google.
func (g *Google) grant(o TokenOptions) grant {
	o = o.person(func(who string) string { return digits("google "+who, 21) })
	o.Aud = or(o.Aud, g.cfg.ClientIDs[0])
	o.Azp = or(o.Azp, o.Aud)
	o.Scope = or(o.Scope, googleScope)
	if o.EmailVerified == nil {
		o.EmailVerified = new(true)
	}
	expires := o.times(g.now(), idTokenLife)
	return grant{o, expires}
}

// remember makes the access token of a grant.
func (g *Google) remember(made grant) string {
	token := "ya29.a0" + encode(random(132))
	g.tokens.put(token, made)
	return token
}

// claims are those of every ID token of Google that has scope.
func (g *Google) claims(made grant, scope string) map[string]any {
	claims := map[string]any{
		"iss": or(made.Issuer, googleIssuer), "aud": made.Aud, "azp": made.Azp, "sub": made.Sub,
		"iat": made.IssuedAt.Unix(), "exp": made.expires.Unix(),
	}
	addAllowed(claims, made, scope)
	if made.Nonce != "" {
		claims["nonce"] = made.Nonce
	}
	return claims
}

// addAllowed adds what scope lets an app see of a person.
func addAllowed(to map[string]any, made grant, scope string) {
	if hasScope(scope, "profile", profileScope) {
		addProfile(to, made)
	}
	if hasScope(scope, "email", emailScope) {
		addEmail(to, made)
	}
}

func addProfile(to map[string]any, made grant) {
	first, last := names(made.Name)
	to["name"], to["given_name"] = made.Name, first
	if last != "" {
		to["family_name"] = last
	}
	to["picture"] = "https://lh3.googleusercontent.com/a/" + digits("picture "+made.Sub, 30) + "=s96-c"
}

func addEmail(to map[string]any, made grant) {
	if made.Email != "" {
		to["email"], to["email_verified"] = made.Email, *made.EmailVerified
	}
	if made.Hd != "" {
		to["hd"] = made.Hd
	}
}

// atHash binds an ID token to the access token beside it (OpenID Connect Core §3.1.3.6).
func atHash(accessToken string) string {
	sum := sha256.Sum256([]byte(accessToken))
	return encode(sum[:len(sum)/2])
}

// discovery serves GET /.well-known/openid-configuration.
func (g *Google) discovery(w http.ResponseWriter, r *http.Request) {
	base := g.base(r)
	w.Header().Set("Cache-Control", "public, max-age=3600")
	answer(w, http.StatusOK, map[string]any{
		"issuer":                                googleIssuer,
		"authorization_endpoint":                base + "/o/oauth2/v2/auth",
		"token_endpoint":                        base + "/token",
		"userinfo_endpoint":                     base + "/v1/userinfo",
		"revocation_endpoint":                   base + "/revoke",
		"jwks_uri":                              base + "/oauth2/v3/certs",
		"response_types_supported":              []string{"code"},
		"response_modes_supported":              []string{"query"},
		"subject_types_supported":               []string{"public"},
		"id_token_signing_alg_values_supported": []string{"RS256"},
		"scopes_supported":                      []string{"openid", "email", "profile"},
		"token_endpoint_auth_methods_supported": []string{"client_secret_post", "client_secret_basic"},
		"code_challenge_methods_supported":      []string{"S256"},
		"grant_types_supported":                 []string{"authorization_code"},
		"claims_supported": []string{
			"aud", "email", "email_verified", "exp", "family_name", "given_name", "iat", "iss", "name", "picture", "sub",
		},
	})
}

// googleLimited is Google's answer beyond the quota.
func googleLimited(w http.ResponseWriter) {
	const message = "Rate Limit Exceeded"
	answer(w, http.StatusTooManyRequests, map[string]any{"error": map[string]any{
		"code": http.StatusTooManyRequests, "message": message,
		"errors": []map[string]string{{"domain": "usageLimits", "reason": "rateLimitExceeded", "message": message}},
		"status": "RESOURCE_EXHAUSTED",
	}})
}
