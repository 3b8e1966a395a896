package api

import (
	"bytes"
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

const (
	forwardTimeout = 10 * time.Second // of a whole call; a provider may be asked meanwhile
	maxForwarded   = 64 << 10         // bytes of an answer
	maxIdle        = 64               // connections kept
	maxSaid        = 500              // bytes of an error_description, or of a challenge, that are passed on
	maxRetry       = 24 * time.Hour   // of a Retry-After that is passed on
)

// newOutgoing is the client of calls to the authorization server that carry a
// user's password or token: a redirect would carry it elsewhere.
func newOutgoing(cfg Config) http.Client {
	var client http.Client
	if cfg.HTTPClient != nil {
		client = *cfg.HTTPClient
	}
	if client.Transport == nil {
		transport := http.DefaultTransport.(*http.Transport).Clone()
		transport.MaxIdleConnsPerHost = maxIdle
		client.Transport = transport
	}
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return client
}

// proof is the API's client id and secret, as HTTP Basic has them. By it the
// authorization server believes, if that client is a trusted_forwarder there,
// whom the API acts for: so that limits count the user's address and not the
// API's.
type proof string

// forwarding vouches for each request that a library makes.
type forwarding struct {
	next    http.RoundTripper
	address string
	proof   proof
}

func newProof(cfg Config) proof {
	return proof("Basic " + base64.StdEncoding.EncodeToString([]byte(url.QueryEscape(cfg.ClientID)+":"+url.QueryEscape(cfg.ClientSecret))))
}

func (p proof) vouch(h http.Header, address string) {
	if address != "" {
		h.Set("X-Forwarded-For", address)
		h.Set("Gatehouse-Forwarder", string(p))
	}
}

// RoundTrip is http.RoundTripper's.
func (f forwarding) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	f.proof.vouch(r.Header, f.address)
	return f.next.RoundTrip(r)
}

// forwarded is the authorization server's answer to a forwarded call.
type forwarded struct {
	status int
	header http.Header
	body   []byte
}

// forward asks the authorization server for path as the user whose token this
// is. A body goes as JSON; nil sends none. The error is a problem.
func (s *Server) forward(ctx context.Context, method, path, token string, body any) (*forwarded, error) {
	ctx, cancel := context.WithTimeout(ctx, forwardTimeout)
	defer cancel()
	var content io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return nil, fmt.Errorf("forward: %w", err)
		}
		content = bytes.NewReader(text)
	}
	r, err := http.NewRequestWithContext(ctx, method, s.cfg.Issuer+path, content)
	if err != nil {
		return nil, fmt.Errorf("forward: %w", err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	r.Header.Set("Accept", "application/json")
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	return s.send(r)
}

// send asks the authorization server on behalf of the user's address. The error
// is a problem.
func (s *Server) send(r *http.Request) (*forwarded, error) {
	s.proof.vouch(r.Header, eventOf(r.Context()).address)
	resp, err := s.outgoing.Do(r)
	if err != nil {
		return nil, unavailable(retryOutages, fmt.Errorf("forward: %w", err))
	}
	defer resp.Body.Close()
	answer := &forwarded{status: resp.StatusCode, header: resp.Header}
	answer.body, err = io.ReadAll(io.LimitReader(resp.Body, maxForwarded+1))
	if err == nil && len(answer.body) > maxForwarded {
		err = errors.New("the answer is over 64 KiB")
	}
	if err != nil {
		return nil, unavailable(retryOutages, fmt.Errorf("forward: %s answers %d: %w", r.URL.Path, resp.StatusCode, err))
	}
	return answer, nil
}

// decode reads a JSON body into v.
func (f *forwarded) decode(v any) bool {
	return isJSON(f.header) && json.Unmarshal(f.body, v) == nil
}

// refused is the body of an OAuth error (RFC 6749 §5.2).
type refused struct {
	Code        string `json:"error"`
	Description string `json:"error_description"`
	Reason      string `json:"reason"` // ours: what a program can act on
}

// problem is what a client is told of a refusal. A status that codes names is
// expected under it; the others are the same for every call, and whatever is
// left is not the client's fault.
func (f *forwarded) problem(codes map[int]string) *problem {
	var told refused
	if !f.decode(&told) || !isCode(told.Code) || told.Reason != "" && !isCode(told.Reason) {
		return f.unexpected()
	}
	p := newProblem(f.status, cmp.Or(told.Reason, codes[f.status], told.Code), told.say())
	p.cause = fmt.Errorf("forward: the authorization server answers %d %s %s", f.status, told.Code, told.Reason)
	switch f.status {
	case http.StatusBadRequest:
	case http.StatusUnauthorized:
		return f.unauthorized(p, told)
	case http.StatusForbidden:
		p.header = challenge("insufficient_scope", p.Detail)
	case http.StatusRequestEntityTooLarge:
		p.Code = "too_large"
	case http.StatusTooManyRequests:
		p.Code = cmp.Or(told.Reason, "too_many_requests")
		p.after(f.retryAfter())
	case http.StatusServiceUnavailable:
		p.Code = cmp.Or(told.Reason, "temporarily_unavailable")
		p.after(f.retryAfter())
	default:
		if codes[f.status] == "" {
			return f.unexpected()
		}
	}
	return p
}

// unauthorized is the 401 of a token that has ended meanwhile (RFC 6750 §3.1),
// or whose sign-in is too long ago (RFC 9470 §3): then the challenge, which
// says how recent it must be, is passed on.
func (f *forwarded) unauthorized(p *problem, told refused) *problem {
	theirs := f.header.Get("WWW-Authenticate")
	switch {
	case told.Code == "insufficient_user_authentication" && strings.HasPrefix(theirs, "Bearer ") && len(theirs) <= maxSaid:
		p.Code = "interaction_required"
		p.header = http.Header{"Www-Authenticate": {theirs}}
	case told.Code == "invalid_token":
		p.header = challenge(told.Code, p.Detail)
	default:
		return f.unexpected()
	}
	return p
}

// unexpected is the 503 of an answer that the authorization server should not
// have given. Its body stays here.
func (f *forwarded) unexpected() *problem {
	return unavailable(f.retryAfter(), fmt.Errorf("forward: the authorization server answers %d %.50q, %d bytes, which is not what it promises",
		f.status, f.header.Get("Content-Type"), len(f.body)))
}

// retryAfter is when the authorization server says to come back, in seconds
// (RFC 9110 §10.2.3), within reason.
func (f *forwarded) retryAfter() time.Duration {
	seconds, err := strconv.Atoi(f.header.Get("Retry-After"))
	if err != nil || seconds < 1 || seconds > int(maxRetry.Seconds()) {
		return retryOutages
	}
	return time.Duration(seconds) * time.Second
}

// say is the description, cut down to what one may hold (RFC 6749 §5.2): it
// can stand in a quoted string.
func (r refused) say() string {
	text := strings.Map(func(c rune) rune {
		if c < ' ' || c > '~' || c == '"' || c == '\\' {
			return '?'
		}
		return c
	}, r.Description)
	return cmp.Or(text[:min(len(text), maxSaid)], "The authorization server refuses this.")
}

// isCode tells whether text is like the codes of OAuth errors and of reasons.
func isCode(text string) bool {
	return text != "" && len(text) <= 50 && strings.Trim(text, "abcdefghijklmnopqrstuvwxyz_") == ""
}
