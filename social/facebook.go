package social

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Where Facebook is. Pages now speak of limited.facebook.com; the issuer in
// tokens is this one.
const (
	facebookIssuer = "https://www.facebook.com"
	facebookKeys   = "https://www.facebook.com/.well-known/oauth/openid/jwks/"
	facebookGraph  = "https://graph.facebook.com"
)

type facebook struct {
	adapter
	graphURL string // with the version
}

func newFacebook(cfg Config) (*facebook, error) {
	cfg.AccessTokens = true // all that its sign-in gives a browser
	graph := strings.TrimSuffix(or(cfg.GraphURL, facebookGraph), "/")
	if cfg.GraphVersion != "" {
		graph += "/" + cfg.GraphVersion
	}
	f := &facebook{adapter: newAdapter(cfg, []string{facebookIssuer}, []string{"RS256"}), graphURL: graph}
	f.readKeysAt(or(cfg.JWKSURI, facebookKeys))
	return f, nil
}

func (f *facebook) Verify(ctx context.Context, t Token) (*Identity, error) {
	return f.verify(ctx, t, f.idToken, f.accessToken)
}

// idToken is Limited Login's, which the iOS kit yields without consent to tracking.
func (f *facebook) idToken(ctx context.Context, t Token) (*Identity, error) {
	c, err := f.verifiedIDToken(ctx, t)
	if err != nil {
		return nil, err
	}
	return f.person(c), nil
}

// person counts an address as verified only if the operator trusts Facebook in
// that: it says nothing itself, and tells developers to verify.
func (f *facebook) person(c *claims) *Identity {
	c.PreferredUsername = strings.Join(strings.Fields(c.Name), "")
	return f.identity(c, f.cfg.TrustEmail, false)
}

// accessToken asks Facebook twice whom the token was issued to: debug_token
// names the app, and /me refuses a proof made with another app's secret.
func (f *facebook) accessToken(ctx context.Context, t Token) (*Identity, error) {
	if !slices.Contains(f.accepted(t), f.cfg.ClientID) {
		return nil, f.elsewhere("is not accepted from this client", nil)
	}
	token, err := f.debugToken(ctx, t.Text)
	if err != nil {
		return nil, err
	}
	me, err := f.me(ctx, t.Text)
	if err != nil {
		return nil, err
	}
	if me.ID != token.UserID {
		return nil, f.unverifiable(errors.New("debug_token and /me speak of two people"))
	}
	if err := f.checkSubject(me.ID); err != nil {
		return nil, err
	}
	return f.person(&claims{
		Subject:    me.ID,
		Email:      me.Email,
		Name:       me.Name,
		GivenName:  me.FirstName,
		FamilyName: me.LastName,
		Picture:    me.Picture.Inner.URL,
		signedIn:   token.IssuedAt.time(),
	}), nil
}

// debugged is what Facebook knows of a token.
type debugged struct {
	AppID             string      `json:"app_id"`
	Type              string      `json:"type"`
	IsValid           bool        `json:"is_valid"`
	UserID            string      `json:"user_id"`
	ExpiresAt         unixOrNever `json:"expires_at"`
	DataAccessExpires unixOrNever `json:"data_access_expires_at"`
	IssuedAt          unixOrNever `json:"issued_at"` // some tokens have none
	Error             *graphError `json:"error"`
}

// unixOrNever is Facebook's expiry: seconds, or 0 for never.
type unixOrNever int64

func (u unixOrNever) time() time.Time {
	if u == 0 {
		return time.Time{}
	}
	return time.Unix(int64(u), 0).UTC()
}

// debugToken returns what the token is, after every check that
// Facebook's own word allows. The app is compared before anything else is read.
func (f *facebook) debugToken(ctx context.Context, token string) (*debugged, error) {
	d, err := f.callDebugToken(ctx, token)
	if err != nil {
		return nil, err
	}
	switch {
	case d.AppID != "" && d.AppID != f.cfg.ClientID:
		return nil, f.otherApp(fmt.Errorf("app_id %q", shown(d.AppID)))
	case d.Error != nil:
		return nil, f.deadToken(d)
	case !d.IsValid:
		return nil, f.dead(errors.New("is_valid is false"))
	case d.AppID == "":
		return nil, f.calls.missing("debug_token", "app_id")
	case d.Type != "USER":
		return nil, f.refused("is not a user's", fmt.Errorf("type %q", shown(d.Type)))
	}
	for _, at := range []unixOrNever{d.ExpiresAt, d.DataAccessExpires} {
		if err := f.checkExpiry(at.time()); err != nil {
			return nil, err
		}
	}
	if d.UserID == "" {
		return nil, f.calls.missing("debug_token", "user_id")
	}
	return d, nil
}

// deadToken is for a token that debug_token knows an error of.
func (f *facebook) deadToken(d *debugged) error {
	if d.Error.Subcode == subcodeExpired && d.ExpiresAt > 0 {
		return f.expired(d.ExpiresAt.time())
	}
	return f.graphFailure("debug_token", d.Error)
}

// Check asks Facebook about the app itself, with the app's own credentials.
func (f *facebook) Check(ctx context.Context) error {
	ctx, cancel := f.calls.within(ctx)
	defer cancel()
	return errors.Join(f.checkKeys(ctx), f.checkApp(ctx))
}
