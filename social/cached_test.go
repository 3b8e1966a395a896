package social

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"
)

// TestRenew: whoever doubts an edition that has been replaced gets the new one,
// and nobody is asked.
func TestRenew(t *testing.T) {
	now, reads := time.Date(2026, 5, 4, 10, 0, 0, 0, time.UTC), 0
	var broken error
	c := &cached[int]{
		what:  "number",
		calls: &caller{now: func() time.Time { return now }, total: time.Minute},
		log:   slog.New(slog.DiscardHandler),
		read: func(context.Context) (int, time.Duration, error) {
			reads++
			return reads, time.Hour, broken
		},
	}
	ctx := context.Background()
	first, err := c.get(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		second, err := c.renew(ctx, first)
		if err != nil || second.value != 2 || reads != 2 {
			t.Fatalf("%+v, %v after %d reads", second, err, reads)
		}
		if again, err := c.renew(ctx, second); err != nil || again != second || reads != 2 {
			t.Fatalf("within the minute: %+v, %v after %d reads", again, err, reads)
		}
	}
	now, broken = now.Add(renewEvery), errors.New("down")
	held, _ := c.get(ctx)
	for range 3 {
		if _, err := c.renew(ctx, held); err != broken || reads != 3 {
			t.Fatalf("%v after %d reads", err, reads)
		}
	}
	if e, err := c.get(ctx); err != nil || e != held {
		t.Fatalf("a fresh edition is lost: %+v, %v", e, err)
	}
}
