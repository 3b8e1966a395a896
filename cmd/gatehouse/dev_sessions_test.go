package main

import (
	"bytes"
	"encoding/json"
	"net/url"
	"path/filepath"
	"testing"
)

const spaCallback = "http://127.0.0.1:5173/callback"

// browse signs the demo user in at a new browser, for the single-page
// application and its API.
func (d *devRun) browse() (*person, map[string]any) {
	d.t.Helper()
	p := &person{t: d.t, issuer: d.ready.Issuer}
	code := p.authorize(d.ready.User.Email, d.ready.User.Password, "spa", spaCallback, "scope", "openid email read write").Get("code")
	status, token := d.post(url.Values{"grant_type": {"authorization_code"}, "client_id": {"spa"}, "code": {code}, "redirect_uri": {spaCallback}, "code_verifier": {codeVerifier}})
	if status != 200 || token["id_token"] == nil {
		d.t.Fatalf("%d %v", status, token)
	}
	return p, token
}

// signedIn asks without being seen.
func (p *person) signedIn() bool {
	p.t.Helper()
	return p.authorize("", "", "spa", spaCallback, "scope", "openid", "prompt", "none").Has("code")
}

// run runs a command beside the server, on its data.
func (d *devRun) run(args ...string) map[string]any {
	d.t.Helper()
	var out bytes.Buffer
	root := newRoot()
	root.SetOut(&out)
	root.SetArgs(append(args, "--format", "json", "--data", filepath.Join(filepath.Dir(d.file), "data")))
	if err := root.ExecuteContext(d.t.Context()); err != nil {
		d.t.Fatalf("%v: %v", args, err)
	}
	var answer map[string]any
	if err := json.Unmarshal(out.Bytes(), &answer); err != nil {
		d.t.Fatalf("%v: %s", args, out.String())
	}
	return answer
}

// TestSessionsOfDev has what ends browsers' sessions at the API and on the
// machine.
func TestSessionsOfDev(t *testing.T) {
	d := startDev(t, t.TempDir())
	laptop, mine := d.browse()
	phone, other := d.browse()
	opens := func(token map[string]any) bool {
		code, _ := d.call("GET", d.ready.API+"/accounts/me", token["access_token"].(string), "")
		return code == 200
	}
	list := d.run("accounts", "sessions", d.ready.User.Email)["items"].([]any)
	if len(list) != 2 || list[0].(map[string]any)["user_agent"] != "Go-http-client/1.1" || list[0].(map[string]any)["amr"].([]any)[0] != "pwd" {
		t.Errorf("%v", list)
	}
	password := `{"old_password":"` + d.ready.User.Password + `","new_password":"another correct horse"}`
	if code, answer := d.call("POST", d.ready.API+"/accounts/me/password", mine["access_token"].(string), password); code != 204 {
		t.Fatalf("change the password: %d %v", code, answer)
	}
	if !laptop.signedIn() || !opens(mine) || phone.signedIn() || opens(other) {
		t.Errorf("who changed it: signed in %t, token %t; elsewhere: %t, %t", laptop.signedIn(), opens(mine), phone.signedIn(), opens(other))
	}
	if n := d.run("accounts", "end-sessions", d.ready.User.Email)["ended"]; n != 1.0 || laptop.signedIn() || opens(mine) {
		t.Errorf("%v ended on the machine, signed in %t, token %t", n, laptop.signedIn(), opens(mine))
	}
	if list := d.run("accounts", "sessions", d.ready.User.Email)["items"].([]any); len(list) != 0 {
		t.Errorf("left: %v", list)
	}
}
