package authz

import (
	"context"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"gatehouse/store"
)

// mails takes out of the outbox what was posted since they were asked for the
// last time, oldest first; what is for nobody too.
func (w *world) mails() (list []Message) {
	w.t.Helper()
	ctx := context.Background()
	rows, err := w.store.ClaimMail(ctx, 100, time.Minute)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, row := range rows {
		m, err := w.server.openMail(row)
		if err == nil {
			err = w.store.MailSent(ctx, row.ID)
		}
		if err != nil {
			w.t.Fatal(err)
		}
		list = append(list, m)
	}
	return list
}

// mailTo is the one mail that was posted, which is to this address.
func (w *world) mailTo(address string) Message {
	w.t.Helper()
	list := w.mails()
	if len(list) != 1 || list[0].To != address {
		w.t.Fatalf("want one mail to %s, got %+v", address, list)
	}
	return list[0]
}

var tokenInMail = regexp.MustCompile(`(?m)^https://id\.example\.com(/[a-z]+)\?token=(gth_ml_[A-Za-z0-9_-]+)$`)

// link is where the one link of a mail leads, below the issuer, and its token.
func (m Message) link(t *testing.T) (target, token string) {
	t.Helper()
	found := tokenInMail.FindAllStringSubmatch(m.Text, -1)
	if len(found) != 1 || !strings.Contains(m.HTML, found[0][2]) {
		t.Fatalf("want one link: %s", m.Text)
	}
	return found[0][1] + "?token=" + found[0][2], found[0][2]
}

const newcomerEmail = "New.Comer@example.com"

// signUpForm is what the page sends, with changes: name, value, …
func signUpForm(changes ...string) url.Values {
	v := url.Values{"email": {newcomerEmail}, "first_name": {"New"}, "last_name": {"Comer"}, "password": {"typed at the sign-up"}}
	for i := 0; i < len(changes); i += 2 {
		v.Set(changes[i], changes[i+1])
	}
	return v
}

// askSignUp fills in the page, and returns the link that was mailed.
func (b *browser) askSignUp(changes ...string) (target, token string) {
	b.w.t.Helper()
	form := signUpForm(changes...)
	if a := b.visit("POST", "/signup", form); a.code != 200 {
		b.w.t.Fatalf("%d %s", a.code, a.text)
	}
	return b.w.mailTo(form.Get("email")).link(b.w.t)
}

func (b *browser) askReset(address string) (target, token string) {
	b.w.t.Helper()
	if a := b.visit("POST", "/forgot", url.Values{"email": {address}}); a.code != 200 {
		b.w.t.Fatalf("%d %s", a.code, a.text)
	}
	return b.w.mailTo(address).link(b.w.t)
}

// askVerify asks as somebody who is signed in.
func (b *browser) askVerify() (target, token string) {
	b.w.t.Helper()
	if a := b.visit("POST", "/account/verify-email", url.Values{}); a.code != 200 {
		b.w.t.Fatalf("%d %s", a.code, a.text)
	}
	return b.w.mailTo(email).link(b.w.t)
}

// signedInAs tells whether the browser has a session of the account.
func (b *browser) signedInAs(accountID string) bool {
	b.w.t.Helper()
	got := b.authorize("prompt", "none").arrival(b.w.t)
	if got.Get("code") == "" {
		return false
	}
	a := b.w.redeem("site", got.Get("code"))
	return b.w.introspect(a.str("access_token")).str("sub") == accountID
}

// enteredAccount tells whether somebody was signed in and sent to their account.
func (a answer) enteredAccount() bool {
	path, _, _ := strings.Cut(a.header.Get("Location"), "?")
	return a.code == 303 && path == "/account"
}

// signsIn tells whether this password signs the account in.
func (w *world) signsIn(address, pass string) bool {
	w.t.Helper()
	return w.token("web", url.Values{"grant_type": {"password"}, "username": {address}, "password": {pass}}).code == 200
}

const chosen = "chosen by whose address it is"

