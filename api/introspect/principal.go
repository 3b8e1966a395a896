package introspect

import (
	"slices"
	"time"
)

// Values of Principal.SubjectType.
const (
	SubjectAccount = "account" // a person signed in
	SubjectClient  = "client"  // a client acts for itself (RFC 6749 §4.4)
)

// Principal is whom a token speaks for and what it permits, as the authorization
// server said (RFC 7662 §2.2). What the server does not tell is the zero value.
// It does not hold the token; see [BearerToken].
type Principal struct {
	Subject     string    // sub: the account's id, or the client's
	SubjectType string    // sub_type: SubjectAccount or SubjectClient; not in the RFC, so empty with other servers
	ClientID    string    // client_id: the client that the token was issued to
	Username    string    // username: for people to read, an account's e-mail; not an identifier
	Scope       []string  // scope
	Audience    []string  // aud
	GrantID     string    // grant_id: the login that the token stems from, told to privileged callers only
	IssuedAt    time.Time // iat, UTC
	ExpiresAt   time.Time // exp, UTC
	AuthTime    time.Time // auth_time, UTC: when the person last proved who they are
	Actor       *Actor    // act: who acts for Subject, nil if nobody else
}

// Actor is a party that acts for another (RFC 8693 §4.1).
type Actor struct {
	Subject string // sub
	Issuer  string // iss, when told
	Actor   *Actor // act: the one before, for information only; never decide by it
}

// HasScope tells whether the token was granted scope, compared exactly.
func (p Principal) HasScope(scope string) bool {
	return slices.Contains(p.Scope, scope)
}

// clone returns a copy that shares no memory with p, for the callers of one
// shared call must not see each other's changes.
func (p Principal) clone() Principal {
	p.Scope = slices.Clone(p.Scope)
	p.Audience = slices.Clone(p.Audience)
	for link := &p.Actor; *link != nil; link = &(*link).Actor {
		actor := **link
		*link = &actor
	}
	return p
}
