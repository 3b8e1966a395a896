package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
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
	State     string     `json:"state"` // next, current, retired, revoked, or sealed: under a secret that is gone
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

// sealedRemedy is what to do about keys that are sealed.
const sealedRemedy = "A key that is sealed opens under none of the system secrets, and signs nothing: put the old secret back, or run `gatehouse keys rotate --now`."

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
			c, err := o.load(cmd)
			if err == nil {
				err = c.checkSecrets()
			}
			if err != nil {
				return err
			}
			keys, err := authz.Keys(ctx, st, c.Secrets)
			if err != nil {
				return err
			}
			if slices.ContainsFunc(keys, func(k authz.KeyStatus) bool { return k.State == authz.KeySealed }) {
				defer fmt.Fprintln(cmd.ErrOrStderr(), sealedRemedy)
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
				which, err = algorithmsInUse(ctx, st, c.Secrets)
			} else if algorithm != authz.RS256 && algorithm != authz.ES256 {
				err = usageError{fmt.Errorf("--algorithm: want %s or %s", authz.RS256, authz.ES256)}
			}
			if err != nil {
				return err
			}
			made, err := rotateKeys(cmd, st, c.Secrets, which, now)
			if err != nil {
				return err
			}
			return o.printKeys(cmd, made)
		})}
	cmd.Flags().StringVar(&algorithm, "algorithm", "", "RS256 or ES256 alone")
	cmd.Flags().BoolVar(&now, "now", false, "sign with it at once, and revoke the others")
	return cmd
}

// rotateKeys makes the next key of each of the algorithms, and says of which one
// there is one already. That nothing was made is an error.
func rotateKeys(cmd *cobra.Command, st *store.Store, secrets [][]byte, algorithms []string, now bool) (made []authz.KeyStatus, err error) {
	var published []string
	for _, alg := range algorithms {
		key, err := authz.RotateKey(cmd.Context(), st, secrets, alg, now, actorCLI)
		switch {
		case err == nil:
			made = append(made, key)
		case errors.Is(err, authz.ErrKeyPublished):
			published = append(published, alg)
		default:
			return nil, fmt.Errorf("%s: %w", alg, err)
		}
	}
	waits := fmt.Errorf("%s: %w", strings.Join(published, ", "), authz.ErrKeyPublished)
	if len(made) == 0 {
		return nil, waits
	}
	if len(published) > 0 {
		fmt.Fprintln(cmd.ErrOrStderr(), waits)
	}
	return made, nil
}

// algorithmsInUse are those that there is a key for; before there is any, all.
func algorithmsInUse(ctx context.Context, st *store.Store, secrets [][]byte) ([]string, error) {
	keys, err := authz.Keys(ctx, st, secrets)
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
