package socialtest

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// Modes of SetFault.
const (
	faultOK          = "ok"
	faultSlow        = "slow"         // nothing is said until the caller gives up, or 30 s
	faultDown        = "down"         // 503
	faultRateLimited = "rate_limited" // Google 429, Facebook 403 with code 4
	faultGarbage     = "garbage"      // 200 with a page where JSON should be
	faultRotateKeys  = "rotate_keys"  // once: a new signing key; the mode stays
	faultFalse       = "false"        // 200 with the body false, as Facebook at times says
	faultHuge        = "huge"         // 200 with 10 MB of JSON
	faultReset       = "reset"        // the connection ends without an answer

	// Modes of sign-in by redirect, in which all looks well but one thing.
	faultWrongIss      = "wrong_iss"      // the browser comes back with another provider's iss
	faultWrongNonce    = "wrong_nonce"    // Google: the ID token of a code has another nonce
	faultOtherAudience = "other_audience" // a code's tokens are another app's
)

const (
	hang     = 30 * time.Second
	hugeSize = 10 << 20
)

var faults = []string{
	faultOK, faultSlow, faultDown, faultRateLimited, faultGarbage, faultRotateKeys, faultFalse, faultHuge, faultReset,
	faultWrongIss, faultWrongNonce, faultOtherAudience,
}

// SetFault makes every path of the provider fail in one way: ok, slow, down,
// rate_limited, garbage, false, huge, reset. wrong_iss, wrong_nonce and
// other_audience spoil sign-in by redirect only. rotate_keys happens once and
// leaves the mode. An error says that the mode is unknown.
func (s *standIn) SetFault(mode string) error {
	known := false
	for _, f := range faults {
		known = known || f == mode
	}
	if !known {
		return fmt.Errorf("unknown mode %q; it is one of %s", mode, strings.Join(faults, ", "))
	}
	if mode == faultRotateKeys {
		s.keys.rotate()
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if mode != s.fault {
		close(s.freed)
		s.fault, s.freed = mode, make(chan struct{})
	}
	return nil
}

func (s *standIn) faultNow() (mode string, changed <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.fault, s.freed
}

// failing answers, if at all, as the mode in force says. False: there is none.
func (s *standIn) failing(w http.ResponseWriter, r *http.Request) bool {
	mode, changed := s.faultNow()
	switch mode {
	case faultOK, faultWrongIss, faultWrongNonce, faultOtherAudience:
		return false
	case faultSlow:
		wait(r, changed)
		unavailable(w)
	case faultDown:
		unavailable(w)
	case faultRateLimited:
		s.limited(w)
	case faultGarbage:
		w.Header().Set("Content-Type", "text/html; charset=UTF-8")
		io.WriteString(w, "<!doctype html>\n<title>Sign in to the network</title>\n<p>Accept the terms of this hotel to go on.\n")
	case faultFalse:
		answer(w, http.StatusOK, false)
	case faultHuge:
		huge(w)
	case faultReset:
		panic(http.ErrAbortHandler)
	}
	return true
}

// spoiled is whom a code stands for, as the mode in force misrepresents it.
func (s *standIn) spoiled(who TokenOptions) TokenOptions {
	switch mode, _ := s.faultNow(); mode {
	case faultWrongNonce:
		who.Nonce = "another-nonce"
	case faultOtherAudience:
		who.Aud = "1000000000000666"
	}
	return who
}

// issParameter is what an authorization answer says whose it is (RFC 9207).
func (s *standIn) issParameter(issuer string) string {
	if mode, _ := s.faultNow(); mode == faultWrongIss {
		return "https://evil.example"
	}
	return issuer
}

func unavailable(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "text/html; charset=UTF-8")
	w.WriteHeader(http.StatusServiceUnavailable)
	io.WriteString(w, "<!doctype html>\n<title>Error 503</title>\n<p>The service is unavailable.\n")
}

// wait returns once the caller has gone, the mode changed, or 30 s are over.
func wait(r *http.Request, changed <-chan struct{}) {
	if r.Body != nil {
		io.Copy(io.Discard, r.Body) // net/http sees the caller go only after the body
	}
	timer := time.NewTimer(hang)
	defer timer.Stop()
	select {
	case <-r.Context().Done():
	case <-changed:
	case <-timer.C:
	}
}

// huge writes valid JSON that nobody should read to its end.
func huge(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/json; charset=UTF-8")
	io.WriteString(w, `{"error":"`)
	chunk := strings.Repeat("a", 64<<10)
	for sent := 0; sent < hugeSize; sent += len(chunk) {
		if _, err := io.WriteString(w, chunk); err != nil {
			return // the caller has had enough
		}
	}
	io.WriteString(w, `"}`)
}
