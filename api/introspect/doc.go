// Package introspect guards a Go backend: it asks the authorization server about
// the Bearer token of each request (RFC 7662) and lets the request pass, with a
// typed [Principal] in its context, or refuses it as RFC 6750 says.
//
// # Use
//
//	checker, err := introspect.New(introspect.Config{
//		Endpoint:     "https://auth.example.com/oauth2/introspect",
//		ClientID:     "orders",
//		ClientSecret: os.Getenv("ORDERS_SECRET"),
//		Audience:     "https://orders.example.com",
//	})
//	...
//	mux.Handle("GET /orders", checker.Require("orders:read")(listOrders))
//	mux.Handle("GET /offers", checker.Optional()(listOffers))
//
// Make one [Checker] per process and share it. Require and Optional return
// func(http.Handler) http.Handler, so they fit net/http, gorilla/mux
// (router.Use(checker.Require())), chi and others. They may be stacked, Require()
// on a router and Require("orders:write") on one of its routes: the inner one
// compares scopes only and does not ask again. Put CORS outside: a preflight has
// no token.
//
// In the handler:
//
//	who, _ := introspect.PrincipalFrom(r.Context())
//	if who.SubjectType == introspect.SubjectAccount { orders.ListFor(who.Subject) }
//
// Without HTTP (a queue, a WebSocket message) call [Checker.Check].
//
// # What is answered
//
//	request                                      status  error (RFC 6750 §3.1)
//	no Authorization, or another scheme          401     none: only the realm
//	malformed, repeated Authorization            401     invalid_token
//	token inactive, expired, for another API,
//	bound to a key (cnf), not of type Bearer     401     invalid_token
//	scope missing                                403     insufficient_scope
//	authorization server down, slow, answering
//	nonsense or refusing our credentials         503     temporarily_unavailable, Retry-After
//
// The body is a problem document (RFC 9457), unless Config.Fail writes another.
// Tokens in the query or in a form are not looked at (RFC 9700 §4.3.2).
//
// # What it does not do
//
// It keeps no answer: a revoked token is refused by the next request. Concurrent
// checks of one token share a call, but a check joins only a call that is not yet
// under way. It can't prove possession of a key (DPoP, mutual TLS) and so refuses
// tokens that are bound to one. It imports the standard library only, so that the
// folder can be copied into another module.
//
// # Files
//
//	introspect.go  Config, Checker, Check: one call and the verdict on its answer
//	answer.go      the parser of the answer
//	flight.go      how concurrent checks share a call
//	middleware.go  Require, Optional, the Authorization header
//	failure.go     the refusals and how they are written
//	principal.go   who the token speaks for
//
// The invariant: a request reaches the guarded handler with a principal only if,
// after that request came in, the authorization server was asked and said
// "active": true. Every other outcome is an error.
package introspect
