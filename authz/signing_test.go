package authz

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"

	"gatehouse/store/storetest"
)

// tamper does to the database what its owner could.
func (w *world) tamper(statement string) {
	w.t.Helper()
	driver, source := "pgx", w.url
	if path, ok := strings.CutPrefix(w.url, "sqlite://"); ok {
		driver, source = "sqlite", path
	}
	db, err := sql.Open(driver, source)
	if err != nil {
		w.t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(statement); err != nil {
		w.t.Fatalf("%s: %v", statement, err)
	}
}

// jwks is what a client reads of a server, and the names of the keys in it.
func (w *world) jwks(s *Server) (jose.JSONWebKeySet, []string) {
	w.t.Helper()
	a := w.askJWKS(s)
	var set jose.JSONWebKeySet
	if err := json.Unmarshal([]byte(a.text), &set); a.code != 200 || err != nil {
		w.t.Fatalf("JWKS: %d %s %v", a.code, a.text, err)
	}
	names := []string{}
	for _, k := range set.Keys {
		names = append(names, k.KeyID)
	}
	return set, names
}

// askJWKS asks one of several servers.
func (w *world) askJWKS(s *Server) answer {
	w.t.Helper()
	rec := httptest.NewRecorder()
	s.Handler().ServeHTTP(rec, httptest.NewRequest("GET", "/.well-known/jwks.json", nil))
	return answer{code: rec.Code, header: rec.Header(), text: rec.Body.String()}
}

// sign signs as any of this package would.
func (w *world) sign(s *Server, algorithm string) string {
	w.t.Helper()
	token, err := s.sign(w.t.Context(), algorithm, map[string]any{"sub": "bo", "exp": w.store.Now().Add(time.Hour).Unix()})
	if err != nil {
		w.t.Fatal(err)
	}
	return token
}

// kidOf is the key that a token names.
func kidOf(t *testing.T, token string) string {
	t.Helper()
	jws, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{jose.RS256, jose.ES256})
	if err != nil {
		t.Fatal(err)
	}
	return jws.Signatures[0].Protected.KeyID
}

func (w *world) keysOf(algorithm, state string) []string {
	w.t.Helper()
	all, err := Keys(w.t.Context(), w.store, w.server.cfg.Secrets)
	if err != nil {
		w.t.Fatal(err)
	}
	list := []string{}
	for _, k := range all {
		if k.Algorithm == algorithm && k.State == state {
			list = append(list, k.KID)
		}
	}
	return list
}

func TestJWKS(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		resp, err := http.Get(w.http.URL + "/.well-known/jwks.json")
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		text, _ := io.ReadAll(resp.Body)
		for name, want := range map[string]string{"Access-Control-Allow-Origin": "*", "Cache-Control": "public, max-age=300", "Content-Type": "application/json"} {
			if got := resp.Header.Get(name); got != want {
				t.Errorf("%s: %s, want %s", name, got, want)
			}
		}
		var set struct{ Keys []map[string]string }
		if err := json.Unmarshal(text, &set); err != nil || len(set.Keys) != 2 {
			t.Fatalf("%s %v", text, err)
		}
		var lengths []map[string]int
		for _, k := range set.Keys {
			of := map[string]int{}
			for name, value := range k {
				of[name+" "+value] = 0
				if slices.Contains([]string{"kid", "n", "x", "y"}, name) {
					delete(of, name+" "+value)
					of[name] = len(value)
				}
			}
			lengths = append(lengths, of)
		}
		want := []map[string]int{ // and nothing private
			{"kty RSA": 0, "alg RS256": 0, "use sig": 0, "e AQAB": 0, "n": 342, "kid": 43},
			{"kty EC": 0, "alg ES256": 0, "use sig": 0, "crv P-256": 0, "x": 43, "y": 43, "kid": 43},
		}
		if diff := cmp.Diff(want, lengths); diff != "" {
			t.Error(diff)
		}
	})
}

func TestSignAndVerify(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		for _, algorithm := range []string{RS256, ES256} {
			token := w.sign(w.server, algorithm)
			set, _ := w.jwks(w.server)
			jws, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{jose.SignatureAlgorithm(algorithm)})
			if err != nil {
				t.Fatal(err)
			}
			head := jws.Signatures[0].Protected
			if typ := head.ExtraHeaders[jose.HeaderType]; typ != "JWT" || head.JSONWebKey != nil {
				t.Errorf("%s: %+v", algorithm, head)
			}
			if keys := set.Key(head.KeyID); len(keys) != 1 || keys[0].Algorithm != algorithm {
				t.Errorf("%s: the JWKS has %v for it", algorithm, keys)
			} else if _, err := jws.Verify(keys[0].Key); err != nil {
				t.Errorf("%s: %v", algorithm, err)
			}
			var claims struct {
				Subject string `json:"sub"`
			}
			w.clock.move(2 * time.Hour) // it has expired
			if err := w.server.verifyOwn(ctx, token, &claims); err != nil || claims.Subject != "bo" {
				t.Errorf("%s: %v, %v", algorithm, claims, err)
			}
		}
	})
}

