package admin

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"gatehouse/store"
)

// maxDetails is how many single errors one answer lists.
const maxDetails = 20

// refusal is an answer that a handler chose.
type refusal struct {
	status int
	say    string
	fields []*huma.ErrorDetail
	retry  time.Duration // Retry-After
	record bool          // worth a row in the audit trail: somebody tried what an operator may not
	cause  error         // for the log
}

func (r *refusal) Error() string { return r.say }

// Unwrap is the cause.
func (r *refusal) Unwrap() error { return r.cause }

// badField refuses the value of one member.
func badField(location, message string) *refusal {
	return &refusal{status: http.StatusUnprocessableEntity, say: message,
		fields: []*huma.ErrorDetail{{Location: location, Message: message}}}
}

// taken says that another row has the value of this member.
func taken(location, message string) *refusal {
	r := badField(location, message)
	r.status = http.StatusConflict
	return r
}

// refusalOf says what an operator is told of an error. What it does not know
// is not the operator's fault: 503, as almost always the database is away, and
// the cause goes to the log.
func refusalOf(err error) *refusal {
	var known *refusal
	var field *store.FieldError
	var policy *store.PolicyError
	switch {
	case errors.As(err, &known):
		return known
	case errors.As(err, &field) && field.Field == "cursor":
		return badField("query.cursor", field.Message)
	case errors.As(err, &field):
		return badField("body."+field.Field, field.Message)
	case errors.As(err, &policy):
		return badField("body.password", policy.Reason)
	case errors.Is(err, store.ErrNotFound):
		return &refusal{status: http.StatusNotFound, say: "There is no such thing, or it has ended."}
	case errors.Is(err, store.ErrExists):
		return &refusal{status: http.StatusConflict, say: "It exists already."}
	case errors.Is(err, store.ErrBusy):
		return &refusal{status: http.StatusServiceUnavailable, say: "Too many passwords at once. Try again shortly.", retry: time.Second}
	}
	return &refusal{status: http.StatusServiceUnavailable, say: "The server cannot reach what it needs. Try again shortly.",
		retry: 2 * time.Second, cause: err}
}

// problemOf turns a handler's error into what huma writes, and notes its cause
// in the request's log event.
func problemOf(ctx context.Context, err error) error {
	r := refusalOf(err)
	if r.cause != nil {
		eventOf(ctx).cause = r.cause
	}
	h := http.Header{}
	if r.retry > 0 {
		h.Set("Retry-After", strconv.Itoa(int(r.retry.Seconds())))
	}
	return huma.ErrorWithHeaders(problem(r.status, r.say, r.fields...), h)
}

func problem(status int, say string, fields ...*huma.ErrorDetail) *huma.ErrorModel {
	return &huma.ErrorModel{Status: status, Title: http.StatusText(status), Detail: say, Errors: fields}
}

// writeProblem answers what fails outside huma.
func writeProblem(w http.ResponseWriter, status int, say string, fields ...*huma.ErrorDetail) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(problem(status, say, fields...)) // the only error left is a connection that is gone
}

// withoutValues takes out of huma's own errors what the client sent: it may be
// a password, and answers get logged. It also keeps the list short.
func withoutValues(_ huma.Context, _ string, body any) (any, error) {
	if p, ok := body.(*huma.ErrorModel); ok {
		p.Errors = p.Errors[:min(len(p.Errors), maxDetails)]
		for _, detail := range p.Errors {
			detail.Value = nil
		}
	}
	return body, nil
}

// failCheck answers a request whose token does not let it in (RFC 6750 §3).
func failCheck(w http.ResponseWriter, r *http.Request, err error) {
	const challenge = `Bearer realm="gatehouse admin"`
	h := w.Header()
	switch {
	case errors.Is(err, ErrNoToken):
		h.Set("WWW-Authenticate", challenge) // no error code: RFC 6750 §3.1
		writeProblem(w, http.StatusUnauthorized, "Send an access token: Authorization: Bearer …")
	case errors.Is(err, ErrBadToken):
		h.Set("WWW-Authenticate", challenge+`, error="invalid_token", error_description="The token is unknown, expired or revoked"`)
		writeProblem(w, http.StatusUnauthorized, "The access token is unknown, expired or revoked. Ask for a new one.")
	case errors.Is(err, ErrForbidden):
		h.Set("WWW-Authenticate", challenge+`, error="insufficient_scope", scope="`+store.ScopeAdmin+`"`)
		writeProblem(w, http.StatusForbidden, "This token does not open the admin API: it takes the scope admin, and a client marked operator.")
	default:
		eventOf(r.Context()).cause = err
		h.Set("Retry-After", "2")
		writeProblem(w, http.StatusServiceUnavailable, "The token could not be checked. Try again shortly.")
	}
}
