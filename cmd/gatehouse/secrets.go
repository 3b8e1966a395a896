package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
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

// secretSpread is how long every replica may take to follow a change of the
// secrets.
const secretSpread = time.Minute

// States of a system secret.
const (
	secretCurrent = "current" // makes new tokens
	secretNext    = "next"    // verifies, and will make them
	secretOld     = "old"     // verifies what was made before
	secretUnknown = "unknown" // verifies; nobody noted whether it is next or old
)

// Steps of a rotation, as --step has them.
const (
	stepAdd     = "add"
	stepPromote = "promote"
	stepRetire  = "retire"
)

func newSecrets(o *options) *cobra.Command {
	cmd := &cobra.Command{Use: "secrets", Short: "Look after the system secrets that all tokens are made from"}
	cmd.AddCommand(newListSecrets(o), newRotateSecret(o))
	return cmd
}

// systemSecret is one of them, as operators see it: never itself.
type systemSecret struct {
	ID    string     `json:"id"` // 8 bytes in hex, as rows of the database have it
	State string     `json:"state"`
	Since *time.Time `json:"since"` // null: before anybody noted it

	secret []byte
	steps  map[string]time.Time
}

// systemSecrets says of each secret of a list what it is at present.
func systemSecrets(ctx context.Context, st *store.Store, list [][]byte) ([]systemSecret, error) {
	all := make([]systemSecret, len(list))
	for i, secret := range list {
		id := authz.SecretID(secret)
		steps, err := st.SecretSteps(ctx, id)
		if err != nil {
			return nil, err
		}
		all[i] = systemSecret{ID: hex.EncodeToString(id), secret: secret, steps: steps}
	}
	for i := range all {
		s := &all[i]
		switch added, promoted, replaced := s.at(store.SecretAdded), s.at(store.SecretPromoted), s.at(store.SecretReplaced); {
		case i == 0:
			s.State, s.Since = secretCurrent, promoted
		case replaced != nil:
			s.State, s.Since = secretOld, replaced
		case added != nil && promoted == nil:
			s.State, s.Since = secretNext, added
		default:
			s.State = secretUnknown
		}
	}
	return all, nil
}

func (s *systemSecret) at(step string) *time.Time {
	if at, ok := s.steps[step]; ok {
		return &at
	}
	return nil
}

func newListSecrets(o *options) *cobra.Command {
	return &cobra.Command{Use: "list", Short: "List the system secrets by their public ids", Args: cobra.NoArgs,
		RunE: o.withStore(func(ctx context.Context, cmd *cobra.Command, st *store.Store, _ []string) error {
			c, err := o.load(cmd)
			if err == nil {
				err = c.checkSecrets()
			}
			if err != nil {
				return err
			}
			all, err := systemSecrets(ctx, st, c.Secrets)
			if err != nil {
				return err
			}
			return o.print(cmd, list[systemSecret]{Items: all}, func(w io.Writer) error {
				t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
				fmt.Fprintln(t, "ID\tSTATE\tSINCE")
				for _, s := range all {
					fmt.Fprintf(t, "%s\t%s\t%s\n", s.ID, s.State, moment(s.Since))
				}
				return t.Flush()
			})
		})}
}

func newRotateSecret(o *options) *cobra.Command {
	var step string
	var force bool
	cmd := &cobra.Command{Use: "rotate", Short: "Take the next step of replacing the system secret, in its file", Args: cobra.NoArgs,
		Long: `Take the next step of replacing the system secret, in the file that
GATEHOUSE_SECRETS_FILE or --data names. Servers follow the file within seconds.

  add      a new secret at the end of the file: it verifies, and makes nothing
  promote  the new one to the front: it makes all tokens, the old one verifies
  retire   the old one, when nothing needs it any more; signing keys and mail
           that waits are sealed under the new one first

Where replicas have files of their own, copy the file to each of them after
every step.`,
		RunE: o.withStore(func(ctx context.Context, cmd *cobra.Command, st *store.Store, _ []string) error {
			c, err := o.load(cmd)
			if err != nil {
				return err
			}
			if err := c.checkSecretsFile(); err != nil {
				return err
			}
			all, err := systemSecrets(ctx, st, c.Secrets)
			if err != nil {
				return err
			}
			r := &secretRotation{config: c, store: st, all: all, force: force}
			do := map[string]func(context.Context) (string, error){stepAdd: r.add, stepPromote: r.promote, stepRetire: r.retire}
			chosen := cmp.Or(step, r.nextStep())
			if do[chosen] == nil {
				return usageError{fmt.Errorf("say which --step: %s, %s or %s", stepAdd, stepPromote, stepRetire)}
			}
			done, err := do[chosen](ctx)
			if err != nil {
				return fmt.Errorf("%s: %w", chosen, err)
			}
			return o.print(cmd, map[string]string{"step": chosen, "id": r.changed}, func(w io.Writer) error {
				_, err := fmt.Fprintln(w, done)
				return err
			})
		})}
	cmd.Flags().StringVar(&step, "step", "", "add, promote or retire, instead of the one that is next")
	cmd.Flags().BoolVar(&force, "force", false, "without waiting, though people will be signed out")
	return cmd
}

