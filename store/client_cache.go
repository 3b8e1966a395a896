package store

import (
	"context"
	"fmt"
	"github.com/ory/fosite"
	"sync"
	"time"
)

// clientCache keeps clients in memory for Config.ClientCache. What is not
// found is not kept, so that nobody can fill it with names.
type clientCache struct {
	clients sync.Map // id → cachedClient
	mu      sync.Mutex
	origins map[string]bool
	read    time.Time // when origins were
}

type cachedClient struct {
	*Client
	read time.Time // on the process's own clock, which no test moves
}

func (c *clientCache) drop(id string) {
	c.clients.Delete(id)
	c.mu.Lock()
	c.origins = nil
	c.mu.Unlock()
}

// Client returns the client with its secrets, as it was at most
// Config.ClientCache ago. Callers must not change it. Errors: ErrNotFound,
// also for one that is disabled.
func (s *Store) Client(ctx context.Context, id string) (*Client, error) {
	if hit, ok := s.cache.clients.Load(id); ok {
		if c := hit.(cachedClient); time.Since(c.read) < s.cfg.ClientCache {
			return c.enabled()
		}
	}
	read := time.Now()
	c, err := s.ReadClient(ctx, id)
	if err != nil {
		s.cache.clients.Delete(id)
		return nil, err
	}
	s.cache.clients.Store(id, cachedClient{c, read})
	return c.enabled()
}

func (c *Client) enabled() (*Client, error) {
	if c.DisabledAt != nil {
		return nil, ErrNotFound
	}
	return c, nil
}

// OriginRegistered tells whether any enabled client has this web origin, as of
// at most Config.ClientCache ago, or as last known while the database is away:
// pages must be able to read that it is.
func (s *Store) OriginRegistered(ctx context.Context, origin string) (bool, error) {
	s.cache.mu.Lock()
	origins, read := s.cache.origins, s.cache.read
	s.cache.mu.Unlock()
	if origins != nil && time.Since(read) < s.cfg.ClientCache {
		return origins[origin], nil
	}
	read = time.Now()
	var lists []Words
	err := s.reads.WithContext(ctx).Model(&Client{}).
		Where("origins <> '' AND disabled_at IS NULL").Distinct().Pluck("origins", &lists).Error
	if err != nil && origins != nil {
		return origins[origin], nil
	}
	if err != nil {
		return false, fmt.Errorf("list origins: %w", err)
	}
	origins = map[string]bool{}
	for _, list := range lists {
		for _, o := range list {
			origins[o] = true
		}
	}
	s.cache.mu.Lock()
	s.cache.origins, s.cache.read = origins, read
	s.cache.mu.Unlock()
	return origins[origin], nil
}

// GetClient is Client for fosite.
func (s *Store) GetClient(ctx context.Context, id string) (fosite.Client, error) {
	c, err := s.Client(ctx, id)
	if err != nil {
		return nil, err
	}
	return c, nil
}

// ClientAssertionJWTValid refuses every assertion: no client authenticates by
// private_key_jwt.
func (s *Store) ClientAssertionJWTValid(context.Context, string) error { return errUnused }

// SetClientAssertionJWT is its other half.
func (s *Store) SetClientAssertionJWT(context.Context, string, time.Time) error { return errUnused }

var _ fosite.Storage = (*Store)(nil)
