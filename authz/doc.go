// Package authz is the authorization server: it gives tokens, tells other
// backends what a token is worth, and ends them.
//
// It keeps no state of its own but keys derived from the system secret, and the
// signing keys as it last read them; every row is package store's. Operators'
// endpoints are in authz/admin, on another listener; what people see is rendered
// by authz/pages.
//
//	server.go         Config, New, the route table
//	edge.go           what every request passes: id, log event, panics, methods, forms from elsewhere
//	cors.go           which pages of other origins may read an answer
//	form.go           strict parsing of form bodies
//	client_auth.go    client authentication, one function for all endpoints
//	errors.go         from whatever went wrong to what the client, or the person, is told
//	run.go            what the server does beside answering requests
//
// Keys and what is made with them:
//
//	keys.go           one key per purpose out of the system secret
//	token_format.go   gth_at_…, gth_rt_… and the others: made, checked, derived
//	seal.go           what must be read back, at rest and at a browser
//	signing.go        JWTs of ours and the JWKS (RFC 7515, RFC 7517); signing_key.go one key and its life, signing_rotate.go the next
//	reseal.go         what is at rest, under the next system secret
//	id_token.go       ID tokens and the claims that scopes stand for
//
// For programs:
//
//	token.go          POST /oauth2/token and the steps that all grants share
//	grant_code.go grant_password.go grant_refresh.go   one grant each
//	grant_refresh_imported.go   refresh tokens of the system that this one took over from
//	grant_exchange.go RFC 8693: exchange_provider.go for tokens of Google and others, exchange_token.go for our own
//	introspect.go     POST /oauth2/introspect (RFC 7662)
//	revoke.go         POST /oauth2/revoke (RFC 7009)
//	userinfo.go       /oauth2/userinfo
//	bearer.go         whose access token a request at /account brings (RFC 6750)
//	identities.go     /account/identities, and Facebook's deauthorize callback
//	sessions.go consents.go   /account/sessions, /account/consents
//	metadata.go       /.well-known/openid-configuration and oauth-authorization-server (RFC 8414)
//	health.go         /livez, /readyz
//	operator.go       the check of operators' tokens, for authz/admin
//
// For people at a browser:
//
//	authorize.go      /oauth2/authorize; authorize_request.go what a request may be
//	ticket.go         the request that goes along through the pages
//	browser.go        who is signed in at a browser
//	signin.go         /signin
//	signin_provider.go  /signin/{provider} and its callback; signin_departure.go what a browser remembers in between
//	linking.go        which account somebody from a provider gets: decide
//	link_page.go      /link, and the forms of /account that link and unlink a provider
//	consent.go        what a client may have, and POST /consent
//	signup.go         /signup: no account before its mail's link is used
//	verify.go         /verify, where the links of sign-up and verification lead
//	forgot.go         /forgot and /reset: a new password by mail
//	account_page.go   /account, where people look after their sign-ins; account_password.go their password
//	logout.go         /oauth2/logout (OpenID Connect RP-Initiated Logout)
//	mail_link.go      links in mails: made, opened, and the browser that asked for them
//	mail_notice.go    how a mail is worded, and those that tell the owner of a change
//	mail.go           the rows of the outbox; mail_send.go the job that sends them; mail_smtp.go a message as SMTP takes it
//
// The invariant to keep: no endpoint answers from a token before its HMAC has
// been verified, and no error that is not the client's own is told as if it
// were. What we leave out or do otherwise than an RFC says stands in
// DIVERGENCES.md.
package authz
