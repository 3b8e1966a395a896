package main

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/oauth2/clientcredentials"

	"gatehouse/social"
	"gatehouse/store"
)

// mint lets a provider's stand-in sign somebody in.
func (d *devRun) mint(provider, who string) (idToken, accessToken string) {
	d.t.Helper()
	code, made := d.call("POST", d.ready.Providers[provider].URL+"/_dev/tokens", "", who)
	if code != 200 {
		d.t.Fatalf("mint at %s: %d %v", provider, code, made)
	}
	idToken, _ = made["id_token"].(string)
	accessToken, _ = made["access_token"].(string)
	return idToken, accessToken
}

// exchange brings a provider's token as the client web. kind is id_token or
// access_token.
func (d *devRun) exchange(provider, kind, token string) (int, map[string]any) {
	d.t.Helper()
	return d.form("/oauth2/token", url.Values{"grant_type": {store.GrantTokenExchange}, "subject_issuer": {provider},
		"subject_token": {token}, "subject_token_type": {"urn:ietf:params:oauth:token-type:" + kind}})
}

// signedIn is the account that the token opens at the API.
func (d *devRun) signedIn(code int, token map[string]any) map[string]any {
	d.t.Helper()
	if code != 200 || token["refresh_token"] == nil {
		d.t.Fatalf("exchange: %d %v", code, token)
	}
	code, me := d.call("GET", d.ready.API+"/accounts/me", token["access_token"].(string), "")
	if code != 200 {
		d.t.Fatalf("me: %d %v", code, me)
	}
	return me
}

// TestSocialSignIn is what a frontend does with what Google or Facebook gave
// it, from the stand-in to the API.
func TestSocialSignIn(t *testing.T) {
	d := startDev(t, t.TempDir())
	const ada = `{"email":"ada@gmail.com","name":"Ada Lovelace"}`
	idToken, accessToken := d.mint("google", ada)
	first := d.signedIn(d.exchange("google", "id_token", idToken))
	if first["email"] != "ada@gmail.com" || first["email_verified"] != true || first["first_name"] != "Ada" {
		t.Errorf("by Google's ID token: %v", first)
	}
	if again := d.signedIn(d.exchange("google", "access_token", accessToken)); again["id"] != first["id"] {
		t.Errorf("by Google's access token another account: %v", again)
	}
	idToken, accessToken = d.mint("facebook", `{"email":"grace@example.com","name":"Grace Hopper"}`)
	grace := d.signedIn(d.exchange("facebook", "access_token", accessToken))
	if grace["first_name"] != "Grace" || grace["id"] == first["id"] || grace["email_verified"] != false {
		t.Errorf("by Facebook's access token: %v", grace)
	}
	if again := d.signedIn(d.exchange("facebook", "id_token", idToken)); again["id"] != grace["id"] {
		t.Errorf("by Facebook's ID token another account: %v", again)
	}
	d.byFrontends(t)
	d.refused(t)
	d.providerDown(t)
	d.showsProviders(t)
}

// byFrontends brings tokens as the clients that keep no secret.
func (d *devRun) byFrontends(t *testing.T) {
	for _, id := range []string{"spa", "tutorial"} {
		idToken, _ := d.mint("google", `{}`)
		form := url.Values{"grant_type": {store.GrantTokenExchange}, "subject_token": {idToken},
			"subject_token_type": {"urn:ietf:params:oauth:token-type:id_token"}, "client_id": {id}}
		if secret := d.ready.Clients[id].Secret; secret != "" {
			form.Set("client_secret", secret)
		}
		if me := d.signedIn(d.post(form)); me["email"] != "ada@gmail.com" {
			t.Errorf("%s: %v", id, me)
		}
	}
}

