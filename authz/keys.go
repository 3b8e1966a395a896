package authz

import (
	"bytes"
	"crypto/hkdf"
	"crypto/sha256"
	"errors"
	"fmt"
	"sync/atomic"
)

// minSecret is the least length of a system secret, in bytes.
const minSecret = 32

// derived are the keys that come out of one system secret. The secret itself
// is never used for anything else.
type derived struct {
	id        []byte // names the secret in the database without telling it
	access    []byte
	refresh   []byte
	code      []byte
	session   []byte
	link      []byte
	successor []byte
	rest      []byte // what is stored and must be read back
	cookie    []byte // what a browser keeps for us and cannot read
}

// keyring holds the derived keys, those that make new tokens first; the others
// only verify.
type keyring []derived

// newKeyring derives one key for each purpose by HKDF-SHA-256 (RFC 5869), with
// info gatehouse/v1/<purpose>.
func newKeyring(secrets [][]byte) (keyring, error) {
	if len(secrets) == 0 {
		return nil, errors.New("secrets: at least one is needed")
	}
	ring := make(keyring, len(secrets))
	for i, secret := range secrets {
		if len(secret) < minSecret {
			return nil, fmt.Errorf("secrets: number %d has %d bytes, want at least %d", i+1, len(secret), minSecret)
		}
		d := &ring[i]
		for purpose, key := range map[string]*[]byte{
			"id": &d.id, "access": &d.access, "refresh": &d.refresh, "code": &d.code, "session": &d.session, "link": &d.link,
			"successor": &d.successor, "seal": &d.rest, "cookie": &d.cookie,
		} {
			*key = DeriveKey(secret, purpose)
		}
		d.id = d.id[:secretIDLength]
	}
	return ring, nil
}

// heldKeys is the ring in force. SetSecrets replaces it while requests are under
// way: each method takes the ring that is there when it begins.
type heldKeys struct{ ring atomic.Pointer[keyring] }

func (h *heldKeys) load() keyring { return *h.ring.Load() }

// current are the keys that make new tokens.
func (h *heldKeys) current() *derived { return &h.load()[0] }

func (h *heldKeys) byID(id []byte) *derived                     { return h.load().byID(id) }
func (h *heldKeys) mint(k kind) *token                          { return h.load().mint(k) }
func (h *heldKeys) verify(text string, kinds ...kind) *token    { return h.load().verify(text, kinds...) }
func (h *heldKeys) seal(b box, context string, t []byte) []byte { return h.load().seal(b, context, t) }
func (h *heldKeys) open(b box, context string, sealed []byte) ([]byte, error) {
	return h.load().open(b, context, sealed)
}

// SetSecrets replaces the system secrets, the current one first, while requests
// are under way. What was made under a secret that is no longer among them is
// refused from now on.
func (s *Server) SetSecrets(secrets [][]byte) error {
	ring, err := newKeyring(secrets)
	if err != nil {
		return err
	}
	s.keys.ring.Store(&ring)
	return nil
}

// SecretID is the public name of a system secret, 8 bytes: rows have it that
// only this secret opens.
func SecretID(secret []byte) []byte { return DeriveKey(secret, "id")[:secretIDLength] }

// DeriveKey returns the key of 32 bytes that a system secret gives for one
// purpose: "dummy" is for store's HasherConfig.
func DeriveKey(secret []byte, purpose string) []byte {
	key, err := hkdf.Key(sha256.New, secret, nil, "gatehouse/v1/"+purpose, sha256.Size)
	if err != nil {
		panic(err) // HKDF fails for outputs over 8160 bytes alone (RFC 5869 §2.3)
	}
	return key
}

// byID finds the keys of a secret named in the database; nil if it is gone.
func (k keyring) byID(id []byte) *derived {
	for i := range k {
		if bytes.Equal(k[i].id, id) {
			return &k[i]
		}
	}
	return nil
}
