package introspect_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"

	"gatehouse/api/introspect"
)

// An API of two routes. The authorization server is a stand-in that knows one token.
func ExampleChecker_Require() {
	authorization := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if r.PostFormValue("token") != "good" {
			io.WriteString(w, `{"active":false}`)
			return
		}
		io.WriteString(w, `{"active":true, "token_type":"Bearer", "sub":"0198-bo", "sub_type":"account",
			"aud":"https://orders.example.com", "scope":"orders:read"}`)
	}))
	defer authorization.Close()

	checker, err := introspect.New(introspect.Config{
		Endpoint:     authorization.URL + "/oauth2/introspect",
		ClientID:     "orders",
		ClientSecret: "from the environment",
		Audience:     "https://orders.example.com",
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	mux := http.NewServeMux()
	mux.Handle("GET /orders", checker.Require("orders:read")(http.HandlerFunc(
		func(w http.ResponseWriter, r *http.Request) {
			who, _ := introspect.PrincipalFrom(r.Context())
			fmt.Fprintf(w, "orders of %s %s", who.SubjectType, who.Subject)
		})))
	mux.Handle("POST /orders", checker.Require("orders:write")(http.NotFoundHandler()))
	api := httptest.NewServer(mux)
	defer api.Close()

	for _, try := range []struct{ method, authorization string }{
		{"GET", "Bearer good"},
		{"GET", ""},
		{"GET", "Bearer stolen-and-revoked"},
		{"POST", "Bearer good"},
	} {
		req, err := http.NewRequest(try.method, api.URL+"/orders", nil)
		if err != nil {
			fmt.Println(err)
			return
		}
		if try.authorization != "" {
			req.Header.Set("Authorization", try.authorization)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			fmt.Println(err)
			return
		}
		body, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		if resp.StatusCode == http.StatusOK {
			fmt.Println(resp.StatusCode, string(body))
			continue
		}
		fmt.Println(resp.StatusCode, resp.Header.Get("WWW-Authenticate"))
	}
	// Output:
	// 200 orders of account 0198-bo
	// 401 Bearer realm="api"
	// 401 Bearer realm="api", error="invalid_token", error_description="the access token is unknown, expired or revoked"
	// 403 Bearer realm="api", error="insufficient_scope", error_description="the access token lacks scope orders:write", scope="orders:write"
}
