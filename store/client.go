package store

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/ory/fosite"
	"gorm.io/gorm"
)

// Client types (RFC 6749 §2.1).
const (
	Confidential = "confidential"
	Public       = "public"
)

// Grant types that this build serves (RFC 7591 §2).
const (
	GrantAuthorizationCode = "authorization_code"                              // RFC 6749 §4.1
	GrantPassword          = "password"                                        // RFC 6749 §4.3
	GrantRefreshToken      = "refresh_token"                                   // RFC 6749 §6
	GrantClientCredentials = "client_credentials"                              // RFC 6749 §4.4
	GrantTokenExchange     = "urn:ietf:params:oauth:grant-type:token-exchange" // RFC 8693 §2.1
)

// GrantTypes are the grant types that a client may list.
var GrantTypes = Words{GrantAuthorizationCode, GrantPassword, GrantRefreshToken, GrantClientCredentials, GrantTokenExchange}

// Authentication methods (RFC 7591 §2). A confidential client may send its
// secret either way, whichever of the two is registered.
const (
	AuthBasic = "client_secret_basic"
	AuthPost  = "client_secret_post"
	AuthNone  = "none"
)

// ScopeAdmin opens the admin API. It is never a default and only a client
// marked Operator gets it.
const ScopeAdmin = "admin"

// Client is an application known to the server. Names follow RFC 7591 where
// it has them. Zero lifetimes mean the server's defaults.
type Client struct {
	ID                       string
	Name                     string
	Type                     string // Confidential or Public
	TokenEndpointAuthMethod  string
	RedirectURIs             Words `gorm:"column:redirect_uris"`
	PostLogoutRedirectURIs   Words `gorm:"column:post_logout_redirect_uris"` // OpenID Connect RP-Initiated Logout §3.1
	GrantTypes               Words
	IDTokenSignedResponseAlg string `gorm:"column:id_token_signed_response_alg"` // OpenID Connect Registration §2; RS256 or ES256
	Scope                    Words  // what it may ask for
	DefaultScope             Words  // what it gets when it asks for nothing
	Audience                 Words  // what its tokens are for, and as a resource server what it is
	Origins                  Words  // web origins its pages have, for CORS
	AccessTokenLifetime      int64  // seconds
	RefreshTokenLifetime     int64  // seconds, sliding
	GrantLifetime            int64  // seconds, absolute
	Providers                Words  // social providers whose tokens it may bring
	ProviderAudiences        Words  // audiences accepted in them
	ExchangeAudiences        Words  // audiences it may exchange a token of ours for
	FirstParty               bool   // may use the password grant, and at https addresses needs no consent
	Operator                 bool   // may get the scope admin
	IntrospectAll            bool   // sees every access token
	ExposedSecret            bool   // its secret is in a frontend: checked, yet the client counts as public
	Native                   bool
	TrustedForwarder         bool // its X-Forwarded-For is believed
	RotateRefresh            bool // a refresh token is spent by its use
	Impersonate              bool
	DisabledAt               *time.Time
	CreatedAt                time.Time
	UpdatedAt                time.Time

	Secrets []ClientSecret `gorm:"foreignKey:ClientID"`
}

var _ fosite.Client = (*Client)(nil)

// GetID is the client_id.
func (c *Client) GetID() string { return c.ID }

// GetHashedSecret is unused: client authentication is ours.
func (c *Client) GetHashedSecret() []byte { return nil }

// GetRedirectURIs are compared exactly.
func (c *Client) GetRedirectURIs() []string { return c.RedirectURIs }

// GetGrantTypes are the grants it may use.
func (c *Client) GetGrantTypes() fosite.Arguments { return fosite.Arguments(c.GrantTypes) }

// GetResponseTypes is code alone, for those that have the grant for it.
func (c *Client) GetResponseTypes() fosite.Arguments {
	if c.GrantTypes.Has(GrantAuthorizationCode) {
		return fosite.Arguments{"code"}
	}
	return nil
}

