package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"gatehouse/store"
)

// accountJSON is an account as operators see it.
type accountJSON struct {
	ID            string     `json:"id"`
	Email         string     `json:"email"`
	EmailVerified bool       `json:"email_verified"`
	EmailState    string     `json:"email_state"`
	Username      string     `json:"username"`
	FirstName     string     `json:"first_name"`
	LastName      string     `json:"last_name"`
	IsActive      bool       `json:"is_active"`
	IsStaff       bool       `json:"is_staff"`
	IsSuperuser   bool       `json:"is_superuser"`
	LastLoginAt   *time.Time `json:"last_login_at"`
	CreatedAt     time.Time  `json:"created_at"`
}

func accountOf(a store.Account) accountJSON {
	return accountJSON{a.ID, a.Email, a.EmailState == store.EmailProven, a.EmailState, a.Username, a.FirstName, a.LastName,
		a.IsActive, a.IsStaff, a.IsSuperuser, a.LastLoginAt, a.CreatedAt}
}

func newAccounts(o *options) *cobra.Command {
	cmd := &cobra.Command{Use: "accounts", Short: "Make and look after accounts"}
	cmd.AddCommand(
		newCreateAccount(o, "create", "Make an account; the password is asked for, or read from standard input", (*store.Store).CreateUser),
		newCreateAccount(o, "create-superuser", "Make an account that may use the console", (*store.Store).CreateSuperuser),
		newListAccounts(o),
		accountCommand(o, "deactivate", "End an account's sign-ins and refuse new ones", (*store.Store).Deactivate),
		accountCommand(o, "reactivate", "Let an account sign in again", (*store.Store).Reactivate),
		accountCommand(o, "verify-email", "Mark an account's address as proven", (*store.Store).MarkEmailProven),
		newSetPassword(o),
		newListSessions(o),
		newEndSessions(o),
	)
	return cmd
}

func newCreateAccount(o *options, use, short string, create func(*store.Store, context.Context, store.NewAccount) (*store.Account, error)) *cobra.Command {
	var n store.NewAccount
	var proven bool
	cmd := &cobra.Command{Use: use, Short: short, Args: cobra.NoArgs,
		RunE: o.withStore(func(ctx context.Context, cmd *cobra.Command, st *store.Store, _ []string) (err error) {
			if n.Password, err = readSecret(cmd, "password", true); err != nil {
				return err
			}
			if proven {
				n.EmailState = store.EmailProven
			}
			a, err := create(st, ctx, n)
			if err != nil {
				return fmt.Errorf("account %s: %w", n.Email, err)
			}
			if err := st.Audit(ctx, actorCLI, "account.create", a.ID, store.Succeeded, map[string]any{"superuser": a.IsSuperuser}); err != nil {
				return err
			}
			return o.print(cmd, accountOf(*a), func(w io.Writer) error {
				_, err := fmt.Fprintln(w, a.ID)
				return err
			})
		})}
	f := cmd.Flags()
	f.StringVar(&n.Email, "email", "", "address to sign in with")
	f.StringVar(&n.Username, "username", "", "name shown to others")
	f.StringVar(&n.FirstName, "first-name", "", "first name")
	f.StringVar(&n.LastName, "last-name", "", "last name; optional")
	f.BoolVar(&proven, "email-verified", false, "the address is known to be theirs")
	return cmd
}

func newListAccounts(o *options) *cobra.Command {
	var prefix string
	cmd := &cobra.Command{Use: "list", Short: "List accounts, oldest first", Args: cobra.NoArgs,
		RunE: o.withStore(func(ctx context.Context, cmd *cobra.Command, st *store.Store, _ []string) error {
			all := []accountJSON{}
			for cursor := ""; ; {
				page, next, err := st.Accounts(ctx, prefix, cursor, 200)
				if err != nil {
					return err
				}
				for _, a := range page {
					all = append(all, accountOf(a))
				}
				if cursor = next; next == "" {
					break
				}
			}
			return o.print(cmd, list[accountJSON]{Items: all}, func(w io.Writer) error {
				t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
				fmt.Fprintln(t, "ID\tEMAIL\tSTATE\tACTIVE\tSUPERUSER")
				for _, a := range all {
					fmt.Fprintf(t, "%s\t%s\t%s\t%t\t%t\n", a.ID, a.Email, a.EmailState, a.IsActive, a.IsSuperuser)
				}
				return t.Flush()
			})
		})}
	cmd.Flags().StringVar(&prefix, "email", "", "only addresses that begin with this")
	return cmd
}

// findAccount takes an id or an e-mail.
func findAccount(ctx context.Context, st *store.Store, name string) (*store.Account, error) {
	a, err := st.Account(ctx, name)
	if err == store.ErrNotFound {
		a, err = st.AccountByEmail(ctx, name)
	}
	if err != nil {
		return nil, fmt.Errorf("account %s: %w", name, err)
	}
	return a, nil
}

// accountCommand is a change that needs no more than the account.
func accountCommand(o *options, use, short string, change func(*store.Store, context.Context, string) error) *cobra.Command {
	return &cobra.Command{Use: use + " EMAIL|ID", Short: short, Args: cobra.ExactArgs(1),
		RunE: o.withStore(func(ctx context.Context, _ *cobra.Command, st *store.Store, args []string) error {
			a, err := findAccount(ctx, st, args[0])
			if err != nil {
				return err
			}
			return recorded(ctx, st, "account."+strings.ReplaceAll(use, "-", "_"), a.ID, nil, func() error { return change(st, ctx, a.ID) })
		})}
}

func newSetPassword(o *options) *cobra.Command {
	return &cobra.Command{Use: "set-password EMAIL|ID", Short: "Set a password and end the account's sign-ins", Args: cobra.ExactArgs(1),
		RunE: o.withStore(func(ctx context.Context, cmd *cobra.Command, st *store.Store, args []string) error {
			a, err := findAccount(ctx, st, args[0])
			if err != nil {
				return err
			}
			password, err := readSecret(cmd, "password", true)
			if err != nil {
				return err
			}
			return recorded(ctx, st, "account.set_password", a.ID, nil, func() error { return st.SetPassword(ctx, a.ID, password) })
		})}
}
