package store

import (
	"database/sql/driver"
	"fmt"
	"slices"
	"strings"

	"github.com/google/uuid"
)

// Words is a list of values without blanks, such as scopes or URIs, stored as
// OAuth writes them: joined by one space (RFC 6749 §3.3).
type Words []string

// ParseWords splits at spaces and drops repetitions.
func ParseWords(text string) Words {
	list := Words{}
	for w := range strings.SplitSeq(text, " ") {
		if w != "" && !slices.Contains(list, w) {
			list = append(list, w)
		}
	}
	return list
}

func (w Words) String() string { return strings.Join(w, " ") }

// Has tells whether word is in the list, by exact comparison.
func (w Words) Has(word string) bool { return slices.Contains(w, word) }

// Holds tells whether every one of words is in the list.
func (w Words) Holds(words []string) bool {
	return !slices.ContainsFunc(words, func(x string) bool { return !w.Has(x) })
}

// Value writes the list to a text column.
func (w Words) Value() (driver.Value, error) { return w.String(), nil }

// Scan reads it back.
func (w *Words) Scan(src any) error {
	switch text := src.(type) {
	case string:
		*w = ParseWords(text)
	case []byte:
		*w = ParseWords(string(text))
	default:
		return fmt.Errorf("words: cannot read %T", src)
	}
	return nil
}

// isID tells whether text can be the id of a row, in the one spelling that both
// databases find; PostgreSQL refuses to compare anything else with a uuid.
func isID(text string) bool {
	return len(text) == 36 && uuid.Validate(text) == nil && text == strings.ToLower(text)
}
