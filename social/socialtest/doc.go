// Package socialtest stands in for Google and Facebook: two http.Handlers that
// answer as the real ones do, down to members, types, status codes and the
// wording of errors, for tests and for `gatehouse dev`.
//
// It signs nobody in: whoever asks is whoever they say they are. It is for
// loopback only, keeps all state in memory, and knows nothing of our other
// packages, so that it cannot share a mistake with what it tests.
//
//	stand_in.go         what both have in common: routing, counting, base URL
//	fault.go            the ways in which a provider fails
//	dev.go              POST /_dev/tokens, POST /_dev/faults
//	token.go            TokenOptions, Tokens, and what is filled in where they are silent
//	table.go            bounded memory for tokens and codes
//	jwt.go              signing keys, JWKS, JWTs sound and unsound
//	page.go             the page that asks who continues
//	code.go             authorization codes, PKCE (RFC 7636)
//	google.go           GoogleConfig, NewGoogle, discovery, keys, Mint
//	google_token.go     tokeninfo and userinfo, all versions
//	google_code.go      authorize, token, revoke
//	facebook.go         FacebookConfig, NewFacebook, keys, Mint, SignedRequest
//	facebook_graph.go   debug_token, /me, /{app-id}, the shape of errors
//	facebook_code.go    dialog, oauth/access_token
//
// The invariant to keep: an access token is known here by the app that it was
// issued to, and every answer about it shows that app or checks it exactly where
// the real provider does, and nowhere else.
package socialtest
