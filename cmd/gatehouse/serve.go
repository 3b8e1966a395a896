package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"sync"

	"github.com/spf13/cobra"

	"gatehouse/api"
	"gatehouse/authz"
	"gatehouse/authz/admin"
	"gatehouse/social"
	"gatehouse/store"
)

func newServe(o *options) *cobra.Command {
	var migrate, withAPI bool
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run the authorization server, for production",
		Long: `Run the authorization server, for production: the public and the operators'
listener, and with --api the resource API in the same process.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := o.load(cmd)
			if err != nil {
				return err
			}
			if err := c.checkProduction(); err != nil {
				return err
			}
			if withAPI {
				if err := c.checkAPI(); err != nil {
					return err
				}
			}
			return serve(cmd.Context(), c, migrate, withAPI)
		},
	}
	cmd.Flags().BoolVar(&migrate, "migrate", false, "bring the database's schema up to this build's first")
	cmd.Flags().BoolVar(&withAPI, "api", false, "serve the resource API too")
	addKeyFlags(cmd)
	return cmd
}

func newAPI(o *options) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "api",
		Short: "Run the resource API, for production",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := o.load(cmd)
			if err != nil {
				return err
			}
			if err := c.checkAPI(); err != nil {
				return err
			}
			if strings.HasPrefix(c.DatabaseURL, "sqlite:") {
				return c.wrong("database.url", "one process owns a SQLite file: run gatehouse serve --api")
			}
			p := &process{cfg: c, log: c.logger(os.Stderr)}
			return p.run(cmd.Context(), false, p.api())
		},
	}
	addKeyFlags(cmd)
	return cmd
}

func serve(ctx context.Context, c Config, migrate, withAPI bool) error {
	p := &process{cfg: c, log: c.logger(os.Stderr)}
	parts := []part{p.public(), p.admin()}
	if withAPI {
		parts = append(parts, p.api())
	}
	return p.run(ctx, migrate, parts...)
}

// process is what serve, api and dev run: listeners on one store.
type process struct {
	cfg       Config
	log       *slog.Logger
	cert      *certificate // nil: plain HTTP
	store     *store.Store
	urls      map[string]string // of the listeners by key; written only by open
	providers []social.Provider // in the order of cfg.Providers; written only by publicHandler
	authz     *authz.Server
}

// part is one listener and what makes its handler, which is called in the
// order of the parts once all of them listen: each may know where the others are.
type part struct {
	key, addr string
	handler   func() (http.Handler, error)
}

func (p *process) public() part { return part{"public.addr", p.cfg.PublicAddr, p.publicHandler} }
func (p *process) admin() part  { return part{"admin.addr", p.cfg.AdminAddr, p.adminHandler} }
func (p *process) api() part    { return part{"api.addr", p.cfg.APIAddr, p.apiHandler} }

// run opens the store and every listener, serves until ctx ends, and closes
// the store when the last request has been answered.
func (p *process) run(ctx context.Context, migrate bool, parts ...part) error {
	if err := p.openStore(ctx, migrate); err != nil {
		return err
	}
	defer p.store.Close()
	if dev, err := p.store.IsDev(ctx); err != nil {
		return fmt.Errorf("read the database: %w", err)
	} else if dev {
		return p.cfg.wrong("database.url", "this database was made by gatehouse dev, whose passwords have been on a screen")
	}
	if p.cfg.TLSCert != "" {
		var err error
		if p.cert, err = newCertificate(p.cfg.TLSCert, p.cfg.TLSKey, p.log); err != nil {
			return err
		}
	}
	sites, err := p.open(ctx, parts)
	if err != nil {
		return err
	}
	return p.serve(ctx, servers{Log: p.log}, sites)
}

// open opens all listeners or none, and makes what answers on them. What was
// left to the addresses in the configuration is filled in between.
func (p *process) open(ctx context.Context, parts []part) (sites []site, err error) {
	defer func() {
		if err != nil {
			closeAll(sites)
		}
	}()
	p.urls = make(map[string]string)
	for _, part := range parts {
		l, err := listen(ctx, part.key, part.addr, p.cert)
		if err != nil {
			return sites, err
		}
		sites = append(sites, site{listener: l})
		p.urls[part.key] = l.url()
	}
	p.cfg.Issuer = cmp.Or(p.cfg.Issuer, p.urls["public.addr"]) // in dev alone
	p.cfg.API.Audience = cmp.Or(p.cfg.API.Audience, p.urls["api.addr"])
	for i, part := range parts {
		sites[i].http1 = part.key == "api.addr" && p.cfg.API.DRF // old frontends look for the reason phrase
		if sites[i].handler, err = part.handler(); err != nil {
			return sites, err
		}
	}
	return sites, nil
}

func closeAll(sites []site) {
	for _, s := range sites {
		s.close()
	}
}

// serve answers until ctx ends. Beside it goes on what is the authorization
// server's alone: its jobs, the store's upkeep, as it knows the grace of refresh
// tokens, and a look at the file of the system secrets.
func (p *process) serve(ctx context.Context, s servers, sites []site) error {
	if p.authz == nil {
		return s.serve(ctx, sites...)
	}
	upkeep, stop := context.WithCancel(ctx)
	var beside sync.WaitGroup
	beside.Go(func() { p.store.RunUpkeep(upkeep) })
	beside.Go(func() { p.authz.Run(upkeep) })
	if p.cfg.SecretsFile != "" {
		f := &secretsFollower{path: p.cfg.SecretsFile, set: p.authz.SetSecrets, log: p.log, inForce: p.cfg.Secrets}
		beside.Go(func() { f.run(upkeep) })
	}
	defer func() { stop(); beside.Wait() }()
	return s.serve(ctx, sites...)
}

func (p *process) openStore(ctx context.Context, migrate bool) error {
	hasher := store.HasherConfig{Worker: startHashWorker}
	if len(p.cfg.Secrets) > 0 { // the API has none, and checks no unknown account
		hasher.DummyKey = authz.DeriveKey(p.cfg.Secrets[0], "dummy")
	}
	st, err := store.Open(ctx, store.Config{
		URL: p.cfg.DatabaseURL, Exclusive: true, RefreshGrace: p.cfg.RefreshGrace, Log: p.log,
		Hasher: store.NewHasher(hasher),
	})
	if err != nil {
		return p.cfg.wrong("database.url", err.Error())
	}
	if migrate {
		_, err = st.MigrateUp(ctx)
	} else if err = st.CheckSchema(ctx); errors.Is(err, store.ErrSchemaBehind) {
		err = fmt.Errorf("%w, or start with --migrate", err)
	}
	if err != nil {
		return errors.Join(err, st.Close())
	}
	p.store = st
	return nil
}

// limits are the configured ones.
func (p *process) limits() store.Limits {
	return store.Limits{
		PasswordAccount: store.Limit{Max: p.cfg.Limits.PasswordAccount, Window: passwordWindow},
		PasswordAddress: store.Limit{Max: p.cfg.Limits.PasswordAddress, Window: passwordWindow},
		Forms:           store.Limit{Max: p.cfg.Limits.Forms, Window: formWindow},
		SignUp:          store.Limit{Max: p.cfg.Limits.SignUp, Window: signUpWindow},
		Mails:           store.Limit{Max: p.cfg.Limits.Mails, Window: mailWindow},
	}
}

func (p *process) publicHandler() (http.Handler, error) {
	var err error
	if p.providers, err = p.cfg.newProviders(p.log); err != nil {
		return nil, err
	}
	var audiences []string
	if p.cfg.API.Audience != "" {
		audiences = []string{p.cfg.API.Audience}
	}
	cfg := authz.Config{
		Issuer: p.cfg.Issuer, Secrets: p.cfg.Secrets, RotateKeysEvery: p.cfg.RotateKeysEvery, SessionLife: p.cfg.Sessions,
		Limits: p.limits(), Origins: p.cfg.CORSOrigins,
		TrustedProxies: p.cfg.TrustedProxies, Providers: p.providers, AccountAudiences: audiences, Mail: p.cfg.Mail, Log: p.log,
	}
	cfg.Pages.Name, cfg.Pages.Accent, cfg.Pages.AccentDark = p.cfg.Pages.Name, p.cfg.Pages.Accent, p.cfg.Pages.AccentDark
	if p.cfg.Pages.Logo != "" {
		if cfg.Pages.Logo, err = os.ReadFile(p.cfg.Pages.Logo); err != nil {
			return nil, p.cfg.wrong("pages.logo", err.Error())
		}
	}
	if p.authz, err = authz.New(cfg, p.store); err != nil {
		return nil, err
	}
	return p.authz.Handler(), nil
}

// adminHandler comes after publicHandler, whose tokens it takes.
func (p *process) adminHandler() (http.Handler, error) {
	s, err := admin.New(admin.Config{Issuer: p.cfg.Issuer, Check: p.checkOperator, Providers: p.providerStatus, Log: p.log}, p.store)
	if err != nil {
		return nil, err
	}
	return s.Handler(), nil
}

// checkOperator reads the Bearer token of an admin request (RFC 6750 §2.1) and
// lets the authorization server judge it.
func (p *process) checkOperator(r *http.Request) (admin.Actor, error) {
	headers := r.Header.Values("Authorization")
	if len(headers) == 0 {
		return admin.Actor{}, admin.ErrNoToken
	}
	scheme, token, _ := strings.Cut(headers[0], " ")
	if len(headers) > 1 {
		return admin.Actor{}, admin.ErrBadToken
	}
	if !strings.EqualFold(scheme, "Bearer") {
		return admin.Actor{}, admin.ErrNoToken
	}
	client, err := p.authz.CheckOperator(r.Context(), token)
	switch {
	case errors.Is(err, authz.ErrNotActive):
		return admin.Actor{}, admin.ErrBadToken
	case errors.Is(err, authz.ErrNotOperator):
		return admin.Actor{}, admin.ErrForbidden
	case err != nil:
		return admin.Actor{}, err
	}
	return admin.Actor{ClientID: client}, nil
}

func (p *process) apiHandler() (http.Handler, error) {
	if c, err := p.store.ReadClient(context.Background(), p.cfg.API.ClientID); err == nil && !c.TrustedForwarder && p.cfg.Limits.PasswordAddress > 0 {
		p.log.Warn("sign-ins through the API count as from one address: make its client a trusted_forwarder", "client", c.ID)
	}
	s, err := api.New(api.Config{
		Issuer: p.cfg.apiIssuer(), ClientID: p.cfg.API.ClientID, ClientSecret: p.cfg.API.ClientSecret, Audience: p.cfg.API.Audience,
		SignInClientID: p.cfg.API.SignInID, SignInClientSecret: p.cfg.API.SignInSecret, AccountsOpen: p.cfg.API.AccountsOpen,
		DRF: p.cfg.API.DRF, DRFClientID: p.cfg.API.DRFID, DRFClientSecret: p.cfg.API.DRFSecret, DRFAll: p.cfg.API.DRFAll,
		Origins: p.cfg.CORSOrigins, Limits: p.limits(), TrustedProxies: p.cfg.TrustedProxies, Log: p.log,
	}, p.store)
	if err != nil {
		return nil, err
	}
	return s.Handler(), nil
}
