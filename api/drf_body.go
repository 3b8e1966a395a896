package api

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"strings"
	"unicode/utf8"
)

// drfValue is what a body says under one name; the zero value is nothing.
type drfValue struct {
	kind drfKind
	text string // of drfText alone
}

type drfKind int

const (
	drfAbsent drfKind = iota
	drfText           // a string, or a number as the JSON wrote it
	drfNull
	drfOther // a boolean, a list, an object, a file, or what is no text after all
)

// textValue is a text as it came. A replacement character is what decoders
// leave of half a surrogate pair or of broken UTF-8: two passwords could become
// one by it.
func textValue(text string) drfValue {
	if !utf8.ValidString(text) || strings.ContainsRune(text, utf8.RuneError) {
		return drfValue{kind: drfOther}
	}
	return drfValue{drfText, text}
}

// drfFields are what a body says, by name, whichever of the three types it has.
type drfFields map[string]drfValue

// add refuses a name that stands twice: readers would differ about its value.
func (f drfFields) add(name string, v drfValue) error {
	if _, twice := f[name]; twice {
		return errTwice
	}
	f[name] = v
	return nil
}

// readFields reads a body of JSON, urlencoded or multipart. No body is an empty
// one, whatever its type.
func readFields(r *http.Request) (drfFields, error) {
	body, p := readAll(r)
	if p != nil {
		return nil, p
	}
	if len(body) == 0 {
		return drfFields{}, nil
	}
	contentType := r.Header.Get("Content-Type")
	media, params, err := mime.ParseMediaType(contentType)
	if err != nil || len(r.Header.Values("Content-Type")) > 1 || r.Header.Get("Content-Encoding") != "" {
		media = ""
	}
	switch media {
	case "application/json":
		return jsonFields(body)
	case "application/x-www-form-urlencoded":
		return formFields(body)
	case "multipart/form-data":
		return multipartFields(body, params["boundary"])
	}
	return nil, drfDetail(http.StatusUnsupportedMediaType, fmt.Sprintf(`Unsupported media type "%.100s" in request.`, strings.ToValidUTF8(contentType, "?")))
}

// What is wrong with a body that cannot be read. The body itself is not quoted:
// it may be a password.
var (
	errMalformed = errors.New("the body is malformed")
	errTwice     = errors.New("a field stands twice")
)

func parseError(kind string, err error) error {
	return drfDetail(http.StatusBadRequest, kind+" parse error - "+err.Error())
}

// errNotDictionary is the 400 of a JSON body that is no object.
func errNotDictionary(body json.RawMessage) error {
	said := "Invalid data. Expected a dictionary, but got "
	switch c := body[0]; {
	case c == 'n':
		said = "No data provided"
	case c == '[':
		said += "list."
	case c == '"':
		said += "str."
	case c == 't' || c == 'f':
		said += "bool."
	case bytes.ContainsAny(body, ".eE"):
		said += "float."
	default:
		said += "int."
	}
	return drfFieldErrors{"non_field_errors": {said}}.refusal()
}

func jsonFields(body []byte) (drfFields, error) {
	if !utf8.Valid(body) {
		return nil, parseError("JSON", errors.New("the body is not valid UTF-8"))
	}
	var whole json.RawMessage
	if err := json.Unmarshal(body, &whole); err != nil {
		return nil, parseError("JSON", errMalformed)
	}
	if whole[0] != '{' {
		return nil, errNotDictionary(whole)
	}
	fields := drfFields{}
	dec := json.NewDecoder(bytes.NewReader(whole))
	dec.Token() // the brace; from here on the syntax is known to be right
	for dec.More() {
		name, err := dec.Token()
		if err != nil {
			return nil, parseError("JSON", errMalformed)
		}
		var value json.RawMessage
		if err := dec.Decode(&value); err != nil {
			return nil, parseError("JSON", errMalformed)
		}
		if err := fields.add(name.(string), jsonValue(value)); err != nil {
			return nil, parseError("JSON", err)
		}
	}
	return fields, nil
}

