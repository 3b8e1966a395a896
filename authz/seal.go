package authz

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"errors"
)

// box says what a sealed text is kept for. A text sealed for one box opens in no
// other, as each has a key of its own.
type box int

const (
	atRest    box = iota // in the database: private keys, mail that waits
	atBrowser            // in a cookie or a form: a request that goes on after signing in
)

func (d *derived) boxKey(b box) []byte {
	if b == atBrowser {
		return d.cookie
	}
	return d.rest
}

var errSealed = errors.New("sealed for something else, changed, or under a secret that is gone")

const secretIDLength = 8

// seal encrypts text by AES-256-GCM (NIST SP 800-38D) under the current secret.
// context says what the text is, and must be given again to open it: which row,
// which purpose. The result is the secret's id, a random nonce of 12 bytes and
// the ciphertext with its tag.
func (k keyring) seal(b box, context string, text []byte) []byte {
	nonce := make([]byte, 12)
	rand.Read(nonce)
	sealed := append(bytes.Clone(k[0].id), nonce...)
	return aead(k[0].boxKey(b)).Seal(sealed, nonce, text, []byte(context))
}

// open is seal's inverse, under any of the secrets.
func (k keyring) open(b box, context string, sealed []byte) ([]byte, error) {
	if len(sealed) < secretIDLength+12 {
		return nil, errSealed
	}
	d := k.byID(sealed[:secretIDLength])
	if d == nil {
		return nil, errSealed
	}
	nonce, text := sealed[secretIDLength:secretIDLength+12], sealed[secretIDLength+12:]
	plain, err := aead(d.boxKey(b)).Open(nil, nonce, text, []byte(context))
	if err != nil {
		return nil, errSealed
	}
	return plain, nil
}

func aead(key []byte) cipher.AEAD {
	block, err := aes.NewCipher(key)
	if err != nil {
		panic(err) // a key of 32 bytes is always one
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		panic(err)
	}
	return gcm
}
