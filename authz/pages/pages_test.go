package pages

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"
)

type node = html.Node

const chromeOnLinux = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36"

var noon = time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)

var providers = []Provider{{"Google", "google", "/signin/google?ticket=t"}, {"Facebook", "facebook", "/signin/facebook?ticket=t"}, {"Navy ID", "navy", "/signin/navy?ticket=t"}}

// examples are pages as people meet them, by name.
var examples = map[string]Page{
	"signin": SignIn{Ticket: "t", ClientName: "Harbour Log", Providers: providers, SignUpURL: "/signup?ticket=t", ForgotURL: "/forgot?ticket=t"},
	"signin-wrong": SignIn{Ticket: "t", Email: "bo@example.com", Error: ProblemCredentials, ClientName: "Harbour Log", Providers: providers[:2],
		SignUpURL: "/signup?ticket=t", ForgotURL: "/forgot?ticket=t"},
	"signin-fields":  SignIn{Errors: map[string]string{"email": ProblemEmailMissing, "password": ProblemPasswordMissing}, ForgotURL: "/forgot"},
	"signin-wait":    SignIn{Email: "bo@example.com", Wait: 12 * time.Minute, ForgotURL: "/forgot"},
	"signin-again":   SignIn{Email: "bo@example.com", Reauthenticate: true, ClientName: "Harbour Log"},
	"signin-linking": SignIn{Ticket: "t", Email: "bo@example.com", Linking: "Google", ClientName: "Harbour Log", ForgotURL: "/forgot"},
	"signup":         SignUp{Ticket: "t", ClientName: "Harbour Log", SignInURL: "/signin?ticket=t", Providers: providers[:2]},
	"signup-wrong": SignUp{Email: "bo@", FirstName: "Bo", SignInURL: "/signin",
		Errors: map[string]string{"email": ProblemEmail, "password": "The password has 4 characters; choose one of at least 8."}},
	"checkmail-signup":      CheckMail{Email: "bo@example.com", Purpose: PurposeSignUp, BackURL: "/signup"},
	"checkmail-reset":       CheckMail{Email: "bo@example.com", Purpose: PurposeReset, BackURL: "/forgot"},
	"checkmail-verify":      CheckMail{Email: "bo@example.com", Purpose: PurposeVerify},
	"confirm":               Confirm{Token: "t", Email: "bo@example.com"},
	"newpassword":           NewPassword{Token: "t", Email: "bo@example.com"},
	"newpassword-new":       NewPassword{Action: "/verify", Token: "t", Email: "bo@example.com", New: true, Elsewhere: true},
	"newpassword-elsewhere": NewPassword{Action: "/verify", Token: "t", Email: "bo@example.com", Elsewhere: true, Errors: map[string]string{"password": "The password is one that many have."}},
	"forgot":                Forgot{Ticket: "t", SignInURL: "/signin"},
	"forgot-wrong":          Forgot{Email: "bo", SignInURL: "/signin", Errors: map[string]string{"email": ProblemEmail}},
	"consent": Consent{Ticket: "t", ClientName: "Harbour Log", ClientHost: "log.harbour.example", Account: "bo@example.com",
		Scopes: []string{"openid", "profile", "email", "offline_access", "read", "write", "berths:reserve"}, Audience: []string{"https://api.harbour.example"}},
	"consent-long": Consent{Ticket: "t", ClientName: strings.Repeat("Unbreakable", 12), ClientHost: strings.Repeat("a-long-label.", 8) + "example",
		Account: "a-rather-long-address-that-somebody-has@a-rather-long-domain.example", Scopes: []string{"openid", strings.Repeat("https://scopes.example/", 6)}},
	"link":            Link{Ticket: "t", Provider: "Google", ProviderEmail: "bo@gmail.com", Account: "bo@example.com"},
	"signout":         SignOut{Ticket: "t", ClientName: "Harbour Log", Account: "bo@example.com"},
	"signedout":       SignedOut{ClientName: "Harbour Log", ReturnURL: "https://log.harbour.example/", SignInURL: "/signin"},
	"signedout-plain": SignedOut{},
	"error":           Error{Code: ErrorServer, RequestID: "0198c5a2-7d4e-7b6f-9d3a-5a4c1f3e2b10"},
	"error-client":    Error{Code: ErrorClient, Detail: "invalid_request: the redirect_uri is not one of those registered", RequestID: "0198c5a2-7d4e-7b6f-9d3a-5a4c1f3e2b10"},
	"formpost": FormPost{RedirectURI: "https://log.harbour.example/callback", ClientName: "Harbour Log",
		Parameters: []Parameter{{"code", "c"}, {"state", "s"}, {"iss", "https://id.example.com"}}},
	"error-next":     Error{Code: ErrorMailLink, NextURL: "/forgot", Next: NextForgot, RequestID: "0198c5a2-7d4e-7b6f-9d3a-5a4c1f3e2b10"},
	"changepassword": ChangePassword{Account: "bo@example.com", BackURL: "/account"},
	"changepassword-wrong": ChangePassword{Account: "bo@example.com", BackURL: "/account",
		Errors: map[string]string{"old_password": ProblemOldPassword, "password": "The password has 4 characters; choose one of at least 8."}},
	"changepassword-wait": ChangePassword{Account: "bo@example.com", Wait: 12 * time.Minute, BackURL: "/account"},
	"account": Account{Account: "bo@example.com", Notice: NoticeVerified, PasswordURL: "/account/password", HasPassword: true,
		Sessions:   []Session{{"s1", chromeOnLinux, "203.0.113.7", noon, noon, true}, {"s2", "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) Version/19.0 Safari/604.1", "2001:db8::7", noon, noon, false}},
		Identities: []Identity{{"i1", "Google", "google", "bo@gmail.com"}}, Linkable: providers[1:],
		Applications: []Application{{"log", "Harbour Log", []string{"openid", "email", "berths:reserve"}, noon}}},
	"account-username": Account{Account: "bo", Username: true, Sessions: []Session{{"s1", "", "203.0.113.7", noon, noon, true}}},
	"account-plain":    Account{Account: "bo@example.com", EmailVerified: true, PasswordURL: "/forgot", Sessions: []Session{{"s1", "", "203.0.113.7", noon, noon, true}}},
}

