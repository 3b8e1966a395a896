package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"gatehouse/api"
	"gatehouse/social/socialtest"

	"gatehouse/store/storetest"
)

var (
	verified = true
	cara     = socialtest.TokenOptions{Sub: "1170", Email: "cara.mia@gmail.com", EmailVerified: &verified, Name: "Cara Mia"}
)

func TestDRF2Create(t *testing.T) {
	eachDRF(t, func(t *testing.T, w *drfWorld) {
		al := obj{"email": "Al@Example.com", "username": "al", "first_name": "Al", "password": drfPassword}
		n := 0
		create := func(t *testing.T, body any) reply { // each from another address
			n++
			return w.call(t, "POST", "/api-auth/create/", body, with("X-Forwarded-For", fmt.Sprintf("198.51.100.%d", n)))
		}
		t.Run("§2 success", func(t *testing.T) {
			a := create(t, set(al, obj{"email": " Al@Example.com ", "username": " al ", "last_name": "ignored", "is_staff": true, "is_superuser": []int{1}}))
			a.isPair(201)
			w.call(t, "GET", "/api-auth/currentUser/", nil, bearerOf(a.str("access_token"))).is(200, `{"email":"Al@Example.com","username":"al","first_name":"Al"}`)
			w.refresh(t, a.str("refresh_token"), nil).isPair(200)
			row, err := w.store.AccountByEmail(context.Background(), "al@example.com")
			if err != nil || row.IsStaff || row.LastName != "" {
				t.Errorf("%+v, %v", row, err)
			}
		})
		for _, tt := range []struct {
			row    string
			change obj
			want   string
		}{
			{"absent", obj{"email": absent, "username": absent, "first_name": absent, "password": absent},
				`{"email":["This field is required."],"username":["This field is required."],"first_name":["This field is required."],"password":["This field is required."]}`},
			{"blank or null", obj{"email": "", "username": "  ", "first_name": nil, "password": " "},
				`{"email":["This field may not be blank."],"username":["This field may not be blank."],"first_name":["This field may not be null."],"password":["This field may not be blank."]}`},
			{"bad e-mail", obj{"email": "not an address"}, `{"email":["Enter a valid email address."]}`},
			{"bad e-mail, no domain", obj{"email": "al@", "password": ""}, `{"email":["Enter a valid email address."],"password":["This field may not be blank."]}`},
			{"bad e-mail, no dot", obj{"email": "al@example"}, `{"email":["Enter a valid email address."]}`},
			{"bad e-mail, name around it", obj{"email": "Al <al@example.com>"}, `{"email":["Enter a valid email address."]}`},
			{"same e-mail again", obj{"email": "Al@Example.com"}, `{"email":["account with this email already exists."]}`},
			{"same e-mail again, and another fault", obj{"email": "Al@Example.com", "username": nil},
				`{"email":["account with this email already exists."],"username":["This field may not be null."]}`},
			{"same e-mail, other case", obj{"email": "aL@eXAMPLE.COM"}, `{"email":["account with this email already exists."]}`},
			{"too long", obj{"email": strings.Repeat("a", 243) + "@example.com", "username": strings.Repeat("é", 151), "first_name": strings.Repeat("a", 151), "password": strings.Repeat("p", 129)},
				`{"email":["Ensure this field has no more than 254 characters."],"username":["Ensure this field has no more than 150 characters."],"first_name":["Ensure this field has no more than 150 characters."],"password":["Ensure this field has no more than 128 characters."]}`},
			{"not a string", obj{"email": true, "username": []string{"x"}, "first_name": obj{"x": 1}, "password": false},
				`{"email":["Not a valid string."],"username":["Not a valid string."],"first_name":["Not a valid string."],"password":["Not a valid string."]}`},
			{"NUL", obj{"email": "a\x00@example.com", "username": "a\x00", "first_name": "\x00a", "password": "correct horse\x00"},
				`{"email":["Null characters are not allowed."],"username":["Null characters are not allowed."],"first_name":["Null characters are not allowed."],"password":["Null characters are not allowed."]}`},
			{"weak password", obj{"email": "weak@example.com", "password": "1"}, `{"password":["The password has 1 characters; choose one of at least 8."]}`},
			{"weak password, common", obj{"email": "weak@example.com", "password": "password"},
				`{"password":["The password is one of those that most people choose, and guessed first; choose another."]}`},
			{"control character", obj{"email": "c@example.com", "first_name": "a\u202eb"}, `{"first_name":["A name has no control characters."]}`},
		} {
			t.Run("§2 "+tt.row, func(t *testing.T) { create(t, set(al, tt.change)).is(400, tt.want) })
		}
		t.Run("§2 not a string: half a surrogate pair", func(t *testing.T) {
			create(t, `{"email":"h@example.com","username":"h","first_name":"H","password":"\ud800correct horse"}`).is(400, `{"password":["Not a valid string."]}`)
		})
		t.Run("§2 not a string: bytes that are no text in a form", func(t *testing.T) {
			create(t, url.Values{"email": {"h@example.com"}, "username": {"h\xff"}, "first_name": {"H"}, "password": {drfPassword}}).is(400, `{"username":["Not a valid string."]}`)
		})
		t.Run("§2 numbers become text", func(t *testing.T) {
			a := create(t, `{"email":"n@example.com","username":7,"first_name":-1.5,"password":83014159263}`)
			a.isPair(201)
			w.call(t, "GET", "/api-auth/currentUser/", nil, bearerOf(a.str("access_token"))).is(200, `{"email":"n@example.com","username":"7","first_name":"-1.5"}`)
			w.login(t, "n@example.com", obj{"password": 83014159263}).isPair(200)
		})
		t.Run("§2 array or string body", func(t *testing.T) {
			for body, said := range map[string]string{`[]`: "list", `[{"email":"x"}]`: "list", `"x"`: "str", `7`: "int", `1e3`: "float", `true`: "bool"} {
				create(t, body).is(400, `{"non_field_errors":["Invalid data. Expected a dictionary, but got `+said+`."]}`)
			}
			create(t, `null`).is(400, `{"non_field_errors":["No data provided"]}`)
		})
		t.Run("§2 password with outer blanks", func(t *testing.T) {
			create(t, set(al, obj{"email": "blank@example.com", "password": "  " + drfPassword + " "})).isPair(201)
			w.login(t, "blank@example.com", nil).is(400, `{"error":"invalid_grant","error_description":"Invalid credentials given."}`)
			w.login(t, "blank@example.com", obj{"password": "  " + drfPassword + " "}).isPair(200)
		})
		t.Run("§2 two at once", func(t *testing.T) {
			answers := make([]reply, 5)
			var all sync.WaitGroup
			for i := range answers {
				all.Go(func() {
					answers[i] = w.call(t, "POST", "/api-auth/create/", set(al, obj{"email": "twice@example.com"}), with("X-Forwarded-For", "203.0.113."+fmt.Sprint(i)))
				})
			}
			all.Wait()
			made := 0
			for _, a := range answers {
				if a.code == 201 {
					made++
					a.isPair(201)
				} else {
					a.is(400, `{"email":["account with this email already exists."]}`)
				}
			}
			if made != 1 {
				t.Errorf("%d were made", made)
			}
		})
		t.Run("§2 the sign-in fails after it", func(t *testing.T) {
			if err := w.store.DisableClient(context.Background(), "tutorial", true); err != nil {
				t.Fatal(err)
			}
			a := create(t, set(al, obj{"email": "late@example.com"}))
			if a.code != 503 || !strings.Contains(a.str("detail"), "account was made") || a.header.Get("Retry-After") == "" {
				t.Errorf("%d %s", a.code, a.text)
			}
		})
		if strings.Contains(w.log.String(), drfPassword) || strings.Contains(w.log.String(), drfSecret) {
			t.Error("the log has a secret")
		}
	})
}