// GetScopes are the scopes it may ask for.
func (c *Client) GetScopes() fosite.Arguments { return fosite.Arguments(c.Scope) }

// GetAudience is what its tokens may be for.
func (c *Client) GetAudience() fosite.Arguments { return fosite.Arguments(c.Audience) }

// IsPublic counts a client with an exposed secret as public, as anyone may
// know that secret.
func (c *Client) IsPublic() bool { return c.Type == Public || c.ExposedSecret }

// Sees tells whether the client may introspect an access token with this
// owner and audience.
func (c *Client) Sees(owner string, audience Words) bool {
	return c.IntrospectAll || c.Holds(owner, audience)
}

// Holds tells whether an access token with this owner and audience is one that
// the client has by rights: its own, or one that names it.
func (c *Client) Holds(owner string, audience Words) bool {
	return owner == c.ID || slices.ContainsFunc(audience, func(aud string) bool { return aud == c.ID || c.Audience.Has(aud) })
}

var (
	clientID   = regexp.MustCompile(`^[A-Za-z0-9_-][A-Za-z0-9_.~-]{0,99}$`) // "." and ".." would be lost in a path
	scopeToken = regexp.MustCompile(`^[\x21\x23-\x5B\x5D-\x7E]{1,100}$`)    // RFC 6749 §3.3
)

// check holds every rule that a client keeps, whoever registers it. It fills
// in defaults.
func (c *Client) check() error {
	if c.TokenEndpointAuthMethod == "" {
		c.TokenEndpointAuthMethod = AuthBasic
		if c.Type == Public {
			c.TokenEndpointAuthMethod = AuthNone
		}
	}
	if c.Type == "" {
		c.Type = Confidential
	}
	if c.IDTokenSignedResponseAlg == "" {
		c.IDTokenSignedResponseAlg = "RS256"
	}
	for _, rule := range []struct {
		broken         bool
		field, message string
	}{
		{!clientID.MatchString(c.ID), "client_id", "Use 1 to 100 of A-Z a-z 0-9 _ . ~ -"},
		{uuid.Validate(c.ID) == nil, "client_id", "A client id may not look like a UUID, as accounts' ids do"},
		{len(c.Name) > 4*MaxName || hasControl(c.Name), "client_name", "Too long, or with control characters"},
		{c.Type != Confidential && c.Type != Public, "type", "Use confidential or public"},
		{c.Type == Public && c.TokenEndpointAuthMethod != AuthNone, "token_endpoint_auth_method", "A public client has the method none"},
		{c.Type == Confidential && c.TokenEndpointAuthMethod != AuthBasic && c.TokenEndpointAuthMethod != AuthPost,
			"token_endpoint_auth_method", "Use client_secret_basic or client_secret_post"},
		{!GrantTypes.Holds(c.GrantTypes), "grant_types", "This server has " + GrantTypes.String()},
		{!allMatch(c.Scope, scopeToken), "scope", "A scope has printable ASCII without blank, quote and backslash (RFC 6749 §3.3)"},
		{!c.Scope.Holds(c.DefaultScope), "default_scope", "Must be among the client's scopes"},
		{c.DefaultScope.Has(ScopeAdmin), "default_scope", "The scope admin is never a default"},
		{c.Scope.Has(ScopeAdmin) && !c.Operator, "scope", "Only an operator client has the scope admin"},
		{c.IsPublic() && (c.Operator || c.IntrospectAll || c.Impersonate || c.TrustedForwarder), "type", "A public client, or one with an exposed secret, cannot have operator, introspect_all, impersonate or trusted_forwarder"},
		{c.IsPublic() && c.GrantTypes.Has(GrantClientCredentials), "grant_types", "A public client cannot use client_credentials (RFC 6749 §4.4)"},
		{c.IsPublic() && c.GrantTypes.Has(GrantRefreshToken) && !c.RotateRefresh, "rotate_refresh", "A public client's refresh tokens are rotated (RFC 9700 §2.2.2)"},
		{c.ExposedSecret && c.Type == Public, "exposed_secret", "A public client has no secret"},
		{c.GrantTypes.Has(GrantAuthorizationCode) && len(c.RedirectURIs) == 0, "redirect_uris", "The grant authorization_code needs one"},
		{c.IDTokenSignedResponseAlg != "RS256" && c.IDTokenSignedResponseAlg != "ES256", "id_token_signed_response_alg", "Use RS256 or ES256"},
		{c.GrantTypes.Has(GrantPassword) && !c.FirstParty, "grant_types", "The password grant needs first_party"},
		{outside(c.AccessTokenLifetime, 24*time.Hour), "access_token_lifetime", "Between 0 (the default) and 86400 seconds"},
		{outside(c.RefreshTokenLifetime, 365*24*time.Hour), "refresh_token_lifetime", "Between 0 (the default) and 31536000 seconds"},
		{outside(c.GrantLifetime, 730*24*time.Hour), "grant_lifetime", "Between 0 (the default) and 63072000 seconds"},
	} {
		if rule.broken {
			return &FieldError{rule.field, rule.message}
		}
	}
	return c.checkURIs()
}

