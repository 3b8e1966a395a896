package store_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"gatehouse/store"
	"gatehouse/store/storetest"
)

const lease = 2 * time.Minute

// outbox is a store with a clock, and what tests ask of it.
type outbox struct {
	*store.Store
	t     *testing.T
	clock *movable
}

func eachOutbox(t *testing.T, test func(*testing.T, *outbox)) {
	storetest.Each(t, func(t *testing.T, url string) {
		clock := newMovable()
		test(t, &outbox{storetest.Open(t, store.Config{URL: url, Now: clock.now}), t, clock})
	})
}

func (o *outbox) letter(life time.Duration) store.Mail {
	return store.Mail{ID: uuid.Must(uuid.NewV7()).String(), Sealed: []byte("sealed"), ExpiresAt: o.Now().Add(life)}
}

func (o *outbox) posted(life time.Duration) store.Mail {
	o.t.Helper()
	m := o.letter(life)
	o.do(o.Post(context.Background(), m))
	return m
}

func (o *outbox) do(err error) {
	o.t.Helper()
	if err != nil {
		o.t.Fatal(err)
	}
}

func (o *outbox) claim(n int) []store.Mail {
	o.t.Helper()
	list, err := o.ClaimMail(context.Background(), n, lease)
	o.do(err)
	return list
}

func (o *outbox) rows() int {
	o.t.Helper()
	n, err := o.Count(context.Background(), `SELECT count(*) FROM outbox`)
	o.do(err)
	return n
}

func TestClaimedMailIsTheSendersAloneUntilTheLeaseEnds(t *testing.T) {
	eachOutbox(t, func(t *testing.T, o *outbox) {
		m := o.posted(time.Hour)
		got := o.claim(5)
		if len(got) != 1 || got[0].ID != m.ID || string(got[0].Sealed) != "sealed" || !got[0].ExpiresAt.Equal(m.ExpiresAt) || got[0].Attempts != 1 {
			t.Fatalf("%+v", got)
		}
		o.clock.move(lease - time.Second)
		if again := o.claim(5); len(again) != 0 {
			t.Errorf("claimed twice: %+v", again)
		}
		o.clock.move(time.Second)
		second := o.claim(5)
		if len(second) != 1 || second[0].Attempts != 2 {
			t.Fatalf("its sender died: %+v", second)
		}
		o.do(o.MailFailed(context.Background(), got[0], "too late")) // and now somebody else is at it
		o.clock.move(90 * time.Second)
		if again := o.claim(5); len(again) != 0 {
			t.Errorf("a sender whose lease is over let go another's: %+v", again)
		}
		o.do(o.MailSent(context.Background(), m.ID))
		if o.rows() != 0 {
			t.Error("sent mail is still there")
		}
	})
}

func TestTwoSendersNeverHaveTheSameMail(t *testing.T) {
	eachOutbox(t, func(t *testing.T, o *outbox) {
		const letters = 60
		for range letters {
			o.posted(time.Hour)
		}
		var mu sync.Mutex
		seen := map[string]int{}
		var senders sync.WaitGroup
		for range 8 {
			senders.Go(func() {
				for {
					list, err := o.ClaimMail(context.Background(), 3, lease)
					if err != nil {
						t.Error(err)
						return
					}
					mu.Lock()
					for _, m := range list {
						seen[m.ID]++
					}
					done := len(seen) == letters
					mu.Unlock()
					if done || len(list) == 0 {
						return
					}
				}
			})
		}
		senders.Wait()
		for len(seen) < letters { // who saw only rows that others were locking went home early
			list := o.claim(letters)
			if len(list) == 0 {
				break
			}
			for _, m := range list {
				seen[m.ID]++
			}
		}
		if len(seen) != letters {
			t.Errorf("%d of %d were claimed", len(seen), letters)
		}
		for id, n := range seen {
			if n != 1 {
				t.Errorf("%s was claimed %d times", id, n)
			}
		}
	})
}

func TestFailedMailWaitsLongerEachTime(t *testing.T) {
	eachOutbox(t, func(t *testing.T, o *outbox) {
		o.posted(24 * time.Hour)
		for i, wait := range []time.Duration{1, 2, 4, 8, 16, 32, 60, 60} {
			list := o.claim(1)
			if len(list) != 1 || list[0].Attempts != i+1 {
				t.Fatalf("attempt %d: %+v", i+1, list)
			}
			o.do(o.MailFailed(context.Background(), list[0], fmt.Sprint("smtp 45", i)))
			o.clock.move(wait*time.Minute - time.Second)
			if early := o.claim(1); len(early) != 0 {
				t.Fatalf("after attempt %d: %+v before its time", i+1, early)
			}
			o.clock.move(time.Second)
		}
		if last := o.claim(1); len(last) != 1 || last[0].LastError != "smtp 457" {
			t.Errorf("%+v", last)
		}
	})
}

func TestExpiredMailIsNeitherClaimedNorKept(t *testing.T) {
	eachOutbox(t, func(t *testing.T, o *outbox) {
		ctx := context.Background()
		o.posted(time.Hour)
		kept := o.posted(2 * time.Hour)
		o.clock.move(time.Hour + time.Microsecond)
		if n, err := o.MailWaiting(ctx); n != 1 || err != nil {
			t.Errorf("%d wait, %v", n, err)
		}
		if n, err := o.Purge(ctx); n != 1 || err != nil {
			t.Errorf("purged %d, %v", n, err)
		}
		if list := o.claim(5); len(list) != 1 || list[0].ID != kept.ID || o.rows() != 1 {
			t.Errorf("%+v of %d", list, o.rows())
		}
		again := o.posted(time.Hour)
		o.clock.move(time.Hour)
		if list := o.claim(5); len(list) != 0 {
			t.Errorf("%s is over: %+v", again.ID, list)
		}
	})
}

func TestMailOfARolledBackTransactionIsNone(t *testing.T) {
	eachOutbox(t, func(t *testing.T, o *outbox) {
		m := o.letter(time.Hour)
		if err := o.PostAndFail(context.Background(), &m); err == nil || err.Error() != "rolled back" {
			t.Errorf("%v", err)
		}
		if err := o.PostAndFail(context.Background(), nil); err == nil || err.Error() != "rolled back" {
			t.Errorf("no mail: %v", err)
		}
		if o.rows() != 0 {
			t.Error("it was posted")
		}
	})
}
