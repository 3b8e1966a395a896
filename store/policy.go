package store

import (
	_ "embed" // common_passwords.txt
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// How long a password may be, in characters (NIST SP 800-63B §5.1.1.2 asks for
// at least 8 and for at least 64 to be allowed).
const (
	minPassword = 8
	maxPassword = 128
)

// commonPasswords has, of those of 8 characters and more (shorter ones fail
// anyway), the 10,000 commonest of npm's @zxcvbn-ts/language-common 4.1.3
// (passwords.json, by rank), and all 8,346 of Django 5.2's
// common-passwords.txt.gz: the former leaves out what zxcvbn itself sees to be a
// sequence or repetition (87654321, aaaaaaaa), and so nothing that a Django
// service refused is accepted here. Entries not of printable ASCII were dropped.
// One a line, in lower case, in byte order; it stays in the binary's read-only
// pages, and a look-up allocates nothing.
//
//go:embed common_passwords.txt
var commonPasswords string

// PolicyError says why a password is refused, in a sentence for the person who
// chose it. It never has the password itself.
type PolicyError struct {
	Reason string
}

func (e *PolicyError) Error() string { return e.Reason }

// CheckPassword returns a *PolicyError if the password may not be chosen: by an
// account with this e-mail and username, either of which may be empty. It is for
// new passwords, never for signing in.
//
// A password is used exactly as typed, neither trimmed nor normalised. NIST SP
// 800-63B would have it normalised (NFKC), but Django didn't, so that one outside
// ASCII would no longer match its imported hash. Only the comparisons here fold.
func CheckPassword(password, email, username string) error {
	if !utf8.ValidString(password) {
		return &PolicyError{"The password is not valid UTF-8 text."}
	}
	switch n := utf8.RuneCountInString(password); {
	case n < minPassword:
		return &PolicyError{fmt.Sprintf("The password has %d characters; choose one of at least %d.", n, minPassword)}
	case n > maxPassword:
		return &PolicyError{fmt.Sprintf("The password has %d characters; choose one of at most %d.", n, maxPassword)}
	case strings.ContainsFunc(password, unicode.IsControl):
		return &PolicyError{"The password has a control character, such as a tab or a line break; leave it out."}
	}
	folded := foldPassword(password)
	email, username = foldPassword(email), foldPassword(username)
	local := email
	if at := strings.LastIndexByte(email, '@'); at >= 0 {
		local = email[:at]
	}
	switch folded {
	case email, local:
		return &PolicyError{"The password is the e-mail address or the part before its @; choose another."}
	case username:
		return &PolicyError{"The password is the username; choose another."}
	}
	if isCommonPassword(folded) {
		return &PolicyError{"The password is one of those that most people choose, and guessed first; choose another."}
	}
	return nil
}

// foldPassword makes equal what a person who guesses would try as one. By way of
// upper case, because σ and ς, or s and ſ, differ in lower case only.
func foldPassword(text string) string {
	return strings.ToLower(strings.ToUpper(norm.NFKC.String(text)))
}

// isCommonPassword looks up a folded password by halving commonPasswords.
func isCommonPassword(folded string) bool {
	list := commonPasswords
	for len(list) > 0 {
		start := strings.LastIndexByte(list[:len(list)/2], '\n') + 1
		line, rest, _ := strings.Cut(list[start:], "\n")
		switch strings.Compare(folded, line) {
		case 0:
			return true
		case -1:
			list = list[:start]
		default:
			list = rest
		}
	}
	return false
}
