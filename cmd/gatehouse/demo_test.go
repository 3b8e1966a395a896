package main

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	cdpfetch "github.com/chromedp/cdproto/fetch"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"

	"gatehouse/deploy/demo"
)

// demoTab is one page of a browser that shows the demo of d. What deploy/demo
// tests against a backend of its own is not tested again here.
type demoTab struct {
	*tab
	d    *devRun
	held chan *cdpfetch.EventRequestPaused // requests that hold() keeps back

	calling sync.Mutex
	calls   []string // what /api-auth/ answered since the last look: path, status, reason phrase
}

func openDemo(t *testing.T, browser context.Context, d *devRun) *demoTab {
	t.Helper()
	b := &demoTab{d: d, held: make(chan *cdpfetch.EventRequestPaused, 9)}
	b.tab = openTab(t, browser, []string{d.ready.Demo, d.ready.API}, b.hearCalls)
	return b
}

// hearCalls notes what the page asks /api-auth/.
func (b *demoTab) hearCalls(event any) {
	switch e := event.(type) {
	case *network.EventResponseReceived:
		if path, ours := strings.CutPrefix(e.Response.URL, b.d.ready.API+"/api-auth/"); ours && e.Type == network.ResourceTypeXHR {
			b.calling.Lock()
			defer b.calling.Unlock()
			b.calls = append(b.calls, fmt.Sprintf("%s %d %s", path, e.Response.Status, e.Response.StatusText))
		}
	case *cdpfetch.EventRequestPaused:
		if e.Request.Method == "POST" {
			b.held <- e
		} else { // a preflight
			go chromedp.Call(b.ctx, cdpfetch.ContinueRequest, cdpfetch.ContinueRequestParams{RequestID: e.RequestID})
		}
	}
}

// called forgets what /api-auth/ answered, and returns it.
func (b *demoTab) called() []string {
	b.calling.Lock()
	defer b.calling.Unlock()
	calls := b.calls
	b.calls = nil
	return calls
}

// expectCalls waits for as many calls as are wanted: of the last the page may
// know before we do.
func (b *demoTab) expectCalls(want ...string) {
	b.t.Helper()
	got := b.called()
	for end := time.Now().Add(5 * time.Second); len(got) < len(want) && time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		got = append(got, b.called()...)
	}
	if !slices.Equal(got, want) {
		b.t.Errorf("the page called %q, want %q", got, want)
	}
}

// stored is the pair in the page's localStorage.
func (b *demoTab) stored() (access, refresh string) {
	b.t.Helper()
	pair, err := askTab[[]string](b.tab, `["access_token", "refresh_token"].map((name) => localStorage.getItem(name) ?? "")`)
	if err != nil {
		b.t.Fatal(err)
	}
	return pair[0], pair[1]
}

func (b *demoTab) picture(name string) { b.t.Helper(); b.shot("DEMO_SCREENSHOTS", "dev-"+name) }

// hold keeps the page's refreshes back from here on, until release.
func (b *demoTab) hold() {
	b.t.Helper()
	tellTab(b.tab, cdpfetch.Enable, cdpfetch.EnableParams{Patterns: []*cdpfetch.RequestPattern{{URLPattern: b.d.ready.API + "/api-auth/token/*"}}})
}

func (b *demoTab) nextHeld() *cdpfetch.EventRequestPaused {
	b.t.Helper()
	select {
	case e := <-b.held:
		return e
	case <-time.After(patience):
		b.t.Fatal("the page does not refresh")
		return nil
	}
}

func heldBody(e *cdpfetch.EventRequestPaused) []byte {
	var body bytes.Buffer
	for _, part := range e.Request.PostDataEntries {
		body.Write(part.Bytes)
	}
	return body.Bytes()
}

// signIn fills the login form in and sends it.
func (b *demoTab) signIn(email, password string) {
	b.t.Helper()
	b.fill("E-mail", email)
	b.fill("Password", password)
	b.press("Log in")
}

