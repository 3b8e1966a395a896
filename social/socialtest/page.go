package socialtest

import (
	"html/template"
	"net/http"
	"net/url"
)

// signInPage is what the page shows.
type signInPage struct {
	Provider string
	App      string
	Email    string
	Needed   bool // an address must be given
}

var signInTemplate = template.Must(template.New("sign-in").Parse(`<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Sign in with {{.Provider}} (stand-in)</title>
<style>body{font:16px/1.5 system-ui,sans-serif;max-width:26rem;margin:3rem auto;padding:0 1rem}
input,button{font:inherit;padding:.5rem}input{width:100%;box-sizing:border-box}p.buttons{display:flex;gap:.5rem}</style>
<h1>Sign in with {{.Provider}}</h1>
<p>This is a stand-in for {{.Provider}}, for development: it asks for no password.
The app is <code>{{.App}}</code>.</p>
<form method="post">
<p><label for="email">Continue as</label>
<input id="email" name="email" type="email" value="{{.Email}}" autocomplete="off" {{if .Needed}}required{{end}}></p>
{{if not .Needed}}<p>Left empty: an account that has no e-mail address.</p>{{end}}
<p class="buttons"><button name="answer" value="continue">Continue</button>
<button name="answer" value="cancel" formnovalidate>Cancel</button></p>
</form>
</html>
`))

var refusalTemplate = template.Must(template.New("refusal").Parse(`<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Access blocked (stand-in)</title>
<h1>Access blocked</h1>
<p>{{.Message}}</p>
<p>Error {{.Status}}: {{.Code}}</p>
</html>
`))

// outcome is how someone left the sign-in page.
type outcome int

const (
	asked     outcome = iota // the page is shown, nothing else is to be done
	continued                // as the e-mail returned
	cancelled
)

// ask finds out who continues: from the parameter _dev_email, which a program
// sends to see no page, or from the page's form.
func ask(w http.ResponseWriter, r *http.Request, page signInPage) (string, outcome) {
	if email := r.URL.Query().Get("_dev_email"); email != "" {
		return email, continued
	}
	if r.Method == http.MethodPost && r.PostFormValue("answer") == "cancel" {
		return "", cancelled
	}
	if email := r.PostFormValue("email"); r.Method == http.MethodPost && (email != "" || !page.Needed) {
		return email, continued
	}
	page.Email = or(page.Email, defaultEmail)
	show(w, http.StatusOK, signInTemplate, page)
	return "", asked
}

// refuse shows an error to the person, because there is nowhere to send them.
func refuse(w http.ResponseWriter, status int, code, message string) {
	show(w, status, refusalTemplate, map[string]any{"Status": status, "Code": code, "Message": message})
}

func show(w http.ResponseWriter, status int, t *template.Template, data any) {
	w.Header().Set("Content-Type", "text/html; charset=UTF-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	t.Execute(w, data) // fails only if the browser has gone
}

// webURL says whether a text is an address that a browser may be sent to.
func webURL(text string) bool {
	u, err := url.Parse(text)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" && u.Fragment == ""
}

// sendBack redirects to redirectURI with more parameters.
func sendBack(w http.ResponseWriter, redirectURI string, params url.Values, fragment string) {
	u, err := url.Parse(redirectURI)
	if err != nil { // webURL has seen it
		refuse(w, http.StatusBadRequest, "redirect_uri_mismatch", "redirect_uri is not an address.")
		return
	}
	query := u.Query()
	for name, values := range params {
		query[name] = values
	}
	u.RawQuery = query.Encode()
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Location", u.String()+fragment)
	w.WriteHeader(http.StatusFound)
}