// TestLinksWorkOnce uses each kind twenty times at once.
func TestLinksWorkOnce(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		signedIn := w.browser()
		signedIn.signIn(signedIn.visit("GET", "/signin", nil))
		here := w.browser()
		for _, tt := range []struct {
			name, path string
			ask        func() (string, string)
			by         *browser
			password   string
		}{
			{"sign-up", "/verify", func() (string, string) { return here.askSignUp() }, here, ""},
			{"sign-up elsewhere", "/verify", func() (string, string) { return here.askSignUp("email", "two@example.com") }, w.browser(), chosen},
			{"verification", "/verify", signedIn.askVerify, signedIn, ""},
			{"reset", "/reset", func() (string, string) { return here.askReset(email) }, w.browser(), chosen},
		} {
			_, token := tt.ask()
			form := url.Values{"token": {token}}
			if tt.password != "" {
				form.Set("password", tt.password)
			}
			var all sync.WaitGroup
			var codes [20]int
			for i := range codes {
				all.Go(func() {
					one := &browser{w, map[string]string{}}
					for name, value := range tt.by.cookies {
						one.cookies[name] = value
					}
					codes[i] = one.visit("POST", tt.path, form).code
				})
			}
			all.Wait()
			worked := 0
			for _, code := range codes {
				switch code {
				case 303:
					worked++
				case 400:
				default:
					t.Errorf("%s: %d", tt.name, code)
				}
			}
			if worked != 1 {
				t.Errorf("%s: worked %d times: %v", tt.name, worked, codes)
			}
		}
		if n := w.count(`SELECT count(*) FROM one_time_links WHERE sealed IS NOT NULL`); n != 0 {
			t.Errorf("%d used links keep what was in them", n)
		}
	})
}

// TestLinksThatDoNotWorkAreOnePage holds that nobody learns why a link fails:
// where the page leads on depends on where the link did.
func TestLinksThatDoNotWorkAreOnePage(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		b := w.browser()
		_, signUp := b.askSignUp()
		_, reset := b.askReset(email)
		_, used := b.askSignUp("email", "used@example.com")
		if a := b.visit("POST", "/verify", url.Values{"token": {used}}); a.code != 303 {
			t.Fatalf("%d %s", a.code, a.text)
		}
		_, replaced := b.askSignUp("email", "twice@example.com")
		b.askSignUp("email", "twice@example.com")
		forged := w.serve([]byte(strings.Repeat("x", 32))).keys.mint(mailLink).String()
		tried := map[string][2]string{
			"none": {"/verify", ""}, "garbage": {"/verify", "gth_ml_x"}, "forged": {"/reset", forged},
			"unknown": {"/reset", w.server.keys.mint(mailLink).String()}, "another kind": {"/verify", w.server.keys.mint(sessionCookie).String()},
			"used": {"/verify", used}, "replaced": {"/verify", replaced}, "for resetting": {"/verify", reset}, "for signing up": {"/reset", signUp},
		}
		first := map[string]string{}
		check := func(path, name string, a answer) {
			text := requestID.ReplaceAllString(a.text, "…")
			if first[path] == "" {
				first[path] = text
			}
			if a.code != 400 || text != first[path] || !strings.Contains(text, "does not work any more") {
				t.Errorf("%s: %d %s", name, a.code, a.text)
			}
		}
		for name, try := range tried {
			check(try[0], name, b.visit("GET", try[0]+"?token="+url.QueryEscape(try[1]), nil))
			check(try[0], name+", sent", b.visit("POST", try[0], url.Values{"token": {try[1]}, "password": {chosen}}))
		}
		w.clock.move(resetLife + time.Second)
		check("/reset", "too late", b.visit("POST", "/reset", url.Values{"token": {reset}, "password": {chosen}}))
		w.clock.move(signUpLife)
		check("/verify", "a day too late", b.visit("POST", "/verify", url.Values{"token": {signUp}}))
		if log := w.log.String(); strings.Contains(log, "gth_ml_") || strings.Contains(log, used[7:20]) {
			t.Error("a token is in the log")
		}
	})
}

