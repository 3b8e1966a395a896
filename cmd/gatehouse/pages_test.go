package main

import (
	"fmt"
	"slices"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
)

// TestPages is people at the public pages of a gatehouse dev, in Chromium, from a
// client and back to it. Each story is somebody with a browser of their own.
func TestPages(t *testing.T) {
	w := newPublicPages(t)
	for _, story := range []struct {
		name string
		do   func(*publicPages)
	}{
		{"sign in, refuse, allow, and be remembered", (*publicPages).signsIn},
		{"asked again", (*publicPages).signsInAnew},
		{"two tabs", (*publicPages).twoTabs},
		{"sign up", (*publicPages).signsUp},
		{"sign up and open the mail elsewhere", (*publicPages).signsUpElsewhere},
		{"forgotten password", (*publicPages).forgets},
		{"Google", (*publicPages).byGoogle},
		{"Facebook", (*publicPages).byFacebook},
		{"Google for an account that is there", (*publicPages).links},
		{"account page", (*publicPages).looksAfterAccount},
		{"another password", (*publicPages).changesPassword},
		{"confirm an address", (*publicPages).confirmsAddress},
		{"sign out", (*publicPages).signsOut},
		{"errors", (*publicPages).errorPages},
		{"requests and answers by form", (*publicPages).byForms},
		{"pop-up window", (*publicPages).byPopUp},
		{"without JavaScript, by keyboard", (*publicPages).withoutJavaScript},
	} {
		t.Run(story.name, func(t *testing.T) {
			w.t, w.d.t = t, t
			story.do(w)
		})
		w.t, w.d.t = t, t
	}
}

func (w *publicPages) signsIn() {
	user := w.d.ready.User
	v := w.visitor()
	v.start("?prompt=none")
	v.refused("login_required")
	v.start("")
	v.at("Sign in", "to continue to Harbour Log", "Continue with Google", "Continue with Facebook")
	v.looks("signin")
	v.signIn(user.Email, "wrong")
	v.sees("The e-mail address or the password is not right.")
	v.looks("signin-wrong")
	v.signIn(user.Email, user.Password)
	v.at("Allow access?", "Harbour Log asks for access to your account "+user.Email, "see your name and username", "localhost:")
	v.looks("consent")
	v.press("Do not allow")
	v.refused("access_denied")
	v.start("?prompt=none")
	v.refused("consent_required")
	v.start("")
	v.press("Allow")
	claims := v.welcome(user.Email)
	if !slices.Equal(claims.AMR, []string{"pwd"}) || claims.SID == "" || claims.AuthTime == 0 || !claims.EmailVerified || claims.GivenName != user.FirstName {
		w.t.Errorf("%+v", claims)
	}
	for i, query := range []string{"", "?prompt=none", "?max_age=600"} {
		_, before := w.app.last()
		v.start(query)
		if again := v.welcome(user.Email); again.SID != claims.SID || again.AuthTime != claims.AuthTime {
			w.t.Errorf("%d: %+v", i, again)
		}
		if _, n := w.app.last(); n != before+1 {
			w.t.Errorf("%d: %d sign-ins more", i, n-before)
		}
	}
	v.holdsItsCookie()
}

// holdsItsCookie looks at what the browser made of __Host- without TLS.
func (v *visitor) holdsItsCookie() {
	v.t.Helper()
	i := slices.IndexFunc(v.cookies(), func(c *network.Cookie) bool { return c.Name == "__Host-gatehouse" })
	if i < 0 {
		v.t.Fatalf("no session cookie among %v", v.cookies())
	}
	if c := v.cookies()[i]; !c.Secure || !c.HTTPOnly || c.SameSite != network.CookieSameSiteLax || c.Path != "/" || c.Domain != "127.0.0.1" || c.Expires <= 0 {
		v.t.Errorf("%+v", c)
	}
	v.visit("/account")
	v.at("Your account")
	if seen, err := askTab[string](v.tab, "document.cookie"); err != nil || seen != "" {
		v.t.Errorf("scripts see %q, %v", seen, err)
	}
}

func (w *publicPages) signsInAnew() {
	w.account("ann@example.com")
	v := w.visitor()
	v.start("")
	v.signIn("ann@example.com", demoPassword)
	v.press("Allow")
	first := v.welcome("ann@example.com")
	before := v.session()
	v.start("?prompt=login")
	v.at("Confirm that it is you", "You are signed in already.")
	v.looks("signin-again")
	v.fill("Password", demoPassword)
	v.press("Continue")
	second := v.welcome("ann@example.com")
	if after := v.session(); after == before || second.AuthTime < first.AuthTime {
		w.t.Errorf("the cookie stayed, or the time: %+v, %+v", first, second)
	}
	v.start("?prompt=consent")
	v.at("Allow access?")
	v.press("Allow")
	v.welcome("ann@example.com")
}

// twoTabs holds that what one tab does takes nothing from the other.
func (w *publicPages) twoTabs() {
	w.account("tom@example.com")
	one := w.visitor()
	two := one.another()
	for _, v := range []*visitor{one, two} {
		v.start("")
		v.at("Sign in")
	}
	for _, v := range []*visitor{one, two} {
		v.signIn("tom@example.com", demoPassword)
		v.at("Allow access?")
	}
	two.press("Allow")
	two.welcome("tom@example.com")
	one.press("Allow") // by the session before
	one.welcome("tom@example.com")

	one = w.visitor()
	two = one.another()
	for _, v := range []*visitor{one, two} {
		v.start("")
		v.press("Continue with Google")
		v.at("Sign in with Google")
		v.fill("Continue as", "two.tabs@gmail.com")
	}
	one.press("Continue")
	one.press("Allow")
	one.welcome("two.tabs@gmail.com")
	two.press("Continue")
	two.welcome("two.tabs@gmail.com")
}

