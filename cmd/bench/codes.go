package main

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
)

// What the code flow goes by, in all requests alike.
const (
	benchRedirect = "https://app.example.com/callback"
	benchVerifier = "bench-verifier-bench-verifier-bench-verifier" // RFC 7636 §4.1
	benchNonce    = "n-0S6_WzA2Mj"
	signedIn      = maxConns // people with a session: requests under way at once are each about another one
)

// codesPerSecond is more than any machine exchanges.
const codesPerSecond = 25_000

// benchChallenge is made of benchVerifier (RFC 7636 §4.2).
func benchChallenge() string {
	digest := sha256.Sum256([]byte(benchVerifier))
	return base64.RawURLEncoding.EncodeToString(digest[:])
}

// codes are those that one client exchanges. Each is good once, so there are
// always more: the database has those below made, and those below taken are
// spent.
type codes struct {
	client, scope, algorithm string
	nth                      int // of the clients
	made                     int // written by keepCodes
	taken                    atomic.Int64
}

func newCodes() []*codes {
	return []*codes{
		{nth: 0, client: codeClient, scope: benchScope},
		{nth: 1, client: rs256Client, scope: openidScope, algorithm: "RS256"},
		{nth: 2, client: es256Client, scope: openidScope, algorithm: "ES256"},
	}
}

// codesOf is nil for a client that exchanges none.
func (d *database) codesOf(client string) *codes {
	for _, c := range d.codes {
		if c.client == client {
			return c
		}
	}
	return nil
}

// number is that of the client's k-th code among all of them.
func (c *codes) number(k int) int { return k*len(newCodes()) + c.nth }

// next is the number of a code that nobody has used. A run that is faster than
// codesPerSecond comes to codes that are not there, and is refused.
func (c *codes) next() int { return c.number(int(c.taken.Add(1) - 1)) }

// keepCodes adds codes until n are unspent.
func (d *database) keepCodes(ctx context.Context, c *codes, n int) error {
	want := int(c.taken.Load()) + n
	if want <= c.made {
		return nil
	}
	if err := d.fill(ctx, []table{d.tokens.codes(c, d.id)}, c.made, want); err != nil {
		return err
	}
	c.made = want
	return nil
}

// restock gives a side the codes that it may need in one window.
func (d *database) restock(ctx context.Context, s *side, window time.Duration) error {
	if s.codes == nil {
		return nil
	}
	return d.keepCodes(ctx, s.codes, int(codesPerSecond*window.Seconds())+len(s.load.workers))
}

// codes are the rows of a client's codes, by their place among these. They are
// good all day, that none ends unused.
func (t *tokens) codes(c *codes, id func(uuid.UUID) any) table {
	challenge := benchChallenge()
	return table{"codes", []string{"signature", "grant_id", "client_id", "account_id", "auth_epoch", "login_session_id", "auth_time", "amr", "redirect_uri",
		"code_challenge", "nonce", "scope", "audience", "resource", "issued_at", "expires_at", "kept_until"},
		func(k int) []any {
			i := c.number(k)
			return []any{t.signature(codePrefix, i), id(t.begins(i)), c.client, id(t.person(i)), 0, id(t.session(i)), t.now, "pwd", benchRedirect,
				challenge, benchNonce, c.scope, benchAudience, "", t.now, t.now.Add(day), t.now.Add(2 * day)}
		}}
}

// begins is the id of the grant that code number i begins.
func (t *tokens) begins(i int) uuid.UUID { return t.uuid("begun", i, i) }

// person and session are whose code number i is.
func (t *tokens) person(i int) uuid.UUID  { return t.uuid("person", i%signedIn, 0) }
func (t *tokens) session(i int) uuid.UUID { return t.uuid("session", i%signedIn, 0) }

func personEmail(i int) string { return "person" + strconv.Itoa(i) + "@example.com" }

// people are the rows of those who are signed in at a browser, without a
// password, and who have consented to what authorize asks for.
func (t *tokens) people(id func(uuid.UUID) any) []table {
	return []table{
		{"accounts", []string{"id", "email", "email_key", "email_state", "username", "first_name", "last_name", "password_hash",
			"is_staff", "is_superuser", "is_active", "auth_epoch", "created_at"},
			func(i int) []any {
				name := "person" + strconv.Itoa(i)
				return []any{id(t.person(i)), personEmail(i), personEmail(i), "proven", name, "Person", "Bench", "!",
					false, false, true, 0, t.now}
			}},
		{"login_sessions", []string{"id", "signature", "account_id", "sid", "auth_time", "amr", "user_agent", "address",
			"created_at", "seen_at", "expires_at", "absolute_at"},
			func(i int) []any {
				sid := t.random("sid", i)
				return []any{id(t.session(i)), t.signature(sessionPrefix, i), id(t.person(i)), base64.RawURLEncoding.EncodeToString(sid[:16]), t.now, "pwd", "bench", "127.0.0.1",
					t.now, t.now, t.now.Add(7 * day), t.now.Add(30 * day)}
			}},
		{"consents", []string{"account_id", "client_id", "scope", "granted_at"},
			func(i int) []any { return []any{id(t.person(i)), rs256Client, openidScope, t.now} }},
	}
}

// browser is the cookie of the first person's browser.
func (t *tokens) browser() string {
	return string(t.appendToken([]byte("__Host-gatehouse="), sessionPrefix, 0))
}

// authorizations ask for codes, as a browser that the client has sent.
func authorizations(*database, int) func(int) form {
	query := url.Values{"response_type": {"code"}, "client_id": {rs256Client}, "redirect_uri": {benchRedirect}, "scope": {openidScope},
		"state": {"af0ifjsldkj"}, "nonce": {benchNonce}, "code_challenge": {benchChallenge()}, "code_challenge_method": {"S256"}}.Encode()
	return func(int) form {
		return func(b, _ []byte) []byte { return append(b, query...) }
	}
}

// sessionKeys are the same for a floor, which knows the session by its
// signature.
func sessionKeys(d *database, _ int) func(int) form {
	return func(int) form {
		return func(b, _ []byte) []byte { return d.tokens.appendKey(append(b, "key="...), sessionPrefix, 0) }
	}
}

// exchanges bring codes of this client, each once.
func exchanges(client string) func(d *database, conns int) func(int) form {
	const prefix = "grant_type=authorization_code&code_verifier=" + benchVerifier + "&redirect_uri="
	return func(d *database, _ int) func(int) form {
		c, head := d.codesOf(client), prefix+url.QueryEscape(benchRedirect)+"&code="
		return func(int) form {
			return func(b, _ []byte) []byte { return d.tokens.appendToken(append(b, head...), codePrefix, c.next()) }
		}
	}
}

// codeKeys are the same for a floor, with what the server reads beforehand: the
// statement of package store takes it.
func codeKeys(d *database, _ int) func(int) form {
	c := d.codesOf(codeClient)
	return func(int) form {
		return func(b, _ []byte) []byte {
			i := c.next()
			b = fmt.Appendf(b, "grant=%s&account=%s&session=%s&key=", d.tokens.begins(i), d.tokens.person(i), d.tokens.session(i))
			return d.tokens.appendKey(b, codePrefix, i)
		}
	}
}

// claimsToSign are for a floor that signs: about as much as an ID token says.
func claimsToSign(*database, int) func(int) form {
	claims := "claims=" + strings.Repeat("a", 400)
	return func(int) form {
		return func(b, _ []byte) []byte { return append(b, claims...) }
	}
}
