package api

import (
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gatehouse/store"
)

const (
	identities   = "/accounts/me/identities"
	identityID   = "01a20be8-839b-7b46-ab0c-69c2c46c41cb"
	shownGoogle  = `{"id":"` + identityID + `","provider":"google","email":"elsewhere@example.com","email_verified":true,"created_at":"2025-06-01T12:00:00.123456Z"}`
	shownNoEmail = `{"id":"` + identityID + `","provider":"facebook","email":null,"email_verified":false,"created_at":"2025-06-01T12:00:00Z"}`
	theirToken   = "eyJ.their-own.token"
)

// link is the body of a POST, with members replaced; nil leaves one out.
func link(changes map[string]any) string {
	m := map[string]any{"subject_token": theirToken, "subject_token_type": "urn:ietf:params:oauth:token-type:id_token"}
	for name, value := range changes {
		if m[name] = value; value == nil {
			delete(m, name)
		}
	}
	body, _ := json.Marshal(m)
	return string(body)
}

// TestForwards shows what the authorization server is asked, and that its good
// answers come through as they are.
func TestForwards(t *testing.T) {
	all := link(map[string]any{"subject_issuer": "google", "nonce": "n-<&>"})
	each(t, func(t *testing.T, w *world) {
		for _, tt := range []struct {
			name, method, path, token, body string
			status                          int // there and here
			answer                          string
			call, sent                      string
		}{
			{"lists", "GET", "", "r", "", 200, `{"items":[` + shownGoogle + `,` + shownNoEmail + `],"next_cursor":null}`, "GET /account/identities", ""},
			{"lists none", "GET", "", "r", "", 200, `{"items":[],"next_cursor":null}`, "GET /account/identities", ""},
			{"lists for whoever the other side lets", "GET", "", "delegated", "", 200, `{"items":[],"next_cursor":null}`, "GET /account/identities", ""},
			{"links", "POST", "", "w", link(nil), 201, shownGoogle, "POST /account/identities", link(nil)},
			{"links by all members", "POST", "", "w", all, 201, shownNoEmail, "POST /account/identities", all},
			{"was linked already", "POST", "", "w", link(nil), 200, shownGoogle, "POST /account/identities", link(nil)},
			{"unlinks", "DELETE", "/" + identityID, "w", "", 204, "", "DELETE /account/identities/" + identityID, ""},
			{"unlinks by an id in capitals", "DELETE", "/" + strings.ToUpper(identityID), "w", "", 204, "", "DELETE /account/identities/" + identityID, ""},
		} {
			w.as.answerIdentities(answering(tt.status, tt.answer))
			a := w.do(tt.method, identities+tt.path, tt.token, tt.body, header("X-Forwarded-For", "198.51.100.7"), header("Cookie", "a=b"))
			if got := strings.TrimSpace(a.Body.String()); a.Code != tt.status || got != tt.answer {
				t.Errorf("%s: %d %s", tt.name, a.Code, got)
			}
			if diff := cmp.Diff([]string{tt.call}, w.as.takeCalls()); diff != "" {
				t.Errorf("%s: %s", tt.name, diff)
			}
			if diff := cmp.Diff(members(tt.sent), members(w.as.body)); diff != "" {
				t.Errorf("%s: %s", tt.name, diff)
			}
			want := http.Header{"Authorization": {"Bearer " + tt.token}, "X-Forwarded-For": {"198.51.100.7"}, "Gatehouse-Forwarder": {string(newProof(w.server.cfg))}, "Accept": {"application/json"}}
			if tt.sent != "" {
				want.Set("Content-Type", "application/json")
			}
			for _, name := range []string{"Accept-Encoding", "Content-Length", "User-Agent"} { // net/http's own
				w.as.header.Del(name)
			}
			if diff := cmp.Diff(want, w.as.header); diff != "" {
				t.Errorf("%s: %s", tt.name, diff)
			}
		}
	})
}

// members reads an object; nil if there is none.
func members(body string) (m map[string]any) {
	json.Unmarshal([]byte(body), &m)
	return m
}

