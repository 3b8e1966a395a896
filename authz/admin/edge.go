package admin

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"net/url"
	"runtime/debug"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gorilla/mux"

	"gatehouse/store"
)

// maxBody is the longest request body, in bytes.
const maxBody = 64 << 10

// event is what is logged of one request: filled as it goes, written once. It
// never holds a secret, a password or a token.
type event struct {
	id    string
	route string // the template, not the path: that may have a person's address
	actor Actor
	cause error // what only the operator of the machine is told
}

type eventKey struct{}

func eventOf(ctx context.Context) *event {
	if ev, ok := ctx.Value(eventKey{}).(*event); ok {
		return ev
	}
	return new(event)
}

// statusWriter remembers the status that was answered. It has no Unwrap, so
// that huma finds no deadline to set for a body that is in memory already: the
// listener's own would end with it.
type statusWriter struct {
	http.ResponseWriter
	status int
}

func (w *statusWriter) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *statusWriter) Write(b []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	return w.ResponseWriter.Write(b)
}

// serve is what every request passes: an id of ours, headers, one log event,
// and a panic that becomes a plain 500.
func (s *Server) serve(rw http.ResponseWriter, r *http.Request) {
	began := time.Now()
	w := &statusWriter{ResponseWriter: rw}
	ev := &event{id: rand.Text(), route: "(unknown)"}
	h := w.Header()
	h.Set("X-Request-Id", ev.id)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	h.Set("Pragma", "no-cache")
	method := r.Method
	r = r.WithContext(context.WithValue(r.Context(), eventKey{}, ev))
	defer func() {
		p := recover()
		if p != nil {
			ev.cause = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
			if w.status != 0 { // an answer cut short must not look whole
				s.write(r, method, http.StatusInternalServerError, time.Since(began), ev)
				panic(http.ErrAbortHandler)
			}
			writeProblem(w, http.StatusInternalServerError, "Something went wrong here. Quote the X-Request-Id.")
		}
		s.write(r, method, w.status, time.Since(began), ev)
	}()
	if err := normalize(r); err != nil {
		writeProblem(w, http.StatusBadRequest, err.Error())
		return
	}
	s.router.ServeHTTP(w, r)
}

// normalize refuses an address that no text column can hold or that two
// readers could take for different ones, and makes HEAD a GET, of which
// net/http drops the body.
func normalize(r *http.Request) error {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return errors.New("the query is malformed")
	}
	bad := func(text string) bool { return !utf8.ValidString(text) || strings.ContainsRune(text, 0) }
	if bad(r.URL.Path) {
		return errors.New("the path has a NUL byte or invalid UTF-8")
	}
	for name, values := range query {
		switch {
		case bad(name) || bad(values[0]):
			return errors.New("the query has a NUL byte or invalid UTF-8")
		case len(values) > 1:
			return fmt.Errorf("the query has %.100q twice", name)
		}
	}
	u := *r.URL
	u.RawQuery = query.Encode()
	r.URL = &u
	if r.Method == http.MethodHead {
		r.Method = http.MethodGet
	}
	return nil
}

// write logs the event: a client's mistake at info, ours at error.
func (s *Server) write(r *http.Request, method string, status int, took time.Duration, ev *event) {
	level := slog.LevelInfo
	if status >= 500 && r.Context().Err() == nil { // or else nobody waits for it any more
		level = slog.LevelError
	}
	attrs := []slog.Attr{slog.String("id", ev.id), slog.String("method", method), slog.String("path", ev.route),
		slog.Int("status", status), slog.Duration("took", took)}
	if actor := ev.actor.String(); actor != "" {
		attrs = append(attrs, slog.String("actor", actor))
	}
	if ev.cause != nil {
		attrs = append(attrs, slog.String("cause", ev.cause.Error()))
	}
	s.log.LogAttrs(r.Context(), level, "admin request", attrs...)
}

// guard stands before each operation: who acts, then the body.
func (s *Server) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if template, err := mux.CurrentRoute(r).GetPathTemplate(); err == nil {
			eventOf(r.Context()).route = template
		}
		actor, err := s.cfg.Check(r)
		if err != nil {
			failCheck(w, r, err)
			return
		}
		eventOf(r.Context()).actor = actor
		vars := mux.Vars(r) // the request's own map, with the values still as they stand in the path
		for name, value := range vars {
			if vars[name], err = url.PathUnescape(value); err != nil {
				s.notFound(w, r)
				return
			}
		}
		if hasBody(r.Method) && !readJSON(w, r) {
			return
		}
		next.ServeHTTP(w, r)
	})
}

// readJSON reads and checks the body, if there is one, and puts it back for
// huma. It returns false if it has answered.
func readJSON(w http.ResponseWriter, r *http.Request) bool {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		writeProblem(w, http.StatusRequestEntityTooLarge, fmt.Sprintf("A body has at most %d bytes.", maxBody))
		return false
	case err != nil:
		writeProblem(w, http.StatusBadRequest, "The body ended early.")
		return false
	case len(body) == 0:
		return true // an operation that needs one says so
	case !isJSON(r.Header.Values("Content-Type")):
		writeProblem(w, http.StatusUnsupportedMediaType, "Send application/json.")
		return false
	}
	if err := store.CheckJSON(body); err != nil {
		writeProblem(w, http.StatusBadRequest, err.Error())
		return false
	}
	if list := oddMembers(body); len(list) > 0 {
		writeProblem(w, http.StatusUnprocessableEntity, "Some members are not as they should be; see errors.", list...)
		return false
	}
	r.Header.Set("Content-Type", "application/json")
	r.Body = io.NopCloser(bytes.NewReader(body))
	return true
}

func isJSON(contentType []string) bool {
	if len(contentType) != 1 {
		return false
	}
	media, params, err := mime.ParseMediaType(contentType[0])
	charset, given := params["charset"]
	return err == nil && media == "application/json" && (!given || strings.EqualFold(charset, "utf-8"))
}

// oddMembers lists what huma and encoding/json are lenient about: members that
// are null, which they take for absent, and names in another letter case, of
// which two could then mean one member.
func oddMembers(body []byte) []*huma.ErrorDetail {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(body, &members); err != nil {
		return []*huma.ErrorDetail{{Location: "body", Message: err.Error()}} // can't be: CheckJSON read it
	}
	var list []*huma.ErrorDetail
	for name, value := range members {
		switch {
		case name != strings.ToLower(name):
			list = append(list, &huma.ErrorDetail{Location: "body." + name, Message: "unexpected property"})
		case string(value) == "null":
			list = append(list, &huma.ErrorDetail{Location: "body." + name, Message: "may not be null"})
		}
	}
	slices.SortFunc(list, func(a, b *huma.ErrorDetail) int { return strings.Compare(a.Location, b.Location) })
	return list[:min(len(list), maxDetails)]
}

func (s *Server) notFound(w http.ResponseWriter, _ *http.Request) {
	writeProblem(w, http.StatusNotFound, "There is nothing at this path.")
}

func (s *Server) methodNotAllowed(w http.ResponseWriter, r *http.Request) {
	for _, a := range s.allowed {
		if a.path.MatchString(r.URL.EscapedPath()) {
			w.Header().Set("Allow", strings.Join(a.methods, ", "))
		}
	}
	writeProblem(w, http.StatusMethodNotAllowed, "Use "+w.Header().Get("Allow")+" here.")
}