func (w *publicPages) byForms() {
	user := w.d.ready.User
	v := w.visitor()
	v.start("?response_mode=form_post")
	v.signIn(user.Email, user.Password)
	v.welcome(user.Email) // consent is remembered
	if in, _ := w.app.last(); in.method != "POST" {
		w.t.Errorf("the answer came by %s", in.method)
	}
	_, before := w.app.last()
	v.do(chromedp.Navigate(w.app.url + "/post?prompt=none")) // which another site's form asks
	v.press("Send")
	v.welcome(user.Email)
	if in, n := w.app.last(); in.method != "GET" || n != before+1 {
		w.t.Errorf("%d arrivals, the last by %s", n-before, in.method)
	}
}

// byPopUp signs in in a window that the application opens, which finds its
// opener again at the end.
func (w *publicPages) byPopUp() {
	v := w.visitor()
	v.do(chromedp.Navigate(w.app.url + "/popup"))
	v.at("Pop up")
	window := &visitor{v.popUp(func() { v.press("Open") }), w}
	window.at("Sign in")
	window.signIn("pop.up@example.com", "wrong")
	window.sees("The e-mail address or the password is not right.")
	window.press("Continue with Google")
	window.fill("Continue as", "pop.up@gmail.com")
	window.press("Continue")
	window.press("Allow")
	window.welcome("pop.up@gmail.com")
	window.until("window.opener && window.opener.location.pathname === '/popup'")
	window.sound()
	v.sees("Welcome")
	v.start("")
	v.welcome("pop.up@gmail.com")
}

// withoutJavaScript signs up, in and out again with nothing but HTML and keys.
func (w *publicPages) withoutJavaScript() {
	const email = "jay@example.com"
	v := w.visitor()
	v.scripts(false)
	v.start("")
	v.reach("Create an account")
	v.at("Create your account")
	v.fill("E-mail address", email)
	v.fill("First name", "Jay")
	v.fill("Password", demoPassword)
	v.do(chromedp.KeyEvent("\r"))
	v.at("Check your mail")
	v.open(w.mail(email, 1))
	v.reach("Confirm this address")
	v.at("Allow access?", email)
	v.reach("Allow")
	v.welcome(email)

	v.visit("/account")
	v.at("Your account", email)
	v.looksStill("account-without-javascript")
	v.reach("Sign out\nChrome on Linux, 127.0.0.1")
	v.at("You are signed out")

	v.start("?response_mode=form_post")
	v.at("Sign in")
	v.fill("E-mail address", email)
	v.fill("Password", "wrong")
	v.do(chromedp.KeyEvent("\r"))
	v.sees("The e-mail address or the password is not right.")
	v.looksStill("signin-wrong-without-javascript")
	v.fill("Password", demoPassword)
	v.do(chromedp.KeyEvent("\r"))
	v.at("One moment", "You go on to Harbour Log.")
	v.looksStill("formpost")
	v.reach("Continue")
	v.welcome(email)
	if in, _ := w.app.last(); in.method != "POST" {
		w.t.Errorf("the answer came by %s", in.method)
	}
}

func (v *visitor) scripts(run bool) {
	v.t.Helper()
	tellTab(v.tab, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: !run})
}

// looksStill is looks for a page whose scripts have not run: axe-core's do.
func (v *visitor) looksStill(name string) {
	v.t.Helper()
	v.scripts(true)
	v.looks(name)
	v.scripts(false)
}

// reach goes by Tab to the button or link with the text, and presses Enter.
func (v *visitor) reach(text string) {
	v.t.Helper()
	v.until(fmt.Sprintf(`document.readyState === "complete" && [...document.querySelectorAll("a, button")].some((e) => e.innerText.trim() === %q)`, text))
	for range 30 {
		v.do(chromedp.KeyEvent("\t"))
		if at, err := askTab[string](v.tab, `document.activeElement.innerText?.trim() ?? ""`); err != nil {
			v.t.Fatal(err)
		} else if at == text {
			v.do(chromedp.KeyEvent("\r"))
			return
		}
	}
	v.t.Fatalf("Tab never comes to %q", text)
}

func (w *publicPages) errorPages() {
	v := w.visitor()
	v.visit("/oauth2/authorize?response_type=code&client_id=nobody&redirect_uri=https%3A%2F%2Fevil.example.com%2F")
	v.at("We do not know where to send you")
	v.looks("error-client")
	v.start("?redirect_uri=https%3A%2F%2Fevil.example.com%2F")
	v.at("We do not know where to send you")
	v.start("?request_uri=https%3A%2F%2Fapp.example.com%2F")
	v.refused("request_uri_not_supported")
	v.visit("/nothing/here")
	v.at("There is nothing here")
	v.looks("error-not-found")
	v.visit("/consent")
	v.at("This page cannot be opened this way")
	v.visit("/verify?token=gth_ml_x")
	v.at("This link does not work any more")
	v.looks("error-link")
	v.visit("/signin?ticket=x")
	v.at("This took too long")
	v.looks("error-expired")
	v.visit("/signin/google/callback?code=x&state=y")
	v.at("This was started in another browser")
	v.looks("error-browser")
}
