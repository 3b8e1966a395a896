package pages

import (
	"net/http"
	"strings"
)

// setHeaders are those of every page.
//
// Referrer-Policy is strict-origin: neither a ticket nor a mail link's token
// leaves in a Referer, not even towards our own assets. With no-referrer (as
// with same-origin at another's) a browser sends Origin: null with a form (Fetch
// §3.2), which http.CrossOriginProtection refuses where the browser sends no
// Sec-Fetch-Site, as Safari before 16.4.
func setHeaders(h http.Header, a about, formTargets []string) {
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", contentSecurityPolicy(a, formTargets))
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "strict-origin")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Permissions-Policy", "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()")
	if a.wide { // all others may be in a window that a client has opened, and waits for
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
	}
}

// contentSecurityPolicy lets the page have what it needs (CSP 3).
func contentSecurityPolicy(a about, formTargets []string) string {
	directives := []string{"default-src 'none'", "style-src 'self'", "img-src 'self'"}
	if a.script {
		directives = append(directives, "script-src 'self'")
	}
	sources := formSources(formTargets)
	switch {
	case !a.form:
		sources = []string{"'none'"}
	case !a.crossing:
		sources = append([]string{"'self'"}, sources...)
	}
	directives = append(directives, "form-action "+strings.Join(sources, " "), "base-uri 'none'", "frame-ancestors 'none'")
	return strings.Join(directives, "; ")
}
