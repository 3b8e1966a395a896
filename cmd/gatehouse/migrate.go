package main

import (
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"gatehouse/store"
)

func newMigrate(o *options) *cobra.Command {
	cmd := &cobra.Command{Use: "migrate", Short: "Bring the database's schema up to this build, or back"}
	cmd.AddCommand(
		&cobra.Command{Use: "up", Short: "Apply every version that is missing; makes a SQLite file that is not there", Args: cobra.NoArgs,
			RunE: func(cmd *cobra.Command, _ []string) error {
				st, err := o.openStore(cmd, true, true)
				if err != nil {
					return err
				}
				defer st.Close()
				n, err := st.MigrateUp(cmd.Context())
				if err != nil {
					return err
				}
				return o.print(cmd, map[string]int{"applied": n}, func(w io.Writer) error {
					_, err := fmt.Fprintf(w, "%d applied\n", n)
					return err
				})
			}},
		&cobra.Command{Use: "down", Short: "Take back the newest version, with every row that it holds", Args: cobra.NoArgs,
			RunE: func(cmd *cobra.Command, _ []string) error {
				st, err := o.openStore(cmd, false, true)
				if err != nil {
					return err
				}
				defer st.Close()
				m, err := st.MigrateDown(cmd.Context())
				if err != nil {
					return err
				}
				return o.print(cmd, m, func(w io.Writer) error {
					_, err := fmt.Fprintf(w, "%d taken back\n", m.Version)
					return err
				})
			}},
		&cobra.Command{Use: "status", Short: "List the versions of the schema", Args: cobra.NoArgs,
			RunE: func(cmd *cobra.Command, _ []string) error {
				st, err := o.openStore(cmd, false, true)
				if err != nil {
					return err
				}
				defer st.Close()
				all, err := st.Migrations(cmd.Context())
				if err != nil {
					return err
				}
				return o.print(cmd, map[string]any{"items": all}, func(w io.Writer) error { return printMigrations(w, all) })
			}},
	)
	return cmd
}

func printMigrations(w io.Writer, all []store.Migration) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "VERSION\tNAME\tAPPLIED")
	for _, m := range all {
		at := "pending"
		if !m.AppliedAt.IsZero() {
			at = m.AppliedAt.Format("2006-01-02 15:04:05")
		}
		fmt.Fprintf(t, "%d\t%s\t%s\n", m.Version, m.Name, at)
	}
	return t.Flush()
}
