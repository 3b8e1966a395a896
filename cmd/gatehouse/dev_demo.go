package main

import (
	"net"
	"net/http"
	"net/url"

	"gatehouse/deploy/demo"
	"gatehouse/store"
)

// demo is the listener of the demo frontend: the tutorial's, which calls
// /api-auth/ of the resource API. Its handler is made after the stand-ins'.
func (p *devProcess) demo() part { return part{"demo.addr", p.cfg.DemoAddr, p.demoHandler} }

func (p *devProcess) demoHandler() (http.Handler, error) {
	tutorial := p.data.Clients["tutorial"]
	google, facebook := p.standing["google"], p.standing["facebook"]
	return demo.Handler(demo.Config{
		API: p.urls["api.addr"], ClientID: tutorial.ID, ClientSecret: tutorial.Secret,
		Google: demo.Provider(google), Facebook: demo.Provider(facebook),
	}), nil
}

// origins are where pages of the demo, or of a frontend in its place, come
// from: under both names of this machine.
func (p *devProcess) origins() store.Words {
	_, port, _ := net.SplitHostPort(p.cfg.DemoAddr)
	if u, err := url.Parse(p.urls["demo.addr"]); err == nil && u.Port() != "" {
		port = u.Port()
	}
	return store.Words{"http://127.0.0.1:" + port, "http://localhost:" + port}
}
