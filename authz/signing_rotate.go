package authz

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"gatehouse/store"
)

// actorServer is who changes a key by schedule, or at first use, as the audit
// trail says it.
const actorServer = "server"

// ErrKeyPublished refuses to make a key while one waits to sign.
var ErrKeyPublished = errors.New("the next key is published already and will sign by itself")

// add makes a key that follows rows, signs from activeAt, at once if that is
// over, and takes all others of its algorithm out of use if alone is set.
// store.ErrExists: another was made meanwhile.
func (g *signing) add(ctx context.Context, rows keyRows, algorithm string, activeAt time.Time, alone bool, actor string) (*store.SigningKey, error) {
	now := g.store.Now()
	if activeAt.Before(now) {
		activeAt = now
	}
	private, err := generateKey(algorithm)
	if err != nil {
		return nil, err
	}
	row, err := sealKey(g.keys.load(), algorithm, private)
	if err != nil {
		return nil, err
	}
	row.Generation, row.CreatedAt, row.ActiveAt = rows.nextGeneration(algorithm), now, activeAt
	return row, g.store.AddSigningKey(ctx, row, alone, actor)
}

// keepKeys is the job that follows the schedule, seals keys again when the
// system secret has changed, and removes those of long ago. Any number of
// replicas may do it at once.
func (s *Server) keepKeys(ctx context.Context) error {
	set, err := s.signing.readNow(ctx)
	if err != nil {
		return err
	}
	var errs []error
	for _, row := range set.usable {
		errs = append(errs, s.signing.reseal(ctx, row))
	}
	for _, algorithm := range algorithms {
		errs = append(errs, s.signing.follow(ctx, set.rows, algorithm, s.cfg.RotateKeysEvery))
	}
	_, err = s.store.PurgeSigningKeys(ctx, s.store.Now().Add(-keptAfter))
	return errors.Join(append(errs, err)...)
}

// reseal seals a key under the current system secret if it is not.
func (g *signing) reseal(ctx context.Context, row store.SigningKey) error {
	again := g.keys.load().reseal(keyContext(row.KID, row.Algorithm), row.PrivateKey)
	if again == nil {
		return nil
	}
	return g.store.ResealSigningKey(ctx, row.KID, row.PrivateKey, again)
}

// follow makes the next key of an algorithm when it is time to publish it. An
// algorithm that nothing was ever signed with has none.
func (g *signing) follow(ctx context.Context, rows keyRows, algorithm string, every time.Duration) error {
	live := rows.live(algorithm)
	if every == 0 || len(live) == 0 {
		return nil
	}
	due, now := live[len(live)-1].ActiveAt.Add(every), g.store.Now()
	if now.Before(due.Add(-publishAhead)) {
		return nil
	}
	if soonest := now.Add(publishAhead); due.Before(soonest) {
		due = soonest
	}
	row, err := g.add(ctx, rows, algorithm, due, false, actorServer)
	if errors.Is(err, store.ErrExists) {
		return nil // another replica was first
	}
	if err == nil {
		g.log.InfoContext(ctx, "the next signing key is published", "kid", row.KID, "algorithm", algorithm, "active_at", row.ActiveAt)
	}
	return err
}

// KeyStatus is a signing key as operators see it.
type KeyStatus struct {
	KID       string
	Algorithm string
	State     string // next, current, retired, revoked, or sealed: it opens under none of the secrets
	CreatedAt time.Time
	ActiveAt  time.Time  // from when it signs
	RetiresAt *time.Time // until when; nil: no other has been made yet
	Until     *time.Time // until when it is in the JWKS; nil likewise
	RevokedAt *time.Time
}

// KeySealed is the state of a key that a server with these secrets has no use of.
const KeySealed = "sealed"

// Keys lists the signing keys by algorithm and age, as a server with these
// secrets has them: one that opens under none of them signs nothing.
func Keys(ctx context.Context, st *store.Store, secrets [][]byte) ([]KeyStatus, error) {
	ring, err := newKeyring(secrets)
	if err != nil {
		return nil, err
	}
	all, err := st.SigningKeys(ctx)
	if err != nil {
		return nil, err
	}
	var list []KeyStatus
	for _, algorithm := range algorithms {
		var usable keyRows
		var others []KeyStatus
		for _, k := range all {
			if k.Algorithm != algorithm {
				continue
			}
			other := KeyStatus{KID: k.KID, Algorithm: algorithm, State: KeySealed, CreatedAt: k.CreatedAt, ActiveAt: k.ActiveAt, RevokedAt: k.RevokedAt}
			if k.RevokedAt != nil {
				other.State = "revoked"
			} else if _, err := openKey(ring, k); err == nil {
				usable = append(usable, k)
				continue
			}
			others = append(others, other)
		}
		for i := range usable {
			list = append(list, usable.status(i, st.Now()))
		}
		list = append(list, others...)
	}
	return list, nil
}

// status is that of the i-th of the live rows of one algorithm.
func (r keyRows) status(i int, now time.Time) KeyStatus {
	k := KeyStatus{KID: r[i].KID, Algorithm: r[i].Algorithm, CreatedAt: r[i].CreatedAt, ActiveAt: r[i].ActiveAt}
	if end := r.retires(i); !end.IsZero() {
		until := end.Add(publishedAfter)
		k.RetiresAt, k.Until = &end, &until
	}
	switch {
	case &r[i] == r.current(now):
		k.State = "current"
	case r[i].ActiveAt.After(now):
		k.State = "next"
	default:
		k.State = "retired"
	}
	return k
}

// RotateKey makes the next key of an algorithm, beside servers that run. It
// signs when all who keep the JWKS have seen it; with atOnce it signs now, and
// all before it are revoked and gone from the JWKS within seconds, as after a
// theft. ErrKeyPublished: there is such a key already. actor is who does it, as
// the audit trail says it.
func RotateKey(ctx context.Context, st *store.Store, secrets [][]byte, algorithm string, atOnce bool, actor string) (KeyStatus, error) {
	ring, err := newKeyring(secrets)
	if err != nil {
		return KeyStatus{}, err
	}
	g := &signing{store: st, keys: new(heldKeys), log: slog.Default()}
	g.keys.ring.Store(&ring)
	for range 3 { // a server may follow its schedule at the same time
		rows, err := st.SigningKeys(ctx)
		if err != nil {
			return KeyStatus{}, err
		}
		live, activeAt := keyRows(rows).live(algorithm), st.Now()
		if n := len(live); n > 0 && !atOnce {
			if live[n-1].ActiveAt.After(activeAt) {
				return KeyStatus{}, ErrKeyPublished
			}
			activeAt = activeAt.Add(publishAhead)
		}
		row, err := g.add(ctx, rows, algorithm, activeAt, atOnce, actor)
		if errors.Is(err, store.ErrExists) {
			continue
		}
		if err != nil {
			return KeyStatus{}, err
		}
		if atOnce {
			live = nil
		}
		return append(live, *row).status(len(live), st.Now()), nil
	}
	return KeyStatus{}, errors.New("keys are being made all the time: try again")
}
