package authz

import (
	"net/http"

	"gatehouse/store"
)

// metadata is the document of RFC 8414 §2 and OpenID Connect Discovery §3. It
// says only what works.
type metadata struct {
	Issuer                   string   `json:"issuer"`
	AuthorizationEndpoint    string   `json:"authorization_endpoint"`
	TokenEndpoint            string   `json:"token_endpoint"`
	UserinfoEndpoint         string   `json:"userinfo_endpoint"`
	JWKSURI                  string   `json:"jwks_uri"`
	EndSessionEndpoint       string   `json:"end_session_endpoint"`
	IntrospectionEndpoint    string   `json:"introspection_endpoint"`
	RevocationEndpoint       string   `json:"revocation_endpoint"`
	ResponseTypes            []string `json:"response_types_supported"`
	GrantTypes               []string `json:"grant_types_supported"`
	TokenAuthMethods         []string `json:"token_endpoint_auth_methods_supported"`
	IntrospectionAuthMethods []string `json:"introspection_endpoint_auth_methods_supported"`
	RevocationAuthMethods    []string `json:"revocation_endpoint_auth_methods_supported"`
	ResponseModes            []string `json:"response_modes_supported"`
	Scopes                   []string `json:"scopes_supported"`
	Claims                   []string `json:"claims_supported"`
	ClaimTypes               []string `json:"claim_types_supported"`
	SubjectTypes             []string `json:"subject_types_supported"`
	IDTokenAlgs              []string `json:"id_token_signing_alg_values_supported"`
	CodeChallengeMethods     []string `json:"code_challenge_methods_supported"`
	PromptValues             []string `json:"prompt_values_supported"`
	Iss                      bool     `json:"authorization_response_iss_parameter_supported"`
	ClaimsParameter          bool     `json:"claims_parameter_supported"`
	RequestParameter         bool     `json:"request_parameter_supported"`
	RequestURIParameter      bool     `json:"request_uri_parameter_supported"`
}

func (s *Server) newMetadata() metadata {
	secret := []string{"client_secret_basic", "client_secret_post"}
	any := append([]string{"none"}, secret...)
	return metadata{
		Issuer:                   s.cfg.Issuer,
		TokenEndpoint:            s.cfg.Issuer + "/oauth2/token",
		IntrospectionEndpoint:    s.cfg.Issuer + "/oauth2/introspect",
		RevocationEndpoint:       s.cfg.Issuer + "/oauth2/revoke",
		ResponseTypes:            []string{"code"},
		GrantTypes:               grantTypes(s.grants.handlers),
		TokenAuthMethods:         any,
		IntrospectionAuthMethods: secret,
		RevocationAuthMethods:    any,
		AuthorizationEndpoint:    s.cfg.Issuer + "/oauth2/authorize",
		UserinfoEndpoint:         s.cfg.Issuer + "/oauth2/userinfo",
		JWKSURI:                  s.cfg.Issuer + "/.well-known/jwks.json",
		EndSessionEndpoint:       s.cfg.Issuer + "/oauth2/logout",
		ResponseModes:            []string{"query", "form_post"},
		Scopes:                   []string{store.ScopeOpenID, store.ScopeProfile, store.ScopeEmail, store.ScopeOffline}, // the others are each client's own
		Claims: []string{"iss", "sub", "aud", "exp", "iat", "auth_time", "nonce", "at_hash", "amr", "sid",
			"name", "given_name", "family_name", "preferred_username", "email", "email_verified"},
		ClaimTypes:           []string{"normal"},
		SubjectTypes:         []string{"public"},
		IDTokenAlgs:          []string{"RS256", "ES256"},
		CodeChallengeMethods: []string{"S256"},
		PromptValues:         []string{promptNone, promptLogin, promptConsent, promptSelectAccount},
		Iss:                  true,
	}
}

// serverMetadata serves /.well-known/openid-configuration below the issuer's
// path (OpenID Connect Discovery §4) and /.well-known/oauth-authorization-server
// before it (RFC 8414 §3): one document.
func (s *Server) serverMetadata(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "public, max-age=300")
	writeJSON(w, http.StatusOK, s.newMetadata())
}
