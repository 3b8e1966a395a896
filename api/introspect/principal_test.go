package introspect

import (
	"encoding/json"
	"testing"
)

func TestPrincipalIsComplete(t *testing.T) {
	body, err := json.Marshal(map[string]any{
		"active": true, "sub": "u1", "sub_type": "account", "client_id": "web", "username": "bo@example.com",
		"scope": "read  write", "aud": testAudience, "grant_id": "g1", "iat": 1700000000, "exp": 4100000000.9,
		"nbf": 1700000000, "auth_time": 1600000000, "act": map[string]any{"sub": "svc", "act": map[string]any{"sub": "old", "iss": "x"}},
		"iss": "https://auth.example.com", "token_type": "bearer", "jti": "j", "unknown": []int{1},
	})
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, answering(string(body)), func(c *Config) { c.Issuer = "https://auth.example.com" })
	p, err := w.Check(t.Context(), testToken)
	if err != nil {
		t.Fatal(err)
	}
	got, _ := json.Marshal(p)
	want := `{"Subject":"u1","SubjectType":"account","ClientID":"web","Username":"bo@example.com",` +
		`"Scope":["read","write"],"Audience":["https://orders.example.com"],"GrantID":"g1",` +
		`"IssuedAt":"2023-11-14T22:13:20Z","ExpiresAt":"2099-12-03T16:53:20Z","AuthTime":"2020-09-13T12:26:40Z",` +
		`"Actor":{"Subject":"svc","Issuer":"","Actor":{"Subject":"old","Issuer":"x","Actor":null}}}`
	if string(got) != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if !p.HasScope("write") || p.HasScope("Write") || p.HasScope("") || p.HasScope("read write") {
		t.Error("HasScope")
	}
}

func TestCloneSharesNothing(t *testing.T) {
	p := Principal{Scope: []string{"a"}, Audience: []string{"b"}, Actor: &Actor{Subject: "c", Actor: &Actor{Subject: "d"}}}
	q := p.clone()
	q.Scope[0], q.Audience[0], q.Actor.Subject, q.Actor.Actor.Subject = "x", "x", "x", "x"
	if p.Scope[0] != "a" || p.Audience[0] != "b" || p.Actor.Subject != "c" || p.Actor.Actor.Subject != "d" {
		t.Errorf("%+v %+v", p, p.Actor)
	}
}