// post sends a form to the token endpoint, with no credentials but those in it.
func (d *devRun) post(form url.Values) (int, map[string]any) {
	d.t.Helper()
	req, err := http.NewRequest("POST", d.ready.Issuer+"/oauth2/token", strings.NewReader(form.Encode()))
	if err != nil {
		d.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return d.send(req)
}

// refused brings tokens that were issued to another app.
func (d *devRun) refused(t *testing.T) {
	for _, tt := range []struct{ provider, kind, want string }{
		{"google", "id_token", "the google token was issued to client 999, not to the one accepted"},
		{"google", "access_token", "the google token was issued to client 999, not to the one accepted"},
		{"facebook", "access_token", "the facebook token was issued to another app"},
	} {
		idToken, token := d.mint(tt.provider, `{"aud":"999","email":"eve@gmail.com"}`)
		if tt.kind == "id_token" {
			token = idToken
		}
		code, answer := d.exchange(tt.provider, tt.kind, token)
		if code != 400 || answer["error"] != "invalid_request" || answer["reason"] != "audience" || answer["error_description"] != tt.want {
			t.Errorf("%s's %s of another app: %d %v", tt.provider, tt.kind, code, answer)
		}
	}
}

// providerDown fails Google and mends it again.
func (d *devRun) providerDown(t *testing.T) {
	_, accessToken := d.mint("google", `{}`)
	for _, tt := range []struct {
		mode string
		code int
		err  any
	}{{"down", 503, "temporarily_unavailable"}, {"ok", 200, nil}} {
		if code, answer := d.call("POST", d.ready.Providers["google"].URL+"/_dev/faults", "", `{"mode":"`+tt.mode+`"}`); code != 200 {
			t.Fatalf("%d %v", code, answer)
		}
		if code, answer := d.exchange("google", "access_token", accessToken); code != tt.code || answer["error"] != tt.err {
			t.Errorf("Google %s: %d %v", tt.mode, code, answer)
		}
	}
}

// showsProviders asks as the operator.
func (d *devRun) showsProviders(t *testing.T) {
	op := clientcredentials.Config{ClientID: d.ready.Clients["operator"].ID, ClientSecret: d.ready.Clients["operator"].Secret,
		TokenURL: d.ready.Issuer + "/oauth2/token", Scopes: []string{"admin"}}
	token, err := op.Token(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	code, list := d.call("GET", d.ready.Admin+"/admin/providers", token.AccessToken, "")
	items, _ := list["items"].([]any)
	if code != 200 || len(items) != 2 {
		t.Fatalf("%d %v", code, list)
	}
	google := items[1].(map[string]any)
	health, _ := google["health"].(map[string]any)
	if health["state"] != "ok" || health["last_success"] == nil || health["keys_read"] == nil || health["last_error"] != "tokeninfo: answered 503" {
		t.Errorf("health: %v", health)
	}
	delete(google, "health")
	want := map[string]any{"name": "google", "kind": "google", "issuers": []any{"https://accounts.google.com", "accounts.google.com"},
		"audiences": []any{d.ready.Providers["google"].ClientID}, "sign_up": "open", "auto_link": false}
	if diff := cmp.Diff(want, google); diff != "" {
		t.Error(diff)
	}
}

// TestBackendNarrowsAToken has the client service exchange what a user's
// frontend sent it.
func TestBackendNarrowsAToken(t *testing.T) {
	d := startDev(t, t.TempDir())
	_, token := d.form("/oauth2/token", url.Values{"grant_type": {"password"}, "username": {d.ready.User.Email}, "password": {d.ready.User.Password}})
	subject, _ := token["access_token"].(string)
	service := d.ready.Clients["service"]
	code, narrowed := d.post(url.Values{"grant_type": {store.GrantTokenExchange}, "subject_token": {subject}, "scope": {"read"},
		"subject_token_type": {"urn:ietf:params:oauth:token-type:access_token"}, "client_id": {service.ID}, "client_secret": {service.Secret}})
	if code != 200 || narrowed["scope"] != "read" || narrowed["refresh_token"] != nil {
		t.Fatalf("%d %v", code, narrowed)
	}
	if code, me := d.call("GET", d.ready.API+"/accounts/me", narrowed["access_token"].(string), ""); code != 200 || me["username"] != "demo" || me["email"] != nil { // it was not allowed the address
		t.Errorf("me: %d %v", code, me)
	}
}

// A token for the API looks after its account at the authorization server too.
func TestAPITokenListsIdentities(t *testing.T) {
	d := startDev(t, t.TempDir())
	idToken, _ := d.mint("google", `{}`)
	_, token := d.exchange("google", "id_token", idToken)
	code, list := d.call("GET", d.ready.Issuer+"/account/identities", token["access_token"].(string), "")
	if items, _ := list["items"].([]any); code != 200 || len(items) != 1 {
		t.Errorf("%d %v", code, list)
	}
}

// TestProvidersOfDev checks the stand-ins of a running one, by the folder.
func TestProvidersOfDev(t *testing.T) {
	dir := t.TempDir()
	d := startDev(t, dir)
	check := func(facebook string) (string, error) {
		root, out := newRoot(), new(syncBuffer)
		root.SetArgs([]string{"providers", "check", "--data", filepath.Join(dir, "data"), "--stub-facebook-addr", facebook,
			"--stub-google-addr", strings.TrimPrefix(d.ready.Providers["google"].URL, "http://")})
		root.SetOut(out)
		err := root.ExecuteContext(t.Context())
		return out.String(), err
	}
	if out, err := check(strings.TrimPrefix(d.ready.Providers["facebook"].URL, "http://")); err != nil || out != "facebook  ok\ngoogle    ok\n" {
		t.Errorf("%v %s", err, out)
	}
	if _, err := check("127.0.0.1:0"); err == nil || !strings.Contains(err.Error(), "does not tell the port") {
		t.Errorf("a port that is not known: %v", err)
	}
	out, err := check(strings.TrimPrefix(d.ready.Providers["google"].URL, "http://"))
	if err == nil || exitCode(err) != 1 || !strings.Contains(out, "google    ok") || strings.Contains(out, "facebook  ok") {
		t.Errorf("Google in Facebook's place: %v %s", err, out)
	}
}

// TestRedirectURIsOfDev are shown without a running one.
func TestRedirectURIsOfDev(t *testing.T) {
	dir := t.TempDir()
	if _, err := openDevData(dir); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ addr, want string }{
		{"127.0.0.1:9000", `"redirect_uri": "http://127.0.0.1:9000/signin/google/callback"`},
		{"127.0.0.1:7000", `"redirect_uri": "http://127.0.0.1:7000/signin/facebook/callback"`},
		{"127.0.0.1:0", ""}, // it does not tell the port
	} {
		root, out := newRoot(), new(syncBuffer)
		root.SetArgs([]string{"providers", "list", "--data", dir, "--format", "json", "--public-addr", tt.addr})
		root.SetOut(out)
		if err := root.ExecuteContext(t.Context()); err != nil || !strings.Contains(out.String(), tt.want) || tt.want == "" && strings.Contains(out.String(), "redirect_uri") {
			t.Errorf("%s: %v %s", tt.addr, err, out)
		}
	}
}

// The stand-ins take part in sign-in by redirect, as they are configured.
func TestStandInsRedirect(t *testing.T) {
	dir := t.TempDir()
	d := startDev(t, dir)
	made, err := readDevData(filepath.Join(dir, "data"))
	if err != nil {
		t.Fatal(err)
	}
	for name, configured := range map[string]social.Config{
		"google":   made.StandIns["google"].google(d.ready.Providers["google"].URL),
		"facebook": made.StandIns["facebook"].facebook(d.ready.Providers["facebook"].URL),
	} {
		p, err := Config{}.newProvider(configured, slog.New(slog.DiscardHandler))
		if err != nil || !p.Redirects() {
			t.Fatalf("%s: %v", name, err)
		}
		r := social.NewRedirection(d.ready.Issuer + "/signin/" + name + "/callback")
		address, err := p.AuthorizationURL(t.Context(), r)
		if err != nil {
			t.Fatal(err)
		}
		browser, err := http.NewRequestWithContext(t.Context(), "GET", address+"&_dev_email=ada%40gmail.com", nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.DefaultTransport.RoundTrip(browser) // follows no redirect
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		back, err := resp.Location()
		if err != nil {
			t.Fatalf("%s: %d, %v", name, resp.StatusCode, err)
		}
		if id, err := p.Redeem(t.Context(), r, back.Query()); err != nil || id.Email != "ada@gmail.com" {
			t.Errorf("%s: %+v, %v", name, id, err)
		}
	}
}

// Whoever configured a provider gets that one, and no stand-in for it.
func TestConfiguredProviderHasNoStandIn(t *testing.T) {
	t.Setenv("GATEHOUSE_PROVIDERS__GOOGLE__AUDIENCES", "real.apps.googleusercontent.com")
	d := startDev(t, t.TempDir())
	if _, ok := d.ready.Providers["google"]; ok || d.ready.Providers["facebook"].ClientID == "" {
		t.Errorf("stand-ins: %v", d.ready.Providers)
	}
	if screen := d.screen.String(); strings.Contains(screen, "Google") || !strings.Contains(screen, "subject_issuer=facebook") {
		t.Error(screen)
	}
	_, accessToken := d.mint("facebook", `{}`)
	d.signedIn(d.exchange("facebook", "access_token", accessToken))
}

// A folder of a build that had no stand-ins gets them, and keeps its passwords.
func TestFolderOfAnEarlierBuild(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	first, err := openDevData(dir)
	if err != nil {
		t.Fatal(err)
	}
	first.StandIns = nil
	text, err := json.Marshal(first)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(first.file(), text, 0o600); err != nil {
		t.Fatal(err)
	}
	second, err := openDevData(dir)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(first.devCredentials, second.devCredentials); diff != "" {
		t.Error(diff)
	}
	third, err := openDevData(dir)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(second.StandIns, third.StandIns); diff != "" || second.StandIns["facebook"].ClientSecret == "" {
		t.Errorf("stand-ins: %s", diff)
	}
}
