package pages

import (
	"html/template"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// functions are what the templates call.
func (p *Pages) functions() template.FuncMap {
	return template.FuncMap{
		"t":        p.text,
		"say":      p.say,
		"link":     link,
		"asset":    func(called string) string { return p.cfg.Base + "/assets/" + p.assets[called].name },
		"picture":  p.picture,
		"input":    p.newInput,
		"problems": p.problems,
		"span":     p.span,
		"scope":    p.scope,
		"device":   p.device,
		"clock":    func(t time.Time) string { return t.UTC().Format(p.texts["time.format"]) },
		"stamp":    func(t time.Time) string { return t.UTC().Format(time.RFC3339) },
		"at":       func(base, path string) template.URL { return template.URL(base + path) }, // both are paths of ours: New, localPath
		"action":   func(uri string) template.URL { return template.URL(uri) },                // Write has asked postTargets
	}
}

// text is a text of the catalogue by its key, with the values in the place of
// {1}, {2}. What is no key stands for itself: a sentence that a rule gave.
func (p *Pages) text(key string, values ...string) string {
	var b strings.Builder
	for _, part := range p.say(key, values...) {
		b.WriteString(part.Text)
	}
	return b.String()
}

// part is a piece of a text.
type part struct {
	Text  string
	Given bool // from outside: shown apart from our own words
}

// say is a text in pieces, so that a template can set the values apart.
func (p *Pages) say(key string, values ...string) []part {
	text, ok := p.texts[key]
	if !ok {
		return []part{{Text: key}}
	}
	var parts []part
	for text != "" {
		before, rest, found := strings.Cut(text, "{")
		if before != "" {
			parts = append(parts, part{Text: before})
		}
		if !found {
			break
		}
		number, after, _ := strings.Cut(rest, "}")
		if n, err := strconv.Atoi(number); err == nil && n >= 1 && n <= len(values) {
			parts = append(parts, part{values[n-1], true})
		}
		text = after
	}
	return parts
}

// span says a time from now in whole minutes, hours or days, rounded up.
func (p *Pages) span(d time.Duration) string {
	for _, unit := range []struct {
		length    time.Duration
		one, many string
	}{{24 * time.Hour, "span.day", "span.days"}, {time.Hour, "span.hour", "span.hours"}, {time.Minute, "span.minute", "span.minutes"}} {
		n := int((d + unit.length - 1) / unit.length)
		switch {
		case d < unit.length && unit.length > time.Minute:
			continue // said more closely by the next one
		case d%unit.length != 0 && d < 2*unit.length && unit.length > time.Minute:
			continue
		case n <= 1:
			return p.text(unit.one)
		}
		return p.text(unit.many, strconv.Itoa(n))
	}
	return ""
}

// scopeTexts are the scopes that we have words for.
var scopeTexts = map[string]string{
	"openid":         "scope.openid", // OpenID Connect Core §3.1.2.1, §5.4, §11
	"profile":        "scope.profile",
	"email":          "scope.email",
	"offline_access": "scope.offline_access",
	"read":           "scope.read",
	"write":          "scope.write",
}

// scopeWords is what a scope lets a client do.
type scopeWords struct {
	Ours  string // empty: there are only the client's
	Other string
}

func (p *Pages) scope(name string) scopeWords {
	if key := scopeTexts[name]; key != "" {
		return scopeWords{Ours: p.text(key)}
	}
	return scopeWords{Other: name}
}

// picture is the one of a provider.
func (p *Pages) picture(name string) string {
	if name != "google" && name != "facebook" {
		name = "provider"
	}
	return p.cfg.Base + "/assets/" + p.assets[name].name
}

// plain is text in one line without what changes the text around it, or is not
// seen.
func plain(text string) string {
	text = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case unicode.IsControl(r), unicode.Is(unicode.Cf, r), r == unicode.ReplacementChar:
			return -1
		}
		return r
	}, text)
	return strings.Join(strings.Fields(text), " ")
}
