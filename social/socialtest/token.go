package socialtest

import (
	"crypto/sha256"
	"encoding/hex"
	"math/big"
	"strings"
	"time"
)

// TokenOptions says whose tokens Mint makes and for which app. The zero value
// is Ada, who signs in to the stand-in's own app now.
type TokenOptions struct {
	Sub           string // default: made from Email (Facebook: and Aud), always the same
	Email         string // default: ada@gmail.com, or made from Sub
	NoEmail       bool   // the person has no address, or declined to show it
	EmailVerified *bool  // default true; Google only
	Name          string // default: made from Email
	Aud           string // default: the first client id, the app's id
	Azp           string // default: Aud; Facebook says it only if it is given
	Hd            string // the Workspace domain; Google only
	Nonce         string // default: the ID token has none
	Scope         string // of the access token, separated by spaces; default: all that sign-in needs
	ExpiresIn     *int64 // seconds from now; negative: an expired token. Default 1 h, Facebook's access token 60 days

	// What follows no honest provider would do; it is for tests.

	IssuedAt  time.Time      // default: now; an expired token, 1 h before its end
	NotBefore time.Time      // default: Google 5 min before IssuedAt, Facebook none
	Issuer    string         // of the ID token
	Kid       string         // of the ID token's header; the key stays the same
	Alg       string         // none; HS256 keyed with the public key's PEM; anything else signs with RS256
	JSON      bool           // the ID token in JSON serialization (RFC 7515 §7.2.2)
	Claims    map[string]any // set in the ID token after all others; nil removes one
	Debug     map[string]any // Facebook: the same for debug_token's data, as {"type": "PAGE", "expires_at": 0}
	Subcode   int            // Facebook: the access token is dead for this reason (458, 460, 464, 467)
}

// Tokens are what a sign-in gives a frontend.
type Tokens struct {
	IDToken     string `json:"id_token"`
	AccessToken string `json:"access_token"`
}

// grant is what an access token stands for.
type grant struct {
	TokenOptions // with all defaults filled in
	expires      time.Time
}

const (
	defaultEmail = "ada@gmail.com"
	idTokenLife  = time.Hour
	maxLife      = 10 * 365 * 24 * 60 * 60 // seconds; beyond it ExpiresIn is cut
)

// person fills in who o is about. The subject is made by subject from what
// identifies the person.
func (o TokenOptions) person(subject func(string) string) TokenOptions {
	switch {
	case o.NoEmail:
		o.Email = ""
	case o.Email == "" && o.Sub == "":
		o.Email = defaultEmail
	case o.Email == "":
		sum := sha256.Sum256([]byte(o.Sub))
		o.Email = "ada." + hex.EncodeToString(sum[:4]) + "@gmail.com"
	}
	o.Sub = or(o.Sub, subject(strings.ToLower(or(o.Email, defaultEmail))))
	o.Name = or(o.Name, nameOf(o.Email))
	return o
}

// times fills in IssuedAt and returns the end of a token that lives for life
// unless o says otherwise.
func (o *TokenOptions) times(now time.Time, life time.Duration) time.Time {
	now = now.UTC().Truncate(time.Second)
	if o.ExpiresIn == nil {
		if o.IssuedAt.IsZero() {
			o.IssuedAt = now
		}
		return o.IssuedAt.Add(life)
	}
	in := time.Duration(min(max(*o.ExpiresIn, -maxLife), maxLife)) * time.Second
	expires := now.Add(in)
	if o.IssuedAt.IsZero() {
		o.IssuedAt = now
		if in <= 0 { // so that nothing is odd about it but its end
			o.IssuedAt = expires.Add(-idTokenLife)
		}
	}
	return expires
}

// digits makes a number of n digits out of text, always the same; it begins
// with 1, as their identifiers do.
func digits(text string, n int) string {
	sum := sha256.Sum256([]byte(text))
	all := new(big.Int).SetBytes(sum[:]).String()
	return "1" + all[len(all)-n+1:]
}

// nameOf guesses a name from an address: grace.hopper@… is Grace Hopper.
func nameOf(email string) string {
	local, _, _ := strings.Cut(email, "@")
	if email == defaultEmail || local == "" {
		return "Ada Lovelace"
	}
	words := strings.FieldsFunc(local, func(r rune) bool { return strings.ContainsRune("._-+", r) })
	for i, w := range words {
		first := []rune(w)[:1]
		words[i] = strings.ToUpper(string(first)) + strings.TrimPrefix(w, string(first))
	}
	return strings.Join(words, " ")
}

// names cuts a name in what comes first and what comes last.
func names(name string) (first, last string) {
	i := strings.LastIndex(name, " ")
	if i < 0 {
		return name, ""
	}
	return name[:i], name[i+1:]
}

// hasScope says whether one of wanted is in scope.
func hasScope(scope string, wanted ...string) bool {
	for _, have := range strings.Fields(scope) {
		for _, w := range wanted {
			if have == w {
				return true
			}
		}
	}
	return false
}
