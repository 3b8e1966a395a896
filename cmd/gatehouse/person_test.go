package main

import (
	"crypto/sha256"
	"encoding/base64"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
)

// person is somebody at a browser, without JavaScript.
type person struct {
	t       *testing.T
	issuer  string
	cookies map[string]string
	page    string // that it shows
}

// codeVerifier is each client's.
var codeVerifier = strings.Repeat("v", 43)

// visit sends one request and returns where the browser is sent.
func (p *person) visit(method, path string, form url.Values) string {
	p.t.Helper()
	req, err := http.NewRequest(method, p.issuer+path, strings.NewReader(form.Encode()))
	if err != nil {
		p.t.Fatal(err)
	}
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for name, value := range p.cookies {
		req.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	resp, err := http.DefaultTransport.RoundTrip(req) // follows no redirect
	if err != nil {
		p.t.Fatal(err)
	}
	defer resp.Body.Close()
	page, err := io.ReadAll(resp.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	for _, c := range resp.Cookies() {
		if p.cookies == nil {
			p.cookies = map[string]string{}
		}
		p.cookies[c.Name] = c.Value
	}
	p.page = string(page)
	return resp.Header.Get("Location")
}

var hiddenTicket = regexp.MustCompile(`name="ticket" value="([^"]+)"`)

// ticket is the one of the page.
func (p *person) ticket() string {
	p.t.Helper()
	found := hiddenTicket.FindStringSubmatch(p.page)
	if len(found) != 2 {
		p.t.Fatalf("no form on the page: %s", p.page)
	}
	return found[1]
}

// authorize asks for a code, with PKCE, and does what the pages ask: it signs in
// and allows. It returns what the client gets.
func (p *person) authorize(email, password, clientID, redirectURI string, more ...string) url.Values {
	p.t.Helper()
	digest := sha256.Sum256([]byte(codeVerifier))
	request := url.Values{"response_type": {"code"}, "client_id": {clientID}, "redirect_uri": {redirectURI}, "state": {"s"},
		"code_challenge": {base64.RawURLEncoding.EncodeToString(digest[:])}, "code_challenge_method": {"S256"}}
	for i := 0; i < len(more); i += 2 {
		request.Del(more[i])
		if more[i+1] != "" {
			request.Set(more[i], more[i+1])
		}
	}
	return p.walk(p.visit("GET", "/oauth2/authorize?"+request.Encode(), nil), email, password, redirectURI)
}

// walk does what the pages ask from here on, until the client is called back.
func (p *person) walk(at, email, password, redirectURI string) url.Values {
	p.t.Helper()
	for range 6 {
		switch {
		case strings.HasPrefix(at, redirectURI+"?"):
			u, err := url.Parse(at)
			if err != nil {
				p.t.Fatal(err)
			}
			return u.Query()
		case strings.HasPrefix(at, "/"):
			at = p.visit("GET", at, nil)
		case strings.Contains(p.page, `name="password"`):
			at = p.visit("POST", "/signin", url.Values{"ticket": {p.ticket()}, "email": {email}, "password": {password}})
		default:
			at = p.visit("POST", "/consent", url.Values{"ticket": {p.ticket()}, "decision": {"allow"}})
		}
	}
	p.t.Fatalf("no way to the client: at %q: %s", at, p.page)
	return nil
}
