package authz

import (
	"context"
	"errors"

	"github.com/ory/fosite"

	"gatehouse/store"
)

// passwordGrant is the resource owner's password grant (RFC 6749 §4.3), for
// first-party clients alone. RFC 9700 §2.4 forbids it to anyone else's.
type passwordGrant struct{ *grants }

// HandleTokenEndpointRequest checks e-mail and password. Unknown, wrong and
// deactivated are one answer, after one time.
func (p passwordGrant) HandleTokenEndpointRequest(ctx context.Context, req fosite.AccessRequester) error {
	client, form := req.GetClient().(*store.Client), req.GetRequestForm()
	if !client.FirstParty {
		return &refusal{RFC6749Error: fosite.ErrUnauthorizedClient, say: "The password grant is for first-party clients."}
	}
	for _, name := range []string{"username", "password"} {
		if form.Get(name) == "" {
			return invalidRequest("Request is missing " + name + " parameter.")
		}
	}
	account, err := p.store.Login(ctx, p.cfg.Limits, form.Get("username"), form.Get("password"), eventOf(ctx).limitAddress())
	if errors.Is(err, store.ErrWrongPassword) {
		return errWrongPassword(nil)
	}
	if err != nil {
		return err
	}
	session := req.GetSession().(*store.Session)
	session.Grant.AccountID = &account.ID
	session.Grant.Subject = account.ID
	session.Grant.Username = account.Email
	session.Grant.AMR = store.Words{"pwd"} // RFC 8176 §2
	session.AuthEpoch = account.AuthEpoch
	return nil
}

// PopulateTokenEndpointResponse issues the tokens.
func (p passwordGrant) PopulateTokenEndpointResponse(ctx context.Context, req fosite.AccessRequester, resp fosite.AccessResponder) error {
	p.issue(ctx, req, resp)
	return nil
}

func errWrongPassword(cause error) error {
	return &refusal{RFC6749Error: fosite.ErrInvalidGrant, say: "Invalid credentials given.", cause: cause}
}
