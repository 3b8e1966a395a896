package api

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"gatehouse/store"
)

// drfAccount is an account as all/ and currentUser/ show it.
type drfAccount struct {
	Email     string `json:"email"`
	Username  string `json:"username"`
	FirstName string `json:"first_name"`
}

var createFields = []drfField{
	{name: "email", max: store.MaxEmail},
	{name: "username", max: store.MaxName},
	{name: "first_name", max: store.MaxName},
	{name: "password", max: store.MaxPassword, typed: true},
}

const (
	badEmail   = "Enter a valid email address."
	takenEmail = "account with this email already exists."
)

// create serves POST create/: the account, then its first pair.
func (d *drf) create(w http.ResponseWriter, r *http.Request) {
	pair, err := d.signUp(r)
	if err != nil {
		d.fail(w, r, err)
		return
	}
	d.answer(w, http.StatusCreated, pair)
}

func (d *drf) signUp(r *http.Request) (*drfPair, error) {
	ctx := r.Context()
	if _, err := d.bearer(r); err != nil { // the service refused a bad one here too
		return nil, err
	}
	fields, err := readFields(r)
	if err != nil {
		return nil, err
	}
	values, wrong := fields.check(createFields)
	if email, ok := values["email"]; ok && (store.CheckEmail(email) != nil || !drfDomain(email)) {
		wrong["email"] = []string{badEmail}
	}
	if password, ok := values["password"]; ok {
		if err := store.CheckPassword(password, values["email"], values["username"]); err != nil {
			wrong["password"] = []string{err.Error()}
		}
	}
	if err := d.countSignUp(r, values["email"], wrong); err != nil {
		return nil, err
	}
	if len(wrong) > 0 {
		return nil, wrong.refusal()
	}
	a, err := d.store.CreateUser(ctx, store.NewAccount{
		Email: values["email"], Username: values["username"], FirstName: values["first_name"], Password: values["password"],
	})
	if err != nil {
		return nil, createRefusal(err)
	}
	eventOf(ctx).account = a.ID
	return d.firstPair(r, a.Email, values["password"])
}

// countSignUp counts the attempt as a sign-up if it can tell whether an address
// has an account; if that has one, and others are wrong too, it says so along
// with them.
func (d *drf) countSignUp(r *http.Request, email string, wrong drfFieldErrors) error {
	ctx := r.Context()
	if wrong["email"] != nil {
		return nil
	}
	err := d.store.AllowSignUp(ctx, d.cfg.Limits, eventOf(ctx).block())
	if limited := (*store.LimitError)(nil); errors.As(err, &limited) {
		return drfThrottled(limited.Wait)
	}
	if err != nil {
		return fmt.Errorf("count the sign-up: %w", err)
	}
	if len(wrong) == 0 {
		return nil // CreateUser will see
	}
	_, err = d.store.AccountByEmail(ctx, email)
	if err == nil {
		wrong["email"] = []string{takenEmail}
	} else if !errors.Is(err, store.ErrNotFound) {
		return fmt.Errorf("look for the e-mail: %w", err)
	}
	return nil
}

// drfDomain is what Django demands of an address beyond what store does.
func drfDomain(email string) bool {
	_, domain, _ := strings.Cut(email, "@")
	return strings.Contains(domain, ".") || strings.EqualFold(domain, "localhost")
}

// createRefusal puts store's refusals under the field that they are about.
func createRefusal(err error) error {
	var field *store.FieldError
	var policy *store.PolicyError
	switch {
	case errors.Is(err, store.ErrExists):
		return drfFieldErrors{"email": {takenEmail}}.refusal()
	case errors.As(err, &field):
		return drfFieldErrors{field.Field: {field.Message + "."}}.refusal()
	case errors.As(err, &policy):
		return drfFieldErrors{"password": {policy.Reason}}.refusal()
	}
	return fmt.Errorf("create the account: %w", err)
}

// firstPair signs the new user in. If that alone fails the account is made, and
// a page that is told so can send its user to sign in.
func (d *drf) firstPair(r *http.Request, email, password string) (*drfPair, error) {
	pair, refused := d.tokens(r, url.Values{
		"grant_type": {store.GrantPassword}, "username": {email}, "password": {password},
		"client_id": {d.cfg.DRFClientID}, "client_secret": {d.cfg.DRFClientSecret},
	}, "")
	if refused == nil {
		return pair, nil
	}
	status, wait := http.StatusServiceUnavailable, refused.retry
	if refused.status == http.StatusTooManyRequests {
		status = refused.status
	}
	failure := drfDetail(status, "The account was made, but nobody could be signed in. Sign in later.").after(max(wait, retryOutages))
	failure.cause = refused
	return nil, failure
}

// allPage is how many accounts are read at once.
const allPage = 500

// all serves GET all/: everybody, in one list. Unless the operator made it
// public it needs a token with the scope accounts:read, as GET /accounts does.
func (d *drf) all(w http.ResponseWriter, r *http.Request) {
	b, err := d.bearer(r)
	switch {
	case err != nil:
	case d.cfg.DRFAll == drfPublic:
	case b == nil:
		err = errNoBearer
	case !b.HasScope("accounts:read"):
		err = errDenied()
	}
	if err != nil {
		d.fail(w, r, err)
		return
	}
	list, next, err := d.store.Accounts(r.Context(), "", "", allPage)
	if err != nil {
		d.fail(w, r, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Write([]byte("["))
	for first := true; ; {
		for _, a := range list {
			if !a.IsActive && a.EmailKey == nil {
				continue // retired: its address is another account's now
			}
			if !first {
				w.Write([]byte(","))
			}
			first = false
			w.Write(drfJSON(drfAccount{a.Email, a.Username, a.FirstName}))
		}
		if next == "" {
			break
		}
		if list, next, err = d.store.Accounts(r.Context(), "", next, allPage); err != nil {
			panic(fmt.Errorf("list accounts: %w", err)) // or the list would look whole
		}
	}
	w.Write([]byte("]"))
}

// currentUser serves GET currentUser/.
func (d *drf) currentUser(w http.ResponseWriter, r *http.Request) {
	b, err := d.signedIn(r)
	if err != nil {
		d.fail(w, r, err)
		return
	}
	a, err := d.account(r, b)
	if err != nil {
		d.fail(w, r, err)
		return
	}
	d.answer(w, http.StatusOK, drfAccount{a.Email, a.Username, a.FirstName})
}
