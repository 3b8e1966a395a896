// Package social verifies what an identity provider (Google, Facebook, or any
// that speaks OpenID Connect) gave a frontend, and says who the person is.
//
// It makes no accounts, keeps nothing but keys in memory, and knows neither
// HTTP requests nor tokens of ours: package authz decides what an Identity
// means here. It imports no other package of ours.
//
//	social.go          Provider, Token, Identity, Policy, Health
//	config.go          Config, New; validate.go what New refuses
//	adapter.go         what all providers share, and which way a token goes
//	google.go          Google: ID tokens, access tokens by tokeninfo
//	facebook.go        Facebook: Limited Login ID tokens, access tokens
//	facebook_graph.go  the calls to its Graph API and what its error codes mean
//	oidc.go            any issuer by discovery; oidc_access.go its access tokens
//	redirect.go        Redirection, and what every answer to one must be
//	redirect_token.go  spending a code, and what an ID token of ours must fit
//	google_redirect.go, facebook_redirect.go, oidc_redirect.go
//	                   the same by provider: where, with what, for which token
//	signed_request.go  what Facebook posts when a person removes the app
//	idtoken.go         the one path of every ID token, from text to claims
//	rules.go           audience, times, nonce, domain: the same on every path
//	claims.go          claims and userinfo as they are on the wire
//	identity.go        from claims to an Identity
//	keyset.go          a provider's public keys (JWKS)
//	cached.go          a document kept as long as its provider says
//	call.go            every call to a provider: limits, retry, breaker
//	body.go            what an answer must be, and how long it may be kept
//	health.go          what the last calls came to
//	errors.go          Error, and how each failure is told
//
// How a failure is told, and what authz answers:
//
//	Reason            when                                              status
//	provider_refused  malformed, dead, signature, issuer, nonce, domain  400
//	audience          issued to another client                           400
//	expired           expired, or too long since iat                     400
//	provider_down     time-out, 5xx, rate limit, nonsense, breaker       503
//	access_denied     the person declined at the provider (Redeem only)  a page
//	empty, with Ours  our credentials or our configuration are refused   500
//
// The invariant to keep: nothing in a token or an answer is believed before it
// is proven that the token was issued to one of our client ids (rules.go,
// checkAudience), and what a provider answers never reaches the client.
package social
