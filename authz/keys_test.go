package authz

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"gatehouse/store/storetest"
)

// traffic is work that goes on while a test changes something.
type traffic struct {
	t       *testing.T
	pause   sync.RWMutex // held by between, shared by each lap
	mu      sync.Mutex
	moved   *sync.Cond
	laps    []int // of each worker
	ended   bool
	workers sync.WaitGroup
}

// startTraffic lets n workers do lap after lap. An error fails the test and
// ends its worker.
func startTraffic(t *testing.T, n int, lap func(lap int) error) *traffic {
	tr := &traffic{t: t, laps: make([]int, n)}
	tr.moved = sync.NewCond(&tr.mu)
	for i := range n {
		tr.workers.Go(func() {
			for number := i; tr.next(i); number++ {
				tr.pause.RLock()
				err := lap(number)
				tr.pause.RUnlock()
				if err != nil {
					t.Error(err)
					tr.end()
				}
			}
		})
	}
	t.Cleanup(tr.stop)
	return tr
}

func (tr *traffic) next(worker int) bool {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	tr.laps[worker]++
	tr.moved.Broadcast()
	return !tr.ended
}

func (tr *traffic) end() {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	tr.ended = true
	tr.moved.Broadcast()
}

// flow waits until each worker has done some laps more.
func (tr *traffic) flow() {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	for i, from := range append([]int{}, tr.laps...) {
		for tr.laps[i] < from+4 && !tr.ended {
			tr.moved.Wait()
		}
	}
}

// between does something while no lap is under way, such as moving the clock.
func (tr *traffic) between(do func()) {
	tr.flow()
	tr.pause.Lock()
	do()
	tr.pause.Unlock()
	tr.flow()
}

func (tr *traffic) stop() {
	tr.end()
	tr.workers.Wait()
}

// checkWith verifies a token as a client does with the JWKS that it keeps.
func checkWith(jwks any, token string) error {
	jws, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{jose.RS256, jose.ES256})
	if err != nil {
		return err
	}
	set := jwks.(jose.JSONWebKeySet)
	keys := set.Key(jws.Signatures[0].Protected.KeyID)
	if len(keys) != 1 {
		return fmt.Errorf("a client's JWKS has %d keys for the token's", len(keys))
	}
	_, err = jws.Verify(keys[0].Key)
	return err
}

func TestSetSecretsRefusesWhatNewRefuses(t *testing.T) {
	w := newWorld(t, storetest.SQLite(t))
	token := w.login("web").str("access_token")
	for name, secrets := range map[string][][]byte{"none": nil, "short": {[]byte("short")}, "a short one behind": {[]byte(strings.Repeat("n", 32)), nil}} {
		if err := w.server.SetSecrets(secrets); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
	if !w.active(token) {
		t.Error("what was refused is in force")
	}
}

func TestSecretIDIsInTheDatabaseAndTellsNothing(t *testing.T) {
	a := []byte(strings.Repeat("s", 32))
	ring, err := newKeyring([][]byte{a})
	if err != nil {
		t.Fatal(err)
	}
	if id := SecretID(a); len(id) != 8 || string(id) != string(ring[0].id) || string(id) == string(SecretID([]byte(strings.Repeat("t", 32)))) {
		t.Errorf("%x", id)
	}
}

// replicas are two servers on one database, whose secrets change at different
// moments.
type replicas struct {
	*world
	servers [2]*Server
	urls    [2]*url.URL
}

func newReplicas(w *world, secrets ...[]byte) *replicas {
	r := &replicas{world: w}
	for i := range r.servers {
		r.servers[i] = w.serve(secrets...)
		h := httptest.NewServer(r.servers[i].Handler())
		w.t.Cleanup(h.Close)
		r.urls[i], _ = url.Parse(h.URL)
	}
	return r
}

// ask sends a form to one of them, as the client "web", or to introspect as
// "resource".
func (r *replicas) ask(replica int, path string, form url.Values) (answer, error) {
	req, err := http.NewRequest("POST", r.urls[replica%2].String()+path, strings.NewReader(form.Encode()))
	if err != nil {
		return answer{}, err
	}
	client := "web"
	if path == "/oauth2/introspect" {
		client = "resource"
	}
	req.SetBasicAuth(client, secret)
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	a := r.send(req)
	if a.code != 200 {
		return a, fmt.Errorf("replica %d, %s, %s: %d %s", replica%2, path, form.Get("grant_type"), a.code, a.text)
	}
	return a, nil
}

func (r *replicas) mustBeActive(replica int, token string) error {
	a, err := r.ask(replica, "/oauth2/introspect", url.Values{"token": {token}})
	if err == nil && a.body["active"] != true {
		err = fmt.Errorf("replica %d does not know a live token", replica%2)
	}
	return err
}

// user is somebody who stays signed in.
type user struct {
	*replicas
	refresh string
}

// lap refreshes at both replicas at once, as two tabs do, checks what came of
// it at either, and has a backend fetch a token too.
func (u *user) lap(lap int) error {
	form := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {u.refresh}}
	var pair [2]answer
	var errs [2]error
	var both sync.WaitGroup
	for i := range pair {
		both.Go(func() { pair[i], errs[i] = u.ask(lap+i, "/oauth2/token", form) })
	}
	both.Wait()
	if err := errors.Join(errs[:]...); err != nil {
		return err
	}
	if u.refresh = pair[0].str("refresh_token"); u.refresh != pair[1].str("refresh_token") {
		return errors.New("two tabs got two sign-ins")
	}
	own, err := u.ask(lap, "/oauth2/token", url.Values{"grant_type": {"client_credentials"}})
	if err != nil {
		return err
	}
	for _, token := range []string{pair[0].str("access_token"), u.refresh, own.str("access_token")} {
		if strings.HasPrefix(token, string(refreshToken)) {
			continue // its owner's business alone
		}
		for i := range 2 {
			if err := u.mustBeActive(i, token); err != nil {
				return err
			}
		}
	}
	return nil
}

