package api

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"unicode/utf8"

	"gatehouse/store"
)

// admin serves GET /admin/.
func (d *drf) admin(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Location", "/admin/login/")
	w.WriteHeader(http.StatusFound)
}

// adminLogin serves GET /admin/login/: there is nothing to sign in to at this
// address, and the page says where there is.
func (d *drf) adminLogin(w http.ResponseWriter, _ *http.Request) {
	page(w, "Log in to the console", `<p>Accounts and clients are looked after in the <strong>Gatehouse console</strong>.
It is at the operators' address of this installation (<code>admin.addr</code>), which is not open to the public:
<code>http://127.0.0.1:9001/admin/</code> on the server itself, unless it was set otherwise.</p>`)
}

// authorize serves GET authorize. It takes the requests that an authorization
// server must not answer by a redirect (RFC 6749 §4.1.2.1) for what they are.
func (d *drf) authorize(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	id, uri := query.Get("client_id"), query.Get("redirect_uri")
	client, err := &store.Client{}, store.ErrNotFound
	if utf8.ValidString(id) && !strings.ContainsRune(id, 0) {
		client, err = d.store.Client(r.Context(), id)
	}
	switch {
	case errors.Is(err, store.ErrNotFound):
		d.fail(w, r, drfOAuth(http.StatusBadRequest, "invalid_request", "Invalid client_id parameter value."))
	case err != nil:
		d.fail(w, r, fmt.Errorf("read the client: %w", err))
	case !client.RedirectURIs.Has(uri) && (uri != "" || len(client.RedirectURIs) != 1):
		d.fail(w, r, drfOAuth(http.StatusBadRequest, "invalid_request", "Mismatching redirect URI."))
	default:
		page(w, "Log in", `<p>Log in on the pages of the application that sent you here.
It asks this server itself, and needs no page of ours for it.</p>`)
	}
}

// page writes a page that has nothing of the request's in it.
func page(w http.ResponseWriter, title, text string) {
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	io.WriteString(w, `<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>`+title+`</title></head>
<body><main><h1>`+title+`</h1>
`+text+`
</main></body>
</html>
`)
}
