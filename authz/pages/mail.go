package pages

import (
	"bytes"
	"fmt"
	"html/template"
	"net/url"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Mail is one of the types below. Name is the person's and may be empty; it is
// greeted only if it can be nothing but a name. Link is an absolute URL.
type Mail interface {
	letter() letter
}

// letter is what a mail needs.
type letter struct {
	key   string // of its texts
	name  string
	other string // {2} of its texts
	link  string
	reset string // a second link; may be empty
	valid time.Duration
}

// VerifyMail asks the owner of an account to confirm the address.
type VerifyMail struct {
	Name  string
	Link  string
	Valid time.Duration
}

// SignUpMail asks whether to make an account. It has no name: who asks for it
// might write anything there, to anybody.
type SignUpMail struct {
	Link  string
	Valid time.Duration
}

// SignUpKnownMail goes to whoever has an account already.
type SignUpKnownMail struct {
	Name  string
	Link  string // to sign in
	Reset string // to choose a new password
}

// ResetMail leads to a new password.
type ResetMail struct {
	Name  string
	Link  string
	Valid time.Duration
}

// PasswordChangedMail says so. Link is where to choose another.
type PasswordChangedMail struct {
	Name string
	Link string
}

// LinkedMail says that a provider signs in to the account from now on. Link is
// where to choose another password.
type LinkedMail struct {
	Name     string
	Provider string // its label
	Link     string
}

// ClaimedMail says that an account whose address nobody had proven went to
// whom a provider knows by it. Link is where to choose a password.
type ClaimedMail struct {
	Name     string
	Provider string // its label
	Link     string
}

func (m VerifyMail) letter() letter {
	return letter{key: "mail.verify", name: m.Name, link: m.Link, valid: m.Valid}
}
func (m SignUpMail) letter() letter { return letter{key: "mail.signup", link: m.Link, valid: m.Valid} }
func (m SignUpKnownMail) letter() letter {
	return letter{key: "mail.known", name: m.Name, link: m.Link, reset: m.Reset}
}
func (m ResetMail) letter() letter {
	return letter{key: "mail.reset", name: m.Name, link: m.Link, valid: m.Valid}
}
func (m PasswordChangedMail) letter() letter {
	return letter{key: "mail.changed", name: m.Name, link: m.Link}
}
func (m LinkedMail) letter() letter {
	return letter{key: "mail.linked", name: m.Name, other: m.Provider, link: m.Link}
}
func (m ClaimedMail) letter() letter {
	return letter{key: "mail.claimed", name: m.Name, other: m.Provider, link: m.Link}
}

// message is a letter in words, for templates/mail.html.
type message struct {
	Service, Subject, Hello, Text    string
	Link, Button, Reset, Valid, Note string
	Signature                        string
	Colour                           template.CSS
}

// Mail words a mail. The subject is one line.
func (p *Pages) Mail(m Mail) (subject, text, html string) {
	l := m.letter()
	service, other := p.cfg.Name, shorten(plain(l.other), 60)
	say := func(what string) string { return p.text(l.key+what, service, other) }
	v := message{
		Service: service, Subject: say(".subject"), Hello: p.text("mail.hi"), Text: say(".text"),
		Link: webLink(l.link), Button: say(".button"), Reset: webLink(l.reset), Note: say(".not_you"),
		Signature: p.text("mail.signature", service), Colour: template.CSS(p.paint.accent.String()),
	}
	if name := givenName(l.name); name != "" {
		v.Hello = p.text("mail.hello", name)
	}
	if l.valid > 0 {
		v.Valid = p.text("mail.valid", p.span(l.valid))
	}
	var b bytes.Buffer
	if err := p.templates["mail"].ExecuteTemplate(&b, "mail.html", v); err != nil {
		panic(fmt.Errorf("mail %s: %w", l.key, err)) // a defect of the template, whatever the strings are
	}
	return v.Subject, v.plainText(p), b.String()
}

// plainText is the message without HTML. Its links stand on lines of their own.
func (v message) plainText(p *Pages) string {
	paragraphs := []string{v.Hello, v.Text, v.Link}
	if v.Reset != "" {
		paragraphs = append(paragraphs, p.text("mail.known.reset")+"\n"+v.Reset)
	}
	paragraphs = append(paragraphs, v.Valid, v.Note, "-- \n"+v.Signature) // RFC 3676 §4.3
	var kept []string
	for _, paragraph := range paragraphs {
		if paragraph != "" {
			kept = append(kept, paragraph)
		}
	}
	return strings.Join(kept, "\n\n") + "\n"
}

// webLink is an absolute http or https URL, or nothing.
func webLink(address string) string {
	if u, err := url.Parse(address); err != nil || !u.IsAbs() {
		return ""
	}
	return link(address)
}

// givenName is a name as it may be greeted: nothing that a mail program makes a
// link of, or that is a message of its own.
func givenName(name string) string {
	name = plain(name)
	fit := func(r rune) bool { return unicode.In(r, unicode.L, unicode.M) || strings.ContainsRune(" '’-", r) }
	if utf8.RuneCountInString(name) > 40 || strings.ContainsFunc(name, func(r rune) bool { return !fit(r) }) {
		return ""
	}
	return name
}

// shorten keeps the first n characters.
func shorten(text string, n int) string {
	if r := []rune(text); len(r) > n {
		return string(r[:n]) + "…"
	}
	return text
}
