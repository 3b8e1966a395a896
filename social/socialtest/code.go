package socialtest

import (
	"crypto/hmac"
	"crypto/sha256"
	"net/url"
	"time"
)

const codeLife = 10 * time.Minute

// code is what an authorization code stands for. It is spent by table.take.
type code struct {
	clientID      string
	redirectURI   string
	codeChallenge string // RFC 7636 §4.2, S256; empty: none was sent
	who           TokenOptions
	expires       time.Time
}

// newCode remembers what an authorization request asked for, for who.
func (s *standIn) newCode(text string, query url.Values, who TokenOptions) string {
	s.codes.put(text, code{
		clientID:      query.Get("client_id"),
		redirectURI:   query.Get("redirect_uri"),
		codeChallenge: query.Get("code_challenge"),
		who:           who,
		expires:       s.now().Add(codeLife),
	})
	return text
}

// verified checks the code_verifier (RFC 7636 §4.6).
func (c code) verified(codeVerifier string) bool {
	if c.codeChallenge == "" {
		return true
	}
	sum := sha256.Sum256([]byte(codeVerifier))
	return same(encode(sum[:]), c.codeChallenge)
}

// same compares secrets in a time that does not tell where they differ.
func same(a, b string) bool { return hmac.Equal([]byte(a), []byte(b)) }
