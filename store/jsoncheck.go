package store

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// CheckJSON tells whether body is one JSON object that every reader takes for
// the same and that a text column can hold; it stands in store because both
// HTTP APIs import that and nothing else of ours. The error is a sentence for
// the client and quotes no value.
//
// Refused besides broken syntax: invalid UTF-8, NUL in any spelling (no text
// column of PostgreSQL takes one), half a surrogate pair (which decodes to
// U+FFFD, so that two passwords become one), and at any depth two members
// whose names differ at most in letter case (RFC 8259 §4 leaves open which one
// counts, and encoding/json matches names in any case).
func CheckJSON(body []byte) error {
	if !utf8.Valid(body) {
		return errors.New("the body is not valid UTF-8")
	}
	var whole json.RawMessage
	if err := json.Unmarshal(body, &whole); err != nil {
		return fmt.Errorf("the body is not JSON: %w", err)
	}
	if whole[0] != '{' {
		return errors.New("the body is not a JSON object")
	}
	if err := checkEscapes(body); err != nil {
		return err
	}
	return checkNamesOnce(body)
}

// checkEscapes looks at each \u of syntactically valid JSON, in which a
// backslash stands in strings only.
func checkEscapes(body []byte) error {
	for {
		start := bytes.IndexByte(body, '\\')
		if start < 0 {
			return nil
		}
		body = body[start+1:]
		if body[0] != 'u' {
			body = body[1:]
			continue
		}
		r := escaped(body)
		body = body[5:]
		switch {
		case r == 0:
			return errors.New("the body has a NUL character")
		case !utf16.IsSurrogate(r):
			continue
		}
		if len(body) < 6 || body[0] != '\\' || body[1] != 'u' || utf16.DecodeRune(r, escaped(body[1:])) == unicode.ReplacementChar {
			return errors.New("the body has half a surrogate pair")
		}
		body = body[6:]
	}
}

// escaped is the code unit of text that begins uXXXX.
func escaped(text []byte) rune {
	n, _ := strconv.ParseUint(string(text[1:5]), 16, 16) // the syntax is checked
	return rune(n)
}

// checkNamesOnce walks syntactically valid JSON.
func checkNamesOnce(body []byte) error {
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber()            // 1e999 is valid JSON
	var open []map[string]bool // the names seen in each open object; nil for an array
	isName := false
	for {
		token, err := dec.Token()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("the body is not JSON: %w", err)
		}
		switch t := token.(type) {
		case json.Delim:
			switch t {
			case '{':
				open = append(open, map[string]bool{})
			case '[':
				open = append(open, nil)
			default:
				open = open[:len(open)-1]
			}
		case string:
			if isName {
				seen, name := open[len(open)-1], foldName(t)
				if seen[name] {
					return fmt.Errorf("the body has the member %.100q twice", t)
				}
				seen[name] = true
				isName = false
				continue
			}
		}
		isName = len(open) > 0 && open[len(open)-1] != nil
	}
}

// foldName maps names that encoding/json takes for one to one: each character
// to the least that it folds with.
func foldName(name string) string {
	return strings.Map(func(r rune) rune {
		least := r
		for other := unicode.SimpleFold(r); other != r; other = unicode.SimpleFold(other) {
			least = min(least, other)
		}
		return least
	}, name)
}
