package social

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// failure is a call that came to nothing, in our own words.
type failure struct {
	words   string
	again   bool // another attempt may succeed
	unheard bool // nobody answered the connection, so that this one did nothing
}

func (f *failure) Error() string { return f.words }

var (
	errSlow     = &failure{words: "no answer in time"}
	errTooLong  = &failure{words: "the answer is longer than 1 MiB"}
	errRedirect = &failure{words: "answered with a redirect, which is not followed"}
	errNotJSON  = &failure{words: "the answer is not the JSON object that it should be"}
	errLeft     = errors.New("given up by the caller")
)

// transportFailure strips the URL off err, and says in words that it took too long.
func transportFailure(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if e, ok := errors.AsType[*url.Error](err); ok {
		err = e.Err
	}
	op, ok := errors.AsType[*net.OpError](err)
	dial := ok && op.Op == "dial"
	return &failure{words: err.Error(), again: dial, unheard: dial}
}

// decodeObject wants one JSON object: null, false and a page in HTML are none,
// and would else pass for one in which everything is absent.
func decodeObject(body []byte, into any) error {
	if !bytes.HasPrefix(bytes.TrimLeft(body, " \t\r\n"), []byte("{")) || json.Unmarshal(body, into) != nil {
		return errNotJSON
	}
	return nil
}

// freshFor is how long an answer may be kept (RFC 9111 §5.2.2), within what we
// hold to be sensible; usual if it does not say.
func freshFor(h http.Header, usual time.Duration) time.Duration {
	life := usual
	for directive := range strings.SplitSeq(h.Get("Cache-Control"), ",") {
		name, value, _ := strings.Cut(strings.ToLower(strings.TrimSpace(directive)), "=")
		switch name {
		case "no-store", "no-cache":
			return minFresh
		case "max-age":
			if n, err := strconv.ParseUint(strings.Trim(value, `"`), 10, 31); err == nil {
				life = time.Duration(n) * time.Second
			}
		}
	}
	return min(max(life, minFresh), maxFresh)
}

// either reads an answer both as what was asked for and as an error: some come
// with 200. Members of the one are unknown to the other.
type either struct {
	into, fault any
}

// UnmarshalJSON reads twice.
func (e *either) UnmarshalJSON(b []byte) error {
	return errors.Join(json.Unmarshal(b, e.fault), json.Unmarshal(b, e.into))
}
