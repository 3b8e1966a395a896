package authz

import (
	"encoding/base64"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"crypto/sha256"

	"gatehouse/store"
)

// introspect serves POST /oauth2/introspect (RFC 7662 §2): what a token is
// worth, for confidential clients. Inactive, unknown, forged and not for this
// caller are one answer. This is the hottest path: one statement, and the
// answer appended once.
func (s *Server) introspect(w http.ResponseWriter, r *http.Request) {
	ctx := r.Context()
	form, err := readForm(w, r)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	caller, err := s.authenticateClient(ctx, r, form)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	if caller.IsPublic() {
		s.fail(w, r, invalidClient("Introspection is for clients that keep a secret."))
		return
	}
	text := form.Get("token")
	if text == "" {
		s.fail(w, r, invalidRequest("The parameter token is missing."))
		return
	}
	answer := inactive
	if t := s.keys.verify(text, accessToken, refreshToken); t != nil {
		active, err := s.activeToken(r, t, caller)
		if err == nil {
			answer = s.appendActive(make([]byte, 0, 640), &active, t, caller.IntrospectAll)
		} else if !errors.Is(err, store.ErrNotFound) {
			s.fail(w, r, err)
			return
		}
	}
	noStore(w.Header())
	w.Header().Set("Content-Type", "application/json")
	w.Write(answer)
}

var inactive = []byte("{\"active\":false}\n")

// activeToken reads a live token that this caller may see, or ErrNotFound. A
// refresh token is its owner's business alone: to a resource server it is
// nothing.
func (s *Server) activeToken(r *http.Request, t *token, caller *store.Client) (store.ActiveToken, error) {
	find := s.store.ActiveAccess
	if t.kind == refreshToken {
		find = s.store.ActiveRefresh
	}
	active, err := find(r.Context(), t.signature)
	if err != nil {
		return active, err
	}
	seen := caller.ID == active.ClientID
	if t.kind == accessToken {
		seen = caller.Sees(active.ClientID, store.ParseWords(active.Audience))
	}
	if !seen {
		return active, store.ErrNotFound
	}
	return active, nil
}

// appendActive writes the members of RFC 7662 §2.2, and sub_type: account or
// client.
func (s *Server) appendActive(b []byte, t *store.ActiveToken, tok *token, all bool) []byte {
	subType := "client"
	if t.Account {
		subType = "account"
	}
	tokenType := "Bearer"
	if tok.kind == refreshToken {
		tokenType = "refresh_token" // nothing that a resource server may accept
	}
	b = append(b, `{"active":true`...)
	b = appendMember(b, "scope", t.Scope)
	b = appendMember(b, "client_id", t.ClientID)
	if t.Username != "" {
		b = appendMember(b, "username", t.Username)
	}
	b = appendMember(b, "token_type", tokenType)
	b = appendTime(b, "exp", t.ExpiresAt)
	b = appendTime(b, "iat", t.IssuedAt)
	b = appendTime(b, "nbf", t.IssuedAt)
	b = appendMember(b, "sub", t.Subject)
	b = appendMember(b, "sub_type", subType)
	if t.Audience != "" {
		b = appendAudience(b, t.Audience)
	}
	b = appendMember(b, "iss", s.cfg.Issuer)
	b = appendMember(b, "jti", tokenID(tok))
	if t.Account && !t.AuthTime.IsZero() {
		b = appendTime(b, "auth_time", t.AuthTime)
	}
	if t.Actor != "" {
		b = append(append(b, `,"act":`...), t.Actor...)
	}
	if inner := strings.TrimSuffix(strings.TrimPrefix(t.Claims, "{"), "}"); inner != "" {
		b = append(append(b, ','), inner...)
	}
	if t.CNF != "" {
		b = append(append(b, `,"cnf":`...), t.CNF...)
	}
	if all {
		b = appendMember(b, "grant_id", t.GrantID)
	}
	return append(b, "}\n"...)
}

// tokenID names a token without telling its signature.
func tokenID(t *token) string {
	digest := sha256.Sum256(append([]byte("jti"), t.signature...))
	return base64.RawURLEncoding.EncodeToString(digest[:16])
}

func appendMember(b []byte, name, value string) []byte {
	b = append(append(append(b, `,"`...), name...), `":`...)
	return appendString(b, value)
}

func appendTime(b []byte, name string, at time.Time) []byte {
	b = append(append(append(b, `,"`...), name...), `":`...)
	return strconv.AppendInt(b, at.Unix(), 10)
}

func appendAudience(b []byte, audience string) []byte {
	b = append(b, `,"aud":[`...)
	for i, aud := range strings.Fields(audience) {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendString(b, aud)
	}
	return append(b, ']')
}

// appendString writes a JSON string (RFC 8259 §7).
func appendString(b []byte, text string) []byte {
	const hex = "0123456789abcdef"
	b = append(b, '"')
	for _, r := range text {
		switch {
		case r == '"' || r == '\\':
			b = append(b, '\\', byte(r))
		case r < 0x20 || r == '<' || r == '>' || r == '&' || r == 0x7f:
			b = append(b, '\\', 'u', '0', '0', hex[r>>4], hex[r&15])
		default:
			b = utf8.AppendRune(b, r)
		}
	}
	return append(b, '"')
}
