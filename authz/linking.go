package authz

import (
	"context"
	"errors"
	"fmt"

	"github.com/ory/fosite"

	"gatehouse/authz/pages"
	"gatehouse/social"
	"gatehouse/store"
)

// verdict is what becomes of somebody who comes from a provider for the first
// time. Its text is the reason in the audit.
type verdict string

const (
	createProven   verdict = "verified address, and nobody has it"
	createBare     verdict = "no verified address"
	claim          verdict = "the provider is the authority for the address, and its account was never proven"
	bind           verdict = "the provider is the authority for the address of an imported identity"
	join           verdict = "the provider vouches for the address of a proven account"
	linkRequired   verdict = "the address belongs to an account that its owner must link"
	refuseDisabled verdict = "the account with the address is deactivated"
	refuseUnproven verdict = "no verified address, which this provider's sign_up demands"
)

// decide is the whole policy of first sign-ins: what the provider says of the
// address, and whose it is here (holder, nil for nobody's). An address decides
// nothing unless the provider vouches for it; staff are never joined or claimed;
// nor is anybody joined to an account whose address is proven by no more than the
// word of a provider that is no authority for it: whoever has that provider's
// word could be waiting there.
func decide(id *social.Identity, holder *store.Holder, p social.Policy) verdict {
	switch verified := id.Email != "" && id.EmailVerified; {
	case !verified && p.SignUp == social.SignUpVerifiedOnly:
		return refuseUnproven
	case !verified:
		return createBare
	case holder == nil:
		return createProven
	case !holder.IsActive:
		return refuseDisabled
	case holder.IsStaff || holder.IsSuperuser:
		return linkRequired
	case holder.EmailState == store.EmailProven && !holder.Vouched && !holder.OtherSubject && (id.Authoritative || p.AutoLink):
		return join
	case holder.EmailState == store.EmailUnproven && !holder.Returned && id.Authoritative:
		return claim
	}
	return linkRequired
}

// decideImported is decide where an imported identity of the provider has the
// address and no subject yet. Nobody but the authority for the address says
// whose it is, and no second match is guessed away.
func decideImported(id *social.Identity, u *store.Unbound, holder *store.Holder) verdict {
	switch {
	case !id.Authoritative, holder != nil && holder.ID != u.Account.ID, u.OtherSubject, u.Account.IsStaff, u.Account.IsSuperuser:
		return linkRequired
	case !u.Account.IsActive:
		return refuseDisabled
	}
	return bind
}

// accountOf finds or makes the account that an identity signs in to, for actor:
// the client, or actorBrowser where somebody came by themselves. Between reading
// and writing somebody else may have changed what was read; then it looks again.
func (s *Server) accountOf(ctx context.Context, id *social.Identity, p social.Policy, actor string) (*store.SignIn, error) {
	if store.CheckEmail(id.Email) != nil {
		bare := *id
		bare.EmailVerified, bare.Authoritative = false, false
		id = &bare
	}
	for range 5 {
		known, err := s.knownAccount(ctx, id)
		if err == nil || !errors.Is(err, store.ErrNotFound) {
			return known, err
		}
		known, err = s.firstSignIn(ctx, id, p, actor)
		if errors.Is(err, store.ErrExists) || errors.Is(err, store.ErrNotFound) {
			continue
		}
		return known, err
	}
	return nil, errors.New("first sign-in: the account kept changing")
}

// knownAccount is the account that the identity's key leads to, whatever its
// address.
func (s *Server) knownAccount(ctx context.Context, id *social.Identity) (*store.SignIn, error) {
	known, err := s.store.SignIn(ctx, id.Provider, id.Subject)
	if err != nil {
		return nil, err
	}
	if !known.Account.IsActive {
		return nil, errAccountDisabled()
	}
	if id.Email != "" && (known.Email != id.Email || known.Verified != id.EmailVerified) { // silence takes nothing back
		if err := s.store.NoteEmail(ctx, known.IdentityID, id.Email, id.EmailVerified); err != nil {
			return nil, fmt.Errorf("note the identity's address: %w", err)
		}
	}
	return known, nil
}

