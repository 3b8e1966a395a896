package api

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"gatehouse/api/introspect"
	"gatehouse/store"
)

// errNoBearer is the 401 of a request without a Bearer token.
var errNoBearer = drfUnauthorized("Authentication credentials were not provided.", "")

// drfUnauthorized is a 401; description is of RFC 6750 §3's invalid_token, and
// empty if there was nothing to judge. The service wrote its challenges without
// blanks, and the detail says what it says there, however little it fits.
func drfUnauthorized(detail, description string) *drfError {
	challenge := `Bearer realm="` + realm + `"`
	if description != "" {
		challenge += `,error="invalid_token",error_description="` + description + `"`
	}
	return drfDetail(http.StatusUnauthorized, detail).with("WWW-Authenticate", challenge)
}

func errBadBearer(description string) *drfError {
	return drfUnauthorized("Invalid token header. No credentials provided.", description)
}

func errDenied() *drfError {
	return drfDetail(http.StatusForbidden, "You do not have permission to perform this action.")
}

// drfBearer is what the request's Authorization header brings: the token and whom
// it speaks for.
type drfBearer struct {
	token string
	introspect.Principal
}

// bearer asks the authorization server about the request's token. Without one,
// or with another scheme, it returns nil: whether that will do is for the caller
// to say.
func (d *drf) bearer(r *http.Request) (*drfBearer, error) {
	words := strings.Fields(strings.Join(r.Header.Values("Authorization"), ", "))
	switch {
	case len(words) == 0 || !strings.EqualFold(words[0], "Bearer"):
		return nil, nil
	case len(words) == 1:
		return nil, drfUnauthorized("Invalid token header. No backend provided.", "")
	case len(words) > 2:
		return nil, drfUnauthorized("Invalid token header. Token string should not contain spaces.", "")
	}
	who, err := d.check(r, words[1])
	if err != nil {
		return nil, err
	}
	ev := eventOf(r.Context())
	ev.client = who.ClientID
	if who.SubjectType == introspect.SubjectAccount {
		ev.account = who.Subject
	}
	return &drfBearer{words[1], who}, nil
}

func (d *drf) check(r *http.Request, token string) (introspect.Principal, error) {
	who, err := d.checker.Check(r.Context(), token)
	switch {
	case errors.Is(err, introspect.ErrExpired):
		err = errBadBearer("The access token has expired.")
	case errors.Is(err, introspect.ErrInactive):
		err = errBadBearer("The access token is invalid.")
	case err != nil:
		err = unavailable(retryOutages, err)
	}
	return who, err
}

// signedIn is bearer for what needs somebody signed in, at a first-party client:
// all else here tells or ends what a person gives no application of others.
func (d *drf) signedIn(r *http.Request) (*drfBearer, error) {
	b, err := d.bearer(r)
	switch {
	case err != nil:
		return nil, err
	case b == nil:
		return nil, errNoBearer
	case b.SubjectType != introspect.SubjectAccount:
		return nil, errDenied()
	}
	ours, err := d.firstParty(r.Context(), b.ClientID)
	if err != nil {
		return nil, err
	}
	if !ours {
		return nil, errDenied()
	}
	return b, nil
}

// inPerson is signedIn for what ends sign-ins: it takes the scope write, and
// nobody may act for the account (RFC 8693 §4.1).
func (d *drf) inPerson(r *http.Request) (*drfBearer, error) {
	b, err := d.signedIn(r)
	if err == nil && (b.Actor != nil || !b.HasScope("write")) {
		return nil, errDenied()
	}
	return b, err
}

// account is the one that the token speaks for.
func (d *drf) account(r *http.Request, b *drfBearer) (*store.Account, error) {
	a, err := d.store.Account(r.Context(), b.Subject)
	if errors.Is(err, store.ErrNotFound) || err == nil && !a.IsActive {
		return nil, errBadBearer("The access token is invalid.")
	}
	if err != nil {
		return nil, fmt.Errorf("read the account: %w", err)
	}
	return a, nil
}
