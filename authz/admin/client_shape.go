package admin

import (
	"slices"
	"strings"
	"time"

	"gatehouse/store"
)

// ClientFields are the members of a client that may be set and changed; absent
// ones are nil. The rules are store's, which every registration passes; the
// tags here keep out what a column could not hold as it was sent.
type ClientFields struct {
	ClientName               *string  `json:"client_name,omitempty" maxLength:"150" doc:"What people are shown"`
	Type                     *string  `json:"type,omitempty" enum:"confidential,public" doc:"RFC 6749 §2.1; confidential unless given"`
	TokenEndpointAuthMethod  *string  `json:"token_endpoint_auth_method,omitempty" enum:"client_secret_basic,client_secret_post,none"`
	RedirectURIs             []string `json:"redirect_uris,omitzero" nullable:"false" maxItems:"100" maxLength:"2000" pattern:"^[!-~]+$"`
	PostLogoutRedirectURIs   []string `json:"post_logout_redirect_uris,omitzero" nullable:"false" maxItems:"100" maxLength:"2000" pattern:"^[!-~]+$" doc:"Where people may be sent who signed out (OpenID Connect RP-Initiated Logout §3)"`
	IDTokenSignedResponseAlg *string  `json:"id_token_signed_response_alg,omitempty" enum:"RS256,ES256" doc:"RS256 unless given (OpenID Connect Registration §2)"`
	GrantTypes               []string `json:"grant_types,omitzero" nullable:"false" maxItems:"20" maxLength:"100" pattern:"^[!-~]+$"`
	Scope                    *string  `json:"scope,omitempty" maxLength:"5000" doc:"What it may ask for, separated by spaces"`
	DefaultScope             *string  `json:"default_scope,omitempty" maxLength:"5000" doc:"What it gets when it asks for nothing"`
	Audience                 []string `json:"audience,omitzero" nullable:"false" maxItems:"100" maxLength:"500" pattern:"^[!-~]+$" doc:"What its tokens are for, and as a resource server what it is"`
	Origins                  []string `json:"origins,omitzero" nullable:"false" maxItems:"100" maxLength:"500" pattern:"^[!-~]+$" doc:"Web origins of its pages, for CORS"`
	AccessTokenLifetime      *int64   `json:"access_token_lifetime,omitempty" minimum:"0" maximum:"86400" doc:"Seconds; 0 is the server's default"`
	RefreshTokenLifetime     *int64   `json:"refresh_token_lifetime,omitempty" minimum:"0" maximum:"31536000" doc:"Seconds from the last use; 0 is the server's default"`
	GrantLifetime            *int64   `json:"grant_lifetime,omitempty" minimum:"0" maximum:"63072000" doc:"Seconds from the sign-in, after which no token lives; 0 is the server's default"`
	Providers                []string `json:"providers,omitzero" nullable:"false" maxItems:"100" maxLength:"100" pattern:"^[!-~]+$" doc:"Social providers whose tokens it may bring"`
	ProviderAudiences        []string `json:"provider_audiences,omitzero" nullable:"false" maxItems:"100" maxLength:"500" pattern:"^[!-~]+$" doc:"Audiences accepted in them"`
	ExchangeAudiences        []string `json:"exchange_audiences,omitzero" nullable:"false" maxItems:"100" maxLength:"500" pattern:"^[!-~]+$" doc:"Audiences it may exchange a token of ours for"`
	FirstParty               *bool    `json:"first_party,omitempty" doc:"May use the password grant, and at https addresses needs no consent"`
	Operator                 *bool    `json:"operator,omitempty" doc:"May get the scope admin"`
	IntrospectAll            *bool    `json:"introspect_all,omitempty" doc:"Sees every access token"`
	ExposedSecret            *bool    `json:"exposed_secret,omitempty" doc:"Its secret is in a frontend: checked, yet the client counts as public"`
	Native                   *bool    `json:"native,omitempty" doc:"An app on its user's device (RFC 8252)"`
	TrustedForwarder         *bool    `json:"trusted_forwarder,omitempty" doc:"Its X-Forwarded-For is believed"`
	RotateRefresh            *bool    `json:"rotate_refresh,omitempty" doc:"A refresh token is spent by its use; true unless given"`
	Impersonate              *bool    `json:"impersonate,omitempty" doc:"May exchange a token without becoming its actor"`
}

// newClient is the body of POST /admin/clients.
type newClient struct {
	ClientID     *string `json:"client_id,omitempty" minLength:"1" doc:"1 to 100 of A-Z a-z 0-9 _ . ~ -; generated unless given"`
	ClientSecret *string `json:"client_secret,omitempty" minLength:"1" doc:"32 to 128 of A-Z a-z 0-9 _ -; generated unless given"`
	ClientFields
	Disabled *bool `json:"disabled,omitempty"`
}

// clientPatch is the body of PATCH /admin/clients/{id}.
type clientPatch struct {
	ClientFields
	Disabled *bool `json:"disabled,omitempty" doc:"true refuses the client and ends its sign-ins; false brings none back"`
}

