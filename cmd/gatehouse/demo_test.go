package main

import (
	"bytes"
	"context"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	cdpfetch "github.com/chromedp/cdproto/fetch"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"gatehouse/deploy/demo"
)

const demoPatience = 30 * time.Second // for one step, on a busy machine

// demoTab is one page of a browser that shows the demo of d. What deploy/demo
// tests against a backend of its own is not tested again here.
type demoTab struct {
	t    *testing.T
	d    *devRun
	ctx  context.Context
	held chan *cdpfetch.EventRequestPaused // requests that hold() keeps back

	mu     sync.Mutex
	calls  []string // what /api-auth/ answered since the last look: path, status, reason phrase
	faults []string // exceptions, dialogs, and requests to anybody else
}

// newDemoBrowser starts a Chromium that has never been used and talks to nobody.
func newDemoBrowser(t *testing.T) context.Context {
	t.Helper()
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.NoSandbox, chromedp.DisableGPU, chromedp.UserDataDir(t.TempDir()),
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true), chromedp.Flag("lang", "en-US"))
	allocator, cancel := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(cancel)
	ctx, _ := chromedp.NewContext(allocator)
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("start Chromium: %v: run `make test`, which installs it", err)
	}
	t.Cleanup(func() { // before its folder goes
		if err := chromedp.Cancel(ctx); err != nil {
			t.Logf("stop Chromium: %v", err)
		}
	})
	return ctx
}

func openDemo(t *testing.T, browser context.Context, d *devRun) *demoTab {
	t.Helper()
	b := &demoTab{t: t, d: d, held: make(chan *cdpfetch.EventRequestPaused, 9)}
	ctx, cancel := chromedp.NewContext(browser, chromedp.WithListener(b.hear))
	b.ctx = ctx
	t.Cleanup(cancel)
	if err := chromedp.Do(ctx); err != nil { // the tab lives as long as the context of its first step
		t.Fatal(err)
	}
	b.do(chromedp.EmulateViewport(1280, 900))
	tellTab(b, network.Enable, network.EnableParams{})
	return b
}

// hear notes what the browser says about the page.
func (b *demoTab) hear(event any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch e := event.(type) {
	case *runtime.EventExceptionThrown:
		b.faults = append(b.faults, "exception: "+(&chromedp.ExceptionError{ExceptionDetails: e.ExceptionDetails}).Error())
	case *page.EventJavascriptDialogOpening:
		b.faults = append(b.faults, "alert: "+e.Message)
		go chromedp.Call(b.ctx, page.HandleJavaScriptDialog, page.HandleJavaScriptDialogParams{Accept: true})
	case *network.EventRequestWillBeSent:
		if u, err := url.Parse(e.Request.URL); err == nil && u.Scheme != "data" && !slices.Contains([]string{b.d.ready.Demo, b.d.ready.API}, u.Scheme+"://"+u.Host) {
			b.faults = append(b.faults, "it asked for "+e.Request.URL)
		}
	case *network.EventResponseReceived:
		if path, ours := strings.CutPrefix(e.Response.URL, b.d.ready.API+"/api-auth/"); ours && e.Type == network.ResourceTypeXHR {
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
	b.mu.Lock()
	defer b.mu.Unlock()
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

// sound fails the test if something went wrong in the page.
func (b *demoTab) sound() {
	b.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, fault := range b.faults {
		b.t.Errorf("in the page: %s", fault)
	}
	b.faults = nil
}

func (b *demoTab) do(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, demoPatience)
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		b.t.Fatal(err)
	}
}

// tellTab gives the browser a command that chromedp has no step for.
func tellTab[P, R any](b *demoTab, command cdp.Command[P, R], params P) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, demoPatience)
	defer cancel()
	if _, err := chromedp.Call(ctx, command, params); err != nil {
		b.t.Fatal(err)
	}
}

// askTab evaluates an expression. While the page is about to change it may fail.
func askTab[T any](b *demoTab, expression string) (T, error) {
	ctx, cancel := context.WithTimeout(b.ctx, 5*time.Second)
	defer cancel()
	return chromedp.Run(ctx, chromedp.Evaluate[T](expression))
}

