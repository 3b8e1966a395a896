package main

import "github.com/chromedp/chromedp"

// newPassword is what people here choose after demoPassword.
const newPassword = "another correct horse"

// open opens the link of a mail.
func (v *visitor) open(m caughtMail) {
	v.t.Helper()
	if len(m.Links) == 0 {
		v.t.Fatalf("no link in %q", m.Text)
	}
	v.do(chromedp.Navigate(m.Links[0]))
}

func (v *visitor) signUp(email, password string) {
	v.t.Helper()
	v.press("Create an account")
	v.at("Create your account")
	v.fill("E-mail address", email)
	v.fill("First name", "Vic")
	v.fill("Password", password)
	v.press("Create account")
}

func (w *publicPages) signsUp() {
	const email = "nell@example.com"
	v := w.visitor()
	v.start("")
	v.press("Create an account")
	v.at("Create your account", "to continue to Harbour Log")
	v.looks("signup")
	v.fill("E-mail address", email)
	v.fill("First name", "Nell")
	v.fill("Password", "password")
	v.press("Create account")
	v.sees("That did not work")
	v.looks("signup-wrong")
	v.fill("Password", demoPassword)
	v.press("Create account")
	v.at("Check your mail", email)
	v.looks("checkmail")
	mail := w.mail(email, 1)
	v.open(mail)
	v.at("Confirm your address", "Is "+email+" your address?")
	v.looks("confirm")
	v.press("Confirm this address")
	v.at("Allow access?", email)
	v.press("Allow")
	if claims := v.welcome(email); !claims.EmailVerified || claims.GivenName != "Nell" {
		w.t.Errorf("%+v", claims)
	}
	v.open(mail)
	v.at("This link does not work any more")

	v = w.visitor() // somebody signs up with an address that is taken, and is told by mail alone
	v.start("")
	v.signUp(email, demoPassword)
	v.at("Check your mail", email)
	if m := w.mail(email, 2); m.Subject != "You have an account already" {
		w.t.Errorf("%+v", m)
	}
}

// signsUpElsewhere is somebody whose address another has signed up with, and who
// opens the link: the account is theirs alone.
func (w *publicPages) signsUpElsewhere() {
	const email = "vic@example.com"
	other, v := w.visitor(), w.visitor()
	other.start("")
	other.signUp(email, demoPassword)
	other.at("Check your mail")
	v.open(w.mail(email, 1))
	v.at("Choose a new password", "You opened the link in another browser")
	v.looks("newpassword-elsewhere")
	v.fill("New password", newPassword)
	v.press("Save and sign in")
	v.at("Your account", email)
	other.start("")
	other.signIn(email, demoPassword)
	other.sees("The e-mail address or the password is not right.")
	v.start("")
	v.press("Allow")
	v.welcome(email)
}

func (w *publicPages) forgets() {
	const email = "kim@example.com"
	w.account(email)
	old, v := w.visitor(), w.visitor()
	old.start("")
	old.signIn(email, demoPassword)
	old.press("Allow")
	old.welcome(email)

	v.start("")
	v.press("Forgot your password?")
	v.at("Forgot your password?")
	v.looks("forgot")
	v.fill("E-mail address", "nobody@example.com")
	v.press("Send the link")
	v.at("Check your mail", "If there is an account for nobody@example.com")
	v.looks("checkmail-reset")
	v.press("Try again")
	v.fill("E-mail address", email)
	v.press("Send the link")
	v.at("Check your mail", "If there is an account for "+email)
	v.open(w.mail(email, 1))
	v.at("Choose a new password", email)
	v.looks("newpassword")
	v.fill("New password", "password")
	v.press("Save and sign in")
	v.sees("That did not work")
	v.looks("newpassword-wrong")
	v.fill("New password", newPassword)
	v.press("Save and sign in")
	v.at("Allow access?", email) // what was there before has ended, and that too
	v.press("Allow")
	v.welcome(email)
	if m := w.mail(email, 2); m.Subject != "Your password was changed" {
		w.t.Errorf("%+v", m)
	}
	old.start("?prompt=none")
	old.refused("login_required")
	old.start("")
	old.signIn(email, demoPassword)
	old.sees("The e-mail address or the password is not right.")
	old.signIn(email, newPassword)
	old.welcome(email)
}

// confirmsAddress has the account's page send the mail.
func (w *publicPages) confirmsAddress() {
	const email = "una@example.com"
	w.account(email)
	v := w.visitor()
	v.visit("/account")
	v.signIn(email, demoPassword)
	v.at("Your account", email, "Not confirmed yet")
	v.looks("account-unconfirmed")
	v.press("Send a confirmation mail")
	v.at("Check your mail", email)
	v.looks("checkmail-verify")
	v.open(w.mail(email, 1))
	v.at("Confirm your address", email)
	v.press("Confirm this address")
	v.at("Your account", "Your address is confirmed.", email)
}
