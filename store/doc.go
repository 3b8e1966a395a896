// Package store keeps what the server must remember: accounts, clients, grants
// and the digests of tokens, in PostgreSQL or SQLite.
//
// It knows no HTTP and no token format: callers hand it signatures, never
// tokens, and a copy of the database opens nothing. It imports no other
// package of ours.
//
//	store.go          Open, the two databases behind one Store, errors
//	conn.go           statements and transactions that read alike on both
//	migrate.go        the schema's versions, up and down
//	work.go           the unit of work: the writes of one request as one statement
//	account.go        accounts: sign-up, lookups, the rules of auth_epoch
//	account_password.go  passwords: set, changed by who knows the old one, imported
//	account_rules.go  what an address and a name must be
//	login.go          one password attempt: its limits and its account, in one statement
//	hasher.go         password hashing with bounded memory and a bounded queue
//	hash_worker.go    hashing at a lower priority, in a process beside
//	hash_forms.go     password hashes made by others (Django, bcrypt)
//	policy.go         which passwords are refused
//	client.go         clients; client_cache.go their copy in memory (2 s at most)
//	client_secret.go  their secrets, at most two live; slow_secret.go imported ones
//	grant.go          grants (one per login) and how they end; fosite's session
//	access_token.go   access tokens; Introspection, the hottest read
//	refresh_token.go  refresh tokens and their idempotent rotation
//	login_session.go  people signed in at a browser
//	code.go           authorization codes
//	consent.go        what people allowed clients
//	identity.go       people at social providers, and the accounts they sign in to
//	presence.go       by what somebody is signed in who links or unlinks one
//	identity_unbound.go  imported identities that have no subject yet
//	import*.go        rows of another system, brought in batches
//	imported_token.go refresh tokens of another system, good once
//	one_time_link.go  links that were mailed, and what they prove
//	replay.go         others' tokens that may be used once
//	limit.go          sliding windows that all replicas share
//	outbox.go         mail that waits to be sent
//	signing_key.go    keys that ID tokens are signed with, as sealed bytes
//	system_secret.go  which step each system secret has taken, and what still needs it
//	audit.go          what was changed, by whom
//	purge.go          removal of what has expired
//	words.go          lists of scopes and URIs in one column
//	lock_unix.go      one server process per SQLite file
//	address.go        whose address a request comes from
//	jsoncheck.go      what a JSON body must be before anyone decodes it
//
// The invariant to keep: whatever may happen once is one conditional
// statement, and whatever ends an account's or a client's sign-ins first
// changes the row that new grants are inserted from, then revokes the grants
// in a second statement (see revokeAfter in grant.go).
package store