func newPages(t *testing.T, cfg Config) *Pages {
	t.Helper()
	p, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// written is a page as a browser gets it.
func written(p *Pages, page Page, formTargets ...string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	p.Write(w, http.StatusOK, page, formTargets...)
	return w
}

// elements are those of a document, in order.
func elements(t *testing.T, document string) (all []*node) {
	t.Helper()
	root, err := html.Parse(strings.NewReader(document))
	if err != nil {
		t.Fatal(err)
	}
	for n := range root.Descendants() {
		if n.Type == html.ElementNode {
			all = append(all, n)
		}
	}
	return all
}

func attribute(n *node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

func has(n *node, name string) bool {
	return slices.ContainsFunc(n.Attr, func(a html.Attribute) bool { return a.Key == name })
}

func textOf(n *node) string {
	var b strings.Builder
	for d := range n.Descendants() {
		if d.Type == html.TextNode {
			b.WriteString(d.Data)
		}
	}
	return strings.TrimSpace(b.String())
}

func TestMarkup(t *testing.T) {
	for name, page := range examples {
		t.Run(name, func(t *testing.T) {
			w := written(newPages(t, Config{}), page)
			body := w.Body.String()
			if w.Code != http.StatusOK {
				t.Fatalf("status %d", w.Code)
			}
			if !strings.HasPrefix(body, "<!doctype html>\n<html lang=\"en\">") || strings.Contains(body, "ZgotmplZ") {
				t.Errorf("the document is not sound:\n%s", body)
			}
			all := elements(t, body)
			count := map[string]int{}
			ids := map[string]*node{}
			labelled := map[string]bool{}
			for _, n := range all {
				count[n.Data]++
				if id := attribute(n, "id"); id != "" {
					if ids[id] != nil {
						t.Errorf("id %s stands twice", id)
					}
					ids[id] = n
				}
				labelled[attribute(n, "for")] = n.Data == "label"
			}
			for _, once := range []string{"title", "h1", "main", "header"} {
				if count[once] != 1 {
					t.Errorf("%d of %s", count[once], once)
				}
			}
			for _, n := range all {
				checkElement(t, n, ids, labelled)
			}
		})
	}
}

// checkElement holds what each element must have.
func checkElement(t *testing.T, n *node, ids map[string]*node, labelled map[string]bool) {
	t.Helper()
	for _, a := range n.Attr {
		if strings.HasPrefix(a.Key, "on") || a.Key == "style" {
			t.Errorf("%s has %s, which the policy forbids", n.Data, a.Key)
		}
	}
	for _, name := range []string{"aria-describedby", "aria-labelledby", "for", "data-shows"} {
		for id := range strings.FieldsSeq(attribute(n, name)) {
			if ids[id] == nil {
				t.Errorf("%s of %s names %s, which is not there", name, n.Data, id)
			}
		}
	}
	if id, ok := strings.CutPrefix(attribute(n, "href"), "#"); ok && ids[id] == nil {
		t.Errorf("a link to #%s leads nowhere", id)
	}
	switch n.Data {
	case "style":
		t.Error("there is an inline stylesheet")
	case "script":
		if n.FirstChild != nil {
			t.Error("there is an inline script")
		}
	case "form":
		if attribute(n, "method") != "post" || attribute(n, "action") == "" {
			t.Error("a form does not post")
		}
	case "button", "a", "h1", "h2", "title", "label":
		if textOf(n) == "" {
			t.Errorf("%s has no text", n.Data)
		}
	case "img":
		if !has(n, "alt") {
			t.Error("an image without alt")
		}
	case "input":
		if attribute(n, "type") == "hidden" || has(n, "hidden") {
			return
		}
		if !labelled[attribute(n, "id")] {
			t.Errorf("%s has no label", attribute(n, "name"))
		}
		if attribute(n, "autocomplete") == "" {
			t.Errorf("%s has no autocomplete (WCAG 1.3.5)", attribute(n, "name"))
		}
		if has(n, "aria-invalid") != strings.Contains(attribute(n, "aria-describedby"), "-problem") {
			t.Errorf("what is wrong with %s is not tied to it", attribute(n, "name"))
		}
	}
}

// TestProblems holds that what was wrong stands above the form, in the order of
// its fields, and takes the focus.
func TestProblems(t *testing.T) {
	body := written(newPages(t, Config{}), examples["signup-wrong"]).Body.String()
	var links []string
	for _, n := range elements(t, body) {
		if n.Data == "a" && strings.HasPrefix(attribute(n, "href"), "#") {
			links = append(links, attribute(n, "href"))
		}
		if attribute(n, "role") == "alert" && (!has(n, "autofocus") || attribute(n, "tabindex") != "-1") {
			t.Error("the summary does not take the focus")
		}
		if n.Data == "title" && textOf(n) != "Problem: Create your account · Gatehouse" {
			t.Errorf("title %q", textOf(n))
		}
	}
	if !slices.Equal(links, []string{"#email", "#password"}) {
		t.Errorf("links %q", links)
	}
}

func TestForms(t *testing.T) {
	for _, tt := range []struct{ page, want string }{
		{"signin", "/id/signin: ticket=t email= password="},
		{"signin-wrong", "/id/signin: ticket=t email=bo@example.com password="},
		{"signup-wrong", "/id/signup: email=bo@ first_name=Bo last_name= password="},
		{"confirm", "/id/verify: token=t"},
		{"newpassword", "/id/reset: token=t email=bo@example.com password="},
		{"newpassword-elsewhere", "/id/verify: token=t email=bo@example.com password="},
		{"forgot", "/id/forgot: ticket=t email="},
		{"changepassword", "/id/account/password: email=bo@example.com old_password= password="},
		{"consent", "/id/consent: ticket=t decision=allow decision=deny"},
		{"link", "/id/link: ticket=t decision=allow decision=deny"},
		{"signout", "/id/oauth2/logout: ticket=t decision=sign_out"},
		{"formpost", "https://log.harbour.example/callback: code=c state=s iss=https://id.example.com"},
		{"account", "/id/account/verify-email:; /id/account/end-session: id=s1; /id/account/end-session: id=s2; /id/account/end-session: id=others; " +
			"/id/account/unlink: id=i1; /id/account/link: provider=facebook; /id/account/link: provider=navy; /id/account/revoke-application: client_id=log"},
	} {
		t.Run(tt.page, func(t *testing.T) {
			var forms []string
			for _, n := range elements(t, written(newPages(t, Config{Base: "/id"}), examples[tt.page]).Body.String()) {
				if n.Data == "form" {
					forms = append(forms, attribute(n, "action")+":")
				}
				if name := attribute(n, "name"); name != "" && (n.Data == "input" || n.Data == "button") {
					forms[len(forms)-1] += " " + name + "=" + attribute(n, "value")
				}
			}
			if got := strings.Join(forms, "; "); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

var payloads = []string{
	`"><script>alert(1)</script>`, `'><img src=x onerror=alert(1)>`, `</title><svg/onload=alert(1)>`, `" autofocus onfocus="alert(1)`, `' onmouseover='alert(1)`,
	`javascript:alert(1)`, `{{.Page}}`, `{1}{2}`, `</main></body></html><p>`, "\x00<b>\xff\xfe", `<!--`, `]]><b>`, "a\u202egnp.exe", `&lt;script&gt;&#x27;`, "`${alert(1)}`",
	`https://h.example/"><script>alert(1)</script>`, `/path"><script>alert(1)</script>`, `/x' onclick='alert(1)`, `//evil.example`, `/\evil.example`,
}

// filled is the page or mail with text in each of its strings.
func filled[T any](like T, text string) T {
	v := reflect.New(reflect.TypeOf(like)).Elem()
	fillWith(v, text)
	return v.Interface().(T)
}

func fillWith(v reflect.Value, text string) {
	switch v.Kind() {
	case reflect.String:
		v.SetString(text)
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		for i := range 2 {
			fillWith(v.Index(i), text)
		}
	case reflect.Map:
		v.Set(reflect.ValueOf(map[string]string{"": text, "email": text, "first_name": text, "last_name": text, "username": text, "password": text}))
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			return
		}
		for i := range v.NumField() {
			fillWith(v.Field(i), text)
		}
	}
}

// shape is a document without its texts: elements and the names of attributes.
func shape(t *testing.T, document string) (list []string) {
	t.Helper()
	for _, n := range elements(t, document) {
		line := n.Data
		for _, a := range n.Attr {
			line += " " + a.Key
		}
		list = append(list, line)
		for _, name := range []string{"href", "src", "action"} {
			if has(n, name) && link(attribute(n, name)) == "" && !strings.HasPrefix(attribute(n, name), "#") {
				t.Errorf("%s of %s is %q", name, n.Data, attribute(n, name))
			}
		}
	}
	return list
}

// TestHostileStrings holds that no string makes an element or an attribute,
// wherever it stands, whether or not it passes for a URL.
func TestHostileStrings(t *testing.T) {
	p := newPages(t, Config{Name: `<b onclick="x">`})
	for name, page := range examples {
		t.Run(name, func(t *testing.T) {
			render := func(text string) string {
				hostile := filled(page, text)
				if f, ok := hostile.(FormPost); ok {
					f.RedirectURI = "https://log.harbour.example/callback"
					hostile = f
				}
				return written(p, hostile).Body.String()
			}
			plain, linked := shape(t, render("x")), shape(t, render("/x"))
			for _, text := range payloads {
				got := shape(t, render(text))
				want := plain
				if link(text) != "" {
					want = linked
				}
				if !slices.Equal(got, want) {
					t.Errorf("%q changes the document:\n%s", text, render(text))
				}
			}
		})
	}
	if t.Run("values are there", func(t *testing.T) {
		body := written(p, filled[Page](Consent{}, payloads[0])).Body.String()
		for _, n := range elements(t, body) {
			if n.Data == "bdi" && textOf(n) == payloads[0] {
				return
			}
		}
		t.Error("the text is not shown")
	}); len(payloads) == 0 {
		t.Error("nothing was tried")
	}
}

func TestNoPageHasTheTextOfAnother(t *testing.T) {
	seen := map[string]string{}
	for _, code := range []string{ErrorServer, ErrorBusy, ErrorNotFound, ErrorMethod, ErrorRequest, ErrorClient, ErrorExpired, ErrorMailLink,
		ErrorForm, ErrorBrowser, ErrorTooMany, ErrorProvider, ErrorAccount, ErrorTaken} {
		body := written(newPages(t, Config{}), Error{Code: code, RequestID: "r"}).Body.String()
		if other := seen[body]; other != "" {
			t.Errorf("%s and %s look the same", code, other)
		}
		seen[body] = code
	}
	unknown := written(newPages(t, Config{}), Error{Code: "no.such", RequestID: "r"}).Body.String()
	if seen[unknown] != ErrorServer {
		t.Error("a code that nobody knows is not told as our fault")
	}
}

// TestSize holds what the sign-in page costs with everything that it loads.
func TestSize(t *testing.T) {
	p := newPages(t, Config{})
	body := written(p, examples["signin"]).Body
	total, loaded := body.Len(), map[string]bool{}
	for _, n := range elements(t, body.String()) {
		for _, name := range []string{"href", "src"} {
			if address := attribute(n, name); strings.HasPrefix(address, "/assets/") && !loaded[address] {
				loaded[address] = true
				w := httptest.NewRecorder()
				p.Assets().ServeHTTP(w, httptest.NewRequest(http.MethodGet, address, nil))
				if w.Code != http.StatusOK {
					t.Errorf("%s: %d", address, w.Code)
				}
				total += w.Body.Len()
			}
		}
	}
	if want := 6; len(loaded) != want { // style, script, logo, three pictures
		t.Errorf("loads %d files, want %d", len(loaded), want)
	}
	if total >= 30_000 {
		t.Errorf("%d bytes", total)
	}
	t.Logf("%d bytes in %d files", total, 1+len(loaded))
}

func TestConfig(t *testing.T) {
	const gate = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"><path d="M0 0h9v9z"/></svg>`
	for _, tt := range []struct {
		name string
		cfg  Config
		err  string
	}{
		{"defaults", Config{}, ""},
		{"SVG", Config{Logo: []byte(gate)}, ""},
		{"PNG", Config{Logo: []byte("\x89PNG\r\n\x1a\n…")}, ""},
		{"HTML", Config{Logo: []byte("<html xmlns='http://www.w3.org/2000/svg'/>")}, "logo: is neither PNG nor SVG"},
		{"broken", Config{Logo: []byte(gate[:40])}, "logo: is neither PNG nor well-formed SVG"},
		{"long", Config{Logo: []byte(gate + strings.Repeat(" ", maxLogo))}, "logo: has 65621 bytes, at most 65536 are fine"},
		{"no colour", Config{Accent: "red"}, `accent: "red" is not a colour like #1f5a4c`},
		{"no hexadecimal", Config{Accent: "#+1-2 3"}, `accent: "#+1-2 3" is not a colour like #1f5a4c`},
		{"pale", Config{Accent: "#7a9b92"}, "accent: #7a9b92 has a contrast of 3.03:1"},
		{"dim", Config{AccentDark: "#1f5a4c"}, "accent_dark: #1f5a4c has a contrast of 2.05:1"},
		{"both colours", Config{Accent: "#5a2d82", AccentDark: "#d9b8ff"}, ""},
		{"black", Config{Accent: "#000000"}, ""},
		{"nothing to see", Config{Name: "\u200b\n"}, "name: want 1 to 100 bytes that can be seen"},
		{"base of another origin", Config{Base: "//evil.example"}, "base: want a path without a slash at the end"},
		{"base with a slash", Config{Base: "/id/"}, "base: want a path without a slash at the end"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := New(tt.cfg)
			if tt.err == "" && err != nil || tt.err != "" && (err == nil || !strings.HasPrefix(err.Error(), tt.err)) {
				t.Errorf("got %v, want %s", err, tt.err)
			}
		})
	}
}

// TestEveryAccentCanBeRead goes through the colours: whichever is accepted can
// be read in the dark as well.
func TestEveryAccentCanBeRead(t *testing.T) {
	accepted := 0
	for r := 0; r < 256; r += 15 {
		for g := 0; g < 256; g += 15 {
			for b := 0; b < 256; b += 15 {
				p, err := newPaint(fmt.Sprintf("#%02x%02x%02x", r, g, b), "")
				if err != nil {
					continue
				}
				accepted++
				for _, pair := range [][2]colour{{p.accent, mustColour(lightCard)}, {p.accent, mustColour(lightGround)}, {p.accentDark, mustColour(darkCard)}} {
					if got := pair[0].contrast(pair[1]); got < needed {
						t.Errorf("#%02x%02x%02x: %v on %v is %.2f:1", r, g, b, pair[0], pair[1], got)
					}
				}
			}
		}
	}
	if accepted < 500 {
		t.Errorf("only %d colours are fit", accepted)
	}
}
