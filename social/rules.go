package social

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

const (
	skew        = 60 * time.Second // how far a provider's clock may be from ours
	maxLifetime = 24 * time.Hour   // of an ID token, exp - iat
	maxSubject  = 255              // OIDC Core §2
)

// checkClaims is what go-oidc leaves out.
func (a *adapter) checkClaims(t Token, c *claims) error {
	if !slices.Contains(a.issuers, c.Issuer) {
		return a.unverifiable(fmt.Errorf("issuer %q", shown(c.Issuer)))
	}
	if err := a.checkSubject(c.Subject); err != nil {
		return err
	}
	if err := a.checkAudience(t, c.Audience, c.AuthorizedParty); err != nil {
		return err
	}
	if err := a.checkTimes(c); err != nil {
		return err
	}
	if err := a.checkNonce(t.Nonce, c.Nonce); err != nil {
		return err
	}
	return a.checkOwn(t, c)
}

// checkSubject keeps the key within what OIDC Core §2 allows, so that every
// database compares it byte for byte.
func (a *adapter) checkSubject(sub string) error {
	outside := func(r rune) bool { return r < ' ' || r > '~' }
	if sub == "" || len(sub) > maxSubject || strings.ContainsFunc(sub, outside) {
		return a.unverifiable(errors.New("sub is not 1 to 255 printable ASCII characters"))
	}
	return nil
}

// accepted are the client ids that this token may be for.
func (a *adapter) accepted(t Token) []string {
	if len(t.Audiences) == 0 {
		return a.cfg.Audiences
	}
	var both []string
	for _, id := range a.cfg.Audiences {
		if slices.Contains(t.Audiences, id) {
			both = append(both, id)
		}
	}
	return both
}

// checkAudience makes sure that the token was issued for us: without that, any
// other client of the provider could sign in as its users.
func (a *adapter) checkAudience(t Token, aud []string, azp string) error {
	accepted := a.accepted(t)
	if !slices.ContainsFunc(aud, func(id string) bool { return slices.Contains(accepted, id) }) {
		if azp == "" || len(aud) == 1 {
			azp = strings.Join(aud, ", ")
		}
		return a.wrongAudience(azp, accepted)
	}
	for _, id := range aud { // OIDC Core §3.1.3.7 step 3: who else could bring it?
		if !slices.Contains(a.cfg.Audiences, id) && !slices.Contains(a.cfg.Presenters, id) {
			return a.wrongAudience(id, accepted)
		}
	}
	if len(aud) > 1 && azp == "" { // OIDC Core §3.1.3.7 step 4
		return a.elsewhere(fmt.Sprintf("is for %d clients and does not say which one it was issued to", len(aud)), nil)
	}
	if azp != "" && !slices.Contains(a.cfg.Presenters, azp) {
		return a.wrongAudience(azp, accepted)
	}
	return nil
}

// wrongAudience repeats the token's client id, which its bearer can read, and
// only the number of ours.
func (a *adapter) wrongAudience(got string, accepted []string) error {
	rest := fmt.Sprintf("not to one of the %d accepted", len(accepted))
	switch len(accepted) {
	case 0:
		rest = "and none is accepted from this client"
	case 1:
		rest = "not to the one accepted"
	}
	if got == "" {
		return a.elsewhere("was issued to no client, "+rest, nil)
	}
	return a.elsewhere("was issued to client "+shown(got)+", "+rest, fmt.Errorf("accepted: %q", accepted))
}

// checkTimes is for ID tokens, whose bearer we have to believe that they are
// fresh: nobody is asked.
func (a *adapter) checkTimes(c *claims) error {
	now := a.now()
	issued, expires := c.IssuedAt.Time, c.Expiry.Time
	switch {
	case issued.IsZero() || expires.IsZero():
		return a.unverifiable(errors.New("iat or exp is missing"))
	case issued.After(now.Add(skew)):
		return a.refused("is not yet valid", fmt.Errorf("iat %v, now %v", issued, now))
	case c.NotBefore.After(now.Add(skew)):
		return a.refused("is not yet valid", fmt.Errorf("nbf %v, now %v", c.NotBefore, now))
	case expires.Sub(issued) > maxLifetime:
		return a.unverifiable(fmt.Errorf("lives %v, longer than %v", expires.Sub(issued), maxLifetime))
	}
	if err := a.checkExpiry(expires); err != nil {
		return err
	}
	if now.Sub(issued) > a.cfg.MaxAge {
		return &Error{
			Reason: ReasonExpired,
			Say:    fmt.Sprintf("the %s token was issued at %s and is too old; sign in again", a.cfg.Name, a.clock(issued)),
		}
	}
	return nil
}

// checkExpiry takes the zero time for never.
func (a *adapter) checkExpiry(at time.Time) error {
	if !at.IsZero() && !a.now().Before(at.Add(skew)) {
		return a.expired(at)
	}
	return nil
}

// checkNonce compares the claim with what the client began the sign-in with.
// Apps often send the provider the hash of it and us the nonce itself.
func (a *adapter) checkNonce(raw, claim string) error {
	if raw == "" {
		if a.cfg.RequireNonce {
			return a.refused("needs a nonce", nil)
		}
		return nil
	}
	sum := sha256.Sum256([]byte(raw))
	plain := subtle.ConstantTimeCompare([]byte(claim), []byte(raw))
	hashed := subtle.ConstantTimeCompare([]byte(claim), []byte(hex.EncodeToString(sum[:])))
	if plain|hashed != 1 {
		return a.refused("does not match the nonce", nil)
	}
	return nil
}

// checkDomain holds Google accounts to the Workspace domains configured. The
// address proves no domain: hd does.
func (a *adapter) checkDomain(hd string) error {
	if len(a.cfg.Domains) > 0 && !slices.Contains(a.cfg.Domains, strings.ToLower(hd)) {
		return &Error{
			Reason: ReasonProviderRefused,
			Say:    "the " + a.cfg.Name + " account belongs to none of the accepted domains",
			Cause:  fmt.Errorf("hd %q", shown(hd)),
		}
	}
	return nil
}
