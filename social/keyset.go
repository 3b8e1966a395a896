package social

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// minRSABits is the least that RS256 may be used with (RFC 7518 §3.3).
const minRSABits = 2048

// usualKeyLife is how long keys are kept whose provider does not say.
const usualKeyLife = time.Hour

var (
	errUnknownKey = errors.New("signed with a key that the provider does not publish")
	errSignature  = errors.New("the signature is wrong")
)

// keySet is the public keys of a provider (RFC 7517 §5).
type keySet struct {
	cached[[]jose.JSONWebKey]
}

// newKeySet reads keys from where address says, which may have to ask first.
func newKeySet(cfg Config, calls *caller, address func(context.Context) (string, error)) *keySet {
	k := &keySet{}
	k.what, k.calls, k.log = cfg.Name+" keys", calls, cfg.Log
	k.read = func(ctx context.Context) ([]jose.JSONWebKey, time.Duration, error) {
		uri, err := address(ctx)
		if err != nil {
			return nil, 0, err
		}
		return readKeys(ctx, calls, uri)
	}
	return k
}

// readKeys keeps those keys that we could verify with, and ignores others, as
// RFC 7517 §5 asks.
func readKeys(ctx context.Context, calls *caller, uri string) ([]jose.JSONWebKey, time.Duration, error) {
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	ans, err := calls.do(ctx, request{what: "keys", url: uri, into: &set})
	if err != nil {
		return nil, 0, err
	}
	if !ans.ok() {
		return nil, 0, calls.unexpected("keys", ans)
	}
	var keys []jose.JSONWebKey
	for _, raw := range set.Keys {
		var key jose.JSONWebKey
		if json.Unmarshal(raw, &key) == nil && usableKey(&key) {
			keys = append(keys, key)
		}
	}
	if len(keys) == 0 {
		err := errors.New("keys: the answer has none that can be used")
		calls.note(err)
		return nil, 0, err
	}
	return keys, freshFor(ans.header, usualKeyLife), nil
}

func usableKey(key *jose.JSONWebKey) bool {
	if key.Use != "" && key.Use != "sig" || !key.Valid() {
		return false
	}
	switch public := key.Key.(type) {
	case *rsa.PublicKey:
		return public.N.BitLen() >= minRSABits
	case *ecdsa.PublicKey:
		return public.Curve == elliptic.P256()
	}
	return false
}

// verify returns what jws signs. Its errors are errUnknownKey, errSignature,
// and those of calls.
func (k *keySet) verify(ctx context.Context, jws *jose.JSONWebSignature) ([]byte, error) {
	set, err := k.get(ctx)
	if err != nil {
		return nil, err
	}
	payload, err := verifyWith(set.value, jws)
	if !errors.Is(err, errUnknownKey) {
		return payload, err
	}
	if set, err = k.renew(ctx, set); err != nil {
		return nil, err
	}
	return verifyWith(set.value, jws)
}

// verifyWith tries the key that jws names, or all if it names none. A wrong
// signature by a known key is no reason to look for newer keys: anybody can
// make one.
func verifyWith(keys []jose.JSONWebKey, jws *jose.JSONWebSignature) ([]byte, error) {
	header, known := jws.Signatures[0].Header, false
	for _, key := range keys {
		if header.KeyID != "" && key.KeyID != header.KeyID || key.Algorithm != "" && key.Algorithm != header.Algorithm {
			continue
		}
		known = header.KeyID != ""
		if payload, err := jws.Verify(key.Key); err == nil {
			return payload, nil
		}
	}
	if known {
		return nil, errSignature
	}
	return nil, errUnknownKey
}
