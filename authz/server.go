package authz

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/gorilla/mux"
	"github.com/ory/fosite"
	"github.com/ory/fosite/handler/oauth2"
	"github.com/rs/cors"

	"gatehouse/authz/pages"
	"gatehouse/social"
	"gatehouse/store"
)

// Config says how a Server behaves. Zero durations take the default noted.
type Config struct {
	Issuer           string            // the https URL clients know us by (RFC 8414 §2); required
	Secrets          [][]byte          // system secrets of at least 32 bytes, the current one first; required
	AccessTokenLife  time.Duration     // default 15m; a client may have its own
	RefreshTokenLife time.Duration     // default 30 days, sliding; likewise
	GrantLife        time.Duration     // default 90 days, absolute; likewise
	SessionLife      store.SessionLife // of a browser session; default 7 days since its last use, 30 days in all
	RotateKeysEvery  time.Duration     // when Run makes the next signing key, at least MinKeyRotation; 0 is never
	Limits           store.Limits      // of failed sign-ins
	Origins          []string          // web origins allowed besides those of clients
	TrustedProxies   []netip.Prefix
	Providers        []social.Provider // that people sign in by, and whose tokens can be exchanged
	AccountAudiences []string          // besides the issuer: a token for one of these may look after its account at /account
	Pages            pages.Config      // how the pages look; Base is filled in
	Mail             MailConfig        // the server that mail is handed to; without one it waits
	Log              *slog.Logger      // default slog.Default()
}

// Server is the authorization server. It is safe for concurrent use.
type Server struct {
	cfg      Config
	store    *store.Store
	keys     heldKeys // changed only by SetSecrets
	signing  signing
	provider fosite.OAuth2Provider
	grants   *grants
	pages    *pages.Pages
	base     string // the issuer's path
	cors     *cors.Cors
	crossing *http.CrossOriginProtection
	posted   chan struct{} // holds one: there is mail to send
	log      *slog.Logger
}

// New validates cfg and returns a server ready for use.
func New(cfg Config, st *store.Store) (*Server, error) {
	u, err := url.Parse(cfg.Issuer)
	if err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http") || u.RawQuery != "" || u.Fragment != "" ||
		u.User != nil || strings.HasSuffix(cfg.Issuer, "/") || strings.ContainsAny(cfg.Issuer, "?#") {
		return nil, errors.New("issuer: want https://host[:port][/path] without a slash at the end (RFC 8414 §2)")
	}
	if err := cfg.fillLives(); err != nil {
		return nil, err
	}
	if err := checkProviders(cfg.Providers); err != nil {
		return nil, err
	}
	if key, problem := cfg.Mail.Check(); key != "" {
		return nil, fmt.Errorf("%s: %s", key, problem)
	}
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	cfg.AccountAudiences = append(slices.Clone(cfg.AccountAudiences), cfg.Issuer)
	if cfg.RotateKeysEvery != 0 && cfg.RotateKeysEvery < MinKeyRotation {
		return nil, fmt.Errorf("keys: rotate them every %v at the most often", MinKeyRotation)
	}
	s := &Server{cfg: cfg, store: st, log: cfg.Log}
	if err := s.SetSecrets(cfg.Secrets); err != nil {
		return nil, err
	}
	s.signing.store, s.signing.keys, s.signing.log = st, &s.keys, s.log
	cfg.Pages.Base = u.Path
	rendered, err := pages.New(cfg.Pages)
	if err != nil {
		return nil, fmt.Errorf("pages.%w", err)
	}
	s.pages, s.base, s.crossing, s.posted = rendered, u.Path, http.NewCrossOriginProtection(), make(chan struct{}, 1)
	if err := s.crossing.AddTrustedOrigin(u.Scheme + "://" + u.Host); err != nil {
		return nil, err
	}
	s.cors = s.newCORS()
	s.newProvider()
	return s, nil
}

// fillLives puts the defaults in the place of lifetimes that are not given.
func (c *Config) fillLives() error {
	for _, d := range []struct {
		value     *time.Duration
		otherwise time.Duration
	}{
		{&c.SessionLife.Idle, 7 * 24 * time.Hour}, {&c.SessionLife.Absolute, 30 * 24 * time.Hour},
		{&c.AccessTokenLife, 15 * time.Minute}, {&c.RefreshTokenLife, 30 * 24 * time.Hour}, {&c.GrantLife, 90 * 24 * time.Hour},
	} {
		if *d.value == 0 {
			*d.value = d.otherwise
		}
		if *d.value < 0 {
			return errors.New("a lifetime is above zero")
		}
	}
	return nil
}

// checkProviders refuses two of one name or issuer: a person's key would be
// whichever comes first.
func checkProviders(list []social.Provider) error {
	seen := map[string]bool{}
	for _, p := range list {
		for _, name := range append([]string{p.Name()}, p.Issuers()...) {
			if seen[name] {
				return fmt.Errorf("providers: %s stands for two", name)
			}
			seen[name] = true
		}
	}
	return nil
}

