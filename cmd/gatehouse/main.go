// Command gatehouse is an OAuth 2.0 and OpenID Connect authorization server
// with its own accounts, and the tools to operate it. gatehouse help lists
// the subcommands.
//
//	main.go, root.go  from the command line to a subcommand
//	config*.go        the only place that reads environment, flags and files
//	listen.go         sockets, limits and a graceful stop for every listener
//	tlsreload.go      certificates that are read again when they change
//	secrets_file.go   the file of the system secrets: replaced whole, followed while the server runs
//	hostcheck.go      what keeps web pages away from gatehouse dev
//	import*.go        import django: the old database, its rows, the report
//	NAME.go           the subcommand of that name; accounts_sessions.go those of accounts for browser sessions
//	database.go       what every subcommand that needs the database begins with
//	dev_*.go          what gatehouse dev keeps, makes and says
//
// To keep: a secret never gets into an error, a log line or an output.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // the second signal ends the process at once
	err := newRoot().ExecuteContext(ctx)
	if err == nil {
		os.Exit(0)
	}
	fmt.Fprintln(os.Stderr, "gatehouse:", strings.ReplaceAll(err.Error(), "\n", "; "))
	os.Exit(exitCode(err))
}
