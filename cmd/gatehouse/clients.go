package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"gatehouse/store"
)

func newClients(o *options) *cobra.Command {
	cmd := &cobra.Command{Use: "clients", Short: "Register and look after clients"}
	cmd.AddCommand(newCreateClient(o), newListClients(o), newShowClient(o), newUpdateClient(o), newDeleteClient(o), newAddSecret(o), newDropSecret(o))
	return cmd
}

// clientJSON is a client as operators see it (RFC 7591 §2).
type clientJSON struct {
	ClientID                 string   `json:"client_id"`
	ClientSecret             string   `json:"client_secret,omitempty"` // only when it was just made
	ClientName               string   `json:"client_name"`
	Type                     string   `json:"type"`
	TokenEndpointAuthMethod  string   `json:"token_endpoint_auth_method"`
	RedirectURIs             []string `json:"redirect_uris"`
	PostLogoutRedirectURIs   []string `json:"post_logout_redirect_uris"`
	IDTokenSignedResponseAlg string   `json:"id_token_signed_response_alg"`
	GrantTypes               []string `json:"grant_types"`
	Scope                    string   `json:"scope"`
	DefaultScope             string   `json:"default_scope"`
	Audience                 []string `json:"audience"`
	Origins                  []string `json:"origins"`
	AccessTokenLifetime      int64    `json:"access_token_lifetime"`
	RefreshTokenLifetime     int64    `json:"refresh_token_lifetime"`
	GrantLifetime            int64    `json:"grant_lifetime"`
	Providers                []string `json:"providers"`
	ProviderAudiences        []string `json:"provider_audiences"`
	ExchangeAudiences        []string `json:"exchange_audiences"`
	FirstParty               bool     `json:"first_party"`
	Operator                 bool     `json:"operator"`
	IntrospectAll            bool     `json:"introspect_all"`
	ExposedSecret            bool     `json:"exposed_secret"`
	Native                   bool     `json:"native"`
	TrustedForwarder         bool     `json:"trusted_forwarder"`
	RotateRefresh            bool     `json:"rotate_refresh"`
	Impersonate              bool     `json:"impersonate"`
	Disabled                 bool     `json:"disabled"`
	Secrets                  []secret `json:"secrets"`
}

type secret struct {
	ID        string    `json:"id"`
	CreatedAt time.Time `json:"created_at"`
}

func clientOf(c *store.Client, shown string) clientJSON {
	j := clientJSON{c.ID, shown, c.Name, c.Type, c.TokenEndpointAuthMethod, listed(c.RedirectURIs), listed(c.PostLogoutRedirectURIs),
		c.IDTokenSignedResponseAlg, listed(c.GrantTypes), c.Scope.String(), c.DefaultScope.String(), listed(c.Audience), listed(c.Origins), c.AccessTokenLifetime, c.RefreshTokenLifetime, c.GrantLifetime,
		listed(c.Providers), listed(c.ProviderAudiences), listed(c.ExchangeAudiences), c.FirstParty, c.Operator, c.IntrospectAll,
		c.ExposedSecret, c.Native, c.TrustedForwarder, c.RotateRefresh, c.Impersonate, c.DisabledAt != nil, []secret{}}
	for _, s := range c.Secrets {
		j.Secrets = append(j.Secrets, secret{s.ID, s.CreatedAt})
	}
	return j
}

func listed(w store.Words) []string { return append([]string{}, w...) }

