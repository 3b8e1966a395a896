package authz

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/ory/fosite"

	"gatehouse/authz/pages"
	"gatehouse/social"
	"gatehouse/store"
)

// refusal is an OAuth error with what our answers add to it.
type refusal struct {
	*fosite.RFC6749Error
	status int           // instead of the error's own
	say    string        // error_description: what the client can do about it
	reason string        // machine-readable, from a closed list
	retry  time.Duration // Retry-After
	cause  error         // for the log

	challenge string            // WWW-Authenticate, instead of HTTP Basic's with a 401
	page      string            // which text a person at a browser is shown, of pages.Error… or Problem…
	next      string            // where the page leads on to, of pages.Next…; empty: nowhere
	fields    map[string]string // of a form, by name: pages.Problem…
}

// Unwrap lets errors.Is find the OAuth error.
func (r *refusal) Unwrap() error { return r.RFC6749Error }

// The reasons that an answer may name. Those of package social are told as
// they are.
const (
	reasonProviderRefused = social.ReasonProviderRefused
	reasonAudience        = social.ReasonAudience
	reasonExpired         = social.ReasonExpired
	reasonReplayed        = "replayed"
	reasonLinkRequired    = "link_required"
	reasonEmailUnverified = "email_unverified"
	reasonAccountDisabled = "account_disabled"
	reasonInteraction     = "interaction_required"
)

func invalidRequest(say string) error {
	return &refusal{RFC6749Error: fosite.ErrInvalidRequest, say: say}
}
func invalidGrant(say string) error { return &refusal{RFC6749Error: fosite.ErrInvalidGrant, say: say} }
func invalidScope(say string) error { return &refusal{RFC6749Error: fosite.ErrInvalidScope, say: say} }
func invalidClient(say string) error {
	return &refusal{RFC6749Error: fosite.ErrInvalidClient, say: say}
}

// errInvalidTarget is RFC 8707 §2's.
var errInvalidTarget = &fosite.RFC6749Error{ErrorField: "invalid_target", CodeField: http.StatusBadRequest}

func invalidTarget(say string) error { return &refusal{RFC6749Error: errInvalidTarget, say: say} }

// refusalOf says what a client is told of an error. What it does not know is
// not the client's fault: 503, as almost always the database is away, and the
// cause goes to the log.
func refusalOf(err error) *refusal {
	var known *refusal
	var limit *store.LimitError
	var oauth *fosite.RFC6749Error
	switch {
	case errors.As(err, &known):
		return known
	case errors.As(err, &limit):
		return &refusal{RFC6749Error: fosite.ErrTemporarilyUnavailable, status: http.StatusTooManyRequests,
			say: "Too many failed attempts. Wait before the next one.", retry: limit.Wait}
	case errors.Is(err, store.ErrBusy):
		return &refusal{RFC6749Error: fosite.ErrTemporarilyUnavailable, status: http.StatusServiceUnavailable,
			say: "Too many sign-ins at once. Try again shortly.", retry: time.Second, cause: err}
	case errors.Is(err, context.Canceled):
		return &refusal{RFC6749Error: fosite.ErrTemporarilyUnavailable, status: http.StatusServiceUnavailable,
			say: "The request was given up.", retry: time.Second, cause: err}
	case errors.As(err, &oauth) && oauth.CodeField < 500:
		return &refusal{RFC6749Error: oauth, say: printable(oauth.HintField), cause: oauth.Cause()}
	}
	return &refusal{RFC6749Error: fosite.ErrTemporarilyUnavailable, status: http.StatusServiceUnavailable,
		say: "The server cannot reach what it needs. Try again shortly.", retry: 2 * time.Second, cause: err}
}

// fail answers an OAuth endpoint's error (RFC 6749 §5.2) and notes it in the
// request's log event.
func (s *Server) fail(w http.ResponseWriter, r *http.Request, err error) {
	f := refusalOf(err)
	status := f.answered()
	eventOf(r.Context()).refused(f)
	s.allowAnyClient(r)
	h := w.Header()
	noStore(h)
	if f.challenge == "" && status == http.StatusUnauthorized { // RFC 9110 §11.6.1
		f.challenge = `Basic realm="gatehouse", charset="UTF-8"`
	}
	if f.challenge != "" {
		h.Set("WWW-Authenticate", f.challenge)
	}
	if f.retry > 0 {
		h.Set("Retry-After", f.retryAfter())
	}
	body := struct {
		Error       string `json:"error,omitempty"`
		Description string `json:"error_description,omitempty"`
		Reason      string `json:"reason,omitempty"`
	}{f.ErrorField, f.description(), f.reason}
	writeJSON(w, status, body)
}

// failPage is fail for a person at a browser.
func (s *Server) failPage(w http.ResponseWriter, r *http.Request, err error) {
	f := refusalOf(err)
	status := f.answered()
	eventOf(r.Context()).refused(f)
	noStore(w.Header())
	if f.retry > 0 {
		w.Header().Set("Retry-After", f.retryAfter())
	}
	page := pages.Error{Code: f.pageCode(status), RequestID: eventOf(r.Context()).id}
	if status < 500 && !f.personal() {
		page.Detail = f.say
	}
	if f.next != "" {
		page.Next, page.NextURL = f.next, s.base+nextPaths[f.next]
	}
	s.pages.Write(w, status, page)
}

// nextPaths are where the ways on of an error page lead.
var nextPaths = map[string]string{pages.NextAccount: "/account", pages.NextForgot: "/forgot", pages.NextSignUp: "/signup"}

// personal tells whether it is between the person and us: the page says it all,
// and there is nothing for an application's developer to mend.
func (r *refusal) personal() bool {
	return r.page == pages.ErrorLastWayIn || r.page == pages.ErrorTaken || r.page == pages.ErrorAccount
}

// pageCode is what a page says of the refusal, in the words of its own.
func (r *refusal) pageCode(status int) string {
	switch {
	case r.page != "":
		return r.page
	case status == http.StatusTooManyRequests:
		return pages.ErrorTooMany
	case status == http.StatusServiceUnavailable:
		return pages.ErrorBusy
	case status >= 500:
		return pages.ErrorServer
	case r.reason == reasonExpired:
		return pages.ErrorExpired
	}
	return pages.ErrorRequest
}

// problem is what is said above the form that was refused.
func (r *refusal) problem() string {
	switch status := r.answered(); {
	case r.page != "" || len(r.fields) > 0:
		return r.page
	case status == http.StatusTooManyRequests:
		return pages.ProblemTooMany
	case status >= 500:
		return pages.ProblemBusy
	}
	return r.description()
}

func (r *refusal) retryAfter() string { return strconv.Itoa(int(math.Ceil(r.retry.Seconds()))) }

// answered is the HTTP status.
func (r *refusal) answered() int {
	if r.status != 0 {
		return r.status
	}
	return r.CodeField
}

// description is the error_description.
func (r *refusal) description() string {
	if r.say == "" {
		return r.DescriptionField
	}
	return r.say
}

// refused notes what was answered. A cause that was noted before stays, unless
// the refusal has its own.
func (e *event) refused(f *refusal) {
	e.err, e.reason = f.ErrorField, f.reason
	if f.cause != nil {
		e.cause = f.cause
	}
}

func writeJSON(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(body) // the only error left is a connection that is gone
}

// noStore keeps tokens out of every cache (RFC 6749 §5.1).
func noStore(h http.Header) {
	h.Set("Cache-Control", "no-store")
	h.Set("Pragma", "no-cache")
}
