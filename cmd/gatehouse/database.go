package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"gatehouse/store"
)

// openStore opens the database that --data, --config or the environment names,
// beside a server that may be running on it. It creates no file, and unless
// anySchema is set refuses a schema that is not this build's.
func (o *options) openStore(cmd *cobra.Command, create, anySchema bool) (*store.Store, error) {
	c, err := o.load(cmd)
	if err != nil {
		return nil, err
	}
	if c.DatabaseURL == "" {
		return nil, usageError{errors.New("no database: use --data DIR, --config FILE or GATEHOUSE_DATABASE__URL")}
	}
	if path, ok := strings.CutPrefix(c.DatabaseURL, "sqlite://"); ok && !create {
		if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
			return nil, c.wrong("database.url", "there is no such file; `gatehouse migrate up` makes one")
		}
	}
	st, err := store.Open(cmd.Context(), store.Config{URL: c.DatabaseURL})
	if err != nil {
		return nil, c.wrong("database.url", err.Error())
	}
	if !anySchema {
		if err := st.CheckSchema(cmd.Context()); err != nil {
			return nil, errors.Join(err, st.Close())
		}
	}
	return st, nil
}

// withStore is a subcommand's RunE that needs the database.
func (o *options) withStore(run func(ctx context.Context, cmd *cobra.Command, st *store.Store, args []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		st, err := o.openStore(cmd, false, false)
		if err != nil {
			return err
		}
		defer st.Close()
		return run(cmd.Context(), cmd, st, args)
	}
}

// actorCLI is who the audit trail says it was.
const actorCLI = "cli"

// recorded does a change and records it. The operator sees on the screen what
// was refused.
func recorded(ctx context.Context, st *store.Store, action, target string, detail map[string]any, change func() error) error {
	if err := change(); err != nil {
		return err
	}
	return st.Audit(context.WithoutCancel(ctx), actorCLI, action, target, store.Succeeded, detail)
}

// readSecret asks at the terminal, twice if confirm is set, or reads one line
// of standard input.
func readSecret(cmd *cobra.Command, name string, confirm bool) (string, error) {
	in, ok := cmd.InOrStdin().(*os.File)
	if !ok || !term.IsTerminal(int(in.Fd())) {
		line, err := bufio.NewReader(cmd.InOrStdin()).ReadString('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return "", err
		}
		if line = strings.TrimRight(line, "\r\n"); line == "" {
			return "", usageError{fmt.Errorf("give the %s on standard input", name)}
		}
		return line, nil
	}
	ask := func(prompt string) (string, error) {
		fmt.Fprint(cmd.ErrOrStderr(), prompt)
		text, err := term.ReadPassword(int(in.Fd()))
		fmt.Fprintln(cmd.ErrOrStderr())
		return string(text), err
	}
	first, err := ask(name + ": ")
	if err != nil || !confirm {
		return first, err
	}
	again, err := ask("again: ")
	if err == nil && again != first {
		err = errors.New("they differ")
	}
	return first, err
}
