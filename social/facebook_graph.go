package social

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
)

// Codes of the Graph API's errors; the status says less.
const (
	codeUnknown      = 1 // transient
	codeService      = 2 // transient
	codeAppLimit     = 4
	codeUserLimit    = 17
	codeParameter    = 100 // or a token of another app
	codeAPIKey       = 101
	codeSession      = 102
	codeToken        = 190
	subcodeExpired   = 463
	codeWrongRequest = 2500
)

// graphError is Facebook's error object, without its message, which can repeat
// parts of what was sent and so has no place in a log.
type graphError struct {
	Code      int    `json:"code"`
	Subcode   int    `json:"error_subcode"`
	DebugCode int    `json:"subcode"` // its name within debug_token's data
	Transient bool   `json:"is_transient"`
	TraceID   string `json:"fbtrace_id"`
}

func (e *graphError) Error() string {
	return fmt.Sprintf("facebook error %d/%d, fbtrace_id %q", e.Code, e.Subcode, shown(e.TraceID))
}

// normal is e with one name for its subcode; nil stays nil.
func (e *graphError) normal() *graphError {
	if e != nil && e.Subcode == 0 {
		e.Subcode = e.DebugCode
	}
	return e
}

// graph makes one call to the Graph API. Every call has the proof that its
// caller knows the app's secret, so that a token of another app is refused.
// An answer may be an error whatever its status, so both shapes are read.
func (f *facebook) graph(ctx context.Context, path, token string, query url.Values, into any, fault *graphFault) error {
	query.Set("appsecret_proof", f.proof(token))
	body := &either{into: into, fault: fault}
	ans, err := f.calls.do(ctx, request{
		what:          path,
		url:           f.graphURL + "/" + path,
		query:         query,
		authorization: "Bearer " + token,
		into:          body,
		fault:         fault,
	})
	if err != nil {
		return err
	}
	if fault.Error.normal() == nil && !ans.ok() {
		return f.calls.unexpected(path, ans)
	}
	return nil
}

// graphFault is an answer that is an error.
type graphFault struct {
	Error *graphError `json:"error"`
}

// proof is appsecret_proof: lowercase hex of the token's HMAC under the app's secret.
func (f *facebook) proof(token string) string {
	mac := hmac.New(sha256.New, []byte(f.cfg.ClientSecret))
	mac.Write([]byte(token))
	return hex.EncodeToString(mac.Sum(nil))
}

// appToken is the app's own access token.
func (f *facebook) appToken() string { return f.cfg.ClientID + "|" + f.cfg.ClientSecret }

// callDebugToken asks, as the app, what token is.
func (f *facebook) callDebugToken(ctx context.Context, token string) (*debugged, error) {
	var fault graphFault
	var body struct {
		Inner *debugged `json:"data"`
	}
	err := f.graph(ctx, "debug_token", f.appToken(), url.Values{"input_token": {token}}, &body, &fault)
	switch {
	case err != nil:
		return nil, err
	case fault.Error != nil:
		return nil, f.debugFailure(fault.Error)
	case body.Inner == nil:
		return nil, f.calls.missing("debug_token", "data")
	}
	body.Inner.Error.normal()
	return body.Inner, nil
}

// debugFailure tells whose fault an error of debug_token itself is. Its caller
// is the app, so a dead token there is ours.
func (f *facebook) debugFailure(e *graphError) error {
	switch e.Code {
	case codeToken, codeAPIKey, codeSession:
		return f.misconfigured(fmt.Errorf("debug_token: the app id or the app secret is wrong: %w", e))
	}
	return f.graphFailure("debug_token", e)
}

// graphFailure tells what an error says of the token.
func (f *facebook) graphFailure(what string, e *graphError) error {
	cause := fmt.Errorf("%s: %w", what, e)
	switch e.Code {
	case codeToken, codeSession:
		return f.dead(cause)
	case codeParameter:
		return f.otherApp(cause)
	case codeAPIKey:
		return f.misconfigured(cause)
	case codeWrongRequest:
		return f.unverifiable(cause)
	case codeUnknown, codeService, codeAppLimit, codeUserLimit:
		f.calls.note(cause)
		return cause
	}
	if e.Code == 10 || e.Code >= 200 && e.Code <= 299 && !e.Transient {
		return f.refused("lacks a permission; sign in again and grant it", cause)
	}
	f.calls.note(cause)
	return cause
}

// dead is for a token that has been good.
func (f *facebook) dead(cause error) error {
	if e, ok := errors.AsType[*graphError](cause); ok && e.Subcode == subcodeExpired {
		return &Error{Reason: ReasonExpired, Say: "the " + f.cfg.Name + " token has expired; sign in again", Cause: cause}
	}
	return f.refused("is no longer valid; sign in again", cause)
}

// otherApp names no app: Facebook's answer mostly does not either.
func (f *facebook) otherApp(cause error) error {
	return f.elsewhere("was issued to another app", cause)
}

// facebookUser is /me. An address is absent where the person declined, or has
// an account by telephone number.
type facebookUser struct {
	ID        string `json:"id"` // app-scoped
	Name      string `json:"name"`
	FirstName string `json:"first_name"`
	LastName  string `json:"last_name"`
	Email     string `json:"email"`
	Picture   struct {
		Inner struct {
			URL string `json:"url"`
		} `json:"data"`
	} `json:"picture"`
}

func (f *facebook) me(ctx context.Context, token string) (*facebookUser, error) {
	var fault graphFault
	user := &facebookUser{}
	err := f.graph(ctx, "me", token, url.Values{"fields": {"id,name,first_name,last_name,email,picture"}}, user, &fault)
	switch {
	case err != nil:
		return nil, err
	case fault.Error != nil:
		return nil, f.graphFailure("me", fault.Error)
	case user.ID == "":
		return nil, f.calls.missing("me", "id")
	}
	return user, nil
}

// checkApp is for the operator, in words.
func (f *facebook) checkApp(ctx context.Context) error {
	var fault graphFault
	var app struct {
		ID string `json:"id"`
	}
	err := f.graph(ctx, url.PathEscape(f.cfg.ClientID), f.appToken(), url.Values{"fields": {"id"}}, &app, &fault)
	switch {
	case err != nil:
		return fmt.Errorf("%s's app cannot be looked up: %w", f.cfg.Name, err)
	case fault.Error != nil:
		return fmt.Errorf("%s does not accept client_id with client_secret: %w", f.cfg.Name, fault.Error)
	case app.ID != f.cfg.ClientID:
		return fmt.Errorf("%s answers for another app than client_id", f.cfg.Name)
	}
	return nil
}
