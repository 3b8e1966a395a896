package api

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"gatehouse/api/introspect"
	"gatehouse/store"
)

// revokeToken serves POST revoke-token. With a Bearer token it ends the login
// that this is of; the body names the client, and its token is not looked at.
// Without, the body has client and token, as RFC 7009 has it.
func (d *drf) revokeToken(w http.ResponseWriter, r *http.Request) {
	b, err := d.inPerson(r)
	if errors.Is(err, errNoBearer) {
		d.done(w, r, d.revokeNamed(r))
		return
	}
	if err == nil {
		_, err = d.namedClient(r, "The application for this client_id does not exist.")
	}
	if err == nil {
		err = d.revokeGrant(r, b.Principal, errDenied())
	}
	d.done(w, r, err)
}

// done answers what has no answer but its success.
func (d *drf) done(w http.ResponseWriter, r *http.Request, err error) {
	if err != nil {
		d.fail(w, r, err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// revokeGrant ends the login that a token is of, with its refresh token. What
// somebody exchanged the token of a login for is no login: child is the answer.
func (d *drf) revokeGrant(r *http.Request, who introspect.Principal, child error) error {
	if who.GrantID == "" {
		return unavailable(retryOutages, errors.New("the API's client is not told of grants: it needs introspect_all"))
	}
	g, err := d.store.Grant(r.Context(), who.GrantID)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read the login: %w", err)
	}
	if g.RootID != g.ID {
		return child
	}
	if err := d.store.RevokeGrant(r.Context(), who.GrantID); err != nil && !errors.Is(err, store.ErrNotFound) {
		return fmt.Errorf("end the login: %w", err)
	}
	return nil
}

// namedClient is the client that the body names. A secret need not be there; one
// that is must be right.
func (d *drf) namedClient(r *http.Request, unknown string) (string, error) {
	fields, err := readFields(r)
	if err != nil {
		return "", err
	}
	values, wrong := fields.check(clientFields(""))
	if len(wrong) > 0 {
		return "", wrong.refusal()
	}
	id, secret := values["client_id"], values["client_secret"]
	if err := d.knownClient(r, id, unknown); err != nil {
		return "", err
	}
	if secret == "" {
		return id, nil
	}
	// There is one judge of secrets. It revokes nothing here: this is no token.
	return id, d.revoke(r, url.Values{"client_id": {id}, "client_secret": {secret}, "token": {"-"}}, "")
}

// revoke asks the authorization server to end a token of the client's (RFC 7009).
func (d *drf) revoke(r *http.Request, form url.Values, basic string) error {
	answer, err := d.ask(r, "/oauth2/revoke", form, basic)
	if err != nil {
		return unavailable(retryOutages, err)
	}
	if answer.status == http.StatusOK {
		return nil
	}
	refused := answer.refusal()
	if general := refused.general(basic); general != nil {
		return general
	}
	return refused.ofToken("", basic)
}

// revokeNamed ends the token in the body. The service ended the refresh token
// along with its access token.
func (d *drf) revokeNamed(r *http.Request) error {
	basic := basicAuthorization(r)
	fields, err := readFields(r)
	if err != nil || fields["token"].text == "" {
		return errNoBearer
	}
	values, wrong := fields.check(append(clientFields(basic), drfField{name: "token", max: 5000, named: true}))
	if len(wrong) > 0 {
		return wrong.refusal()
	}
	who, err := d.checker.Check(r.Context(), values["token"]) // while it lives
	if err != nil && !errors.Is(err, introspect.ErrInactive) {
		return unavailable(retryOutages, err)
	}
	form := url.Values{"token": {values["token"]}}
	setClient(form, values)
	if err := d.revoke(r, form, basic); err != nil {
		return err
	}
	client := values["client_id"]
	if user, _, ok := r.BasicAuth(); ok && basic != "" { // who has just authenticated
		client, _ = url.QueryUnescape(user) // RFC 6749 §2.3.1; it was well-formed to the authorization server
	}
	if who.Subject == "" || who.ClientID != client {
		return nil
	}
	return d.revokeGrant(r, who, nil)
}

const noApplication = "The application linked to the provided client_id could not be found."

// invalidateSessions serves POST invalidate-sessions: every login of the user's
// at this client ends.
func (d *drf) invalidateSessions(w http.ResponseWriter, r *http.Request) {
	b, err := d.inPerson(r)
	if err == nil {
		var client string
		if client, err = d.namedClient(r, noApplication); err == nil {
			_, err = d.store.RevokeGrants(r.Context(), b.Subject, client)
		}
	}
	d.done(w, r, err)
}

// invalidateRefreshTokens serves POST invalidate-refresh-tokens: the access
// tokens live on to their end.
func (d *drf) invalidateRefreshTokens(w http.ResponseWriter, r *http.Request) {
	b, err := d.inPerson(r)
	if err == nil {
		var client string
		if client, err = d.namedClient(r, noApplication); err == nil {
			err = d.store.ExpireRefreshTokens(r.Context(), b.Subject, client)
		}
	}
	d.done(w, r, err)
}

// disconnectBackend serves POST disconnect-backend: the user no longer signs in
// with a provider. The authorization server decides, as for
// DELETE /accounts/me/identities/{id}.
func (d *drf) disconnectBackend(w http.ResponseWriter, r *http.Request) {
	b, err := d.inPerson(r)
	if err == nil {
		err = d.disconnect(r, b)
	}
	d.done(w, r, err)
}

func (d *drf) disconnect(r *http.Request, b *drfBearer) error {
	fields, err := readFields(r)
	if err != nil {
		return err
	}
	values, wrong := fields.check([]drfField{
		{name: "backend", max: 200, named: true}, {name: "association_id", max: 1000, named: true},
	})
	number, err := strconv.Atoi(values["association_id"])
	if values["association_id"] != "" && err != nil || wrong["association_id"] != nil && fields["association_id"].kind != drfAbsent && fields["association_id"].kind != drfNull {
		wrong["association_id"] = []string{"association_id must be a valid integer."}
	}
	if len(wrong) > 0 {
		return wrong.refusal()
	}
	provider, ok := drfBackends[values["backend"]]
	if !ok {
		return drfFieldErrors{"backend": {"Invalid backend."}}.refusal()
	}
	id, err := d.association(r, b, provider, number)
	if err != nil || id == "" {
		return err
	}
	answer, err := d.forward(r.Context(), http.MethodDelete, identitiesPath+"/"+id, b.token, nil)
	if err != nil {
		return err
	}
	return answer.disconnected()
}

// association is the id of the user's identity at the provider, empty if there
// is none. The service's integers mean nothing here: they count, from 1, where
// there are several.
func (d *drf) association(r *http.Request, b *drfBearer, provider string, number int) (string, error) {
	list, err := d.store.Identities(r.Context(), b.Subject)
	if err != nil {
		return "", err
	}
	var ids []string
	for _, i := range list {
		if i.Provider == provider {
			ids = append(ids, i.ID)
		}
	}
	switch {
	case len(ids) == 0:
		return "", nil
	case len(ids) == 1:
		return ids[0], nil
	case number < 1 || number > len(ids):
		return "", drfFieldErrors{"association_id": {"There are " + strconv.Itoa(len(ids)) + "; count them from 1, in the order in which they were linked."}}.refusal()
	}
	return ids[number-1], nil
}

// disconnected puts the authorization server's refusals into the service's
// shape. Whoever signed in too long ago gets no 401: to a page that means to
// refresh, which would not help.
func (f *forwarded) disconnected() error {
	switch f.status {
	case http.StatusNoContent, http.StatusNotFound:
		return nil
	case http.StatusConflict:
		return drfFieldErrors{"backend": {f.problem(map[int]string{http.StatusConflict: "last_way_in"}).Detail}}.refusal()
	}
	p := f.problem(nil)
	if p.Code == "interaction_required" {
		return drfDetail(http.StatusForbidden, p.Detail)
	}
	if strings.Contains(p.header.Get("WWW-Authenticate"), `"invalid_token"`) {
		return errBadBearer("The access token is invalid.")
	}
	return p
}
