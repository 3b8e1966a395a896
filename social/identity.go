package social

import (
	"bytes"
	"net/url"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

const (
	maxEmail   = 254  // RFC 5321 §4.5.3.1.3
	maxText    = 150  // characters of a name
	maxPicture = 2048 // bytes of its URL
)

// identity is the person whom c is about. What it takes from c is made
// harmless, not judged: a name too long is no reason to refuse its bearer.
func (a *adapter) identity(c *claims, verified, authoritative bool) *Identity {
	email := usableEmail(c.Email)
	id := &Identity{
		Provider:      a.cfg.Name,
		Issuer:        a.issuers[0],
		Subject:       c.Subject,
		Email:         email,
		EmailVerified: email != "" && verified,
		Authoritative: email != "" && verified && authoritative,
		Name:          line(c.Name),
		FirstName:     line(c.GivenName),
		LastName:      line(c.FamilyName),
		Username:      line(or(c.PreferredUsername, localPart(email))),
		Picture:       httpsURL(c.Picture),
		IssuedAt:      c.IssuedAt.Time,
		Replay:        c.replay,
	}
	if id.FirstName == "" && id.LastName == "" {
		id.FirstName, id.LastName, _ = strings.Cut(id.Name, " ")
		id.LastName = strings.TrimSpace(id.LastName)
	}
	for _, at := range []time.Time{c.IssuedAt.Time, c.AuthTime.Time, c.signedIn} {
		if !at.IsZero() && (id.SignedInAt.IsZero() || at.Before(id.SignedInAt)) {
			id.SignedInAt = at
		}
	}
	if id.IssuedAt.IsZero() { // it vouched just now, by answering
		id.IssuedAt = a.now().UTC()
	}
	if !c.Expiry.IsZero() {
		id.ExpiresAt = c.Expiry.Add(2 * skew) // beyond what any replica's clock still accepts
	}
	if bytes.HasPrefix(c.MayAct, []byte("{")) && utf8.Valid(c.MayAct) {
		id.MayAct = c.MayAct
	}
	return id
}

// line is text on one line, without what no screen shows.
func line(text string) string {
	text = strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return ' '
		}
		if !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, text)
	text = strings.TrimSpace(text)
	if utf8.RuneCountInString(text) > maxText {
		text = strings.TrimSpace(string([]rune(text)[:maxText]))
	}
	return text
}

// usableEmail drops what cannot be an address; else it is left as it is.
func usableEmail(email string) string {
	at := strings.LastIndexByte(email, '@')
	blank := func(r rune) bool { return unicode.IsSpace(r) || !unicode.IsPrint(r) || r == utf8.RuneError }
	if at < 1 || at == len(email)-1 || len(email) > maxEmail || strings.ContainsFunc(email, blank) {
		return ""
	}
	return email
}

func localPart(email string) string {
	return email[:max(0, strings.LastIndexByte(email, '@'))]
}

func httpsURL(text string) string {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "https" || u.Host == "" || len(text) > maxPicture {
		return ""
	}
	return text
}
