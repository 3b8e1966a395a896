package authz

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/ory/fosite"

	"gatehouse/authz/pages"
	"gatehouse/social"
	"gatehouse/store"
)

// departure is what is remembered of a browser that was sent to a provider, in
// that browser and nowhere else: whoever is led to come back without having
// gone does not have it.
type departure struct {
	Provider    string
	Redirection social.Redirection
	Ticket      ticket
	Session     string `json:",omitempty"` // the login session whose account the identity is to be linked to; empty: it is to sign in
}

const (
	departureLife    = 10 * time.Minute
	departureContext = "departure"

	// cookieDeparture is followed by the first 16 characters of the state, so that
	// two tabs do not disturb each other.
	cookieDeparture = "__Host-gatehouse-at-"
	maxDepartures   = 3       // under way at one browser; the oldest is given up
	maxKept         = 8 << 10 // bytes of their cookies; a request may have 16 KiB of headers
	maxPart         = 3800    // bytes of a cookie: browsers take 4096 with its name (RFC 6265bis §5.6)
	maxParts        = 2       // enough for a ticket with the longest request

	stateLength = 43 // social.Redirection's
)

// part names the cookies that a departure is cut into.
func part(name string, i int) string {
	if i == 0 {
		return name
	}
	return name + "." + strconv.Itoa(i)
}

// remember keeps d at the browser. The error refuses one that is too long.
func (s *Server) remember(w http.ResponseWriter, r *http.Request, d departure) error {
	name := cookieDeparture + d.Redirection.State[:16]
	value := strict.EncodeToString(s.keys.seal(atBrowser, departureContext, compact(d)))
	if len(value) > maxParts*maxPart {
		return errTooLong()
	}
	makeRoom(w, r, len(value)+maxParts*len(part(name, 1)))
	for i := 0; value != ""; i++ {
		n := min(maxPart, len(value))
		http.SetCookie(w, cookie(part(name, i), value[:n], departureLife))
		value = value[n:]
	}
	return nil
}

// makeRoom gives up the browser's oldest departures, until there is room for one
// of so many bytes: a request whose cookies are too long would be answered by
// none of our pages.
func makeRoom(w http.ResponseWriter, r *http.Request, size int) {
	parts, sizes := map[string][]string{}, map[string]int{}
	var names []string // the oldest first (RFC 6265 §5.4)
	for _, c := range r.Cookies() {
		if !strings.HasPrefix(c.Name, cookieDeparture) {
			continue
		}
		name, _, _ := strings.Cut(c.Name, ".")
		if parts[name] == nil {
			names = append(names, name)
		}
		parts[name] = append(parts[name], c.Name)
		sizes[name] += len(c.Name) + len(c.Value)
		size += len(c.Name) + len(c.Value)
	}
	for ; len(names) >= maxDepartures || len(names) > 0 && size > maxKept; names = names[1:] {
		for _, name := range parts[names[0]] {
			http.SetCookie(w, cookie(name, "", 0))
		}
		size -= sizes[names[0]]
	}
}

func errTooLong() error {
	return &refusal{RFC6749Error: fosite.ErrInvalidRequest, status: http.StatusRequestEntityTooLarge, say: "The request of the application that sent you here is too long."}
}

// departed finds the departure of a state and forgets it; nil if this browser
// has none.
func (s *Server) departed(w http.ResponseWriter, r *http.Request, state string) *departure {
	if len(state) != stateLength {
		return nil
	}
	name := cookieDeparture + state[:16]
	var value strings.Builder
	parts := 0
	for ; parts < maxParts; parts++ {
		c, err := r.Cookie(part(name, parts))
		if err != nil {
			break
		}
		value.WriteString(c.Value)
	}
	var d departure
	sealed, err := strict.DecodeString(value.String())
	if err == nil {
		sealed, err = s.keys.open(atBrowser, departureContext, sealed)
	}
	if err == nil {
		err = json.Unmarshal(sealed, &d)
	}
	if err != nil || subtle.ConstantTimeCompare([]byte(state), []byte(d.Redirection.State)) != 1 {
		return nil
	}
	for i := range parts {
		http.SetCookie(w, cookie(part(name, i), "", 0))
	}
	return &d
}

// cameBack holds an answer's state against what this browser left with (RFC 6749
// §10.12), once.
func (s *Server) cameBack(w http.ResponseWriter, r *http.Request, p social.Provider, state []string) (*departure, error) {
	var d *departure
	if len(state) == 1 {
		d = s.departed(w, r, state[0])
	}
	switch {
	case d == nil:
		return nil, &refusal{RFC6749Error: fosite.ErrInvalidState, page: pages.ErrorBrowser}
	case d.Provider != p.Name(): // RFC 9700 §4.4
		return nil, &refusal{RFC6749Error: fosite.ErrInvalidState, page: pages.ErrorProvider, reason: reasonProviderRefused}
	case s.store.Now().Sub(d.Redirection.Began) > departureLife:
		return nil, &refusal{RFC6749Error: fosite.ErrInvalidState, reason: reasonExpired}
	}
	digest := sha256.Sum256([]byte(departureContext + d.Redirection.State))
	err := s.store.UseUp(r.Context(), digest[:], d.Redirection.Began.Add(departureLife+time.Minute)) // the clocks of replicas differ
	if errors.Is(err, store.ErrReplayed) {
		err = &refusal{RFC6749Error: fosite.ErrInvalidState, page: pages.ErrorUsed, reason: reasonReplayed}
	}
	return d, err
}
