package authz

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"gatehouse/social"
)

// TestCallbackSignsNobodyIn has a row for each answer that is not what this
// browser left for.
func TestCallbackSignsNobodyIn(t *testing.T) {
	const elsewhere, tryAgain = "This was started in another browser", "Signing in there did not work"
	change := func(change func(url.Values)) func(*world, *browser) string {
		return func(w *world, b *browser) string {
			path, query, _ := strings.Cut(b.callback("google", graceEmail), "?")
			v, _ := url.ParseQuery(query)
			change(v)
			return path + "?" + v.Encode()
		}
	}
	set := func(pairs ...string) func(*world, *browser) string {
		return change(func(v url.Values) {
			for i := 0; i < len(pairs); i += 2 {
				if v.Set(pairs[i], pairs[i+1]); pairs[i+1] == "" {
					v.Del(pairs[i])
				}
			}
		})
	}
	failed := func(pairs ...string) func(*world, *browser) string {
		return set(append([]string{"code", ""}, pairs...)...)
	}
	other := social.NewRedirection("x").State
	rows := []struct {
		name string
		at   func(*world, *browser) string
		code int
		say  string
	}{
		{"no state", set("state", ""), 400, elsewhere},
		{"another state", set("state", other), 400, elsewhere},
		{"the beginning of the state", change(func(v url.Values) { v.Set("state", v.Get("state")[:16]) }), 400, elsewhere},
		{"a state that begins alike", change(func(v url.Values) { v.Set("state", v.Get("state")[:16]+other[16:]) }), 400, elsewhere},
		{"two states", change(func(v url.Values) { v.Add("state", v.Get("state")) }), 400, elsewhere},
		{"nothing", func(*world, *browser) string { return "/signin/google/callback" }, 400, elsewhere},
		{"another browser's", func(w *world, _ *browser) string { return w.browser().callback("google", "attacker@gmail.com") }, 400, elsewhere},
		{"not well-formed", func(w *world, b *browser) string { return b.callback("google", graceEmail) + "&a=%zz" }, 400, "asked for something wrong"},
		{"another provider's", func(w *world, b *browser) string {
			return strings.Replace(b.callback("google", graceEmail), "/google/", "/facebook/", 1)
		}, 400, "does not answer"},
		{"a provider that is not there", func(w *world, b *browser) string {
			return strings.Replace(b.callback("google", graceEmail), "/google/", "/nobody/", 1)
		}, 404, "There is nothing here"},
		{"too late", func(w *world, b *browser) string {
			at := b.callback("google", graceEmail)
			w.clock.move(departureLife + time.Second)
			return at
		}, 400, "This took too long"},
		{"a second time, from a browser that keeps its cookies", func(w *world, b *browser) string {
			at := b.callback("google", graceEmail)
			kept := &browser{w, map[string]string{}}
			for name, value := range b.cookies {
				kept.cookies[name] = value
			}
			if a := kept.visit("GET", at, nil); a.code != 303 {
				w.t.Fatalf("the first time: %d %s", a.code, a.text)
			}
			return at
		}, 400, "This sign-in is done already"},
		{"a second time", func(w *world, b *browser) string {
			at := b.callback("google", graceEmail)
			b.visit("GET", at, nil)
			delete(b.cookies, cookieSession)
			return at
		}, 400, elsewhere},
		{"another's code", func(w *world, b *browser) string {
			theirs, _ := url.Parse(w.browser().callback("google", "attacker@gmail.com"))
			return set("code", theirs.Query().Get("code"))(w, b)
		}, 400, tryAgain},
		{"a made-up code", set("code", "4/0Amade-up"), 400, tryAgain},
		{"no code", set("code", ""), 400, tryAgain},
		{"two codes", change(func(v url.Values) { v.Add("code", v.Get("code")) }), 400, tryAgain},
		{"a parameter twice", change(func(v url.Values) { v["scope"] = []string{"a", "b"} }), 400, tryAgain},
		{"another provider's iss", set("iss", "https://evil.example"), 400, tryAgain},
		{"an error", failed("error", "server_error", "error_description", `"><script>alert(1)</script>`), 400, tryAgain},
		{"an error with markup in it", failed("error", `"><script>alert(1)</script>`, "error_uri", "javascript:alert(1)"), 400, tryAgain},
		{"declined", failed("error", "access_denied", "error_description", `"><script>alert(1)</script>`), 403, "You stopped signing in there"},
	}
	each(t, func(t *testing.T, w *world) {
		for _, tt := range rows {
			t.Run(tt.name, func(t *testing.T) {
				b := w.browser()
				at := tt.at(w, b)
				a := b.visit("GET", at, nil)
				if a.code != tt.code || !strings.Contains(a.text, tt.say) || a.header.Get("Location") != "" {
					t.Errorf("%d %q, want %d %q: %s", a.code, a.header.Get("Location"), tt.code, tt.say, a.text)
				}
				if b.cookies[cookieSession] != "" {
					t.Error("somebody is signed in")
				}
				if strings.Contains(a.text, "alert(1)") || strings.Contains(a.text, "evil.example") {
					t.Errorf("the page repeats it: %s", a.text)
				}
				if u, err := url.Parse(at); err == nil && (u.Query().Get("code") != "" && strings.Contains(w.log.String(), u.Query().Get("code")) ||
					len(u.Query().Get("state")) == stateLength && strings.Contains(w.log.String(), u.Query().Get("state"))) {
					t.Error("the log has it")
				}
			})
		}
	})
}

