package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"gatehouse/store"
)

type meOutput struct{ Body account }

// own is the account that the request's token speaks for. Introspection has
// just said that it lives; that may have changed since.
func (s *Server) own(ctx context.Context) (*store.Account, error) {
	a, err := s.store.Account(ctx, principal(ctx).Subject)
	if errors.Is(err, store.ErrNotFound) || err == nil && !a.IsActive {
		return nil, gone()
	}
	if err != nil {
		return nil, fmt.Errorf("read the account: %w", err)
	}
	return a, nil
}

// showMe serves GET /accounts/me. A client of others sees the address only if
// it was allowed to (OpenID Connect Core §5.4).
func (s *Server) showMe(ctx context.Context, _ *struct{}) (*meOutput, error) {
	a, err := s.own(ctx)
	if err != nil {
		return nil, err
	}
	shown := newAccount(a)
	if !principal(ctx).HasScope(store.ScopeEmail) {
		ours, err := s.firstParty(ctx, principal(ctx).ClientID)
		if err != nil {
			return nil, err
		}
		if !ours {
			shown.Email, shown.EmailVerified = nil, false
		}
	}
	return &meOutput{shown}, nil
}

type updateMeInput struct {
	Body struct {
		Username  *string `json:"username,omitempty" maxLength:"150"`
		FirstName *string `json:"first_name,omitempty" maxLength:"150"`
		LastName  *string `json:"last_name,omitempty" maxLength:"150"`
	}
}

// updateMe serves PATCH /accounts/me: what is absent stays as it is.
func (s *Server) updateMe(ctx context.Context, in *updateMeInput) (*meOutput, error) {
	if _, err := s.own(ctx); err != nil {
		return nil, err
	}
	a, err := s.store.UpdateAccount(ctx, principal(ctx).Subject, store.AccountPatch{
		Username: in.Body.Username, FirstName: in.Body.FirstName, LastName: in.Body.LastName,
	})
	if errors.Is(err, store.ErrNotFound) {
		return nil, gone()
	}
	if err != nil {
		return nil, fmt.Errorf("change the account: %w", err)
	}
	return &meOutput{newAccount(a)}, nil
}

// deleteMe serves DELETE /accounts/me: the account ends, and all its grants.
func (s *Server) deleteMe(ctx context.Context, _ *struct{}) (*struct{}, error) {
	err := s.store.DeleteAccount(ctx, principal(ctx).Subject, principal(ctx).Subject)
	if errors.Is(err, store.ErrNotFound) {
		return nil, gone()
	}
	if err != nil {
		return nil, fmt.Errorf("delete the account: %w", err)
	}
	return nil, nil
}

type changePasswordInput struct {
	Body struct {
		OldPassword string `json:"old_password" maxLength:"128"`
		NewPassword string `json:"new_password" minLength:"8" maxLength:"128"`
	}
}

// changePassword serves POST /accounts/me/password. It ends every grant of the
// account but the one it is called with. Asking for the old password is a guess
// at it and counted with those of the token endpoint; a new one that is refused
// anyway is none.
//
// A wrong old password is 422, a member that is not valid: 401 would tell the
// client to get another token, 403 that this one may not do it (RFC 6750 §3.1),
// and neither would help.
func (s *Server) changePassword(ctx context.Context, in *changePasswordInput) (*struct{}, error) {
	a, err := s.own(ctx)
	if err != nil {
		return nil, err
	}
	if err := store.CheckPassword(in.Body.NewPassword, a.Email, a.Username); err != nil {
		return nil, refusedPassword(err)
	}
	if err := s.store.AllowPassword(ctx, s.cfg.Limits, a, eventOf(ctx).block()); err != nil {
		return nil, fmt.Errorf("count the guess: %w", err)
	}
	err = s.store.ChangePassword(ctx, store.Presence{AccountID: a.ID, RootID: principal(ctx).GrantID}, in.Body.OldPassword, in.Body.NewPassword, nil)
	switch {
	case err == nil:
		return nil, nil
	case errors.Is(err, store.ErrWrongPassword), errors.Is(err, store.ErrHashForm):
		p := invalid("body.old_password", "This is not the account's password.")
		p.Code, p.cause = "wrong_password", err
		return nil, p
	case errors.Is(err, store.ErrNotFound):
		if _, err := s.own(ctx); err != nil {
			return nil, err
		}
		return nil, newProblem(http.StatusConflict, "conflict", "The account's password has just been changed by somebody else.")
	}
	return nil, fmt.Errorf("change the password: %w", refusedPassword(err))
}

// refusedPassword names the member that the policy is about.
func refusedPassword(err error) error {
	var policy *store.PolicyError
	if errors.As(err, &policy) {
		return invalid("body.new_password", policy.Reason)
	}
	return err
}
