package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	mathrand "math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// The provider whose ID tokens are exchanged, and its people.
const (
	providerName     = "bench"
	providerAudience = "bench-app"
	people           = 64 // fewer than may sign up from one address in an hour
)

// issuer is an OpenID provider as far as an exchange needs one: keys, and ID
// tokens that it mints in this process.
type issuer struct {
	url    string
	signer jose.Signer
	server *http.Server
}

func newIssuer() (*issuer, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: key, KeyID: "1"}}, nil)
	if err != nil {
		return nil, err
	}
	keys, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: "1", Algorithm: "ES256", Use: "sig"}}})
	if err != nil {
		return nil, err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	i := &issuer{url: "http://" + l.Addr().String(), signer: signer}
	i.server = &http.Server{ReadHeaderTimeout: time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "max-age=3600")
		w.Write(keys)
	})}
	go i.server.Serve(l)
	return i, nil
}

func (i *issuer) close() { i.server.Close() }

// mint makes an ID token for one of the people, never the same twice.
func (i *issuer) mint() (string, error) {
	person, at := strconv.Itoa(mathrand.IntN(people)), time.Now()
	return jwt.Signed(i.signer).Claims(map[string]any{
		"iss": i.url, "aud": providerAudience, "sub": person, "email": "person" + person + "@company.example", "email_verified": true,
		"iat": at.Unix(), "exp": at.Add(time.Hour).Unix(), "jti": strconv.FormatUint(mathrand.Uint64(), 36),
	}).Serialize()
}

// idTokens exchanges a new ID token with each request. After the first ones
// each is of somebody who is known.
func idTokens(d *database, _ int) func(int) form {
	return func(int) form {
		return func(b, _ []byte) []byte {
			token, err := d.bench.issuer.mint()
			if err != nil {
				panic(err) // the key is our own
			}
			b = append(b, "grant_type=urn:ietf:params:oauth:grant-type:token-exchange&subject_token_type=urn:ietf:params:oauth:token-type:id_token&subject_token="...)
			return append(b, token...)
		}
	}
}