// TestForwardedRefusals: what is the client's to mend keeps its status.
func TestForwardedRefusals(t *testing.T) {
	const stepUp = `Bearer realm="gatehouse", error="insufficient_user_authentication", max_age="300"`
	refusing := func(status int, code, reason string, headers ...string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			for i := 0; i < len(headers); i += 2 {
				w.Header().Set(headers[i], headers[i+1])
			}
			body, _ := json.Marshal(map[string]string{"error": code, "error_description": "Do \"this\" or\nthat.", "reason": reason})
			answering(status, string(body))(w, r)
		}
	}
	each(t, func(t *testing.T, w *world) {
		for _, tt := range []struct {
			name, method     string
			answer           http.HandlerFunc
			status           int
			code             string
			challenge, retry string // WWW-Authenticate, Retry-After
		}{
			{"bad request", "POST", refusing(400, "invalid_request", ""), 400, "invalid_request", "", ""},
			{"bad request with a reason", "POST", refusing(400, "invalid_request", "replayed"), 400, "replayed", "", ""},
			{"another app's token", "POST", refusing(400, "invalid_request", "audience"), 400, "audience", "", ""},
			{"other error", "POST", refusing(400, "invalid_target", ""), 400, "invalid_target", "", ""},
			{"too large there", "POST", refusing(413, "invalid_request", ""), 413, "too_large", "", ""},
			{"sign in again", "POST", refusing(401, "insufficient_user_authentication", "interaction_required", "WWW-Authenticate", stepUp), 401, "interaction_required", stepUp, ""},
			{"sign in again, no reason", "DELETE", refusing(401, "insufficient_user_authentication", "", "WWW-Authenticate", stepUp), 401, "interaction_required", stepUp, ""},
			{"token ended meanwhile", "GET", refusing(401, "invalid_token", "", "WWW-Authenticate", `Bearer realm="gatehouse"`), 401, "invalid_token",
				`Bearer realm="api", error="invalid_token", error_description="Do ?this? or?that."`, ""},
			{"not in person", "GET", refusing(403, "insufficient_scope", ""), 403, "insufficient_scope",
				`Bearer realm="api", error="insufficient_scope", error_description="Do ?this? or?that."`, ""},
			{"account disabled", "POST", refusing(403, "access_denied", "account_disabled"), 403, "account_disabled", `Bearer realm="api", error="insufficient_scope", error_description="Do ?this? or?that."`, ""},
			{"no such identity", "DELETE", refusing(404, "invalid_request", ""), 404, "not_found", "", ""},
			{"last way in", "DELETE", refusing(409, "invalid_request", ""), 409, "last_way_in", "", ""},
			{"linked to another account", "POST", refusing(409, "invalid_request", ""), 409, "identity_taken", "", ""},
			{"conflict with a reason", "POST", refusing(409, "invalid_request", "link_required"), 409, "link_required", "", ""},
			{"too many", "POST", refusing(429, "temporarily_unavailable", "", "Retry-After", "17"), 429, "too_many_requests", "", "17"},
			{"too many, no hint", "GET", refusing(429, "temporarily_unavailable", ""), 429, "too_many_requests", "", "5"},
			{"busy", "DELETE", refusing(503, "temporarily_unavailable", "", "Retry-After", "2"), 503, "temporarily_unavailable", "", "2"},
			{"provider down", "POST", refusing(503, "temporarily_unavailable", "provider_down", "Retry-After", "30"), 503, "provider_down", "", "30"},
			{"come back, it says, in a century", "POST", refusing(503, "temporarily_unavailable", "", "Retry-After", "3155760000"), 503, "temporarily_unavailable", "", "5"},
			{"come back, it says, at noon", "POST", refusing(503, "temporarily_unavailable", "", "Retry-After", "Fri, 31 Dec 1999 12:00:00 GMT"), 503, "temporarily_unavailable", "", "5"},
		} {
			t.Run(tt.name, func(t *testing.T) {
				w.as.answerIdentities(tt.answer)
				w.log.take()
				a := w.identities(tt.method)
				a.t = t
				if p := a.problem(tt.status, tt.code); p.Detail != "Do ?this? or?that." {
					t.Errorf("detail %s", p.Detail)
				}
				if h := a.Header(); h.Get("WWW-Authenticate") != tt.challenge || h.Get("Retry-After") != tt.retry {
					t.Errorf("WWW-Authenticate %s, Retry-After %s", h.Get("WWW-Authenticate"), h.Get("Retry-After"))
				}
				if log := w.log.take(); !strings.Contains(log, `"error":"`+tt.code+`"`) || strings.Contains(log, "Do ?this?") || strings.Contains(log, theirToken) {
					t.Errorf("log %s", log)
				}
			})
		}
	})
}

