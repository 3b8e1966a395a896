// Package pages renders what people see: the public pages of the authorization
// server, and its mails. It knows no request, no session and no store: authz
// hands it what to show.
//
//	pages.go      Config, New, Write
//	page.go       a type for each page; account.go for the page of one's own account
//	problem.go    what can be wrong, and the fields of forms
//	texts.go      every text, in one catalogue
//	functions.go  what the templates call; device.go names a browser
//	mail.go       a type for each mail
//	headers.go    Content-Security-Policy and the other headers
//	link.go       which URLs may be linked, posted to, or allowed by form-action
//	assets.go     stylesheet, script and pictures; paint.go the configured colours
//	templates/    one file per page, layout.html around it, parts.html shared
//	static/       style.css, page.js, SVG
//
// The invariant to keep: templates have no text of their own and nothing
// inline, and every string that comes from outside is taken for hostile.
package pages
