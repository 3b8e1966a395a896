package authz

import (
	"context"
	"crypto/sha256"
	"errors"
	"strings"
	"time"

	"github.com/ory/fosite"

	"gatehouse/store"
)

// idTokenLife is how long an ID token is good: it tells of a sign-in, it does
// not keep one.
const idTokenLife = 15 * time.Minute

// idToken are the claims of an ID token (OpenID Connect Core §2, §3.1.3.6).
type idToken struct {
	Issuer    string   `json:"iss"`
	Subject   string   `json:"sub"`
	Audience  string   `json:"aud"`
	ExpiresAt int64    `json:"exp"`
	IssuedAt  int64    `json:"iat"`
	AuthTime  int64    `json:"auth_time,omitempty"` // 0 where nobody knows
	Nonce     string   `json:"nonce,omitempty"`
	AtHash    string   `json:"at_hash,omitempty"`
	AMR       []string `json:"amr,omitempty"`
	ACR       string   `json:"acr,omitempty"`
	SID       string   `json:"sid,omitempty"`
	claimSet
}

// claimSet are the claims that scopes ask for (OpenID Connect Core §5.4).
type claimSet struct {
	Name              string `json:"name,omitempty"`
	GivenName         string `json:"given_name,omitempty"`
	FamilyName        string `json:"family_name,omitempty"`
	PreferredUsername string `json:"preferred_username,omitempty"`
	Email             string `json:"email,omitempty"`
	EmailVerified     *bool  `json:"email_verified,omitempty"`
}

func claimsOf(a *store.Account, scope store.Words) (c claimSet) {
	if scope.Has(store.ScopeProfile) {
		c.Name = strings.TrimSpace(a.FirstName + " " + a.LastName)
		c.GivenName, c.FamilyName, c.PreferredUsername = a.FirstName, a.LastName, a.Username
	}
	if scope.Has(store.ScopeEmail) && a.EmailKey != nil {
		proven := a.EmailState == store.EmailProven
		c.Email, c.EmailVerified = a.Email, &proven
	}
	return c
}

// addIDToken gives an ID token with every sign-in, and every refresh of one,
// that has the scope openid (OpenID Connect Core §3.1.3.3, §12.2). An exchanged
// token is no sign-in.
func (g *grants) addIDToken(ctx context.Context, req fosite.AccessRequester, resp fosite.AccessResponder) error {
	session := req.GetSession().(*store.Session)
	grant := &session.Grant
	if grant.AccountID == nil || grant.RootID != grant.ID || !grant.Scope.Has(store.ScopeOpenID) || session.IssuedType == typeIDToken {
		return nil
	}
	text, err := g.idToken(ctx, req.GetClient().(*store.Client), grant, grant.Scope, session.Account, session.Nonce, resp.GetAccessToken())
	if err != nil {
		return err
	}
	resp.SetExtra("id_token", text)
	return nil
}

// idToken signs an ID token for the client that owns the grant. account may be
// nil: then it is read. access is the access token given with it, if any.
func (s *Server) idToken(ctx context.Context, client *store.Client, grant *store.Grant, scope store.Words, account *store.Account, nonce, access string) (string, error) {
	if account == nil {
		var err error
		if account, err = s.store.Account(ctx, *grant.AccountID); err != nil {
			return "", sessionGone(err)
		}
	}
	now := s.store.Now()
	claims := idToken{
		Issuer: s.cfg.Issuer, Subject: grant.Subject, Audience: client.ID, IssuedAt: now.Unix(), ExpiresAt: now.Add(idTokenLife).Unix(),
		Nonce: nonce, AMR: grant.AMR, ACR: grant.ACR, SID: grant.SID, claimSet: claimsOf(account, scope),
	}
	if !grant.AuthTime.IsZero() {
		claims.AuthTime = grant.AuthTime.Unix()
	}
	if access != "" {
		digest := sha256.Sum256([]byte(access)) // of both algorithms
		claims.AtHash = strict.EncodeToString(digest[:len(digest)/2])
	}
	return s.sign(ctx, client.IDTokenSignedResponseAlg, claims)
}

// readHint reads an ID token of this server's that a client gives back
// (id_token_hint), which may have expired: it says who is meant, and opens
// nothing.
func (s *Server) readHint(ctx context.Context, hint string) (*idToken, error) {
	var claims idToken
	err := s.verifyOwn(ctx, hint, &claims)
	if err != nil && !errors.Is(err, errForeignToken) {
		return nil, err
	}
	if err != nil || claims.Issuer != s.cfg.Issuer || claims.Audience == "" {
		return nil, invalidRequest("The id_token_hint is not an ID token that this server issued.")
	}
	return &claims, nil
}
