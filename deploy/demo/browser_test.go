package demo

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	cdplog "github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/google/go-cmp/cmp"

	"gatehouse/social/socialtest"
)

const patience = 30 * time.Second // for one step, on a busy machine

// world is the demo with all that it talks to.
type world struct {
	backend    *backend
	demo       string // its address
	stopGoogle func()
}

func newWorld(t *testing.T) *world {
	t.Helper()
	if !Built() {
		t.Fatal("this test program has no demo in it: run deploy/demo/build (it needs npm), then the test again")
	}
	google := httptest.NewServer(socialtest.NewGoogle(socialtest.GoogleConfig{ClientIDs: []string{"google-app"}}))
	facebook := httptest.NewServer(socialtest.NewFacebook(socialtest.FacebookConfig{AppID: "250"}))
	w := &world{backend: newBackend(t), stopGoogle: google.Close}
	t.Cleanup(google.Close)
	t.Cleanup(facebook.Close)
	demo := httptest.NewServer(Handler(Config{w.backend.URL, clientID, clientSecret,
		Provider{google.URL, "google-app"}, Provider{facebook.URL, "250"}}))
	t.Cleanup(demo.Close)
	w.demo = demo.URL
	w.backend.origin, w.backend.google, w.backend.facebook, w.backend.googleApp = demo.URL, google.URL, facebook.URL, "google-app"
	return w
}

// newChromium starts a browser that has never been used and talks to nobody.
func newChromium(t *testing.T) context.Context {
	t.Helper()
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.NoSandbox, chromedp.DisableGPU, chromedp.UserDataDir(t.TempDir()),
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true),
		chromedp.Flag("lang", "en-US"))
	allocator, cancel := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(cancel)
	ctx, _ := chromedp.NewContext(allocator)
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("start Chromium (Debian: apt-get install chromium): %v", err)
	}
	t.Cleanup(func() { // before its folder goes
		if err := chromedp.Cancel(ctx); err != nil {
			t.Logf("stop Chromium: %v", err)
		}
	})
	return ctx
}

// tab is one page of the browser. What goes wrong in it fails the test.
type tab struct {
	t       *testing.T
	ctx     context.Context
	allowed []string // addresses that the page may ask for anything

	mu      sync.Mutex
	alerted []string // texts of alert()
	faults  []string // what went wrong in the page since the last look
}

// open makes a tab of a browser.
func open(t *testing.T, browser context.Context, allowed ...string) *tab {
	t.Helper()
	b := &tab{t: t, allowed: allowed}
	ctx, cancel := chromedp.NewContext(browser, chromedp.WithListener(b.hear))
	b.ctx = ctx
	t.Cleanup(cancel)
	if err := chromedp.Do(ctx); err != nil { // the tab lives as long as the context of its first step
		t.Fatal(err)
	}
	b.do(chromedp.EmulateViewport(1280, 900))
	tell(b, network.Enable, network.EnableParams{})
	tell(b, cdplog.Enable, cdp.Empty{})
	return b
}

// hear notes what the browser says about the page.
func (b *tab) hear(event any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch e := event.(type) {
	case *runtime.EventExceptionThrown:
		b.faults = append(b.faults, "exception: "+(&chromedp.ExceptionError{ExceptionDetails: e.ExceptionDetails}).Error())
	case *cdplog.EventEntryAdded:
		if strings.Contains(e.Entry.Text, "Content Security Policy") {
			b.faults = append(b.faults, e.Entry.Text)
		}
	case *network.EventRequestWillBeSent:
		u, err := url.Parse(e.Request.URL)
		if err == nil && u.Scheme != "data" && !slices.Contains(b.allowed, u.Scheme+"://"+u.Host) {
			b.faults = append(b.faults, "it asked for "+e.Request.URL)
		}
	case *page.EventJavascriptDialogOpening:
		b.alerted = append(b.alerted, e.Message)
		go chromedp.Call(b.ctx, page.HandleJavaScriptDialog, page.HandleJavaScriptDialogParams{Accept: true})
	}
}

// sound fails the test if something went wrong in the page.
func (b *tab) sound() {
	b.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, fault := range b.faults {
		b.t.Errorf("in the page: %s", fault)
	}
	b.faults = nil
}

// alerts are the texts of alert() since the last time that it was asked.
func (b *tab) alerts() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	said := b.alerted
	b.alerted = nil
	return said
}

func (b *tab) do(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		b.t.Fatalf("%v\nthe page:\n%s", err, b.text())
	}
}

