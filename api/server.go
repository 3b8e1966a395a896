package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humamux"
	"github.com/gorilla/mux"

	"gatehouse/api/introspect"
	"gatehouse/store"
)

// Config says how a Server behaves.
type Config struct {
	// Issuer is the authorization server, asked at {Issuer}/oauth2/introspect,
	// {Issuer}/oauth2/token and {Issuer}/account/identities; an address that only
	// this machine can reach will do. https, or http on loopback. Required.
	Issuer string

	// ClientID and ClientSecret are the API's own, for introspection; required.
	// The client should have introspect_all: only then is it told which grant a
	// token is of, which a change of password lets live on.
	ClientID     string
	ClientSecret string

	// Audience is what a token must be for (aud). Required.
	Audience string

	// SignInClientID and SignInClientSecret are the client by which POST /accounts
	// signs the new user in: first_party, with the password grant, and
	// trusted_forwarder if sign-ins are to be limited by the user's own address.
	// Empty: nobody is signed in.
	SignInClientID     string
	SignInClientSecret string

	// DRF serves the wire of the Django service that Gatehouse replaces, at
	// /api-auth/ and /admin/. DRFClientID and DRFClientSecret are then required:
	// the client by which create/ signs the new user in, like the one above. For
	// revoke-token the client of ClientID needs introspect_all.
	DRF             bool
	DRFClientID     string
	DRFClientSecret string
	DRFAll          string // "public": all/ needs no token, and so tells every e-mail to everybody

	AccountsOpen   bool           // GET /accounts needs no token; it tells every e-mail
	Origins        []string       // web origins allowed besides those of clients
	Limits         store.Limits   // SignUp, and the two of passwords for the old one at a change
	TrustedProxies []netip.Prefix // whose X-Forwarded-For is believed
	HTTPClient     *http.Client   // to the authorization server; default: one that keeps its connections
	Log            *slog.Logger   // default slog.Default()
}

// Server is the resource API. It is safe for concurrent use.
type Server struct {
	cfg      Config
	store    *store.Store
	checker  *introspect.Checker
	router   *mux.Router
	huma     huma.API
	signIns  *signIns    // nil: nobody is signed in
	outgoing http.Client // to the authorization server, as the user
	proof    proof
	spec     []byte // what /openapi.json answers
	handler  http.Handler
	log      *slog.Logger
}

// New validates cfg and returns a server ready for use. It calls nobody.
func New(cfg Config, st *store.Store) (*Server, error) {
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	cfg.Issuer = strings.TrimSuffix(cfg.Issuer, "/")
	for _, origin := range cfg.Origins {
		if !store.ValidOrigin(origin) {
			return nil, fmt.Errorf("api: Origins: want scheme://host[:port], not %q", origin)
		}
	}
	if (cfg.SignInClientID == "") != (cfg.SignInClientSecret == "") {
		return nil, errors.New("api: SignInClientID and SignInClientSecret belong together")
	}
	if err := checkDRF(cfg); err != nil {
		return nil, err
	}
	s := &Server{cfg: cfg, store: st, log: cfg.Log, signIns: newSignIns(cfg), outgoing: newOutgoing(cfg), proof: newProof(cfg)}
	var err error
	s.checker, err = introspect.New(introspect.Config{
		Endpoint:     cfg.Issuer + "/oauth2/introspect",
		ClientID:     cfg.ClientID,
		ClientSecret: cfg.ClientSecret,
		Audience:     cfg.Audience,
		Realm:        realm,
		Now:          st.Now,
		HTTPClient:   cfg.HTTPClient,
		Fail:         s.failToken,
		Log:          slog.New(slog.DiscardHandler), // our own event tells it, once
	})
	if err != nil {
		return nil, fmt.Errorf("api: %w", err)
	}
	s.router = mux.NewRouter().UseEncodedPath().SkipClean(true)
	s.huma = humamux.New(s.router, s.humaConfig())
	s.routes()
	if s.spec, err = json.Marshal(s.huma.OpenAPI()); err != nil {
		return nil, fmt.Errorf("api: write openapi.json: %w", err)
	}
	s.handler = s.edge(s.router)
	return s, nil
}

// Handler serves the whole API.
func (s *Server) Handler() http.Handler { return s.handler }

func (s *Server) routes() {
	lister := access{scopes: []string{"accounts:read"}, optional: s.cfg.AccountsOpen}
	reader := access{scopes: []string{"read"}, account: true}
	writer := access{scopes: []string{"write"}, account: true, ours: true}
	person := access{scopes: []string{"write"}, account: true, inPerson: true, ours: true}

	handle(s, "POST", "/accounts", 201, anyone, "create-account", "Sign up", s.createAccount)
	handle(s, "GET", "/accounts", 200, lister, "list-accounts", "List accounts, oldest first", s.listAccounts)
	handle(s, "GET", "/accounts/me", 200, reader, "show-me", "Show my account", s.showMe)
	handle(s, "PATCH", "/accounts/me", 200, writer, "update-me", "Change my names", s.updateMe)
	handle(s, "DELETE", "/accounts/me", 204, person, "delete-me", "Delete my account and end its sign-ins", s.deleteMe)
	handle(s, "POST", "/accounts/me/password", 204, person, "change-my-password", "Change my password and end my other sign-ins", s.changePassword)
	handle(s, "GET", "/accounts/me/identities", 200, reader, "list-my-identities", "List how I sign in besides my password", s.listIdentities, 429)
	handle(s, "POST", "/accounts/me/identities", 201, person, "link-identity", "Sign in with this provider's account too", s.linkIdentity, 200)
	handle(s, "DELETE", "/accounts/me/identities/{id}", 204, person, "unlink-identity", "Sign in with that no longer, and end its sign-ins", s.unlinkIdentity, 404, 409, 429)

	s.router.HandleFunc("/openapi.json", s.openAPI).Methods("GET")
	s.router.HandleFunc("/livez", s.livez).Methods("GET")
	s.router.HandleFunc("/readyz", s.readyz).Methods("GET")

	s.router.Use(nameRoute, s.checkQuery)
	s.router.NotFoundHandler = http.HandlerFunc(s.notFound)
	s.router.MethodNotAllowedHandler = http.HandlerFunc(s.methodNotAllowed)
}