func (c *Client) checkURIs() error {
	for field, list := range map[string]Words{"audience": c.Audience, "exchange_audiences": c.ExchangeAudiences} {
		for _, aud := range list {
			if len(aud) > 500 || hasControl(aud) {
				return &FieldError{field, "An audience is a name or URI of at most 500 characters"}
			}
		}
	}
	for _, origin := range c.Origins {
		if !ValidOrigin(origin) {
			return &FieldError{"origins", "An origin is scheme://host[:port] and nothing more: " + origin}
		}
	}
	for field, list := range map[string]Words{"redirect_uris": c.RedirectURIs, "post_logout_redirect_uris": c.PostLogoutRedirectURIs} {
		for _, uri := range list {
			if !validRedirectURI(uri) {
				return &FieldError{field, "Use https, http on loopback, or a private-use scheme with a dot (RFC 8252 §7), without fragment: " + uri}
			}
		}
	}
	return nil
}

func allMatch(list Words, re *regexp.Regexp) bool {
	return !slices.ContainsFunc(list, func(w string) bool { return !re.MatchString(w) })
}

func outside(seconds int64, most time.Duration) bool {
	return seconds < 0 || seconds > int64(most/time.Second)
}

// ValidOrigin tells whether text is a web origin as browsers send it
// (RFC 6454 §6.2): https, or http which development needs.
func ValidOrigin(text string) bool {
	u, err := url.Parse(text)
	return err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Host != "" &&
		text == u.Scheme+"://"+strings.ToLower(u.Host)
}

func validRedirectURI(text string) bool {
	u, err := url.Parse(text)
	if err != nil || u.Fragment != "" || strings.Contains(text, "#") || len(text) > 2000 || u.User != nil {
		return false
	}
	switch u.Scheme {
	case "https":
		return u.Host != ""
	case "http":
		return IsLoopback(u.Hostname())
	}
	return strings.Contains(u.Scheme, ".")
}

// IsLoopback tells whether host names this machine alone.
func IsLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || (ip != nil && ip.IsLoopback())
}

// CreateClient registers a client and, if it is confidential, a secret, which
// is shown only here; secret may be given, of 32 characters or more, or be
// empty for a generated one. An empty id is generated too. Errors:
// *FieldError, ErrExists.
func (s *Store) CreateClient(ctx context.Context, c *Client, secret string) (string, error) {
	if c.ID == "" {
		c.ID = randomName(16)
	}
	if err := c.check(); err != nil {
		return "", err
	}
	switch {
	case c.Type == Public && secret != "":
		return "", &FieldError{"client_secret", "A public client has no secret"}
	case c.Type == Confidential && secret == "":
		secret = randomName(32)
	}
	c.CreatedAt = s.now()
	c.UpdatedAt = c.CreatedAt
	c.Secrets = nil
	if c.Type == Confidential {
		row, err := newSecret(c.ID, secret, c.CreatedAt)
		if err != nil {
			return "", err
		}
		c.Secrets = []ClientSecret{row}
	}
	defer s.cache.drop(c.ID)
	err := s.db.WithContext(ctx).Transaction(func(tx *gorm.DB) error { return tx.Create(c).Error })
	return secret, translate(err)
}