func TestProviderAnswersByForm(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		// post is what a browser does that another site has told to: without our cookies.
		post := func(b *browser, at string, more ...string) answer {
			path, query, _ := strings.Cut(at, "?")
			for i := 0; i < len(more); i += 2 {
				query += "&" + url.Values{more[i]: {more[i+1]}}.Encode()
			}
			req := mustRequest(w, path, query)
			req.Header.Set("Sec-Fetch-Site", "cross-site")
			req.Header.Set("Origin", "https://accounts.google.com")
			resp, err := http.DefaultTransport.RoundTrip(req)
			if err != nil {
				t.Fatal(err)
			}
			return read(resp)
		}
		b := w.browser()
		at := b.callback("google", graceEmail)
		a := post(b, at, "user", `{"name":"Grace"}`, "id_token", "a.b.c", "error_description", "x")
		to, err := url.Parse(a.header.Get("Location"))
		if err != nil || a.code != 303 || to.Host != "" || to.Path != "/signin/google/callback" {
			t.Fatalf("%d %v %s", a.code, to, a.text)
		}
		if q := to.Query(); len(q) != 3 || q.Get("code") == "" || q.Get("state") == "" || q.Get("iss") == "" {
			t.Errorf("%v", q)
		}
		if got := b.follow("GET", to.String(), nil); got.code != 200 || b.cookies[cookieSession] == "" {
			t.Errorf("%d %s", got.code, got.text)
		}
		b = w.browser()
		at = b.callback("google", graceEmail)
		a = post(b, at, "code", "another")
		if a = b.follow("GET", a.header.Get("Location"), nil); a.code != 400 || b.cookies[cookieSession] != "" {
			t.Errorf("two codes: %d %s", a.code, a.text)
		}
		if a = post(b, at, "code", strings.Repeat("x", maxRequest)); a.code != 413 || a.header.Get("Location") != "" {
			t.Errorf("too long: %d %s", a.code, a.header.Get("Location"))
		}
		if a = post(b, "/signin/nobody/callback?a=b"); a.code != 404 {
			t.Errorf("nobody: %d %s", a.code, a.text)
		}
	})
}

// TestOneCallbackAtOnce: of many calls with the same answer one signs in.
func TestOneCallbackAtOnce(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		b := w.browser()
		at := b.callback("google", graceEmail)
		var all sync.WaitGroup
		codes := make([]int, 6)
		for i := range codes {
			same := &browser{w, map[string]string{}}
			for name, value := range b.cookies {
				same.cookies[name] = value
			}
			all.Go(func() { codes[i] = same.visit("GET", at, nil).code })
		}
		all.Wait()
		if slices.Sort(codes); fmt.Sprint(codes) != "[303 400 400 400 400 400]" {
			t.Error(codes)
		}
	})
}

// longest is a state with which a request is as long as one may be.
func longest() string {
	const each = len("s%26")
	room := maxRequest - len(params("state", "").Encode()) - len("&state=")
	return strings.Repeat("s&", room/each) + strings.Repeat("s", room%each)
}

func (b *browser) cookieBytes() (n int) {
	for name, value := range b.cookies {
		n += len(name) + len(value)
	}
	return n
}

// TestDepartures: a request of any length fits, and a browser keeps few.
func TestDepartures(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		b := w.browser()
		page := b.authorize("state", longest())
		at := b.away(page.link(t, "/signin/google"))
		for name, value := range b.cookies {
			if len(name)+len(value) > 4096 {
				t.Errorf("%s has %d bytes", name, len(value))
			}
		}
		if len(b.cookies) != 2 {
			t.Errorf("%d cookies", len(b.cookies))
		}
		if got := b.follow("GET", w.there(at, graceEmail), nil).arrival(t); got.Get("code") == "" || got.Get("state") != longest() {
			t.Errorf("%v", got)
		}
		if a := b.authorize("state", longest()+"s"); a.code != 413 {
			t.Errorf("longer: %d %s", a.code, a.text)
		}
		b = w.browser()
		var last string
		for range 5 {
			last = b.callback("google", graceEmail)
		}
		if len(b.cookies) != maxDepartures {
			t.Errorf("%d cookies", len(b.cookies))
		}
		if a := b.visit("GET", last, nil); a.code != 303 {
			t.Errorf("%d %s", a.code, a.text)
		}
	})
}

// TestDeparturesLeaveRoom has a browser sent away with requests so long that its
// own would become too long to be answered.
func TestDeparturesLeaveRoom(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		b := w.browser()
		var last string
		for range 4 {
			b.callback("google", graceEmail) // a short one
			page := b.authorize("state", longest())
			last = w.there(b.away(page.link(t, "/signin/google")), graceEmail)
			if n := b.cookieBytes(); n > maxKept {
				t.Fatalf("%d bytes of cookies", n)
			}
		}
		if a := b.follow("GET", last, nil); a.arrival(t).Get("code") == "" {
			t.Errorf("%d %s", a.code, a.text)
		}
		b = w.browser()
		query := params("filler", strings.Repeat("s", 2*maxRequest)).Encode()
		a := b.visit("GET", "/signin/google?ticket="+w.server.sealTicket(ticket{Asked: w.store.Now(), Query: query}), nil)
		if a.code != 413 || len(b.cookies) != 0 || !strings.Contains(a.text, "too long") {
			t.Errorf("%d, %d cookies: %s", a.code, len(b.cookies), a.text)
		}
	})
}