func TestDRF3All(t *testing.T) {
	eachDRF(t, func(t *testing.T, w *drfWorld) {
		t.Run("§3 all/", func(t *testing.T) {
			w.addAccount("di@example.com", "di <&>", "Dï")
			for _, tt := range []struct{ method, path string }{{"GET", "/api-auth/all/"}, {"GET", "/api-auth/all"}} {
				w.call(t, tt.method, tt.path, nil).is(200, `[{"email":"bo@example.com","username":"bo","first_name":"Bo"},{"email":"di@example.com","username":"di <&>","first_name":"Dï"}]`)
			}
			if a := w.call(t, "HEAD", "/api-auth/all/", nil); a.code != 200 || a.text != "" || a.header.Get("Content-Type") != "application/json" {
				t.Errorf("HEAD: %d %q", a.code, a.text)
			}
			if a := w.call(t, "GET", "/api-auth/all/", nil); a.text != `[{"email":"bo@example.com","username":"bo","first_name":"Bo"},{"email":"di@example.com","username":"di <&>","first_name":"Dï"}]` {
				t.Errorf("other bytes: %s", a.text)
			}
		})
		t.Run("§3 all/ has no pages, the deactivated too, the retired not", func(t *testing.T) {
			for i := range 520 {
				a := w.addAccount(fmt.Sprintf("%d@example.com", i), "x", "X")
				if i == 0 {
					w.deactivate(t, a.ID)
				}
			}
			w.addAccount("eve@gmail.com", "eve", "Eve") // unproven, and about to be claimed by its owner
			w.convert(t, "google-oauth2", w.google(socialtest.TokenOptions{Sub: "77", Email: "eve@gmail.com"}).AccessToken, nil).isPair(200, "user")
			var list []map[string]string
			if err := json.Unmarshal([]byte(w.call(t, "GET", "/api-auth/all/", nil).text), &list); err != nil {
				t.Fatal(err)
			}
			seen := map[string]int{}
			for _, a := range list {
				seen[a["email"]]++
			}
			if len(list) != 523 || seen["0@example.com"] != 1 || seen["eve@gmail.com"] != 1 {
				t.Errorf("%d accounts, %d, %d", len(list), seen["0@example.com"], seen["eve@gmail.com"])
			}
		})
	})
}

