package pages

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
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
	cdpinput "github.com/chromedp/cdproto/input"
	cdplog "github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

const patience = 30 * time.Second // for one step, on a busy machine

// site shows the examples, and takes what their forms send.
type site struct {
	*httptest.Server
	pages  *Pages
	extra  map[string]Page     // more of them, by name
	target map[string][]string // formTargets by name
	onward string              // where a form's answer leads; empty: nowhere

	mu   sync.Mutex
	got  *http.Request // the last POST
	form url.Values
}

func newSite(t *testing.T, cfg Config) *site {
	s := &site{pages: newPages(t, cfg), extra: map[string]Page{}, target: map[string][]string{}}
	m := http.NewServeMux()
	m.Handle("GET /assets/", s.pages.Assets())
	m.HandleFunc("GET /show/{name}", func(w http.ResponseWriter, r *http.Request) {
		name := r.PathValue("name")
		page := s.extra[name]
		if page == nil {
			page = examples[name]
		}
		s.pages.Write(w, http.StatusOK, page, s.target[name]...)
	})
	m.Handle("POST /", http.NewCrossOriginProtection().Handler(http.HandlerFunc(s.post)))
	s.Server = httptest.NewServer(m)
	t.Cleanup(s.Close)
	return s
}

func (s *site) post(w http.ResponseWriter, r *http.Request) {
	r.ParseForm()
	s.mu.Lock()
	s.got, s.form = r, r.PostForm
	s.mu.Unlock()
	if s.onward != "" {
		http.Redirect(w, r, s.onward, http.StatusSeeOther)
		return
	}
	s.pages.Write(w, http.StatusOK, SignedOut{})
}

// posted is the last form that came, and forgets it.
func (s *site) posted() (*http.Request, url.Values) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, form := s.got, s.form
	s.got, s.form = nil, nil
	return r, form
}

// tab is one page of a browser. What goes wrong in it fails the test.
type tab struct {
	t   *testing.T
	ctx context.Context

	mu     sync.Mutex
	faults []string
}

func newTab(t *testing.T) *tab {
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
	return another(t, ctx)
}

// another makes a tab of a browser.
func another(t *testing.T, browser context.Context) *tab {
	t.Helper()
	b := &tab{t: t}
	ctx, cancel := chromedp.NewContext(browser, chromedp.WithListener(b.hear))
	b.ctx = ctx
	t.Cleanup(cancel)
	if err := chromedp.Do(ctx); err != nil { // the tab lives as long as the context of its first step
		t.Fatal(err)
	}
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
		b.faults = append(b.faults, e.Entry.Text+" "+e.Entry.URL)
	}
}

// heard is what went wrong in the page since the last look.
func (b *tab) heard() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	faults := b.faults
	b.faults = nil
	return faults
}

func (b *tab) do(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		b.t.Fatal(err)
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

// read evaluates an expression, and waits for it if it is a promise.
func read[T any](b *tab, expression string) T {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	value, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		b.t.Fatalf("%v: %s", err, shorten(expression, 100))
	}
	return value
}

// until waits for an expression to become true, also across pages.
func (b *tab) until(expression string) {
	b.t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		ok, err := chromedp.Run(b.ctx, chromedp.Evaluate[bool]("Boolean("+expression+")"))
		if err == nil && ok {
			return
		}
		if time.Now().After(end) {
			b.t.Fatalf("never true: %s (%v)", expression, err)
		}
	}
}

// look is a size of the window and a colour scheme.
type look struct {
	name          string
	width, height int64
	scheme        string
}

var looks = []look{{"desk-light", 1280, 900, "light"}, {"desk-dark", 1280, 900, "dark"}, {"phone-light", 320, 640, "light"}, {"phone-dark", 320, 640, "dark"}}

func (b *tab) take(l look) {
	b.t.Helper()
	b.do(chromedp.EmulateViewport(l.width, l.height))
	tell(b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: l.scheme}, {Name: "prefers-reduced-motion", Value: "reduce"}}})
}