// identities calls the operation of this method as somebody who may.
func (w *world) identities(method string) answer {
	w.Helper()
	switch method {
	case "POST":
		return w.do(method, identities, "rw", link(nil))
	case "DELETE":
		return w.do(method, identities+"/"+identityID, "rw", "")
	}
	return w.do(method, identities, "rw", "")
}

// TestUnexpectedAnswers: whatever else comes back is 503 here, in the log, and
// none of it passed on.
func TestUnexpectedAnswers(t *testing.T) {
	const leak = "inner-secret"
	every := []string{"GET", "POST", "DELETE"}
	page := func(status int, header, value string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			w.Header().Set(header, value)
			w.WriteHeader(status)
			io.WriteString(w, "<p>"+leak)
		}
	}
	refused := `{"error":"invalid_request","error_description":"` + leak + `"}`
	list := func(item string) http.HandlerFunc {
		return answering(200, `{"items":[`+item+`],"next_cursor":null,"leak":"`+leak+`"}`)
	}
	each(t, func(t *testing.T, w *world) {
		w.configure(func(c *Config) { c.HTTPClient = &http.Client{Timeout: 300 * time.Millisecond} })
		for _, tt := range []struct {
			name    string
			methods []string
			answer  http.HandlerFunc
			again   string // Retry-After
		}{
			{"server error", every, answering(500, `{"error":"server_error","error_description":"`+leak+`"}`), "5"},
			{"HTML, 502", every, page(502, "Retry-After", "11"), "11"},
			{"HTML, 503", every, page(503, "Retry-After", "0"), "5"},
			{"HTML, 401", every, page(401, "WWW-Authenticate", "Bearer "+leak), "5"},
			{"HTML, 404", every, page(404, "X-Leak", leak), "5"},
			{"HTML, 200", every[:2], page(200, "X-Leak", leak), "5"},
			{"redirect", every, func(w http.ResponseWriter, r *http.Request) {
				http.Redirect(w, r, "/account/identities/"+leak, http.StatusTemporaryRedirect)
			}, "5"},
			{"no error in it", every, answering(400, `{"message":"`+leak+`"}`), "5"},
			{"an error that is no code", every, answering(400, `{"error":"`+leak+`!"}`), "5"},
			{"a reason that is no code", every, answering(400, `{"error":"invalid_request","reason":"`+leak+`!"}`), "5"},
			{"an error that is a number", every, answering(400, `{"error":17,"error_description":"`+leak+`"}`), "5"},
			{"cut short", every, answering(400, refused[:len(refused)-1]), "5"},
			{"the API unknown there", every, answering(401, `{"error":"invalid_client"}`), "5"},
			{"sign in again, without a challenge", every, answering(401, `{"error":"insufficient_user_authentication"}`), "5"},
			{"no such endpoint", every[:2], answering(404, refused), "5"},
			{"conflict", every[:1], answering(409, refused), "5"},
			{"method", every, answering(405, refused), "5"},
			{"media type", every, answering(415, refused), "5"},
			{"created", every[:1], answering(201, shownGoogle), "5"},
			{"accepted", every, answering(202, shownGoogle), "5"},
			{"nothing", every[:2], answering(204, ""), "5"},
			{"ok", every[2:], answering(200, shownGoogle), "5"},
			{"empty", every[:2], answering(200, ""), "5"},
			{"empty object", every[:2], answering(200, "{}"), "5"},
			{"null", every[:2], answering(200, "null"), "5"},
			{"array", every[:2], answering(200, "["+shownGoogle+"]"), "5"},
			{"two objects", every[:2], answering(200, shownGoogle+shownGoogle), "5"},
			{"items null", every[:1], answering(200, `{"items":null,"next_cursor":null}`), "5"},
			{"item null", every[:1], list(`null`), "5"},
			{"item without id", every[:1], list(strings.Replace(shownGoogle, `"id"`, `"ids"`, 1)), "5"},
			{"item whose id is none", every[:1], list(strings.Replace(shownGoogle, identityID, leak, 1)), "5"},
			{"item without provider", every[:1], list(strings.Replace(shownGoogle, "google", "", 1)), "5"},
			{"item with a date that is none", every[:1], list(strings.Replace(shownGoogle, "2025", leak, 1)), "5"},
			{"linked without id", every[1:2], answering(201, strings.Replace(shownGoogle, `"id"`, `"ids"`, 1)), "5"},
			{"endless", every[:2], answering(200, `{"items":[],"x":"`+strings.Repeat("x", maxForwarded)+`"}`), "5"},
			{"slow", every, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, "5"},
			{"slow after its headers", every, func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Type", "application/json")
				w.WriteHeader(400)
				io.WriteString(w, refused)
				w.(http.Flusher).Flush()
				<-r.Context().Done()
			}, "5"},
			{"broken off", every[1:], func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, "5"}, // net/http itself asks again after a GET
		} {
			for _, method := range tt.methods {
				t.Run(tt.name+", "+method, func(t *testing.T) {
					w.as.answerIdentities(tt.answer)
					w.as.takeCalls()
					w.log.take()
					a := w.identities(method)
					a.t = t
					a.problem(503, "temporarily_unavailable")
					if got := a.Header().Get("Retry-After"); got != tt.again {
						t.Errorf("Retry-After %s", got)
					}
					if a.Header().Get("WWW-Authenticate") != "" || strings.Contains(a.Body.String(), leak) {
						t.Errorf("passed on: %v %s", a.Header(), a.Body)
					}
					if calls := w.as.takeCalls(); len(calls) != 1 {
						t.Errorf("calls %v", calls)
					}
					log := w.log.take()
					if !strings.Contains(log, `"level":"ERROR"`) || !strings.Contains(log, "forward: ") || strings.Contains(log, leak) || strings.Contains(log, theirToken) {
						t.Errorf("log %s", log)
					}
				})
			}
		}
	})
}

