package pages

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"strings"
)

// Config says how the pages look. Zero values take the default noted.
type Config struct {
	Name       string // what people know the service by; default Gatehouse
	Logo       []byte // SVG or PNG, at most 64 KiB; default a gate of ours
	Accent     string // #rrggbb of buttons and links on light ground, contrast ≥ 4.5:1 (WCAG 1.4.3); default #1f5a4c
	AccentDark string // the same on dark ground; default #86cbb5, or Accent lightened as far as needed
	Base       string // path of the issuer, before every path here; usually empty
}

//go:embed templates static
var files embed.FS

// Pages renders pages and mails. It is safe for concurrent use.
type Pages struct {
	cfg       Config
	texts     catalogue
	paint     paint
	assets    assets
	templates map[string]*template.Template // by the name of the file, without .html
}

// New validates cfg and returns Pages ready for use. An error begins with the
// name of the field, as the configuration writes it.
func New(cfg Config) (*Pages, error) {
	if cfg.Name == "" {
		cfg.Name = "Gatehouse"
	}
	if cfg.Name = plain(cfg.Name); cfg.Name == "" || len(cfg.Name) > 100 {
		return nil, errors.New("name: want 1 to 100 bytes that can be seen")
	}
	if cfg.Base != "" && (localPath(cfg.Base) == "" || strings.HasSuffix(cfg.Base, "/")) {
		return nil, errors.New("base: want a path without a slash at the end")
	}
	paint, err := newPaint(cfg.Accent, cfg.AccentDark)
	if err != nil {
		return nil, err
	}
	p := &Pages{cfg: cfg, texts: english, paint: paint, templates: make(map[string]*template.Template)}
	if p.assets, err = newAssets(cfg, paint); err != nil {
		return nil, err
	}
	names, err := files.ReadDir("templates")
	if err != nil {
		return nil, err
	}
	for _, f := range names {
		name := strings.TrimSuffix(f.Name(), ".html")
		t := template.New(name).Funcs(p.functions())
		if t, err = t.ParseFS(files, "templates/layout.html", "templates/parts.html", "templates/"+f.Name()); err != nil {
			return nil, fmt.Errorf("template %s: %w", name, err)
		}
		p.templates[name] = t
	}
	return p, nil
}

// view is what a template is given.
type view struct {
	Page    Page
	Name    string // of the service
	Base    string
	Title   string
	Invalid bool // something in a form was wrong
	Wide    bool
	Script  bool
}

// Write answers with a page. Every string in it may be anybody's. formTargets
// are the further origins (https://host) or schemes (https:) that what answers
// the page's form may redirect to: Chromium applies form-action to these too
// (CSP 3 §4.2.1), and to wherever they redirect in turn. So give https: and not
// an origin if it is not known where a client sends people from there. What is
// neither is left out.
func (p *Pages) Write(w http.ResponseWriter, status int, page Page, formTargets ...string) {
	switch it := page.(type) {
	case FormPost:
		if formTargets = postTargets(it.RedirectURI); formTargets == nil {
			p.Write(w, http.StatusBadRequest, Error{Code: ErrorClient})
			return
		}
	case Error:
		if p.texts[it.Code+".title"] == "" {
			it.Code = ErrorServer
			page = it
		}
	}
	a := page.about()
	body, err := p.render(a, page)
	if err != nil {
		panic(fmt.Errorf("page %s: %w", a.template, err)) // a defect of the template, whatever the strings are
	}
	setHeaders(w.Header(), a, formTargets)
	w.WriteHeader(status)
	w.Write(body)
}

func (p *Pages) render(a about, page Page) ([]byte, error) {
	v := view{Page: page, Name: p.cfg.Name, Base: p.cfg.Base, Title: p.text(a.title), Invalid: a.invalid, Wide: a.wide, Script: a.script}
	var body bytes.Buffer
	err := p.templates[a.template].ExecuteTemplate(&body, "layout.html", v)
	return body.Bytes(), err
}
