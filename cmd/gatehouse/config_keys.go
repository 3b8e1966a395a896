package main

import (
	"regexp"
	"strings"

	"gatehouse/social"
)

// envPrefix begins the environment variables that are ours.
const envPrefix = "GATEHOUSE_"

// key is one line of the configuration.
type key struct {
	name   string // levels joined by dots
	value  string // the default
	secret bool   // never printed, never a flag; the environment may name a file
	usage  string // what --help says
	field
}

// keys are all there are, each bound to its field of c: the fixed ones, and
// those of each provider that c has.
func (c *Config) keys() []key {
	all := c.fixedKeys()
	for i := range c.Providers {
		all = append(all, providerKeys(&c.Providers[i])...)
	}
	return all
}

func (c *Config) fixedKeys() []key {
	const addr = "address of the "
	return []key{
		{"issuer", "", false, "https URL that clients know the server by", text(&c.Issuer)},
		{"public.addr", "127.0.0.1:9000", false, addr + "public listener", address(&c.PublicAddr)},
		{"admin.addr", "127.0.0.1:9001", false, addr + "operators' listener", address(&c.AdminAddr)},
		{"api.addr", "127.0.0.1:8000", false, addr + "resource API", address(&c.APIAddr)},
		{"demo.addr", "127.0.0.1:3000", false, addr + "demo frontend (dev)", address(&c.DemoAddr)},
		{"mail.addr", "127.0.0.1:9090", false, addr + "mail catcher (dev)", address(&c.MailAddr)},
		{"stub.google.addr", "127.0.0.1:9100", false, addr + "stand-in for Google (dev)", address(&c.StubGoogleAddr)},
		{"stub.facebook.addr", "127.0.0.1:9101", false, addr + "stand-in for Facebook (dev)", address(&c.StubFacebookAddr)},
		{"database.url", "", true, "sqlite:///path or postgres://host/database", databaseURL(&c.DatabaseURL)},
		{"secrets", "", true, "system secrets of at least 32 bytes, the current one first", secrets(&c.Secrets)},
		{"keys.rotate_every", "2160h", false, "how long a key signs ID tokens; 0: until somebody runs gatehouse keys rotate", rotation(&c.RotateKeysEvery)},
		{"tls.cert", "", false, "PEM file of the certificate and its chain", text(&c.TLSCert)},
		{"tls.key", "", false, "PEM file of the certificate's key", text(&c.TLSKey)},
		{"api.client_id", "", false, "client that the resource API introspects with", text(&c.API.ClientID)},
		{"api.client_secret", "", true, "its secret", hiddenText(&c.API.ClientSecret)},
		{"api.sign_in_client_id", "", false, "client that POST /accounts signs new users in with", text(&c.API.SignInID)},
		{"api.sign_in_client_secret", "", true, "its secret", hiddenText(&c.API.SignInSecret)},
		{"api.issuer", "", false, "authorization server that the resource API asks", text(&c.API.Issuer)},
		{"api.audience", "", false, "what the resource API calls itself in aud", text(&c.API.Audience)},
		{"api.drf", "false", false, "serve /api-auth/ as the Django service did", truth(&c.API.DRF)},
		{"api.drf_client_id", "", false, "client that /api-auth/create/ signs new users in with", text(&c.API.DRFID)},
		{"api.drf_client_secret", "", true, "its secret", hiddenText(&c.API.DRFSecret)},
		{"api.drf_all", "", false, "public: /api-auth/all/ tells every e-mail to everybody", oneOf(&c.API.DRFAll, "public")},
		{"api.accounts_open", "false", false, "GET /accounts without a token", truth(&c.API.AccountsOpen)},
		{"mail.server", "", false, "host:port of the SMTP server that mail is handed to", address(&c.Mail.Server)},
		{"mail.from", "", false, "sender's address, with or without a name", text(&c.Mail.From)},
		{"mail.username", "", false, "user to authenticate as there; empty: no authentication", text(&c.Mail.Username)},
		{"mail.password", "", true, "the user's password", hiddenText(&c.Mail.Password)},
		{"mail.tls", "starttls", false, "starttls, implicit, or on loopback none", oneOf(&c.Mail.TLS, "starttls", "implicit", "none")},
		{"cors.origins", "", false, "web origins allowed beside those of the clients", webOrigins(&c.CORSOrigins)},
		{"trusted_proxies", "", false, "networks whose X-Forwarded-For is believed", prefixes(&c.TrustedProxies)},
		{"refresh.grace", "30s", false, "how long a spent refresh token answers a retry", duration(&c.RefreshGrace)},
		{"sessions.idle", "168h", false, "how long a browser stays signed in that is not used", lifetime(&c.Sessions.Idle)},
		{"sessions.absolute", "720h", false, "how long a browser stays signed in at most", lifetime(&c.Sessions.Absolute)},
		{"limits.password_account", "10", false, "failed sign-ins at one account per " + passwordWindow.String(), count(&c.Limits.PasswordAccount)},
		{"limits.password_address", "100", false, "failed sign-ins from one address per " + passwordWindow.String(), count(&c.Limits.PasswordAddress)},
		{"limits.sign_up", "100", false, "new accounts from one address per " + signUpWindow.String(), count(&c.Limits.SignUp)},
		{"limits.forms", "300", false, "forms of the public pages from one address per " + formWindow.String(), count(&c.Limits.Forms)},
		{"limits.mails", "5", false, "mails with a link of one purpose to one address per " + mailWindow.String(), count(&c.Limits.Mails)},
		{"pages.name", "Gatehouse", false, "what people know the service by", text(&c.Pages.Name)},
		{"pages.logo", "", false, "SVG or PNG file of at most 64 KiB", text(&c.Pages.Logo)},
		{"pages.accent", "", false, "#rrggbb of buttons and links on light ground", text(&c.Pages.Accent)},
		{"pages.accent_dark", "", false, "#rrggbb of buttons and links on dark ground", text(&c.Pages.AccentDark)},
		{"log.format", "text", false, "text or json", oneOf(&c.LogFormat, "text", "json")},
		{"log.level", "info", false, "debug, info, warn or error", level(&c.LogLevel)},
	}
}

