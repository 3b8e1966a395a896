package social_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"gatehouse/social"
)

// testKeys are made once: an RSA key takes a while.
var testKeys = sync.OnceValues(func() (*rsa.PrivateKey, *ecdsa.PrivateKey) {
	first, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	second, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	return first, second
})

// issuer is an OpenID provider whose every answer a test can choose.
type issuer struct {
	url   string
	clock *clock

	mu       sync.Mutex
	answers  map[string]http.HandlerFunc
	requests map[string]int
}

// newIssuer publishes an RSA and an EC key, kids r and e.
func newIssuer(t *testing.T) *issuer {
	t.Helper()
	i := &issuer{clock: newClock(), answers: map[string]http.HandlerFunc{}, requests: map[string]int{}}
	s := httptest.NewServer(i)
	t.Cleanup(s.Close)
	i.url = s.URL
	i.json("/.well-known/openid-configuration", map[string]any{
		"issuer": i.url, "jwks_uri": i.url + "/jwks",
		"userinfo_endpoint": i.url + "/userinfo", "introspection_endpoint": i.url + "/introspect",
		"authorization_endpoint": i.url + "/authorize?tenant=1", "token_endpoint": i.url + "/token",
		"authorization_response_iss_parameter_supported": true,
	})
	i.status("/token", 400, map[string]any{"error": "invalid_grant"})
	rsaKey, ecKey := testKeys()
	i.json("/jwks", map[string]any{"keys": []any{publicKey("r", rsaKey.Public()), publicKey("e", ecKey.Public())}})
	return i
}

func publicKey(kid string, key crypto.PublicKey) jose.JSONWebKey {
	return jose.JSONWebKey{KeyID: kid, Key: key, Use: "sig"}
}

func (i *issuer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	i.mu.Lock()
	i.requests[r.URL.Path]++
	h := i.answers[r.URL.Path]
	i.mu.Unlock()
	if h == nil {
		http.NotFound(w, r)
		return
	}
	h(w, r)
}

// answer sets what path is answered with; json sets a body.
func (i *issuer) answer(path string, h http.HandlerFunc) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.answers[path] = h
}

func (i *issuer) json(path string, body any) {
	i.answer(path, func(w http.ResponseWriter, _ *http.Request) { json.NewEncoder(w).Encode(body) })
}

func (i *issuer) status(path string, status int, body any) {
	i.answer(path, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		json.NewEncoder(w).Encode(body)
	})
}

func (i *issuer) asked(path string) int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.requests[path]
}

// claims are those of a good token for client us, with changes; nil removes one.
func (i *issuer) claims(changes map[string]any) map[string]any {
	c := map[string]any{
		"iss": i.url, "sub": "s-1", "aud": "us", "iat": start.Unix(), "exp": start.Add(time.Hour).Unix(),
		"email": "grace@corp.example", "email_verified": true, "name": "Grace Brewster Hopper",
	}
	for name, value := range changes {
		if c[name] = value; value == nil {
			delete(c, name)
		}
	}
	return c
}

// sign makes an ID token with key, which has that kid.
func sign(t *testing.T, alg jose.SignatureAlgorithm, key any, kid string, claims map[string]any, typ ...jose.ContentType) string {
	t.Helper()
	var opts jose.SignerOptions
	for _, name := range typ {
		opts.WithType(name)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: jose.JSONWebKey{Key: key, KeyID: kid}}, &opts)
	if err != nil {
		t.Fatal(err)
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	jws, err := signer.Sign(payload)
	if err != nil {
		t.Fatal(err)
	}
	text, err := jws.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// token is a good one, but for changes.
func (i *issuer) token(t *testing.T, changes map[string]any) string {
	t.Helper()
	key, _ := testKeys()
	return sign(t, jose.RS256, key, "r", i.claims(changes))
}

func (i *issuer) config(change func(*social.Config)) social.Config {
	cfg := social.Config{
		Name: "corp", Kind: "oidc", Issuer: i.url, ClientID: "us", ClientSecret: "our secret: %", AccessTokens: true, Now: i.clock.now,
	}
	if change != nil {
		change(&cfg)
	}
	return cfg
}
