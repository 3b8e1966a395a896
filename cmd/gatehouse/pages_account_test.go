package main

import (
	"slices"
	"strings"

	"github.com/chromedp/chromedp"
)

// atProvider is the person at a provider's stand-in, who goes on as email.
func (v *visitor) atProvider(name, email string) {
	v.t.Helper()
	v.at("Sign in with " + name)
	v.fill("Continue as", email)
	v.press("Continue")
}

func (w *publicPages) byGoogle() {
	v := w.visitor()
	v.start("")
	v.press("Continue with Google")
	v.at("Sign in with Google")
	v.press("Cancel")
	v.at("Sign in", "You stopped signing in there.", "to continue to Harbour Log")
	v.looks("signin-cancelled")
	v.press("Continue with Google")
	v.atProvider("Google", "ada@gmail.com")
	v.at("Allow access?", "ada@gmail.com")
	v.press("Allow")
	claims := v.welcome("ada@gmail.com")
	if !slices.Equal(claims.AMR, []string{"fed"}) || !claims.EmailVerified {
		w.t.Errorf("%+v", claims)
	}
	again := w.visitor()
	again.start("")
	again.press("Continue with Google")
	again.atProvider("Google", "ada@gmail.com")
	if got := again.welcome("ada@gmail.com"); got.Subject != claims.Subject || got.SID == claims.SID {
		w.t.Errorf("%+v, before %+v", got, claims)
	}
}

// byFacebook is somebody whose address Facebook does not vouch for: the account
// has none.
func (w *publicPages) byFacebook() {
	v := w.visitor()
	v.start("")
	v.press("Continue with Facebook")
	v.atProvider("Facebook", "fay@example.com")
	v.at("Allow access?")
	v.press("Allow")
	if claims := v.welcome(); claims.Email != "" || claims.Subject == "" {
		w.t.Errorf("%+v", claims)
	}
	v.visit("/account")
	v.at("Your account", "Username", "Facebook")
	v.looks("account-facebook")
	v.press("Unlink\nFacebook fay@example.com")
	v.at("Confirm that it is you") // Facebook may have remembered them
	v.press("Continue with Facebook")
	v.atProvider("Facebook", "fay@example.com")
	v.at("Your account", "Username", "Facebook")
	v.press("Unlink\nFacebook fay@example.com")
	v.at("This is your only way in")
	v.looks("error-last-way-in")
	v.press("Back to your account")
	v.at("Your account", "Facebook")
}

// links is the owner of an account who comes by Google, which is not the
// authority for the address.
func (w *publicPages) links() {
	const email = "lou@example.com"
	w.account(email)
	v := w.visitor()
	v.start("")
	v.press("Continue with Google")
	v.atProvider("Google", email)
	v.at("Sign in", "You already have an account with this address.", "from then on Google works too", "Continue with Facebook")
	v.until(`!document.body.innerText.includes("Continue with Google")`)
	v.looks("signin-linking")
	v.fill("Password", demoPassword)
	v.press("Sign in")
	v.at("Link Google?", "Google signs you in to your account "+email)
	v.looks("link")
	v.press("Do not link it")
	v.at("Allow access?", email)
	v.press("Allow")
	first := v.welcome(email)

	v = w.visitor()
	v.start("")
	v.press("Continue with Google")
	v.atProvider("Google", email)
	v.fill("Password", demoPassword)
	v.press("Sign in")
	v.at("Link Google?")
	v.press("Link it")
	v.welcome(email)

	v = w.visitor()
	v.start("")
	v.press("Continue with Google")
	v.atProvider("Google", email)
	if got := v.welcome(email); got.Subject != first.Subject || !slices.Equal(got.AMR, []string{"fed"}) {
		w.t.Errorf("%+v, before %+v", got, first)
	}
	if m := w.mail(email, 1); m.Subject != "Google now signs you in" {
		w.t.Errorf("%+v", m)
	}
}

