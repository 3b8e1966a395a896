package main

import (
	"context"
	"database/sql"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"
	"golang.org/x/oauth2"
)

// signIn has somebody without JavaScript sign in for the application.
func (a *application) signIn(p *person, u devUser, more url.Values) *arrival {
	a.t.Helper()
	at := p.visit("GET", strings.TrimPrefix(a.begin(more), a.issuer()), nil)
	return a.arrive(p.walk(at, u.Email, u.Password, a.config.RedirectURL))
}

func (a *application) arrive(answer url.Values) *arrival {
	a.t.Helper()
	in, err := a.finish(context.Background(), "GET", answer)
	if err != nil {
		a.t.Fatalf("%v: %v", answer, err)
	}
	return in
}

// TestOpenIDClients is go-oidc and golang.org/x/oauth2 at a gatehouse dev.
func TestOpenIDClients(t *testing.T) {
	d := startDev(t, t.TempDir())
	for _, tt := range []struct {
		name, algorithm string
		flags           []string
	}{
		{"RS256", oidc.RS256, nil},
		{"ES256, public", oidc.ES256, []string{"--id-token-signed-response-alg", "ES256", "--type", "public"}},
		{"ES256, secret in the body", oidc.ES256, []string{"--id-token-signed-response-alg", "ES256", "--token-endpoint-auth-method", "client_secret_post"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := newApplication(t, d, strings.ToLower(strings.NewReplacer(" ", "-", ",", "").Replace(tt.name)), tt.name, tt.flags...)
			p := &person{t: t, issuer: d.ready.Issuer}
			in := a.signIn(p, d.ready.User, nil)
			if got := algorithm(t, in.idToken); got != tt.algorithm || in.claims.Email != d.ready.User.Email || in.claims.SID == "" {
				t.Errorf("%s: %+v", got, in.claims)
			}
			a.holdsUserInfo(in)
			again := a.signIn(p, devUser{}, url.Values{"prompt": {"none"}, "max_age": {"600"}})
			if again.claims.SID != in.claims.SID || again.claims.AuthTime != in.claims.AuthTime {
				t.Errorf("%+v, before %+v", again.claims, in.claims)
			}
			a.holdsRefresh(again)
		})
	}
}

func (a *application) holdsUserInfo(in *arrival) {
	a.t.Helper()
	info, err := a.provider.UserInfo(context.Background(), oauth2.StaticTokenSource(in.token))
	if err != nil || info.Subject != in.claims.Subject || info.Email != in.claims.Email || !info.EmailVerified {
		a.t.Errorf("%+v, %v", info, err)
	}
}

// holdsRefresh has golang.org/x/oauth2 renew a token, with what OpenID Connect
// Core §12.2 says of the ID token that comes with it.
func (a *application) holdsRefresh(in *arrival) {
	a.t.Helper()
	ctx := context.Background()
	old := *in.token
	old.Expiry = time.Unix(1, 0)
	next, err := a.config.TokenSource(ctx, &old).Token()
	if err != nil {
		a.t.Fatal(err)
	}
	renewed := &arrival{token: next}
	if err := a.judge(ctx, renewed); err != nil {
		a.t.Fatal(err)
	}
	if renewed.claims.Subject != in.claims.Subject || renewed.claims.AuthTime != in.claims.AuthTime || renewed.claims.SID != in.claims.SID || next.RefreshToken == old.RefreshToken {
		a.t.Errorf("%+v, before %+v", renewed.claims, in.claims)
	}
	a.holdsUserInfo(renewed)
	if _, err := a.provider.UserInfo(ctx, oauth2.StaticTokenSource(in.token)); err == nil {
		a.t.Error("the spent access token opens userinfo")
	}
}

// kidOf is the kid of an ID token.
func kidOf(t *testing.T, idToken string) string {
	t.Helper()
	jws, err := jose.ParseSignedCompact(idToken, []jose.SignatureAlgorithm{jose.RS256, jose.ES256})
	if err != nil {
		t.Fatal(err)
	}
	return jws.Signatures[0].Header.KeyID
}

