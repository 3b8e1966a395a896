package main

import (
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"
)

// build says which source a binary is made of.
type build struct {
	Version  string `json:"version"` // (devel) if Go knew none
	Revision string `json:"revision,omitempty"`
	Modified bool   `json:"modified,omitempty"` // not all of it was committed
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

func newVersion(o *options) *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version of this binary",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			b := thisBuild()
			return o.print(cmd, b, func(w io.Writer) error {
				line := strings.Fields(strings.Join([]string{"gatehouse", b.Version, b.Revision, b.Go, b.Platform}, " "))
				_, err := fmt.Fprintln(w, strings.Join(line, " "))
				return err
			})
		},
	}
}

func thisBuild() build {
	b := build{Version: "(devel)", Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return b
	}
	if info.Main.Version != "" {
		b.Version = info.Main.Version
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			b.Revision = s.Value
		case "vcs.modified":
			b.Modified = s.Value == "true"
		}
	}
	return b
}
