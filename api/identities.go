package api

import (
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humamux"
	"github.com/google/uuid"

	"gatehouse/api/introspect"
)

// identitiesPath is where the authorization server keeps how people sign in.
// It alone can verify a provider's token.
const identitiesPath = "/account/identities"

// identity is a provider's account that signs in to this one.
type identity struct {
	ID            string    `json:"id" format:"uuid"`
	Provider      string    `json:"provider" example:"google"`
	Email         *string   `json:"email" doc:"As the provider last said it; null if it said none"`
	EmailVerified bool      `json:"email_verified" doc:"By the provider"`
	CreatedAt     time.Time `json:"created_at"`
}

// whole tells whether all is there that callers are promised.
func (i identity) whole() bool {
	return uuid.Validate(i.ID) == nil && i.Provider != "" && !i.CreatedAt.IsZero()
}

// bearerInput is of operations that pass the user's token on.
type bearerInput struct{ token string }

// Resolve is called by huma. The guard has read the same header before.
func (in *bearerInput) Resolve(c huma.Context) []error {
	r, _ := humamux.Unwrap(c)
	token, err := introspect.BearerToken(r)
	if err != nil { // can't be
		return []error{err}
	}
	in.token = token
	return nil
}

type listIdentitiesInput struct{ bearerInput }

type listIdentitiesOutput struct {
	Body struct {
		Items      []identity `json:"items" nullable:"false"`
		NextCursor *string    `json:"next_cursor" doc:"null: they are all on one page"`
	}
}

// listIdentities serves GET /accounts/me/identities.
func (s *Server) listIdentities(ctx context.Context, in *listIdentitiesInput) (*listIdentitiesOutput, error) {
	answer, err := s.forward(ctx, http.MethodGet, identitiesPath, in.token, nil)
	if err != nil {
		return nil, err
	}
	if answer.status != http.StatusOK {
		return nil, answer.problem(nil)
	}
	out := new(listIdentitiesOutput)
	broken := func(i identity) bool { return !i.whole() }
	if !answer.decode(&out.Body) || out.Body.Items == nil || slices.ContainsFunc(out.Body.Items, broken) {
		return nil, answer.unexpected()
	}
	return out, nil
}

// providerToken is a token of a provider, by the names of RFC 8693 §2.1. Its
// lengths are those that the authorization server takes.
type providerToken struct {
	SubjectToken     string `json:"subject_token" minLength:"1" maxLength:"16384" doc:"As the provider gave it to the browser"`
	SubjectTokenType string `json:"subject_token_type" minLength:"1" maxLength:"200" example:"urn:ietf:params:oauth:token-type:id_token"`
	SubjectIssuer    string `json:"subject_issuer,omitempty" maxLength:"500" doc:"The provider's name; a JWT may go without" example:"google"`
	Nonce            string `json:"nonce,omitempty" maxLength:"500" doc:"If the browser asked for the ID token with one"`
}

type linkIdentityInput struct {
	bearerInput
	Body providerToken
}

type linkIdentityOutput struct {
	Status int // 201; 200 if it was linked already
	Body   identity
}

// linkIdentity serves POST /accounts/me/identities.
func (s *Server) linkIdentity(ctx context.Context, in *linkIdentityInput) (*linkIdentityOutput, error) {
	answer, err := s.forward(ctx, http.MethodPost, identitiesPath, in.token, in.Body)
	if err != nil {
		return nil, err
	}
	if answer.status != http.StatusOK && answer.status != http.StatusCreated {
		return nil, answer.problem(map[int]string{http.StatusConflict: "identity_taken"})
	}
	out := &linkIdentityOutput{Status: answer.status}
	if !answer.decode(&out.Body) || !out.Body.whole() {
		return nil, answer.unexpected()
	}
	return out, nil
}

type unlinkIdentityInput struct {
	bearerInput
	ID string `path:"id" format:"uuid"`
}

// unlinkIdentity serves DELETE /accounts/me/identities/{id}.
func (s *Server) unlinkIdentity(ctx context.Context, in *unlinkIdentityInput) (*struct{}, error) {
	id, err := uuid.Parse(in.ID) // in its canonical form it needs no escaping
	if err != nil {              // can't be: huma has
		return nil, invalid("path.id", "This is not a UUID.")
	}
	answer, err := s.forward(ctx, http.MethodDelete, identitiesPath+"/"+id.String(), in.token, nil)
	if err != nil {
		return nil, err
	}
	if answer.status != http.StatusNoContent {
		return nil, answer.problem(map[int]string{http.StatusNotFound: "not_found", http.StatusConflict: "last_way_in"})
	}
	return nil, nil
}
