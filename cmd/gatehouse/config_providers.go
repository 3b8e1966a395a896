package main

import (
	"log/slog"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"gatehouse/social"
)

// providerKey matches providers.<name>.<setting>. In a name there is no dot,
// which would be another level, and no upper case, which the environment has not.
var providerKey = regexp.MustCompile(`^providers\.([a-z0-9_-]+)\.[a-z0-9_]+$`)

// providerKeys are the settings of one provider, bound to their fields of p.
// What they are for stands with the fields.
func providerKeys(p *social.Config) []key {
	at := "providers." + p.Name + "."
	return []key{
		{at + "kind", "", false, "", oneOf(&p.Kind, "google", "facebook", "oidc")},
		{at + "audiences", "", false, "", texts(&p.Audiences)},
		{at + "presenters", "", false, "", texts(&p.Presenters)},
		{at + "client_id", "", false, "", text(&p.ClientID)},
		{at + "client_secret", "", true, "", hiddenText(&p.ClientSecret)},
		{at + "domains", "", false, "", texts(&p.Domains)},
		{at + "trust_email", "", false, "", truth(&p.TrustEmail)},
		{at + "require_nonce", "", false, "", truth(&p.RequireNonce)},
		{at + "max_age", "", false, "", lifetime(&p.MaxAge)},
		{at + "allow_reuse", "", false, "", truth(&p.AllowReuse)},
		{at + "access_tokens", "", false, "", truth(&p.AccessTokens)},
		{at + "sign_up", "", false, "", oneOf(&p.Policy.SignUp, social.SignUpOpen, social.SignUpVerifiedOnly)},
		{at + "auto_link", "", false, "", truth(&p.Policy.AutoLink)},
		{at + "issuer", "", false, "", text(&p.Issuer)},
		{at + "graph_version", "", false, "", text(&p.GraphVersion)},
		{at + "jwks_uri", "", false, "", text(&p.JWKSURI)},
		{at + "authorization_url", "", false, "", text(&p.AuthorizationURL)},
		{at + "token_url", "", false, "", text(&p.TokenURL)},
		{at + "tokeninfo_url", "", false, "", text(&p.TokenInfoURL)},
		{at + "userinfo_url", "", false, "", text(&p.UserInfoURL)},
		{at + "graph_url", "", false, "", text(&p.GraphURL)},
		{at + "dialog_url", "", false, "", text(&p.DialogURL)},
		{at + "introspection_url", "", false, "", text(&p.IntrospectURL)},
	}
}

// namedProviders are those that the sources name, by name and empty.
func namedProviders(from origins) []social.Config {
	var all []social.Config
	for name := range from {
		if m := providerKey.FindStringSubmatch(name); m != nil {
			all = append(all, social.Config{Name: m[1]})
		}
	}
	slices.SortFunc(all, byName)
	return slices.CompactFunc(all, func(a, b social.Config) bool { return a.Name == b.Name })
}

func byName(a, b social.Config) int { return strings.Compare(a.Name, b.Name) }

// hasProvider reports whether the provider is configured.
func (c Config) hasProvider(name string) bool {
	return slices.ContainsFunc(c.Providers, func(p social.Config) bool { return p.Name == name })
}

// newProviders makes all that are configured, in their order. It calls nobody.
func (c Config) newProviders(log *slog.Logger) ([]social.Provider, error) {
	all := make([]social.Provider, len(c.Providers))
	for i := range all {
		var err error
		if all[i], err = c.newProvider(c.Providers[i], log); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// newProvider allows plain http to stand-ins on this machine, and only where
// the configuration names one: no discovery document can lead there.
func (c Config) newProvider(p social.Config, log *slog.Logger) (social.Provider, error) {
	p.Log = log
	p.AllowLoopback = slices.ContainsFunc([]string{p.Issuer, p.JWKSURI, p.AuthorizationURL, p.TokenURL, p.TokenInfoURL, p.UserInfoURL,
		p.GraphURL, p.DialogURL, p.IntrospectURL},
		func(address string) bool {
			u, err := url.Parse(address)
			return err == nil && u.Scheme == "http" && isLoopback(u.Hostname())
		})
	made, err := social.New(p)
	if err == nil {
		return made, nil
	}
	name := "providers." + p.Name
	setting, problem, _ := strings.Cut(err.Error(), ": ")
	if isKey(name + "." + setting) {
		return nil, c.wrong(name+"."+setting, problem)
	}
	return nil, c.wrong(name, err.Error())
}

// checkProviders is what social refuses: no audience, plain http beyond this
// machine, settings that would be without effect.
func (c Config) checkProviders() error {
	_, err := c.newProviders(slog.New(slog.DiscardHandler))
	return err
}