// tell gives the browser a command that chromedp has no step for.
func tell[P, R any](b *tab, command cdp.Command[P, R], params P) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	if _, err := chromedp.Call(ctx, command, params); err != nil {
		b.t.Fatal(err)
	}
}

// read evaluates an expression. While the page is about to change it may fail.
func read[T any](b *tab, expression string) (T, error) {
	ctx, cancel := context.WithTimeout(b.ctx, 5*time.Second)
	defer cancel()
	return chromedp.Run(ctx, chromedp.Evaluate[T](expression))
}

func (b *tab) text() string {
	text, err := read[string](b, `location.pathname + "\n" + document.body.innerText`)
	if err != nil {
		return err.Error()
	}
	return text
}

// until waits for an expression to become true.
func (b *tab) until(expression string) {
	b.t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(30 * time.Millisecond) {
		ok, err := read[bool](b, "Boolean("+expression+")")
		if err == nil && ok {
			return
		}
		if time.Now().After(end) {
			b.t.Fatalf("never true: %s (%v)\nthe page:\n%s", expression, err, b.text())
		}
	}
}

// sees waits for texts in the page.
func (b *tab) sees(texts ...string) {
	b.t.Helper()
	for _, text := range texts {
		b.until(fmt.Sprintf("document.body.innerText.includes(%q)", text))
	}
}

// goTo opens an address and waits for the heading of its page.
func (b *tab) goTo(address, heading string) {
	b.t.Helper()
	b.do(chromedp.Navigate(address))
	b.at(heading)
}

// at waits for the page with the heading.
func (b *tab) at(heading string) {
	b.t.Helper()
	b.until(fmt.Sprintf("document.querySelector('h1')?.innerText === %q", heading))
}

// fill types into the field with the label, in place of what is there.
func (b *tab) fill(label, text string) {
	b.t.Helper()
	field := fmt.Sprintf(`[...document.querySelectorAll("label")].find(l => l.innerText === %q && l.checkVisibility() `+
		`&& l.closest("dialog[open]") === document.querySelector("dialog[open]"))?.control`, label)
	b.until(field)
	b.until("(" + field + ".focus(), " + field + ".select(), document.activeElement === " + field + ")")
	b.enter(text)
}

// enter puts text in the place of what is selected.
func (b *tab) enter(text string) {
	b.t.Helper()
	if text == "" {
		b.do(chromedp.KeyEvent("\b"))
		return
	}
	tell(b, input.InsertText, input.InsertTextParams{Text: text})
}

// press clicks the button or link with the text, in a dialog if one is open.
// Of a link in the bar and a button in the page it takes the button.
func (b *tab) press(text string) {
	b.t.Helper()
	b.until(fmt.Sprintf(`(() => {
		const within = document.querySelector("dialog[open]") ?? document
		const found = [...within.querySelectorAll("main button, button, a")].filter((e) => e.innerText.trim() === %q && e.checkVisibility())
		const one = found.find((e) => e.closest("main") && e.tagName === "BUTTON") ?? found[0]
		one?.click()
		return one
	})()`, text))
}

func (b *tab) stored(name string) string {
	b.t.Helper()
	value, err := read[string](b, fmt.Sprintf(`localStorage.getItem(%q) ?? ""`, name))
	if err != nil {
		b.t.Fatal(err)
	}
	return value
}

// store puts an expression's value, as a session of before may have left it.
func (b *tab) store(name, value string) {
	b.t.Helper()
	b.until(fmt.Sprintf("(localStorage.setItem(%q, %q), true)", name, value))
}

func paths(calls []call) (got []string) {
	for _, c := range calls {
		got = append(got, fmt.Sprintf("%s %s %d", strings.TrimPrefix(c.Path, "/api-auth/"), c.GrantType, c.Status))
	}
	return got
}

