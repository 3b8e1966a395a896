package authz

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/go-jose/go-jose/v4"
	"golang.org/x/sync/singleflight"

	"gatehouse/store"
)

const (
	keysAge   = 5 * time.Second // of the keys in memory, then they are read again
	keysStale = 5 * time.Minute // of the keys that go on while the database is away
)

// errForeignToken is what verifyOwn says of everything that this server has not
// signed with a key that it still has.
var errForeignToken = errors.New("not signed by a key of this server")

// signing are the signing keys. Nothing is read or made before somebody wants
// something signed, or asks for the JWKS.
type signing struct {
	store  *store.Store
	keys   *heldKeys
	log    *slog.Logger
	flight singleflight.Group
	held   atomic.Pointer[keySet] // written only by readNow
}

// keySet are the signing keys as they were read at one time.
type keySet struct {
	rows   keyRows               // all
	usable keyRows               // those that open and are not revoked
	opened map[string]*openedKey // by kid; nil for one that does not open
	ring   *keyring              // they were opened with
	readAt time.Time
}

// openedAs is what came of opening the same row with the same secrets before.
func (k *keySet) openedAs(row store.SigningKey, ring *keyring) (key *openedKey, known bool) {
	if k == nil || k.ring != ring {
		return nil, false
	}
	for _, old := range k.rows {
		if old.KID == row.KID && old.Algorithm == row.Algorithm && bytes.Equal(old.PrivateKey, row.PrivateKey) {
			key, known = k.opened[row.KID]
		}
	}
	return key, known
}

// sign makes a compact JWS of claims (RFC 7515 §7.1), which must say when they
// expire: within signedLife, as a key leaves the JWKS when nothing that it
// signed is good any more.
func (s *Server) sign(ctx context.Context, algorithm string, claims any) (string, error) {
	payload, err := json.Marshal(claims)
	if err != nil {
		return "", fmt.Errorf("sign: %w", err)
	}
	var c struct {
		Expiry float64 `json:"exp"` // RFC 7519 §4.1.4
	}
	latest := s.store.Now().Add(signedLife)
	if err := json.Unmarshal(payload, &c); err != nil || c.Expiry == 0 || c.Expiry > float64(latest.Unix()) {
		return "", fmt.Errorf("sign: claims expire within %v", signedLife)
	}
	key, err := s.signing.signer(ctx, algorithm)
	if err != nil {
		return "", fmt.Errorf("sign: %w", err)
	}
	jws, err := key.signer.Sign(payload)
	if err != nil {
		return "", fmt.Errorf("sign: %w", err)
	}
	return jws.CompactSerialize()
}

// verifyOwn reads the claims of a compact JWS that this server has signed, also
// with a key that is retired but kept. Whether they have expired is the
// caller's to judge. errForeignToken is the client's fault, any other error is
// ours.
func (s *Server) verifyOwn(ctx context.Context, token string, claims any) error {
	jws, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{jose.RS256, jose.ES256})
	if err != nil {
		return errForeignToken
	}
	head := jws.Signatures[0].Protected
	key, err := s.signing.byKID(ctx, head.KeyID)
	if err != nil {
		return fmt.Errorf("verify: %w", err)
	}
	if key == nil || key.algorithm != head.Algorithm { // RFC 8725 §3.1
		return errForeignToken
	}
	payload, err := jws.Verify(key.public.Key)
	if err != nil || json.Unmarshal(payload, claims) != nil {
		return errForeignToken
	}
	return nil
}

// jwks serves /.well-known/jwks.json (RFC 7517 §5): the keys that signed what
// is still good, those that sign, and those that will. It may be kept for
// less than publishAhead.
func (s *Server) jwks(w http.ResponseWriter, r *http.Request) {
	keys, err := s.signing.published(r.Context())
	if err != nil {
		s.fail(w, r, err)
		return
	}
	w.Header().Set("Cache-Control", "public, max-age=300")
	writeJSON(w, http.StatusOK, jose.JSONWebKeySet{Keys: keys})
}