func jsonValue(raw json.RawMessage) drfValue {
	switch c := raw[0]; {
	case c == '"':
		var text string
		if json.Unmarshal(raw, &text) != nil { // can't be
			return drfValue{kind: drfOther}
		}
		return textValue(text)
	case c == '-' || '0' <= c && c <= '9':
		return drfValue{drfText, string(raw)}
	case c == 'n':
		return drfValue{kind: drfNull}
	}
	return drfValue{kind: drfOther}
}

// formFields splits as Django does: at & alone, and a percent sign that escapes
// nothing is one.
func formFields(body []byte) (drfFields, error) {
	fields := drfFields{}
	for pair := range strings.SplitSeq(string(body), "&") {
		if pair == "" {
			continue
		}
		name, text, _ := strings.Cut(pair, "=")
		if err := fields.add(unescape(name), textValue(unescape(text))); err != nil {
			return nil, parseError("Form", err)
		}
	}
	return fields, nil
}

// unescape decodes what is an escape, and leaves the rest.
func unescape(text string) string {
	var out strings.Builder
	for text != "" {
		n := 1
		switch {
		case text[0] == '+':
			out.WriteByte(' ')
		case text[0] == '%' && len(text) > 2:
			if b, err := hex.DecodeString(text[1:3]); err == nil {
				out.Write(b)
				n = 3
				break
			}
			fallthrough
		default:
			out.WriteByte(text[0])
		}
		text = text[n:]
	}
	return out.String()
}

func multipartFields(body []byte, boundary string) (drfFields, error) {
	parts, fields := multipart.NewReader(bytes.NewReader(body), boundary), drfFields{}
	for {
		part, err := parts.NextRawPart()
		if err == io.EOF {
			return fields, nil
		}
		if err != nil {
			return nil, parseError("Multipart form", errMalformed)
		}
		text, err := io.ReadAll(part)
		if err != nil {
			return nil, parseError("Multipart form", errMalformed)
		}
		value := textValue(string(text))
		if part.FileName() != "" {
			value = drfValue{kind: drfOther}
		}
		if err := fields.add(part.FormName(), value); err != nil {
			return nil, parseError("Multipart form", err)
		}
	}
}

// drfField is what the service demanded of a field. Whichever are at fault are
// told at once.
type drfField struct {
	name     string
	max      int  // characters
	optional bool // may be absent, blank or null
	typed    bool // outer blanks belong to it
	named    bool // the words name the field
}

// check returns the fields' texts, trimmed, and what is wrong.
func (f drfFields) check(demanded []drfField) (map[string]string, drfFieldErrors) {
	values, errs := map[string]string{}, drfFieldErrors{}
	for _, field := range demanded {
		text, wrong := field.check(f[field.name])
		if wrong != "" {
			errs[field.name] = []string{wrong}
		} else {
			values[field.name] = text
		}
	}
	return values, errs
}

func (f drfField) check(v drfValue) (text, wrong string) {
	absent, blank := "This field is required.", "This field may not be blank."
	if f.named {
		absent, blank = f.name+" is required.", f.name+" cannot be blank."
	}
	text = strings.TrimSpace(v.text)
	switch {
	case f.optional && text == "" && v.kind != drfOther:
		return "", ""
	case v.kind == drfAbsent:
		return "", absent
	case v.kind == drfNull:
		return "", "This field may not be null."
	case v.kind == drfOther:
		return "", "Not a valid string."
	case text == "":
		return "", blank
	}
	if f.typed {
		text = v.text
	}
	switch {
	case utf8.RuneCountInString(text) > f.max:
		return "", fmt.Sprintf("Ensure this field has no more than %d characters.", f.max)
	case strings.ContainsRune(text, 0):
		return "", "Null characters are not allowed."
	}
	return text, ""
}