// TestForwardToNobody: the token is checked, and then there is nobody to ask.
func TestForwardToNobody(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.configure(func(c *Config) { c.HTTPClient = &http.Client{Transport: downFor("/account/")} })
		for _, method := range []string{"GET", "POST", "DELETE"} {
			w.log.take()
			a := w.identities(method)
			a.problem(503, "temporarily_unavailable")
			if log := w.log.take(); a.Header().Get("Retry-After") != "5" || !strings.Contains(log, "connection refused") {
				t.Errorf("%s: Retry-After %q, log %s", method, a.Header().Get("Retry-After"), log)
			}
		}
	})
}

// downFor refuses connections for paths that begin so.
type downFor string

func (prefix downFor) RoundTrip(r *http.Request) (*http.Response, error) {
	if strings.HasPrefix(r.URL.Path, string(prefix)) {
		r = r.Clone(r.Context())
		r.URL.Host = "127.0.0.1:1"
	}
	return http.DefaultTransport.RoundTrip(r)
}

// TestIdentitiesRefuse: these never reach the authorization server.
func TestIdentitiesRefuse(t *testing.T) {
	change := func(name string, value any) string { return link(map[string]any{name: value}) }
	each(t, func(t *testing.T, w *world) {
		w.as.answerIdentities(answering(500, ""))
		for _, tt := range []struct {
			name, method, path, token, body string
			status                          int
			code, location                  string
		}{
			{"no token", "GET", "", "", "", 401, "token_required", ""},
			{"no token, POST", "POST", "", "", link(nil), 401, "token_required", ""},
			{"no token, bad body", "POST", "", "", "[", 401, "token_required", ""},
			{"no token, DELETE", "DELETE", "/" + identityID, "", "", 401, "token_required", ""},
			{"no token, bad id", "DELETE", "/x", "", "", 401, "token_required", ""},
			{"forged", "GET", "", "forged", "", 401, "invalid_token", ""},
			{"for another API", "POST", "", "other", link(nil), 401, "invalid_token", ""},
			{"scope read missing", "GET", "", "w", "", 403, "insufficient_scope", ""},
			{"scope write missing", "POST", "", "r", link(nil), 403, "insufficient_scope", ""},
			{"scope write missing, DELETE", "DELETE", "/" + identityID, "r", "", 403, "insufficient_scope", ""},
			{"client's token", "GET", "", "client", "", 403, "account_required", ""},
			{"client's token, POST", "POST", "", "client", link(nil), 403, "account_required", ""},
			{"client's token, DELETE", "DELETE", "/" + identityID, "client", "", 403, "account_required", ""},
			{"delegated may not link", "POST", "", "delegated", link(nil), 403, "delegated", ""},
			{"delegated may not unlink", "DELETE", "/" + identityID, "delegated", "", 403, "delegated", ""},
			{"broken", "POST", "", "w", `{"subject_token":`, 400, "invalid_json", ""},
			{"array", "POST", "", "w", `[` + link(nil) + `]`, 400, "invalid_json", ""},
			{"duplicate member", "POST", "", "w", strings.Replace(link(nil), "{", `{"subject_token":"x",`, 1), 400, "invalid_json", ""},
			{"NUL", "POST", "", "w", change("subject_token", "a\x00b"), 400, "invalid_json", ""},
			{"unknown member", "POST", "", "w", change("account_id", "x"), 422, "validation_failed", "body.account_id"},
			{"a grant's member", "POST", "", "w", change("actor_token", "x"), 422, "validation_failed", "body.actor_token"},
			{"member in another case", "POST", "", "w", change("Nonce", "x"), 422, "validation_failed", "body.Nonce"},
			{"member null", "POST", "", "w", strings.Replace(change("nonce", "?!?"), `"?!?"`, "null", 1), 422, "validation_failed", "body.nonce"},
			{"token a number", "POST", "", "w", change("subject_token", 17), 422, "validation_failed", "body.subject_token"},
			{"type a number", "POST", "", "w", change("subject_token_type", 17), 422, "validation_failed", "body.subject_token_type"},
			{"issuer a number", "POST", "", "w", change("subject_issuer", 17), 422, "validation_failed", "body.subject_issuer"},
			{"nonce a number", "POST", "", "w", change("nonce", 17), 422, "validation_failed", "body.nonce"},
			{"token an object", "POST", "", "w", change("subject_token", map[string]any{}), 422, "validation_failed", "body.subject_token"},
			{"empty object", "POST", "", "w", `{}`, 422, "validation_failed", "body"},
			{"no token in it", "POST", "", "w", change("subject_token", nil), 422, "validation_failed", "body"},
			{"no type", "POST", "", "w", change("subject_token_type", nil), 422, "validation_failed", "body"},
			{"empty token", "POST", "", "w", change("subject_token", ""), 422, "validation_failed", "body.subject_token"},
			{"empty type", "POST", "", "w", change("subject_token_type", ""), 422, "validation_failed", "body.subject_token_type"},
			{"long token", "POST", "", "w", change("subject_token", strings.Repeat("x", 16<<10+1)), 422, "validation_failed", "body.subject_token"},
			{"long type", "POST", "", "w", change("subject_token_type", strings.Repeat("x", 201)), 422, "validation_failed", "body.subject_token_type"},
			{"long issuer", "POST", "", "w", change("subject_issuer", strings.Repeat("x", 501)), 422, "validation_failed", "body.subject_issuer"},
			{"long nonce", "POST", "", "w", change("nonce", strings.Repeat("x", 501)), 422, "validation_failed", "body.nonce"},
			{"over the limit", "POST", "", "w", change("nonce", strings.Repeat("x", maxBody)), 413, "too_large", ""},
			{"no body", "POST", "", "w", "", 415, "unsupported_media_type", ""},
			{"id that is not a UUID", "DELETE", "/x", "w", "", 422, "validation_failed", "path.id"},
			{"id with a slash in it", "DELETE", "/" + identityID + "%2F..", "w", "", 422, "validation_failed", "path.id"},
			{"id with a query in it", "DELETE", "/" + identityID + "%3Fa", "w", "", 422, "validation_failed", "path.id"},
			{"id that is dots", "DELETE", "/..", "w", "", 422, "validation_failed", "path.id"},
			{"no id", "DELETE", "/", "w", "", 404, "not_found", ""},
			{"no id, no slash", "DELETE", "", "w", "", 405, "method_not_allowed", ""},
			{"one by one", "GET", "/" + identityID, "r", "", 405, "method_not_allowed", ""},
			{"a cursor", "GET", "?cursor=x", "r", "", 422, "validation_failed", "query.cursor"},
		} {
			t.Run(tt.name, func(t *testing.T) {
				a := w.do(tt.method, identities+tt.path, tt.token, tt.body)
				a.t = t
				p := a.problem(tt.status, tt.code)
				if (len(p.Errors) > 0) != (tt.location != "") || len(p.Errors) > 0 && p.Errors[0].Location != tt.location {
					t.Errorf("errors %v, want %s", p.Errors, tt.location)
				}
				if challenge := a.Header().Get("WWW-Authenticate"); (tt.status == 401 || tt.status == 403) != strings.HasPrefix(challenge, `Bearer realm="api"`) {
					t.Errorf("WWW-Authenticate %q", challenge)
				}
			})
		}
		if calls := w.as.takeCalls(); len(calls) != 0 {
			t.Errorf("asked %v", calls)
		}
	})
}

