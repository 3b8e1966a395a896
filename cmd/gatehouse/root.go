package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"

	"github.com/spf13/cobra"
)

// newRoot is the whole command line. Each subcommand has a file of its own.
func newRoot() *cobra.Command {
	o := &options{format: "text"}
	root := &cobra.Command{
		Use:           "gatehouse",
		Short:         "An OAuth 2.0 and OpenID Connect authorization server with its own accounts",
		SilenceErrors: true, // main prints them
		SilenceUsage:  true,
	}
	flags := root.PersistentFlags()
	flags.StringVar(&o.config, "config", "", "configuration file (YAML)")
	flags.StringVar(&o.data, "data", "", "folder of gatehouse dev, with its database and secrets")
	flags.Var(&o.format, "format", "output as text or json")
	root.AddCommand(
		newDev(o), newServe(o), newAPI(o),
		newMigrate(o), newClients(o), newAccounts(o), newKeys(o), newSecrets(o), newProviders(o), newImport(o),
		newConfigCommand(o),
		newHealthcheck(o),
		newVersion(o),
		newHashWorker(),
	)
	finish(root)
	return root
}

// ranError is what a subcommand failed with while it did its work. Whatever
// cobra says before that is about how it was called.
type ranError struct{ error }

func (e ranError) Unwrap() error { return e.error }

// usageError is for a subcommand that finds out late that it was called wrongly.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

// exitCode is 2 for a wrong call and 1 for all else that went wrong.
func exitCode(err error) int {
	if ran := (ranError{}); !errors.As(err, &ran) || errors.As(err, &usageError{}) {
		return 2
	}
	return 1
}

// finish marks what subcommands return, and lets those that only group others
// refuse what is not among them.
func finish(cmd *cobra.Command) {
	for _, sub := range cmd.Commands() {
		finish(sub)
	}
	if run := cmd.RunE; run != nil {
		cmd.RunE = func(cmd *cobra.Command, args []string) error {
			if err := run(cmd, args); err != nil {
				return ranError{err}
			}
			return nil
		}
		return
	}
	cmd.Args, cmd.SuggestionsMinimumDistance = cobra.ArbitraryArgs, 2
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return cmd.Help()
		}
		hint := ""
		if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
			hint = fmt.Sprintf("; did you mean %s?", near[0])
		}
		return fmt.Errorf("there is no %s %s%s", cmd.CommandPath(), args[0], hint)
	}
}

// format is the value of --format.
type format string

func (f *format) String() string { return string(*f) }
func (f *format) Type() string   { return "text|json" }

func (f *format) Set(s string) error {
	if s != "text" && s != "json" {
		return errors.New("want text or json")
	}
	*f = format(s)
	return nil
}

// list is the JSON shape of every listing.
type list[T any] struct {
	Items      []T     `json:"items"`
	NextCursor *string `json:"next_cursor"` // null: the command line lists everything
}

// print writes v to cmd's standard output as JSON if --format asks for that,
// and otherwise lets text write it.
func (o *options) print(cmd *cobra.Command, v any, text func(io.Writer) error) error {
	if o.format != "json" {
		return text(cmd.OutOrStdout())
	}
	e := json.NewEncoder(cmd.OutOrStdout())
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

// logger writes to w as log.format and log.level say.
func (c Config) logger(w io.Writer) *slog.Logger {
	how := &slog.HandlerOptions{Level: c.LogLevel}
	if c.LogFormat == "json" {
		return slog.New(slog.NewJSONHandler(w, how))
	}
	return slog.New(slog.NewTextHandler(w, how))
}
