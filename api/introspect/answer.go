package introspect

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

const (
	maxActors = 16           // nested act members (RFC 8693 §4.1)
	maxDate   = 253402300799 // the end of the year 9999
)

// answer is an introspection response (RFC 7662 §2.2). An inactive one has no
// other member set.
type answer struct {
	Principal
	active    bool
	expires   bool // exp is present
	notBefore time.Time
	issuer    string
	tokenType string // "Bearer" when absent
	tokenUse  string
	bound     bool // cnf is present (RFC 7800 §3.1)
}

// parseAnswer reads a response's body. It is strict where encoding/json is not
// (letter case of names, repeated names, invalid UTF-8, null for a zero value), for
// each leniency is a way for two readers to disagree about a token. Members that
// are not known are ignored. Errors name members, never their values.
func parseAnswer(body []byte) (answer, error) {
	raw, err := object(body)
	if err != nil {
		return answer{}, err
	}
	switch string(raw["active"]) {
	case "true":
	case "false":
		return answer{}, nil
	default:
		return answer{}, errors.New("member active is not a boolean")
	}

	m := members{raw: raw}
	a := answer{
		Principal: Principal{
			Subject:     m.text("sub"),
			SubjectType: m.text("sub_type"),
			ClientID:    m.text("client_id"),
			Username:    m.text("username"),
			Scope:       strings.FieldsFunc(m.text("scope"), func(r rune) bool { return r == ' ' }),
			Audience:    m.list("aud"),
			GrantID:     m.text("grant_id"),
			IssuedAt:    m.date("iat"),
			ExpiresAt:   m.date("exp"),
			AuthTime:    m.date("auth_time"),
			Actor:       m.actor("act", maxActors),
		},
		active:    true,
		expires:   m.has("exp"),
		notBefore: m.date("nbf"),
		issuer:    m.text("iss"),
		tokenType: "Bearer",
		tokenUse:  m.text("token_use"),
		bound:     m.has("cnf"),
	}
	if m.has("token_type") {
		a.tokenType = m.text("token_type")
	}
	if m.err != nil {
		return answer{}, m.err
	}
	return a, nil
}

// object splits a JSON object into its members.
func object(body []byte) (map[string]json.RawMessage, error) {
	if !utf8.Valid(body) || !json.Valid(body) {
		return nil, errors.New("not JSON")
	}
	dec := json.NewDecoder(bytes.NewReader(body))
	if open, err := dec.Token(); err != nil || open != json.Delim('{') {
		return nil, errors.New("not a JSON object")
	}
	raw := make(map[string]json.RawMessage)
	for dec.More() {
		token, err := dec.Token()
		name, ok := token.(string)
		if err != nil || !ok {
			return nil, errors.New("not a JSON object")
		}
		if _, twice := raw[name]; twice {
			return nil, errors.New("a member stands twice") // RFC 8259 §4
		}
		var value json.RawMessage
		if err := dec.Decode(&value); err != nil {
			return nil, errors.New("not a JSON object")
		}
		raw[name] = value
	}
	return raw, nil
}

// members reads typed members. err is the first member that is of a wrong type;
// an absent member is the zero value.
type members struct {
	raw map[string]json.RawMessage
	err error
}

func (m *members) has(name string) bool {
	_, ok := m.raw[name]
	return ok
}

func (m *members) wrong(name, want string) {
	if m.err == nil {
		m.err = fmt.Errorf("member %s is not %s", name, want)
	}
}

func (m *members) text(name string) string {
	raw, ok := m.raw[name]
	if !ok {
		return ""
	}
	var s string
	if raw[0] != '"' || json.Unmarshal(raw, &s) != nil {
		m.wrong(name, "a string")
	}
	return s
}

// list reads aud, which is a string or an array of strings (RFC 7519 §4.1.3).
func (m *members) list(name string) []string {
	raw, ok := m.raw[name]
	if !ok {
		return nil
	}
	if raw[0] != '[' {
		return []string{m.text(name)}
	}
	var values []any
	if json.Unmarshal(raw, &values) != nil {
		m.wrong(name, "an array")
	}
	list := make([]string, len(values))
	for i, v := range values {
		if list[i], ok = v.(string); !ok {
			m.wrong(name, "a list of strings")
		}
	}
	return list
}

// date reads a NumericDate: seconds since 1970, fractions allowed (RFC 7519 §2).
func (m *members) date(name string) time.Time {
	raw, ok := m.raw[name]
	if !ok {
		return time.Time{}
	}
	seconds, err := strconv.ParseFloat(string(raw), 64)
	if err != nil || !(seconds >= 0 && seconds <= maxDate) {
		m.wrong(name, "a NumericDate")
		return time.Time{}
	}
	return time.Unix(int64(math.Floor(seconds)), 0).UTC()
}

// actor reads an act member and those nested in it, at most depth of them.
func (m *members) actor(name string, depth int) *Actor {
	raw, ok := m.raw[name]
	if !ok {
		return nil
	}
	inner, err := object(raw)
	if err != nil || depth == 0 {
		m.wrong(name, "an object, or is nested too deep")
		return nil
	}
	act := members{raw: inner}
	a := &Actor{Subject: act.text("sub"), Issuer: act.text("iss"), Actor: act.actor("act", depth-1)}
	if act.err != nil && m.err == nil {
		m.err = fmt.Errorf("in %s: %w", name, act.err)
	}
	return a
}