// TestIdentitiesCORS: pages read good answers, refusals and challenges alike.
func TestIdentitiesCORS(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.addClient(store.Client{ID: "spa", Type: store.Public, FirstParty: true, Origins: store.Words{"https://spa.example.com"}})
		w.as.issue("its", w.account.ID, "read write", map[string]any{"client_id": "spa"})
		for _, tt := range []struct {
			name, origin, token string
			answer              http.HandlerFunc
			status              int
			allowed             bool
		}{
			{"the operator's", "https://app.example.com", "rw", answering(204, ""), 204, true},
			{"its client's", "https://spa.example.com", "its", answering(204, ""), 204, true},
			{"its client's, refused", "https://spa.example.com", "its", answering(404, `{"error":"invalid_request"}`), 404, true},
			{"its client's, down", "https://spa.example.com", "its", answering(500, ""), 503, true},
			{"another client's", "https://spa.example.com", "rw", answering(204, ""), 204, false},
			{"stranger", "https://evil.example.com", "rw", answering(204, ""), 204, false},
		} {
			w.as.answerIdentities(func(rw http.ResponseWriter, r *http.Request) {
				rw.Header().Set("Access-Control-Allow-Origin", "https://evil.example.com") // for nobody here
				tt.answer(rw, r)
			})
			a := w.do("DELETE", identities+"/"+identityID, tt.token, "", header("Origin", tt.origin))
			want := []string{tt.origin}
			if !tt.allowed {
				want = nil
			}
			if got := a.Header().Values("Access-Control-Allow-Origin"); a.Code != tt.status || !slices.Equal(got, want) {
				t.Errorf("%s: %d %v", tt.name, a.Code, got)
			}
		}
		for method, path := range map[string]string{"GET": "", "POST": "", "DELETE": "/" + identityID} {
			a := w.do("OPTIONS", identities+path, "", "", header("Origin", "https://spa.example.com"),
				header("Access-Control-Request-Method", method), header("Access-Control-Request-Headers", "authorization,content-type"))
			if a.Code != 204 || a.Header().Get("Access-Control-Allow-Origin") != "https://spa.example.com" {
				t.Errorf("preflight for %s: %d %v", method, a.Code, a.Header())
			}
		}
	})
}