// clientFlags binds a flag to each field of c; set applies those that were
// given to another client.
func clientFlags(f *pflag.FlagSet, c *store.Client) (set func(*store.Client)) {
	apply := map[string]func(*store.Client){}
	text := func(name, usage string, field func(*store.Client) *string) {
		f.StringVar(field(c), name, *field(c), usage)
		apply[name] = func(to *store.Client) { *field(to) = *field(c) }
	}
	list := func(name, usage string, field func(*store.Client) *store.Words) {
		v := f.String(name, "", usage)
		apply[name] = func(to *store.Client) { *field(to) = store.ParseWords(strings.ReplaceAll(*v, ",", " ")) }
	}
	flag := func(name, usage string, field func(*store.Client) *bool) {
		f.BoolVar(field(c), name, *field(c), usage)
		apply[name] = func(to *store.Client) { *field(to) = *field(c) }
	}
	life := func(name, usage string, field func(*store.Client) *int64) {
		v := f.Duration(name, 0, usage)
		apply[name] = func(to *store.Client) { *field(to) = int64(*v / time.Second) }
	}
	text("name", "what people are shown", func(c *store.Client) *string { return &c.Name })
	text("type", "confidential or public", func(c *store.Client) *string { return &c.Type })
	text("token-endpoint-auth-method", "client_secret_basic, client_secret_post or none", func(c *store.Client) *string { return &c.TokenEndpointAuthMethod })
	list("redirect-uris", "redirect URIs, by commas", func(c *store.Client) *store.Words { return &c.RedirectURIs })
	list("post-logout-redirect-uris", "where people may be sent who signed out, by commas", func(c *store.Client) *store.Words { return &c.PostLogoutRedirectURIs })
	text("id-token-signed-response-alg", "RS256 or ES256", func(c *store.Client) *string { return &c.IDTokenSignedResponseAlg })
	list("grant-types", "grants it may use, by commas: "+store.GrantTypes.String(), func(c *store.Client) *store.Words { return &c.GrantTypes })
	list("scope", "scopes it may ask for, by blanks", func(c *store.Client) *store.Words { return &c.Scope })
	list("default-scope", "scopes it gets when it asks for none", func(c *store.Client) *store.Words { return &c.DefaultScope })
	list("audience", "what its tokens are for, and as a resource server what it is", func(c *store.Client) *store.Words { return &c.Audience })
	list("origins", "web origins of its pages, by commas", func(c *store.Client) *store.Words { return &c.Origins })
	list("providers", "social providers whose tokens it may bring", func(c *store.Client) *store.Words { return &c.Providers })
	list("provider-audiences", "audiences accepted in them", func(c *store.Client) *store.Words { return &c.ProviderAudiences })
	list("exchange-audiences", "audiences it may exchange a token of ours for", func(c *store.Client) *store.Words { return &c.ExchangeAudiences })
	life("access-token-lifetime", "0: the server's default", func(c *store.Client) *int64 { return &c.AccessTokenLifetime })
	life("refresh-token-lifetime", "sliding; 0: the server's default", func(c *store.Client) *int64 { return &c.RefreshTokenLifetime })
	life("grant-lifetime", "absolute; 0: the server's default", func(c *store.Client) *int64 { return &c.GrantLifetime })
	flag("first-party", "may use the password grant, and at https addresses needs no consent", func(c *store.Client) *bool { return &c.FirstParty })
	flag("operator", "may get the scope admin", func(c *store.Client) *bool { return &c.Operator })
	flag("introspect-all", "sees every access token", func(c *store.Client) *bool { return &c.IntrospectAll })
	flag("exposed-secret", "its secret is in a frontend", func(c *store.Client) *bool { return &c.ExposedSecret })
	flag("native", "an app on its user's device", func(c *store.Client) *bool { return &c.Native })
	flag("trusted-forwarder", "its X-Forwarded-For is believed", func(c *store.Client) *bool { return &c.TrustedForwarder })
	flag("rotate-refresh", "a refresh token is spent by its use", func(c *store.Client) *bool { return &c.RotateRefresh })
	flag("impersonate", "may exchange a token without becoming its actor", func(c *store.Client) *bool { return &c.Impersonate })
	return func(to *store.Client) {
		f.Visit(func(given *pflag.Flag) {
			if do, ok := apply[given.Name]; ok {
				do(to)
			}
		})
	}
}

func newCreateClient(o *options) *cobra.Command {
	c := store.Client{Type: store.Confidential, RotateRefresh: true}
	var fromInput bool
	cmd := &cobra.Command{Use: "create [ID]", Short: "Register a client; its secret is shown only now", Args: cobra.MaximumNArgs(1),
		Long: "Register a client; its secret is shown only now.\n\nWith --operator and no grants it is one for the admin API: client_credentials, scope admin."}
	set := clientFlags(cmd.Flags(), &c)
	cmd.Flags().BoolVar(&fromInput, "secret-stdin", false, "take the secret from standard input instead of making one")
	cmd.RunE = o.withStore(func(ctx context.Context, cmd *cobra.Command, st *store.Store, args []string) (err error) {
		set(&c)
		if len(args) == 1 {
			c.ID = args[0]
		}
		if c.Operator && len(c.GrantTypes) == 0 && len(c.Scope) == 0 {
			c.GrantTypes, c.Scope = store.Words{store.GrantClientCredentials}, store.Words{store.ScopeAdmin}
		}
		given := ""
		if fromInput {
			if given, err = readSecret(cmd, "secret", true); err != nil {
				return err
			}
		}
		shown, err := st.CreateClient(ctx, &c, given)
		if err != nil {
			return fmt.Errorf("client %s: %w", c.ID, err)
		}
		if err := st.Audit(ctx, actorCLI, "client.create", c.ID, store.Succeeded, map[string]any{"operator": c.Operator}); err != nil {
			return err
		}
		return o.print(cmd, clientOf(&c, shown), func(w io.Writer) error {
			_, err := fmt.Fprintf(w, "client_id      %s\nclient_secret  %s\n", c.ID, shown)
			return err
		})
	})
	return cmd
}

