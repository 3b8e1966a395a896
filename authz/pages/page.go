package pages

import (
	"cmp"
	"time"
)

// Page is one of the types below. Paths are below Config.Base. Errors has, by
// the name of the field, one of the Problem… codes or a whole sentence, such as
// store's rules say; under "" stands what is about no one field. A Ticket goes
// along as the hidden field ticket. A URL that is neither a path here nor http
// or https is left out.
type Page interface {
	about() about
}

// about is what a page needs.
type about struct {
	template string
	title    string // key of the text
	script   bool
	form     bool // has one, or a way to one
	crossing bool // goes on to another origin, by itself
	invalid  bool
	wide     bool
}

// Provider is somebody else that people can sign in by.
type Provider struct {
	Label string // as people know it, e.g. Google
	Name  string // as it is configured, e.g. google; chooses the picture
	URL   string // where signing in there begins
}

// SignIn asks for an e-mail address and a password. POST /signin: email,
// password, ticket.
type SignIn struct {
	Ticket         string
	Email          string
	Error          string            // a Problem… code or a sentence
	Errors         map[string]string // of email, password
	Reauthenticate bool              // somebody is signed in, and must show that it is them
	ClientName     string            // the application that sent them; may be empty
	Providers      []Provider
	Linking        string // label of the provider that will be linked by this; usually empty
	SignUpURL      string
	ForgotURL      string
	Wait           time.Duration // how long until another try is taken; usually 0
}

func (p SignIn) about() about {
	title := "signin.title"
	if p.Reauthenticate {
		title = "signin.again.title"
	}
	return about{template: "signin", title: title, script: true, form: true, invalid: p.Error != "" || len(p.Errors) > 0 || p.Wait > 0}
}

// SignUp asks for what an account needs. POST /signup: email, first_name,
// last_name, password, ticket.
type SignUp struct {
	Ticket     string
	Email      string
	FirstName  string
	LastName   string
	ClientName string
	Errors     map[string]string // of email, first_name, last_name, password
	SignInURL  string
	Providers  []Provider
}

func (p SignUp) about() about {
	return about{template: "signup", title: "signup.title", script: true, form: true, invalid: len(p.Errors) > 0}
}

// What the mail is for that CheckMail speaks of.
const (
	PurposeSignUp = "sign_up"
	PurposeReset  = "reset"
	PurposeVerify = "verify"
)

// CheckMail says that mail is under way, in the same words whether or not there
// is an account.
type CheckMail struct {
	Email   string
	Purpose string // one of Purpose…; default verify
	BackURL string // to begin anew, if nothing comes
}

func (CheckMail) about() about { return about{template: "checkmail", title: "checkmail.title"} }

// Confirm has one button. A GET of a mail's link uses nothing up, as what reads
// mail before people do follows links. POST /verify: token.
type Confirm struct {
	Token string
	Email string
}

func (Confirm) about() about { return about{template: "confirm", title: "confirm.title", form: true} }

// NewPassword asks for one. POST to Action: token, password, and email for
// password managers alone.
type NewPassword struct {
	Action    string // path below Config.Base: /reset (the default) or /verify
	Token     string
	Email     string
	New       bool              // there is no account yet, so that nothing ends
	Elsewhere bool              // the link of a sign-up or verification, opened in another browser than asked for it
	Errors    map[string]string // of password
}

func (p NewPassword) about() about {
	return about{template: "newpassword", title: "newpassword.title", script: true, form: true, invalid: len(p.Errors) > 0}
}

// Path is where the form goes.
func (p NewPassword) Path() string { return cmp.Or(localPath(p.Action), "/reset") }

// Forgot asks for the address of an account. POST /forgot: email, ticket.
type Forgot struct {
	Ticket    string
	Email     string
	Errors    map[string]string // of email
	SignInURL string
}

func (p Forgot) about() about {
	return about{template: "forgot", title: "forgot.title", form: true, invalid: len(p.Errors) > 0}
}

// Consent asks whether an application may have what it asks for. POST /consent:
// ticket, decision (allow, deny).
type Consent struct {
	Ticket     string
	ClientName string
	ClientHost string // of the redirect URI, which the answer goes to
	Account    string // the e-mail address of who is asked
	Scopes     []string
	Audience   []string // resources that the tokens are for (RFC 8707); may be empty
}

func (Consent) about() about { return about{template: "consent", title: "consent.title", form: true} }

// Link asks whether a provider may sign this account in from now on. POST
// /link: ticket, decision (allow, deny).
type Link struct {
	Ticket        string
	Provider      string // its label
	ProviderEmail string // the address there; may be empty
	Account       string // the e-mail address here
}

func (Link) about() about { return about{template: "link", title: "link.short", form: true} }

// SignOut asks whether to. POST /oauth2/logout: ticket, decision (sign_out).
type SignOut struct {
	Ticket     string
	ClientName string // the application that asks; may be empty
	Account    string
}

func (SignOut) about() about { return about{template: "signout", title: "signout.title", form: true} }

// SignedOut says that it is done.
type SignedOut struct {
	ClientName string
	ReturnURL  string // a registered one of the client; may be empty
	SignInURL  string // may be empty
}

func (SignedOut) about() about { return about{template: "signedout", title: "signedout.title"} }

// Error says what went wrong and what to do about it.
type Error struct {
	Code      string // one of Error…; default ErrorServer
	Detail    string // for who builds the application, e.g. an error_description; may be empty
	RequestID string
	NextURL   string // where to go on; may be empty
	Next      string // one of Next…, what is there
}

// What an Error page can lead on to.
const (
	NextAccount = "error.next.account"
	NextForgot  = "error.next.forgot"
	NextSignUp  = "error.next.signup"
)

func (p Error) about() about {
	return about{template: "error", title: p.Heading()}
}

// Heading and Text are keys of texts.
func (p Error) Heading() string { return p.Code + ".title" }
func (p Error) Text() string    { return p.Code + ".text" }

// FormPost hands an authorization response to the client (OAuth 2.0 Form Post
// Response Mode): at once, or by a button where there is no JavaScript.
type FormPost struct {
	RedirectURI string // a registered one; of no scheme that a browser runs or reads itself
	ClientName  string // may be empty
	Parameters  []Parameter
}

// Parameter is one of an authorization response.
type Parameter struct{ Name, Value string }

func (FormPost) about() about {
	return about{template: "formpost", title: "formpost.title", script: true, form: true, crossing: true}
}
