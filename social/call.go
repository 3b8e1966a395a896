package social

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/sony/gobreaker/v2"
)

const (
	maxBody         = 1 << 20
	breakerFailures = 5
	breakerPause    = 30 * time.Second
)

// caller makes every call to one provider. Its errors hold no URL and no body:
// a query may have a token in it, and a body is the provider's.
type caller struct {
	client  *http.Client
	breaker *gobreaker.CircuitBreaker[*answer]
	call    time.Duration // of one attempt
	total   time.Duration // of all that one Verify needs
	now     func() time.Time

	mu   sync.Mutex
	last outcome // owned by note
}

func newCaller(cfg Config) *caller {
	return &caller{
		client: newClient(cfg),
		call:   cfg.CallTimeout,
		total:  cfg.TotalTimeout,
		now:    cfg.Now,
		breaker: gobreaker.NewCircuitBreaker[*answer](gobreaker.Settings{
			Name:        cfg.Name,
			MaxRequests: 1,
			Timeout:     breakerPause,
			ReadyToTrip: func(n gobreaker.Counts) bool { return n.ConsecutiveFailures >= breakerFailures },
			IsExcluded:  func(err error) bool { return errors.Is(err, errLeft) },
			OnStateChange: func(name string, from, to gobreaker.State) {
				cfg.Log.Warn("provider's breaker", slog.String("provider", name),
					slog.String("from", from.String()), slog.String("to", to.String()))
			},
		}),
	}
}

// newClient follows no redirect: where a provider is, configuration says.
func newClient(cfg Config) *http.Client {
	client := &http.Client{
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	if cfg.HTTPClient != nil {
		client.Transport = cfg.HTTPClient.Transport
		return client
	}
	client.Transport = &http.Transport{
		DialContext:            (&net.Dialer{Timeout: cfg.ConnectTimeout}).DialContext,
		TLSHandshakeTimeout:    cfg.ConnectTimeout,
		ForceAttemptHTTP2:      true,
		MaxIdleConnsPerHost:    16,
		IdleConnTimeout:        90 * time.Second,
		MaxResponseHeaderBytes: 64 << 10,
	}
	return client
}

// within limits ctx to what one Verify may take.
func (c *caller) within(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, c.total, errSlow)
}

// request is one call. With form it is a POST, else a GET.
type request struct {
	what          string // names the call in errors
	url           string
	query         url.Values
	form          url.Values
	authorization string
	once          bool // may have done what it was for though it failed: not repeated if anybody heard it
	into          any  // filled from the JSON object that a 2xx answer must be
	fault         any  // filled from any other answer, so far as that is one
}

// answer is what came back, if that was neither a redirect nor a 5xx.
type answer struct {
	status int
	header http.Header
}

func (a *answer) ok() bool { return a.status/100 == 2 }

// do makes the call, at most twice: again only if nobody answered the
// connection, or with a 5xx. Its errors all mean that the provider is down, and
// count for the breaker; a 4xx is an answer, as it can be the token's fault.
func (c *caller) do(ctx context.Context, q request) (*answer, error) {
	ans, err := c.breaker.Execute(func() (*answer, error) {
		ans, err := c.attempt(ctx, q)
		if f, ok := errors.AsType[*failure](err); ok && f.again && (f.unheard || !q.once) && ctx.Err() == nil {
			ans, err = c.attempt(ctx, q)
		}
		if err != nil && ctx.Err() != nil && !errors.Is(context.Cause(ctx), errSlow) {
			err = errLeft // who asked has gone: that says nothing about the provider
		}
		return ans, err
	})
	if err != nil {
		err = fmt.Errorf("%s: %w", q.what, err)
	}
	c.note(err)
	return ans, err
}

func (c *caller) attempt(ctx context.Context, q request) (*answer, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, c.call, errSlow)
	defer cancel()
	req, err := q.build(ctx)
	if err != nil {
		return nil, err
	}
	res, err := c.client.Do(req)
	if err != nil {
		return nil, transportFailure(ctx, err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, maxBody+1))
	switch {
	case err != nil:
		return nil, transportFailure(ctx, err)
	case len(body) > maxBody:
		return nil, errTooLong
	case res.StatusCode >= 500:
		return nil, &failure{words: fmt.Sprintf("answered %d", res.StatusCode), again: true}
	case res.StatusCode < 200 || res.StatusCode/100 == 3:
		return nil, errRedirect
	}
	ans := &answer{status: res.StatusCode, header: res.Header}
	if ans.ok() {
		return ans, decodeObject(body, q.into)
	}
	if q.fault != nil {
		_ = decodeObject(body, q.fault) // what else it says must do with the status
	}
	return ans, nil
}

func (q request) build(ctx context.Context) (*http.Request, error) {
	method, address, body := http.MethodGet, q.url, io.Reader(nil)
	if len(q.query) > 0 {
		address += "?" + q.query.Encode()
	}
	if q.form != nil {
		method, body = http.MethodPost, strings.NewReader(q.form.Encode())
	}
	req, err := http.NewRequestWithContext(ctx, method, address, body)
	if err != nil {
		return nil, errors.New("its address is not a URL") // err would repeat the query
	}
	if q.form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	if q.authorization != "" {
		req.Header.Set("Authorization", q.authorization)
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", "gatehouse")
	return req, nil
}
