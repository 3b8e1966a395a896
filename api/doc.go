// Package api is the resource API: what a person asks about their own account,
// and sign-up. It keeps accounts by package store, and knows a token only by
// asking the authorization server, over HTTP.
//
// Its manual for callers is served at /openapi.json (OpenAPI 3.1). Bodies are
// JSON objects of at most 64 KiB, whose members are known by their exact names
// and never null. Every error is a problem document (RFC 9457) with a member
// code that a program can act on; what is wrong with single members stands in
// errors, as location and message.
//
//	server.go     Config, New, the route table
//	operation.go  how a row of the table becomes a documented huma operation
//	edge.go       what every request passes: id, log event, panic, headers, CORS, 404, 405
//	body.go       what a body and a query pass before huma reads them
//	guard.go      who may call: tokens, scopes, accounts, delegation
//	problem.go    every error's way to the wire and to the log
//	accounts.go   POST /accounts, GET /accounts
//	me.go         /accounts/me and /accounts/me/password
//	identities.go /accounts/me/identities, which the authorization server keeps
//	signin.go     the new user's first token, by the password grant
//	forward.go    calls to the authorization server as the user, and its refusals as problems
//	health.go     /livez, /readyz
//
// With Config.DRF it also answers as the Django service did that Gatehouse
// replaces. That has shapes, errors and CORS of its own, and keeps no rules:
//
//	drf.go          the route table, both spellings of a path, headers, CORS
//	drf_body.go     JSON, urlencoded and multipart bodies, and what is wrong with a field
//	drf_errors.go   every error's way to that wire
//	drf_bearer.go   Bearer tokens in its words
//	drf_accounts.go create/, all/, currentUser/
//	drf_token.go    token, by the authorization server's token endpoint
//	drf_convert.go  convert-token, by token exchange
//	drf_revoke.go   the four ways to end a session or a provider's identity
//	drf_pages.go    /admin/, authorize
//
// The invariant to keep: a handler acts for an account only by the principal
// that api/introspect put into the request's context, never by an id, e-mail or
// header that the request names.
package api
