package main

import (
	"context"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"gatehouse/authz/admin"
	"gatehouse/store"
)

func newListSessions(o *options) *cobra.Command {
	return &cobra.Command{Use: "sessions EMAIL|ID", Short: "List the browsers that an account is signed in with, the last used first", Args: cobra.ExactArgs(1),
		RunE: o.withStore(func(ctx context.Context, cmd *cobra.Command, st *store.Store, args []string) error {
			a, err := findAccount(ctx, st, args[0])
			if err != nil {
				return err
			}
			rows, err := st.LoginSessions(ctx, a.ID)
			if err != nil {
				return err
			}
			all := make([]admin.Session, len(rows))
			for i, l := range rows {
				all[i] = admin.ShowSession(l)
			}
			return o.print(cmd, list[admin.Session]{Items: all}, func(w io.Writer) error {
				t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
				fmt.Fprintln(t, "ID\tADDRESS\tSIGNED IN\tLAST SEEN\tBROWSER")
				for _, l := range all {
					fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\n", l.ID, l.Address, l.AuthTime.Format(time.RFC3339), l.LastSeenAt.Format(time.RFC3339), printable(l.UserAgent))
				}
				return t.Flush()
			})
		})}
}

func newEndSessions(o *options) *cobra.Command {
	return &cobra.Command{Use: "end-sessions EMAIL|ID", Short: "Sign an account out of every browser; what may go on offline does", Args: cobra.ExactArgs(1),
		RunE: o.withStore(func(ctx context.Context, cmd *cobra.Command, st *store.Store, args []string) error {
			a, err := findAccount(ctx, st, args[0])
			if err != nil {
				return err
			}
			ended := map[string]any{}
			err = recorded(ctx, st, "account.end_sessions", a.ID, ended, func() (err error) {
				ended["ended"], err = st.EndLoginSessions(ctx, a.ID, "")
				return err
			})
			if err != nil {
				return err
			}
			return o.print(cmd, ended, func(w io.Writer) error {
				_, err := fmt.Fprintf(w, "%d ended\n", ended["ended"])
				return err
			})
		})}
}
