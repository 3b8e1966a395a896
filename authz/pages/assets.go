package pages

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path"
	"strings"
	"time"
)

const maxLogo = 64 << 10 // bytes

// asset is a file that pages load. Its name is made from its content, so that
// it never changes.
type asset struct {
	name string // <hash>.<css|js|svg|png>
	kind string // Content-Type
	body []byte
}

// assets are all of them, by what the templates call them.
type assets map[string]asset

// newAssets makes the stylesheet out of the colours, and takes in the logo.
func newAssets(cfg Config, p paint) (assets, error) {
	a := assets{}
	style, err := files.ReadFile("static/style.css")
	if err != nil {
		return nil, err
	}
	a.add("style", "text/css; charset=utf-8", ".css", append([]byte(p.css()), style...))
	for _, name := range []string{"page.js", "google.svg", "facebook.svg", "provider.svg", "logo.svg"} {
		body, err := files.ReadFile("static/" + name)
		if err != nil {
			return nil, err
		}
		kind := svgType
		if strings.HasSuffix(name, ".js") {
			kind = "text/javascript; charset=utf-8"
		}
		body = []byte(strings.NewReplacer("{accent}", p.accent.String(), "{accent-dark}", p.accentDark.String()).Replace(string(body)))
		a.add(strings.TrimSuffix(name, path.Ext(name)), kind, path.Ext(name), body)
	}
	if len(cfg.Logo) == 0 {
		return a, nil
	}
	kind, err := logoType(cfg.Logo)
	if err != nil {
		return nil, fmt.Errorf("logo: %w", err)
	}
	a.add("logo", kind, map[string]string{svgType: ".svg", pngType: ".png"}[kind], cfg.Logo)
	return a, nil
}

func (a assets) add(called, kind, ext string, body []byte) {
	sum := sha256.Sum256(body)
	a[called] = asset{base64.RawURLEncoding.EncodeToString(sum[:12]) + ext, kind, body}
}

const (
	svgType = "image/svg+xml"
	pngType = "image/png"
)

// logoType tells an SVG from a PNG by what it begins with. It refuses what is
// neither, or too long.
func logoType(logo []byte) (string, error) {
	if len(logo) > maxLogo {
		return "", fmt.Errorf("has %d bytes, at most %d are fine", len(logo), maxLogo)
	}
	if bytes.HasPrefix(logo, []byte("\x89PNG\r\n\x1a\n")) {
		return pngType, nil
	}
	return svgType, checkSVG(logo)
}

// checkSVG returns an error unless text is well-formed and its first element is
// SVG's. What it may do is not checked: it is served as an image with a policy
// of its own.
func checkSVG(text []byte) error {
	var first *xml.StartElement
	for d := xml.NewDecoder(bytes.NewReader(text)); ; {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return errors.New("is neither PNG nor well-formed SVG")
		}
		if e, ok := token.(xml.StartElement); ok && first == nil {
			first = &e
		}
	}
	if first == nil || first.Name.Local != "svg" || first.Name.Space != "http://www.w3.org/2000/svg" {
		return errors.New("is neither PNG nor SVG")
	}
	return nil
}

// Assets serves {base}/assets/{name}. Whatever comes before the name is not
// looked at. Answers may be kept for ever; what is not there is 404.
func (p *Pages) Assets() http.Handler {
	byName := make(map[string]asset, len(p.assets))
	for _, a := range p.assets {
		byName[a.name] = a
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a, ok := byName[path.Base(r.URL.Path)]
		h := w.Header()
		h.Set("X-Content-Type-Options", "nosniff")
		if !ok {
			h.Set("Cache-Control", "no-store") // a newer release may be about to have it
			http.Error(w, p.text("asset.not_found"), http.StatusNotFound)
			return
		}
		h.Set("Content-Type", a.kind)
		h.Set("Cache-Control", "public, max-age=31536000, immutable") // RFC 8246
		h.Set("ETag", `"`+strings.TrimSuffix(a.name, path.Ext(a.name))+`"`)
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'") // a SVG opened as a page runs nothing
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(a.body))
	})
}