// firstSignIn does what decide says. ErrExists and ErrNotFound mean that it
// decided on what is no longer so.
func (s *Server) firstSignIn(ctx context.Context, id *social.Identity, p social.Policy, actor string) (*store.SignIn, error) {
	used, err := s.store.Used(ctx, id.Replay, actor)
	if err != nil {
		return nil, err
	}
	if used { // or a token that is used up would make an account
		return nil, errReplayed(ctx)
	}
	holder, err := s.holder(ctx, id)
	if err != nil {
		return nil, err
	}
	unbound, err := s.unbound(ctx, id)
	if err != nil {
		return nil, err
	}
	v := decide(id, holder, p)
	if unbound != nil {
		v = decideImported(id, unbound, holder)
	}
	f := store.Federated{
		Provider: id.Provider, Subject: id.Subject, Email: id.Email, Verified: id.EmailVerified, LoginEmail: v == createProven || v == claim,
		Authoritative: id.Authoritative,
		Username:      id.Username, FirstName: id.FirstName, LastName: id.LastName, Actor: actor, Reason: string(v),
	}
	if f.Mail, err = s.verdictNotice(v, holder, id.Provider); err != nil {
		return nil, err
	}
	defer s.mailPosted()
	switch v {
	case createProven, createBare:
		if err := s.store.AllowSignUp(ctx, s.cfg.Limits, eventOf(ctx).limitAddress()); err != nil {
			return nil, err
		}
		return s.store.CreateFederated(ctx, f, nil)
	case claim:
		return s.store.CreateFederated(ctx, f, &holder.Account)
	case join:
		return s.store.JoinIdentity(ctx, f, &holder.Account)
	case bind:
		return s.store.BindIdentity(ctx, f, unbound)
	}
	if _, err := s.store.SignIn(ctx, id.Provider, id.Subject); err == nil {
		return nil, store.ErrExists // a first sign-in at the same time has made what stands in the way
	}
	target := ""
	if unbound != nil {
		target = unbound.Account.ID
	} else if holder != nil {
		target = holder.ID
	}
	if err := s.store.AuditRefusal(ctx, id.Provider+" "+id.Subject, actor, "identity.refuse", target,
		map[string]any{"provider": id.Provider, "reason": string(v)}); err != nil {
		return nil, err
	}
	return nil, v.refusal(id.Provider)
}

// holder is whose login address the provider vouches for; nil for nobody's.
func (s *Server) holder(ctx context.Context, id *social.Identity) (*store.Holder, error) {
	if id.Email == "" || !id.EmailVerified {
		return nil, nil
	}
	h, err := s.store.Holder(ctx, id.Email, id.Provider)
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	return h, err
}

// unbound is the imported identity with this address that has no subject yet;
// nil if there is none.
func (s *Server) unbound(ctx context.Context, id *social.Identity) (*store.Unbound, error) {
	if id.Email == "" {
		return nil, nil
	}
	u, err := s.store.Unbound(ctx, id.Provider, id.Email)
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	return u, err
}

func (v verdict) refusal(provider string) error {
	switch v {
	case refuseDisabled:
		return errAccountDisabled()
	case refuseUnproven:
		return &refusal{RFC6749Error: fosite.ErrInvalidRequest, reason: reasonEmailUnverified,
			say: "An account here needs an address that " + provider + " has verified."}
	}
	return &refusal{RFC6749Error: fosite.ErrInvalidRequest, reason: reasonLinkRequired,
		say: "The address of this " + provider + " account belongs to an account here. Sign in as before, then link " + provider + "."}
}

func errAccountDisabled() error {
	return &refusal{RFC6749Error: fosite.ErrInvalidRequest, reason: reasonAccountDisabled, page: pages.ErrorAccount, say: "This account cannot sign in."}
}
