package api

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"gatehouse/store"
)

const (
	problemType = "application/problem+json" // RFC 9457 §3

	maxErrors   = 20  // members told of in one problem
	maxLocation = 100 // characters of a name that the client made up
)

// When to come back, told with 503.
const (
	retryBusy    = 2 * time.Second // the password hasher's queue is full
	retryOutages = 5 * time.Second // somebody we need is not there
)

// problem is a problem document (RFC 9457). Its type is about:blank, so that
// code tells apart what shares a status.
type problem struct {
	Title  string       `json:"title" doc:"The status in words"`
	Status int          `json:"status"`
	Detail string       `json:"detail,omitempty" doc:"What happened, for a person"`
	Code   string       `json:"code,omitempty" doc:"What happened, for a program" example:"validation_failed"`
	Scope  string       `json:"scope,omitempty" doc:"With insufficient_scope: what the token needs"`
	Errors []fieldError `json:"errors,omitempty" nullable:"false" doc:"What is wrong with single members or parameters"`

	cause  error       // for the log alone; never holds a secret
	header http.Header // of the answer, may be nil
}

// fieldError is one member or parameter that is not right. The value is never
// told back: it may be a password.
type fieldError struct {
	Location string `json:"location" example:"body.email"`
	Message  string `json:"message"`
}

func newProblem(status int, code, detail string) *problem {
	return &problem{Title: http.StatusText(status), Status: status, Detail: detail, Code: code}
}

// invalid is the 422 of one member or parameter.
func invalid(location, message string) *problem {
	p := newProblem(http.StatusUnprocessableEntity, "validation_failed", message)
	p.Errors = []fieldError{{location, message}}
	return p
}

// tooMany is the 429 of a limit.
func tooMany(wait time.Duration) *problem {
	return newProblem(http.StatusTooManyRequests, "too_many_requests", "Too many attempts. Try again later.").after(wait)
}

// unavailable is the 503 of anything that a later attempt may find well.
func unavailable(wait time.Duration, cause error) *problem {
	p := newProblem(http.StatusServiceUnavailable, "temporarily_unavailable", "Not possible at the moment. Try again later.").after(wait)
	p.cause = cause
	return p
}

// after sets Retry-After (RFC 9110 §10.2.3), in whole seconds, rounded up.
func (p *problem) after(wait time.Duration) *problem {
	p.header = http.Header{"Retry-After": {strconv.Itoa(int(math.Ceil(max(1, wait.Seconds()))))}}
	return p
}

// asProblem is the border between what store says and what a client sees.
func asProblem(err error) *problem {
	var (
		p      *problem
		field  *store.FieldError
		policy *store.PolicyError
		limit  *store.LimitError
	)
	switch {
	case errors.As(err, &p):
		return p
	case errors.As(err, &field):
		return invalid("body."+field.Field, field.Message)
	case errors.As(err, &policy):
		return invalid("body.password", policy.Reason)
	case errors.As(err, &limit):
		return tooMany(limit.Wait)
	case errors.Is(err, store.ErrBusy):
		return unavailable(retryBusy, err)
	}
	return unavailable(retryOutages, err) // store: anything else means that the database could not be asked
}

// Error is for the log: it has no member's value.
func (p *problem) Error() string {
	text := p.Detail
	for _, e := range p.Errors {
		text += " (" + e.Location + ")"
	}
	return text
}

func (p *problem) Unwrap() error { return p.cause }

// GetStatus, GetHeaders and ContentType are for huma.
func (p *problem) GetStatus() int            { return p.Status }
func (p *problem) GetHeaders() http.Header   { return p.header }
func (p *problem) ContentType(string) string { return problemType }

// record puts the problem into the request's log event.
func (p *problem) record(ctx context.Context) {
	ev := eventOf(ctx)
	ev.err, ev.cause = p.Code, p.cause
	if ev.cause == nil {
		ev.cause = errors.New(p.Error())
	}
}

// fail records the problem and writes it, for whatever is not huma's.
func (s *Server) fail(w http.ResponseWriter, r *http.Request, p *problem) {
	p.record(r.Context())
	body, err := json.Marshal(p)
	if err != nil { // can't be: strings and numbers
		body = []byte("{}")
	}
	h := w.Header()
	for name, values := range p.header {
		h[name] = values
	}
	h.Set("Content-Type", problemType)
	w.WriteHeader(p.Status)
	w.Write(append(body, '\n'))
}

// transformProblem turns huma's own errors into ours, without the values that
// they repeat.
func transformProblem(c huma.Context, _ string, v any) (any, error) {
	theirs, ok := v.(*huma.ErrorModel)
	if !ok {
		return v, nil
	}
	p := newProblem(theirs.Status, codeOf(theirs.Status), theirs.Detail)
	for _, e := range theirs.Errors {
		p.Errors = append(p.Errors, fieldError{e.Location, e.Message})
	}
	p.Errors = fewErrors(p.Errors)
	if p.Status == http.StatusUnprocessableEntity {
		p.Detail = "Some of what was sent is not valid; see errors."
	}
	p.record(c.Context())
	return p, nil
}

// codeOf is the code of an error that huma found.
func codeOf(status int) string {
	switch status {
	case http.StatusUnprocessableEntity:
		return "validation_failed"
	case http.StatusUnsupportedMediaType:
		return "unsupported_media_type"
	case http.StatusInternalServerError:
		return "internal"
	}
	return "invalid_request"
}

// fewErrors sorts by location and bounds what a client can make us repeat.
func fewErrors(list []fieldError) []fieldError {
	for i, e := range list {
		if chars := []rune(e.Location); len(chars) > maxLocation {
			list[i].Location = string(chars[:maxLocation]) + "…"
		}
	}
	slices.SortFunc(list, func(a, b fieldError) int {
		return cmp.Or(strings.Compare(a.Location, b.Location), strings.Compare(a.Message, b.Message))
	})
	return list[:min(len(list), maxErrors)]
}
