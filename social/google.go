package social

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Where Google is. Its addresses are not discovered: a document that somebody
// else could change would choose whose keys we believe.
const (
	googleIssuer    = "https://accounts.google.com"
	googleKeys      = "https://www.googleapis.com/oauth2/v3/certs"
	googleTokenInfo = "https://oauth2.googleapis.com/tokeninfo"
	googleUserInfo  = "https://openidconnect.googleapis.com/v1/userinfo"
)

type google struct {
	adapter
	tokenInfoURL, userInfoURL string
}

func newGoogle(cfg Config) (*google, error) {
	g := &google{
		// Google writes its issuer in two ways; the first is the one stored.
		adapter:      newAdapter(cfg, []string{googleIssuer, "accounts.google.com"}, []string{"RS256"}),
		tokenInfoURL: or(cfg.TokenInfoURL, googleTokenInfo),
		userInfoURL:  or(cfg.UserInfoURL, googleUserInfo),
	}
	g.readKeysAt(or(cfg.JWKSURI, googleKeys))
	return g, nil
}

func (g *google) Verify(ctx context.Context, t Token) (*Identity, error) {
	return g.verify(ctx, t, g.idToken, g.accessToken)
}

func (g *google) idToken(ctx context.Context, t Token) (*Identity, error) {
	c, err := g.verifiedIDToken(ctx, t)
	if err != nil {
		return nil, err
	}
	if err := g.checkDomain(c.HostedDomain); err != nil {
		return nil, err
	}
	return g.person(c), nil
}

// person applies Google's rule of which addresses it is the authority for: its
// own, and those of Workspace domains. Others were proven once and may have
// changed hands.
func (g *google) person(c *claims) *Identity {
	address := strings.ToLower(c.Email)
	own := strings.HasSuffix(address, "@gmail.com") || strings.HasSuffix(address, "@googlemail.com")
	c.PreferredUsername = "" // the part before the @ is what people here know
	return g.identity(c, c.EmailVerified.said(), own || c.HostedDomain != "")
}

// accessToken believes Google's word about the person only once Google has
// said that the token was issued to a client of ours: sub is the same for all
// clients, so any app the person ever used could else sign in as them.
func (g *google) accessToken(ctx context.Context, t Token) (*Identity, error) {
	info, err := g.tokenInfo(ctx, t.Text)
	if err != nil {
		return nil, err
	}
	if err := g.checkAudience(t, info.audience(), or(info.AuthorizedParty, info.IssuedTo)); err != nil {
		return nil, err
	}
	end := info.expiry(g.now())
	if err := g.checkExpiry(end); err != nil {
		return nil, err
	}
	c, err := g.userInfo(ctx, t.Text)
	if err != nil {
		return nil, err
	}
	if sub := or(info.Subject, info.UserID); sub != "" && sub != c.Subject {
		return nil, g.unverifiable(errors.New("tokeninfo and userinfo speak of two people"))
	}
	if err := g.checkSubject(c.Subject); err != nil {
		return nil, err
	}
	if err := g.checkDomain(c.HostedDomain); err != nil {
		return nil, err
	}
	if !end.IsZero() {
		c.signedIn = end.Add(-accessTokenLife)
	}
	return g.person(c), nil
}

// accessTokenLife is how long Google's access tokens live. Their end is all that
// tells when they were issued.
const accessTokenLife = time.Hour

// tokenInfo is the answer of tokeninfo: v3 has nothing but strings in it, v1
// and v2 call things otherwise.
type tokenInfo struct {
	Audience        string      `json:"aud"`
	AuthorizedParty string      `json:"azp"`
	Subject         string      `json:"sub"`
	Expiry          numericDate `json:"exp"`

	AudienceV2 string  `json:"audience"`
	IssuedTo   string  `json:"issued_to"`
	UserID     string  `json:"user_id"`
	ExpiresIn  *number `json:"expires_in"`
}

func (i *tokenInfo) audience() []string { return []string{or(i.Audience, i.AudienceV2)} }

// expiry is zero if the answer does not say; that it came at all then means
// that the token has not expired.
func (i *tokenInfo) expiry(now time.Time) time.Time {
	if i.Expiry.IsZero() && i.ExpiresIn != nil {
		return now.Add(time.Duration(*i.ExpiresIn) * time.Second)
	}
	return i.Expiry.Time
}

// number is one that may stand in a string.
type number int32

// UnmarshalJSON takes both forms.
func (n *number) UnmarshalJSON(b []byte) error {
	v, err := strconv.ParseInt(strings.Trim(string(b), `"`), 10, 32)
	*n = number(v)
	return err
}

// tokenInfo asks with the token in a header: a query ends up in logs.
func (g *google) tokenInfo(ctx context.Context, token string) (*tokenInfo, error) {
	info := &tokenInfo{}
	q := request{what: "tokeninfo", url: g.tokenInfoURL, authorization: "Bearer " + token, into: info}
	if err := g.ask(ctx, q); err != nil {
		return nil, err
	}
	if info.audience()[0] == "" {
		return nil, g.calls.missing("tokeninfo", "aud")
	}
	return info, nil
}

// googleUser is userinfo's answer; that of /oauth2/v2 has two names of its own.
type googleUser struct {
	claims
	UserID        string `json:"id"`
	VerifiedEmail *truth `json:"verified_email"`
}

func (g *google) userInfo(ctx context.Context, token string) (*claims, error) {
	user := &googleUser{}
	q := request{what: "userinfo", url: g.userInfoURL, authorization: "Bearer " + token, into: user}
	if err := g.ask(ctx, q); err != nil {
		return nil, err
	}
	c := &user.claims
	c.Subject = or(c.Subject, user.UserID)
	if c.EmailVerified == nil {
		c.EmailVerified = user.VerifiedEmail
	}
	if c.Subject == "" {
		return nil, g.calls.missing("userinfo", "sub")
	}
	return c, nil
}

// ask makes a call that 400 and 401 answer if the token is no good. Google
// does not tell an expired one from one that never was.
func (g *google) ask(ctx context.Context, q request) error {
	ans, err := g.calls.do(ctx, q)
	switch {
	case err != nil:
		return err
	case ans.ok():
		return nil
	case ans.status == http.StatusBadRequest || ans.status == http.StatusUnauthorized:
		return g.refused("is not valid or has expired; sign in again", fmt.Errorf("%s answered %d", q.what, ans.status))
	}
	return g.calls.unexpected(q.what, ans)
}

func (g *google) Check(ctx context.Context) error {
	ctx, cancel := g.calls.within(ctx)
	defer cancel()
	if err := g.checkKeys(ctx); err != nil || !g.Redirects() {
		return err
	}
	return g.checkClient(ctx, g.tokenEndpoint())
}
