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
	Issuer           string        // the https URL clients know us by (RFC 8414 §2); required
	Secrets          [][]byte      // system secrets of at least 32 bytes, the current one first; required
	AccessTokenLife  time.Duration // default 15m; a client may have its own
	RefreshTokenLife time.Duration // default 30 days, sliding; likewise
	GrantLife        time.Duration // default 90 days, absolute; likewise
	Limits           store.Limits  // of failed sign-ins
	Origins          []string      // web origins allowed besides those of clients
	TrustedProxies   []netip.Prefix
	Providers        []social.Provider // whose tokens can be exchanged
	AccountAudiences []string          // besides the issuer: a token for one of these may look after its account at /account
	Pages            pages.Config      // how the pages look; Base is the issuer's path
	Log              *slog.Logger      // default slog.Default()
}

// Server is the authorization server. It is safe for concurrent use.
type Server struct {
	cfg      Config
	store    *store.Store
	keys     keyring
	provider fosite.OAuth2Provider
	grants   *grants
	pages    *pages.Pages
	cors     *cors.Cors
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
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	cfg.AccountAudiences = append(slices.Clone(cfg.AccountAudiences), cfg.Issuer)
	keys, err := newKeyring(cfg.Secrets)
	if err != nil {
		return nil, err
	}
	cfg.Pages.Base = u.Path
	look, err := pages.New(cfg.Pages)
	if err != nil {
		return nil, fmt.Errorf("pages.%w", err)
	}
	s := &Server{cfg: cfg, store: st, keys: keys, pages: look, log: cfg.Log}
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
		{&c.AccessTokenLife, 15 * time.Minute}, {&c.RefreshTokenLife, 30 * 24 * time.Hour}, {&c.GrantLife, 90 * 24 * time.Hour},
	} {
		if *d.value == 0 {
			*d.value = d.otherwise
		}
		if *d.value < 0 {
			return errors.New("a token's lifetime is above zero")
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
		store.GrantPassword:     {TokenEndpointHandler: passwordGrant{s.grants}},
		store.GrantRefreshToken: {TokenEndpointHandler: refreshGrant{s.grants}, continues: true},
		store.GrantClientCredentials: {TokenEndpointHandler: clientCredentials{&oauth2.ClientCredentialsGrantHandler{
			HandleHelper: &oauth2.HandleHelper{AccessTokenStrategy: accessStrategy{s.keys}, AccessTokenStorage: s.store, Config: cfg},
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
	cors    bool // pages of a client's origin may call it
}

// Handler is everything the public listener serves.
func (s *Server) Handler() http.Handler {
	u, _ := url.Parse(s.cfg.Issuer) // New has
	base := u.Path
	routes := []route{
		{base + "/oauth2/token", "POST", s.token, true},
		{base + "/oauth2/introspect", "POST", s.introspect, false},
		{base + "/oauth2/revoke", "POST", s.revoke, true},
		{base + "/account/identities", "GET, HEAD, POST", s.identities, true},
		{base + "/account/identities/{id}", "DELETE", s.unlinkIdentity, true},
		{base + "/providers/{provider}/deauthorize", "POST", s.deauthorize, false},
		{"/.well-known/oauth-authorization-server" + base, "GET, HEAD", s.serverMetadata, false},
		{base + "/assets/{name}", "GET, HEAD", s.pages.Assets().ServeHTTP, false},
		{"/livez", "GET, HEAD", s.livez, false},
		{"/readyz", "GET, HEAD", s.readyz, false},
	}
	m := mux.NewRouter().UseEncodedPath().SkipClean(true)
	for _, r := range routes {
		m.Handle(r.path, s.edge(r))
	}
	m.NotFoundHandler = s.edge(route{path: "(unknown)", handler: s.notFound})
	return m
}

func (s *Server) notFound(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusNotFound, map[string]string{
		"error": "not_found", "error_description": "There is nothing here. See /.well-known/oauth-authorization-server."})
}
