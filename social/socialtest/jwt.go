package socialtest

import (
	"crypto"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"net/http"
	"sync"
	"time"
)

// keyLife is how long the key set may be kept by who fetched it.
const keyLife = 6 * time.Hour

type signingKey struct {
	id  string
	key *rsa.PrivateKey
}

// keySet is a provider's keys: the first signs, the second only is published.
type keySet struct {
	mu   sync.RWMutex
	keys [2]signingKey // written only by newKeySet and rotate
}

func newKeySet() *keySet {
	k := new(keySet)
	var both sync.WaitGroup
	for i := range k.keys {
		both.Go(func() { k.keys[i] = newSigningKey() })
	}
	both.Wait()
	return k
}

func newSigningKey() signingKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(fmt.Errorf("make a signing key: %w", err)) // no randomness: nothing can go on
	}
	return signingKey{hex.EncodeToString(random(20)), key}
}

// rotate replaces the key that signs. What it has signed no longer verifies
// against the published set; the other key stays.
func (k *keySet) rotate() {
	fresh := newSigningKey()
	k.mu.Lock()
	defer k.mu.Unlock()
	k.keys[0] = fresh
}

func (k *keySet) signer() signingKey {
	k.mu.RLock()
	defer k.mu.RUnlock()
	return k.keys[0]
}

// serve answers with the public keys (RFC 7517 §5).
func (k *keySet) serve(w http.ResponseWriter, now time.Time) {
	k.mu.RLock()
	keys := k.keys
	k.mu.RUnlock()
	set := make([]map[string]string, 0, len(keys))
	for _, key := range keys {
		set = append(set, map[string]string{
			"kty": "RSA", "alg": "RS256", "use": "sig", "kid": key.id,
			"n": encode(key.key.N.Bytes()),
			"e": encode(big.NewInt(int64(key.key.E)).Bytes()),
		})
	}
	w.Header().Set("Cache-Control", fmt.Sprintf("public, max-age=%.0f, must-revalidate, no-transform", keyLife.Seconds()))
	w.Header().Set("Expires", now.UTC().Add(keyLife).Format(http.TimeFormat))
	answer(w, http.StatusOK, map[string]any{"keys": set})
}

// sign makes the JWT of claims (RFC 7519), altered as o asks.
func (k *keySet) sign(claims map[string]any, o TokenOptions) string {
	for name, value := range o.Claims {
		if value == nil {
			delete(claims, name)
		} else {
			claims[name] = value
		}
	}
	key := k.signer()
	alg := or(o.Alg, "RS256")
	head := map[string]any{"alg": alg, "kid": or(o.Kid, key.id), "typ": "JWT"}
	if alg == "none" {
		delete(head, "kid")
	}
	protected, payload := encode(mustJSON(head)), encode(mustJSON(claims))
	signed := encode(signature(alg, key.key, protected+"."+payload))
	if o.JSON { // RFC 7515 §7.2.2
		return string(mustJSON(map[string]string{"payload": payload, "protected": protected, "signature": signed}))
	}
	return protected + "." + payload + "." + signed
}

// signature signs with RS256 whatever the header says, but for none and HS256.
func signature(alg string, key *rsa.PrivateKey, text string) []byte {
	switch alg {
	case "none":
		return nil
	case "HS256": // the public key as the secret: what a verifier that believes the header would check with
		der, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
		if err != nil {
			panic(fmt.Errorf("encode the public key: %w", err)) // an RSA key always encodes
		}
		return mac(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), text)
	}
	sum := sha256.Sum256([]byte(text))
	signed, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, sum[:])
	if err != nil {
		panic(fmt.Errorf("sign with RS256: %w", err)) // 2048 bits always hold a SHA-256
	}
	return signed
}

func mac(secret []byte, text string) []byte {
	h := hmac.New(sha256.New, secret)
	h.Write([]byte(text))
	return h.Sum(nil)
}

func random(n int) []byte {
	b := make([]byte, n)
	rand.Read(b) // never fails (crypto/rand)
	return b
}

// encode is base64url without padding (RFC 7515 §2).
func encode(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

func mustJSON(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Errorf("encode JSON: %w", err)) // only a test's own Claims or Debug can hold what JSON cannot
	}
	return b
}

// or returns the first of its texts that is not empty.
func or(texts ...string) string {
	for _, t := range texts {
		if t != "" {
			return t
		}
	}
	return ""
}
