package main

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"

	"github.com/spf13/cobra"
)

// devDefaults stand in for limits that would only be in the way of one
// developer on one address.
var devDefaults = map[string]string{"limits.password_address": "0", "limits.sign_up": "0", "limits.forms": "0", "limits.mails": "0"}

func newDev(o *options) *cobra.Command {
	var readyFile string
	var noDemo bool
	cmd := &cobra.Command{
		Use:   "dev",
		Short: "Run everything on this machine, with a demo client and a demo user",
		Long: `Run everything on this machine, on SQLite, with clients, a user and a superuser
to try it with. What it makes stays in a folder (--data, default .gatehouse),
so that a second start finds it again. It answers loopback addresses only.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if o.data == "" {
				o.data = ".gatehouse"
			}
			d, err := openDevData(o.data)
			if err != nil {
				return err
			}
			c, err := o.load(cmd)
			if err != nil {
				return err
			}
			p := &devProcess{process: process{cfg: c, log: c.logger(os.Stderr)}, data: d, readyFile: readyFile, noDemo: noDemo}
			return p.run(cmd)
		},
	}
	cmd.Flags().StringVar(&readyFile, "ready-file", "", "write addresses, clients and passwords to this file once everything answers")
	cmd.Flags().BoolVar(&noDemo, "no-demo", false, "leave out the demo frontend")
	addKeyFlags(cmd)
	return cmd
}

// devProcess is gatehouse dev while it runs.
type devProcess struct {
	process
	data      *devData
	readyFile string
	noDemo    bool
	catcher   *mailCatcher           // nil if mail is configured; written only by mailHandler
	standing  map[string]devProvider // the stand-ins; written only by their handlers' makers
}

func (p *devProcess) run(cmd *cobra.Command) error {
	ctx := cmd.Context()
	parts := append(append(p.standIns(), p.mail()...), p.public(), p.admin(), p.api())
	if !p.noDemo {
		parts = append(parts, p.demo())
	}
	if err := p.prepare(parts); err != nil {
		return err
	}
	if err := p.openStore(ctx, true); err != nil {
		return err
	}
	defer p.store.Close()
	if p.readyFile != "" { // from here on no other run has this folder
		if err := os.Remove(p.readyFile); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err // what an earlier run left would be taken for this one's
		}
	}
	defer func() { p.catcher.close() }()
	sites, err := p.open(ctx, parts)
	if err != nil {
		return err
	}
	for i, at := range sites {
		sites[i].handler = requireLoopbackHost(at.port(), at.handler)
	}
	if err := p.seed(ctx); err != nil {
		closeAll(sites)
		return fmt.Errorf("prepare the demo: %w", err)
	}
	if p.readyFile != "" {
		defer os.Remove(p.readyFile)
	}
	return p.serve(ctx, servers{Log: p.log, Ready: func() { p.announce(cmd.OutOrStdout()) }}, sites)
}

// prepare fills in what dev has otherwise than serve, and refuses what dev
// does not do.
func (p *devProcess) prepare(parts []part) error {
	for _, k := range p.cfg.keys() {
		if value, ok := devDefaults[k.name]; ok && p.cfg.from[k.name] == "default" {
			if err := k.set(value); err != nil {
				return err
			}
		}
	}
	for _, part := range parts {
		if host, _, _ := net.SplitHostPort(part.addr); !isLoopback(host) {
			return p.cfg.wrong(part.key, "gatehouse dev listens on loopback addresses only")
		}
	}
	if p.cfg.TLSCert != "" {
		return p.cfg.wrong("tls.cert", "gatehouse dev speaks plain HTTP, on loopback addresses")
	}
	resource, web := p.data.Clients["resource"], p.data.Clients["web"]
	p.cfg.API.ClientID, p.cfg.API.ClientSecret = resource.ID, resource.Secret
	p.cfg.API.SignInID, p.cfg.API.SignInSecret = web.ID, web.Secret
	tutorial := p.data.Clients["tutorial"]
	p.cfg.API.DRF, p.cfg.API.DRFID, p.cfg.API.DRFSecret, p.cfg.API.DRFAll = true, tutorial.ID, tutorial.Secret, "public"
	return firstOf(p.cfg.checkSessions, p.cfg.checkProviders, p.cfg.checkMail)
}
