// Package admin is the operators' REST API: clients, accounts, their grants
// and sessions, the social providers and the audit trail, under /admin/ on a listener of its
// own.
//
// It issues and checks no token: Config.Check, which cmd hands in, says who
// acts. It makes no superuser, because whoever may is on the machine already
// (gatehouse accounts create-superuser), and it never shows a secret again.
//
//	server.go          Config, New, the route table, the OpenAPI document
//	edge.go            what each request passes: log event, token, method, JSON body
//	problem.go         every error as problem details (RFC 9457)
//	clients.go         /admin/clients
//	client_shape.go    the JSON of a client (names of RFC 7591 where it has them)
//	client_secrets.go  /admin/clients/{id}/secrets
//	accounts.go        /admin/accounts
//	grants.go          /admin/accounts/{id}/grants
//	sessions.go        /admin/accounts/{id}/sessions and /admin/accounts/{id}/consents
//	providers.go       /admin/providers
//	audit.go           /admin/audit, and change, which puts every change on record
//
// A request passes serve (edge.go), mux, guard (edge.go), huma's validation,
// one handler, and for a write change (audit.go). Broken syntax is 400, a value
// that breaks a rule 422 with the member's name, a clash with what is there 409.
//
// The invariant to keep: nothing is written but by change, so that no change
// answers 2xx without its row in the audit trail, and no operator takes away
// the access that it is acting with.
package admin
