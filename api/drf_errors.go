package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"maps"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// drfError is a refusal in the shape that the Django service had for it: a
// detail (views), an error (OAuth), or what is wrong with each field.
type drfError struct {
	status int
	body   any
	code   string      // for the log
	header http.Header // of the answer, may be nil
	cause  error       // for the log alone; never holds a secret
}

func (e *drfError) Error() string { return e.code }
func (e *drfError) Unwrap() error { return e.cause }

type drfDetailBody struct {
	Detail string `json:"detail"`
}

func drfDetail(status int, detail string) *drfError {
	code := strings.ReplaceAll(strings.ToLower(http.StatusText(status)), " ", "_")
	return &drfError{status: status, body: drfDetailBody{detail}, code: code, cause: errors.New(detail)}
}

// drfOAuth is an error of RFC 6749 §5.2.
func drfOAuth(status int, code, description string) *drfError {
	body := struct {
		Error       string `json:"error"`
		Description string `json:"error_description,omitempty"`
	}{code, description}
	return &drfError{status: status, body: body, code: code}
}

// drfFieldErrors says what is wrong with each field, by name.
type drfFieldErrors map[string][]string

// drfOrder is the order in which the service names the fields at fault.
var drfOrder = []string{"email", "username", "first_name", "password", "grant_type", "backend", "association_id", "token", "client_id", "client_secret"}

// MarshalJSON writes them in that order, others behind.
func (e drfFieldErrors) MarshalJSON() ([]byte, error) {
	rest := slices.DeleteFunc(slices.Sorted(maps.Keys(e)), func(name string) bool { return slices.Contains(drfOrder, name) })
	var out bytes.Buffer
	for _, name := range slices.Concat(drfOrder, rest) {
		if _, ok := e[name]; !ok {
			continue
		}
		member, err := json.Marshal(map[string][]string{name: e[name]})
		if err != nil {
			return nil, err
		}
		if out.Len() > 0 {
			out.WriteByte(',')
		}
		out.Write(member[1 : len(member)-1])
	}
	return []byte("{" + out.String() + "}"), nil
}

func (e drfFieldErrors) refusal() *drfError {
	return &drfError{status: http.StatusBadRequest, body: e, code: "validation_failed"}
}

// with adds a header to the answer.
func (e *drfError) with(name, value string) *drfError {
	if e.header == nil {
		e.header = http.Header{}
	}
	e.header.Set(name, value)
	return e
}

// after sets Retry-After (RFC 9110 §10.2.3), in whole seconds, rounded up.
func (e *drfError) after(wait time.Duration) *drfError {
	return e.with("Retry-After", strconv.Itoa(int(math.Ceil(max(1, wait.Seconds())))))
}

// drfThrottled is Django REST framework's own 429.
func drfThrottled(wait time.Duration) *drfError {
	seconds, unit := int(math.Ceil(max(1, wait.Seconds()))), " seconds."
	if seconds == 1 {
		unit = " second."
	}
	return drfDetail(http.StatusTooManyRequests, "Request was throttled. Expected available in "+strconv.Itoa(seconds)+unit).after(wait)
}

// asDRF puts what the rest of this package says into the service's shape.
func asDRF(err error) *drfError {
	var refusal *drfError
	if errors.As(err, &refusal) {
		return refusal
	}
	p := asProblem(err)
	refusal = drfDetail(p.Status, p.Detail)
	refusal.code, refusal.header, refusal.cause = p.Code, p.header, p
	if p.cause != nil {
		refusal.cause = p.cause
	}
	return refusal
}

// fail notes the error in the request's log event and writes it.
func (d *drf) fail(w http.ResponseWriter, r *http.Request, err error) {
	e := asDRF(err)
	ev := eventOf(r.Context())
	ev.err, ev.cause = e.code, e.cause
	for name, values := range e.header {
		w.Header()[name] = values
	}
	d.answer(w, e.status, e.body)
}

// answer writes JSON as Django REST framework does: without a charset, without a
// line break at the end, and with nothing escaped that needs no escaping.
func (d *drf) answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	w.Write(drfJSON(body))
}

func drfJSON(body any) []byte {
	var text bytes.Buffer
	enc := json.NewEncoder(&text)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(body); err != nil { // can't be: strings and numbers
		return []byte("{}")
	}
	return bytes.TrimSuffix(text.Bytes(), []byte("\n"))
}