// TestKeysRotateUnderAClient rotates on the machine beside the server. The client
// goes on: what it verifies by is read again when it meets a key that it does not
// know.
func TestKeysRotateUnderAClient(t *testing.T) {
	dir := t.TempDir()
	d := startDev(t, dir)
	a := newApplication(t, d, "log", "Log")
	p := &person{t: t, issuer: d.ready.Issuer}
	before := a.signIn(p, d.ready.User, nil)
	first := kidOf(t, before.idToken)
	again := func() *arrival { return a.signIn(p, devUser{}, url.Values{"prompt": {"none"}}) }

	made := d.run("keys", "rotate", "--algorithm", "RS256")["items"].([]any)
	next := made[len(made)-1].(map[string]any)["kid"].(string)
	if kid := kidOf(t, again().idToken); kid != first {
		t.Errorf("signed by %s before anybody can have seen it", kid)
	}
	d.anHourLater(dir)
	signedBy := func(kid string) *arrival {
		t.Helper()
		for end := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
			if in := again(); kidOf(t, in.idToken) == kid {
				return in
			} else if time.Now().After(end) {
				t.Fatalf("signed by %s, want %s", kidOf(t, in.idToken), kid)
			}
		}
	}
	after := signedBy(next)
	fresh, err := oidc.NewProvider(context.Background(), d.ready.Issuer)
	if err != nil {
		t.Fatal(err)
	}
	for name, in := range map[string]*arrival{"before": before, "after": after} {
		if _, err := fresh.Verifier(&oidc.Config{ClientID: "log"}).Verify(context.Background(), in.idToken); err != nil {
			t.Errorf("signed %s, by who has not seen it before: %v", name, err)
		}
		a.holdsUserInfo(in)
	}

	made = d.run("keys", "rotate", "--algorithm", "RS256", "--now")["items"].([]any)
	last := made[len(made)-1].(map[string]any)["kid"].(string)
	signedBy(last)
	stolen, err := oidc.NewProvider(context.Background(), d.ready.Issuer)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := stolen.Verifier(&oidc.Config{ClientID: "log"}).Verify(context.Background(), after.idToken); err == nil {
		t.Error("a key that was revoked is still published")
	}
}

// anHourLater lets an hour have passed since the keys were made.
func (d *devRun) anHourLater(dir string) {
	d.t.Helper()
	db, err := sql.Open("sqlite", filepath.Join(dir, "data", "gatehouse.db")+"?_pragma=busy_timeout(10000)")
	if err != nil {
		d.t.Fatal(err)
	}
	defer db.Close()
	rows, err := db.Query(`SELECT kid, active_at FROM signing_keys`)
	if err != nil {
		d.t.Fatal(err)
	}
	earlier := map[string]time.Time{}
	for rows.Next() {
		var kid string
		var at time.Time
		if err := rows.Scan(&kid, &at); err != nil {
			d.t.Fatal(err)
		}
		earlier[kid] = at.Add(-time.Hour - time.Second)
	}
	if err := rows.Err(); err != nil || len(earlier) == 0 {
		d.t.Fatalf("%d keys, %v", len(earlier), err)
	}
	for kid, at := range earlier {
		if _, err := db.Exec(`UPDATE signing_keys SET active_at = $1 WHERE kid = $2`, at.UTC(), kid); err != nil {
			d.t.Fatal(err)
		}
	}
}

// TestOIDCProviderBehindThePages signs in at a client of ours by npm's
// oidc-provider, from our pages and back to them.
func TestOIDCProviderBehindThePages(t *testing.T) {
	u := startUpstream(t)
	for name, tt := range map[string]struct{ client, algorithm string }{"RS256": {"pages", "RS256"}, "ES256": {"pages-es", "ES256"}} {
		t.Run(name, func(t *testing.T) {
			for setting, value := range map[string]string{"KIND": "oidc", "ISSUER": u.issuer, "CLIENT_ID": tt.client, "CLIENT_SECRET": productionSecret, "AUDIENCES": tt.client} {
				t.Setenv("GATEHOUSE_PROVIDERS__CORP__"+setting, value)
			}
			d := startDev(t, t.TempDir())
			a := newApplication(t, d, "harbour", "Harbour Log")
			byCorp := func(login string, more url.Values) *arrival {
				t.Helper()
				p := &person{t: t, issuer: d.ready.Issuer}
				p.visit("GET", p.visit("GET", strings.TrimPrefix(a.begin(more), a.issuer()), nil), nil)
				answer := u.browse(t, t.Context(), login, p.visit("GET", hrefOn(t, p.page, "/signin/corp"), nil))
				return a.arrive(p.walk(p.visit("GET", "/signin/corp/callback?"+answer.Encode(), nil), "", "", a.config.RedirectURL))
			}
			grace := byCorp("grace", nil)
			if grace.claims.Email != "grace@example.com" || !grace.claims.EmailVerified || grace.claims.GivenName != "Ada" || !slices.Equal(grace.claims.AMR, []string{"fed"}) {
				t.Errorf("%+v", grace.claims)
			}
			if again := byCorp("grace", url.Values{"prompt": {"login"}}); again.claims.Subject != grace.claims.Subject || again.claims.SID == grace.claims.SID || again.claims.AuthTime < grace.claims.AuthTime {
				t.Errorf("%+v, before %+v", again.claims, grace.claims)
			}
			if unproven := byCorp("unproven", nil); unproven.claims.Email != "" || unproven.claims.Subject == grace.claims.Subject {
				t.Errorf("%+v", unproven.claims)
			}
		})
	}
}

// hrefOn is the address of the page's link that begins with this path.
func hrefOn(t *testing.T, page, path string) string {
	t.Helper()
	_, rest, ok := strings.Cut(page, `href="`+path)
	query, _, closed := strings.Cut(rest, `"`)
	if !ok || !closed {
		t.Fatalf("no link to %s: %s", path, page)
	}
	return path + strings.ReplaceAll(query, "&amp;", "&")
}