// TestBrowser goes through the demo as a person does.
func TestBrowser(t *testing.T) {
	w := newWorld(t)
	browser := newChromium(t)
	b := open(t, browser, w.demo, w.backend.URL)
	step := func(name string, do func(t *testing.T)) {
		t.Helper()
		if !t.Run(name, func(t *testing.T) {
			b.t = t
			do(t)
			b.sound()
		}) {
			t.FailNow() // what follows begins where this ends
		}
		b.t = t
	}

	step("nobody is signed in", func(t *testing.T) {
		b.goTo(w.demo+"/profile/", "Log in") // by the interceptor
		if got := paths(w.backend.served()); !slices.Equal(got, []string{"currentUser/  401"}) {
			t.Errorf("called %q", got)
		}
		b.goTo(w.demo+"/", "Log in")
	})
	step("sign-up says what is wrong", func(t *testing.T) {
		b.press("Sign up")
		b.at("Sign up")
		b.fill("E-mail", "not an address")
		b.fill("Username", "bo")
		b.fill("Password", "correct horse")
		b.press("Sign up")
		b.sees("Enter a valid email address.", "This field may not be blank.")
		b.until(`document.activeElement.name === "email" && document.activeElement.ariaInvalid === "true"`)
	})
	step("sign-up signs in", func(t *testing.T) {
		w.backend.served()
		b.fill("E-mail", "bo@example.com")
		b.fill("First name", "Bo")
		b.press("Sign up")
		b.at("Profile")
		b.sees("bo@example.com")
		if got := paths(w.backend.served()); !slices.Equal(got, []string{"create/  201", "currentUser/  200"}) {
			t.Errorf("called %q", got)
		}
		if b.stored("access_token") == "" || b.stored("refresh_token") == "" {
			t.Error("the pair is not stored")
		}
	})
	step("log out", func(t *testing.T) {
		token := b.stored("access_token")
		b.press("Log out")
		b.at("Log in")
		if got := paths(w.backend.served()); !slices.Equal(got, []string{"revoke-token/  204"}) {
			t.Errorf("called %q", got)
		}
		if b.stored("access_token") != "" || b.stored("refresh_token") != "" || w.backend.signsIn(token) {
			t.Error("tokens are left")
		}
	})
	step("the same address again", func(t *testing.T) {
		b.press("Sign up")
		b.at("Sign up")
		for _, label := range []string{"Username", "First name", "Password"} {
			b.fill(label, "bo")
		}
		b.fill("E-mail", "bo@example.com")
		b.press("Sign up")
		b.sees("Account with this email already exists.")
	})
	step("log-in says what is wrong", func(t *testing.T) {
		b.press("Log in")
		b.at("Log in")
		b.fill("E-mail", "bo@example.com")
		b.press("Log in")
		b.sees("This field is required.")
		b.fill("Password", "wrong")
		b.do(chromedp.KeyEvent("\r"))
		b.sees("Invalid credentials given.")
		w.backend.with(func() { w.backend.throttled = true })
		b.press("Log in")
		b.sees("That was tried too often.")
		w.backend.with(func() { w.backend.throttled = false })
	})
	step("log-in, by keyboard, with what a dead session left", func(t *testing.T) {
		b.store("access_token", "stale")
		b.goTo(w.demo+"/login/", "Log in")
		w.backend.served()
		b.fill("E-mail", "bo@example.com")
		b.do(chromedp.KeyEvent("\t"))
		b.enter("correct horse")
		b.do(chromedp.KeyEvent("\r"))
		b.at("Profile")
		b.sees("bo@example.com")
		calls := w.backend.served()
		if len(calls) != 2 || calls[0].GrantType != "password" || calls[0].Bearer != "stale" {
			t.Errorf("called %+v", calls)
		}
	})
	step("an expired token is renewed", func(t *testing.T) {
		old := []string{b.stored("access_token"), b.stored("refresh_token")}
		b.until("window.before = true")
		w.backend.with(func() { clear(w.backend.access) })
		b.press("Users")
		b.until("window.before === undefined") // it was loaded again
		b.at("Users")
		b.sees("1 account", "bo@example.com")
		want := []call{
			{"/api-auth/all/", old[0], "", 401},
			{"/api-auth/token/", "", "refresh_token", 200},
			{"/api-auth/all/", b.stored("access_token"), "", 200},
		}
		if diff := cmp.Diff(want, w.backend.served()); diff != "" {
			t.Errorf("calls (-want +got):\n%s", diff)
		}
		if b.stored("access_token") == old[0] || b.stored("refresh_token") == old[1] {
			t.Error("the old pair is stored still")
		}
	})
	step("the button that spoils a token", func(t *testing.T) {
		b.press("Profile")
		b.at("Profile")
		b.press("Expire token")
		b.until(`localStorage.getItem("access_token") !== "expired"`)
		b.sees("bo@example.com")
	})
	step("two tabs renew at once and both stay signed in", func(t *testing.T) {
		other := open(t, browser, w.demo, w.backend.URL)
		other.goTo(w.demo+"/profile/", "Profile")
		other.sees("bo@example.com")
		w.backend.with(func() { clear(w.backend.access) })
		w.backend.served()
		var both sync.WaitGroup
		for _, one := range []*tab{b, other} {
			both.Go(func() { read[bool](one, "(location.reload(), true)") })
		}
		both.Wait()
		for _, one := range []*tab{b, other} {
			one.until(`localStorage.getItem("access_token") !== null && document.body.innerText.includes("bo@example.com")`)
		}
		if !w.backend.signsIn(b.stored("access_token")) || other.stored("refresh_token") != b.stored("refresh_token") {
			t.Error("the tabs do not share a live pair")
		}
	})
	step("logging out with an expired token", func(t *testing.T) {
		w.backend.with(func() { clear(w.backend.access) })
		w.backend.served()
		b.press("Log out")
		b.at("Log in")
		want := []string{"revoke-token/  401", "token/ refresh_token 200", "revoke-token/  204"}
		if got := paths(w.backend.served()); !slices.Equal(got, want) {
			t.Errorf("called %q, want %q", got, want)
		}
	})
	step("Google refuses, then signs in", func(t *testing.T) {
		w.backend.with(func() { w.backend.googleApp = "another app" })
		b.press("Continue with Google")
		b.fill("E-mail", "ada@gmail.com")
		b.fill("Name", "Ada Lovelace")
		b.press("Continue")
		b.sees("The sign-in was refused there.")
		w.backend.with(func() { w.backend.googleApp = "google-app" })
		b.press("Continue")
		b.at("Profile")
		b.sees("ada@gmail.com")
		b.press("Log out")
		b.at("Log in")
	})
	step("Facebook signs in, and an address that is taken is not joined", func(t *testing.T) {
		b.press("Continue with Facebook")
		b.fill("E-mail", "bo@example.com")
		b.press("Continue")
		b.sees("A user with this email already exists.")
		b.fill("E-mail", "fay@example.com")
		b.fill("Name", "Fay Book")
		b.press("Continue")
		b.at("Profile")
		b.sees("FayBook", "fay@example.com")
	})
	step("all users", func(t *testing.T) {
		b.press("Users")
		b.sees("3 accounts", "bo@example.com", "ada@gmail.com", "fay@example.com")
	})
	step("log out everywhere", func(t *testing.T) {
		b.press("Profile")
		refresh := b.stored("refresh_token")
		b.press("Log out everywhere")
		b.at("Log in")
		w.backend.with(func() {
			if w.backend.refresh[refresh] != nil {
				t.Error("the session lives on")
			}
		})
	})
	step("nobody answers", func(t *testing.T) {
		w.backend.with(func() { w.backend.down = true })
		b.fill("E-mail", "bo@example.com")
		b.fill("Password", "correct horse")
		b.press("Log in")
		b.sees("The server cannot be reached.")
		if said := b.alerts(); len(said) != 1 || !strings.Contains(said[0], "CORS") {
			t.Errorf("said %q", said)
		}
		w.backend.with(func() { w.backend.down = false })
	})
	step("Google does not answer", func(t *testing.T) {
		w.stopGoogle()
		b.press("Continue with Google")
		b.press("Continue")
		b.sees("Google does not answer.")
		b.press("Cancel")
	})
	step("a session that has ended", func(t *testing.T) {
		b.store("access_token", "a")
		b.store("refresh_token", "b")
		b.do(chromedp.Navigate(w.demo + "/profile/"))
		b.sees("This could not be loaded.")
		if b.stored("refresh_token") != "b" {
			t.Error("the stored token went, which the tutorial keeps")
		}
		b.press("Log out")
		b.press("Forget it on this device")
		b.at("Log in")
		if b.stored("refresh_token") != "" {
			t.Error("the stored token stayed")
		}
	})
	step("a page that is not there", func(t *testing.T) {
		b.goTo(w.demo+"/no/such/page/", "No such page")
	})
}

