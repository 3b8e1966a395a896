package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"gatehouse/authz"
	"gatehouse/store"
)

func newKeys(o *options) *cobra.Command {
	cmd := &cobra.Command{Use: "keys", Short: "Look after the keys that ID tokens are signed with"}
	cmd.AddCommand(newListKeys(o), newRotateKeys(o))
	return cmd
}

// keyJSON is a signing key as operators see it.
type keyJSON struct {
	KID       string     `json:"kid"`
	Algorithm string     `json:"alg"`
	State     string     `json:"state"` // next, current, retired or revoked
	CreatedAt time.Time  `json:"created_at"`
	ActiveAt  time.Time  `json:"active_at"`
	RetiresAt *time.Time `json:"retires_at"`      // null: nothing follows it yet
	Until     *time.Time `json:"published_until"` // null likewise
	RevokedAt *time.Time `json:"revoked_at"`
}

// printKeys lists keys in either format.
func (o *options) printKeys(cmd *cobra.Command, keys []authz.KeyStatus) error {
	all := []keyJSON{}
	for _, k := range keys {
		all = append(all, keyJSON(k))
	}
	return o.print(cmd, list[keyJSON]{Items: all}, func(w io.Writer) error {
		t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
		fmt.Fprintln(t, "KID\tALG\tSTATE\tSIGNS FROM\tUNTIL\tPUBLISHED UNTIL")
		for _, k := range all {
			ends := k.RetiresAt
			if k.RevokedAt != nil {
				ends, k.Until = k.RevokedAt, k.RevokedAt
			}
			fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\n", k.KID, k.Algorithm, k.State, moment(&k.ActiveAt), moment(ends), moment(k.Until))
		}
		return t.Flush()
	})
}

// moment is a time on the screen.
func moment(at *time.Time) string {
	if at == nil {
		return "-"
	}
	return at.UTC().Format(time.RFC3339)
}

func newListKeys(o *options) *cobra.Command {
	return &cobra.Command{Use: "list", Short: "List the signing keys; the first ones are made at first use", Args: cobra.NoArgs,
		RunE: o.withStore(func(ctx context.Context, cmd *cobra.Command, st *store.Store, _ []string) error {
			keys, err := authz.Keys(ctx, st)
			if err != nil {
				return err
			}
			return o.printKeys(cmd, keys)
		})}
}

func newRotateKeys(o *options) *cobra.Command {
	var algorithm string
	var now bool
	cmd := &cobra.Command{Use: "rotate", Short: "Make the next signing key; it is published first, and signs an hour later", Args: cobra.NoArgs,
		Long: `Make the next signing key of each algorithm in use. It is published first, and
signs an hour later, when every client has seen it; the one before stays
published until the last token that it signed has ended.

With --now, as after a theft, it signs at once, and all keys before it are
revoked and gone from the JWKS within seconds: ID tokens that they signed are
worth nothing any more, and a client that keeps the JWKS refuses new ones until
it reads it again, in at most 5 minutes.`,
		RunE: o.withStore(func(ctx context.Context, cmd *cobra.Command, st *store.Store, _ []string) error {
			c, err := o.load(cmd)
			if err == nil {
				err = c.checkSecrets()
			}
			if err != nil {
				return err
			}
			which := []string{algorithm}
			if algorithm == "" {
				which, err = algorithmsInUse(ctx, st)
			} else if algorithm != authz.RS256 && algorithm != authz.ES256 {
				err = usageError{fmt.Errorf("--algorithm: want %s or %s", authz.RS256, authz.ES256)}
			}
			if err != nil {
				return err
			}
			var made []authz.KeyStatus
			for _, alg := range which {
				key, err := authz.RotateKey(ctx, st, c.Secrets, alg, now)
				if errors.Is(err, authz.ErrKeyPublished) && len(which) > 1 {
					fmt.Fprintf(cmd.ErrOrStderr(), "%s: %v\n", alg, err)
					continue
				}
				if err != nil {
					return fmt.Errorf("%s: %w", alg, err)
				}
				made = append(made, key)
			}
			return o.printKeys(cmd, made)
		})}
	cmd.Flags().StringVar(&algorithm, "algorithm", "", "RS256 or ES256 alone")
	cmd.Flags().BoolVar(&now, "now", false, "sign with it at once, and revoke the others")
	return cmd
}

// algorithmsInUse are those that there is a key for; before there is any, all.
func algorithmsInUse(ctx context.Context, st *store.Store) ([]string, error) {
	keys, err := authz.Keys(ctx, st)
	if err != nil || len(keys) == 0 {
		return []string{authz.RS256, authz.ES256}, err
	}
	var list []string
	for _, k := range keys {
		if !slices.Contains(list, k.Algorithm) {
			list = append(list, k.Algorithm)
		}
	}
	return list, nil
}
