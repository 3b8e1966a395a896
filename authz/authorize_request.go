package authz

import (
	"context"
	"encoding/base64"
	"errors"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/ory/fosite"

	"gatehouse/authz/pages"
	"gatehouse/store"
)

// authorization is an authorization request (RFC 6749 §4.1.1, OpenID Connect
// Core §3.1.2.1). client, redirectURI, responseMode and state are filled by
// addressee, the rest by read.
type authorization struct {
	client       *store.Client
	redirectURI  string // where the answer goes
	namedURI     string // the parameter, which the token request must repeat; empty if there was none
	responseMode string // query or form_post
	state        string

	nonce, challenge          string
	scope, audience, resource store.Words
	prompt                    store.Words
	maxAge                    *time.Duration // since the sign-in
	loginHint                 string
	subject                   string // who the client expects, by id_token_hint

	asked  time.Time  // when the browser came with it
	values url.Values // as they came
}

// Values of prompt (OpenID Connect Core §3.1.2.1).
const (
	promptNone          = "none"
	promptLogin         = "login"
	promptConsent       = "consent"
	promptSelectAccount = "select_account" // here the same as login: who signs in selects
)

// addressee finds out who asks, and where the answer goes. Its errors are for
// the person at the browser: nothing that is not known to be the client's own
// address is ever redirected to (RFC 6749 §4.1.2.1, RFC 9700 §4.11).
func (s *Server) addressee(ctx context.Context, form url.Values) (*authorization, error) {
	for _, name := range []string{"client_id", "redirect_uri"} {
		if err := checkParameter(name, form[name]); err != nil {
			return nil, err
		}
	}
	client, err := s.store.Client(ctx, form.Get("client_id"))
	if errors.Is(err, store.ErrNotFound) {
		return nil, unknownAddress("The application that sent you here is not known to this server (client_id).")
	}
	if err != nil {
		return nil, err
	}
	eventOf(ctx).client = client.ID
	a := &authorization{client: client, namedURI: form.Get("redirect_uri"), responseMode: "query", values: form}
	a.redirectURI = a.namedURI
	switch {
	case a.namedURI == "" && len(client.RedirectURIs) == 1 && !slices.Contains(scopesIn(form), store.ScopeOpenID):
		a.redirectURI = client.RedirectURIs[0] // RFC 6749 §3.1.2.3
	case a.namedURI == "":
		return nil, unknownAddress("The application that sent you here did not say where to return to (redirect_uri).")
	case !registeredURI(client.RedirectURIs, a.namedURI):
		return nil, unknownAddress("The application that sent you here wants you to return to an address that is not registered for it (redirect_uri).")
	}
	if checkParameter("state", form["state"]) == nil {
		a.state = form.Get("state")
	}
	if mode := form.Get("response_mode"); mode == "form_post" && len(form["response_mode"]) == 1 {
		a.responseMode = mode
	}
	return a, nil
}

// unknownAddress refuses to send anybody anywhere.
func unknownAddress(say string) error {
	return &refusal{RFC6749Error: fosite.ErrInvalidRequest, say: say, page: pages.ErrorClient}
}

func scopesIn(form url.Values) store.Words { return store.ParseWords(form.Get("scope")) }

// registeredURI compares exactly (RFC 9700 §2.1), but for the port of an
// address of this machine, which a native app is given when it starts
// (RFC 8252 §7.3).
func registeredURI(registered store.Words, uri string) bool {
	if registered.Has(uri) {
		return true
	}
	plain, ok := withoutPort(uri)
	return ok && slices.ContainsFunc(registered, func(r string) bool {
		other, ok := withoutPort(r)
		return ok && other == plain
	})
}

// withoutPort is a URI of the loopback interface, by its IP address, less the
// port; anything written in another way than url.URL writes it is none.
func withoutPort(uri string) (string, bool) {
	u, err := url.Parse(uri)
	if err != nil || u.Scheme != "http" || u.User != nil || u.Fragment != "" || u.String() != uri {
		return "", false
	}
	if ip, err := netip.ParseAddr(u.Hostname()); err != nil || !ip.IsLoopback() || ip.Is4In6() {
		return "", false
	}
	if port := u.Port(); port != "" {
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 || strconv.FormatUint(n, 10) != port {
			return "", false
		}
	}
	u.Host = u.Hostname()
	return u.String(), true
}

// readAuthorization checks the rest of the request. Its errors go to the client.
func (s *Server) readAuthorization(ctx context.Context, a *authorization) (err error) {
	form := a.values
	for name, values := range form {
		if err := checkParameter(name, values); err != nil {
			return err
		}
	}
	if err := a.checkKind(); err != nil {
		return err
	}
	if err := a.readProof(); err != nil {
		return err
	}
	if err := a.readPrompt(); err != nil {
		return err
	}
	if err := s.readTarget(a); err != nil {
		return err
	}
	a.nonce, a.loginHint = form.Get("nonce"), form.Get("login_hint")
	return s.readExpected(ctx, a)
}

// readExpected reads whom the client expects to be signed in, by id_token_hint.
// One that is no ID token of this client's, any more or ever, says nothing; but
// without asking nobody can be the one who was meant.
func (s *Server) readExpected(ctx context.Context, a *authorization) error {
	hint := a.values.Get("id_token_hint")
	if hint == "" {
		return nil
	}
	claims, err := s.readHint(ctx, hint)
	if refused := new(refusal); err != nil && !errors.As(err, &refused) {
		return err
	}
	switch {
	case err == nil && claims.Audience == a.client.ID:
		a.subject = claims.Subject
	case a.prompt.Has(promptNone):
		return &refusal{RFC6749Error: fosite.ErrLoginRequired, say: "The id_token_hint is not an ID token of this client's that can be read now."}
	}
	return nil
}

