package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/url"
)

// devReady is the ready file: where everything is, for programs.
type devReady struct {
	Issuer string `json:"issuer"`
	Admin  string `json:"admin"`
	API    string `json:"api"`
	Demo   string `json:"demo,omitempty"`
	Mail   string `json:"mail,omitempty"` // the catcher
	devCredentials
	Providers map[string]devProvider `json:"providers"` // the stand-ins
}

type devProvider struct {
	URL      string `json:"url"`
	ClientID string `json:"client_id"`
}

// announce says on the screen what to type next, and in the ready file where
// everything is.
func (p *devProcess) announce(screen io.Writer) {
	ready := devReady{p.cfg.Issuer, p.urls["admin.addr"], p.urls["api.addr"], p.urls["demo.addr"], p.urls["mail.addr"], p.data.devCredentials, p.standing}
	fmt.Fprintf(screen, "\nGatehouse runs for development. Its data is in %s.\n", p.data.dir)
	ready.print(screen)
	if p.readyFile == "" {
		return
	}
	text, err := json.MarshalIndent(ready, "", "  ")
	if err == nil {
		err = writeWhole(p.readyFile, append(text, '\n'))
	}
	if err != nil {
		p.log.Error("write the ready file", "err", err)
	}
}

// print shows the addresses, the people, and lines to paste into a shell.
func (r devReady) print(screen io.Writer) {
	fmt.Fprintf(screen, `
  authorization server  %s
  sign in, your account %s/account
  operators             %s
  resource API          %s
`, r.Issuer, r.Issuer, r.Admin, r.API)
	if r.Demo != "" {
		fmt.Fprintf(screen, "  demo frontend         %s\n", r.Demo)
	}
	if r.Mail != "" {
		fmt.Fprintf(screen, "  caught mail           %s\n", r.Mail)
	}
	google, hasGoogle := r.Providers["google"]
	facebook, hasFacebook := r.Providers["facebook"]
	if hasGoogle {
		fmt.Fprintf(screen, "  stand-in for Google   %s\n", google.URL)
	}
	if hasFacebook {
		fmt.Fprintf(screen, "  and for Facebook      %s\n", facebook.URL)
	}
	web, user := r.Clients["web"], r.User
	fmt.Fprintf(screen, `
  user       %s  password %s
  superuser  %s  password %s

Get a token:

  curl -s %s/oauth2/token -u %s:%s -d grant_type=password -d username=%s -d password=%s

`, user.Email, user.Password, r.Superuser.Email, r.Superuser.Password, r.Issuer, web.ID, web.Secret, user.Email, user.Password)
	switch {
	case hasGoogle:
		r.printExchange(screen, "google", google, "id_token")
	case hasFacebook:
		r.printExchange(screen, "facebook", facebook, "access_token")
	}
	r.printCode(screen)
	fmt.Fprintf(screen, `and use it:

  curl -s %s/accounts/me -H "Authorization: Bearer ACCESS_TOKEN"

`, r.API)
}

// The pair of RFC 7636 Appendix B, so that the two lines of printCode fit
// together. Nobody but who tries them uses it.
const (
	tryVerifier  = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
	tryChallenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
)

// printCode shows the way of a browser's application: a page, and a code for it.
func (r devReady) printCode(screen io.Writer) {
	spa, back := r.Clients["spa"], "http://127.0.0.1/callback"
	if u, err := url.Parse(r.Issuer); err == nil && u.Port() != "" {
		back = "http://127.0.0.1:" + u.Port() + "/callback"
	}
	request := url.Values{"response_type": {"code"}, "client_id": {spa.ID}, "redirect_uri": {back}, "scope": {"openid profile email read write"}, "state": {"try"},
		"code_challenge": {tryChallenge}, "code_challenge_method": {"S256"}}
	fmt.Fprintf(screen, `or go an application's way: open this, sign in and allow. There is nothing where
you end up, but its address has code=…, which is good for a minute, in place of CODE:

  %[1]s/oauth2/authorize?%[2]s
  curl -s %[1]s/oauth2/token -d grant_type=authorization_code -d client_id=%[3]s -d redirect_uri=%[4]s -d code_verifier=%[5]s -d code=CODE

`, r.Issuer, request.Encode(), spa.ID, back, tryVerifier)
}

// printExchange shows how a token of a stand-in becomes one of ours.
func (r devReady) printExchange(screen io.Writer, provider string, at devProvider, kind string) {
	web := r.Clients["web"]
	fmt.Fprintf(screen, `or let the stand-in for %[1]s give one to anybody, and exchange it:

  TOKEN=$(curl -s %[2]s/_dev/tokens -H 'Content-Type: application/json' -d '{"email":"ada@gmail.com"}' | sed 's/.*"%[3]s":"\([^"]*\)".*/\1/')
  curl -s %[4]s/oauth2/token -u %[5]s:%[6]s -d grant_type=urn:ietf:params:oauth:grant-type:token-exchange -d subject_token_type=urn:ietf:params:oauth:token-type:%[3]s -d subject_issuer=%[1]s -d subject_token=$TOKEN

`, provider, at.URL, kind, r.Issuer, web.ID, web.Secret)
}
