package store

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"

	"golang.org/x/sync/semaphore"
)

// A client secret that came as a slow hash stays one until its first good use,
// if it is long enough for a plain digest to do: a guess at one of fewer
// characters must stay dear.
const fastSecret = 20

// slowSecrets bounds the checks of such hashes: one at a time, so that wrong
// secrets of one client, whose id everybody knows, leave the hasher's other
// workers to sign-ins; and eight that wait.
type slowSecrets struct{ one, queue *semaphore.Weighted }

func newSlowSecrets() slowSecrets {
	return slowSecrets{semaphore.NewWeighted(1), semaphore.NewWeighted(9)}
}

// CheckSecret tells whether a secret is one of the client's: first by digests,
// in constant time, then by what an import has left of slow hashes. Errors:
// ErrBusy, and that of ctx.
func (s *Store) CheckSecret(ctx context.Context, c *Client, secret string) (bool, error) {
	if c.SecretMatches(secret) {
		return true, nil
	}
	if !slices.ContainsFunc(c.Secrets, func(row ClientSecret) bool { return row.Hash != "" }) {
		return false, nil
	}
	if !s.slowSecrets.queue.TryAcquire(1) {
		return false, fmt.Errorf("check a client secret: %w", ErrBusy)
	}
	defer s.slowSecrets.queue.Release(1)
	if err := s.slowSecrets.one.Acquire(ctx, 1); err != nil {
		return false, fmt.Errorf("wait to check a client secret: %w", err)
	}
	defer s.slowSecrets.one.Release(1)
	c, err := s.ReadClient(ctx, c.ID) // who waited may find the hash replaced
	if errors.Is(err, ErrNotFound) {
		return false, nil
	}
	if err != nil || c.SecretMatches(secret) {
		return err == nil, err
	}
	for _, row := range c.Secrets {
		if ok, err := s.slowMatch(ctx, row, secret); ok || err != nil {
			return ok, err
		}
	}
	return false, nil
}

func (s *Store) slowMatch(ctx context.Context, row ClientSecret, secret string) (bool, error) {
	if row.Hash == "" {
		return false, nil
	}
	ok, err := s.hasher.VerifySecret(ctx, row.Hash, secret)
	if errors.Is(err, ErrHashForm) {
		s.log.WarnContext(ctx, "a stored secret hash cannot be used", "client", row.ClientID, "err", err)
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("check a client secret: %w", err)
	}
	if ok && len(secret) >= fastSecret {
		digest := sha256.Sum256([]byte(secret))
		if _, err := s.exec(ctx, `UPDATE client_secrets SET digest = $1, hash = '' WHERE id = $2 AND hash = $3`, digest[:], row.ID, row.Hash); err != nil {
			s.log.WarnContext(ctx, "replace a secret's hash", "client", row.ClientID, "err", err)
		}
		s.cache.drop(row.ClientID)
	}
	return ok, nil
}
