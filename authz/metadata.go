package authz

import "net/http"

// metadata is the document of RFC 8414 §2. It says only what works.
type metadata struct {
	Issuer                   string   `json:"issuer"`
	TokenEndpoint            string   `json:"token_endpoint"`
	IntrospectionEndpoint    string   `json:"introspection_endpoint"`
	RevocationEndpoint       string   `json:"revocation_endpoint"`
	ResponseTypes            []string `json:"response_types_supported"`
	GrantTypes               []string `json:"grant_types_supported"`
	TokenAuthMethods         []string `json:"token_endpoint_auth_methods_supported"`
	IntrospectionAuthMethods []string `json:"introspection_endpoint_auth_methods_supported"`
	RevocationAuthMethods    []string `json:"revocation_endpoint_auth_methods_supported"`
}

func (s *Server) newMetadata() metadata {
	secret := []string{"client_secret_basic", "client_secret_post"}
	any := append([]string{"none"}, secret...)
	return metadata{
		Issuer:                   s.cfg.Issuer,
		TokenEndpoint:            s.cfg.Issuer + "/oauth2/token",
		IntrospectionEndpoint:    s.cfg.Issuer + "/oauth2/introspect",
		RevocationEndpoint:       s.cfg.Issuer + "/oauth2/revoke",
		ResponseTypes:            []string{}, // there is no authorization endpoint
		GrantTypes:               grantTypes(s.grants.handlers),
		TokenAuthMethods:         any,
		IntrospectionAuthMethods: secret,
		RevocationAuthMethods:    any,
	}
}

// serverMetadata serves /.well-known/oauth-authorization-server (RFC 8414 §3).
func (s *Server) serverMetadata(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Access-Control-Allow-Origin", "*")
	w.Header().Set("Cache-Control", "public, max-age=300")
	writeJSON(w, http.StatusOK, s.newMetadata())
}
