package main

import (
	"cmp"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"regexp"
	"strings"
	"time"
)

// caughtMail is a message as GET /messages shows it.
type caughtMail struct {
	ID      string    `json:"id"`
	To      []string  `json:"to"` // whom the envelope names
	From    string    `json:"from"`
	Subject string    `json:"subject"`
	Date    time.Time `json:"date"`
	Text    string    `json:"text"`
	HTML    string    `json:"html"`
	Links   []string  `json:"links"` // in text, in their order
}

// parseMail reads what came after DATA. It has no recipients and no id yet.
func parseMail(r io.Reader) (caughtMail, error) {
	in, err := mail.ReadMessage(r)
	if err != nil {
		return caughtMail{}, err
	}
	m := caughtMail{Links: []string{}}
	words := new(mime.WordDecoder)
	if m.Subject, err = words.DecodeHeader(in.Header.Get("Subject")); err != nil {
		return m, fmt.Errorf("subject: %w", err)
	}
	from, err := mail.ParseAddress(in.Header.Get("From"))
	if err != nil {
		return m, fmt.Errorf("from: %w", err)
	}
	m.From = from.Address
	if m.Date, err = in.Header.Date(); err != nil {
		return m, fmt.Errorf("date: %w", err)
	}
	m.Date = m.Date.UTC()
	if err := m.read(in.Header.Get("Content-Type"), in.Header.Get("Content-Transfer-Encoding"), in.Body, 0); err != nil {
		return m, err
	}
	m.Links = append(m.Links, linksIn(m.Text)...)
	return m, nil
}

// read takes the first text and the first HTML of a body (RFC 2045, RFC 2046).
func (m *caughtMail) read(contentType, encoding string, body io.Reader, depth int) error {
	kind, params, err := mime.ParseMediaType(cmp.Or(contentType, "text/plain"))
	if err != nil {
		return err
	}
	if strings.HasPrefix(kind, "multipart/") {
		if depth > 4 {
			return errors.New("parts within parts")
		}
		for parts := multipart.NewReader(body, params["boundary"]); ; {
			p, err := parts.NextRawPart()
			if err == io.EOF {
				return nil
			}
			if err != nil {
				return err
			}
			if err := m.read(p.Header.Get("Content-Type"), p.Header.Get("Content-Transfer-Encoding"), p, depth+1); err != nil {
				return err
			}
		}
	}
	switch strings.ToLower(encoding) {
	case "quoted-printable":
		body = quotedprintable.NewReader(body)
	case "base64":
		body = base64.NewDecoder(base64.StdEncoding, body)
	}
	text, err := io.ReadAll(body)
	plain := strings.ReplaceAll(strings.ToValidUTF8(string(text), "\uFFFD"), "\r\n", "\n")
	switch {
	case kind == "text/plain" && m.Text == "":
		m.Text = plain
	case kind == "text/html" && m.HTML == "":
		m.HTML = plain
	}
	return err
}

// link matches an address in a text, with the signs that may end the sentence
// around it.
var link = regexp.MustCompile(`https?://[^\s<>"]+`)

const afterLink = ".,;:!?)]}'"

func linksIn(text string) []string {
	list := link.FindAllString(text, -1)
	for i := range list {
		list[i] = strings.TrimRight(list[i], afterLink)
	}
	return list
}

// segment is a piece of a text, with a link or before one.
type segment struct{ Text, Link string }

// segments are the pieces of a text in their order.
func segments(text string) (list []segment) {
	for _, l := range linksIn(text) {
		before, after, _ := strings.Cut(text, l)
		list = append(list, segment{Text: before}, segment{Link: l})
		text = after
	}
	return append(list, segment{Text: text})
}
