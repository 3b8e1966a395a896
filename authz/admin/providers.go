package admin

import (
	"context"
	"time"
)

// ProviderStatus is a social provider as it is configured, and how it is.
type ProviderStatus struct {
	Name      string         `json:"name" doc:"What clients send as subject_issuer"`
	Kind      string         `json:"kind" enum:"google,facebook,oidc"`
	Issuers   []string       `json:"issuers" nullable:"false" doc:"Values of iss that its ID tokens may have"`
	Audiences []string       `json:"audiences" nullable:"false" doc:"Client ids that a token of it may be for"`
	SignUp    string         `json:"sign_up" enum:"open,verified_only"`
	AutoLink  bool           `json:"auto_link"`
	Health    ProviderHealth `json:"health"`
}

// ProviderHealth is what the last calls to a provider came to. Nothing in it is
// the provider's own text.
type ProviderHealth struct {
	State       string     `json:"state" enum:"unknown,ok,failing,open" doc:"unknown: nobody called yet; open: calls are held back for a while"`
	LastError   *string    `json:"last_error"`
	LastSuccess *time.Time `json:"last_success"`
	KeysRead    *time.Time `json:"keys_read" doc:"When the keys in use were fetched"`
}

// listProviders serves GET /admin/providers, all in one page. Health is that of
// the process that answers.
func (s *Server) listProviders(context.Context, *struct{}) (*answer[page[ProviderStatus]], error) {
	var all []ProviderStatus
	if s.cfg.Providers != nil {
		all = s.cfg.Providers()
	}
	return pageOf(all, "", func(p ProviderStatus) ProviderStatus { return p }), nil
}