// findKey finds a key by name. A provider need not be configured for that.
func findKey(name string) (key, bool) {
	c := new(Config)
	if m := providerKey.FindStringSubmatch(name); m != nil {
		c.Providers = []social.Config{{Name: m[1]}}
	}
	for _, k := range c.keys() {
		if k.name == name {
			return k, true
		}
	}
	return key{}, false
}

func isKey(name string) bool {
	_, ok := findKey(name)
	return ok
}

// isSection reports whether keys stand below name. A provider with nothing
// below it is none: whoever names it means something.
func isSection(name string) bool {
	for _, k := range new(Config).keys() {
		if strings.HasPrefix(k.name, name+".") {
			return true
		}
	}
	return name == "providers"
}

// isSecret reports whether a value must not be shown.
func isSecret(name string) bool {
	k, _ := findKey(name)
	return k.secret
}

// variableOf is the environment variable of a key, flagOf its flag.
func variableOf(name string) string {
	return envPrefix + strings.ToUpper(strings.ReplaceAll(name, ".", "__"))
}

func flagOf(name string) string { return strings.NewReplacer(".", "-", "_", "-").Replace(name) }

// keyOf is the key that a variable names, if there is such a key.
func keyOf(variable string) string {
	return strings.ReplaceAll(strings.ToLower(strings.TrimPrefix(variable, envPrefix)), "__", ".")
}

// serviceLink matches what Kubernetes puts into every pod beside a service
// whose name begins with gatehouse.
var serviceLink = regexp.MustCompile(`^GATEHOUSE_(\w+_)?(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT(_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?)$`)

// foreign reports whether a variable with our prefix is not configuration: one
// of the tests', or a service link, which no key of ours looks like.
func foreign(variable string) bool {
	return strings.HasPrefix(variable, envPrefix+"TEST_") || serviceLink.MatchString(variable)
}

// unknownKey says what to write instead of name. What stands below a key that
// has nothing below it is not repeated: it may be part of a secret.
func unknownKey(name string) string {
	for _, k := range keysAround(name) {
		if strings.HasPrefix(plain(name), k.name+".") {
			return k.name + " takes a value, not keys of its own"
		}
	}
	return "there is no key " + name + "; did you mean " + nearestKey(name) + "?"
}

// keysAround are the keys that name could be meant for, those of a provider
// among them.
func keysAround(name string) []key {
	p := social.Config{Name: "google"}
	if parts := strings.Split(plain(name), "."); len(parts) > 2 || parts[0] == "providers" && len(parts) > 1 {
		p.Name = parts[1]
	}
	return (&Config{Providers: []social.Config{p}}).keys()
}

// notInKeys matches what no key has in it.
var notInKeys = regexp.MustCompile(`[^a-z0-9._-]`)

// plain is name as a key could be written.
func plain(name string) string { return notInKeys.ReplaceAllString(strings.ToLower(name), "-") }

// nearestKey is the key that takes the fewest edits to get to from name.
func nearestKey(name string) string {
	best, least := "", len(name)+1<<10
	for _, k := range keysAround(name) {
		if d := distance(name, k.name); d < least {
			best, least = k.name, d
		}
	}
	return best
}

// distance counts the letters to insert, drop or change (Levenshtein), where
// the signs between words are worth less than letters.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = 2 * j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = 2 * (i + 1)
		for j := range len(b) {
			change := 2
			if a[i] == b[j] {
				change = 0
			} else if strings.ContainsRune("._-", rune(a[i])) && strings.ContainsRune("._-", rune(b[j])) {
				change = 1
			}
			diagonal, row[j+1] = row[j+1], min(diagonal+change, row[j]+2, row[j+1]+2)
		}
	}
	return row[len(b)]
}