// newProvider composes fosite. Every field that fosite would fill in at the
// first request is set here, before there is one: its getters race.
func (s *Server) newProvider() {
	cfg := &fosite.Config{
		AccessTokenLifespan:          s.cfg.AccessTokenLife,
		RefreshTokenLifespan:         s.cfg.RefreshTokenLife,
		ScopeStrategy:                fosite.ExactScopeStrategy,
		AudienceMatchingStrategy:     fosite.ExactAudienceMatchingStrategy,
		RefreshTokenScopes:           []string{},
		ClientSecretsHasher:          &fosite.BCrypt{Config: &fosite.Config{HashCost: fosite.DefaultBCryptWorkFactor}}, // never asked
		JWKSFetcherStrategy:          fosite.NewDefaultJWKSFetcherStrategy(),
		ClientAuthenticationStrategy: s.clientStrategy,
		TokenURL:                     s.cfg.Issuer + "/oauth2/token",
		EnforcePKCE:                  true,
		EnforcePKCEForPublicClients:  true,
	}
	s.grants = &grants{Server: s}
	s.grants.handlers = map[string]grantHandler{
		store.GrantAuthorizationCode: {TokenEndpointHandler: codeGrant{s.grants}, continues: true},
		store.GrantPassword:          {TokenEndpointHandler: passwordGrant{s.grants}},
		store.GrantRefreshToken:      {TokenEndpointHandler: refreshGrant{s.grants}, continues: true},
		store.GrantClientCredentials: {TokenEndpointHandler: clientCredentials{&oauth2.ClientCredentialsGrantHandler{
			HandleHelper: &oauth2.HandleHelper{AccessTokenStrategy: accessStrategy{&s.keys}, AccessTokenStorage: s.store, Config: cfg},
			Config:       cfg,
		}}},
		store.GrantTokenExchange: {TokenEndpointHandler: exchangeGrant{s.grants}, continues: true},
	}
	cfg.TokenEndpointHandlers = fosite.TokenEndpointHandlers{s.grants}
	s.provider = fosite.NewOAuth2Provider(s.store, cfg)
}

// route is one line of the table below.
type route struct {
	path    string
	methods string // as the Allow header writes them
	handler http.HandlerFunc
	kind    routeKind
}

// routeKind says who comes to a route, and so what the edge does for it.
type routeKind int

const (
	forScripts   routeKind = iota + 1 // scripts of a client's origin may call it, by CORS
	forEverybody                      // scripts of any origin may read it
	aPage                             // a person comes, whose forms are of this server alone
	aRedirect                         // a person comes, sent by another site
)

// Handler is everything the public listener serves.
func (s *Server) Handler() http.Handler {
	base := s.base
	routes := []route{
		{base + "/oauth2/authorize", "GET, POST", s.authorize, aRedirect}, // a HEAD would give a code,
		{base + "/oauth2/token", "POST", s.token, forScripts},
		{base + "/oauth2/introspect", "POST", s.introspect, 0},
		{base + "/oauth2/revoke", "POST", s.revoke, forScripts},
		{base + "/oauth2/userinfo", "GET, HEAD, POST", s.userinfo, forScripts},
		{base + "/signin", "GET, HEAD, POST", s.signIn, aPage},
		{base + "/signup", "GET, HEAD, POST", s.signUp, aPage},
		{base + "/verify", "GET, HEAD, POST", s.verifyAddress, aPage},
		{base + "/forgot", "GET, HEAD, POST", s.forgot, aPage},
		{base + "/reset", "GET, HEAD, POST", s.reset, aPage},
		{base + "/signin/{provider}", "GET, HEAD", s.signInAt, aPage},
		{base + "/signin/{provider}/callback", "GET, POST", s.signInCallback, aRedirect},
		{base + "/link", "GET, HEAD, POST", s.linkPage, aPage},
		{base + "/consent", "POST", s.consent, aPage},
		{base + "/account/verify-email", "POST", s.sendVerification, aPage},
		{base + "/assets/{name}", "GET, HEAD", s.pages.Assets().ServeHTTP, 0},
		{base + "/oauth2/logout", "GET, POST", s.logout, aRedirect}, // a HEAD would sign out too
		{base + "/", "GET, HEAD", s.home, aPage},
		{base + "/account", "GET, HEAD", s.accountPage, aPage},
		{base + "/account/password", "GET, HEAD, POST", s.passwordPage, aPage},
		{base + "/account/end-session", "POST", s.endSessionForm, aPage},
		{base + "/account/link", "POST", s.linkForm, aPage},
		{base + "/account/unlink", "POST", s.unlinkForm, aPage},
		{base + "/account/revoke-application", "POST", s.revokeApplicationForm, aPage},
		{base + "/account/sessions", "GET, HEAD, DELETE", s.sessions, forScripts},
		{base + "/account/sessions/{id}", "DELETE", s.endSession, forScripts},
		{base + "/account/consents", "GET, HEAD", s.consents, forScripts},
		{base + "/account/consents/{client_id}", "DELETE", s.withdrawConsent, forScripts},
		{base + "/account/identities", "GET, HEAD, POST", s.identities, forScripts},
		{base + "/account/identities/{id}", "DELETE", s.unlinkIdentity, forScripts},
		{base + "/providers/{provider}/deauthorize", "POST", s.deauthorize, 0},
		{base + "/.well-known/openid-configuration", "GET, HEAD", s.serverMetadata, forEverybody},
		{"/.well-known/oauth-authorization-server" + base, "GET, HEAD", s.serverMetadata, forEverybody},
		{base + "/.well-known/jwks.json", "GET, HEAD", s.jwks, forEverybody},
		{"/livez", "GET, HEAD", s.livez, 0},
		{"/readyz", "GET, HEAD", s.readyz, 0},
	}
	m := mux.NewRouter().UseEncodedPath().SkipClean(true)
	for _, r := range routes {
		m.Handle(r.path, s.edge(r))
	}
	m.NotFoundHandler = s.edge(route{path: "(unknown)", handler: s.notFound})
	return m
}

// notFound answers where there is nothing: browsers by a page.
func (s *Server) notFound(w http.ResponseWriter, r *http.Request) {
	w.Header().Add("Vary", "Accept")
	if strings.Contains(r.Header.Get("Accept"), "text/html") {
		s.failPage(w, r, errNoPage())
		return
	}
	writeJSON(w, http.StatusNotFound, map[string]string{
		"error": "not_found", "error_description": "There is nothing here. See /.well-known/oauth-authorization-server" + s.base + "."})
}