func TestVerifyOwnRefuses(t *testing.T) {
	w := newWorld(t, storetest.SQLite(t))
	ours := w.sign(w.server, RS256)
	parts := strings.Split(ours, ".")
	foreign, err := generateKey(RS256)
	if err != nil {
		t.Fatal(err)
	}
	with := func(algorithm jose.SignatureAlgorithm, key any, kid string) string {
		t.Helper()
		signer, err := jose.NewSigner(jose.SigningKey{Algorithm: algorithm, Key: jose.JSONWebKey{Key: key, KeyID: kid}}, nil)
		if err != nil {
			t.Fatal(err)
		}
		jws, err := signer.Sign([]byte(`{"sub":"eve"}`))
		if err != nil {
			t.Fatal(err)
		}
		text, err := jws.CompactSerialize()
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	private, err := testRSA()
	if err != nil {
		t.Fatal(err)
	}
	set, _ := w.jwks(w.server)
	public, err := set.Keys[0].MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	for name, token := range map[string]string{
		"nothing":                       "",
		"no token":                      "x.y.z",
		"another payload":               parts[0] + "." + with(jose.RS256, foreign, "")[:10] + "." + parts[2],
		"no signature":                  parts[0] + "." + parts[1] + ".",
		"alg none":                      "eyJhbGciOiJub25lIn0." + parts[1] + ".",
		"a key of somebody else":        with(jose.RS256, foreign, kidOf(t, ours)),
		"a key without a name":          with(jose.RS256, private, ""),
		"the public key as an HMAC key": with(jose.HS256, public, kidOf(t, ours)),
		"our key, another algorithm":    with(jose.RS384, private, kidOf(t, ours)),
		"the name of the other key":     with(jose.RS256, private, kidOf(t, w.sign(w.server, ES256))),
		"JSON serialization":            `{"payload":"` + parts[1] + `","protected":"` + parts[0] + `","signature":"` + parts[2] + `"}`,
	} {
		var claims map[string]any
		if err := w.server.verifyOwn(t.Context(), token, &claims); !errors.Is(err, errForeignToken) {
			t.Errorf("%s: %v %v", name, claims, err)
		}
	}
}

func TestSignBindsTheLifeOfWhatItSigns(t *testing.T) {
	w := newWorld(t, storetest.SQLite(t))
	now := w.store.Now()
	for name, claims := range map[string]any{
		"no end":       map[string]any{"sub": "bo"},
		"too long":     map[string]any{"exp": now.Add(signedLife + time.Minute).Unix()},
		"no object":    "text",
		"nothing":      nil,
		"not JSON":     func() {},
		"an end, text": map[string]any{"exp": "2030"},
	} {
		if token, err := w.server.sign(t.Context(), ES256, claims); err == nil {
			t.Errorf("%s: %s", name, token)
		}
	}
	if _, err := w.server.sign(t.Context(), "HS256", map[string]any{"exp": now.Add(time.Minute).Unix()}); err == nil {
		t.Error("signed with HS256")
	}
}

// Two replicas that have never signed are asked at once.
func TestFirstKeyIsOneForAllReplicas(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.tamper(`DELETE FROM signing_keys`)
		servers := []*Server{w.server, w.serve([]byte(strings.Repeat("s", 32))), w.serve([]byte(strings.Repeat("s", 32)))}
		names := make([]string, 30)
		var wg sync.WaitGroup
		for i := range names {
			wg.Go(func() { names[i] = kidOf(t, w.sign(servers[i%3], ES256)) })
		}
		wg.Wait()
		if slices.Sort(names); names[0] != names[29] {
			t.Errorf("keys %v", slices.Compact(names))
		}
		if n := w.count(`SELECT count(*) FROM signing_keys`); n != 1 {
			t.Errorf("%d rows", n)
		}
		for _, s := range servers {
			if set, _ := w.jwks(s); len(set.Keys) != 2 {
				t.Errorf("JWKS: %+v", set)
			}
		}
	})
}

