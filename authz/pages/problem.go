package pages

// What can be wrong with a form, for Errors of a page.
const (
	ProblemCredentials     = "problem.credentials"      // unknown account, wrong password, inactive: told the same
	ProblemEmail           = "problem.email"            // it is none
	ProblemKnown           = "problem.known"            // the address of a sign-up has an account by now
	ProblemEmailMissing    = "problem.email_missing"    //
	ProblemPasswordMissing = "problem.password_missing" //
	ProblemOldPassword     = "problem.old_password"     // it is another
	ProblemTooMany         = "problem.too_many"         // a limit
	ProblemBusy            = "problem.busy"             // try again at once
	ProblemProvider        = "problem.provider"         // signing in there did not work
	ProblemCancelled       = "problem.cancelled"        // the person broke it off there
)

// What an Error page can be about.
const (
	ErrorServer    = "error.server"      // ours
	ErrorBusy      = "error.busy"        // 503
	ErrorNotFound  = "error.not_found"   // no such page
	ErrorMethod    = "error.method"      // a form's page, opened as a link
	ErrorRequest   = "error.request"     // what the application asked is not right
	ErrorClient    = "error.client"      // unknown client, or a redirect URI that it has not registered
	ErrorExpired   = "error.expired"     // a ticket or session that is over
	ErrorMailLink  = "error.mail_link"   // used, expired, or never was
	ErrorForm      = "error.form"        // from another site, or not as our page sends it
	ErrorBrowser   = "error.browser"     // begun in another browser, or cookies are off
	ErrorTooMany   = "error.too_many"    // a limit
	ErrorProvider  = "error.provider"    // it is down, or answered nonsense
	ErrorAccount   = "error.account"     // it is disabled
	ErrorTaken     = "error.taken"       // the identity belongs to another account
	ErrorUsed      = "error.used"        // an answer of a provider that came before
	ErrorLastWayIn = "error.last_way_in" // it cannot be unlinked
)

// input is one field of a form.
type input struct {
	Name         string
	Type         string
	Label        string // key
	Hint         string // key; may be empty
	Autocomplete string // WCAG 1.3.5
	Mode         string // inputmode
	Min, Max     int    // length in characters; 0 is none
	Optional     bool
	Secret       bool // can be shown
	Value        string
	Problem      string // text, empty if all is well
}

// inputs are all there are. "password" is one to sign in with, "first_password"
// and "new_password" are to be chosen; each goes by the name password.
var inputs = map[string]input{
	"email":          {Name: "email", Type: "email", Label: "field.email", Autocomplete: "username", Mode: "email", Max: 254},
	"password":       {Name: "password", Type: "password", Label: "field.password", Autocomplete: "current-password", Secret: true},
	"old_password":   {Name: "old_password", Type: "password", Label: "field.old_password", Autocomplete: "current-password", Secret: true},
	"first_password": {Name: "password", Type: "password", Label: "field.password", Hint: "field.new_password.hint", Autocomplete: "new-password", Min: 8, Max: 128, Secret: true},
	"new_password":   {Name: "password", Type: "password", Label: "field.new_password", Hint: "field.new_password.hint", Autocomplete: "new-password", Min: 8, Max: 128, Secret: true},
	"first_name":     {Name: "first_name", Type: "text", Label: "field.first_name", Autocomplete: "given-name", Max: 150},
	"last_name":      {Name: "last_name", Type: "text", Label: "field.last_name", Autocomplete: "family-name", Max: 150, Optional: true},
}

// DescribedBy are the ids of what belongs to the field.
func (i input) DescribedBy() string {
	switch {
	case i.Problem != "" && i.Hint != "":
		return i.Name + "-problem " + i.Name + "-hint"
	case i.Problem != "":
		return i.Name + "-problem"
	case i.Hint != "":
		return i.Name + "-hint"
	}
	return ""
}

// newInput is the field of that kind, with what was in it and what was wrong.
func (p *Pages) newInput(kind, value string, errors map[string]string) input {
	i := inputs[kind]
	i.Value = value
	if code := errors[i.Name]; code != "" {
		i.Problem = p.text(code)
	}
	return i
}

// problem is one line of the summary above a form.
type problem struct {
	Field string // id of the field; empty if it is about no one field
	Text  string
}

// problems are those of a form, in the order of its fields.
func (p *Pages) problems(general string, errors map[string]string, fields ...string) []problem {
	var list []problem
	for _, code := range []string{general, errors[""]} {
		if code != "" {
			list = append(list, problem{"", p.text(code)})
		}
	}
	for _, name := range fields {
		if code := errors[name]; code != "" {
			list = append(list, problem{name, p.text(code)})
		}
	}
	return list
}
