package main

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/knadh/koanf/parsers/yaml"
	"github.com/knadh/koanf/providers/confmap"
	"github.com/knadh/koanf/providers/env/v2"
	"github.com/knadh/koanf/providers/file"
	"github.com/knadh/koanf/v2"
	"github.com/spf13/cobra"

	"gatehouse/authz"
	"gatehouse/social"
	"gatehouse/store"
)

// This file is the only place that reads environment, flags and configuration
// files. config_keys.go lists the keys, config_providers.go those of providers,
// config_values.go parses their values, config_check.go says what a production
// process refuses, config_show.go prints what is in force.

// What the limits.* keys count in.
const (
	passwordWindow = 15 * time.Minute // limits.password_account, limits.password_address
	formWindow     = 15 * time.Minute // limits.forms
	signUpWindow   = time.Hour        // limits.sign_up
	mailWindow     = time.Hour        // limits.mails
)

// Config is everything that one can set. Each field belongs to the key of the
// same name (config_keys.go), and only loadConfig writes it.
type Config struct {
	Issuer           string          // the https URL that clients know the server by; gatehouse dev takes its public address
	PublicAddr       string          // host:port, port 0 takes a free one; so do the other …Addr
	AdminAddr        string          // operators only; never reachable from outside
	APIAddr          string          // the resource API
	DemoAddr         string          // the demo frontend of gatehouse dev
	MailAddr         string          // the mail catcher of gatehouse dev
	StubGoogleAddr   string          // the stand-in for Google of gatehouse dev
	StubFacebookAddr string          // the stand-in for Facebook of gatehouse dev
	DatabaseURL      string          // sqlite:///path or postgres://…; may hold a password
	Secrets          [][]byte        // system secrets, the current one first, each as the bytes of its text
	SecretsFile      string          // that they were read from, one on each line; empty: they came otherwise
	RotateKeysEvery  time.Duration   // how long a signing key signs; 0: until gatehouse keys rotate
	TLSCert          string          // PEM file of the certificate and its chain, read again when it changes; empty: plain HTTP
	TLSKey           string          // PEM file of its key
	Providers        []social.Config // by name
	API              APIConfig
	Mail             authz.MailConfig
	CORSOrigins      []string          // web origins allowed beside those of the clients
	TrustedProxies   []netip.Prefix    // peers whose X-Forwarded-For is believed
	RefreshGrace     time.Duration     // how long a spent refresh token still answers a retry; 0 is strict
	Sessions         store.SessionLife // of people's browsers
	Limits           LimitsConfig
	Pages            PagesConfig
	LogFormat        string // text or json
	LogLevel         slog.Level

	from origins
}

// APIConfig is what only the resource API needs.
type APIConfig struct {
	ClientID     string // the client it introspects with
	ClientSecret string
	SignInID     string // the client it signs new users in with; empty: nobody is signed in
	SignInSecret string
	Issuer       string // base URL of the authorization server it asks; empty: Config.Issuer
	Audience     string // the name in aud that it takes tokens for; empty: derived from its address
	DRF          bool   // serve the seed's wire at /api-auth/ as well
	DRFID        string // the client that /api-auth/create/ signs new users in with
	DRFSecret    string
	DRFAll       string // "public": /api-auth/all/ needs no token
	AccountsOpen bool   // GET /accounts without a token
}

// LimitsConfig is how often something may be tried; 0 is any number.
type LimitsConfig struct {
	PasswordAccount int // failed sign-ins at one account, per passwordWindow
	PasswordAddress int // failed sign-ins from one address, per passwordWindow
	Forms           int // forms of the public pages from one address, per formWindow
	SignUp          int // new accounts from one address, per signUpWindow
	Mails           int // mails with a link of one purpose to one address, per mailWindow
}

// PagesConfig is how the public pages look.
type PagesConfig struct {
	Name       string // what people know the service by
	Logo       string // path of an SVG or PNG file, read at the start; empty: ours
	Accent     string // #rrggbb on light ground; empty: ours
	AccentDark string // #rrggbb on dark ground; empty: Accent, lightened
}

// sources are the places that configuration comes from, the weakest first.
type sources struct {
	file    string            // a YAML file; may be empty
	environ []string          // in the form of os.Environ
	data    string            // a folder that gatehouse dev made; may be empty
	flags   map[string]string // values by key, of the flags that were given
}

// origins says by key where a value in force came from.
type origins map[string]string

// layer is what one source says: values by whole key.
type layer struct {
	values map[string]any
	from   origins
}

// put notes a value; an empty text is none.
func (l layer) put(name string, value any, origin string) {
	if value != nil && value != "" {
		l.values[name], l.from[name] = value, origin
	}
}

// loadConfig reads the sources and checks each value by itself. A key that no
// source names has its default. No error holds a value of a secret key.
func loadConfig(src sources) (Config, origins, error) {
	all, from := koanf.New("."), make(origins)
	for _, read := range []func(sources, layer) error{readDefaults, readFile, readEnviron, readData, readFlags} {
		l := layer{make(map[string]any), make(origins)}
		if err := read(src, l); err != nil {
			return Config{}, nil, err
		}
		if err := all.Load(confmap.Provider(l.values, "."), nil); err != nil {
			return Config{}, nil, err
		}
		maps.Copy(from, l.from)
	}
	c := Config{Providers: namedProviders(from), from: from}
	for _, k := range c.keys() {
		v := all.Get(k.name)
		if v == nil {
			continue
		}
		if err := k.set(v); err != nil {
			return Config{}, nil, c.wrong(k.name, err.Error())
		}
	}
	c.SecretsFile = src.secretsFile(from["secrets"])
	return c, from, nil
}

