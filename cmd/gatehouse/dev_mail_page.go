package main

import (
	"encoding/json"
	"html/template"
	"net/http"
	"slices"
)

// handler serves the page at /, and the messages as JSON at /messages.
func (c *mailCatcher) handler() http.Handler {
	m := http.NewServeMux()
	m.HandleFunc("GET /{$}", c.page)
	m.HandleFunc("GET /style.css", mailStyle)
	m.HandleFunc("GET /messages", func(w http.ResponseWriter, _ *http.Request) { writeDevJSON(w, http.StatusOK, c.newestFirst()) })
	m.HandleFunc("DELETE /messages", c.deleteMessages)
	m.HandleFunc("GET /messages/{id}", c.message)
	m.HandleFunc("GET /messages/{id}/html", c.messageHTML)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; frame-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer") // the links sign people in
		h.Set("Cache-Control", "no-store")
		m.ServeHTTP(w, r)
	})
}

func writeDevJSON(w http.ResponseWriter, code int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	json.NewEncoder(w).Encode(v)
}

// find is the message that the path names; otherwise it has answered.
func (c *mailCatcher) find(w http.ResponseWriter, r *http.Request) (caughtMail, bool) {
	list := c.newestFirst()
	i := slices.IndexFunc(list, func(m caughtMail) bool { return m.ID == r.PathValue("id") })
	if i < 0 {
		writeDevJSON(w, http.StatusNotFound, map[string]string{"error": "not_found"})
		return caughtMail{}, false
	}
	return list[i], true
}

func (c *mailCatcher) message(w http.ResponseWriter, r *http.Request) {
	if m, ok := c.find(w, r); ok {
		writeDevJSON(w, http.StatusOK, m)
	}
}

// messageHTML is for the frame on the page. Whatever a message brings, it runs
// nothing and loads nothing.
func (c *mailCatcher) messageHTML(w http.ResponseWriter, r *http.Request) {
	m, ok := c.find(w, r)
	if !ok {
		return
	}
	w.Header().Set("Content-Security-Policy",
		"sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'self'")
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Write([]byte(m.HTML))
}

func (c *mailCatcher) deleteMessages(w http.ResponseWriter, _ *http.Request) {
	if err := c.clear(); err != nil {
		c.log.Error("delete caught mail", "err", err)
		writeDevJSON(w, http.StatusInternalServerError, map[string]string{"error": "server_error"})
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// page lists the messages and shows the one that ?id names, or the newest.
func (c *mailCatcher) page(w http.ResponseWriter, r *http.Request) {
	list := c.newestFirst()
	var shown *caughtMail
	for i := range list {
		if shown == nil && r.URL.Query().Get("id") == "" || list[i].ID == r.URL.Query().Get("id") {
			shown = &list[i]
		}
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	if shown == nil && len(list) > 0 {
		w.WriteHeader(http.StatusNotFound)
	}
	if err := mailPage.Execute(w, map[string]any{"Messages": list, "Shown": shown}); err != nil {
		c.log.Debug("show caught mail", "err", err)
	}
}

var mailPage = template.Must(template.New("mail").Funcs(template.FuncMap{"segments": segments}).Parse(`<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{with .Shown}}{{.Subject}} – {{end}}Caught mail</title>
<link rel="stylesheet" href="/style.css">
</head>
<body>
<header><h1>Caught mail</h1><p>What gatehouse dev has sent. Programs read <a href="/messages">/messages</a>. Load the page again to see what is new.</p></header>
<nav aria-label="Messages">
{{- $shown := .Shown}}
{{- with .Messages}}
<ul>
{{- range .}}
<li><a href="/?id={{.ID}}"{{if and $shown (eq .ID $shown.ID)}} aria-current="page"{{end}}><strong>{{.Subject}}</strong> <span>{{range .To}}{{.}} {{end}}</span> <time datetime="{{.Date.Format "2006-01-02T15:04:05Z07:00"}}">{{.Date.Local.Format "2 Jan 15:04:05"}}</time></a></li>
{{- end}}
</ul>
{{- else}}
<p>There is none yet.</p>
{{- end}}
</nav>
<main>
{{- with .Shown}}
<h2>{{.Subject}}</h2>
<dl><dt>From</dt><dd>{{.From}}</dd><dt>To</dt><dd>{{range .To}}{{.}} {{end}}</dd></dl>
<h3>Text</h3>
<pre>{{range segments .Text}}{{.Text}}{{with .Link}}<a href="{{.}}" rel="noopener noreferrer" target="_blank">{{.}}</a>{{end}}{{end}}</pre>
{{- if .HTML}}
<h3>HTML</h3>
<p>As it looks; its links do nothing here.</p>
<iframe src="/messages/{{.ID}}/html" title="The message's HTML part" sandbox></iframe>
{{- end}}
{{- else}}
{{- if .Messages}}
<h2>There is no such message</h2>
{{- end}}
{{- end}}
</main>
</body>
</html>
`))

func mailStyle(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/css; charset=utf-8")
	w.Write([]byte(`:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif }
body { margin: 0 auto; max-width: 72rem; padding: 1rem; display: grid; gap: 1rem 2rem; grid-template-columns: minmax(14rem, 20rem) minmax(0, 1fr) }
header { grid-column: 1 / -1 }
h1, h2 { margin: 0; line-height: 1.2 }
nav ul { list-style: none; margin: 0; padding: 0 }
nav a { display: block; padding: .5rem; border-radius: .25rem; color: inherit; text-decoration: none; overflow-wrap: anywhere }
nav a:hover, nav a[aria-current] { background: color-mix(in srgb, CanvasText 12%, Canvas) }
nav span, nav time { display: block; font-size: .875rem }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 0 1rem }
dd { margin: 0; overflow-wrap: anywhere }
pre { white-space: pre-wrap; overflow-wrap: anywhere; font: inherit }
iframe { box-sizing: border-box; width: 100%; height: 32rem; border: 1px solid; background: #fff; color-scheme: light }
@media (max-width: 44rem) { body { grid-template-columns: minmax(0, 1fr) } }
`))
}
