package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"gatehouse/store"
)

// account is what callers see of an account.
type account struct {
	ID            string    `json:"id" format:"uuid"`
	Email         *string   `json:"email" doc:"null if the account has none"`
	EmailVerified bool      `json:"email_verified" doc:"Known to be its owner's"`
	Username      string    `json:"username"`
	FirstName     string    `json:"first_name"`
	LastName      string    `json:"last_name" doc:"May be empty"`
	CreatedAt     time.Time `json:"created_at"`
}

func newAccount(a *store.Account) account {
	shown := account{
		ID: a.ID, Username: a.Username, FirstName: a.FirstName, LastName: a.LastName, CreatedAt: a.CreatedAt.UTC(),
	}
	if a.Email != "" {
		shown.Email = &a.Email
		shown.EmailVerified = a.EmailState == store.EmailProven
	}
	return shown
}

type createAccountInput struct {
	Body struct {
		Email     string `json:"email" maxLength:"254" example:"ada@example.com"`
		Username  string `json:"username" maxLength:"150" example:"ada"`
		FirstName string `json:"first_name" maxLength:"150" example:"Ada"`
		LastName  string `json:"last_name,omitempty" maxLength:"150" example:"Lovelace"`
		Password  string `json:"password" minLength:"8" maxLength:"128" doc:"Neither the e-mail nor the username, nor a common one"`
	}
}

type createAccountOutput struct {
	Location string `header:"Location" doc:"Where the new account finds itself"`
	Body     struct {
		Account     account  `json:"account"`
		Token       *token   `json:"token,omitempty" doc:"As the token endpoint gave it, if this API signs new users in"`
		SignInError *problem `json:"sign_in_error,omitempty" doc:"In place of token: the account was made, and yet nobody signed in"`
	}
}

// createAccount serves POST /accounts. Each well-formed request counts as a
// sign-up, whatever comes of it: 409 tells that an address has an account.
func (s *Server) createAccount(ctx context.Context, in *createAccountInput) (*createAccountOutput, error) {
	ev := eventOf(ctx)
	if err := s.store.AllowSignUp(ctx, s.cfg.Limits, ev.block()); err != nil {
		return nil, fmt.Errorf("count the sign-up: %w", err)
	}
	a, err := s.store.CreateUser(ctx, store.NewAccount{
		Email: in.Body.Email, Username: in.Body.Username,
		FirstName: in.Body.FirstName, LastName: in.Body.LastName, Password: in.Body.Password,
	})
	if errors.Is(err, store.ErrExists) {
		p := newProblem(http.StatusConflict, "email_taken", "An account with this email address exists already.")
		p.Errors = []fieldError{{"body.email", p.Detail}}
		return nil, p
	}
	if err != nil {
		return nil, fmt.Errorf("create the account: %w", err)
	}
	ev.account = a.ID
	out := &createAccountOutput{Location: "/accounts/me"}
	out.Body.Account = newAccount(a)
	if s.signIns != nil {
		out.Body.Token, out.Body.SignInError = s.signIns.signIn(ctx, a.Email, in.Body.Password, ev.address)
		if out.Body.SignInError != nil {
			out.Body.SignInError.record(ctx)
		}
	}
	return out, nil
}

type listAccountsInput struct {
	Limit  int    `query:"limit" minimum:"1" maximum:"200" default:"50"`
	Cursor string `query:"cursor" doc:"next_cursor of the page before"`
}

type listAccountsOutput struct {
	Body struct {
		Items      []account `json:"items" nullable:"false"`
		NextCursor *string   `json:"next_cursor" doc:"null on the last page"`
	}
}

// listAccounts serves GET /accounts.
func (s *Server) listAccounts(ctx context.Context, in *listAccountsInput) (*listAccountsOutput, error) {
	list, next, err := s.store.Accounts(ctx, "", in.Cursor, in.Limit)
	var field *store.FieldError
	if errors.As(err, &field) {
		return nil, invalid("query."+field.Field, field.Message)
	}
	if err != nil {
		return nil, err
	}
	out := new(listAccountsOutput)
	out.Body.Items = make([]account, len(list))
	for i := range list {
		out.Body.Items[i] = newAccount(&list[i])
	}
	if next != "" {
		out.Body.NextCursor = &next
	}
	return out, nil
}