// FuzzForwardedAnswer: whatever comes back, the problem has a status that is
// documented, a code, and words that can stand in a header.
func FuzzForwardedAnswer(f *testing.F) {
	for _, body := range []string{`{"error":"invalid_request","error_description":"a \"b\"","reason":"x"}`, `{"error":""}`, `[]`, `{"error":"A"}`, "\xff", `{"error":"a","reason":"\ud800"}`} {
		for _, status := range []int{200, 302, 400, 401, 403, 404, 409, 413, 429, 500, 503} {
			f.Add(status, "application/json", "7", "Bearer x", body)
		}
	}
	f.Fuzz(func(t *testing.T, status int, contentType, retry, challenge, body string) {
		h := http.Header{"Content-Type": {contentType}, "Retry-After": {retry}, "Www-Authenticate": {challenge}}
		p := (&forwarded{status, h, []byte(body)}).problem(map[int]string{404: "not_found", 409: "last_way_in"})
		if !slices.Contains([]int{400, 401, 403, 404, 409, 413, 429, 503}, p.Status) || !isCode(p.Code) || p.Detail == "" || len(p.Detail) > maxSaid || strings.ContainsAny(p.Detail, "\"\\\r\n\x00") {
			t.Errorf("%+v", p)
		}
		if again := p.header.Get("Retry-After"); (p.Status == 429 || p.Status == 503) != (again != "") {
			t.Errorf("%d with Retry-After %q", p.Status, again)
		}
	})
}
