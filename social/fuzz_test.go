package social

import (
	"encoding/base64"
	"strings"
	"testing"
	"time"

	strictjson "github.com/go-jose/go-jose/v4/json"
)

// FuzzIDToken holds that what parseCompact takes is written in the one way it
// can be, so that two texts are never one token.
func FuzzIDToken(f *testing.F) {
	for _, seed := range []string{
		"", "a.b.c", "eyJhbGciOiJub25lIn0.e30.", "eyJhbGciOiJub25lIn0.e30.AA", "e30.e30.AA==", "e30.e3\n0.AA",
		"e30.e30.AB", `{"payload":"e30","signatures":[]}`, "e30.e30.e30.e30.e30", strings.Repeat("A", maxIDToken) + ".e30.AA",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		parsed, err := parseCompact(text)
		if err != nil {
			return
		}
		encode := base64.RawURLEncoding.EncodeToString
		if again := encode(parsed.header) + "." + encode(parsed.payload) + "." + encode(parsed.signature); again != text {
			t.Errorf("%q is also %q", text, again)
		}
		if len(parsed.signature) == 0 || len(text) > maxIDToken {
			t.Errorf("%q passes", text)
		}
	})
}

// FuzzSignedRequest holds that nothing passes but what the secret signed.
func FuzzSignedRequest(f *testing.F) {
	const good = "eSBqPPHJ4K2l5Wq2uhQ5xg0EmMmOyjoVb8yk7RN0QXk.eyJhbGdvcml0aG0iOiJITUFDLVNIQTI1NiJ9"
	for _, seed := range []string{"", ".", "a.b", good, good + "=", "." + good} {
		f.Add(seed)
	}
	now := time.Date(2026, 5, 4, 10, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, text string) {
		if user, err := readSignedRequest(text, []byte("a secret nobody guesses"), now); err == nil {
			t.Errorf("%q is signed, for %q", text, user)
		}
	})
}

// FuzzClaims decodes what could have been signed.
func FuzzClaims(f *testing.F) {
	a := &adapter{cfg: Config{Name: "x", Now: time.Now}, issuers: []string{"https://x.example"}}
	for _, seed := range []string{
		`{}`, `null`, `{"aud":"a","iat":1,"exp":1e9,"email":"a@b"}`, `{"aud":["a",null]}`, `{"aud":[]}`, `{"iat":"1"}`,
		`{"email_verified":"true","picture":"https://x/","name":"\ud800"}`, `{"may_act":{"sub":"x"}}`, `{"sub":"a","sub":"b"}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		c := &claims{}
		if strictjson.Unmarshal(payload, c) != nil {
			return
		}
		id := a.identity(c, true, true)
		for _, text := range []string{id.Name, id.FirstName, id.LastName, id.Username, id.Email} {
			if strings.ContainsAny(text, "\x00\r\n") || len([]rune(text)) > maxEmail {
				t.Errorf("%q passes", text)
			}
		}
	})
}
