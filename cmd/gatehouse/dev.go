package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"gatehouse/store"
)

// devDefaults stand in for limits that would only be in the way of one
// developer on one address.
var devDefaults = map[string]string{"limits.password_address": "0", "limits.sign_up": "0"}

func newDev(o *options) *cobra.Command {
	var readyFile string
	var noDemo bool
	cmd := &cobra.Command{
		Use:   "dev",
		Short: "Run everything on this machine, with a demo client and a demo user",
		Long: `Run everything on this machine, on SQLite, with clients, a user and a superuser
to try it with. What it makes stays in a folder (--data, default .gatehouse),
so that a second start finds it again. It answers loopback addresses only.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if o.data == "" {
				o.data = ".gatehouse"
			}
			d, err := openDevData(o.data)
			if err != nil {
				return err
			}
			c, err := o.load(cmd)
			if err != nil {
				return err
			}
			p := &devProcess{process: process{cfg: c, log: c.logger(os.Stderr)}, data: d, readyFile: readyFile}
			return p.run(cmd)
		},
	}
	cmd.Flags().StringVar(&readyFile, "ready-file", "", "write addresses, clients and passwords to this file once everything answers")
	cmd.Flags().BoolVar(&noDemo, "no-demo", false, "leave out the demo frontend")
	addKeyFlags(cmd)
	return cmd
}

// devCredentials are what a folder of gatehouse dev has: random, made once.
type devCredentials struct {
	Clients   map[string]devClient `json:"clients"`
	User      devUser              `json:"user"`
	Superuser devUser              `json:"superuser"`
}

type devClient struct {
	ID     string `json:"id"`
	Secret string `json:"secret,omitempty"`
}

type devUser struct {
	Email     string `json:"email"`
	Username  string `json:"username,omitempty"`
	FirstName string `json:"first_name,omitempty"`
	Password  string `json:"password"`
}

// devReady is the ready file: where everything is, for programs.
type devReady struct {
	Issuer string `json:"issuer"`
	Admin  string `json:"admin"`
	API    string `json:"api"`
	devCredentials
}

// devData is the folder.
type devData struct {
	dir string
	devCredentials
}

// openDevData makes the folder, its system secret and its credentials, or
// finds them again.
func openDevData(dir string) (*devData, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	if err := os.Chmod(dir, 0o700); err != nil { // it may have been there
		return nil, err
	}
	if _, err := os.Stat(filepath.Join(dir, "secrets")); errors.Is(err, fs.ErrNotExist) {
		if err := writeWhole(filepath.Join(dir, "secrets"), []byte(rand.Text()+rand.Text()+"\n")); err != nil {
			return nil, err
		}
	}
	d := &devData{dir: dir}
	path := filepath.Join(dir, "dev.json")
	text, err := os.ReadFile(path)
	if err == nil {
		if err := json.Unmarshal(text, &d.devCredentials); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		return d, nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	d.devCredentials = devCredentials{
		Clients:   map[string]devClient{"spa": {ID: "spa"}},
		User:      devUser{"demo@example.com", "demo", "Demo", rand.Text()[:16]},
		Superuser: devUser{"admin@example.com", "admin", "Admin", rand.Text()[:16]},
	}
	for _, id := range []string{"web", "tutorial", "resource", "service", "operator"} {
		d.Clients[id] = devClient{id, rand.Text() + rand.Text()}
	}
	if text, err = json.MarshalIndent(d.devCredentials, "", "  "); err != nil {
		return nil, err
	}
	return d, writeWhole(path, text)
}

// writeWhole writes a private file so that nobody ever reads half of it.
func writeWhole(path string, text []byte) error {
	part, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*") // 0600
	if err != nil {
		return err
	}
	_, err = part.Write(text)
	if err = errors.Join(err, part.Close()); err == nil {
		err = os.Rename(part.Name(), path)
	}
	if err != nil {
		os.Remove(part.Name())
	}
	return err
}

// devProcess is gatehouse dev while it runs.
type devProcess struct {
	process
	data      *devData
	readyFile string
}

func (p *devProcess) run(cmd *cobra.Command) error {
	ctx := cmd.Context()
	for _, k := range p.cfg.keys() {
		if value, ok := devDefaults[k.name]; ok && p.cfg.from[k.name] == "default" {
			if err := k.set(value); err != nil {
				return err
			}
		}
	}
	for name, addr := range map[string]string{"public.addr": p.cfg.PublicAddr, "admin.addr": p.cfg.AdminAddr, "api.addr": p.cfg.APIAddr} {
		if host, _, _ := net.SplitHostPort(addr); !isLoopback(host) {
			return p.cfg.wrong(name, "gatehouse dev listens on loopback addresses only")
		}
	}
	if p.cfg.TLSCert != "" {
		return p.cfg.wrong("tls.cert", "gatehouse dev speaks plain HTTP, on loopback addresses")
	}
	if err := p.openStore(ctx, true); err != nil {
		return err
	}
	defer p.store.Close()
	if p.readyFile != "" { // from here on no other run has this folder
		if err := os.Remove(p.readyFile); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err // what an earlier run left would be taken for this one's
		}
	}
	resource, web := p.data.Clients["resource"], p.data.Clients["web"]
	p.cfg.API.ClientID, p.cfg.API.ClientSecret = resource.ID, resource.Secret
	p.cfg.API.SignInID, p.cfg.API.SignInSecret = web.ID, web.Secret
	tutorial := p.data.Clients["tutorial"]
	p.cfg.API.DRF, p.cfg.API.DRFID, p.cfg.API.DRFSecret, p.cfg.API.DRFAll = true, tutorial.ID, tutorial.Secret, "public"
	sites, err := makeSites(ctx, []siteMaker{p.publicSite, p.adminSite, p.apiSite})
	if err != nil {
		return err
	}
	for i, at := range sites {
		sites[i].handler = requireLoopbackHost(at.port(), at.handler)
	}
	ready := devReady{sites[0].url(), sites[1].url(), sites[2].url(), p.data.devCredentials}
	if p.cfg.Issuer != "" {
		ready.Issuer = p.cfg.Issuer
	}
	if err := p.seed(ctx); err != nil {
		for _, at := range sites {
			at.close()
		}
		return fmt.Errorf("prepare the demo: %w", err)
	}
	if p.readyFile != "" {
		defer os.Remove(p.readyFile)
	}
	return p.serve(ctx, servers{Log: p.log, Ready: func() { p.announce(cmd, ready) }}, sites)
}

// announce says on the screen what to type next, and in the ready file where
// everything is.
func (p *devProcess) announce(cmd *cobra.Command, ready devReady) {
	web, user := ready.Clients["web"], ready.User
	fmt.Fprintf(cmd.OutOrStdout(), `
Gatehouse runs for development. Its data is in %s.

  authorization server  %s
  operators             %s
  resource API          %s

  user       %s  password %s
  superuser  %s  password %s

Get a token:

  curl -s %s/oauth2/token -u %s:%s -d grant_type=password -d username=%s -d password=%s

and use it:

  curl -s %s/accounts/me -H "Authorization: Bearer ACCESS_TOKEN"

`, p.data.dir, ready.Issuer, ready.Admin, ready.API, user.Email, user.Password, ready.Superuser.Email, ready.Superuser.Password,
		ready.Issuer, web.ID, web.Secret, user.Email, user.Password, ready.API)
	if p.readyFile == "" {
		return
	}
	text, err := json.MarshalIndent(ready, "", "  ")
	if err == nil {
		err = writeWhole(p.readyFile, append(text, '\n'))
	}
	if err != nil {
		p.log.Error("write the ready file", "err", err)
	}
}

// seed brings the clients and the two people of the folder up to date.
func (p *devProcess) seed(ctx context.Context) error {
	if err := p.store.MarkDev(ctx); err != nil {
		return err
	}
	for _, want := range devClients(p.cfg.API.Audience) {
		err := p.seedClient(ctx, want)
		if err != nil {
			return fmt.Errorf("client %s: %w", want.ID, err)
		}
	}
	for _, u := range []struct {
		devUser
		create func(context.Context, store.NewAccount) (*store.Account, error)
	}{{p.data.User, p.store.CreateUser}, {p.data.Superuser, p.store.CreateSuperuser}} {
		_, err := u.create(ctx, store.NewAccount{Email: u.Email, Username: u.Username, FirstName: u.FirstName,
			Password: u.Password, EmailState: store.EmailProven})
		if err != nil && !errors.Is(err, store.ErrExists) {
			return fmt.Errorf("account %s: %w", u.Email, err)
		}
	}
	return nil
}

func (p *devProcess) seedClient(ctx context.Context, want store.Client) error {
	_, err := p.store.UpdateClient(ctx, want.ID, func(c *store.Client) error {
		want.CreatedAt, want.DisabledAt = c.CreatedAt, c.DisabledAt
		*c = want
		return nil
	})
	if errors.Is(err, store.ErrNotFound) {
		_, err = p.store.CreateClient(ctx, &want, p.data.Clients[want.ID].Secret)
	}
	return err
}

// devClients are one client of each kind.
func devClients(audience string) []store.Client {
	all := store.Words{"read", "write", "accounts:read"}
	readWrite := store.Words{"read", "write"}
	api := store.Words{audience}
	sessions := store.Words{store.GrantPassword, store.GrantRefreshToken}
	origins := store.Words{"http://127.0.0.1:3000", "http://localhost:3000"}
	return []store.Client{
		{ID: "web", Name: "Web application", Type: store.Confidential, GrantTypes: sessions, Scope: all, DefaultScope: readWrite,
			Audience: api, Origins: origins, FirstParty: true, RotateRefresh: true},
		{ID: "spa", Name: "Single-page application", Type: store.Public, GrantTypes: sessions, Scope: all, DefaultScope: readWrite,
			Audience: api, Origins: origins, FirstParty: true, RotateRefresh: true},
		{ID: "tutorial", Name: "The tutorial's frontend", Type: store.Confidential, ExposedSecret: true, GrantTypes: sessions,
			Scope: readWrite, DefaultScope: readWrite, Audience: api, Origins: origins, FirstParty: true, RotateRefresh: true,
			AccessTokenLifetime: 36000},
		{ID: "resource", Name: "Resource API", Type: store.Confidential, Audience: api, IntrospectAll: true, RotateRefresh: true},
		{ID: "service", Name: "Backend service", Type: store.Confidential, GrantTypes: store.Words{store.GrantClientCredentials},
			Scope: all, DefaultScope: readWrite, Audience: api, RotateRefresh: true},
		{ID: "operator", Name: "Operator", Type: store.Confidential, Operator: true, RotateRefresh: true,
			GrantTypes: store.Words{store.GrantClientCredentials}, Scope: store.Words{store.ScopeAdmin}},
	}
}
