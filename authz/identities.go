package authz

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/gorilla/mux"
	"github.com/ory/fosite"

	"gatehouse/social"
	"gatehouse/store"
)

// freshSignIn is how recently somebody must have signed in to change how they
// sign in.
const freshSignIn = 5 * time.Minute

// identityShape is an identity as its owner sees it.
type identityShape struct {
	ID            string    `json:"id"`
	Provider      string    `json:"provider"`
	Email         *string   `json:"email"` // as the provider last said it
	EmailVerified bool      `json:"email_verified"`
	CreatedAt     time.Time `json:"created_at"`
}

func shapeOf(i *store.Identity) identityShape {
	shape := identityShape{ID: i.ID, Provider: i.Provider, EmailVerified: i.Verified, CreatedAt: i.CreatedAt.UTC()}
	if i.Email != "" {
		shape.Email = &i.Email
	}
	return shape
}

// identities serves /account/identities.
func (s *Server) identities(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodPost {
		s.linkIdentity(w, r)
		return
	}
	s.listIdentities(w, r)
}

// listIdentities serves GET /account/identities: {items, next_cursor}, all in
// one page.
func (s *Server) listIdentities(w http.ResponseWriter, r *http.Request) {
	who, err := s.person(r, "read")
	if err != nil {
		s.fail(w, r, err)
		return
	}
	list, err := s.store.Identities(r.Context(), *who.AccountID)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	items := make([]identityShape, len(list))
	for i := range list {
		items[i] = shapeOf(&list[i])
	}
	noStore(w.Header())
	writeJSON(w, http.StatusOK, map[string]any{"items": items, "next_cursor": nil})
}

// linkIdentity serves POST /account/identities: whoever signed in just now
// shows a provider's token, by the parameters of token exchange, and can sign
// in with it from then on.
func (s *Server) linkIdentity(w http.ResponseWriter, r *http.Request) {
	identity, status, err := s.link(w, r)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	noStore(w.Header())
	writeJSON(w, status, shapeOf(identity))
}

func (s *Server) link(w http.ResponseWriter, r *http.Request) (*store.Identity, int, error) {
	ctx := r.Context()
	who, err := s.personNow(r)
	if err != nil {
		return nil, 0, err
	}
	form, err := readParameters(w, r)
	if err != nil {
		return nil, 0, err
	}
	e, err := readExchange(form)
	if err != nil {
		return nil, 0, err
	}
	if e.ours() {
		return nil, 0, invalidRequest("The parameter subject_issuer is missing: whose token is it?")
	}
	client, err := s.store.Client(ctx, who.ClientID)
	if err != nil {
		return nil, 0, err
	}
	provider, err := s.providerOf(client, e)
	if err != nil {
		return nil, 0, err
	}
	id, err := s.verified(ctx, provider, client, e.providerToken())
	if err != nil {
		return nil, 0, err
	}
	return s.linkTo(ctx, who, id)
}

// linkTo links the identity to the account; one that is linked to it already
// stays, one that is another's is refused and never moved.
func (s *Server) linkTo(ctx context.Context, who *store.SubjectToken, id *social.Identity) (*store.Identity, int, error) {
	f := store.Federated{Provider: id.Provider, Subject: id.Subject, Email: id.Email, Verified: id.EmailVerified,
		Actor: *who.AccountID, Reason: "its owner asked for it"}
	owner, err := s.store.Account(ctx, *who.AccountID)
	if err == nil {
		f.Mail, err = s.linkedNotice(owner, id.Provider)
	}
	if err != nil {
		return nil, 0, linkingEnded(err)
	}
	for range 2 {
		known, err := s.store.IdentityOf(ctx, id.Provider, id.Subject)
		if err == nil && known.AccountID == *who.AccountID {
			return known, http.StatusOK, nil
		}
		if err == nil {
			return nil, 0, s.refuseLink(ctx, who, id)
		}
		if !errors.Is(err, store.ErrNotFound) {
			return nil, 0, err
		}
		linked, err := s.store.LinkIdentity(ctx, f, who, id.Replay, id.ExpiresAt)
		switch {
		case err == nil:
			s.mailPosted()
			return linked, http.StatusCreated, nil
		case errors.Is(err, store.ErrReplayed):
			return nil, 0, errReplayed(ctx)
		case !errors.Is(err, store.ErrExists):
			return nil, 0, linkingEnded(err)
		}
	}
	return nil, 0, s.refuseLink(ctx, who, id)
}

// linkingEnded tells what somebody finds whose token or account ended meanwhile.
func linkingEnded(err error) error {
	if errors.Is(err, store.ErrNotFound) {
		return bearerError("invalid_token", "The access token has ended, or its account has.")
	}
	return err
}

func (s *Server) refuseLink(ctx context.Context, who *store.SubjectToken, id *social.Identity) error {
	if err := s.store.AuditRefusal(ctx, id.Provider+" "+id.Subject, *who.AccountID, "identity.refuse", *who.AccountID,
		map[string]any{"provider": id.Provider, "reason": "linked to another account"}); err != nil {
		return err
	}
	return &refusal{RFC6749Error: fosite.ErrInvalidRequest, status: http.StatusConflict,
		say: "This " + id.Provider + " account signs in to another account here. Sign in with it, and unlink it there."}
}

// unlinkIdentity serves DELETE /account/identities/{id}.
func (s *Server) unlinkIdentity(w http.ResponseWriter, r *http.Request) {
	who, err := s.personNow(r)
	if err == nil {
		err = s.store.Unlink(r.Context(), who, mux.Vars(r)["id"])
	}
	switch {
	case errors.Is(err, store.ErrNotFound):
		err = &refusal{RFC6749Error: fosite.ErrInvalidRequest, status: http.StatusNotFound, say: "This account has no such identity."}
	case errors.Is(err, store.ErrLastWayIn):
		err = &refusal{RFC6749Error: fosite.ErrInvalidRequest, status: http.StatusConflict,
			say: "This is the only way to sign in to the account: set a password or link another one first."}
	}
	if err != nil {
		s.fail(w, r, err)
		return
	}
	noStore(w.Header())
	w.WriteHeader(http.StatusNoContent)
}

// deauthorize serves POST /providers/{provider}/deauthorize, which Facebook
// calls when somebody removes the app: the sign-ins with that identity end, and
// it stays.
func (s *Server) deauthorize(w http.ResponseWriter, r *http.Request) {
	form, err := readForm(w, r)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	name := mux.Vars(r)["provider"]
	i := slices.IndexFunc(s.cfg.Providers, func(p social.Provider) bool { return p.Name() == name })
	if i < 0 {
		s.notFound(w, r)
		return
	}
	eventOf(r.Context()).provider = name
	subject, err := s.cfg.Providers[i].SignedRequest(form.Get("signed_request"))
	if err != nil {
		s.fail(w, r, ofProvider(s.cfg.Providers[i], err))
		return
	}
	if err := s.store.EndIdentity(r.Context(), name, subject, "the provider says that the app was removed"); err != nil && !errors.Is(err, store.ErrNotFound) {
		s.fail(w, r, err)
		return
	}
	noStore(w.Header())
	w.WriteHeader(http.StatusOK)
}