// From one secret to the next, step by step and replica by replica, under
// people who refresh and backends that ask: nobody is refused.
func TestSecretRotationUnderTraffic(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := context.Background()
		old, next := []byte(strings.Repeat("s", 32)), []byte(strings.Repeat("n", 32))
		r := newReplicas(w, old)
		users := make([]*user, 3)
		for i := range users {
			users[i] = &user{r, w.login("web").str("refresh_token")}
		}
		idToken := w.sign(r.servers[0], RS256)
		var lapping [3]sync.Mutex
		traffic := startTraffic(t, len(users), func(lap int) error {
			i := lap % len(users)
			lapping[i].Lock() // workers take turns with the users
			defer lapping[i].Unlock()
			return users[i].lap(lap)
		})
		set := func(replica int, secrets ...[]byte) {
			t.Helper()
			traffic.flow()
			if err := r.servers[replica].SetSecrets(secrets); err != nil {
				t.Error(err)
			}
			traffic.flow()
		}
		set(0, old, next)
		set(1, old, next)
		set(0, next, old) // and the other still makes tokens under the old one
		set(1, next, old)
		promoted := w.store.Now().Add(time.Second)
		w.keepKeys(r.servers[:]...)
		traffic.between(func() { w.clock.move(16 * time.Minute) }) // access tokens of before have ended
		traffic.flow()
		if _, err := w.store.Purge(ctx); err != nil {
			t.Fatal(err)
		}
		if left, err := w.store.DependOnSecret(ctx, SecretID(old), promoted); err != nil || len(left) > 0 {
			t.Errorf("still needed: %+v, %v", left, err)
		}
		set(0, next)
		set(1, next)
		traffic.stop()
		for _, s := range r.servers {
			if err := s.verifyOwn(ctx, idToken, &map[string]any{}); err != nil {
				t.Errorf("the signing key: %v", err)
			}
		}
	})
}

func TestWhatStillNeedsTheOldSecretIsTold(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := context.Background()
		old, next := []byte(strings.Repeat("s", 32)), []byte(strings.Repeat("n", 32))
		first := w.login("web")
		w.login("web")
		ended := w.login("web")
		if a := w.post("/oauth2/revoke", "web", url.Values{"token": {ended.str("refresh_token")}}); a.code != 200 {
			t.Fatal(a.text)
		}
		w.clock.move(time.Second)
		promoted := w.store.Now()
		w.clock.move(time.Second)
		if err := w.server.SetSecrets([][]byte{next, old}); err != nil {
			t.Fatal(err)
		}
		expect := func(when, want string) {
			t.Helper()
			left, err := w.store.DependOnSecret(ctx, SecretID(old), promoted)
			if got := strings.Trim(fmt.Sprint(left), "[]"); err != nil || got != want {
				t.Errorf("%s: %s, %v, want %s", when, got, err, want)
			}
		}
		expect("after the promotion", "{sign-ins 2} {access tokens 2} {signing keys 1}")
		w.keepKeys(w.server)
		expect("sealed again", "{sign-ins 2} {access tokens 2}")
		if a := w.refresh("web", first.str("refresh_token")); a.code != 200 {
			t.Fatal(a.text)
		}
		expect("one is refreshed", "{sign-ins 1} {access tokens 1}")
		w.clock.move(16 * time.Minute)
		expect("access tokens have ended", "{sign-ins 1}")
		w.clock.move(30 * 24 * time.Hour)
		expect("refresh tokens have ended", "")
	})
}