// Whoever can write to the database cannot make the server sign with, or vouch
// for, a key that it did not make for that.
func TestChangedKeysNeitherSignNorArePublished(t *testing.T) {
	for name, attack := range map[string]func(w *world){
		"changed": func(w *world) {
			w.tamper(`UPDATE signing_keys SET private_key = (SELECT private_key FROM signing_keys WHERE algorithm = 'RS256') WHERE algorithm = 'ES256'`)
		},
		"copied to another kid": func(w *world) {
			w.tamper(`UPDATE signing_keys SET kid = 'evil' WHERE algorithm = 'ES256'`)
		},
		"given another algorithm": func(w *world) {
			w.tamper(`DELETE FROM signing_keys WHERE algorithm = 'ES256'`)
			w.tamper(`UPDATE signing_keys SET algorithm = 'ES256'`)
		},
	} {
		t.Run(name, func(t *testing.T) {
			each(t, func(t *testing.T, w *world) {
				before := w.sign(w.server, ES256)
				attack(w)
				w.clock.move(keysAge)
				token, err := w.server.sign(t.Context(), ES256, map[string]any{"exp": w.store.Now().Add(time.Hour).Unix()})
				if err == nil {
					t.Errorf("signed %s", token)
				}
				if a := w.askJWKS(w.server); a.code != 503 {
					t.Errorf("JWKS: %d %s", a.code, a.text)
				}
				if err := w.server.verifyOwn(t.Context(), before, &map[string]any{}); !errors.Is(err, errForeignToken) {
					t.Errorf("verified: %v", err)
				}
				if n := strings.Count(w.log.String(), "does not open"); n != 1 {
					t.Errorf("logged %d times:\n%s", n, w.log)
				}
			})
		})
	}
}

func TestKeyIsSealedForItsNameAndAlgorithm(t *testing.T) {
	w := newWorld(t, storetest.SQLite(t))
	rows, err := w.store.SigningKeys(t.Context())
	if err != nil || len(rows) != 1 {
		t.Fatalf("%v, %v", rows, err)
	}
	for name, tt := range map[string]struct {
		kid, algorithm string
		opens          bool
	}{
		"its own":           {rows[0].KID, RS256, true},
		"another name":      {"x", RS256, false},
		"another algorithm": {rows[0].KID, ES256, false},
	} {
		if _, err := w.server.keys.open(atRest, keyContext(tt.kid, tt.algorithm), rows[0].PrivateKey); (err == nil) != tt.opens {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The column for operators is only that.
func TestJWKSIsMadeOfThePrivateKey(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		before, _ := w.jwks(w.server)
		w.tamper(`UPDATE signing_keys SET public_key = '{"kty":"oct","k":"AAAA"}'`)
		w.clock.move(keysAge)
		after, _ := w.jwks(w.server)
		if diff := cmp.Diff(before, after); diff != "" {
			t.Error(diff)
		}
	})
}

// A broken next key leaves the work to the one before.
func TestBrokenNextKeyIsPassedOver(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		good := kidOf(t, w.sign(w.server, ES256))
		if _, err := RotateKey(t.Context(), w.store, [][]byte{[]byte(strings.Repeat("x", 32))}, ES256, false, "cli"); err != nil {
			t.Fatal(err)
		}
		w.clock.move(30 * 24 * time.Hour)
		if kid := kidOf(t, w.sign(w.server, ES256)); kid != good {
			t.Errorf("signed with %s, want %s", kid, good)
		}
		if _, names := w.jwks(w.server); len(names) != 2 || names[1] != good {
			t.Errorf("published %v", names)
		}
	})
}

func TestSigningGoesOnWhileTheDatabaseIsAway(t *testing.T) {
	w := newWorld(t, storetest.SQLite(t))
	token := w.sign(w.server, RS256)
	w.store.Close()
	w.clock.move(keysAge)
	w.sign(w.server, RS256)
	if err := w.server.verifyOwn(t.Context(), token, &map[string]any{}); err != nil {
		t.Error(err)
	}
	w.clock.move(keysStale)
	if _, err := w.server.sign(context.Background(), RS256, map[string]any{"exp": w.store.Now().Add(time.Hour).Unix()}); err == nil {
		t.Error("signed with keys that may have been revoked long ago")
	}
	if err := w.server.verifyOwn(t.Context(), token, &map[string]any{}); err == nil || errors.Is(err, errForeignToken) {
		t.Errorf("an outage is told as the client's fault: %v", err)
	}
	if a := w.askJWKS(w.server); a.code != 503 || a.header.Get("Cache-Control") != "no-store" {
		t.Errorf("JWKS: %d %v", a.code, a.header)
	}
}