// faults finds what is wrong with the look of a page: texts with little
// contrast, fields without a label, buttons without a name, and what is wider
// than the window.
const faults = `(() => {
  const found = []
  const paint = document.createElement("canvas").getContext("2d", { willReadFrequently: true })
  const rgb = (color) => {
    paint.clearRect(0, 0, 1, 1); paint.fillStyle = color; paint.fillRect(0, 0, 1, 1)
    return [...paint.getImageData(0, 0, 1, 1).data]
  }
  const light = ([r, g, b]) => [r, g, b].map((c) => (c /= 255) <= .04045 ? c / 12.92 : ((c + .055) / 1.055) ** 2.4)
    .reduce((sum, c, i) => sum + c * [.2126, .7152, .0722][i], 0)
  const ground = (e) => {
    for (; e; e = e.parentElement) {
      const color = rgb(getComputedStyle(e).backgroundColor)
      if (color[3] > 250) return color
    }
    return [255, 255, 255, 255]
  }
  for (const e of document.querySelectorAll("body *")) {
    if (!e.checkVisibility() || ![...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim())) continue
    const [a, b] = [light(rgb(getComputedStyle(e).color)), light(ground(e))].sort((x, y) => y - x)
    const ratio = (a + .05) / (b + .05)
    if (ratio < 4.5) found.push("contrast " + ratio.toFixed(2) + ": " + e.innerText.slice(0, 40))
  }
  for (const e of document.querySelectorAll("input")) if (!e.labels.length) found.push("no label: " + e.name)
  for (const e of document.querySelectorAll("button, a")) if (!e.textContent.trim()) found.push("no name: " + e.outerHTML)
  if (document.querySelectorAll("h1").length !== 1) found.push("not one h1")
  if (document.documentElement.scrollWidth > innerWidth) found.push("wider than the window: " + document.documentElement.scrollWidth)
  for (const e of document.querySelectorAll("button, input, nav a")) {
    const box = e.getBoundingClientRect()
    if (e.checkVisibility() && (box.height < 40 || box.right > innerWidth)) found.push("hard to hit: " + (e.innerText || e.name) + " " + box.height)
  }
  return found
})()`

