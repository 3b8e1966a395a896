package admin

import (
	"context"
	"errors"
	"net/http"
	"time"

	"gatehouse/store"
)

// account is an account as operators see it.
type account struct {
	ID            string     `json:"id"`
	Email         string     `json:"email"`
	EmailVerified bool       `json:"email_verified" doc:"The same as email_state proven"`
	Username      string     `json:"username"`
	FirstName     string     `json:"first_name"`
	LastName      string     `json:"last_name"`
	CreatedAt     time.Time  `json:"created_at"`
	IsActive      bool       `json:"is_active"`
	IsStaff       bool       `json:"is_staff"`
	IsSuperuser   bool       `json:"is_superuser"`
	LastLoginAt   *time.Time `json:"last_login_at"`
	EmailState    string     `json:"email_state" enum:"proven,unproven,imported"`
}

func showAccount(a store.Account) account {
	if a.LastLoginAt != nil {
		at := a.LastLoginAt.UTC()
		a.LastLoginAt = &at
	}
	return account{
		ID: a.ID, Email: a.Email, EmailVerified: a.EmailState == store.EmailProven,
		Username: a.Username, FirstName: a.FirstName, LastName: a.LastName, CreatedAt: a.CreatedAt.UTC(),
		IsActive: a.IsActive, IsStaff: a.IsStaff, IsSuperuser: a.IsSuperuser, LastLoginAt: a.LastLoginAt, EmailState: a.EmailState,
	}
}

// newAccount is the body of POST /admin/accounts.
type newAccount struct {
	Email         string `json:"email" maxLength:"254"`
	Username      string `json:"username" maxLength:"150"`
	FirstName     string `json:"first_name" maxLength:"150"`
	LastName      string `json:"last_name,omitempty" maxLength:"150"`
	Password      string `json:"password" maxLength:"128"`
	EmailVerified bool   `json:"email_verified,omitempty" doc:"The address is known to be its owner's"`
	IsStaff       bool   `json:"is_staff,omitempty"`
	IsSuperuser   bool   `json:"is_superuser,omitempty" doc:"Must not be true: superusers are made on the machine, by gatehouse accounts create-superuser"`
}

// accountPatch is the body of PATCH /admin/accounts/{id}.
type accountPatch struct {
	Active        *bool   `json:"active,omitempty" doc:"false ends every sign-in and lets none begin; true brings none back"`
	EmailVerified *bool   `json:"email_verified,omitempty" doc:"true says that the address is its owner's; what is proven stays so"`
	Password      *string `json:"password,omitempty" maxLength:"128" doc:"Ends every sign-in"`
	Username      *string `json:"username,omitempty" maxLength:"150"`
	FirstName     *string `json:"first_name,omitempty" maxLength:"150"`
	LastName      *string `json:"last_name,omitempty" maxLength:"150"`
}

// listAccounts serves GET /admin/accounts.
func (s *Server) listAccounts(ctx context.Context, in *struct {
	Email  string `query:"email" maxLength:"254" doc:"Only those whose address begins so, in any letter case"`
	Limit  int    `query:"limit" minimum:"1" maximum:"200" default:"50"`
	Cursor string `query:"cursor" maxLength:"100" doc:"next_cursor of the page before"`
}) (*answer[page[account]], error) {
	rows, next, err := s.store.Accounts(ctx, in.Email, in.Cursor, in.Limit)
	if err != nil {
		return nil, err
	}
	return pageOf(rows, next, showAccount), nil
}