// client is a client as operators see it.
type client struct {
	ClientID                 string    `json:"client_id"`
	ClientSecret             string    `json:"client_secret,omitempty" doc:"In the answer that makes the client, and nowhere else"`
	ClientName               string    `json:"client_name"`
	Type                     string    `json:"type"`
	TokenEndpointAuthMethod  string    `json:"token_endpoint_auth_method"`
	RedirectURIs             []string  `json:"redirect_uris" nullable:"false"`
	PostLogoutRedirectURIs   []string  `json:"post_logout_redirect_uris" nullable:"false"`
	IDTokenSignedResponseAlg string    `json:"id_token_signed_response_alg"`
	GrantTypes               []string  `json:"grant_types" nullable:"false"`
	Scope                    string    `json:"scope"`
	DefaultScope             string    `json:"default_scope"`
	Audience                 []string  `json:"audience" nullable:"false"`
	Origins                  []string  `json:"origins" nullable:"false"`
	AccessTokenLifetime      int64     `json:"access_token_lifetime"`
	RefreshTokenLifetime     int64     `json:"refresh_token_lifetime"`
	GrantLifetime            int64     `json:"grant_lifetime"`
	Providers                []string  `json:"providers" nullable:"false"`
	ProviderAudiences        []string  `json:"provider_audiences" nullable:"false"`
	ExchangeAudiences        []string  `json:"exchange_audiences" nullable:"false"`
	FirstParty               bool      `json:"first_party"`
	Operator                 bool      `json:"operator"`
	IntrospectAll            bool      `json:"introspect_all"`
	ExposedSecret            bool      `json:"exposed_secret"`
	Native                   bool      `json:"native"`
	TrustedForwarder         bool      `json:"trusted_forwarder"`
	RotateRefresh            bool      `json:"rotate_refresh"`
	Impersonate              bool      `json:"impersonate"`
	Disabled                 bool      `json:"disabled"`
	CreatedAt                time.Time `json:"created_at"`
	UpdatedAt                time.Time `json:"updated_at"`
	Secrets                  []secret  `json:"secrets" nullable:"false"`
}

// secret is a client's secret without its value.
type secret struct {
	ID        string    `json:"id"`
	CreatedAt time.Time `json:"created_at"`
}

func showClient(c store.Client) client {
	slices.SortFunc(c.Secrets, func(a, b store.ClientSecret) int { return strings.Compare(a.ID, b.ID) }) // by age: UUID version 7
	secrets := make([]secret, len(c.Secrets))
	for i, row := range c.Secrets {
		secrets[i] = secret{row.ID, row.CreatedAt.UTC()}
	}
	return client{
		ClientID: c.ID, ClientName: c.Name, Type: c.Type, TokenEndpointAuthMethod: c.TokenEndpointAuthMethod,
		RedirectURIs: list(c.RedirectURIs), PostLogoutRedirectURIs: list(c.PostLogoutRedirectURIs),
		IDTokenSignedResponseAlg: c.IDTokenSignedResponseAlg, GrantTypes: list(c.GrantTypes),
		Scope: c.Scope.String(), DefaultScope: c.DefaultScope.String(),
		Audience: list(c.Audience), Origins: list(c.Origins),
		AccessTokenLifetime: c.AccessTokenLifetime, RefreshTokenLifetime: c.RefreshTokenLifetime, GrantLifetime: c.GrantLifetime,
		Providers: list(c.Providers), ProviderAudiences: list(c.ProviderAudiences), ExchangeAudiences: list(c.ExchangeAudiences),
		FirstParty: c.FirstParty, Operator: c.Operator, IntrospectAll: c.IntrospectAll, ExposedSecret: c.ExposedSecret,
		Native: c.Native, TrustedForwarder: c.TrustedForwarder, RotateRefresh: c.RotateRefresh, Impersonate: c.Impersonate,
		Disabled: c.DisabledAt != nil, CreatedAt: c.CreatedAt.UTC(), UpdatedAt: c.UpdatedAt.UTC(), Secrets: secrets,
	}
}

// list is words as a JSON array, never null.
func list(words store.Words) []string { return append([]string{}, words...) }

// apply puts the members that were sent into c.
func (f *ClientFields) apply(c *store.Client) {
	set(&c.Name, f.ClientName)
	set(&c.Type, f.Type)
	set(&c.TokenEndpointAuthMethod, f.TokenEndpointAuthMethod)
	setWords(&c.RedirectURIs, f.RedirectURIs)
	setWords(&c.PostLogoutRedirectURIs, f.PostLogoutRedirectURIs)
	set(&c.IDTokenSignedResponseAlg, f.IDTokenSignedResponseAlg)
	setWords(&c.GrantTypes, f.GrantTypes)
	if f.Scope != nil {
		c.Scope = store.ParseWords(*f.Scope)
	}
	if f.DefaultScope != nil {
		c.DefaultScope = store.ParseWords(*f.DefaultScope)
	}
	setWords(&c.Audience, f.Audience)
	setWords(&c.Origins, f.Origins)
	set(&c.AccessTokenLifetime, f.AccessTokenLifetime)
	set(&c.RefreshTokenLifetime, f.RefreshTokenLifetime)
	set(&c.GrantLifetime, f.GrantLifetime)
	setWords(&c.Providers, f.Providers)
	setWords(&c.ProviderAudiences, f.ProviderAudiences)
	setWords(&c.ExchangeAudiences, f.ExchangeAudiences)
	set(&c.FirstParty, f.FirstParty)
	set(&c.Operator, f.Operator)
	set(&c.IntrospectAll, f.IntrospectAll)
	set(&c.ExposedSecret, f.ExposedSecret)
	set(&c.Native, f.Native)
	set(&c.TrustedForwarder, f.TrustedForwarder)
	set(&c.RotateRefresh, f.RotateRefresh)
	set(&c.Impersonate, f.Impersonate)
}

func set[T any](to, from *T) {
	if from != nil {
		*to = *from
	}
}

// setWords drops repetitions, as store does when it reads them back.
func setWords(to *store.Words, from []string) {
	if from != nil {
		*to = store.ParseWords(strings.Join(from, " "))
	}
}
