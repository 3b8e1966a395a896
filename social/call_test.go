package social_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"gatehouse/social"
	"gatehouse/social/socialtest"
)

// inProcess carries requests to a handler without a network, so that a
// synctest bubble can move its time.
type inProcess struct{ http.Handler }

func (p inProcess) RoundTrip(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	done := make(chan struct{})
	go func() {
		defer close(done)
		p.ServeHTTP(w, r)
	}()
	select {
	case <-done:
		return w.Result(), nil
	case <-r.Context().Done():
		<-done
		return nil, r.Context().Err()
	}
}

// bubbled is a Google in a synctest bubble, asked about access tokens.
func bubbled(t *testing.T, h http.HandlerFunc) social.Provider {
	t.Helper()
	return provider(t, googleAt("http://127.0.0.1:1", newClock(), func(cfg *social.Config) {
		cfg.HTTPClient = &http.Client{Transport: inProcess{h}}
	}))
}

const tokenInfoBody = `{"aud":"` + webID + `","azp":"` + webID + `","sub":"117"}`

func TestTheBreakerHoldsCallsBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var calls, status atomic.Int64
		status.Store(503)
		p := bubbled(t, func(w http.ResponseWriter, r *http.Request) {
			calls.Add(1)
			if r.URL.Path == "/tokeninfo" {
				w.WriteHeader(int(status.Load()))
				w.Write([]byte(tokenInfoBody))
				return
			}
			w.Write([]byte(`{"sub":"117"}`))
		})
		fails := func(want int64) {
			t.Helper()
			calls.Store(0)
			told(t, refusal(t, p, accessToken("t")), social.ReasonProviderDown, "google cannot be reached")
			if got := calls.Load(); got != want {
				t.Fatalf("%d calls instead of %d", got, want)
			}
		}
		for range 5 {
			fails(2) // one of them a second attempt
		}
		fails(0)
		if h := p.Health(); h.State != social.StateOpen || h.LastError != "tokeninfo: answered 503" {
			t.Errorf("health %+v", h)
		}
		time.Sleep(30*time.Second + 1)
		if h := p.Health(); h.State != social.StateFailing {
			t.Errorf("health %+v", h)
		}
		fails(2) // the one probe
		fails(0)
		time.Sleep(30*time.Second + 1)
		status.Store(200)
		verified(t, p, accessToken("t"))
		if h := p.Health(); h.State != social.StateOK || !h.LastSuccess.Equal(start) {
			t.Errorf("health %+v", h)
		}
	})
}

func TestRefusalsNeverOpenTheBreaker(t *testing.T) {
	for status, reason := range map[int]string{400: social.ReasonProviderRefused, 404: social.ReasonProviderDown, 429: social.ReasonProviderDown} {
		var calls int
		p := provider(t, googleAt(serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			calls++
			w.WriteHeader(status)
		})), newClock(), nil))
		for range 10 {
			if e := refusal(t, p, accessToken("t")); e.Reason != reason {
				t.Fatalf("%d: %v", status, e)
			}
		}
		if calls != 10 {
			t.Errorf("%d: %d calls instead of 10", status, calls)
		}
	}
}

// TestNobodyWaitsForLong has a provider that says nothing for 30 s.
func TestNobodyWaitsForLong(t *testing.T) {
	for _, tt := range []struct {
		name             string
		tokenInfo, after time.Duration // until each call is answered
		want             time.Duration
	}{
		{"one call", 30 * time.Second, 0, 3 * time.Second},
		{"all calls", 2900 * time.Millisecond, 2900 * time.Millisecond, 5 * time.Second},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := bubbled(t, func(w http.ResponseWriter, r *http.Request) {
					wait := tt.after
					if r.URL.Path == "/tokeninfo" {
						wait = tt.tokenInfo
					}
					select {
					case <-time.After(wait):
						w.Write([]byte(tokenInfoBody))
					case <-r.Context().Done():
					}
				})
				began := time.Now()
				told(t, refusal(t, p, accessToken("t")), social.ReasonProviderDown, "google cannot be reached")
				if took := time.Since(began); took != tt.want {
					t.Errorf("took %v", took)
				}
			})
		})
	}
}

// TestWhoWaitsForKeysMayLeave: the one whose request reads the keys goes away,
// and the others get them nonetheless.
func TestWhoWaitsForKeysMayLeave(t *testing.T) {
	c := newClock()
	g, base := stillGoogle(t)
	asked, answer := make(chan struct{}), make(chan struct{})
	slow := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		close(asked)
		<-answer
		g.ServeHTTP(w, r)
	}))
	p := provider(t, googleAt(base, c, func(cfg *social.Config) { cfg.JWKSURI = slow + "/oauth2/v3/certs" }))
	tok := idToken(g.Mint(socialtest.TokenOptions{}).IDToken)
	ctx, leave := context.WithCancel(context.Background())
	left := make(chan error)
	go func() {
		_, err := p.Verify(ctx, tok)
		left <- err
	}()
	<-asked
	leave()
	if err := <-left; !errors.Is(err, context.Canceled) {
		t.Errorf("who left gets %v", err)
	}
	close(answer)
	verified(t, p, tok)
}

func TestOneRetry(t *testing.T) {
	t.Run("after a 5xx", func(t *testing.T) {
		c := newClock()
		g, base := stillGoogle(t)
		var calls atomic.Int64
		flaky := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if calls.Add(1) == 1 {
				w.WriteHeader(http.StatusBadGateway)
				return
			}
			g.ServeHTTP(w, r)
		}))
		p := provider(t, googleAt(base, c, func(cfg *social.Config) { cfg.JWKSURI = flaky + "/oauth2/v3/certs" }))
		verified(t, p, idToken(g.Mint(socialtest.TokenOptions{}).IDToken))
	})
	t.Run("after a connection refused", func(t *testing.T) {
		c := newClock()
		g, base := stillGoogle(t)
		var dials atomic.Int64
		transport := flakyTransport(&dials)
		p := provider(t, googleAt(base, c, func(cfg *social.Config) {
			cfg.HTTPClient = &http.Client{Transport: transport}
		}))
		verified(t, p, idToken(g.Mint(socialtest.TokenOptions{}).IDToken))
		if n := dials.Load(); n != 2 {
			t.Errorf("%d connections", n)
		}
	})
}

// flakyTransport finds nobody the first time that it connects.
func flakyTransport(dials *atomic.Int64) *http.Transport {
	dial := func(ctx context.Context, network, address string) (net.Conn, error) {
		if dials.Add(1) == 1 {
			return nil, &net.OpError{Op: "dial", Net: network, Err: errors.New("connection refused")}
		}
		return new(net.Dialer).DialContext(ctx, network, address)
	}
	return &http.Transport{DialContext: dial, DisableKeepAlives: true}
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	var followed atomic.Bool
	other := serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		followed.Store(true)
		w.Write([]byte(tokenInfoBody))
	}))
	for _, status := range []int{301, 302, 303, 307, 308} {
		p := provider(t, googleAt(serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, other, status)
		})), newClock(), nil))
		told(t, refusal(t, p, accessToken("t")), social.ReasonProviderDown, "google cannot be reached")
		told(t, refusal(t, p, idToken(newIssuer(t).token(t, map[string]any{"iss": "https://accounts.google.com"}))),
			social.ReasonProviderDown, "google cannot be reached")
	}
	if followed.Load() {
		t.Error("the other host was asked")
	}
}
