// Package authz is the authorization server: it gives tokens, tells other
// backends what a token is worth, and ends them.
//
// It keeps no state of its own but keys derived from the system secret, and the
// signing keys as it last read them; every row is package store's. Operators'
// endpoints are in authz/admin, on another listener; what people see is rendered
// by authz/pages.
//
//	server.go         Config, New, the route table
//	edge.go           what every request passes: id, log event, panics, CORS, methods
//	form.go           strict parsing of form bodies
//	client_auth.go    client authentication, one function for all endpoints
//	keys.go           one key per purpose out of the system secret
//	signing.go        JWTs of ours and the JWKS (RFC 7515, RFC 7517); signing_key.go one key and its life, signing_rotate.go the next
//	token_format.go   gth_at_… and gth_rt_…: made, checked, derived
//	token.go          POST /oauth2/token and the steps that all grants share
//	grant_password.go grant_refresh.go   one grant each
//	grant_refresh_imported.go   refresh tokens of the system that this one took over from
//	grant_exchange.go RFC 8693: exchange_provider.go for tokens of Google and others, exchange_token.go for our own
//	linking.go        which account somebody from a provider gets: decide
//	logout.go         /oauth2/logout (OpenID Connect RP-Initiated Logout)
//	account_page.go   /account, where people look after their sign-ins
//	sessions.go consents.go   the same for programs: /account/sessions, /account/consents
//	identities.go     /account/identities, and Facebook's deauthorize callback
//	signup.go         /signup: no account before its mail's link is used
//	verify.go         /verify, where the links of sign-up and verification lead
//	forgot.go         /forgot and /reset: a new password by mail
//	mail_link.go      links in mails: made, opened, and the browser that asked for them
//	mail_notice.go    how a mail is worded, and those that tell the owner of a change
//	bearer.go         whose access token a request at /account brings (RFC 6750)
//	introspect.go     POST /oauth2/introspect (RFC 7662)
//	revoke.go         POST /oauth2/revoke (RFC 7009)
//	metadata.go       /.well-known/oauth-authorization-server (RFC 8414)
//	run.go            what is done from time to time beside the requests
//	health.go         /livez, /readyz
//	operator.go       the check of operators' tokens, for authz/admin
//	mail.go           the rows of the outbox; mail_send.go the job that sends them; mail_smtp.go a message as SMTP takes it
//	run.go            what the server does beside answering requests
//	errors.go         from whatever went wrong to what the client is told
//
// The invariant to keep: no endpoint answers from a token before its HMAC has
// been verified, and no error that is not the client's own is told as if it
// were. What we leave out or do otherwise than an RFC says stands in
// DIVERGENCES.md.
package authz
