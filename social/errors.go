package social

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Reasons of an Error; the first column of the table in the package comment.
const (
	ReasonProviderRefused = "provider_refused"
	ReasonAudience        = "audience"
	ReasonExpired         = "expired"
	ReasonProviderDown    = "provider_down"
	ReasonDeclined        = "access_denied" // only of Redeem
)

// retryAfter is what a client is asked to wait for: as long as a breaker stays open.
const retryAfter = breakerPause

// Error says why a token, or the answer to a redirect, proves nothing.
type Error struct {
	Reason     string        // one of the Reason… constants; empty if Ours
	Say        string        // for the client, who holds the token: no body, id or secret of ours
	Cause      error         // for the log
	RetryAfter time.Duration // above zero with ReasonProviderDown
	Ours       bool          // our credentials or configuration are wrong: nothing that the client can mend
}

func (e *Error) Error() string {
	if e.Cause != nil {
		return fmt.Sprintf("%s: %v", e.Say, e.Cause)
	}
	return e.Say
}

// Unwrap is the cause.
func (e *Error) Unwrap() error { return e.Cause }

// told makes an *Error of err. What no rule of ours has made one of is the
// failure of a call, and never the token's fault.
func (a *adapter) told(err error) error {
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	return &Error{
		Reason:     ReasonProviderDown,
		Say:        a.cfg.Name + " cannot be reached",
		Cause:      err,
		RetryAfter: retryAfter,
	}
}

// unverifiable is for whatever is wrong with a token that its bearer cannot mend.
func (a *adapter) unverifiable(cause error) error {
	return a.refused("could not be verified", cause)
}

// refused says what is wrong with the token; say follows its name.
func (a *adapter) refused(say string, cause error) error {
	return &Error{Reason: ReasonProviderRefused, Say: "the " + a.cfg.Name + " token " + say, Cause: cause}
}

// expired has the time in it, so that a client with a wrong clock can see that.
func (a *adapter) expired(at time.Time) error {
	return &Error{
		Reason: ReasonExpired,
		Say:    fmt.Sprintf("the %s token expired at %s; sign in again", a.cfg.Name, a.clock(at)),
	}
}

// elsewhere is for a token that was issued to someone else.
func (a *adapter) elsewhere(say string, cause error) error {
	return &Error{Reason: ReasonAudience, Say: "the " + a.cfg.Name + " token " + say, Cause: cause}
}

// misconfigured is for what only the operator can mend.
func (a *adapter) misconfigured(cause error) error {
	a.calls.note(cause)
	return &Error{Say: "sign-in with " + a.cfg.Name + " is set up wrongly here", Cause: cause, Ours: true}
}

// clock writes a time of the day, with its date if that is another.
func (a *adapter) clock(at time.Time) string {
	if at = at.UTC(); a.now().Sub(at).Abs() < 24*time.Hour {
		return at.Format("15:04:05Z")
	}
	return at.Format(time.RFC3339)
}

// shown makes text from a token fit to be repeated to its bearer: characters
// of error_description only (RFC 6749 §5.2), at most 100.
func shown(text string) string {
	text = strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' || r == '"' || r == '\\' {
			return '?'
		}
		return r
	}, text)
	if len(text) > 100 {
		return text[:97] + "..."
	}
	return text
}