// until waits for an expression to become true.
func (b *demoTab) until(expression string) {
	b.t.Helper()
	for end := time.Now().Add(demoPatience); ; time.Sleep(30 * time.Millisecond) {
		ok, err := askTab[bool](b, "Boolean("+expression+")")
		if err == nil && ok {
			return
		}
		if time.Now().After(end) {
			text, _ := askTab[string](b, `location.pathname + "\n" + document.body.innerText`)
			b.t.Fatalf("never true: %s (%v)\nthe page: %s", expression, err, text)
		}
	}
}

// at waits for the page with the heading, and for texts in it.
func (b *demoTab) at(heading string, texts ...string) {
	b.t.Helper()
	b.until(fmt.Sprintf("document.querySelector('h1')?.innerText === %q", heading))
	b.sees(texts...)
}

func (b *demoTab) sees(texts ...string) {
	b.t.Helper()
	for _, text := range texts {
		b.until(fmt.Sprintf("document.body.innerText.includes(%q)", text))
	}
}

// fill types into the field with the label, in the dialog if one is open.
func (b *demoTab) fill(label, text string) {
	b.t.Helper()
	field := fmt.Sprintf(`[...(document.querySelector("dialog[open]") ?? document).querySelectorAll("label")]`+
		`.find((l) => l.innerText === %q && l.checkVisibility())?.control`, label)
	b.until("(" + field + ".focus(), " + field + ".select(), document.activeElement === " + field + ")")
	tellTab(b, input.InsertText, input.InsertTextParams{Text: text})
}

// press clicks the button or link with the text: in the dialog if one is open,
// or else in the page rather than in the bar.
func (b *demoTab) press(text string) {
	b.t.Helper()
	b.until(fmt.Sprintf(`(() => {
		const within = document.querySelector("dialog[open]") ?? document
		const found = [...within.querySelectorAll("button, a")].filter((e) => e.innerText.trim() === %q && e.checkVisibility())
		const one = found.find((e) => e.tagName === "BUTTON") ?? found[0]
		one?.click()
		return one
	})()`, text))
}

// stored is the pair in the page's localStorage.
func (b *demoTab) stored() (access, refresh string) {
	b.t.Helper()
	pair, err := askTab[[]string](b, `["access_token", "refresh_token"].map((name) => localStorage.getItem(name) ?? "")`)
	if err != nil {
		b.t.Fatal(err)
	}
	return pair[0], pair[1]
}

// shot leaves a picture in the folder that DEMO_SCREENSHOTS names.
func (b *demoTab) shot(name string) {
	b.t.Helper()
	dir := os.Getenv("DEMO_SCREENSHOTS")
	if dir == "" {
		return
	}
	picture, err := chromedp.Run(b.ctx, chromedp.FullScreenshot(100))
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "dev-"+name+".png"), picture, 0o644)
	}
	if err != nil {
		b.t.Error(err)
	}
}

// hold keeps the page's refreshes back from here on, until release.
func (b *demoTab) hold() {
	b.t.Helper()
	tellTab(b, cdpfetch.Enable, cdpfetch.EnableParams{Patterns: []*cdpfetch.RequestPattern{{URLPattern: b.d.ready.API + "/api-auth/token/*"}}})
}

func (b *demoTab) nextHeld() *cdpfetch.EventRequestPaused {
	b.t.Helper()
	select {
	case e := <-b.held:
		return e
	case <-time.After(demoPatience):
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
	browser := newDemoBrowser(t)
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
	b.shot("login")
	b.press("Sign up")
	b.at("Sign up")
	b.fill("E-mail", "bo@example.com")
	b.fill("Username", "bo")
	b.fill("First name", "Bo")
	b.fill("Password", demoPassword)
	b.press("Sign up")
	b.at("Profile", "bo@example.com")
	b.shot("signed-up")
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
	b.shot("wrong-password")
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
	b.shot("renewed")
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
		tellTab(b, cdpfetch.Disable, cdp.Empty{})
		b.shot("two-tabs")
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
	b.shot("google-taken")
	b.fill("E-mail", "ada@gmail.com")
	b.fill("Name", "Ada Lovelace")
	b.press("Continue")
	b.at("Profile", "ada@gmail.com", "Ada")
	b.shot("by-google")
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
	b.shot("by-facebook")
	b.expectCalls("convert-token/ 200 OK", "currentUser/ 200 OK")
}

func (b *demoTab) seesUsers() {
	b.press("Users")
	b.at("Users", "bo@example.com", "ada@gmail.com", "FayBook", b.d.ready.User.Email)
	b.shot("users")
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
