package demo

import (
	"crypto/rand"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/mail"
	"net/url"
	"strings"
	"sync"
	"testing"
)

// backend speaks the wire that the tutorial's backend speaks, as far as the demo
// hears it, in memory. It knows nothing of Gatehouse, so that the demo is held
// to what frontends in the field expect.
type backend struct {
	*httptest.Server
	origin           string // the page that may read its answers
	google, facebook string // who is asked about providers' tokens
	googleApp        string // which a Google token must be for

	mu        sync.Mutex
	accounts  []*account
	access    map[string]*account
	refresh   map[string]*account
	successor map[string]pair // of a spent refresh token
	calls     []call
	down      bool // hangs up
	throttled bool // 429 to whoever signs in
}

type account struct {
	Email     string `json:"email"`
	Username  string `json:"username"`
	FirstName string `json:"first_name"`
	password  string
	subject   string // at a provider
}

type pair struct {
	AccessToken  string            `json:"access_token"`
	ExpiresIn    int               `json:"expires_in"`
	TokenType    string            `json:"token_type"`
	Scope        string            `json:"scope"`
	RefreshToken string            `json:"refresh_token"`
	User         map[string]string `json:"user,omitempty"`
}

// call is one that was served, but for preflights.
type call struct {
	Path, Bearer, GrantType string
	Status                  int
}

type object map[string]any

const (
	clientID     = "tutorial"
	clientSecret = "everybody knows it"
)

func newBackend(t *testing.T) *backend {
	b := &backend{access: map[string]*account{}, refresh: map[string]*account{}, successor: map[string]pair{}}
	b.Server = httptest.NewServer(b)
	t.Cleanup(b.Close)
	return b
}

func (b *backend) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.down {
		panic(http.ErrAbortHandler)
	}
	h := w.Header()
	h.Set("Vary", "Accept, Origin")
	if r.Header.Get("Origin") == b.origin {
		h.Set("Access-Control-Allow-Origin", b.origin)
	}
	if r.Method == http.MethodOptions {
		h.Set("Access-Control-Allow-Headers", "accept, accept-encoding, authorization, content-type, dnt, origin, user-agent, x-csrftoken, x-requested-with")
		h.Set("Access-Control-Allow-Methods", "DELETE, GET, OPTIONS, PATCH, POST, PUT")
		h.Set("Access-Control-Max-Age", "86400")
		return
	}
	token := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
	body := map[string]string{}
	if r.Method == http.MethodPost {
		if r.Header.Get("Content-Type") != "application/json" || json.NewDecoder(r.Body).Decode(&body) != nil {
			answer(w, 415, object{"detail": "Unsupported media type"})
			return
		}
	}
	status, value := b.route(r.Method+" "+r.URL.Path, token, body)
	b.calls = append(b.calls, call{r.URL.Path, token, body["grant_type"], status})
	if status == 401 {
		h.Set("WWW-Authenticate", `Bearer realm="api"`)
	}
	answer(w, status, value)
}

func (b *backend) route(what, token string, body map[string]string) (int, any) {
	switch what {
	case "POST /api-auth/create/":
		return b.create(body)
	case "POST /api-auth/token/":
		return b.token(body)
	case "POST /api-auth/convert-token/":
		return b.convert(body)
	}
	me := b.access[token]
	switch {
	case what == "GET /api-auth/all/" && (me != nil || token == ""):
		return 200, b.accounts
	case token == "":
		return 401, object{"detail": "Authentication credentials were not provided."}
	case me == nil:
		return 401, object{"detail": "Invalid token header. No credentials provided."}
	case what == "GET /api-auth/currentUser/":
		return 200, me
	case body["client_id"] != clientID:
		return 400, object{"client_id": []string{"client_id is required."}}
	case what == "POST /api-auth/revoke-token/":
		delete(b.access, token)
		return 204, nil
	case what == "POST /api-auth/invalidate-sessions/":
		b.forget(me)
		return 204, nil
	}
	return 404, object{"detail": "Not found."}
}

func (b *backend) create(body map[string]string) (int, any) {
	wrong := map[string][]string{}
	for _, name := range []string{"email", "username", "first_name", "password"} {
		if body[name] == "" {
			wrong[name] = []string{"This field may not be blank."}
		}
	}
	if _, err := mail.ParseAddress(body["email"]); err != nil && body["email"] != "" {
		wrong["email"] = []string{"Enter a valid email address."}
	}
	if b.find(body["email"]) != nil {
		wrong["email"] = []string{"account with this email already exists."}
	}
	if len(wrong) > 0 {
		return 400, wrong
	}
	return 201, b.issue(b.add(account{body["email"], body["username"], body["first_name"], body["password"], ""}))
}

