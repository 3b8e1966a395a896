package authz

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/ory/fosite"

	"gatehouse/authz/pages"
	"gatehouse/store"
)

// How long links work.
const (
	signUpLife = 24 * time.Hour
	verifyLife = 24 * time.Hour
	resetLife  = time.Hour
)

// onward is what a link goes on with, sealed in its row.
type onward struct {
	Ticket   ticket    `json:"ticket"`
	Newcomer *newcomer `json:"newcomer,omitempty"` // by a link of sign-up alone
}

// newcomer is an account before there is one.
type newcomer struct {
	Email        string `json:"email"`
	Username     string `json:"username"`
	FirstName    string `json:"first_name"`
	LastName     string `json:"last_name"`
	PasswordHash string `json:"password_hash"`
}

func linkContext(purpose string, digest []byte) string {
	return "link " + purpose + " " + string(digest)
}

// newLink is a link with its row. path is the page that it leads to.
func (s *Server) newLink(purpose, path, email string, browser []byte, life time.Duration, on onward) (string, *store.OneTimeLink, error) {
	text, err := json.Marshal(on)
	if err != nil {
		return "", nil, fmt.Errorf("make a link: %w", err)
	}
	t := s.keys.mint(mailLink)
	return s.page(path) + "?token=" + t.String(), &store.OneTimeLink{
		Digest: t.signature, Purpose: purpose, Email: store.EmailKey(email), Browser: browser,
		Sealed: s.keys.seal(atRest, linkContext(purpose, t.signature), text), ExpiresAt: s.store.Now().Add(life),
	}, nil
}

// sendLink writes a link with its mail, and has that sent. See AddLink for dead.
func (s *Server) sendLink(ctx context.Context, row *store.OneTimeLink, dead bool, to string, m pages.Mail, life time.Duration) error {
	mail, err := s.worded(to, m, life)
	if err == nil {
		err = s.store.AddLink(ctx, *row, dead, mail)
	}
	if err == nil {
		s.mailPosted()
	}
	return err
}

// unlessLimited is err, but of a limit that is not told: then nothing is sent,
// and the answer is the same.
func unlessLimited(err error) error {
	if limited := (*store.LimitError)(nil); errors.As(err, &limited) {
		return nil
	}
	return err
}

// opened is a link that works, with what it goes on with.
type opened struct {
	*store.OpenedLink
	onward
	token string
	here  bool            // this is the browser that asked for it
	in    *store.SignedIn // by a link of verification that was opened here: who asked
}

// address is whom the link was sent to, as they write it; username goes with it.
func (o *opened) address() (email, username string) {
	if o.Newcomer != nil {
		return o.Newcomer.Email, o.Newcomer.Username
	}
	return o.Account.Email, o.Account.Username
}

// openLink finds the link of a token, if it works and is for one of these purposes.
// Whatever is wrong with it is told the same, as one of the first purpose. It counts as no attempt: a token is
// beyond guessing, and any site can send a browser here.
func (s *Server) openLink(r *http.Request, text string, purposes ...string) (*opened, error) {
	ctx := r.Context()
	t := s.keys.verify(text, mailLink)
	if t == nil {
		return nil, errLink(purposes[0])
	}
	l, err := s.store.Link(ctx, t.signature)
	if err = linkGone(err, purposes[0]); err == nil && !slices.Contains(purposes, l.Purpose) {
		err = errLink(purposes[0])
	}
	if err != nil {
		return nil, err
	}
	o := &opened{OpenedLink: l, token: text}
	sealed, err := s.keys.open(atRest, linkContext(l.Purpose, l.Digest), l.Sealed)
	if err == nil {
		err = json.Unmarshal(sealed, &o.onward)
	}
	if err != nil {
		return nil, fmt.Errorf("open a link: %w", err)
	}
	return o, s.whoAsked(r, o)
}

// whoAsked finds out whether this browser asked for the link. By a link of
// verification that is the login session, and for the others a cookie: they are
// for people who cannot sign in yet.
func (s *Server) whoAsked(r *http.Request, o *opened) error {
	if o.Purpose != store.LinkVerify {
		o.here = sameBrowser(o.Browser, browserOf(r))
		return nil
	}
	in, err := s.signedIn(r)
	if err != nil || in == nil {
		return err
	}
	o.in, o.here = in, in.AccountID == o.Account.ID && sameBrowser(o.Browser, digestOf(in.ID))
	return nil
}

// goesOn is the ticket that came along, if it is of any use: only the browser
// that the application sent here may go back to it.
func (s *Server) goesOn(o *opened) ticket {
	if !o.here || s.store.Now().Sub(o.Ticket.Asked) > ticketLife {
		return ticket{}
	}
	return o.Ticket
}

// errLink is for a link that does not work, and leads to where one asks for
// another.
func errLink(purpose string) error {
	next := map[string]string{store.LinkSignUp: pages.NextSignUp, store.LinkVerify: pages.NextAccount, store.LinkReset: pages.NextForgot}
	return &refusal{RFC6749Error: fosite.ErrInvalidRequest, page: pages.ErrorMailLink, next: next[purpose]}
}

// linkGone tells what somebody finds whose link was used, or died, meanwhile.
func linkGone(err error, purpose string) error {
	if errors.Is(err, store.ErrNotFound) {
		return errLink(purpose)
	}
	return err
}

// enter signs in whoever has just shown that the account is theirs.
func (s *Server) enter(w http.ResponseWriter, r *http.Request, a *store.Account, t ticket) {
	r = r.WithContext(s.store.Begin(r.Context()))
	err := s.openSession(w, r, store.NewLoginSession{Account: a, AuthTime: s.store.Now(), AMR: store.Words{"pwd"}})
	if err != nil {
		s.failPage(w, r, sessionGone(err))
		return
	}
	s.wayOn(w, t)
}

// cookieBrowser tells the browser in which a mail was asked for from all others.
const cookieBrowser = "__Host-gatehouse-browser"

// markBrowser gives this browser its cookie, unless it has one, and returns its
// digest.
func markBrowser(w http.ResponseWriter, r *http.Request) []byte {
	digest, value := browserCookie(r)
	if digest == nil {
		value = rand.Text()
		digest = digestOf(value)
	}
	http.SetCookie(w, cookie(cookieBrowser, value, signUpLife))
	return digest
}

// browserOf is the digest of this browser's cookie; nil if it has none.
func browserOf(r *http.Request) []byte {
	digest, _ := browserCookie(r)
	return digest
}

func browserCookie(r *http.Request) (digest []byte, value string) {
	for _, c := range r.CookiesNamed(cookieBrowser) {
		if len(c.Value) == len(rand.Text()) {
			return digestOf(c.Value), c.Value
		}
	}
	return nil, ""
}

func digestOf(text string) []byte {
	digest := sha256.Sum256([]byte(text))
	return digest[:]
}

func sameBrowser(asked, now []byte) bool {
	return len(now) > 0 && subtle.ConstantTimeCompare(asked, now) == 1
}
