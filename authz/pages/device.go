package pages

import "strings"

// agentToken finds a name by what stands in a User-Agent header. The first that is
// found counts: those further down say so too.
type agentToken struct{ sign, name string }

var agentBrowsers = []agentToken{
	{"Edg", "Edge"}, {"OPR/", "Opera"}, {"SamsungBrowser/", "Samsung Internet"}, {"Firefox/", "Firefox"}, {"FxiOS/", "Firefox"},
	{"CriOS/", "Chrome"}, {"Chromium/", "Chromium"}, {"Chrome/", "Chrome"}, {"Safari/", "Safari"}, {"curl/", "curl"},
}

var agentSystems = []agentToken{
	{"Android", "Android"}, {"iPhone", "iPhone"}, {"iPad", "iPad"}, {"Windows", "Windows"}, {"CrOS", "ChromeOS"},
	{"Mac OS X", "macOS"}, {"Linux", "Linux"},
}

// device says in a few words what a User-Agent header tells.
func (p *Pages) device(userAgent string) string {
	browser, system := find(agentBrowsers, userAgent), find(agentSystems, userAgent)
	switch {
	case browser == "" && system == "":
		return p.text("device.unknown")
	case system == "":
		return browser
	case browser == "":
		return system
	}
	return p.text("device.both", browser, system)
}

func find(list []agentToken, userAgent string) string {
	for _, t := range list {
		if strings.Contains(userAgent, t.sign) {
			return t.name
		}
	}
	return ""
}
