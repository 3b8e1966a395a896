package authz

import (
	"context"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"gatehouse/store"
	"gatehouse/store/storetest"
)

// A secret that came as a slow hash works, and is a digest from then on.
func TestImportedSecretHash(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := context.Background()
		w.imported(nil, func(i *store.Import) ([]store.Fate, error) {
			return i.Clients(ctx, []store.OldClient{{OldID: "1", SecretHash: "pbkdf2_sha256$1$salt$mj444ysFHMMYn0VQLjWFQr2LlIU+AuFBJiw6YdAJkgo=", Client: store.Client{ID: "hashed",
				GrantTypes: store.Words{store.GrantClientCredentials}, Scope: store.Words{"read"}, DefaultScope: store.Words{"read"}}}})
		})
		ask := func(secret string) answer {
			return w.token("", url.Values{"grant_type": {"client_credentials"}, "client_id": {"hashed"}, "client_secret": {secret}})
		}
		wrong, unknown := ask(secret+"x"), w.token("", url.Values{"grant_type": {"client_credentials"}, "client_id": {"nobody"}, "client_secret": {secret}})
		if wrong.code != 401 || wrong.text != unknown.text {
			t.Errorf("%d %s; of an unknown client %s", wrong.code, wrong.text, unknown.text)
		}
		if n := w.count(`SELECT count(*) FROM client_secrets WHERE client_id = 'hashed' AND digest IS NULL AND hash <> ''`); n != 1 {
			t.Error("a wrong secret replaced the hash")
		}
		for range 2 {
			if b := ask(secret); b.code != 200 {
				t.Errorf("%d %s", b.code, b.text)
			}
		}
		if n := w.count(`SELECT count(*) FROM client_secrets WHERE client_id = 'hashed' AND digest IS NOT NULL AND hash = ''`); n != 1 {
			t.Error("the hash is still there")
		}
		if b := ask(secret + "x"); b.code != 401 {
			t.Errorf("%d %s", b.code, b.text)
		}
	})
}

// Wrong secrets of one client, however many, neither pass the queue nor keep
// people from signing in.
func TestSlowSecretsAreBounded(t *testing.T) {
	hasher := store.NewHasher(store.HasherConfig{Memory: 64, Time: 1, Workers: 2, Queue: 100})
	w := newWorld(t, storetest.SQLite(t))
	w.store = storetest.Open(t, store.Config{URL: w.url, Hasher: hasher})
	w.http = httptest.NewServer(w.serve([]byte(strings.Repeat("s", 32))).Handler())
	defer w.http.Close()
	ctx := context.Background()
	w.imported(nil, func(i *store.Import) ([]store.Fate, error) {
		return i.Clients(ctx, []store.OldClient{{OldID: "1", SecretHash: "pbkdf2_sha256$2000000$salt$mj444ysFHMMYn0VQLjWFQr2LlIU+AuFBJiw6YdAJkgo=", Client: store.Client{ID: "hashed"}}})
	})
	client, err := w.store.ReadClient(ctx, "hashed")
	if err != nil {
		t.Fatal(err)
	}
	answers := make(chan error, 30)
	flood, stop := context.WithCancel(ctx)
	for range cap(answers) {
		go func() {
			_, err := w.store.CheckSecret(flood, client, "guess")
			answers <- err
		}()
	}
	busy := 0
	for range cap(answers) - 9 { // the nine are at work or wait
		if err := <-answers; refusalOf(err).status == 503 {
			busy++
		}
	}
	if busy != cap(answers)-9 {
		t.Errorf("%d were told to come back", busy)
	}
	began := time.Now()
	w.login("web")
	if waited := time.Since(began); waited > 2*time.Second {
		t.Errorf("a sign-in took %v", waited)
	}
	stop()
	for range 9 {
		<-answers
	}
}
