package introspect

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestVerdict(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	at := func(d time.Duration) string { return fmt.Sprint(now.Add(d).Unix()) }
	const aud = `"aud":"https://orders.example.com"`
	for _, tt := range []struct {
		name   string
		answer string
		want   error // nil: accepted; ErrUnavailable: the answer is nonsense
	}{
		{"active", `{"active":true,` + aud + `}`, nil},
		{"white space", " \n{ \"active\" : true , " + aud + " } \n", nil},
		{"inactive", `{"active":false}`, ErrInactive},
		{"inactive with all the rest", `{"active":false,"token_type":"Bearer",` + aud + `}`, ErrInactive},
		{"active is text", `{"active":"true",` + aud + `}`, ErrUnavailable},
		{"active is a number", `{"active":1,` + aud + `}`, ErrUnavailable},
		{"active is null", `{"active":null,` + aud + `}`, ErrUnavailable},
		{"active is an array", `{"active":[true],` + aud + `}`, ErrUnavailable},
		{"active absent", `{` + aud + `}`, ErrUnavailable},
		{"active in capitals", `{"Active":true,` + aud + `}`, ErrUnavailable},
		{"active twice", `{"active":false,"active":true,` + aud + `}`, ErrUnavailable},
		{"another member twice", `{"active":true,"aud":"x",` + aud + `}`, ErrUnavailable},
		{"same member by escape", `{"active":true,"\u0061ud":"x",` + aud + `}`, ErrUnavailable},
		{"array", `[{"active":true,` + aud + `}]`, ErrUnavailable},
		{"null", `null`, ErrUnavailable},
		{"two objects", `{"active":false}{"active":true,` + aud + `}`, ErrUnavailable},
		{"trailing comma", `{"active":true,` + aud + `,}`, ErrUnavailable},
		{"cut", `{"active":true,` + aud, ErrUnavailable},
		{"invalid UTF-8", `{"active":true,"sub":"` + "\xff" + `",` + aud + `}`, ErrUnavailable},

		{"other audience", `{"active":true,"aud":["https://other.example.com"]}`, errAudience},
		{"one of several audiences", `{"active":true,"aud":["x","https://orders.example.com"]}`, nil},
		{"audience with slash", `{"active":true,"aud":"https://orders.example.com/"}`, errAudience},
		{"audience in capitals", `{"active":true,"aud":"https://ORDERS.example.com"}`, errAudience},
		{"several audiences in one text", `{"active":true,"aud":"x https://orders.example.com"}`, errAudience},
		{"no audience", `{"active":true}`, errAudience},
		{"empty audience list", `{"active":true,"aud":[]}`, errAudience},
		{"audience is null", `{"active":true,"aud":null}`, ErrUnavailable},
		{"audience with a number", `{"active":true,"aud":["https://orders.example.com",1]}`, ErrUnavailable},

		{"type in other case", `{"active":true,"token_type":"bEARER",` + aud + `}`, nil},
		{"type DPoP", `{"active":true,"token_type":"DPoP",` + aud + `}`, errNotBearer},
		{"type of a refresh token", `{"active":true,"token_type":"refresh_token",` + aud + `}`, errNotBearer},
		{"type empty", `{"active":true,"token_type":"",` + aud + `}`, errNotBearer},
		{"type is null", `{"active":true,"token_type":null,` + aud + `}`, ErrUnavailable},
		{"use refresh", `{"active":true,"token_use":"refresh_token",` + aud + `}`, errNotBearer},
		{"use access", `{"active":true,"token_use":"access_token",` + aud + `}`, nil},
		{"bound by thumbprint", `{"active":true,"cnf":{"jkt":"x"},` + aud + `}`, errBound},
		{"bound to null", `{"active":true,"cnf":null,` + aud + `}`, errBound},

		{"expires soon", `{"active":true,"exp":` + at(time.Second) + `,` + aud + `}`, nil},
		{"expired within leeway", `{"active":true,"exp":` + at(time.Second-leeway) + `,` + aud + `}`, nil},
		{"expired", `{"active":true,"exp":` + at(-leeway) + `,` + aud + `}`, ErrExpired},
		{"expired in 1970", `{"active":true,"exp":0,` + aud + `}`, ErrExpired},
		{"exp is text", `{"active":true,"exp":"` + at(time.Hour) + `",` + aud + `}`, ErrUnavailable},
		{"exp is null", `{"active":true,"exp":null,` + aud + `}`, ErrUnavailable},
		{"exp below zero", `{"active":true,"exp":-1,` + aud + `}`, ErrUnavailable},
		{"exp beyond all time", `{"active":true,"exp":1e300,` + aud + `}`, ErrUnavailable},
		{"exp beyond all numbers", `{"active":true,"exp":1e999,` + aud + `}`, ErrUnavailable},
		{"valid since now", `{"active":true,"nbf":` + at(0) + `,` + aud + `}`, nil},
		{"valid within leeway", `{"active":true,"nbf":` + at(leeway) + `,` + aud + `}`, nil},
		{"not valid yet", `{"active":true,"nbf":` + at(leeway+time.Second) + `,` + aud + `}`, errNotYet},

		{"scope is an array", `{"active":true,"scope":["read"],` + aud + `}`, ErrUnavailable},
		{"sub is a number", `{"active":true,"sub":1,` + aud + `}`, ErrUnavailable},
		{"actor is text", `{"active":true,"act":"svc",` + aud + `}`, ErrUnavailable},
		{"actor's sub is a number", `{"active":true,"act":{"sub":1},` + aud + `}`, ErrUnavailable},
		{"actors without end", `{"active":true,"act":` + strings.Repeat(`{"act":`, 3000) + `{}` +
			strings.Repeat(`}`, 3000) + `,` + aud + `}`, ErrUnavailable},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, answering(tt.answer))
			w.now = func() time.Time { return now }
			_, err := w.Check(t.Context(), testToken)
			if !errors.Is(err, tt.want) {
				t.Fatalf("error %v, want %v", err, tt.want)
			}
			if refused := tt.want != nil && tt.want != ErrUnavailable; refused != errors.Is(err, ErrInactive) {
				t.Errorf("error %v: ErrInactive is %v", err, !refused)
			}
		})
	}
}

