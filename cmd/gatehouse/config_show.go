package main

import (
	"cmp"
	"fmt"
	"io"
	"net/url"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"
)

func newConfigCommand(o *options) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "config",
		Short: "Print what is configured and where each value comes from",
		Long: `Print what is configured and where each value comes from, secrets hidden.

Defaults give way to the file of --config, that to the environment (the key in
upper case after GATEHOUSE_, levels joined by two underscores; for a secret also
…_FILE, a file that holds it), the environment to --data and other flags.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := o.load(cmd)
			if err != nil {
				return err
			}
			settings := c.show()
			return o.print(cmd, list[setting]{Items: settings}, func(w io.Writer) error {
				t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
				fmt.Fprintln(t, "KEY\tVALUE\tFROM")
				for _, s := range settings {
					fmt.Fprintf(t, "%s\t%s\t%s\n", s.Key, cmp.Or(s.Value, "not set"), s.From)
				}
				return t.Flush()
			})
		},
	}
	addKeyFlags(cmd)
	return cmd
}

// setting is one line of gatehouse config.
type setting struct {
	Key    string `json:"key"`
	Value  string `json:"value"` // of a secret only whether it is set, and its length
	From   string `json:"from"`
	Secret bool   `json:"secret,omitempty"`
}

// show lists the fixed keys in their order, then what is set of the providers.
func (c Config) show() []setting {
	var out []setting
	for _, k := range c.keys() {
		if from, ok := c.from[k.name]; ok {
			out = append(out, setting{k.name, k.show(), from, k.secret})
		}
	}
	return out
}

// lengths tells of a list of secrets how long each is.
func lengths(secrets [][]byte) string {
	if len(secrets) == 0 {
		return "not set"
	}
	var each []string
	for _, s := range secrets {
		each = append(each, fmt.Sprint(len(s)))
	}
	return "set, " + strings.Join(each, " + ") + " bytes"
}

func hidden(s string) string {
	if s == "" {
		return "not set"
	}
	return fmt.Sprintf("set, %d bytes", len(s))
}

// withoutPassword shows where a database is. Parameters are left out: a
// password may be among them.
func withoutPassword(databaseURL string) string {
	if databaseURL == "" || strings.HasPrefix(databaseURL, "sqlite:") {
		return databaseURL
	}
	u, err := url.Parse(databaseURL)
	if err != nil {
		return hidden(databaseURL)
	}
	if _, has := u.User.Password(); has {
		u.User = url.UserPassword(u.User.Username(), "hidden")
	}
	if u.RawQuery != "" {
		u.RawQuery = "hidden"
	}
	u.Fragment = ""
	return u.String()
}
