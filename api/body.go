package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humamux"

	"gatehouse/store"
)

const maxBody = 64 << 10 // bytes

// checkBody lets a body pass to huma if it is one JSON object that every reader
// understands alike. It stands behind guard: strangers are refused unread.
func (s *Server) checkBody(c huma.Context, next func(huma.Context)) {
	r, w := humamux.Unwrap(c)
	body, p := readBody(r)
	if p != nil {
		s.fail(w, r, p)
		return
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	r.Header.Set("Content-Type", "application/json") // huma compares it literally
	next(c)
}

func readBody(r *http.Request) ([]byte, *problem) {
	if !isJSON(r.Header) {
		return nil, newProblem(http.StatusUnsupportedMediaType, "unsupported_media_type",
			"Send one JSON object with Content-Type: application/json, in UTF-8, not compressed.")
	}
	body, p := readAll(r)
	if p != nil {
		return nil, p
	}
	if err := store.CheckJSON(body); err != nil {
		return nil, newProblem(http.StatusBadRequest, "invalid_json", err.Error())
	}
	return body, checkMembers(body)
}

func readAll(r *http.Request) ([]byte, *problem) {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1))
	var netErr net.Error
	switch {
	case errors.As(err, &netErr) && netErr.Timeout():
		return nil, newProblem(http.StatusRequestTimeout, "timeout", "The body did not arrive in time.")
	case err != nil:
		p := newProblem(http.StatusBadRequest, "invalid_request", "The body did not arrive whole.")
		p.cause = err
		return nil, p
	case len(body) > maxBody:
		return nil, newProblem(http.StatusRequestEntityTooLarge, "too_large", "A body has at most 64 KiB.")
	}
	return body, nil
}

// isJSON tells whether the body is said to be plain JSON; UTF-8 is the only
// charset there is (RFC 8259 §8.1).
func isJSON(h http.Header) bool {
	if len(h.Values("Content-Type")) != 1 || h.Get("Content-Encoding") != "" {
		return false
	}
	mediaType, params, err := mime.ParseMediaType(h.Get("Content-Type"))
	charset, given := params["charset"]
	return err == nil && mediaType == "application/json" && (!given || strings.EqualFold(charset, "utf-8"))
}

// checkMembers refuses what huma and encoding/json are lenient about: names in
// another letter case, of which two could then mean one member, and null, which
// they take for absent.
func checkMembers(body []byte) *problem {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(body, &members); err != nil { // can't be: CheckJSON has
		return newProblem(http.StatusBadRequest, "invalid_json", "The body is not a JSON object.")
	}
	var errs []fieldError
	for name, value := range members {
		switch {
		case strings.Trim(name, "abcdefghijklmnopqrstuvwxyz_") != "":
			errs = append(errs, fieldError{"body." + name, "unexpected property"})
		case string(value) == "null":
			errs = append(errs, fieldError{"body." + name, "null is no value here; leave the member out"})
		}
	}
	if len(errs) == 0 {
		return nil
	}
	p := newProblem(http.StatusUnprocessableEntity, "validation_failed", "Some of what was sent is not valid; see errors.")
	p.Errors = fewErrors(errs)
	return p
}

// checkQuery refuses a query that two readers could understand differently.
func (s *Server) checkQuery(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		query, err := url.ParseQuery(r.URL.RawQuery)
		if err != nil {
			s.fail(w, r, newProblem(http.StatusBadRequest, "invalid_request", "The query is malformed."))
			return
		}
		for _, values := range query {
			if len(values) > 1 {
				s.fail(w, r, newProblem(http.StatusBadRequest, "invalid_request", "A parameter stands twice in the query."))
				return
			}
		}
		next.ServeHTTP(w, r)
	})
}