// secretRotation is one run of gatehouse secrets rotate.
type secretRotation struct {
	config  Config
	store   *store.Store
	all     []systemSecret
	force   bool
	changed string // id of the secret that took the step
}

// nextStep is empty if nobody noted which one it is.
func (r *secretRotation) nextStep() string {
	states := make([]string, len(r.all))
	for i, s := range r.all {
		states[i] = s.State
	}
	switch {
	case slices.Contains(states, secretNext):
		return stepPromote
	case slices.Contains(states, secretUnknown):
		return ""
	case slices.Contains(states, secretOld):
		return stepRetire
	}
	return stepAdd
}

func (r *secretRotation) add(ctx context.Context) (string, error) {
	if r.nextStep() == stepPromote {
		return "", errors.New("there is a next secret already")
	}
	fresh := []byte(rand.Text() + rand.Text()) // 260 random bits
	if err := r.write(ctx, append(slices.Clone(r.config.Secrets), fresh), fresh, store.SecretAdded); err != nil {
		return "", err
	}
	return fmt.Sprintf("added %s: it only verifies. In a minute, when every replica knows it, do this again to promote it.", r.changed), nil
}

func (r *secretRotation) promote(ctx context.Context) (string, error) {
	i := slices.IndexFunc(r.all, func(s systemSecret) bool { return s.State == secretNext })
	if i < 0 {
		i = len(r.all) - 1
	}
	if i == 0 {
		return "", fmt.Errorf("there is no next secret: --step %s first", stepAdd)
	}
	s := &r.all[i]
	added, err := r.noted(ctx, s, store.SecretAdded)
	if err != nil {
		return "", err
	}
	if err := r.spread(added); err != nil {
		return "", err
	}
	list := append([][]byte{s.secret}, slices.Delete(slices.Clone(r.config.Secrets), i, i+1)...)
	if err := r.write(ctx, list, s.secret, store.SecretPromoted); err != nil {
		return "", err
	}
	if err := r.note(ctx, &r.all[0], store.SecretReplaced); err != nil {
		return "", err
	}
	return fmt.Sprintf("promoted %s: new tokens are made with it. Do this again to retire the old one when nothing needs it any more.", r.changed), nil
}

func (r *secretRotation) retire(ctx context.Context) (string, error) {
	i := len(r.all) - 1
	for i > 0 && r.all[i].State == secretNext {
		i--
	}
	if i == 0 {
		return "", errors.New("there is no old secret")
	}
	s := &r.all[i]
	replaced, err := r.noted(ctx, s, store.SecretReplaced)
	if err != nil {
		return "", err
	}
	if err := r.spread(replaced); err != nil {
		return "", err
	}
	keys, mails, err := authz.Reseal(ctx, r.store, r.config.Secrets)
	if err != nil {
		return "", err
	}
	if err := r.unneeded(ctx, s, replaced.Add(secretSpread)); err != nil {
		return "", err
	}
	if err := r.write(ctx, slices.Delete(slices.Clone(r.config.Secrets), i, i+1), s.secret, store.SecretRetired); err != nil {
		return "", err
	}
	return fmt.Sprintf("retired %s: nothing that was made with it is good any more. Sealed again before: %d signing keys, %d mails.", r.changed, keys, mails), nil
}

// noted is when a secret took a step. One that was taken by hand, or by a
// command that broke off, is taken as of now.
func (r *secretRotation) noted(ctx context.Context, s *systemSecret, step string) (time.Time, error) {
	if at := s.at(step); at != nil {
		return *at, nil
	}
	return r.store.Now(), r.note(ctx, s, step)
}

func (r *secretRotation) note(ctx context.Context, s *systemSecret, step string) error {
	return r.store.NoteSecret(context.WithoutCancel(ctx), authz.SecretID(s.secret), step, actorCLI)
}

// spread refuses a step while a replica may not have followed the one before.
func (r *secretRotation) spread(before time.Time) error {
	if left := secretSpread - r.store.Now().Sub(before); left > 0 && !r.force {
		return fmt.Errorf("a replica may not know yet what was done %v ago: wait %v, or use --force",
			(secretSpread - left).Round(time.Second), left.Round(time.Second))
	}
	return nil
}

// unneeded refuses to drop a secret that something was made with.
func (r *secretRotation) unneeded(ctx context.Context, s *systemSecret, until time.Time) error {
	left, err := r.store.DependOnSecret(ctx, authz.SecretID(s.secret), until)
	if err != nil || len(left) == 0 || r.force {
		return err
	}
	var each []string
	for _, d := range left {
		each = append(each, fmt.Sprintf("%d %s", d.Count, d.What))
	}
	return fmt.Errorf("%s would be lost: wait until they have ended or were renewed, or use --force", strings.Join(each, ", "))
}

// write puts the secrets into the file and notes what became of one of them.
func (r *secretRotation) write(ctx context.Context, list [][]byte, of []byte, step string) error {
	if err := r.config.checkUnchanged(); err != nil {
		return err
	}
	if err := writeSecretsFile(r.config.SecretsFile, list); err != nil {
		return err
	}
	id := authz.SecretID(of)
	r.changed = hex.EncodeToString(id)
	return r.store.NoteSecret(context.WithoutCancel(ctx), id, step, actorCLI)
}