var requestID = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f-]{27}`)

func TestGuessesAtLinksAreLimited(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.server.cfg.Limits.PasswordAddress = store.Limit{Max: 3, Window: 15 * time.Minute}
		b := w.browser()
		target, _ := b.askReset(email)
		for range 5 {
			if a := b.visit("GET", target, nil); a.code != 200 {
				t.Fatalf("a link that works counts: %d", a.code)
			}
		}
		for i, want := range []int{400, 400, 400, 429} {
			if a := b.visit("GET", "/reset?token=guess", nil); a.code != want {
				t.Errorf("guess %d: %d, want %d", i+1, a.code, want)
			}
		}
	})
}

// TestMailsNameTheIssuerAlone tries to have links made to another host.
func TestMailsNameTheIssuerAlone(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		for path, form := range map[string]url.Values{"/forgot": {"email": {email}}, "/signup": signUpForm()} {
			req := mustRequest(w, path, form.Encode())
			req.Host = "evil.example.com"
			req.Header.Set("X-Forwarded-Host", "evil.example.com")
			req.Header.Set("Forwarded", "host=evil.example.com")
			req.Header.Set("Sec-Fetch-Site", "same-origin")
			a := w.send(req)
			list := w.mails()
			if a.code != 200 || len(list) != 1 || strings.Contains(a.text+list[0].Text+list[0].HTML, "evil") {
				t.Errorf("%s: %d, %+v", path, a.code, list)
			}
			list[0].link(t)
		}
	})
}

// TestMailFormsFromElsewhere holds that no other site can send these forms.
func TestMailFormsFromElsewhere(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		for _, path := range []string{"/signup", "/verify", "/forgot", "/reset", "/account/verify-email"} {
			for name, value := range map[string]string{"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example.com"} {
				req := mustRequest(w, path, "email="+url.QueryEscape(email)+"&password=x&token=x")
				req.Header.Set(name, value)
				if a := w.send(req); a.code != http.StatusForbidden {
					t.Errorf("%s with %s: %d", path, name, a.code)
				}
			}
		}
		if n := len(w.mails()); n != 0 {
			t.Errorf("%d mails", n)
		}
	})
}

// TestMailPagesWithoutDatabase holds that an outage is nobody's mistake.
func TestMailPagesWithoutDatabase(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		b := w.browser()
		target, token := b.askReset(email)
		w.store.Close()
		for name, a := range map[string]answer{
			"sign-up": b.visit("POST", "/signup", signUpForm()), "forgotten": b.visit("POST", "/forgot", url.Values{"email": {email}}),
			"reset": b.visit("GET", target, nil), "sent": b.visit("POST", "/reset", url.Values{"token": {token}, "password": {chosen}}),
		} {
			if a.code != 503 || a.header.Get("Retry-After") == "" {
				t.Errorf("%s: %d %s", name, a.code, a.text)
			}
		}
	})
}

// TestNoHintOfAccounts compares what is done for an address that has an account
// with what is done for one that has none.
func TestNoHintOfAccounts(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		if err := w.store.Deactivate(context.Background(), w.addPerson("gone@example.com").ID); err != nil {
			t.Fatal(err)
		}
		ask := func(path, address string) (answer, int) {
			form := url.Values{"email": {address}}
			if path == "/signup" {
				form = signUpForm("email", address)
			}
			b := w.browser()
			w.queries.take()
			a := b.visit("POST", path, form)
			n := w.queries.take()
			if len(b.cookies) != 1 {
				t.Errorf("%s for %s: cookies %v", path, address, b.cookies)
			}
			for _, name := range []string{"X-Request-Id", "Date", "Set-Cookie", "Content-Length"} {
				a.header.Del(name)
			}
			return a, n
		}
		for _, path := range []string{"/signup", "/forgot"} {
			for range mailsPerHourAndMore {
				free, n := ask(path, "free@example.com")
				for _, address := range []string{email, "gone@example.com"} {
					known, m := ask(path, address)
					if free.code != 200 || known.code != 200 || !sameButFor(free.text, known.text, "free@example.com", address) {
						t.Errorf("%s tells %s: %d %s\n%d %s", path, address, free.code, free.text, known.code, known.text)
					}
					if !sameHeader(free.header, known.header) {
						t.Errorf("%s: %v and %v", path, free.header, known.header)
					}
					if n != m || n == 0 && strings.HasSuffix(t.Name(), "postgres") {
						t.Errorf("%s: %d statements for a free address, %d for %s", path, n, m, address)
					}
				}
			}
		}
		sent := map[string]int{}
		for _, m := range w.mails() {
			sent[m.To+": "+m.Subject]++
		}
		for to, want := range map[string]int{
			"free@example.com: Finish your account": 5, email + ": You have an account already": 5, "gone@example.com: You have an account already": 5,
			email + ": Choose a new password": 5,
		} {
			if sent[to] != want {
				t.Errorf("%d of %q, want %d: %v", sent[to], to, want, sent)
			}
		}
		if n := w.count(`SELECT count(*) FROM one_time_links`); n != 6 {
			t.Errorf("%d rows of links, want one for each purpose and address", n)
		}
	})
}

const mailsPerHourAndMore = 6

func sameHeader(a, b http.Header) bool {
	if len(a) != len(b) {
		return false
	}
	for name := range a {
		if a.Get(name) != b.Get(name) {
			return false
		}
	}
	return true
}