func (b *backend) token(body map[string]string) (int, any) {
	switch {
	case body["client_id"] != clientID || body["client_secret"] != clientSecret:
		return 401, object{"error": "invalid_client"}
	case b.throttled:
		return 429, object{"detail": "Request was throttled. Expected available in 60 seconds."}
	case body["grant_type"] == "refresh_token":
		if made, ok := b.successor[body["refresh_token"]]; ok { // a second tab
			return 200, made
		}
		a := b.refresh[body["refresh_token"]]
		if a == nil {
			return 400, object{"error": "invalid_grant"}
		}
		delete(b.refresh, body["refresh_token"])
		b.successor[body["refresh_token"]] = b.issue(a)
		return 200, b.successor[body["refresh_token"]]
	case body["grant_type"] != "password":
		return 400, object{"error": "unsupported_grant_type"}
	}
	for _, name := range []string{"username", "password"} {
		if body[name] == "" {
			return 400, object{"error": "invalid_request", "error_description": "Request is missing " + name + " parameter."}
		}
	}
	if a := b.find(body["username"]); a != nil && a.password != "" && a.password == body["password"] {
		return 200, b.issue(a)
	}
	return 400, object{"error": "invalid_grant", "error_description": "Invalid credentials given."}
}

func (b *backend) convert(body map[string]string) (int, any) {
	if body["client_id"] != clientID || body["client_secret"] != clientSecret {
		return 401, object{"error": "invalid_client"}
	}
	person, refused := b.person(body["backend"], body["token"])
	if refused != "" {
		return 400, object{"error": "access_denied", "error_description": refused}
	}
	for _, a := range b.accounts {
		if a.subject == person.subject {
			return 200, b.issue(a)
		}
	}
	if person.Email == "" {
		return 400, object{"error": "invalid_request", "error_description": "The provider gave no e-mail address."}
	}
	if b.find(person.Email) != nil {
		return 400, object{"error": "A user with this email already exists."}
	}
	made := b.issue(b.add(person))
	made.User = map[string]string{"email": person.Email, "first_name": person.FirstName}
	return 200, made
}

// person asks the stand-in whose token it is.
func (b *backend) person(backend, token string) (a account, refused string) {
	switch backend {
	case "google-oauth2":
		info := get(b.google + "/oauth2/v3/tokeninfo?access_token=" + url.QueryEscape(token))
		if info["aud"] != b.googleApp {
			return a, "Your credentials aren't allowed"
		}
		who := get(b.google + "/oauth2/v3/userinfo?access_token=" + url.QueryEscape(token))
		email, _ := who["email"].(string)
		first, _ := who["given_name"].(string)
		local, _, _ := strings.Cut(email, "@")
		return account{email, local, first, "", "google " + who["sub"].(string)}, ""
	case "facebook":
		who := get(b.facebook + "/me?fields=id,name,email&access_token=" + url.QueryEscape(token))
		id, _ := who["id"].(string)
		if id == "" {
			return a, "Authentication process canceled"
		}
		name, _ := who["name"].(string)
		email, _ := who["email"].(string)
		first, _, _ := strings.Cut(name, " ")
		return account{email, strings.ReplaceAll(name, " ", ""), first, "", "facebook " + id}, ""
	}
	return a, "Invalid backend parameter."
}

func (b *backend) find(email string) *account {
	for _, a := range b.accounts {
		if strings.EqualFold(a.Email, email) {
			return a
		}
	}
	return nil
}

func (b *backend) add(a account) *account {
	b.accounts = append(b.accounts, &a)
	return &a
}

func (b *backend) issue(a *account) pair {
	made := pair{AccessToken: rand.Text() + "acce", ExpiresIn: 36000, TokenType: "Bearer", Scope: "read write", RefreshToken: rand.Text() + "refr"}
	b.access[made.AccessToken], b.refresh[made.RefreshToken] = a, a
	return made
}

// forget ends all sessions of an account.
func (b *backend) forget(a *account) {
	for _, tokens := range []map[string]*account{b.access, b.refresh} {
		for token, of := range tokens {
			if of == a {
				delete(tokens, token)
			}
		}
	}
}

// with changes the backend between two calls.
func (b *backend) with(change func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	change()
}

// signsIn says whether an access token is alive.
func (b *backend) signsIn(token string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.access[token] != nil
}

// served returns the calls since the last time that it was asked.
func (b *backend) served() []call {
	b.mu.Lock()
	defer b.mu.Unlock()
	calls := b.calls
	b.calls = nil
	return calls
}

func answer(w http.ResponseWriter, status int, value any) {
	if value == nil {
		w.WriteHeader(status)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(value)
}

// get reads an object; an empty one if there is none.
func get(address string) map[string]any {
	var read map[string]any
	if resp, err := http.Get(address); err == nil {
		json.NewDecoder(resp.Body).Decode(&read)
		resp.Body.Close()
	}
	return read
}
