package main

import (
	"context"
	"encoding/json"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
)

// publicPages is a gatehouse dev with a client and a browser, for all that people
// do on its pages.
type publicPages struct {
	t       *testing.T
	d       *devRun
	app     *application
	browser context.Context
	axe     string // axe-core
}

func newPublicPages(t *testing.T) *publicPages {
	t.Helper()
	axe, err := os.ReadFile("testdata/npm/node_modules/axe-core/axe.min.js")
	if err != nil {
		t.Fatalf("%v: run .ci/npm cmd/gatehouse/testdata/npm", err)
	}
	d := startDev(t, t.TempDir())
	return &publicPages{t: t, d: d, app: newApplication(t, d, "harbour", "Harbour Log"), browser: newBrowser(t), axe: string(axe)}
}

// visitor is a person at a browser of their own.
type visitor struct {
	*tab
	w *publicPages
}

// visitor is somebody new. What goes wrong in their browser fails the test.
func (w *publicPages) visitor() *visitor {
	w.t.Helper()
	return w.visit(w.browser, chromedp.WithNewBrowserContext())
}

// another is another tab of the same browser.
func (v *visitor) another() *visitor { return v.w.visit(v.ctx) }

func (w *publicPages) visit(browser context.Context, options ...chromedp.ContextOption) *visitor {
	w.t.Helper()
	ours := []string{w.d.ready.Issuer, w.app.url, w.d.ready.Providers["google"].URL, w.d.ready.Providers["facebook"].URL}
	v := &visitor{openTab(w.t, browser, ours, nil, options...), w}
	w.t.Cleanup(v.sound)
	return v
}

// start goes to the application, which sends them on to sign in.
func (v *visitor) start(query string) {
	v.t.Helper()
	v.do(chromedp.Navigate(v.w.app.url + "/start" + query))
}

func (v *visitor) visit(path string) {
	v.t.Helper()
	v.do(chromedp.Navigate(v.w.d.ready.Issuer + path))
}

// signIn fills the form in and sends it.
func (v *visitor) signIn(email, password string) {
	v.t.Helper()
	v.fill("E-mail address", email)
	v.fill("Password", password)
	v.press("Sign in")
}

// welcome waits until the application has let them in, and is what it knows of
// them.
func (v *visitor) welcome(texts ...string) appClaims {
	v.t.Helper()
	v.at("Welcome", texts...)
	in, _ := v.w.app.last()
	return in.claims
}

// refused waits until the application was told of an error.
func (v *visitor) refused(code string) {
	v.t.Helper()
	v.at("Not signed in", code)
}

// cookies are those that the server has given the browser.
func (v *visitor) cookies() []*network.Cookie {
	v.t.Helper()
	return tellTab(v.tab, network.GetCookies, network.GetCookiesParams{URLs: []string{v.w.d.ready.Issuer}}).Cookies
}

// session is the value of the session's cookie.
func (v *visitor) session() string {
	v.t.Helper()
	for _, c := range v.cookies() {
		if c.Name == "__Host-gatehouse" {
			return c.Value
		}
	}
	return ""
}

// account signs somebody up at the API, whose address is not proven.
func (w *publicPages) account(email string) {
	w.t.Helper()
	code, answer := w.d.call("POST", w.d.ready.API+"/accounts", "", `{"email":"`+email+`","username":"`+email[:3]+`","first_name":"Bo","password":"`+demoPassword+`"}`)
	if code != 201 {
		w.t.Fatalf("sign-up: %d %v", code, answer)
	}
}

// mail is the newest message to an address, once there are n.
func (w *publicPages) mail(to string, n int) caughtMail {
	w.t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		var list []caughtMail
		if code, text, _ := w.d.get("/messages"); code != 200 || json.Unmarshal([]byte(text), &list) != nil {
			w.t.Fatalf("%d %s", code, text)
		}
		list = slices.DeleteFunc(list, func(m caughtMail) bool { return !slices.Contains(m.To, to) })
		if len(list) == n {
			return list[0]
		}
		if time.Now().After(end) {
			w.t.Fatalf("%d messages to %s, want %d", len(list), to, n)
		}
	}
}

// look is a size of the window and a colour scheme.
type look struct {
	name          string
	width, height int64
	scheme        string
}

var looks = []look{{"phone-dark", 320, 640, "dark"}, {"phone-light", 320, 640, "light"}, {"desk-dark", 1280, 900, "dark"}, {"desk-light", 1280, 900, "light"}}

// runAxe runs axe-core by the rules of WCAG 2.2 A and AA.
const runAxe = `(async () => {
  const report = await axe.run({ runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"], resultTypes: ["violations", "incomplete"] })
  const tell = (r) => r.id + " (" + r.impact + "): " + r.nodes.map((n) => n.html.slice(0, 90) + " " + n.any.map((a) => a.message).join(" ")).join(" | ")
  return { passes: report.passes.length, found: [...report.violations, ...report.incomplete].map(tell), wide: document.documentElement.scrollWidth - innerWidth }
})()`

type axeReport struct {
	Passes int      `json:"passes"` // rules that held
	Found  []string `json:"found"`
	Wide   int      `json:"wide"` // pixels that the page is wider than the window
}

// looks holds that the page that is shown is good to use in light and dark, on a
// desk and on a phone. With PAGES_SCREENSHOTS=DIR it leaves pictures there.
func (v *visitor) looks(name string) {
	v.t.Helper()
	if _, err := askTab[bool](v.tab, v.w.axe+"\ntrue"); err != nil {
		v.t.Fatal(err)
	}
	for _, l := range looks {
		v.do(chromedp.EmulateViewport(l.width, l.height))
		tellTab(v.tab, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: l.scheme}, {Name: "prefers-reduced-motion", Value: "reduce"}}})
		report, err := askTab[axeReport](v.tab, runAxe)
		if err != nil {
			v.t.Fatal(err)
		}
		if report.Passes < 5 || report.Wide > 0 {
			v.t.Errorf("%s, %s: axe-core tried %d rules; %d pixels too wide", name, l.name, report.Passes, report.Wide)
		}
		for _, found := range report.Found {
			v.t.Errorf("%s, %s: %s", name, l.name, found)
		}
		v.shot("PAGES_SCREENSHOTS", name+"-"+l.name)
	}
}
