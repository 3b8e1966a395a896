package store

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestCheckJSON(t *testing.T) {
	deep := strings.Repeat(`{"a":`, 500) + `{"b":1,"b":2}` + strings.Repeat(`}`, 500)
	for _, tt := range []struct{ name, body, err string }{
		{"an object", `{"a":1,"b":[{"a":2},{"a":3}],"c":{"a":"a"}}`, ""},
		{"white space around", " \r\n\t{ } \n", ""},
		{"one name at two depths", `{"a":{"a":{"a":1}}}`, ""},
		{"a name as a value", `{"a":"b","b":"a","c":["a","a"]}`, ""},
		{"a number beyond float64", `{"a":1e999}`, ""},
		{"a surrogate pair", `{"a":"\ud83d\ude00\uD83D\uDE00"}`, ""},
		{"an escaped backslash before u0000", `{"a":"\\u0000 \\\\ud800"}`, ""},
		{"U+FFFD itself", "{\"a\":\"\ufffd\\ufffd\"}", ""},
		{"nothing", ``, "not JSON"},
		{"white space only", "  ", "not JSON"},
		{"null", `null`, "not a JSON object"},
		{"an array", `[{"a":1}]`, "not a JSON object"},
		{"a number", `17`, "not a JSON object"},
		{"a string", `"{}"`, "not a JSON object"},
		{"cut off", `{"a":1`, "not JSON"},
		{"a second value", `{"a":1}{"a":1}`, "not JSON"},
		{"a trailing comma", `{"a":1,}`, "not JSON"},
		{"a trailing NUL", "{}\x00", "not JSON"},
		{"a byte order mark", "\ufeff{}", "not JSON"},
		{"too deep for the decoder", `{"a":` + strings.Repeat("[", 20000) + strings.Repeat("]", 20000) + `}`, "not JSON"},
		{"NUL in a string", "{\"a\":\"\x00\"}", "not JSON"},
		{"NUL escaped", `{"a":"b\u0000"}`, "NUL"},
		{"NUL escaped in a name", `{"\u0000":1}`, "NUL"},
		{"NUL after an escaped backslash", `{"a":"\\\u0000"}`, "NUL"},
		{"invalid UTF-8", "{\"a\":\"\xff\"}", "UTF-8"},
		{"an overlong NUL", "{\"a\":\"\xc0\x80\"}", "UTF-8"},
		{"a surrogate as UTF-8", "{\"a\":\"\xed\xa0\x80\"}", "UTF-8"},
		{"a lone high surrogate", `{"a":"\ud83d"}`, "surrogate"},
		{"a lone low surrogate", `{"a":"\ude00"}`, "surrogate"},
		{"two high surrogates", `{"a":"\ud83d\ud83d"}`, "surrogate"},
		{"a high surrogate before another escape", `{"a":"\ud83d\\ude00"}`, "surrogate"},
		{"a name twice", `{"a":1,"a":1}`, `"a" twice`},
		{"a name twice, once escaped", `{"a":1,"\u0061":2}`, `"a" twice`},
		{"a name twice in an array's object", `{"a":[[{"b":1,"c":2,"b":3}]]}`, `"b" twice`},
		{"a name twice after an object", `{"a":{"x":1},"b":[],"a":2}`, `"a" twice`},
		{"a name twice, deep", deep, `"b" twice`},
		{"a name twice in another case", `{"client_id":1,"Client_ID":2}`, `"Client_ID" twice`},
		{"a name twice by folding", `{"scope":1,"ſcope":2}`, `"ſcope" twice`},
		{"the empty name twice", `{"":1,"":2}`, `"" twice`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := CheckJSON([]byte(tt.body))
			if (err == nil) != (tt.err == "") || err != nil && !strings.Contains(err.Error(), tt.err) {
				t.Errorf("error %v, want %q", err, tt.err)
			}
		})
	}
}

// FuzzCheckJSON compares with what encoding/json makes of the same body.
func FuzzCheckJSON(f *testing.F) {
	for _, seed := range []string{
		`{"a":1,"b":[{"c":null}]}`, `{"a":1,"a":2}`, `{"a":"\u0000"}`, `{"a":"\ud83d\ude00"}`, `{"a":"\ud83d"}`,
		`[]`, `{"a":1}{}`, "{\"a\":\"\xff\"}", `{"K":1,"k":2}`, `{"a":1e999}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		err := CheckJSON(body)
		var object map[string]json.RawMessage
		parsed := json.Unmarshal(body, &object)
		if err != nil {
			return
		}
		if parsed != nil || object == nil || !utf8.Valid(body) {
			t.Fatalf("accepted %q, which is no object: %v", body, parsed)
		}
		names := slices.Collect(maps.Keys(object))
		for i, name := range names {
			if strings.ContainsRune(name, 0) {
				t.Fatalf("accepted NUL in a name: %q", body)
			}
			for _, other := range names[:i] {
				if strings.EqualFold(name, other) {
					t.Fatalf("accepted %q and %q", name, other)
				}
			}
		}
		var value any
		if json.Unmarshal(body, &value) == nil && hasNUL(value) {
			t.Fatalf("accepted NUL: %q", body)
		}
		again, err := json.Marshal(object)
		if err == nil {
			err = CheckJSON(again)
		}
		if err != nil {
			t.Fatalf("%q written again is refused: %v", body, err)
		}
	})
}

func hasNUL(value any) bool {
	switch v := value.(type) {
	case string:
		return strings.ContainsRune(v, 0)
	case []any:
		return slices.ContainsFunc(v, hasNUL)
	case map[string]any:
		for name, member := range v {
			if strings.ContainsRune(name, 0) || hasNUL(member) {
				return true
			}
		}
	}
	return false
}