// TestLook goes through the pages in light and dark, on a desk and on a phone.
// With DEMO_SCREENSHOTS=DIR it leaves pictures there.
func TestLook(t *testing.T) {
	w := newWorld(t)
	for _, who := range []account{
		{"bo@example.com", "bo", "Bo", "correct horse", ""}, {"ada@gmail.com", "ada", "Ada", "", ""},
		{"fay@example.com", "FayBook", "Fay", "", ""}, {"grace.hopper@navy.example", "grace", "Grace", "", ""},
		{"a-rather-long-address-that-somebody-has@a-rather-long-domain.example", "somebody-with-a-long-name", "Maximiliane", "", ""},
	} {
		w.backend.add(who)
	}
	b := open(t, newChromium(t), w.demo, w.backend.URL)
	dir := os.Getenv("DEMO_SCREENSHOTS")
	for _, window := range []struct {
		name          string
		width, height int64
	}{{"desk", 1280, 900}, {"phone", 320, 640}} {
		for _, scheme := range []string{"light", "dark"} {
			look := func(name string) {
				t.Helper()
				b.sound()
				found, err := read[[]string](b, faults)
				if err != nil {
					t.Fatal(err)
				}
				for _, fault := range found {
					t.Errorf("%s, %s, %s: %s", name, window.name, scheme, fault)
				}
				if dir == "" {
					return
				}
				picture, err := chromedp.Run(b.ctx, chromedp.FullScreenshot(100))
				if err != nil {
					t.Fatal(err)
				}
				err = os.WriteFile(filepath.Join(dir, strings.Join([]string{name, window.name, scheme}, "-")+".png"), picture, 0o644)
				if err != nil {
					t.Error(err)
				}
			}
			b.do(chromedp.EmulateViewport(window.width, window.height))
			tell(b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
				Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}})

			b.goTo(w.demo+"/login/", "Log in")
			look("login")
			b.fill("E-mail", "bo@example.com")
			b.fill("Password", "wrong")
			b.press("Log in")
			b.sees("Invalid credentials given.")
			look("login-wrong")
			b.press("Continue with Google")
			b.sees("Which Google account?")
			look("google")
			b.press("Cancel")
			b.goTo(w.demo+"/signup/", "Sign up")
			b.fill("E-mail", "bo@example.com")
			b.press("Sign up")
			b.sees("Account with this email already exists.")
			look("signup-wrong")
			b.goTo(w.demo+"/login/", "Log in")
			b.fill("E-mail", "bo@example.com")
			b.fill("Password", "correct horse")
			b.press("Log in")
			b.at("Profile")
			b.sees("bo@example.com")
			look("profile")
			b.press("Users")
			b.sees("5 accounts")
			look("users")
			b.press("Log out")
			b.at("Log in")
		}
	}
}

// TestChromiumIsNeeded holds that the tests of this file fail, and are not
// skipped, where there is no browser.
func TestChromiumIsNeeded(t *testing.T) {
	ctx, cancel := chromedp.NewExecAllocator(t.Context(), chromedp.ExecPath(filepath.Join(t.TempDir(), "none")))
	defer cancel()
	ctx, cancel = chromedp.NewContext(ctx)
	defer cancel()
	if err := chromedp.Do(ctx); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}
