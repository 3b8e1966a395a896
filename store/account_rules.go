package store

import (
	"errors"
	"fmt"
	"net/mail"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/idna"
	"golang.org/x/text/unicode/norm"
)

// FieldError is a value that cannot be stored, and what to do about it.
type FieldError struct {
	Field   string // the JSON name, e.g. "email"
	Message string
}

func (e *FieldError) Error() string { return e.Field + ": " + e.Message }

// EmailKey is the form by which an address is unique and found: trimmed,
// lower case, NFC, and its domain as asciiDomain has it.
func EmailKey(email string) string {
	key := lowered(strings.TrimSpace(email))
	at := strings.LastIndexByte(key, '@') + 1
	if domain, ok := asciiDomain(key[at:]); at > 0 && ok {
		return key[:at] + domain
	}
	return key
}

// asciiDomain is a domain as mail is sent to it, in its ASCII form (RFC 5891 §4)
// and lower case. It is false for one that is no domain then, or another one than
// it looks like but for letter case: ｅxample.com would be example.com.
func asciiDomain(domain string) (string, bool) {
	plain := lowered(domain)
	if ascii(domain) == utf8.RuneCountInString(domain) {
		return plain, true
	}
	sent, err := idna.Lookup.ToASCII(domain)
	if err != nil {
		return "", false
	}
	meant, err := idna.Lookup.ToUnicode(domain)
	return sent, err == nil && meant == plain
}

func lowered(text string) string {
	return norm.NFC.String(strings.Map(lower, norm.NFC.String(text)))
}

// lower is unicode.ToLower but for the letters that it would make ASCII ones of
// (K of kelvin, İ): an address with one is not the address without.
func lower(r rune) rune {
	if l := unicode.ToLower(r); r < utf8.RuneSelf || l >= utf8.RuneSelf {
		return l
	}
	return r
}

func ascii(text string) (n int) {
	for _, r := range text {
		if r < utf8.RuneSelf {
			n++
		}
	}
	return n
}

// CheckEmail returns a *FieldError unless email is one bare addr-spec (RFC 5322
// §3.4.1) of at most MaxEmail characters.
func CheckEmail(email string) error {
	if email == "" {
		return &FieldError{"email", "Please provide an email address"}
	}
	if utf8.RuneCountInString(email) > MaxEmail {
		return &FieldError{"email", fmt.Sprintf("An email address has at most %d characters", MaxEmail)}
	}
	if ascii(norm.NFC.String(email)) > ascii(email) {
		return &FieldError{"email", "Enter a valid email address"} // it has letters that only look like those of another one
	}
	addr, err := mail.ParseAddress(email)
	_, domain, _ := strings.Cut(email, "@")
	if err != nil || addr.Address != email || hasControl(email) || strings.ContainsFunc(email, notInEmail) || !domainName.MatchString(domain) {
		return &FieldError{"email", "Enter a valid email address"}
	}
	if _, ok := asciiDomain(domain); !ok {
		return &FieldError{"email", "Enter a valid email address"}
	}
	return nil
}

// domainName is what stands behind the @, in any script (RFC 6531 §3.3).
var domainName = regexp.MustCompile(`^[\p{L}\p{M}\p{N}-]+(\.[\p{L}\p{M}\p{N}-]+)*$`)

func notInEmail(r rune) bool { return r == '"' || unicode.IsSpace(r) || unicode.Is(unicode.Cf, r) }

// Problems trims what will be stored of n and says what cannot be, and what to
// do about it, by the JSON name of the member.
func (n *NewAccount) Problems() map[string]string {
	n.Email = strings.TrimSpace(n.Email)
	found := map[string]string{}
	for _, err := range append(nameProblems(&n.Username, &n.FirstName, &n.LastName), CheckEmail(n.Email)) {
		if field := new(FieldError); errors.As(err, &field) {
			found[field.Field] = field.Message
		}
	}
	if err := CheckPassword(n.Password, n.Email, n.Username); err != nil {
		found["password"] = err.Error()
	}
	return found
}

// checkNames trims and checks the three names; the last may be empty.
func checkNames(username, first, last *string) error {
	if found := nameProblems(username, first, last); len(found) > 0 {
		return found[0]
	}
	return nil
}

func nameProblems(username, first, last *string) (found []error) {
	for _, f := range []struct {
		field, empty string
		value        *string
	}{
		{"username", "Please provide a username", username},
		{"first_name", "Please provide a first name", first},
		{"last_name", "", last},
	} {
		*f.value = strings.TrimSpace(*f.value)
		switch {
		case *f.value == "" && f.empty != "":
			found = append(found, &FieldError{f.field, f.empty})
		case utf8.RuneCountInString(*f.value) > MaxName:
			found = append(found, &FieldError{f.field, fmt.Sprintf("A name has at most %d characters", MaxName)})
		case !utf8.ValidString(*f.value) || hasControl(*f.value):
			found = append(found, &FieldError{f.field, "A name has no control characters"})
		}
	}
	return found
}

// hasControl tells whether text has characters that change how the text around
// them is shown, or that nobody sees.
func hasControl(text string) bool {
	return strings.ContainsFunc(text, func(r rune) bool {
		return unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || r == '\u200b' || r == '\ufeff'
	})
}