// wrong finds what axe-core does not: what is wider than the window or the
// card, and what is hard to hit.
const wrong = `(() => {
  const found = []
  if (document.documentElement.scrollWidth > innerWidth) found.push("wider than the window: " + document.documentElement.scrollWidth)
  const card = document.querySelector("main").getBoundingClientRect()
  for (const e of document.querySelectorAll("main *")) {
    const box = e.getBoundingClientRect()
    if (e.checkVisibility() && !e.closest(".unseen") && (box.right > card.right + 1 || box.left < card.left - 1)) found.push("out of the card: " + e.outerHTML.slice(0, 80))
  }
  for (const e of document.querySelectorAll("button, input, a")) {
    const box = e.getBoundingClientRect()
    if (e.checkVisibility() && box.height < (e.tagName === "A" ? 24 : 44)) found.push("hard to hit: " + e.outerHTML.slice(0, 80) + " " + box.height)
  }
  return found
})()`

// axe runs axe-core by the rules of WCAG 2.2 A and AA.
const axe = `(async () => {
  const report = await axe.run({ runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"], resultTypes: ["violations", "incomplete"] })
  const tell = (r) => r.id + " (" + r.impact + "): " + r.nodes.map((n) => n.html.slice(0, 90) + " " + n.any.map((a) => a.message).join(" ")).join(" | ")
  return { passes: report.passes.length, violations: report.violations.map(tell), incomplete: report.incomplete.map(tell) }
})()`

type axeReport struct {
	Passes     int      `json:"passes"` // rules that held
	Violations []string `json:"violations"`
	Incomplete []string `json:"incomplete"`
}

// TestLook goes through the pages in light and dark, on a desk and on a phone.
// With PAGES_SCREENSHOTS=DIR it leaves pictures there.
func TestLook(t *testing.T) {
	source, err := os.ReadFile("../../cmd/gatehouse/testdata/npm/node_modules/axe-core/axe.min.js")
	if err != nil {
		t.Fatalf("%v: run .ci/npm cmd/gatehouse/testdata/npm", err)
	}
	s, b := newSite(t, Config{}), newTab(t)
	s.extra["formpost"] = FormPost{RedirectURI: "com.example.app:/cb", ClientName: "Harbour Log", Parameters: []Parameter{{"code", "c"}}} // nothing opens it here, so the page stays
	dir := os.Getenv("PAGES_SCREENSHOTS")
	for _, l := range looks {
		b.take(l)
		for _, name := range names(examples) {
			t.Run(l.name+"/"+name, func(t *testing.T) {
				b.t = t
				b.do(chromedp.Navigate(s.URL + "/show/" + name))
				faults := slices.DeleteFunc(b.heard(), func(f string) bool { return strings.Contains(f, "com.example.app") }) // of formpost; it may come late
				faults = append(faults, read[[]string](b, wrong)...)
				if dir != "" {
					picture, err := chromedp.Run(b.ctx, chromedp.FullScreenshot(100))
					if err == nil {
						err = os.WriteFile(filepath.Join(dir, name+"-"+l.name+".png"), picture, 0o644)
					}
					if err != nil {
						t.Error(err)
					}
				}
				read[bool](b, string(source)+"\ntrue")
				report := read[axeReport](b, axe)
				if report.Passes < 5 {
					t.Errorf("axe-core tried %d rules only", report.Passes)
				}
				for _, fault := range append(append(faults, report.Violations...), report.Incomplete...) {
					t.Error(fault)
				}
			})
		}
	}
}

func names(m map[string]Page) (list []string) {
	for name := range m {
		list = append(list, name)
	}
	slices.Sort(list)
	return list
}

// TestKeyboard holds that Tab reaches every control, in the order in which they
// stand, and that each shows that it is there.
func TestKeyboard(t *testing.T) {
	s, first := newSite(t, Config{}), newTab(t)
	s.extra["formpost"] = FormPost{RedirectURI: "com.example.app:/cb"}
	const controls = `[...document.querySelectorAll("a[href], button, input:not([type=hidden])")].filter((e) => e.checkVisibility())`
	for _, name := range names(examples) {
		t.Run(name, func(t *testing.T) {
			b := another(t, first.ctx) // where a field for a new password had the focus, the browser keeps a key for itself
			b.do(chromedp.Navigate(s.URL + "/show/" + name))
			count := read[int](b, controls+`.length`)
			read[bool](b, `(document.activeElement.blur(), getSelection().collapse(document.body, 0), true)`)
			for i := range count {
				b.do(chromedp.KeyEvent("\t"))
				at := read[int](b, controls+`.indexOf(document.activeElement)`)
				if at != i {
					t.Fatalf("Tab %d of %d is at control %d", i+1, count, at)
				}
				if !read[bool](b, `parseFloat(getComputedStyle(document.activeElement).outlineWidth) >= 2`) {
					t.Errorf("control %d does not show its focus", i)
				}
			}
		})
	}
}

