package authz

import (
	"context"
	"sync"
)

// Run does what the server does by itself, beside answering requests, until ctx
// ends; it returns when every job has.
func (s *Server) Run(ctx context.Context) {
	var jobs sync.WaitGroup
	for _, job := range []func(context.Context){s.runMail} {
		jobs.Go(func() { job(ctx) })
	}
	jobs.Wait()
}