// published are the public keys of the JWKS at this time. A client that comes
// before anything is signed finds the keys that it will be signed with.
func (g *signing) published(ctx context.Context) ([]jose.JSONWebKey, error) {
	list := []jose.JSONWebKey{}
	for _, algorithm := range algorithms {
		set, err := g.with(ctx, algorithm)
		if err != nil {
			return nil, err
		}
		for _, row := range set.usable.live(algorithm).published(g.store.Now()) {
			list = append(list, set.opened[row.KID].public)
		}
	}
	return list, nil
}

// signer is the key that signs with algorithm now.
func (g *signing) signer(ctx context.Context, algorithm string) (*openedKey, error) {
	set, err := g.with(ctx, algorithm)
	if err != nil {
		return nil, err
	}
	return set.opened[set.usable.live(algorithm).current(g.store.Now()).KID], nil
}

// byKID is nil if there is no such key. One that another replica has just made
// is looked for.
func (g *signing) byKID(ctx context.Context, kid string) (*openedKey, error) {
	for _, age := range []time.Duration{keysAge, time.Second} {
		set, err := g.read(ctx, age)
		if err != nil {
			return nil, err
		}
		for _, row := range set.usable {
			if row.KID == kid {
				return set.opened[kid], nil
			}
		}
	}
	return nil, nil
}

// with reads the keys, and makes the first one of the algorithm if there is
// none. It returns a set that has one.
func (g *signing) with(ctx context.Context, algorithm string) (*keySet, error) {
	set, err := g.read(ctx, keysAge)
	if err == nil && len(set.rows.live(algorithm)) == 0 {
		set, err = g.makeFirst(ctx, algorithm)
	}
	if err != nil {
		return nil, err
	}
	if len(set.usable.live(algorithm)) == 0 {
		return nil, fmt.Errorf("no signing key for %s opens under the system secrets: put the old secret back, or run `gatehouse keys rotate --now`", algorithm)
	}
	return set, nil
}

// makeFirst makes the first key of an algorithm, which signs at once. Of two
// replicas that start together one is first, and both read its key.
func (g *signing) makeFirst(ctx context.Context, algorithm string) (*keySet, error) {
	set, err, _ := g.flight.Do("make "+algorithm, func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
		defer cancel()
		set, err := g.readNow(ctx)
		if err != nil || len(set.rows.live(algorithm)) > 0 {
			return set, err
		}
		if _, err := g.add(ctx, set.rows, algorithm, g.store.Now(), false, actorServer); err != nil && !errors.Is(err, store.ErrExists) {
			return nil, err
		}
		return g.readNow(ctx)
	})
	if err != nil {
		return nil, err
	}
	return set.(*keySet), nil
}

// read returns keys that are no older than age, or while the database is away
// not much older.
func (g *signing) read(ctx context.Context, age time.Duration) (*keySet, error) {
	held, now := g.held.Load(), g.store.Now()
	if held != nil && held.ring == g.keys.ring.Load() && now.Sub(held.readAt) < age {
		return held, nil
	}
	set, err, _ := g.flight.Do("read", func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		return g.readNow(ctx)
	})
	switch {
	case err == nil:
		return set.(*keySet), nil
	case held != nil && now.Sub(held.readAt) < keysStale:
		g.log.WarnContext(ctx, "go on with the signing keys as they were", "err", err)
		return held, nil
	}
	return nil, err
}

// readNow reads the keys and opens those that are new.
func (g *signing) readNow(ctx context.Context) (*keySet, error) {
	before := g.held.Load()
	set := &keySet{ring: g.keys.ring.Load(), readAt: g.store.Now(), opened: make(map[string]*openedKey)}
	var err error
	if set.rows, err = g.store.SigningKeys(ctx); err != nil {
		return nil, err
	}
	for _, row := range set.rows {
		if row.RevokedAt != nil {
			continue
		}
		key, known := before.openedAs(row, set.ring)
		if !known {
			if key, err = openKey(*set.ring, row); err != nil {
				g.log.ErrorContext(ctx, "a signing key does not open: it neither signs nor is published", "kid", row.KID, "algorithm", row.Algorithm, "err", err)
			}
		}
		set.opened[row.KID] = key
		if key != nil {
			set.usable = append(set.usable, row)
		}
	}
	for { // what was read later stays
		if before != nil && before.readAt.After(set.readAt) {
			return before, nil
		}
		if g.held.CompareAndSwap(before, set) {
			return set, nil
		}
		before = g.held.Load()
	}
}