// TestProblemsTakeTheFocus holds that what was wrong is read first, and leads to
// the field.
func TestProblemsTakeTheFocus(t *testing.T) {
	s, b := newSite(t, Config{}), newTab(t)
	b.do(chromedp.Navigate(s.URL + "/show/signup-wrong"))
	b.until(`document.activeElement.role === "alert"`)
	b.do(chromedp.KeyEvent("\t"))
	b.do(chromedp.KeyEvent("\r"))
	b.until(`location.hash === "#email"`)
	b.do(chromedp.KeyEvent("x"))
	if value := read[string](b, `document.querySelector("#email").value`); value != "bo@x" && value != "xbo@" {
		t.Errorf("the field has %q", value)
	}
}

// TestForcedColours holds that nothing rests on colours of ours.
func TestForcedColours(t *testing.T) {
	s, b := newSite(t, Config{}), newTab(t)
	b.take(looks[0])
	tell(b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "forced-colors", Value: "active"}}})
	b.do(chromedp.Navigate(s.URL + "/show/signin-wrong"))
	if got := read[[]string](b, `[...document.querySelectorAll("main .button, main input:not([type=hidden])")].filter((e) => getComputedStyle(e).borderTopWidth === "0px").map((e) => e.outerHTML)`); len(got) > 0 {
		t.Errorf("without a border: %q", got)
	}
}

func TestShowPassword(t *testing.T) {
	s, b := newSite(t, Config{}), newTab(t)
	b.do(chromedp.Navigate(s.URL + "/show/signin"))
	read[bool](b, `(document.querySelector("#password").focus(), true)`)
	tell(b, cdpinput.InsertText, cdpinput.InsertTextParams{Text: "correct horse"})
	const state = `document.querySelector("#password").type + " " + document.querySelector(".show").ariaPressed + " " + document.querySelector(".show").textContent`
	for _, want := range []string{"password false Show password", "text true Show password", "password false Show password", "text true Show password"} {
		if got := read[string](b, state); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
		read[bool](b, `(document.querySelector(".show").click(), true)`)
	}
	read[bool](b, `(document.querySelector("#password").type = "text", document.querySelector("#email").value = "bo@example.com", document.querySelector("form").requestSubmit(), true)`)
	b.until(`document.querySelector("h1").textContent === "You are signed out"`)
	if _, form := s.posted(); form.Get("password") != "correct horse" {
		t.Errorf("sent %v", form)
	}
	if faults := b.heard(); len(faults) > 0 {
		t.Error(faults)
	}
}