// ReadClient returns a client with its secrets as the database has it now, or
// ErrNotFound. Requests use the copy in memory: see Client.
func (s *Store) ReadClient(ctx context.Context, id string) (*Client, error) {
	var c Client
	err := s.reads.WithContext(ctx).Preload("Secrets", func(q *gorm.DB) *gorm.DB { return q.Order("created_at, id") }).
		Where("id = ?", id).Take(&c).Error
	return &c, translate(err)
}

// Clients lists up to limit clients by id after cursor, with their secrets.
func (s *Store) Clients(ctx context.Context, cursor string, limit int) ([]Client, string, error) {
	var list []Client
	err := s.reads.WithContext(ctx).Preload("Secrets").Where("id > ?", cursor).Order("id").Limit(limit + 1).Find(&list).Error
	if err != nil {
		return nil, "", fmt.Errorf("list clients: %w", err)
	}
	if len(list) <= limit {
		return list, "", nil
	}
	return list[:limit], list[limit-1].ID, nil
}

// UpdateClient reads the client, lets change edit it, and stores it if it
// still keeps every rule. Tokens that it has stay as they were issued; ending
// them is DisableClient's work. Secrets that everybody may know end with
// exposed_secret, as they do when the client becomes public. Errors:
// *FieldError, ErrNotFound.
func (s *Store) UpdateClient(ctx context.Context, id string, change func(*Client) error) (*Client, error) {
	var c *Client
	defer s.cache.drop(id)
	err := s.db.WithContext(ctx).Transaction(func(tx *gorm.DB) error {
		c = new(Client)
		if err := s.locking(tx).Where("id = ?", id).Take(c).Error; err != nil {
			return err
		}
		published := c.ExposedSecret
		if err := change(c); err != nil {
			return err
		}
		if c.ID != id {
			return &FieldError{"client_id", "A client keeps its id"}
		}
		if err := c.check(); err != nil {
			return err
		}
		c.UpdatedAt = s.now()
		if err := tx.Model(c).Omit("Secrets", "created_at", "disabled_at").Select("*").Updates(c).Error; err != nil {
			return err
		}
		secrets := tx.Where("client_id = ?", id)
		if c.Type == Public || published && !c.ExposedSecret {
			return secrets.Delete(&ClientSecret{}).Error
		}
		return secrets.Order("created_at, id").Find(&c.Secrets).Error
	})
	return c, translate(err)
}

// DisableClient refuses the client from now on and ends its grants, so that
// its tokens die at once everywhere; enabling it again brings none back.
func (s *Store) DisableClient(ctx context.Context, id string, disabled bool) error {
	defer s.cache.drop(id)
	if !disabled {
		tx := s.db.WithContext(ctx).Model(&Client{}).Where("id = ?", id).Update("disabled_at", nil)
		if tx.Error == nil && tx.RowsAffected == 0 {
			return ErrNotFound
		}
		return translate(tx.Error)
	}
	return s.endClient(ctx, id, func(tx *gorm.DB) *gorm.DB {
		return tx.Model(&Client{}).Where("id = ?", id).Update("disabled_at", s.now())
	})
}

// DeleteClient removes the client with its secrets and ends its grants.
func (s *Store) DeleteClient(ctx context.Context, id string) error {
	defer s.cache.drop(id)
	return s.endClient(ctx, id, func(tx *gorm.DB) *gorm.DB {
		return tx.Where("id = ?", id).Delete(&Client{})
	})
}
