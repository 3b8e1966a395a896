package pages

import (
	"go/ast"
	"go/parser"
	"go/token"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"
)

var actions = regexp.MustCompile(`\{\{(?:[^}"]|"[^"]*")*\}\}`)

// TestTemplatesHaveNoText holds that what people read stands in the catalogue.
func TestTemplatesHaveNoText(t *testing.T) {
	letters := regexp.MustCompile(`\pL`)
	names, err := files.ReadDir("templates")
	if err != nil || len(names) < 10 {
		t.Fatal(names, err)
	}
	for _, f := range names {
		source, err := files.ReadFile("templates/" + f.Name())
		if err != nil {
			t.Fatal(err)
		}
		for z := html.NewTokenizer(strings.NewReader(actions.ReplaceAllString(string(source), ""))); z.Next() != html.ErrorToken; {
			piece := z.Token()
			if piece.Type == html.TextToken && letters.MatchString(piece.Data) {
				t.Errorf("%s has the text %q", f.Name(), strings.TrimSpace(piece.Data))
			}
			for _, a := range piece.Attr {
				switch a.Key {
				case "title", "alt", "placeholder", "aria-label", "aria-description", "aria-roledescription", "label", "content":
					if letters.MatchString(a.Val) && piece.Data != "meta" {
						t.Errorf("%s has the text %q", f.Name(), a.Val)
					}
				}
			}
		}
	}
}

// TestCatalogue holds that each key in use has a text, and each text a use. A
// key may be named whole, or without its last word where that is added.
func TestCatalogue(t *testing.T) {
	named := map[string]bool{}
	quoted := regexp.MustCompile(`"([^"]*)"`)
	templates, err := files.ReadDir("templates")
	if err != nil {
		t.Fatal(err)
	}
	called := regexp.MustCompile(`\b(?:t|say) "([^"]*)"`)
	for _, f := range templates {
		source, _ := files.ReadFile("templates/" + f.Name())
		for _, action := range actions.FindAllString(string(source), -1) {
			for _, m := range quoted.FindAllStringSubmatch(action, -1) {
				named[m[1]] = true
			}
		}
		for _, m := range called.FindAllStringSubmatch(string(source), -1) {
			if english[m[1]] == "" {
				t.Errorf("%s uses %s, which has no text", f.Name(), m[1])
			}
		}
	}
	for _, name := range []string{"account.go", "assets.go", "device.go", "functions.go", "mail.go", "page.go", "pages.go", "problem.go"} {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if literal, ok := n.(*ast.BasicLit); ok && literal.Kind == token.STRING {
				text, _ := strconv.Unquote(literal.Value)
				named[text] = true
				if regexp.MustCompile(`^(problem|notice|field|scope|span|device)\.[a-z_.]+$`).MatchString(text) && english[text] == "" {
					t.Errorf("%s uses %s, which has no text", name, text)
				}
			}
			return true
		})
	}
	for key, text := range english {
		begin := key[:max(0, strings.LastIndexByte(key, '.'))]
		ends := strings.HasPrefix(key, "error.") || strings.HasPrefix(key, "mail.") // by .title, .subject and so on
		if !named[key] && !(ends && named[begin]) {
			t.Errorf("nothing uses %s", key)
		}
		if text == "" || text != strings.TrimSpace(text) {
			t.Errorf("%s: %q", key, text)
		}
	}
}

func TestScopesInWords(t *testing.T) {
	body := written(newPages(t, Config{}), examples["consent"]).Body.String()
	var items []string
	for _, n := range elements(t, body) {
		if n.Data == "li" {
			items = append(items, strings.Join(strings.Fields(textOf(n)), " "))
		}
	}
	want := []string{english["scope.openid"], english["scope.profile"], english["scope.email"], english["scope.offline_access"], english["scope.read"],
		english["scope.write"], "in the application's own words: berths:reserve", "https://api.harbour.example"}
	if strings.Join(items, "\n") != strings.Join(want, "\n") {
		t.Errorf("got %q", items)
	}
}

// TestNoHintOfAnAccount holds that the page depends on nothing but what was
// typed.
func TestNoHintOfAnAccount(t *testing.T) {
	p := newPages(t, Config{})
	for _, purpose := range []string{PurposeSignUp, PurposeReset, PurposeVerify} {
		known := written(p, CheckMail{Email: "known@example.com", Purpose: purpose}).Body.String()
		other := written(p, CheckMail{Email: "other@example.com", Purpose: purpose}).Body.String()
		if strings.ReplaceAll(known, "known", "other") != other {
			t.Error(purpose)
		}
	}
}

func TestSpan(t *testing.T) {
	p := newPages(t, Config{})
	for _, tt := range []struct {
		d    time.Duration
		want string
	}{
		{time.Second, "1 minute"}, {time.Minute, "1 minute"}, {61 * time.Second, "2 minutes"}, {12 * time.Minute, "12 minutes"}, {time.Hour, "1 hour"},
		{90 * time.Minute, "90 minutes"}, {2 * time.Hour, "2 hours"}, {24 * time.Hour, "1 day"}, {36 * time.Hour, "36 hours"}, {72 * time.Hour, "3 days"},
		{150 * time.Minute, "3 hours"},
	} {
		if got := p.span(tt.d); got != tt.want {
			t.Errorf("%v: %s, want %s", tt.d, got, tt.want)
		}
	}
}