// checkKind refuses what this endpoint does not do, each by the error that
// stands for it (RFC 6749 §4.1.2.1, OpenID Connect Core §3.1.2.6).
func (a *authorization) checkKind() error {
	form := a.values
	for _, rule := range []struct {
		broken bool
		err    *fosite.RFC6749Error
		say    string
	}{
		{form.Has("request"), fosite.ErrRequestNotSupported, "This server takes no request objects: send plain parameters."},
		{form.Has("request_uri"), fosite.ErrRequestURINotSupported, "This server fetches no request objects: send plain parameters."},
		{form.Has("registration"), fosite.ErrRegistrationNotSupported, "Clients are registered by this server's operator."},
		{form.Get("response_type") == "", fosite.ErrInvalidRequest, "The parameter response_type is missing: use code."},
		{form.Get("response_type") != "code", fosite.ErrUnsupportedResponseType, "This server has the response type code alone."},
		{!slices.Contains([]string{"", "query", "form_post"}, form.Get("response_mode")), fosite.ErrInvalidRequest, "Use the response_mode query or form_post."},
		{!a.client.GrantTypes.Has(store.GrantAuthorizationCode), fosite.ErrUnauthorizedClient, "This client is not registered for the grant authorization_code."},
	} {
		if rule.broken {
			return &refusal{RFC6749Error: rule.err, say: rule.say}
		}
	}
	return nil
}

// readProof reads the PKCE challenge, which every client sends (RFC 7636 §4.3,
// RFC 9700 §2.1.1). A method that is left out would be plain.
func (a *authorization) readProof() error {
	a.challenge = a.values.Get("code_challenge")
	switch {
	case a.challenge == "":
		return invalidRequest("The parameter code_challenge is missing: every client sends one (PKCE).")
	case a.values.Get("code_challenge_method") != "S256":
		return invalidRequest("Use the code_challenge_method S256.")
	}
	if digest, err := strict.DecodeString(a.challenge); err != nil || len(digest) != 32 || len(a.challenge) != base64.RawURLEncoding.EncodedLen(32) {
		return invalidRequest("The code_challenge is the SHA-256 of the code_verifier, in base64url without padding.")
	}
	return nil
}

// readTarget reads scope and resource and bounds them by what the client is
// registered for.
func (s *Server) readTarget(a *authorization) (err error) {
	scope := scopesIn(a.values)
	// Offline access is for clients that can refresh, and takes the person's
	// consent now, or the operator's for everybody; or else it is ignored (OpenID
	// Connect Core §11).
	if !a.client.GrantTypes.Has(store.GrantRefreshToken) || !a.client.Scope.Has(store.ScopeOffline) || !a.prompt.Has(promptConsent) && !trusted(a) {
		kept := slices.DeleteFunc(slices.Clone(scope), func(w string) bool { return w == store.ScopeOffline })
		if len(kept) == 0 && len(scope) > 0 {
			return invalidScope("The scope offline_access needs prompt=consent, and another scope beside it.")
		}
		scope = kept
	}
	audience, err := requestedAudience(a.values)
	if err != nil {
		return err
	}
	if a.scope, a.audience, err = s.grants.within(store.GrantAuthorizationCode, a.client, scope, audience); err != nil {
		return err
	}
	a.resource = a.values["resource"]
	return nil
}

func (a *authorization) readPrompt() error {
	a.prompt = store.ParseWords(a.values.Get("prompt"))
	for _, p := range a.prompt {
		if !slices.Contains([]string{promptNone, promptLogin, promptConsent, promptSelectAccount}, p) {
			return invalidRequest("Use none, login, consent or select_account for prompt.")
		}
	}
	if a.prompt.Has(promptNone) && len(a.prompt) > 1 {
		return invalidRequest("The prompt none stands alone.")
	}
	text := a.values.Get("max_age")
	if text == "" {
		return nil
	}
	seconds, err := strconv.ParseUint(text, 10, 31)
	if err != nil {
		return invalidRequest("The max_age is a number of seconds.")
	}
	age := time.Duration(seconds) * time.Second
	a.maxAge = &age
	return nil
}

// mustSignIn tells whether somebody has to sign in, or sign in again, before
// the request can be answered.
func (a *authorization) mustSignIn(in *store.SignedIn, now time.Time) bool {
	switch {
	case in == nil, a.expectsAnother(in):
		return true
	case a.justSignedIn(in):
		return a.maxAge != nil && now.Sub(in.AuthTime) > *a.maxAge+consentTime
	case a.prompt.Has(promptLogin) || a.prompt.Has(promptSelectAccount):
		return true
	}
	return a.maxAge != nil && now.Sub(in.AuthTime) > *a.maxAge
}

// consentTime is how long somebody who has signed in for a request may take over
// what comes after, beyond its max_age.
const consentTime = 5 * time.Minute

func (a *authorization) justSignedIn(in *store.SignedIn) bool {
	return in != nil && !in.AuthTime.Before(a.asked)
}

// expectsAnother tells whether the client means somebody else than who is signed
// in.
func (a *authorization) expectsAnother(in *store.SignedIn) bool {
	return a.subject != "" && in != nil && a.subject != in.AccountID
}
