package main

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

func TestExitCode(t *testing.T) {
	for _, tt := range []struct {
		args string
		want string // of the error
		code int
	}{
		{"confg", "there is no gatehouse confg; did you mean config?", 2},
		{"version now", "unknown command", 2},
		{"version --nope", "unknown flag: --nope", 2},
		{"version --format xml", "want text or json", 2},
		{"config --config nowhere.yaml", "no such file", 1},
		{"config --public-addr here", "is not host:port", 1},
	} {
		_, err := gatehouse(t, strings.Fields(tt.args)...)
		if err == nil || !strings.Contains(err.Error(), tt.want) || exitCode(err) != tt.code {
			t.Errorf("%s: got %v with exit code %d, want …%s… with %d", tt.args, err, exitCode(err), tt.want, tt.code)
		}
	}
}

func TestFinishGroups(t *testing.T) {
	group := &cobra.Command{Use: "clients"}
	run := func(err error) func(*cobra.Command, []string) error {
		return func(*cobra.Command, []string) error { return err }
	}
	group.AddCommand(
		&cobra.Command{Use: "works", RunE: run(nil)},
		&cobra.Command{Use: "fails", RunE: run(errors.New("no"))},
		&cobra.Command{Use: "misused", RunE: run(fmt.Errorf("wrapped: %w", usageError{errors.New("no")}))},
	)
	root := &cobra.Command{Use: "gatehouse", SilenceErrors: true, SilenceUsage: true}
	root.AddCommand(group)
	finish(root)
	for args, code := range map[string]int{"clients works": 0, "clients fails": 1, "clients misused": 2, "clients create": 2} {
		root.SetArgs(strings.Fields(args))
		err := root.Execute()
		if got := exitCode(err); err != nil && got != code || (err == nil) != (code == 0) {
			t.Errorf("%s: %v, want exit code %d", args, err, code)
		}
	}
}

func TestLogger(t *testing.T) {
	var out bytes.Buffer
	for _, tt := range []struct {
		c    Config
		want string
	}{
		{Config{LogFormat: "text", LogLevel: slog.LevelInfo}, "level=INFO msg=told"},
		{Config{LogFormat: "json", LogLevel: slog.LevelInfo}, `"level":"INFO","msg":"told"`},
		{Config{LogFormat: "json", LogLevel: slog.LevelError}, ""},
	} {
		out.Reset()
		tt.c.logger(&out).Info("told")
		if got := out.String(); !strings.Contains(got, tt.want) || (tt.want == "") != (got == "") {
			t.Errorf("%s at %s: %q", tt.c.LogFormat, tt.c.LogLevel, got)
		}
	}
}
