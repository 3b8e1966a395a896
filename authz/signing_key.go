package authz

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/go-jose/go-jose/v4"

	"gatehouse/store"
)

// Algorithms of RFC 7518 §3.1 that this server signs with. RS256 is what every
// OpenID client knows (OpenID Connect Core §15.1).
const (
	RS256 = string(jose.RS256)
	ES256 = string(jose.ES256)
)

var algorithms = []string{RS256, ES256}

// A key's life: made, published, signing from publishAhead later on until the
// next one does, published until the last token that it signed has ended, and
// kept for those who show us an old token as a hint.
const (
	publishAhead   = time.Hour // more than clients keep the JWKS, see jwks
	signedLife     = 24 * time.Hour
	publishedAfter = signedLife + time.Hour // after the next one signs
	keptAfter      = publishedAfter + 30*24*time.Hour
)

// MinKeyRotation is the least time between two signing keys of a schedule.
const MinKeyRotation = 2 * publishAhead

// keyRows are rows of signing keys in the order of their generations. Which one
// signs follows from them and the time alone, so that replicas agree.
type keyRows []store.SigningKey

// live are the rows of one algorithm that are not revoked.
func (r keyRows) live(algorithm string) keyRows {
	var list keyRows
	for _, k := range r {
		if k.Algorithm == algorithm && k.RevokedAt == nil {
			list = append(list, k)
		}
	}
	return list
}

// current is the key that signs at now, of the live rows of one algorithm; nil
// if there are none. The first of all signs before its time too: to a replica
// whose clock is behind it has just been made.
func (r keyRows) current(now time.Time) *store.SigningKey {
	var found *store.SigningKey
	for i := range r {
		if found == nil || !r[i].ActiveAt.After(now) {
			found = &r[i]
		}
	}
	return found
}

// retires is when the i-th of the live rows of one algorithm ceases to sign;
// zero if no other has been made yet.
func (r keyRows) retires(i int) time.Time {
	var end time.Time
	for _, later := range r[i+1:] {
		if end.IsZero() || later.ActiveAt.Before(end) {
			end = later.ActiveAt
		}
	}
	return end
}

// published are those of the live rows of one algorithm that belong into the
// JWKS at now, the one that signs first.
func (r keyRows) published(now time.Time) keyRows {
	var list keyRows
	current := r.current(now)
	for i := range r {
		if end := r.retires(i); &r[i] == current {
			list = slices.Insert(list, 0, r[i])
		} else if end.IsZero() || now.Before(end.Add(publishedAfter)) {
			list = append(list, r[i])
		}
	}
	return list
}

// nextGeneration follows every row of the algorithm, revoked ones too.
func (r keyRows) nextGeneration(algorithm string) int64 {
	var last int64
	for _, k := range r {
		if k.Algorithm == algorithm {
			last = max(last, k.Generation)
		}
	}
	return last + 1
}

// openedKey is a signing key whose private half is in memory.
type openedKey struct {
	algorithm string
	signer    jose.Signer
	public    jose.JSONWebKey // made from the private half: nobody can put another into the JWKS
}

// keyContext binds what is sealed to the key's name and algorithm.
func keyContext(kid, algorithm string) string { return "signing_key " + kid + " " + algorithm }

// sealKey makes a row of a key. The kid is its thumbprint (RFC 7638).
func sealKey(ring keyring, algorithm string, private crypto.Signer) (*store.SigningKey, error) {
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return nil, fmt.Errorf("encode a signing key: %w", err)
	}
	public, err := publicKey(private, algorithm)
	if err != nil {
		return nil, err
	}
	text, err := json.Marshal(public)
	if err != nil {
		return nil, fmt.Errorf("encode a signing key: %w", err)
	}
	return &store.SigningKey{
		KID: public.KeyID, Algorithm: algorithm, PublicKey: string(text),
		PrivateKey: ring.seal(atRest, keyContext(public.KeyID, algorithm), der),
	}, nil
}

func generateKey(algorithm string) (private crypto.Signer, err error) {
	switch algorithm {
	case RS256:
		private, err = rsa.GenerateKey(rand.Reader, 2048)
	case ES256:
		private, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	default:
		return nil, fmt.Errorf("there is no algorithm %q here: want %s or %s", algorithm, RS256, ES256)
	}
	if err != nil {
		return nil, fmt.Errorf("make a signing key: %w", err)
	}
	return private, nil
}

func publicKey(private crypto.Signer, algorithm string) (jose.JSONWebKey, error) {
	public := jose.JSONWebKey{Key: private.Public(), Algorithm: algorithm, Use: "sig"}
	print, err := public.Thumbprint(crypto.SHA256)
	if err != nil {
		return public, fmt.Errorf("name a signing key: %w", err)
	}
	public.KeyID = base64.RawURLEncoding.EncodeToString(print)
	return public, nil
}

// openKey is sealKey's inverse. It refuses a row that was changed in what the
// seal is bound to, or whose key is not one for its algorithm.
func openKey(ring keyring, row store.SigningKey) (*openedKey, error) {
	der, err := ring.open(atRest, keyContext(row.KID, row.Algorithm), row.PrivateKey)
	if err != nil {
		return nil, err
	}
	parsed, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return nil, errors.New("not a private key")
	}
	switch private := parsed.(type) {
	case *rsa.PrivateKey:
		if row.Algorithm != RS256 {
			return nil, errors.New("a key for another algorithm")
		}
	case *ecdsa.PrivateKey:
		if row.Algorithm != ES256 || private.Curve != elliptic.P256() { // RFC 7518 §3.4
			return nil, errors.New("a key for another algorithm")
		}
	default:
		return nil, errors.New("a key for another algorithm")
	}
	public, err := publicKey(parsed.(crypto.Signer), row.Algorithm)
	if err != nil {
		return nil, err
	}
	if public.KeyID != row.KID {
		return nil, errors.New("another key's name")
	}
	signer, err := jose.NewSigner(jose.SigningKey{
		Algorithm: jose.SignatureAlgorithm(row.Algorithm), Key: jose.JSONWebKey{Key: parsed, KeyID: row.KID},
	}, new(jose.SignerOptions).WithType("JWT"))
	if err != nil {
		return nil, fmt.Errorf("sign with a key: %w", err)
	}
	return &openedKey{row.Algorithm, signer, public}, nil
}
