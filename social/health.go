package social

import (
	"errors"
	"fmt"
	"time"

	"github.com/sony/gobreaker/v2"
)

// outcome is what the last calls came to.
type outcome struct {
	called  bool
	failing bool
	problem string
	success time.Time
}

// note keeps what a call came to. A call that was held back changes nothing:
// the failure that the breaker opened for is the one worth telling.
func (c *caller) note(err error) {
	if errors.Is(err, errLeft) || errors.Is(err, gobreaker.ErrOpenState) || errors.Is(err, gobreaker.ErrTooManyRequests) {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.last.called = true
	c.last.failing = err != nil
	if err != nil {
		c.last.problem = err.Error()
		return
	}
	c.last.success = c.now().UTC()
}

func (c *caller) health() Health {
	open := c.breaker.State() == gobreaker.StateOpen
	c.mu.Lock()
	defer c.mu.Unlock()
	h := Health{State: StateUnknown, LastError: c.last.problem, LastSuccess: c.last.success}
	switch {
	case open:
		h.State = StateOpen
	case c.last.failing:
		h.State = StateFailing
	case c.last.called:
		h.State = StateOK
	}
	return h
}

// unexpected is the error for an answer that has no meaning for a token: the
// address is wrong, or the provider is not itself.
func (c *caller) unexpected(what string, ans *answer) error {
	err := fmt.Errorf("%s: answered %d", what, ans.status)
	c.note(err)
	return err
}

// missing is the error for an answer without what makes it one.
func (c *caller) missing(what, member string) error {
	err := fmt.Errorf("%s: the answer has no %s", what, member)
	c.note(err)
	return err
}