// TestDemo goes through the demo frontend as a person does, with all of
// gatehouse dev behind it.
func TestDemo(t *testing.T) {
	if !demo.Built() {
		t.Fatal("this test program has no demo in it: run deploy/demo/build (it needs npm; `make test` does it), then the test again")
	}
	d := startDev(t, t.TempDir())
	browser := newBrowser(t)
	b, other := openDemo(t, browser, d), openDemo(t, browser, d)
	for _, step := range []struct {
		name string
		do   func()
	}{
		{"sign up", b.signsUp},
		{"log out", b.logsOut},
		{"log in with a wrong and with the right password", b.logsIn},
		{"an expired access token is renewed unnoticed", b.renews},
		{"the button that spoils the access token", b.spoils},
		{"two tabs renew at once and both stay signed in", func() { renewTogether(b, other) }},
		{"Google", b.byGoogle},
		{"Facebook", b.byFacebook},
		{"all users", b.seesUsers},
		{"log out everywhere", func() { b.logsOutEverywhere(other) }},
	} {
		if !t.Run(step.name, func(t *testing.T) {
			b.t, other.t, d.t = t, t, t
			step.do()
			b.sound()
			other.sound()
		}) {
			t.FailNow() // what follows begins where this ends
		}
		b.t, other.t, d.t = t, t, t
	}
}

const demoPassword = "correct horse battery"

func (b *demoTab) signsUp() {
	b.do(chromedp.Navigate(b.d.ready.Demo))
	b.at("Log in", "Continue with Google", "Continue with Facebook")
	b.picture("login")
	b.press("Sign up")
	b.at("Sign up")
	b.fill("E-mail", "bo@example.com")
	b.fill("Username", "bo")
	b.fill("First name", "Bo")
	b.fill("Password", demoPassword)
	b.press("Sign up")
	b.at("Profile", "bo@example.com")
	b.picture("signed-up")
	b.expectCalls("create/ 201 Created", "currentUser/ 200 OK")
	if access, refresh := b.stored(); b.d.opens(access) != 200 || refresh == "" {
		b.t.Error("the pair is not stored")
	}
}

func (b *demoTab) logsOut() {
	access, refresh := b.stored()
	b.press("Log out")
	b.at("Log in")
	b.expectCalls("revoke-token/ 204 No Content")
	b.ended(access, refresh)
	if left, _ := b.stored(); left != "" {
		b.t.Error("the page kept its token")
	}
}

// ended fails the test unless a pair is dead at the server.
func (b *demoTab) ended(access, refresh string) {
	b.t.Helper()
	if code := b.d.opens(access); code != 401 {
		b.t.Errorf("the access token: %d", code)
	}
	if code, answer := b.d.refresh(refresh); code != 400 || answer["error"] != "invalid_grant" {
		b.t.Errorf("the refresh token: %d %v", code, answer)
	}
}

func (b *demoTab) logsIn() {
	b.signIn("bo@example.com", "wrong")
	b.sees("Invalid credentials given.")
	b.picture("wrong-password")
	b.signIn("bo@example.com", demoPassword)
	b.at("Profile", "bo@example.com")
	b.expectCalls("token/ 400 Bad Request", "token/ 200 OK", "currentUser/ 200 OK")
}

func (b *demoTab) renews() {
	access, refresh := b.stored()
	b.d.endAccess(access)
	b.until("window.before = true")
	b.press("Users")
	b.until("window.before === undefined") // the interceptor loaded the page again
	b.at("Users", "bo@example.com", "accounts")
	b.until(`location.pathname === "/users/"`)
	b.picture("renewed")
	b.expectCalls("all/ 401 Unauthorized", "token/ 200 OK", "all/ 200 OK")
	if newAccess, newRefresh := b.stored(); newAccess == access || newRefresh == refresh || b.d.opens(newAccess) != 200 {
		b.t.Error("the new pair is not stored, or does not work")
	}
}

func (b *demoTab) spoils() {
	b.press("Profile")
	b.at("Profile", "bo@example.com")
	b.called()
	b.press("Expire token")
	b.until(`localStorage.getItem("access_token") !== "expired"`)
	b.at("Profile", "bo@example.com")
	b.expectCalls("currentUser/ 401 Unauthorized", "token/ 200 OK", "currentUser/ 200 OK")
}

