package admin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humamux"
	"github.com/gorilla/mux"

	"gatehouse/store"
)

// What Config.Check answers when nobody may act; anything else means that it
// could not find out.
var (
	ErrNoToken   = errors.New("no access token")
	ErrBadToken  = errors.New("not an active access token")
	ErrForbidden = errors.New("not an operator's token")
)

// Actor is who acts: a client, and the person it acts for if there is one.
type Actor struct {
	ClientID  string
	AccountID string // empty for a client that acts for itself
}

// String is what the audit trail calls the actor.
func (a Actor) String() string {
	if a.AccountID != "" {
		return a.AccountID
	}
	return a.ClientID
}

// Config says how a Server behaves.
type Config struct {
	Issuer string       // the URL that the OpenAPI document sends readers to for a token; required
	Log    *slog.Logger // default slog.Default()

	// Check says who acts: the client of the request's Bearer token, which has
	// the scope admin and the audience {issuer}/admin, and is marked operator
	// still. Errors: ErrNoToken and ErrBadToken (401), ErrForbidden (403);
	// any other is answered 503. Required.
	Check func(*http.Request) (Actor, error)

	// Providers says which social providers there are and how they are, without
	// their secrets. Nil: there are none.
	Providers func() []ProviderStatus
}

// Server answers the operators.
type Server struct {
	cfg     Config
	store   *store.Store
	log     *slog.Logger
	router  *mux.Router
	allowed []allowed // by path, for 405
	openapi []byte
}

// allowed is one path of the route table with the methods it has.
type allowed struct {
	path    *regexp.Regexp
	methods []string
}

// New returns a server ready for use.
func New(cfg Config, st *store.Store) (*Server, error) {
	if u, err := url.Parse(cfg.Issuer); err != nil || u.Scheme == "" || u.Host == "" {
		return nil, fmt.Errorf("admin: issuer %q is not a URL", cfg.Issuer)
	}
	if cfg.Check == nil || st == nil {
		return nil, errors.New("admin: a token check and a store are required")
	}
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	s := &Server{cfg: cfg, store: st, log: cfg.Log}
	s.router = mux.NewRouter().UseEncodedPath().SkipClean(true)
	s.router.NotFoundHandler = http.HandlerFunc(s.notFound)
	s.router.MethodNotAllowedHandler = http.HandlerFunc(s.methodNotAllowed)
	s.router.Path("/admin/openapi.json").Methods(http.MethodGet).HandlerFunc(s.document)

	api := humamux.New(s.router, s.apiConfig(), humamux.WithRouteCustomizer(func(_ *huma.Operation, r *mux.Route) {
		r.Handler(s.guard(r.GetHandler()))
	}))
	s.routes(api)
	doc := api.OpenAPI()
	delete(doc.Components.Schemas.Map()["ErrorDetail"].Properties, "value") // see withoutValues
	var err error
	if s.openapi, err = json.Marshal(doc); err != nil {
		return nil, fmt.Errorf("admin: write the OpenAPI document: %w", err)
	}
	return s, s.listAllowed()
}

// Handler serves /admin/. Nothing that cleans paths, such as http.ServeMux,
// may stand before it for the ids that it would change; no such id exists.
func (s *Server) Handler() http.Handler { return http.HandlerFunc(s.serve) }

// routes is the route table.
func (s *Server) routes(api huma.API) {
	add(api, s, "GET", "/admin/clients", "listClients", "List clients by id", s.listClients)
	add(api, s, "POST", "/admin/clients", "createClient", "Register a client; its secret is shown only now", s.createClient)
	add(api, s, "GET", "/admin/clients/{id}", "readClient", "Show a client", s.readClient)
	add(api, s, "PATCH", "/admin/clients/{id}", "updateClient", "Change the members given; disabling ends every sign-in of the client", s.updateClient)
	add(api, s, "DELETE", "/admin/clients/{id}", "deleteClient", "Delete a client and end every sign-in of it", s.deleteClient)
	add(api, s, "POST", "/admin/clients/{id}/secrets", "addSecret", "Add a secret, shown only now; of three the oldest ends", s.addSecret)
	add(api, s, "DELETE", "/admin/clients/{id}/secrets/{sid}", "dropSecret", "End a secret", s.dropSecret)

	add(api, s, "GET", "/admin/accounts", "listAccounts", "List accounts, oldest first", s.listAccounts)
	add(api, s, "POST", "/admin/accounts", "createAccount", "Make an account that can sign in", s.createAccount)
	add(api, s, "GET", "/admin/accounts/{id}", "readAccount", "Show an account", s.readAccount)
	add(api, s, "PATCH", "/admin/accounts/{id}", "updateAccount", "Change the members given; a new password or deactivation ends every sign-in", s.updateAccount)
	add(api, s, "GET", "/admin/accounts/{id}/grants", "listGrants", "List an account's live sign-ins, newest first", s.listGrants)
	add(api, s, "DELETE", "/admin/accounts/{id}/grants", "revokeGrants", "End every sign-in of an account", s.revokeGrants)
	add(api, s, "DELETE", "/admin/accounts/{id}/grants/{gid}", "revokeGrant", "End one sign-in with all that descends from it", s.revokeGrant)
	add(api, s, "GET", "/admin/accounts/{id}/sessions", "listSessions", "List the browsers that an account is signed in with, the last used first", s.listSessions)
	add(api, s, "DELETE", "/admin/accounts/{id}/sessions", "endSessions", "Sign an account out of every browser; what may go on offline does", s.endSessions)
	add(api, s, "DELETE", "/admin/accounts/{id}/sessions/{session}", "endSession", "Sign an account out of one browser", s.endSession)
	add(api, s, "GET", "/admin/accounts/{id}/consents", "listConsents", "List what an account allowed clients, by client", s.listConsents)
	add(api, s, "DELETE", "/admin/accounts/{id}/consents/{client_id}", "withdrawConsent", "Withdraw what an account allowed a client, and end what the client has of it", s.withdrawConsent)

	add(api, s, "GET", "/admin/providers", "listProviders", "List the social providers, and how this process finds them", s.listProviders)

	add(api, s, "GET", "/admin/audit", "listAudit", "List what was changed, newest first", s.listAudit)
}