func TestDRF3AllCanBeClosed(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		w := newDRFWorld(t, url, func(c *api.Config) { c.DRFAll = "" })
		t.Run("§3 all/ closed by the operator", func(t *testing.T) {
			a := w.call(t, "GET", "/api-auth/all/", nil)
			a.is(401, `{"detail":"Authentication credentials were not provided."}`)
			w.call(t, "GET", "/api-auth/all/", nil, bearerOf(w.pairOf(t, "tutorial").str("access_token"))).is(403, `{"detail":"You do not have permission to perform this action."}`)
			lister := w.login(t, "bo@example.com", obj{"client_id": "lister", "scope": "accounts:read"})
			w.call(t, "GET", "/api-auth/all/", nil, bearerOf(lister.str("access_token"))).is(200, `[{"email":"bo@example.com","username":"bo","first_name":"Bo"}]`)
		})
	})
}

func TestDRF3CurrentUser(t *testing.T) {
	eachDRF(t, func(t *testing.T, w *drfWorld) {
		pair := w.pairOf(t, "tutorial")
		token := pair.str("access_token")
		get := func(t *testing.T, authorization string) reply {
			return w.call(t, "GET", "/api-auth/currentUser/", nil, with("Authorization", authorization))
		}
		t.Run("§3 currentUser/ with Bearer, any case of the word", func(t *testing.T) {
			for _, word := range []string{"Bearer ", "bearer ", "BEARER ", "Bearer  "} {
				get(t, word+token).is(200, `{"email":"bo@example.com","username":"bo","first_name":"Bo"}`)
			}
			if a := w.call(t, "HEAD", "/api-auth/currentUser", nil, bearerOf(token)); a.code != 200 || a.text != "" {
				t.Errorf("HEAD: %d %q", a.code, a.text)
			}
		})
		for _, tt := range []struct{ row, authorization, detail, challenge string }{
			{"no scheme", "", "Authentication credentials were not provided.", `Bearer realm="api"`},
			{"foreign scheme Token", "Token " + token, "Authentication credentials were not provided.", `Bearer realm="api"`},
			{"foreign scheme Basic", "Basic Ym86Ym8=", "Authentication credentials were not provided.", `Bearer realm="api"`},
			{"unknown token", "Bearer nothing", "Invalid token header. No credentials provided.",
				`Bearer realm="api",error="invalid_token",error_description="The access token is invalid."`},
			{"a refresh token in its place", "Bearer " + pair.str("refresh_token"), "Invalid token header. No credentials provided.",
				`Bearer realm="api",error="invalid_token",error_description="The access token is invalid."`},
			{"word Bearer alone", "Bearer", "Invalid token header. No backend provided.", `Bearer realm="api"`},
			{"more parts", "Bearer a b c", "Invalid token header. Token string should not contain spaces.", `Bearer realm="api"`},
		} {
			t.Run("§3 "+tt.row, func(t *testing.T) {
				a := get(t, tt.authorization)
				a.is(401, `{"detail":"`+tt.detail+`"}`)
				if got := a.header.Get("WWW-Authenticate"); got != tt.challenge {
					t.Errorf("WWW-Authenticate %s", got)
				}
			})
		}
		t.Run("§3 two Authorization headers", func(t *testing.T) {
			r := w.call(t, "GET", "/api-auth/currentUser/", nil, bearerOf(token), func(r *http.Request) { r.Header.Add("Authorization", "Bearer "+token) })
			if r.code != 401 {
				t.Errorf("%d %s", r.code, r.text)
			}
		})
		t.Run("§3 a client's own token", func(t *testing.T) {
			service := w.call(t, "POST", "/api-auth/token", url.Values{"grant_type": {"client_credentials"}}, basic("service", drfSecret))
			get(t, "Bearer "+service.str("access_token")).is(403, `{"detail":"You do not have permission to perform this action."}`)
		})
		t.Run("§3 expired token", func(t *testing.T) {
			old := w.pairOf(t, "tutorial").str("access_token")
			w.ahead.move(36001 * time.Second)
			a := get(t, "Bearer "+old)
			a.is(401, `{"detail":"Invalid token header. No credentials provided."}`)
			if !strings.HasPrefix(a.header.Get("WWW-Authenticate"), `Bearer realm="api",error="invalid_token",error_description="The access token `) {
				t.Errorf("WWW-Authenticate %s", a.header.Get("WWW-Authenticate"))
			}
		})
		t.Run("§3 deactivated user", func(t *testing.T) {
			pair := w.pairOf(t, "tutorial")
			w.deactivate(t, w.bo.ID)
			a := get(t, "Bearer "+pair.str("access_token"))
			a.is(401, `{"detail":"Invalid token header. No credentials provided."}`)
			if !strings.Contains(a.header.Get("WWW-Authenticate"), `error="invalid_token"`) {
				t.Errorf("WWW-Authenticate %s", a.header.Get("WWW-Authenticate"))
			}
		})
	})
}
