package authz

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"slices"
	"strings"

	"github.com/ory/fosite"
)

// kind is the prefix of a token: what it is, for people, for secret scanners,
// and for the HMAC, which covers it.
type kind string

const (
	accessToken       kind = "gth_at_"
	refreshToken      kind = "gth_rt_"
	authorizationCode kind = "gth_ac_"
	sessionCookie     kind = "gth_se_"
	mailLink          kind = "gth_ml_"
)

const (
	randomLength = 32
	tokenLength  = len(accessToken) + (randomLength+sha256.Size)*4/3 + 1 // 93 characters, all kinds
)

// strict refuses what is not the one canonical spelling: padding, line breaks,
// and stray bits in the last character (RFC 4648 §3.5).
var strict = base64.RawURLEncoding.Strict()

// token is one opaque token, taken apart: 32 random bytes and their HMAC. Only
// the HMAC, its signature, is stored.
type token struct {
	kind      kind
	bytes     [randomLength + sha256.Size]byte
	signature []byte // the last 32 of bytes
}

func (d *derived) key(k kind) []byte {
	switch k {
	case refreshToken:
		return d.refresh
	case authorizationCode:
		return d.code
	case sessionCookie:
		return d.session
	case mailLink:
		return d.link
	}
	return d.access
}

// seal completes a token from its random part.
func (d *derived) seal(k kind, random []byte) *token {
	t := &token{kind: k}
	copy(t.bytes[:], random)
	t.signature = t.bytes[randomLength:]
	copy(t.signature, mac(d.key(k), []byte(k), t.bytes[:randomLength]))
	return t
}

// mint makes a new token under the current secret.
func (k keyring) mint(kind kind) *token {
	var random [randomLength]byte
	rand.Read(random[:])
	return k[0].seal(kind, random[:])
}

// String is the token as a client sees it.
func (t *token) String() string { return string(t.kind) + strict.EncodeToString(t.bytes[:]) }

// hasOurForm tells whether text claims to be a token of this server. What does
// not may be one of the system that was here before.
func hasOurForm(text string) bool { return strings.HasPrefix(text, "gth_") }

// verify takes a token apart if it is one of ours and of one of these kinds, made
// under any of the secrets; otherwise it returns nil, having asked no database.
func (k keyring) verify(text string, kinds ...kind) *token {
	if len(text) != tokenLength {
		return nil
	}
	t := &token{kind: kind(text[:len(accessToken)])}
	if !slices.Contains(kinds, t.kind) {
		return nil
	}
	// The decoder skips line breaks, which the fixed length then turns into a short result.
	if n, err := strict.Decode(t.bytes[:], []byte(text[len(t.kind):])); err != nil || n != len(t.bytes) {
		return nil
	}
	t.signature = t.bytes[randomLength:]
	for i := range k {
		if hmac.Equal(t.signature, mac(k[i].key(t.kind), []byte(t.kind), t.bytes[:randomLength])) {
			return t
		}
	}
	return nil
}

// successors derives the pair that follows a refresh token, the same pair for
// whoever presents it. Without the row's salt, which the purge erases, nobody
// can.
func (d *derived) successors(old *token, salt []byte) (access, refresh *token) {
	part := func(label string) []byte {
		var lengths [12]byte
		binary.BigEndian.PutUint32(lengths[0:], uint32(len(label)))
		binary.BigEndian.PutUint32(lengths[4:], uint32(len(old.bytes)))
		binary.BigEndian.PutUint32(lengths[8:], uint32(len(salt)))
		return mac(d.successor, lengths[:], []byte(label), old.bytes[:], salt)
	}
	return d.seal(accessToken, part("access")), d.seal(refreshToken, part("refresh"))
}

func mac(key []byte, parts ...[]byte) []byte {
	h := hmac.New(sha256.New, key)
	for _, p := range parts {
		h.Write(p)
	}
	return h.Sum(nil)
}

// accessStrategy lends our tokens to fosite's handlers. A signature is the raw
// bytes in a string.
type accessStrategy struct{ keys *heldKeys }

// GenerateAccessToken makes a new access token.
func (a accessStrategy) GenerateAccessToken(context.Context, fosite.Requester) (string, string, error) {
	t := a.keys.mint(accessToken)
	return t.String(), string(t.signature), nil
}

// AccessTokenSignature is empty for what is not an access token of ours.
func (a accessStrategy) AccessTokenSignature(_ context.Context, text string) string {
	if t := a.keys.verify(text, accessToken); t != nil {
		return string(t.signature)
	}
	return ""
}

// ValidateAccessToken checks the HMAC alone.
func (a accessStrategy) ValidateAccessToken(ctx context.Context, _ fosite.Requester, text string) error {
	if a.AccessTokenSignature(ctx, text) == "" {
		return fosite.ErrTokenSignatureMismatch
	}
	return nil
}
