package pages

import "time"

// Account is where somebody looks after their sign-ins. Its forms, each a POST:
//
//	/account/end-session         id: a session's, or "others" for all but this
//	/account/unlink              id: an identity's
//	/account/link                provider: a provider's name
//	/account/revoke-application  client_id
//	/account/verify-email        nothing
//
// Its password has a page of its own: ChangePassword.
type Account struct {
	Account       string // the e-mail address
	Username      bool   // Account is the username of somebody who has no address
	Notice        string // one of Notice…, after something was done; usually empty
	EmailVerified bool
	PasswordURL   string // where to change or to set it; may be empty
	HasPassword   bool
	Sessions      []Session
	Identities    []Identity
	Linkable      []Provider // those without an identity yet
	Applications  []Application
}

// What Account may say was done.
const (
	NoticeSessionEnded       = "notice.session_ended"
	NoticeUnlinked           = "notice.unlinked"
	NoticeLinked             = "notice.linked"
	NoticeApplicationRevoked = "notice.application_revoked"
	NoticeVerified           = "notice.verified"
	NoticePasswordChanged    = "notice.password_changed"
)

// Session is one browser that the account is signed in with.
type Session struct {
	ID         string
	Device     string // its User-Agent header
	Address    string // IP address
	SignedInAt time.Time
	LastSeenAt time.Time
	Current    bool // it is this browser
}

// Identity is an account at a provider that signs in here.
type Identity struct {
	ID       string
	Provider string // its label
	Name     string // as it is configured; chooses the picture
	Email    string // the address there; may be empty
}

// Application is a client that the account gave something to.
type Application struct {
	ClientID  string
	Name      string
	Scopes    []string
	GrantedAt time.Time
}

func (Account) about() about {
	return about{template: "account", title: "account.title", script: true, form: true, wide: true}
}

// ChangePassword asks for the old password and a new one. POST
// /account/password: old_password, password, and email for password managers
// alone.
type ChangePassword struct {
	Account string
	Errors  map[string]string // of old_password, password
	Wait    time.Duration     // how long until another try is taken; usually 0
	BackURL string
}

func (p ChangePassword) about() about {
	return about{template: "changepassword", title: "changepassword.title", script: true, form: true, invalid: len(p.Errors) > 0 || p.Wait > 0}
}

// Others reports whether another browser is signed in as well.
func (p Account) Others() bool { return len(p.Sessions) > 1 }
