package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"gatehouse/store"
)

func newImport(o *options) *cobra.Command {
	cmd := &cobra.Command{Use: "import", Short: "Bring accounts and clients of another system"}
	cmd.AddCommand(newImportDjango(o))
	return cmd
}

// djangoOptions are the flags of import django.
type djangoOptions struct {
	from           string
	accountTable   string
	source         string
	only           []string
	dryRun         bool
	assumeVerified bool
	keepStaff      bool
	keepPrivate    bool // no secret is in a frontend
}

// What import django brings, in this order: each needs those before it.
const (
	partAccounts     = "accounts"
	partIdentities   = "identities"
	partApplications = "applications"
	partTokens       = "tokens"
)

var importParts = []string{partAccounts, partIdentities, partApplications, partTokens}

func newImportDjango(o *options) *cobra.Command {
	var d djangoOptions
	cmd := &cobra.Command{Use: "django", Short: "Bring a Django REST service's accounts, social identities, applications and live refresh tokens", Args: cobra.NoArgs,
		Long: `Bring the accounts, social identities, applications and live refresh tokens of a
Django REST service with django-oauth-toolkit and social-auth-app-django.

The old database is only read. Rows that an import has brought before are left
as they are here now, so it can be run again, also after it was interrupted.
Stop the old service before the last run: what changes there later stays there.`,
		RunE: func(cmd *cobra.Command, _ []string) error { return o.importDjango(cmd, d) }}
	f := cmd.Flags()
	f.StringVar(&d.from, "from", "", "the old database: postgres://… (its password may stand in PGPASSWORD or ~/.pgpass) or sqlite:///path")
	f.StringVar(&d.accountTable, "account-table", "", "table of AUTH_USER_MODEL; found by its columns if there is one such table")
	f.StringVar(&d.source, "source", "", "name by which later runs know the old database; made of its first migration if not given")
	f.StringSliceVar(&d.only, "only", importParts, "which parts, by commas")
	f.BoolVar(&d.dryRun, "dry-run", false, "say what would be done, and write nothing")
	f.BoolVar(&d.assumeVerified, "assume-verified", false, "take every e-mail address as proven to be its account's")
	f.BoolVar(&d.keepStaff, "keep-staff", false, "keep is_staff and is_superuser; without it they are dropped")
	f.BoolVar(&d.keepPrivate, "keep-secrets-private", false, "no application's secret is in a frontend: do not mark them exposed_secret")
	cmd.MarkFlagRequired("from")
	return cmd
}

// importDjango checks both databases before it writes anything.
func (o *options) importDjango(cmd *cobra.Command, d djangoOptions) error {
	ctx := cmd.Context()
	for _, part := range d.only {
		if !slices.Contains(importParts, part) {
			return usageError{fmt.Errorf("--only: %q is none of %s", part, strings.Join(importParts, ", "))}
		}
	}
	old, err := openDjango(ctx, d)
	if err != nil {
		return err
	}
	defer old.close()
	st, err := o.openStore(cmd, false, false)
	if err != nil {
		return err
	}
	defer st.Close()
	r := &importReport{Source: old.source, AccountTable: old.accounts, DryRun: d.dryRun, began: time.Now(),
		progress: newProgress(cmd.ErrOrStderr())}
	to := st.NewImport(old.source, d.dryRun)
	to.AssumeVerified, to.KeepStaff = d.assumeVerified, d.keepStaff
	failed := old.bring(ctx, d, to, r)
	r.Complete = failed == nil
	r.Seconds = time.Since(r.began).Seconds()
	r.progress.end()
	if err := to.Finish(context.WithoutCancel(ctx), actorCLI, r.audit()); err != nil {
		return errors.Join(failed, err)
	}
	if err := o.print(cmd, r, r.write); err != nil {
		return errors.Join(failed, err)
	}
	return interrupted(ctx, failed)
}

// interrupted says how to go on.
func interrupted(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil {
		return errors.New("interrupted; what was brought until then is here: run it again to go on")
	}
	return err
}

// bring brings the parts in turn.
func (d *djangoSource) bring(ctx context.Context, o djangoOptions, to *store.Import, r *importReport) error {
	for _, part := range []struct {
		name  string
		bring func() error
	}{
		{partAccounts, func() error { return bringRows(ctx, d, r, d.accountRows(), to.Accounts) }},
		{partIdentities, func() error { return bringRows(ctx, d, r, d.identityRows(), to.Identities) }},
		{partApplications, func() error { return bringRows(ctx, d, r, d.applicationRows(o.keepPrivate), to.Clients) }},
		{partTokens, func() error { return bringRows(ctx, d, r, d.tokenRows(), to.Tokens) }},
	} {
		if !slices.Contains(o.only, part.name) {
			continue
		}
		if err := part.bring(); err != nil {
			return fmt.Errorf("%s: %w", part.name, err)
		}
	}
	return nil
}