// secretsFile is the file that the secrets in force were read from.
func (src sources) secretsFile(origin string) string {
	variable := variableOf("secrets") + "_FILE"
	if src.data != "" && origin == "--data "+src.data {
		return filepath.Join(src.data, "secrets")
	}
	for _, v := range src.environ {
		if path, ok := strings.CutPrefix(v, variable+"="); ok && origin == "env "+variable {
			return path
		}
	}
	return ""
}

func readDefaults(_ sources, l layer) error {
	for _, k := range new(Config).keys() {
		l.put(k.name, k.value, "default")
		l.from[k.name] = "default"
	}
	return nil
}

func readFile(src sources, l layer) error {
	if src.file == "" {
		return nil
	}
	f := koanf.New(".")
	if err := f.Load(file.Provider(src.file), yaml.Parser()); err != nil {
		if at := new(fs.PathError); errors.As(err, &at) {
			err = at.Err
		}
		return fmt.Errorf("file %s: %s", src.file, withoutQuotes(err.Error()))
	}
	for _, name := range f.Keys() { // sorted: of two mistakes the same one is named each time
		v := f.Get(name)
		if m, ok := v.(map[string]any); isSection(name) && (v == nil || ok && len(m) == 0) {
			continue // a section with nothing in it
		}
		if !isKey(name) {
			return fmt.Errorf("file %s: %s", src.file, unknownKey(name))
		}
		l.put(name, v, "file "+src.file)
	}
	return nil
}

// readEnviron takes GATEHOUSE_API__CLIENT_ID for api.client_id, and for a
// secret key also GATEHOUSE_API__CLIENT_SECRET_FILE, a file that holds the
// value. An empty variable is one that is not set.
func readEnviron(src sources, l layer) error {
	var failed error
	take := func(variable, value string) (string, any) {
		if failed == nil && value != "" && !foreign(variable) {
			failed = readVariable(variable, value, l)
		}
		return "", nil
	}
	_, err := env.Provider("", env.Opt{
		Prefix: envPrefix, TransformFunc: take,
		EnvironFunc: func() []string { return slices.Sorted(slices.Values(src.environ)) },
	}).Read()
	return errors.Join(failed, err)
}

func readVariable(variable, value string, l layer) error {
	name, origin := keyOf(variable), "env "+variable
	if of, ok := strings.CutSuffix(name, "_file"); ok && isKey(of) && isSecret(of) {
		text, err := os.ReadFile(value)
		if err != nil {
			return fmt.Errorf("%s: %w", origin, err)
		}
		if value = strings.TrimRight(string(text), "\r\n"); value == "" {
			return fmt.Errorf("%s: the file is empty", origin)
		}
		name = of
	} else if !isKey(name) || variable != variableOf(name) {
		return fmt.Errorf("%s: there is no such key; did you mean %s?", origin, variableOf(nearestKey(name)))
	}
	if first, twice := l.from[name]; twice {
		return fmt.Errorf("%s and %s both set %s", first, origin, name)
	}
	l.put(name, value, origin)
	return nil
}

// readData knows the files of a folder of gatehouse dev. The secrets may not
// be there yet; the folder must be.
func readData(src sources, l layer) error {
	if src.data == "" {
		return nil
	}
	origin := "--data " + src.data
	dir, err := filepath.Abs(src.data)
	if err != nil {
		return fmt.Errorf("%s: %w", origin, err)
	}
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return fmt.Errorf("%s: there is no such folder; gatehouse dev makes one", origin)
	}
	l.put("database.url", "sqlite://"+filepath.Join(dir, "gatehouse.db"), origin)
	lines, err := os.ReadFile(filepath.Join(dir, "secrets"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s: %w", origin, err)
	}
	l.put("secrets", string(lines), origin)
	return nil
}

func readFlags(src sources, l layer) error {
	for name, value := range src.flags {
		l.put(name, value, "flag --"+flagOf(name))
	}
	return nil
}

// options are the flags that every subcommand has.
type options struct {
	config string
	data   string
	format format
}

// load reads the configuration for cmd: its own flags, o's and the environment.
func (o *options) load(cmd *cobra.Command) (Config, error) {
	src := sources{file: o.config, environ: os.Environ(), data: o.data, flags: make(map[string]string)}
	for _, k := range new(Config).keys() {
		if f := cmd.Flags().Lookup(flagOf(k.name)); f != nil && f.Changed && !k.secret {
			src.flags[k.name] = f.Value.String()
		}
	}
	c, _, err := loadConfig(src)
	return c, err
}

// addKeyFlags gives cmd a flag for each of the named keys, or for all of them.
// Secret keys have none: anyone on the machine can read a command line.
func addKeyFlags(cmd *cobra.Command, names ...string) {
	for _, k := range new(Config).keys() {
		if k.secret || (len(names) > 0 && !slices.Contains(names, k.name)) {
			continue
		}
		cmd.Flags().String(flagOf(k.name), k.value, k.usage)
		if k.value == "false" {
			cmd.Flags().Lookup(flagOf(k.name)).NoOptDefVal = "true"
		}
	}
}
