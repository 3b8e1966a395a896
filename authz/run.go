package authz

import (
	"context"
	"sync"
	"time"
)

// job is what the server does from time to time beside its requests. Each
// replica does it: two at once must do no harm.
type job struct {
	name  string
	every time.Duration
	do    func(context.Context) error
}

func (s *Server) jobs() []job {
	return []job{
		{"signing keys", time.Minute, s.keepKeys},
	}
}

// Run does the server's jobs, each now and then again and again, and sends mail,
// until ctx ends and none is under way any more.
func (s *Server) Run(ctx context.Context) {
	var all sync.WaitGroup
	for _, j := range s.jobs() {
		all.Go(func() { s.repeat(ctx, j) })
	}
	all.Go(func() { s.runMail(ctx) })
	all.Wait()
}

func (s *Server) repeat(ctx context.Context, j job) {
	tick := time.NewTicker(j.every)
	defer tick.Stop()
	for {
		if err := j.do(ctx); err != nil && ctx.Err() == nil {
			s.log.WarnContext(ctx, "job", "name", j.name, "err", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}