// TestWithoutJavaScript sends each form as it stands.
func TestWithoutJavaScript(t *testing.T) {
	s, b := newSite(t, Config{}), newTab(t)
	tell(b, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
	s.extra["formpost"] = FormPost{RedirectURI: s.URL + "/callback", Parameters: []Parameter{{"code", "c"}, {"submit", "s"}}}
	for _, tt := range []struct{ page, press, path, want string }{
		{"signin", "Sign in", "/signin", "email=bo@example.com&password=bo@example.com&ticket=t"},
		{"signup", "Create account", "/signup", "email=bo@example.com&first_name=bo@example.com&last_name=bo@example.com&password=bo@example.com&ticket=t"},
		{"confirm", "Confirm this address", "/verify", "token=t"},
		{"newpassword", "Save and sign in", "/reset", "email=bo@example.com&password=bo@example.com&token=t"},
		{"forgot", "Send the link", "/forgot", "email=bo@example.com&ticket=t"},
		{"consent", "Allow", "/consent", "decision=allow&ticket=t"},
		{"consent", "Do not allow", "/consent", "decision=deny&ticket=t"},
		{"link", "Link it", "/link", "decision=allow&ticket=t"},
		{"signout", "Sign out", "/oauth2/logout", "decision=sign_out&ticket=t"},
		{"account", "Sign out everywhere else", "/account/end-session", "id=others"},
		{"account", "Link Facebook", "/account/link", "provider=facebook"},
		{"formpost", "Continue", "/callback", "code=c&submit=s"},
	} {
		t.Run(tt.page+": "+tt.press, func(t *testing.T) {
			b.t = t
			b.do(chromedp.Navigate(s.URL + "/show/" + tt.page))
			if shown := read[int](b, `[...document.querySelectorAll("[data-shows]")].filter((e) => e.checkVisibility()).length`); shown != 0 {
				t.Error("a button that does nothing is shown")
			}
			for i := range read[int](b, `document.querySelectorAll("input:not([type=hidden]):not([hidden])").length`) {
				read[bool](b, fmt.Sprintf(`(document.querySelectorAll("input:not([type=hidden]):not([hidden])")[%d].focus(), true)`, i))
				tell(b, cdpinput.InsertText, cdpinput.InsertTextParams{Text: "bo@example.com"})
			}
			read[bool](b, fmt.Sprintf(`([...document.querySelectorAll("button")].find((e) => e.innerText.trim() === %q).click(), true)`, tt.press))
			b.until(`document.querySelector("h1").textContent === "You are signed out"`)
			r, form := s.posted()
			want, _ := url.ParseQuery(strings.ReplaceAll(tt.want, "@", "%40"))
			if r.URL.Path != tt.path || form.Encode() != want.Encode() {
				t.Errorf("%s %v", r.URL.Path, form)
			}
			if origin := r.Header.Get("Origin"); origin != s.URL {
				t.Errorf("Origin: %q, which CrossOriginProtection needs where there is no Sec-Fetch-Site", origin)
			}
			if referer := r.Header.Get("Referer"); referer != s.URL+"/" {
				t.Errorf("Referer: %q", referer)
			}
		})
	}
}

// TestFormPostGoesOn holds that a response reaches the client by itself, also a
// client that answers by a redirect to another of its origins.
func TestFormPostGoesOn(t *testing.T) {
	home, client, s, b := newSite(t, Config{}), newSite(t, Config{}), newSite(t, Config{}), newTab(t)
	unprotected := httptest.NewServer(http.HandlerFunc(client.post)) // it takes forms from elsewhere, as a redirect URI does
	t.Cleanup(unprotected.Close)
	client.onward = home.URL + "/show/signedout-plain"
	s.extra["response"] = FormPost{RedirectURI: unprotected.URL + "/cb", Parameters: []Parameter{{"code", "c"}, {"submit", "s"}, {"action", "a"}}}
	b.do(chromedp.Navigate(s.URL + "/show/response"))
	b.until(`location.href === ` + quoted(home.URL+"/show/signedout-plain"))
	if r, form := client.posted(); form.Encode() != "action=a&code=c&submit=s" || r.Header.Get("Origin") != s.URL {
		t.Errorf("sent %v by %s", form, r.Header.Get("Origin"))
	}
	if faults := b.heard(); len(faults) > 0 {
		t.Error(faults)
	}
}

// TestFormTargets holds that the answer to a form reaches the client with the
// target, and why it is needed.
func TestFormTargets(t *testing.T) {
	client, s, b := newSite(t, Config{}), newSite(t, Config{}), newTab(t)
	s.onward = client.URL + "/show/signedout-plain"
	s.extra["with"], s.extra["without"] = examples["consent"], examples["consent"]
	s.target["with"] = []string{client.URL}
	press := func(name string) {
		b.do(chromedp.Navigate(s.URL + "/show/" + name))
		read[bool](b, `(document.querySelector("button").click(), true)`)
	}
	press("with")
	b.until(`location.href === ` + quoted(s.onward))
	if faults := b.heard(); len(faults) > 0 {
		t.Error(faults)
	}
	press("without")
	for end := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		if faults := b.heard(); len(faults) > 0 {
			if !strings.Contains(faults[0], "form-action") {
				t.Error(faults)
			}
			break
		}
		if time.Now().After(end) {
			t.Fatal("nothing holds a form's answer back, so that formTargets are not needed any more")
		}
	}
}

func quoted(text string) string {
	b, _ := json.Marshal(text)
	return string(b)
}
