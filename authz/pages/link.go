package pages

import (
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode"
)

// localPath returns a path of this origin as it is, and nothing for anything
// else: browsers take //host and /\host for another origin.
func localPath(path string) string {
	if !strings.HasPrefix(path, "/") || strings.HasPrefix(path, "//") || strings.ContainsFunc(path, unfit) {
		return ""
	}
	return path
}

// unfit tells what browsers drop from a URL, or read as another letter.
func unfit(r rune) bool { return r == '\\' || r <= ' ' || unicode.IsControl(r) }

// link is a URL that may stand in a href: of this origin, or http or https. It
// is empty for all others.
func link(address string) string {
	if path := localPath(address); path != "" {
		return path
	}
	u, err := url.Parse(address)
	if err != nil || strings.ContainsFunc(address, unfit) || u.Host == "" || u.User != nil || u.Scheme != "https" && u.Scheme != "http" {
		return ""
	}
	return address
}

// scheme matches RFC 3986 §3.1.
var scheme = regexp.MustCompile(`^[a-z][a-z0-9+.-]*$`)

// ownSchemes are those that a browser runs, reads or shows by itself.
var ownSchemes = []string{"javascript", "vbscript", "livescript", "data", "blob", "filesystem", "file", "about", "view-source",
	"chrome", "chrome-extension", "moz-extension", "edge", "resource", "jar", "ws", "wss", "ftp", "mailto", "tel", "sms", "intent"}

// Targets are the form targets of a page whose form leads to a redirect URI.
func Targets(redirectURI string) []string { return postTargets(redirectURI) }

// postTargets are the form-action sources of a page that posts to a redirect
// URI, none if nothing may be posted there. A client may answer by a redirect
// to any of its own origins, to which Chromium applies form-action as well;
// so a web address opens the web. Nobody but the server writes that form.
func postTargets(redirectURI string) []string {
	u, err := url.Parse(redirectURI)
	if err != nil || strings.ContainsFunc(redirectURI, unfit) || u.User != nil || u.Fragment != "" {
		return nil
	}
	switch {
	case u.Scheme == "https" && u.Host != "":
		return []string{"https:"}
	case u.Scheme == "http" && u.Host != "":
		return []string{"http:", "https:"}
	case u.Scheme == "https", u.Scheme == "http", !scheme.MatchString(u.Scheme), slices.Contains(ownSchemes, u.Scheme):
		return nil
	}
	return []string{u.Scheme + ":"} // RFC 8252 §7.1
}

// source matches what may stand in form-action: an origin or a scheme, without
// anything that would end the directive.
var source = regexp.MustCompile(`^(https?://([a-z0-9-]+(\.[a-z0-9-]+)*|\[[0-9a-f:.]+\])(:[0-9]{1,5})?|[a-z][a-z0-9+.-]*:)$`)

// formSources are the targets that are fit for form-action, each once.
func formSources(targets []string) []string {
	var list []string
	for _, t := range targets {
		t = strings.ToLower(t)
		if scheme, _, v6 := strings.Cut(t, "://["); v6 && source.MatchString(t) {
			t = scheme + ":" // CSP has no way to write an IPv6 address
		}
		if source.MatchString(t) && !slices.Contains(ownSchemes, strings.TrimSuffix(t, ":")) && !slices.Contains(list, t) {
			list = append(list, t)
		}
	}
	return list
}
