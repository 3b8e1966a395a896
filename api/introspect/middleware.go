package introspect

import (
	"context"
	"crypto/sha256"
	"errors"
	"net/http"
	"slices"
	"strings"
)

// Require returns middleware that lets a request pass if its token is active, meant
// for this API and granted all of scopes. It panics if a scope has characters that
// RFC 6749 §3.3 does not allow.
func (c *Checker) Require(scopes ...string) func(http.Handler) http.Handler {
	for _, scope := range scopes {
		if scope == "" || !quotable(scope) || strings.Contains(scope, " ") {
			panic("introspect: Require: not a scope: " + scope)
		}
	}
	scopes = slices.Clone(scopes)
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			found, err := c.authenticate(r)
			if err != nil {
				c.fail(w, r, c.failure(err))
				return
			}
			missing := slices.DeleteFunc(slices.Clone(scopes), found.principal.HasScope)
			if len(missing) > 0 {
				c.fail(w, r, c.scopeFailure(scopes, missing))
				return
			}
			next.ServeHTTP(w, found.request(r))
		})
	}
}

// Optional returns middleware that lets a request without a Bearer token pass,
// without a principal; one that has a token is treated as by Require().
func (c *Checker) Optional() func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			// Else a cache could serve the anonymous answer to somebody signed in.
			w.Header().Add("Vary", "Authorization") // RFC 9110 §12.5.5
			found, err := c.authenticate(r)
			switch {
			case err == nil:
				next.ServeHTTP(w, found.request(r))
			case errors.Is(err, ErrNoToken):
				next.ServeHTTP(w, r)
			default:
				c.fail(w, r, c.failure(err))
			}
		})
	}
}

// PrincipalFrom returns whom the request of this context was authenticated as by
// Require or Optional; false if there was no token.
func PrincipalFrom(ctx context.Context) (Principal, bool) {
	found, ok := ctx.Value(contextKey{}).(*authenticated)
	if !ok {
		return Principal{}, false
	}
	return found.principal, true
}

type contextKey struct{}

// authenticated is what a request's context holds: the principal, who checked it
// and by which token.
type authenticated struct {
	principal Principal
	by        *Checker
	digest    [sha256.Size]byte
}

// request returns r with a as its principal.
func (a *authenticated) request(r *http.Request) *http.Request {
	return r.WithContext(context.WithValue(r.Context(), contextKey{}, a))
}

// authenticate checks the token of r, unless middleware of this Checker outside of
// this one has just done so.
func (c *Checker) authenticate(r *http.Request) (*authenticated, error) {
	token, err := BearerToken(r)
	if err != nil {
		return nil, err
	}
	digest := sha256.Sum256([]byte(token))
	if a, ok := r.Context().Value(contextKey{}).(*authenticated); ok && a.by == c && a.digest == digest {
		return a, nil
	}
	principal, err := c.check(r.Context(), token, digest)
	if err != nil {
		return nil, err
	}
	return &authenticated{principal: principal, by: c, digest: digest}, nil
}

// BearerToken returns the token in r's Authorization header (RFC 6750 §2.1), for a
// handler that has to pass it on, say to revoke it. The error is ErrNoToken when
// there is no such header or it is of another scheme, ErrRepeated when there are
// several, and ErrMalformed when it is not well-formed. Query and form are not looked at.
func BearerToken(r *http.Request) (string, error) {
	values := r.Header.Values("Authorization")
	if len(values) > 1 {
		return "", ErrRepeated
	}
	if len(values) == 0 || values[0] == "" {
		return "", ErrNoToken
	}
	scheme, rest, _ := strings.Cut(values[0], " ")
	switch {
	case strings.ContainsFunc(scheme, notSchemeChar) || scheme == "":
		return "", ErrMalformed
	case !strings.EqualFold(scheme, "Bearer"): // RFC 9110 §11.1
		return "", ErrNoToken
	}
	token := strings.TrimLeft(rest, " ") // 1*SP: RFC 9110 §11.4
	if !wellFormed(token) {
		return "", ErrMalformed
	}
	return token, nil
}

// wellFormed tells whether token is a b64token (RFC 6750 §2.1) of a length worth
// asking about.
func wellFormed(token string) bool {
	body := strings.TrimRight(token, "=")
	if body == "" || len(token) > maxToken {
		return false
	}
	for i := range len(body) {
		if !alphanumeric(body[i]) && strings.IndexByte("-._~+/", body[i]) < 0 {
			return false
		}
	}
	return true
}

// notSchemeChar tells whether r can't stand in an auth-scheme (RFC 9110 §5.6.2).
func notSchemeChar(r rune) bool {
	return r > '~' || !alphanumeric(byte(r)) && !strings.ContainsRune("!#$%&'*+-.^_`|~", r)
}

func alphanumeric(b byte) bool {
	return 'a' <= b && b <= 'z' || 'A' <= b && b <= 'Z' || '0' <= b && b <= '9'
}

// quotable tells whether s may stand in a quoted parameter of WWW-Authenticate as
// it is (RFC 6750 §3).
func quotable(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r > '~' || r == '"' || r == '\\' })
}