// Outputs of the handlers.
type (
	answer[T any] struct{ Body T }

	created[T any] struct {
		Location string `header:"Location" doc:"Where it is to be found"`
		Body     T
	}

	nothing struct{}

	page[T any] struct {
		Items      []T     `json:"items" nullable:"false"`
		NextCursor *string `json:"next_cursor" doc:"Pass it as cursor for the next page; null on the last"`
	}
)

func pageOf[Row, T any](rows []Row, next string, show func(Row) T) *answer[page[T]] {
	p := page[T]{Items: make([]T, len(rows))}
	if next != "" {
		p.NextCursor = &next
	}
	for i, row := range rows {
		p.Items[i] = show(row)
	}
	return &answer[page[T]]{p}
}

// add registers one row of the route table. A POST answers 201, what has no
// body 204.
func add[I, O any](api huma.API, s *Server, method, path, id, summary string, handle func(context.Context, *I) (*O, error)) {
	op := huma.Operation{
		Method: method, Path: path, OperationID: id, Summary: summary,
		Tags:     []string{strings.Split(path, "/")[2]},
		Errors:   []int{400, 401, 403, 503},
		Security: []map[string][]string{{"operator": {store.ScopeAdmin}}},
	}
	if method == http.MethodPost {
		op.DefaultStatus = http.StatusCreated
	}
	if strings.Contains(path, "{id}") {
		op.Errors = append(op.Errors, 404)
	}
	if method != http.MethodGet {
		op.Errors = append(op.Errors, 409)
	}
	if hasBody(method) {
		op.Errors = append(op.Errors, 413, 415)
	}
	huma.Register(api, op, func(ctx context.Context, in *I) (*O, error) {
		out, err := handle(ctx, in)
		if err != nil {
			return nil, problemOf(ctx, err)
		}
		return out, nil
	})
}

func hasBody(method string) bool {
	return method == http.MethodPost || method == http.MethodPatch
}

// apiConfig is huma's, without what it adds by itself: schema links, pages of
// documentation, other formats than JSON, values quoted in errors.
func (s *Server) apiConfig() huma.Config {
	c := huma.DefaultConfig("Gatehouse admin API", "1")
	c.Info.Description = "For operators. A list is read page by page: pass next_cursor as cursor until there is none. " +
		"In a PATCH an absent member stays as it is. Every change is in the audit trail."
	c.Components.SecuritySchemes = map[string]*huma.SecurityScheme{"operator": {
		Type:        "oauth2",
		Description: "A token with the audience " + s.cfg.Issuer + "/admin, of a client marked operator.",
		Flows: &huma.OAuthFlows{ClientCredentials: &huma.OAuthFlow{
			TokenURL: s.cfg.Issuer + "/oauth2/token",
			Scopes:   map[string]string{store.ScopeAdmin: "Everything here"},
		}},
	}}
	c.CreateHooks = nil
	c.OpenAPIPath, c.DocsPath, c.SchemasPath = "", "", ""
	c.Formats = map[string]huma.Format{"application/json": huma.DefaultJSONFormat, "application/problem+json": huma.DefaultJSONFormat}
	c.RejectUnknownQueryParameters = true
	c.Transformers = []huma.Transformer{withoutValues}
	return c
}

// document serves GET /admin/openapi.json, to anyone: it holds nothing that
// the source does not.
func (s *Server) document(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/openapi+json")
	w.Write(s.openapi)
}

// listAllowed notes which methods each path has, as mux does not tell a 405
// handler.
func (s *Server) listAllowed() error {
	return s.router.Walk(func(route *mux.Route, _ *mux.Router, _ []*mux.Route) error {
		pattern, err := route.GetPathRegexp()
		if err != nil {
			return err
		}
		methods, err := route.GetMethods()
		if err != nil {
			return err
		}
		i := slices.IndexFunc(s.allowed, func(a allowed) bool { return a.path.String() == pattern })
		if i < 0 {
			path, err := regexp.Compile(pattern)
			if err != nil {
				return err
			}
			i, s.allowed = len(s.allowed), append(s.allowed, allowed{path: path})
		}
		s.allowed[i].methods = append(s.allowed[i].methods, methods...)
		if slices.Contains(methods, http.MethodGet) {
			s.allowed[i].methods = append(s.allowed[i].methods, http.MethodHead)
		}
		return nil
	})
}