func newListClients(o *options) *cobra.Command {
	return &cobra.Command{Use: "list", Short: "List clients by id", Args: cobra.NoArgs,
		RunE: o.withStore(func(ctx context.Context, cmd *cobra.Command, st *store.Store, _ []string) error {
			all := []clientJSON{}
			for cursor := ""; ; {
				page, next, err := st.Clients(ctx, cursor, 200)
				if err != nil {
					return err
				}
				for i := range page {
					all = append(all, clientOf(&page[i], ""))
				}
				if cursor = next; next == "" {
					break
				}
			}
			return o.print(cmd, list[clientJSON]{Items: all}, func(w io.Writer) error {
				t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
				fmt.Fprintln(t, "ID\tTYPE\tGRANTS\tSCOPE\tDISABLED")
				for _, c := range all {
					fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%t\n", c.ClientID, c.Type, strings.Join(c.GrantTypes, " "), c.Scope, c.Disabled)
				}
				return t.Flush()
			})
		})}
}

func newShowClient(o *options) *cobra.Command {
	return &cobra.Command{Use: "show ID", Short: "Show a client", Args: cobra.ExactArgs(1),
		RunE: o.withStore(func(ctx context.Context, cmd *cobra.Command, st *store.Store, args []string) error {
			c, err := st.ReadClient(ctx, args[0])
			if err != nil {
				return fmt.Errorf("client %s: %w", args[0], err)
			}
			shape := clientOf(c, "")
			o.format = "json" // a client has too many members for a line
			return o.print(cmd, shape, nil)
		})}
}

func newUpdateClient(o *options) *cobra.Command {
	var template store.Client
	var disabled bool
	cmd := &cobra.Command{Use: "update ID", Short: "Change what the flags name", Args: cobra.ExactArgs(1)}
	set := clientFlags(cmd.Flags(), &template)
	cmd.Flags().BoolVar(&disabled, "disabled", false, "refuse the client and end its sign-ins; =false brings none back")
	cmd.RunE = o.withStore(func(ctx context.Context, cmd *cobra.Command, st *store.Store, args []string) error {
		given := map[string]string{}
		cmd.LocalNonPersistentFlags().Visit(func(f *pflag.Flag) { given[f.Name] = f.Value.String() })
		err := recorded(ctx, st, "client.update", args[0], map[string]any{"set": given}, func() error {
			_, err := st.UpdateClient(ctx, args[0], func(c *store.Client) error { set(c); return nil })
			return err
		})
		if err == nil && cmd.Flags().Changed("disabled") {
			action := map[bool]string{true: "client.disable", false: "client.enable"}[disabled]
			err = recorded(ctx, st, action, args[0], nil, func() error { return st.DisableClient(ctx, args[0], disabled) })
		}
		if err != nil {
			return fmt.Errorf("client %s: %w", args[0], err)
		}
		return nil
	})
	return cmd
}

func newDeleteClient(o *options) *cobra.Command {
	var yes bool
	cmd := &cobra.Command{Use: "delete ID", Short: "Delete a client and end its sign-ins", Args: cobra.ExactArgs(1),
		RunE: o.withStore(func(ctx context.Context, _ *cobra.Command, st *store.Store, args []string) error {
			if !yes {
				return usageError{errors.New("this ends every sign-in of the client: say --yes")}
			}
			return recorded(ctx, st, "client.delete", args[0], nil, func() error { return st.DeleteClient(ctx, args[0]) })
		})}
	cmd.Flags().BoolVar(&yes, "yes", false, "really")
	return cmd
}

func newAddSecret(o *options) *cobra.Command {
	return &cobra.Command{Use: "add-secret ID", Short: "Add a secret, shown only now; of three the oldest ends", Args: cobra.ExactArgs(1),
		RunE: o.withStore(func(ctx context.Context, cmd *cobra.Command, st *store.Store, args []string) error {
			row, shown, err := st.AddSecret(ctx, args[0])
			if err != nil {
				return fmt.Errorf("client %s: %w", args[0], err)
			}
			if err := st.Audit(ctx, actorCLI, "client.add_secret", args[0], store.Succeeded, map[string]any{"secret_id": row.ID}); err != nil {
				return err
			}
			answer := map[string]string{"id": row.ID, "client_id": args[0], "client_secret": shown}
			return o.print(cmd, answer, func(w io.Writer) error {
				_, err := fmt.Fprintf(w, "id             %s\nclient_secret  %s\n", row.ID, shown)
				return err
			})
		})}
}

func newDropSecret(o *options) *cobra.Command {
	return &cobra.Command{Use: "drop-secret ID SECRET-ID", Short: "End a secret", Args: cobra.ExactArgs(2),
		RunE: o.withStore(func(ctx context.Context, _ *cobra.Command, st *store.Store, args []string) error {
			return recorded(ctx, st, "client.drop_secret", args[0], map[string]any{"secret_id": args[1]}, func() error {
				if err := st.DropSecret(ctx, args[0], args[1]); err != nil {
					return fmt.Errorf("secret %s of client %s: %w", args[1], args[0], err)
				}
				return nil
			})
		})}
}