func TestVerdictByConfig(t *testing.T) {
	for _, tt := range []struct {
		name, answer string
		change       func(*Config)
		want         error
	}{
		{"any audience", `{"active":true,"aud":"x"}`, func(c *Config) { c.Audience, c.AnyAudience = "", true }, nil},
		{"any audience, none told", `{"active":true}`, func(c *Config) { c.Audience, c.AnyAudience = "", true }, nil},
		{"issuer", `{"active":true,"iss":"https://a","aud":"https://orders.example.com"}`, func(c *Config) { c.Issuer = "https://a" }, nil},
		{"other issuer", `{"active":true,"iss":"https://a/","aud":"https://orders.example.com"}`, func(c *Config) { c.Issuer = "https://a" }, errIssuer},
		{"no issuer", active, func(c *Config) { c.Issuer = "https://a" }, errIssuer},
		{"issuer not asked for", `{"active":true,"iss":"https://a","aud":"https://orders.example.com"}`, func(*Config) {}, nil},
		{"content type with charset", active, func(*Config) {}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, respond(200, "Application/JSON; charset=utf-8", tt.answer), tt.change)
			if _, err := w.Check(t.Context(), testToken); !errors.Is(err, tt.want) {
				t.Errorf("error %v, want %v", err, tt.want)
			}
		})
	}
}

// FuzzAnswer holds the parser and the verdict against encoding/json: whatever is
// accepted must be what any other reader takes for an active token of ours.
func FuzzAnswer(f *testing.F) {
	for _, s := range []string{
		active, `{"active":false}`, `{"active":true}`, `{"active":true,"aud":["https://orders.example.com"],"exp":4e9}`,
		`{"active":true,"aud":"https://orders.example.com","cnf":{}}`, `[]`, `{`, `{"active":true,"aud":[1]}`,
		`{"active":true,"act":{"sub":"a","act":{"iss":"b"}},"aud":"https://orders.example.com","token_type":"DPoP"}`,
	} {
		f.Add([]byte(s))
	}
	c, err := New(Config{Endpoint: "https://auth.example.com", ClientID: "a", ClientSecret: "b", Audience: testAudience})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		a, err := parseAnswer(body)
		if err != nil {
			if a.active || a.Subject != "" {
				t.Fatalf("error %v and yet %+v", err, a)
			}
			return
		}
		p, err := c.judge(a)
		if err != nil {
			if !errors.Is(err, ErrInactive) || p.Subject != "" {
				t.Fatalf("error %v, %+v", err, p)
			}
			return
		}
		var m map[string]any
		if err := json.Unmarshal(body, &m); err != nil {
			t.Fatalf("accepted, but not JSON: %v", err)
		}
		if _, bound := m["cnf"]; m["active"] != true || bound {
			t.Fatalf("accepted: %s", body)
		}
		list, _ := m["aud"].([]any)
		if m["aud"] != testAudience && !slices.Contains(list, any(testAudience)) {
			t.Fatalf("accepted for another API: %s", body)
		}
		if kind, ok := m["token_type"].(string); ok && !strings.EqualFold(kind, "bearer") {
			t.Fatalf("accepted as %s", kind)
		}
		if sub, _ := m["sub"].(string); sub != p.Subject {
			t.Fatalf("subject %q for %q", p.Subject, sub)
		}
		if p.clone().Subject != p.Subject {
			t.Fatal("clone differs")
		}
	})
}
