package socialtest

import (
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

const (
	maxBody  = 64 << 10 // bytes of a request
	maxPaths = 1000     // paths that are counted; a scanner's guesses are not kept
)

// standIn is what both providers have in common. They fill it in when they are
// made; of its fields only those under mu change later.
type standIn struct {
	now     func() time.Time
	keys    *keySet
	tokens  *table[grant] // by access token
	codes   *table[code]  // by authorization code
	routes  *http.ServeMux
	trim    func(path string) string    // a path as routes know it
	mint    func(TokenOptions) Tokens   // for /_dev/tokens
	limited func(w http.ResponseWriter) // says that the rate limit is reached

	mu     sync.Mutex
	url    string
	fault  string
	freed  chan struct{} // closed as the fault changes: what hangs then goes on
	counts map[string]int
}

func newStandIn(now func() time.Time) *standIn {
	if now == nil {
		now = time.Now
	}
	return &standIn{
		now:    now,
		keys:   newKeySet(),
		tokens: newTable[grant](),
		codes:  newTable[code](),
		routes: http.NewServeMux(),
		trim:   func(path string) string { return path },
		fault:  faultOK,
		freed:  make(chan struct{}),
		counts: map[string]int{},
	}
}

// ServeHTTP serves the provider's routes, unless a fault forbids it, and
// /_dev/tokens and /_dev/faults always.
func (s *standIn) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Body != nil {
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	}
	switch r.URL.Path {
	case "/_dev/tokens":
		s.devTokens(w, r)
		return
	case "/_dev/faults":
		s.devFaults(w, r)
		return
	}
	path := s.trim(r.URL.Path)
	s.count(path)
	if s.failing(w, r) {
		return
	}
	inner := *r // ServeMux writes the pattern into the request, and the caller's URL stays its own
	inner.URL = new(url.URL)
	*inner.URL = *r.URL
	inner.URL.Path, inner.URL.RawPath = path, ""
	s.routes.ServeHTTP(w, &inner)
}

// SetURL says where the stand-in is reached, as http://127.0.0.1:9100, for the
// addresses in what it serves. Without it they follow the request's Host.
func (s *standIn) SetURL(base string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.url = strings.TrimRight(base, "/")
}

// Requests tells how often a path was asked for since the start, faults
// included; a version in front of Facebook's paths makes no difference.
func (s *standIn) Requests(path string) int {
	path = s.trim(path)
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.counts[path]
}

func (s *standIn) count(path string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, known := s.counts[path]; known || len(s.counts) < maxPaths {
		s.counts[path]++
	}
}

func (s *standIn) base(r *http.Request) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return or(s.url, "http://"+r.Host)
}

// live returns what an access token stands for, dead or not, and whether it is
// known at all.
func (s *standIn) live(token string) (g grant, known, alive bool) {
	g, known = s.tokens.get(token)
	return g, known, known && g.Subcode == 0 && s.now().Before(g.expires)
}

// bearer is the token that a request brings: in its header (RFC 6750 §2.1), else
// as the parameter access_token, which both providers take too.
func bearer(r *http.Request) string {
	scheme, token, ok := strings.Cut(r.Header.Get("Authorization"), " ")
	if ok && strings.EqualFold(scheme, "Bearer") {
		return strings.TrimSpace(token)
	}
	return r.FormValue("access_token")
}

// answer writes a JSON body.
func answer(w http.ResponseWriter, status int, body any) {
	text := mustJSON(body)
	w.Header().Set("Content-Type", "application/json; charset=UTF-8")
	if w.Header().Get("Cache-Control") == "" {
		w.Header().Set("Cache-Control", "no-store")
	}
	w.WriteHeader(status)
	w.Write(text)
}
