package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"gatehouse/authz/admin"
	"gatehouse/social"
)

func newProviders(o *options) *cobra.Command {
	cmd := &cobra.Command{Use: "providers", Short: "List and check the social providers that are configured"}
	cmd.AddCommand(newListProviders(o), newCheckProviders(o))
	for _, sub := range cmd.Commands() {
		addKeyFlags(sub, "public.addr", "stub.google.addr", "stub.facebook.addr")
	}
	return cmd
}

// providerJSON is a provider as operators see it: without its secret.
type providerJSON struct {
	Name      string   `json:"name"`
	Kind      string   `json:"kind"`
	Issuers   []string `json:"issuers"`
	Audiences []string `json:"audiences"`
	SignUp    string   `json:"sign_up"`
	AutoLink  bool     `json:"auto_link"`
	Redirect  string   `json:"redirect_uri,omitempty"` // to be registered there; absent: no sign-in by redirect, or no issuer yet
	Problem   string   `json:"problem,omitempty"`      // why serve would refuse it
}

func newListProviders(o *options) *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "List the providers, asking nobody",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := o.loadProviders(cmd)
			if err != nil {
				return err
			}
			rows := make([]providerJSON, len(c.Providers))
			for i, cfg := range c.Providers {
				rows[i] = providerJSON{Name: cfg.Name, Kind: kindOf(cfg), Issuers: []string{}, Audiences: audiencesOf(cfg),
					SignUp: cmp.Or(cfg.Policy.SignUp, social.SignUpOpen), AutoLink: cfg.Policy.AutoLink}
				if p, err := c.newProvider(cfg, slog.New(slog.DiscardHandler)); err != nil {
					rows[i].Problem = err.Error()
				} else {
					rows[i].Issuers = p.Issuers()
					if p.Redirects() && c.Issuer != "" {
						rows[i].Redirect = c.Issuer + "/signin/" + p.Name() + "/callback"
					}
				}
			}
			return o.print(cmd, list[providerJSON]{Items: rows}, func(w io.Writer) error {
				t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
				fmt.Fprintln(t, "NAME\tKIND\tAUDIENCES\tSIGN-UP\tAUTO-LINK\tPROBLEM")
				for _, r := range rows {
					fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%t\t%s\n", r.Name, r.Kind, strings.Join(r.Audiences, ", "), r.SignUp, r.AutoLink, cmp.Or(r.Problem, "none"))
				}
				return t.Flush()
			})
		},
	}
}

// checkJSON is what a check of one provider came to.
type checkJSON struct {
	Name    string `json:"name"`
	OK      bool   `json:"ok"`
	Problem string `json:"problem,omitempty"`
}

func newCheckProviders(o *options) *cobra.Command {
	return &cobra.Command{
		Use:   "check [NAME…]",
		Short: "Fetch the providers' keys and try our credentials there (exit code 1 if anything is wrong)",
		Long: `Fetch the providers' keys and try our credentials there (exit code 1 if
anything is wrong). It needs no database and no running server. Whether a
provider knows our redirect URI shows only when somebody signs in.

With --data it checks the stand-ins of a gatehouse dev that runs on that
folder; one that listens elsewhere than by default needs the same --stub-… flags.`,
		RunE: func(cmd *cobra.Command, names []string) error {
			c, err := o.loadProviders(cmd)
			if err != nil {
				return err
			}
			if err := c.keepProviders(names); err != nil {
				return err
			}
			rows, failed := make([]checkJSON, len(c.Providers)), 0
			for i, cfg := range c.Providers {
				rows[i] = c.checkProvider(cmd.Context(), cfg)
				if !rows[i].OK {
					failed++
				}
			}
			err = o.print(cmd, list[checkJSON]{Items: rows}, func(w io.Writer) error {
				t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
				for _, r := range rows {
					fmt.Fprintf(t, "%s\t%s\n", r.Name, cmp.Or(r.Problem, "ok"))
				}
				return t.Flush()
			})
			if err == nil && failed > 0 {
				err = fmt.Errorf("of %d providers %d will not work", len(rows), failed)
			}
			return err
		},
	}
}

// loadProviders reads the configuration, with the stand-ins of --data.
func (o *options) loadProviders(cmd *cobra.Command) (Config, error) {
	c, err := o.load(cmd)
	if err != nil || o.data == "" {
		return c, err
	}
	d, err := readDevData(o.data)
	if err != nil {
		return c, err
	}
	if _, port, _ := net.SplitHostPort(c.PublicAddr); c.Issuer == "" && port != "0" {
		c.Issuer = "http://" + c.PublicAddr // as gatehouse dev has it
	}
	return c, c.addStandIns(d)
}

// keepProviders leaves those that are named, or all. None at all is refused: a
// check of nothing would look like success.
func (c *Config) keepProviders(names []string) error {
	if len(c.Providers) == 0 {
		return errors.New("no providers are configured")
	}
	for _, name := range names {
		if !c.hasProvider(name) {
			return usageError{fmt.Errorf("there is no provider %s", name)}
		}
	}
	if len(names) > 0 {
		c.Providers = slices.DeleteFunc(slices.Clone(c.Providers), func(p social.Config) bool { return !slices.Contains(names, p.Name) })
	}
	return nil
}

func (c Config) checkProvider(ctx context.Context, cfg social.Config) checkJSON {
	p, err := c.newProvider(cfg, slog.New(slog.DiscardHandler))
	if err == nil {
		err = p.Check(ctx)
	}
	if err != nil {
		return checkJSON{Name: cfg.Name, Problem: strings.ReplaceAll(err.Error(), "\n", "; ")}
	}
	return checkJSON{Name: cfg.Name, OK: true}
}

// kindOf and audiencesOf are as social completes them.
func kindOf(cfg social.Config) string { return cmp.Or(cfg.Kind, cfg.Name) }

func audiencesOf(cfg social.Config) []string {
	all := append([]string{}, cfg.Audiences...)
	if cfg.ClientID != "" && !slices.Contains(all, cfg.ClientID) {
		all = append(all, cfg.ClientID)
	}
	return all
}

// providerStatus is what the operators' listener tells of the providers.
func (p *process) providerStatus() []admin.ProviderStatus {
	all := make([]admin.ProviderStatus, len(p.providers))
	for i, made := range p.providers {
		cfg, policy, health := p.cfg.Providers[i], made.Policy(), made.Health()
		all[i] = admin.ProviderStatus{
			Name: made.Name(), Kind: kindOf(cfg), Issuers: made.Issuers(), Audiences: audiencesOf(cfg),
			SignUp: policy.SignUp, AutoLink: policy.AutoLink,
			Health: admin.ProviderHealth{State: health.State, LastSuccess: unlessZero(health.LastSuccess), KeysRead: unlessZero(health.KeysRead)},
		}
		if health.LastError != "" {
			all[i].Health.LastError = &health.LastError
		}
	}
	return all
}

func unlessZero(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC().Truncate(time.Microsecond) // as all times of ours
	return &t
}