// createAccount serves POST /admin/accounts.
func (s *Server) createAccount(ctx context.Context, in *struct{ Body newAccount }) (*created[account], error) {
	var a *store.Account
	n := store.NewAccount{
		Email: in.Body.Email, Username: in.Body.Username, FirstName: in.Body.FirstName, LastName: in.Body.LastName,
		Password: in.Body.Password, Staff: &in.Body.IsStaff,
	}
	if in.Body.EmailVerified {
		n.EmailState = store.EmailProven
	}
	d := deed{action: "account.create", detail: map[string]any{"is_staff": in.Body.IsStaff, "email_verified": in.Body.EmailVerified}}
	err := s.change(ctx, d, func(ctx context.Context, d *deed) (err error) {
		if in.Body.IsSuperuser {
			r := badField("body.is_superuser", "A superuser is made on the machine: gatehouse accounts create-superuser")
			r.record = true
			return r
		}
		if a, err = s.store.CreateUser(ctx, n); errors.Is(err, store.ErrExists) {
			return taken("body.email", "An account with this address exists already")
		} else if err != nil {
			return err
		}
		d.target = a.ID
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &created[account]{"/admin/accounts/" + a.ID, showAccount(*a)}, nil
}

// readAccount serves GET /admin/accounts/{id}.
func (s *Server) readAccount(ctx context.Context, in *OfID) (*answer[account], error) {
	a, err := s.store.Account(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	return &answer[account]{showAccount(*a)}, nil
}

// updateAccount serves PATCH /admin/accounts/{id}.
func (s *Server) updateAccount(ctx context.Context, in *struct {
	OfID
	Body accountPatch
}) (*answer[account], error) {
	a, err := s.store.Account(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	if err := in.Body.check(a); err != nil {
		return nil, err
	}
	for _, step := range s.accountSteps(a.ID, &in.Body) {
		if err := s.change(ctx, step.deed, step.do); err != nil {
			return nil, err
		}
	}
	return s.readAccount(ctx, &in.OfID)
}

// check finds what can be found before anything changes.
func (p *accountPatch) check(a *store.Account) error {
	if p.EmailVerified != nil && !*p.EmailVerified {
		return badField("body.email_verified", "What was proven stays so; only true can be set")
	}
	if p.Password != nil {
		username := a.Username
		set(&username, p.Username)
		return store.CheckPassword(*p.Password, a.Email, username)
	}
	return nil
}

type accountStep struct {
	deed deed
	do   func(context.Context, *deed) error
}

// accountSteps are the changes that a patch asks for, each on record by
// itself. The one that may break a rule comes first. Then nobody signs in
// between: an account is closed before its password changes and opened after.
func (s *Server) accountSteps(id string, p *accountPatch) (steps []accountStep) {
	add := func(action string, detail map[string]any, do func(context.Context, *deed) error) {
		steps = append(steps, accountStep{deed{action: action, target: id, detail: detail}, do})
	}
	if names := p.names(); len(names) > 0 {
		add("account.update", map[string]any{"members": names}, func(ctx context.Context, _ *deed) error {
			_, err := s.store.UpdateAccount(ctx, id, store.AccountPatch{Username: p.Username, FirstName: p.FirstName, LastName: p.LastName})
			return err
		})
	}
	if p.Active != nil && !*p.Active {
		add("account.deactivate", nil, func(ctx context.Context, _ *deed) error {
			if eventOf(ctx).actor.AccountID == id {
				return errOwnAccount
			}
			return s.store.Deactivate(ctx, id)
		})
	}
	if p.Password != nil {
		add("account.set_password", nil, func(ctx context.Context, _ *deed) error {
			return s.store.SetPassword(ctx, id, *p.Password)
		})
	}
	if p.EmailVerified != nil {
		add("account.verify_email", nil, func(ctx context.Context, _ *deed) error {
			return s.store.MarkEmailProven(ctx, id)
		})
	}
	if p.Active != nil && *p.Active {
		add("account.reactivate", nil, func(ctx context.Context, _ *deed) error {
			return s.store.Reactivate(ctx, id)
		})
	}
	return steps
}

// errOwnAccount is errOwnClient for a person.
var errOwnAccount = &refusal{
	status: http.StatusConflict, record: true,
	say: "You cannot deactivate the account that you are signed in with: ask another superuser, or use gatehouse accounts on the machine.",
}

// names lists the names that are to change; their values are personal and not
// for the audit trail.
func (p *accountPatch) names() (list []string) {
	for _, m := range []struct {
		name  string
		value *string
	}{{"username", p.Username}, {"first_name", p.FirstName}, {"last_name", p.LastName}} {
		if m.value != nil {
			list = append(list, m.name)
		}
	}
	return list
}