func (w *publicPages) looksAfterAccount() {
	const email = "ida@example.com"
	w.account(email)
	v, other := w.visitor(), w.visitor()
	for _, v := range []*visitor{other, v} {
		v.visit("/account")
		v.at("Sign in")
		v.signIn(email, demoPassword)
		v.at("Your account", email)
	}
	v.start("")
	v.press("Allow")
	v.welcome(email)
	v.visit("/account")
	v.at("Your account", "Where you are signed in", "This browser", "Only your password signs you in.", "Harbour Log", "see your e-mail address")
	v.press("Link Facebook")
	v.atProvider("Facebook", "ida@facebook.example")
	v.at("Your account", "It is linked, and signs you in from now on.", "ida@facebook.example")
	v.looks("account")
	v.press("Unlink\nFacebook ida@facebook.example")
	v.at("Your account", "It is unlinked.", "Only your password signs you in.")

	v.press("Withdraw\nHarbour Log")
	v.at("Your account", "That application has no access any more.")
	v.until(`!document.body.innerText.includes("Harbour Log")`) // the one that they signed up at still has
	v.start("?prompt=none")
	v.refused("consent_required")

	v.visit("/account")
	v.press("Sign out everywhere else")
	v.at("Your account", "That session is signed out.")
	v.until(`document.querySelectorAll("input[value=others]").length === 0`)
	other.do(chromedp.Reload())
	other.at("Sign in")
	other.signIn(email, demoPassword)
	other.at("Your account")

	v.visit("/account")
	v.until(`(() => {
		const row = [...document.querySelectorAll("li")].find((e) => e.querySelector("[action$=end-session]") && !e.querySelector(".badge"))
		row?.querySelector("button").click()
		return row
	})()`)
	v.at("Your account", "That session is signed out.")
	other.start("?prompt=none")
	other.refused("login_required")
}

// changesPassword is the owner of a password who has Google linked, and whoever
// has none.
func (w *publicPages) changesPassword() {
	const email, next = "pam@example.com", "another good passphrase"
	w.account(email)
	v, other := w.visitor(), w.visitor()
	for _, v := range []*visitor{other, v} {
		v.visit("/")
		v.at("Sign in")
		v.signIn(email, demoPassword)
		v.at("Your account", email)
	}
	v.press("Link Google")
	v.atProvider("Google", "pam@gmail.com")
	v.at("Your account", "pam@gmail.com")
	v.press("Change the password")
	v.at("Change your password", "For "+email, "This browser stays signed in.")
	v.looks("changepassword")
	v.fill("Current password", "a wrong guess")
	v.fill("New password", next)
	v.press("Change the password")
	v.sees("This is not your current password.")
	v.looks("changepassword-wrong")
	v.fill("Current password", demoPassword)
	v.fill("New password", next)
	v.press("Change the password")
	v.at("Your account", "Your password is changed", "pam@gmail.com")
	other.do(chromedp.Reload())
	other.at("Sign in")
	other.signIn(email, demoPassword)
	other.sees("The e-mail address or the password is not right.")
	other.signIn(email, next)
	other.at("Your account")
	if m := w.mail(email, 2); m.Subject != "Your password was changed" {
		w.t.Errorf("%+v", m)
	}

	v = w.visitor()
	v.visit("/")
	v.press("Continue with Google")
	v.atProvider("Google", "eve@gmail.com")
	v.at("Your account", "eve@gmail.com")
	v.press("Set a password")
	v.at("Forgot your password?")
	v.press("Send the link")
	v.at("Check your mail", "eve@gmail.com")
	v.visit("/reset?token=x")
	v.at("This link does not work any more")
	v.press("Ask for a new link")
	v.at("Forgot your password?")
}

func (w *publicPages) signsOut() {
	user := w.d.ready.User
	v := w.visitor()
	v.start("")
	v.signIn(user.Email, user.Password)
	v.welcome(user.Email)
	v.do(chromedp.Navigate(w.app.signOutURL()))
	v.at("Bye", "state=bye")
	if left := v.session(); left != "" {
		w.t.Error("the cookie is still there")
	}
	v.start("?prompt=none")
	v.refused("login_required")

	v.start("")
	v.signIn(user.Email, user.Password)
	v.welcome(user.Email)
	v.visit("/oauth2/logout")
	v.at("Sign out?", "You are signed in as "+user.Email)
	v.looks("signout")
	v.press("Sign out")
	v.at("You are signed out")
	v.looks("signedout")
	v.press("Sign in again")
	v.at("Sign in")

	v.start("")
	v.signIn(user.Email, user.Password)
	v.welcome(user.Email)
	hintless, _, _ := strings.Cut(w.app.signOutURL(), "?")
	v.do(chromedp.Navigate(hintless + "?client_id=harbour&state=x&post_logout_redirect_uri=" + w.app.url + "/bye"))
	v.at("Sign out?", "Harbour Log asks to sign you out.")
	v.press("Sign out")
	v.at("Bye", "state=x")
}
