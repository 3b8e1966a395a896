package social

import (
	"context"
	"crypto/elliptic"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"
	strictjson "github.com/go-jose/go-jose/v4/json" // no duplicate names, and their case counts
)

const maxIDToken = 16 << 10

// compact is the three parts of a JWS in compact serialization (RFC 7515
// §7.1), decoded and nothing more: none of it is proven.
type compact struct {
	header, payload, signature []byte
}

// parseCompact is stricter than go-jose, which also takes the JSON
// serialization, where what is signed is harder to tell, and skips white space.
func parseCompact(text string) (*compact, error) {
	if len(text) > maxIDToken {
		return nil, errors.New("longer than 16 KiB")
	}
	parts := strings.Split(text, ".")
	if len(parts) != 3 {
		return nil, fmt.Errorf("%d segments instead of 3", len(parts))
	}
	var decoded [3][]byte
	for i, part := range parts {
		var err error
		if decoded[i], err = decodeSegment(part); err != nil {
			return nil, fmt.Errorf("segment %d: %w", i+1, err)
		}
	}
	return &compact{header: decoded[0], payload: decoded[1], signature: decoded[2]}, nil
}

// decodeSegment takes unpadded base64url in its one canonical form; Go's
// decoder would skip line ends.
func decodeSegment(part string) ([]byte, error) {
	if part == "" {
		return nil, errors.New("empty")
	}
	if strings.ContainsAny(part, "\r\n") {
		return nil, errors.New("line end")
	}
	return base64.RawURLEncoding.Strict().DecodeString(part)
}

// verifiedIDToken takes an ID token through every check that does not differ
// between providers (OIDC Core §3.1.3.7).
func (a *adapter) verifiedIDToken(ctx context.Context, t Token) (*claims, error) {
	parsed, err := parseCompact(t.Text)
	if err != nil {
		return nil, a.unverifiable(err)
	}
	// The issuer is read before anything is proven, and only to refuse: no
	// keys are called for on account of somebody else's token.
	var peek struct {
		Issuer string `json:"iss"`
	}
	if err := strictjson.Unmarshal(parsed.payload, &peek); err != nil {
		return nil, a.unverifiable(fmt.Errorf("claims: %w", err))
	}
	if !slices.Contains(a.issuers, peek.Issuer) {
		return nil, a.unverifiable(fmt.Errorf("issuer %q", shown(peek.Issuer)))
	}
	if err := checkType(parsed.header); err != nil {
		return nil, a.unverifiable(err)
	}
	signed, err := a.checkSignature(ctx, t.Text)
	if err != nil {
		return nil, err
	}
	c := &claims{}
	if err := strictjson.Unmarshal(signed.payload, c); err != nil {
		return nil, a.unverifiable(fmt.Errorf("claims: %w", err))
	}
	if len(c.Events) > 0 { // as a logout token has (OIDC Back-Channel Logout §2.4)
		return nil, a.unverifiable(errors.New("it has events and so is no ID token"))
	}
	if err := a.checkClaims(t, c); err != nil {
		return nil, err
	}
	c.Issuer = a.issuers[0]
	if !a.cfg.AllowReuse {
		c.replay = replayDigest(c, signed.alg, parsed.signature)
	}
	return c, nil
}

// checkType refuses what the same keys sign for another purpose: at+jwt,
// logout+jwt (RFC 8725 §3.11). ID tokens have no type, or the one of all.
func checkType(header []byte) error {
	var h struct {
		Type string `json:"typ"`
	}
	if err := strictjson.Unmarshal(header, &h); err != nil {
		return fmt.Errorf("header: %w", err)
	}
	if h.Type != "" && !strings.EqualFold(h.Type, "JWT") {
		return fmt.Errorf("typ %q", shown(h.Type))
	}
	return nil
}

// signed is what a signature was found to vouch for, or why it does not. It is
// go-oidc's key set for one token: go-oidc passes errors on as text only, and
// whether keys cannot be had or do not fit makes a difference here.
type signed struct {
	keys    *keySet
	algs    []jose.SignatureAlgorithm
	alg     string
	payload []byte
	err     error
}

// VerifySignature makes signed an oidc.KeySet.
func (s *signed) VerifySignature(ctx context.Context, text string) ([]byte, error) {
	jws, err := jose.ParseSignedCompact(text, s.algs)
	if err != nil {
		return nil, err
	}
	s.alg = jws.Signatures[0].Header.Algorithm
	s.payload, s.err = s.keys.verify(ctx, jws)
	return s.payload, s.err
}

// checkSignature is go-oidc's part: algorithm, signature, issuer. Its check of
// times is ours (checkTimes), as it has no leeway for exp and too much for nbf.
func (a *adapter) checkSignature(ctx context.Context, text string) (*signed, error) {
	s := &signed{keys: a.keys}
	for _, alg := range a.algs {
		s.algs = append(s.algs, jose.SignatureAlgorithm(alg))
	}
	verifier := oidc.NewVerifier(a.issuers[0], s, &oidc.Config{
		SupportedSigningAlgs: a.algs,
		SkipClientIDCheck:    true, // checkAudience does that, for several
		SkipExpiryCheck:      true,
	})
	_, err := verifier.Verify(ctx, text)
	switch {
	case err == nil:
		return s, nil
	case s.err == nil || errors.Is(s.err, errUnknownKey) || errors.Is(s.err, errSignature):
		return nil, a.unverifiable(err)
	}
	return nil, s.err
}

// replayDigest is the same for each form in which a token can be written: it
// is made of decoded parts, each with its length before it.
func replayDigest(c *claims, alg string, signature []byte) []byte {
	parts := [][]byte{
		[]byte(c.Issuer),
		[]byte(c.Subject),
		binary.BigEndian.AppendUint64(nil, uint64(c.IssuedAt.Unix())),
		[]byte(c.ID),
		canonicalSignature(alg, signature),
	}
	for _, aud := range c.Audience { // last, as their number varies
		parts = append(parts, []byte(aud))
	}
	h := sha256.New()
	for _, p := range parts {
		h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(p))))
		h.Write(p)
	}
	return h.Sum(nil)
}

// canonicalSignature is the one of (r, s) and (r, n-s), both of which verify
// with ECDSA, that has the smaller s: whoever sees a token can make the other.
func canonicalSignature(alg string, signature []byte) []byte {
	if alg != string(jose.ES256) || len(signature) != 64 { // RFC 7518 §3.4
		return signature
	}
	n := elliptic.P256().Params().N
	s := new(big.Int).SetBytes(signature[32:])
	if other := new(big.Int).Sub(n, s); other.Cmp(s) < 0 {
		s = other
	}
	return append(slices.Clone(signature[:32]), s.FillBytes(make([]byte, 32))...)
}
