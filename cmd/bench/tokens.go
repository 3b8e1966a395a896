package main

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"time"

	"github.com/google/uuid"

	"gatehouse/authz"
)

// Prefixes of tokens, as in authz/token_format.go.
const (
	accessPrefix  = "gth_at_"
	refreshPrefix = "gth_rt_"
	codePrefix    = "gth_ac_"
	sessionPrefix = "gth_se_"
)

// tokens are what a database is filled with: n grants, each with an access and
// a refresh token, all found again by their number. Introspection and userinfo
// take those of even numbers, which have the scopes of OpenID Connect;
// refreshing takes those of odd ones, so that it ends none of the former and
// signs nothing. Codes and sessions are numbered likewise: see codes.go.
type tokens struct {
	n       int
	seed    [32]byte
	keys    map[string][]byte // authz's, by prefix
	now     time.Time
	account string // whose grants they are
}

func newTokens(secret string, n int, account string) *tokens {
	t := &tokens{n: n, now: now(), account: account, keys: map[string][]byte{}}
	for prefix, purpose := range map[string]string{accessPrefix: "access", refreshPrefix: "refresh", codePrefix: "code", sessionPrefix: "session"} {
		t.keys[prefix] = authz.DeriveKey([]byte(secret), purpose)
	}
	rand.Read(t.seed[:])
	return t
}

// bytes are token number i: 32 random bytes, then their HMAC, which is what
// the database holds.
func (t *tokens) bytes(prefix string, i int) []byte {
	random := t.random(prefix, i)
	mac := hmac.New(sha256.New, t.keys[prefix])
	mac.Write([]byte(prefix))
	mac.Write(random[:])
	return mac.Sum(random[:])
}

func (t *tokens) random(label string, i int) [sha256.Size]byte {
	b := append(t.seed[:], label...) // a copy: seed has no room
	return sha256.Sum256(binary.BigEndian.AppendUint64(b, uint64(i)))
}

func (t *tokens) signature(prefix string, i int) []byte { return t.bytes(prefix, i)[sha256.Size:] }

// appendToken writes token number i as a client has it.
func (t *tokens) appendToken(b []byte, prefix string, i int) []byte {
	return base64.RawURLEncoding.AppendEncode(append(b, prefix...), t.bytes(prefix, i))
}

// appendKey writes the key by which a floor finds token number i.
func (t *tokens) appendKey(b []byte, prefix string, i int) []byte {
	return base64.RawURLEncoding.AppendEncode(b, t.signature(prefix, i))
}

// grantID is that of the n grants which lie one after the other until now.
func (t *tokens) grantID(i int) uuid.UUID { return t.uuid("grant", i, i-t.n) }

// uuid is number i of those with a label: a UUID of version 7, of so many
// milliseconds after now, as rows of one time lie together.
func (t *tokens) uuid(label string, i, after int) uuid.UUID {
	var id uuid.UUID
	random := t.random(label, i)
	copy(id[:], random[:])
	binary.BigEndian.PutUint64(id[:8], uint64(t.now.UnixMilli()+int64(after))<<16|0x7000|uint64(random[0])<<4)
	id[8] = id[8]&0x3f | 0x80
	return id
}

// family is the number of the k-th refresh token to use, in an order that
// jumps about in the tables.
func (t *tokens) family(k int) int { return 2*(k*1_000_003%(t.n/2)) + 1 }

// scope is that of token number i.
func (t *tokens) scope(i int) string {
	if i%2 == 0 {
		return openidScope
	}
	return benchScope
}

const day = 24 * time.Hour

// tables are the rows of all n tokens; id turns a UUID into what the driver
// takes.
func (t *tokens) tables(id func(uuid.UUID) any) []table {
	account := uuid.MustParse(t.account)
	return []table{
		{"grants", []string{"id", "root_id", "account_id", "client_id", "subject", "username", "scope", "audience", "resource",
			"auth_time", "amr", "acr", "claims", "actor", "cnf", "sid", "created_at", "expires_at"},
			func(i int) []any {
				g := id(t.grantID(i))
				return []any{g, g, id(account), webClient, t.account, userEmail(0), t.scope(i), benchAudience, "",
					t.now, "pwd", "", "", "", "", "", t.now, t.now.Add(90 * day)}
			}},
		{"access_tokens", []string{"signature", "grant_id", "scope", "audience", "cnf", "issued_at", "expires_at"},
			func(i int) []any {
				return []any{t.signature(accessPrefix, i), id(t.grantID(i)), t.scope(i), benchAudience, "", t.now, t.now.Add(day)}
			}},
		{"refresh_tokens", []string{"signature", "grant_id", "access_signature", "issued_at", "expires_at"},
			func(i int) []any {
				return []any{t.signature(refreshPrefix, i), id(t.grantID(i)), t.signature(accessPrefix, i), t.now, t.now.Add(30 * day)}
			}},
	}
}
