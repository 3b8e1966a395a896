package pages

import (
	"fmt"
	"html/template"
	"net/http"
	"reflect"
	"time"
)

type Config struct {
	Name string
	Base string
}
type Provider struct{ Label, Name, URL string }
type SignIn struct {
	Ticket, Email, Error string
	Reauthenticate       bool
	ClientName           string
	Providers            []Provider
	Linking              string
	SignUpURL, ForgotURL string
	Wait                 time.Duration
}
type Consent struct {
	Ticket, ClientName, ClientHost, Account string
	Scopes, Audience                        []string
}
type Error struct{ Title, Text, RequestID string }
type Parameter struct{ Name, Value string }
type FormPost struct {
	RedirectURI string
	Parameters  []Parameter
}
type SignOut struct{ Ticket, ClientName, Account string }
type SignedOut struct{ ClientName, ReturnURL, SignInURL string }
type Session struct {
	ID, Device, Address    string
	SignedInAt, LastSeenAt time.Time
	Current                bool
}
type Identity struct{ ID, Provider, Name, Email string }
type Application struct {
	ClientID, Name string
	Scopes         []string
	GrantedAt      time.Time
}
type Account struct {
	Account       string
	Notice        string
	EmailVerified bool
	PasswordURL   string
	Sessions      []Session
	Identities    []Identity
	Linkable      []Provider
	Applications  []Application
}

const (
	NoticeSessionEnded       = "notice.session_ended"
	NoticeApplicationRevoked = "notice.application_revoked"
)

type Pages struct{}

func New(Config) (*Pages, error) { return &Pages{}, nil }
func (p *Pages) Write(w http.ResponseWriter, status int, page any, formTargets ...string) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	fmt.Fprintf(w, "<h1>%T</h1><form>", page)
	v := reflect.ValueOf(page)
	for i := range v.NumField() {
		fmt.Fprintf(w, `<input name="%s" value="%s">`, v.Type().Field(i).Name, template.HTMLEscapeString(fmt.Sprint(v.Field(i).Interface())))
	}
	fmt.Fprint(w, "</form>")
}
func (p *Pages) Assets() http.Handler { return http.NotFoundHandler() }
