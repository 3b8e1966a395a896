package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	"gatehouse/store"
)

// devRun is a `gatehouse dev` under way in this process.
type devRun struct {
	t      *testing.T
	ready  devReady
	file   string
	screen *syncBuffer
	stop   func() error
}

type syncBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// startDev runs the command line as a user would, on free ports.
func startDev(t *testing.T, dir string, args ...string) *devRun {
	t.Helper()
	d := &devRun{t: t, file: filepath.Join(dir, "ready.json"), screen: new(syncBuffer)}
	ctx, cancel := context.WithCancel(context.Background())
	root := newRoot()
	root.SetArgs(append([]string{"dev", "--data", filepath.Join(dir, "data"), "--ready-file", d.file, "--log-level", "error",
		"--public-addr", "127.0.0.1:0", "--admin-addr", "127.0.0.1:0", "--api-addr", "127.0.0.1:0",
		"--demo-addr", "127.0.0.1:0", "--mail-addr", "127.0.0.1:0", "--stub-google-addr", "127.0.0.1:0", "--stub-facebook-addr", "127.0.0.1:0"}, args...))
	root.SetOut(d.screen)
	var result error
	done := make(chan struct{})
	go func() {
		defer close(done)
		result = root.ExecuteContext(ctx)
	}()
	d.stop = func() error {
		cancel()
		<-done
		return result
	}
	t.Cleanup(func() { d.stop() })
	for {
		text, err := os.ReadFile(d.file)
		if err == nil {
			if err := json.Unmarshal(text, &d.ready); err != nil {
				t.Fatalf("the ready file is not whole: %v", err)
			}
			return d
		}
		select {
		case <-done:
			t.Fatalf("gatehouse dev: %v", result)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// call sends a request with a Bearer token and returns status and body.
func (d *devRun) call(method, address, token, body string) (int, map[string]any) {
	d.t.Helper()
	req, err := http.NewRequest(method, address, strings.NewReader(body))
	if err != nil {
		d.t.Fatal(err)
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	return d.send(req)
}

func (d *devRun) form(path string, form url.Values) (int, map[string]any) {
	d.t.Helper()
	req, err := http.NewRequest("POST", d.ready.Issuer+path, strings.NewReader(form.Encode()))
	if err != nil {
		d.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.SetBasicAuth(d.ready.Clients["web"].ID, d.ready.Clients["web"].Secret)
	return d.send(req)
}

func (d *devRun) send(req *http.Request) (int, map[string]any) {
	d.t.Helper()
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		d.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, _ := io.ReadAll(resp.Body)
	var answer map[string]any
	json.Unmarshal(text, &answer)
	return resp.StatusCode, answer
}

// TestFirstHour is what a newcomer does: sign up, get tokens, call the API,
// refresh, sign out.
func TestFirstHour(t *testing.T) {
	d := startDev(t, t.TempDir(), "--refresh-grace", "2s")
	const email, password = "bo@example.com", "correct horse battery"
	code, made := d.call("POST", d.ready.API+"/accounts", "", `{"email":"`+email+`","username":"bo","first_name":"Bo","password":"`+password+`"}`)
	if code != 201 || made["token"] == nil || made["sign_in_error"] != nil {
		t.Fatalf("sign-up: %d %v", code, made)
	}
	web := oauth2.Config{ClientID: d.ready.Clients["web"].ID, ClientSecret: d.ready.Clients["web"].Secret,
		Endpoint: oauth2.Endpoint{TokenURL: d.ready.Issuer + "/oauth2/token"}}
	first, err := web.PasswordCredentialsToken(context.Background(), email, password)
	if err != nil {
		t.Fatal(err)
	}
	me := d.ready.API + "/accounts/me"
	if code, account := d.call("GET", me, first.AccessToken, ""); code != 200 || account["email"] != email {
		t.Errorf("me: %d %v", code, account)
	}
	second, err := web.TokenSource(context.Background(), &oauth2.Token{RefreshToken: first.RefreshToken, Expiry: time.Unix(1, 0)}).Token()
	if err != nil {
		t.Fatal(err)
	}
	if code, _ := d.call("GET", me, first.AccessToken, ""); code != 401 {
		t.Errorf("the spent access token: %d", code)
	}
	refresh := func() (int, map[string]any) {
		return d.form("/oauth2/token", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {first.RefreshToken}})
	}
	if code, again := refresh(); code != 200 || again["access_token"] != second.AccessToken {
		t.Errorf("the old refresh token within the grace: %d %v", code, again)
	}
	third, err := web.PasswordCredentialsToken(context.Background(), email, password)
	if err != nil {
		t.Fatal(err)
	}
	if code, _ := d.form("/oauth2/revoke", url.Values{"token": {third.RefreshToken}}); code != 200 {
		t.Errorf("revoke: %d", code)
	}
	if code, _ := d.call("GET", me, third.AccessToken, ""); code != 401 {
		t.Errorf("me after revocation: %d", code)
	}
	time.Sleep(2100 * time.Millisecond) // the grace, on the real clock
	if code, again := refresh(); code != 400 || again["error"] != "invalid_grant" {
		t.Errorf("the old refresh token after the grace: %d %v", code, again)
	}
	if code, _ := d.call("GET", me, second.AccessToken, ""); code != 401 {
		t.Errorf("me after reuse ended the family: %d", code)
	}
}

func TestOperatorPath(t *testing.T) {
	d := startDev(t, t.TempDir())
	op := clientcredentials.Config{ClientID: d.ready.Clients["operator"].ID, ClientSecret: d.ready.Clients["operator"].Secret,
		TokenURL: d.ready.Issuer + "/oauth2/token", Scopes: []string{"admin"}}
	admin, err := op.Token(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	code, client := d.call("POST", d.ready.Admin+"/admin/clients", admin.AccessToken,
		`{"client_name":"Shop","grant_types":["client_credentials"],"scope":"read","default_scope":"read"}`)
	if code != 201 {
		t.Fatalf("create a client: %d %v", code, client)
	}
	shop := clientcredentials.Config{ClientID: client["client_id"].(string), ClientSecret: client["client_secret"].(string), TokenURL: op.TokenURL}
	token, err := shop.Token(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		token string
		code  int
	}{"none": {"", 401}, "another client's": {token.AccessToken, 403}, "forged": {"gth_at_x", 401}, "operator's": {admin.AccessToken, 200}} {
		if code, answer := d.call("GET", d.ready.Admin+"/admin/clients", tt.token, ""); code != tt.code {
			t.Errorf("%s token: %d %v", name, code, answer)
		}
	}
	if code, _ := d.call("GET", d.ready.Issuer+"/admin/clients", admin.AccessToken, ""); code != 404 {
		t.Errorf("the admin API at the public address: %d", code)
	}
}

func TestSecondStartFindsEverythingAgain(t *testing.T) {
	dir := t.TempDir()
	audience := "--api-audience=https://api.example.com" // or each free port would be another API
	first := startDev(t, dir, audience)
	pw := url.Values{"grant_type": {"password"}, "username": {first.ready.User.Email}, "password": {first.ready.User.Password}}
	code, token := first.form("/oauth2/token", pw)
	if code != 200 {
		t.Fatalf("%d %v", code, token)
	}
	if info, err := os.Stat(first.file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("ready file: %v %v", info, err)
	}
	if err := first.stop(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(first.file); !os.IsNotExist(err) {
		t.Errorf("the ready file is still there: %v", err)
	}
	second := startDev(t, dir, audience)
	if second.ready.Clients["web"] != first.ready.Clients["web"] || second.ready.User != first.ready.User ||
		second.ready.Providers["google"].ClientID != first.ready.Providers["google"].ClientID {
		t.Error("other credentials")
	}
	if code, _ := second.form("/oauth2/token", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token["refresh_token"].(string)}}); code != 200 {
		t.Errorf("a token of the first run: %d", code)
	}
	if code, token := second.form("/oauth2/token", pw); code != 200 {
		t.Errorf("%d %v", code, token)
	} else if code, me := second.call("GET", second.ready.API+"/accounts/me", token["access_token"].(string), ""); code != 200 {
		t.Errorf("the API does not take the token: %d %v", code, me)
	}
}

// A start that fails must not take the running one's ready file away.
func TestSecondStartBesideTheFirstIsRefused(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "data"), 0o755); err != nil {
		t.Fatal(err)
	}
	first := startDev(t, dir)
	root := newRoot()
	root.SetArgs([]string{"dev", "--data", filepath.Join(dir, "data"), "--ready-file", first.file,
		"--public-addr", "127.0.0.1:0", "--admin-addr", "127.0.0.1:0", "--api-addr", "127.0.0.1:0"})
	if err := root.ExecuteContext(t.Context()); err == nil || !strings.Contains(err.Error(), "another server process") {
		t.Errorf("a second one: %v", err)
	}
	if _, err := os.Stat(first.file); err != nil {
		t.Error(err)
	}
	if info, err := os.Stat(filepath.Join(dir, "data")); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the folder is open to others: %v %v", info.Mode(), err)
	}
}

// What somebody changed about a client of dev is as it was after the next start.
func TestStartBringsClientsUpToDate(t *testing.T) {
	dir := t.TempDir()
	ctx := context.Background()
	first := startDev(t, dir)
	if err := first.stop(); err != nil {
		t.Fatal(err)
	}
	st, err := store.Open(ctx, store.Config{URL: "sqlite://" + filepath.Join(dir, "data", "gatehouse.db")})
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	if _, err := st.UpdateClient(ctx, "tutorial", func(c *store.Client) error { c.AccessTokenLifetime = 5; return nil }); err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"web", "spa"} { // as an earlier build made them
		if _, err := st.UpdateClient(ctx, id, func(c *store.Client) error {
			c.GrantTypes, c.RedirectURIs, c.PostLogoutRedirectURIs = store.Words{store.GrantPassword, store.GrantRefreshToken}, nil, nil
			c.Scope = store.Words{"read", "write"}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	second := startDev(t, dir)
	for _, tt := range []struct{ client, path, to string }{
		{"web", "/oauth2/authorize?redirect_uri=http://127.0.0.1:5173/callback", "/signin?ticket="},
		{"spa", "/oauth2/authorize?redirect_uri=http://localhost:3000/callback", "/signin?ticket="},
		{"spa", "/oauth2/authorize?redirect_uri=http://localhost:3001/callback", ""},
		{"web", "/oauth2/logout?post_logout_redirect_uri=http://127.0.0.1:3000/", "http://127.0.0.1:3000/"},
		{"spa", "/oauth2/logout?post_logout_redirect_uri=http://localhost:3000/", "http://localhost:3000/"},
	} {
		req, err := http.NewRequestWithContext(ctx, "GET", second.ready.Issuer+tt.path+"&response_type=code&client_id="+tt.client+
			"&scope=openid+profile+email+offline_access+read+write&code_challenge_method=S256&code_challenge="+strings.Repeat("A", 43), nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.DefaultTransport.RoundTrip(req) // follows no redirect
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if to := resp.Header.Get("Location"); !strings.HasPrefix(to, tt.to) || (tt.to == "") != (to == "") {
			t.Errorf("%s at %s: %d to %q", tt.client, tt.path, resp.StatusCode, to)
		}
	}
	token := second.tutorialToken()
	if token["expires_in"] != 36000.0 || token["scope"] != "read write" || token["refresh_token"] == nil {
		t.Errorf("%v", token)
	}
}

// tutorialToken signs the demo user in as the tutorial's frontend does.
func (d *devRun) tutorialToken() map[string]any {
	d.t.Helper()
	tutorial := d.ready.Clients["tutorial"]
	form := url.Values{"grant_type": {"password"}, "username": {d.ready.User.Email}, "password": {d.ready.User.Password},
		"client_id": {tutorial.ID}, "client_secret": {tutorial.Secret}}
	_, token := d.post(form)
	return token
}

func TestDevAnswersLoopbackNamesAlone(t *testing.T) {
	d := startDev(t, t.TempDir())
	for _, address := range []string{d.ready.Issuer, d.ready.Admin, d.ready.API, d.ready.Mail, d.ready.Providers["google"].URL, d.ready.Providers["facebook"].URL} {
		req, _ := http.NewRequest("GET", address+"/livez", nil)
		req.Host = "evil.example.com"
		if code, _ := d.send(req); code != http.StatusMisdirectedRequest {
			t.Errorf("%s by another name: %d", address, code)
		}
	}
}

// TestScreenSaysWhatToTypeNext pastes the lines that the screen shows into a
// shell, whose curl is ours.
func TestScreenSaysWhatToTypeNext(t *testing.T) {
	d := startDev(t, t.TempDir())
	lines := regexp.MustCompile(`(?m)^  ((?:TOKEN=\$\()?curl -s .*)$`).FindAllStringSubmatch(d.screen.String(), -1)
	ask := regexp.MustCompile(`(?m)^  http://\S+(/oauth2/authorize\?\S+)$`).FindStringSubmatch(d.screen.String())
	if len(lines) != 5 || ask == nil || !strings.Contains(d.screen.String(), "sign in, your account "+d.ready.Issuer+"/account\n") {
		t.Fatal(d.screen.String())
	}
	var password, exchanged, coded, me map[string]any
	run := func(script string, into *map[string]any) {
		t.Helper()
		out, err := exec.Command("sh", "-c", script).CombinedOutput()
		if err != nil || json.Unmarshal(out, into) != nil {
			t.Fatalf("%s: %v %s", script, err, out)
		}
	}
	run(lines[0][1], &password)
	run(lines[1][1]+"\n"+lines[2][1], &exchanged)
	request, err := url.ParseQuery(ask[1][strings.Index(ask[1], "?")+1:])
	if err != nil {
		t.Fatal(err)
	}
	user := &person{t: t, issuer: d.ready.Issuer}
	code := user.walk(user.visit("GET", ask[1], nil), d.ready.User.Email, d.ready.User.Password, request.Get("redirect_uri")).Get("code")
	run(strings.Replace(lines[3][1], "CODE", code, 1), &coded)
	if coded["id_token"] == nil {
		t.Errorf("%v", coded)
	}
	for _, tt := range []struct {
		email string
		token map[string]any
	}{{"demo@example.com", password}, {"ada@gmail.com", exchanged}, {"demo@example.com", coded}} {
		text, _ := tt.token["access_token"].(string)
		run(strings.Replace(lines[4][1], "ACCESS_TOKEN", text, 1), &me)
		if me["email"] != tt.email {
			t.Errorf("%s: %v, %v", tt.email, tt.token, me)
		}
	}
}

// curl knows what the screen makes use of.
func curl() {
	req, body := &http.Request{Method: "GET", Header: http.Header{}}, []string(nil)
	for args := os.Args[1:]; len(args) > 0; args = args[1:] {
		value := ""
		if len(args[0]) == 2 && args[0] != "-s" {
			value, args = args[1], append([]string{args[0]}, args[2:]...)
		}
		switch args[0] {
		case "-s":
		case "-u":
			user, password, _ := strings.Cut(value, ":")
			req.SetBasicAuth(user, password)
		case "-H":
			name, text, _ := strings.Cut(value, ": ")
			req.Header.Set(name, text)
		case "-d":
			req.Method, body = "POST", append(body, value)
		default:
			req.URL, _ = url.Parse(args[0])
		}
	}
	if body != nil {
		req.Body = io.NopCloser(strings.NewReader(strings.Join(body, "&")))
		if req.Header.Get("Content-Type") == "" {
			req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		}
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(7)
	}
	io.Copy(os.Stdout, resp.Body)
}