// renewTogether lets neither tab's refresh through before the other's is sent.
func renewTogether(one, two *demoTab) {
	t := one.t
	two.do(chromedp.Navigate(two.d.ready.Demo + "/profile/"))
	two.at("Profile", "bo@example.com")
	access, refresh := one.stored()
	one.d.endAccess(access)
	tabs := []*demoTab{one, two}
	var sent []*cdpfetch.EventRequestPaused
	for _, b := range tabs {
		b.called()
		b.hold()
		b.until("(window.before = true, setTimeout(() => location.reload()), true)")
	}
	for _, b := range tabs {
		e := b.nextHeld()
		sent = append(sent, e)
		if body := heldBody(e); !bytes.Contains(body, []byte(refresh)) {
			t.Errorf("a tab sent %s, not the token that both have", body)
		}
	}
	for i, b := range tabs {
		go chromedp.Call(b.ctx, cdpfetch.ContinueRequest, cdpfetch.ContinueRequestParams{RequestID: sent[i].RequestID})
	}
	for _, b := range tabs {
		b.until(`localStorage.getItem("access_token") !== "` + access + `"`)
		b.at("Profile", "bo@example.com")
		b.expectCalls("currentUser/ 401 Unauthorized", "token/ 200 OK", "currentUser/ 200 OK")
		tellTab(b.tab, cdpfetch.Disable, cdp.Empty{})
		b.picture("two-tabs")
	}
	a, _ := one.stored()
	if one.d.opens(a) != 200 {
		t.Error("the pair that both have is dead")
	}
	for _, b := range tabs { // and so it stays
		b.do(chromedp.Reload())
		b.at("Profile", "bo@example.com")
		b.expectCalls("currentUser/ 200 OK")
	}
}

func (b *demoTab) byGoogle() {
	b.press("Log out")
	b.at("Log in")
	b.called()
	b.press("Continue with Google")
	b.fill("E-mail", "bo@example.com") // whose account is not joined to it
	b.press("Continue")
	b.sees("A user with this email already exists.")
	b.picture("google-taken")
	b.fill("E-mail", "ada@gmail.com")
	b.fill("Name", "Ada Lovelace")
	b.press("Continue")
	b.at("Profile", "ada@gmail.com", "Ada")
	b.picture("by-google")
	b.expectCalls("convert-token/ 400 Bad Request", "convert-token/ 200 OK", "currentUser/ 200 OK")
}

// byFacebook is somebody whose address Facebook does not vouch for: the
// account has none.
func (b *demoTab) byFacebook() {
	b.press("Log out")
	b.at("Log in")
	b.called()
	b.press("Continue with Facebook")
	b.fill("E-mail", "fay@example.com")
	b.fill("Name", "Fay Book")
	b.press("Continue")
	b.at("Profile", "FayBook")
	b.picture("by-facebook")
	b.expectCalls("convert-token/ 200 OK", "currentUser/ 200 OK")
}

func (b *demoTab) seesUsers() {
	b.press("Users")
	b.at("Users", "bo@example.com", "ada@gmail.com", "FayBook", b.d.ready.User.Email)
	b.picture("users")
}

// logsOutEverywhere ends the session of another device too; a tab of the same
// browser finds out at its next page.
func (b *demoTab) logsOutEverywhere(other *demoTab) {
	b.press("Log out")
	b.at("Log in")
	b.signIn(b.d.ready.User.Email, b.d.ready.User.Password)
	b.at("Profile", b.d.ready.User.Email)
	other.do(chromedp.Reload())
	other.at("Profile", b.d.ready.User.Email)
	elsewhere := b.d.tutorialToken()
	access, refresh := b.stored()
	b.called()
	b.press("Log out everywhere")
	b.at("Log in")
	b.expectCalls("invalidate-sessions/ 204 No Content")
	b.ended(access, refresh)
	b.ended(elsewhere["access_token"].(string), elsewhere["refresh_token"].(string))
	other.do(chromedp.Reload())
	other.at("Log in")
}
