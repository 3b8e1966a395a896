package socialtest_test

import (
	"strings"
	"testing"
)

func TestDevTokens(t *testing.T) {
	_, google := newGoogle(t)
	_, facebook := newFacebook(t)
	long := `{"name":"` + strings.Repeat("a", 64<<10) + `"}`
	for _, w := range []*world{google, facebook} {
		for _, tt := range []struct {
			name, method, kind, body string
			status                   int
			err                      string
		}{
			{"all silent", "POST", jsonType, `{}`, 200, ""},
			{"all said", "POST", jsonType + "; charset=utf-8", `{"sub":"1","email":"a@b.example","email_verified":false,"name":"A","aud":"x","expires_in":-5,"nonce":"n","hd":"b.example","azp":"y"}`, 200, ""},
			{"no address", "POST", jsonType, `{"email":null}`, 200, ""},
			{"unknown member", "POST", jsonType, `{"mail":"a@b.example"}`, 400, "mail"},
			{"case differs", "POST", jsonType, `{"Email":"a@b.example"}`, 400, "Email"},
			{"for tests only", "POST", jsonType, `{"alg":"none"}`, 400, "alg"},
			{"wrong type", "POST", jsonType, `{"expires_in":"60"}`, 400, "expires_in"},
			{"fraction", "POST", jsonType, `{"expires_in":0.5}`, 400, "expires_in"},
			{"too long a life", "POST", jsonType, `{"expires_in":9000000000000000000}`, 400, "ten years"},
			{"array", "POST", jsonType, `[]`, 400, "JSON object"},
			{"null", "POST", jsonType, `null`, 400, "JSON object"},
			{"empty", "POST", jsonType, ``, 400, "JSON object"},
			{"two bodies", "POST", jsonType, `{}{}`, 400, "JSON object"},
			{"too long", "POST", jsonType, long, 413, "64 KiB"},
			{"form", "POST", formType, `sub=1`, 415, "application/json"},
			{"no type", "POST", "", `{}`, 415, "application/json"},
			{"GET", "GET", "", ``, 405, "POST"},
		} {
			t.Run(tt.name, func(t *testing.T) {
				got := w.ask(tt.method, "/_dev/tokens", tt.body, "Content-Type", tt.kind)
				if got.status != tt.status {
					t.Fatalf("status %d, want %d: %s", got.status, tt.status, got.text)
				}
				if err, _ := got.at("error").(string); !strings.Contains(err, tt.err) {
					t.Errorf("error %q, want …%s…", err, tt.err)
				}
				if tt.status == 200 && (got.at("id_token") == nil || got.at("access_token") == nil || len(got.json()) != 2) {
					t.Errorf("answer %s", got.text)
				}
				if tt.status == 405 && got.header.Get("Allow") != "POST" {
					t.Errorf("Allow %q", got.header.Get("Allow"))
				}
			})
		}
	}
}

func TestDevTokensMeanWhatTheySay(t *testing.T) {
	_, w := newGoogle(t)
	got := w.postJSON("/_dev/tokens", `{"sub":"1","email":"a@b.example","email_verified":false,"aud":"x","nonce":"n","azp":"y"}`)
	claims := w.mustClaims(googleKeys, got.at("id_token").(string))
	for name, want := range map[string]any{"sub": "1", "email": "a@b.example", "email_verified": false, "aud": "x", "nonce": "n", "azp": "y"} {
		if claims[name] != want {
			t.Errorf("%s is %v, want %v", name, claims[name], want)
		}
	}
	got = w.postJSON("/_dev/tokens", `{"email":""}`)
	if _, has := w.mustClaims(googleKeys, got.at("id_token").(string))["email"]; has {
		t.Error("an empty address is an address")
	}
}

func TestDevFaults(t *testing.T) {
	_, w := newGoogle(t)
	for _, tt := range []struct {
		body   string
		status int
		mode   any
	}{
		{`{"mode":"down"}`, 200, "down"},
		{`{"mode":"rotate_keys"}`, 200, "down"},
		{`{"mode":"explode"}`, 400, nil},
		{`{"mode":1}`, 400, nil},
		{`{}`, 400, nil},
		{`{"mode":"ok","for":"ever"}`, 400, nil},
		{`{"mode":"ok"}`, 200, "ok"},
	} {
		if got := w.postJSON("/_dev/faults", tt.body); got.status != tt.status || got.at("mode") != tt.mode {
			t.Errorf("%s: %d %s", tt.body, got.status, got.text)
		}
	}
	if got := w.get("/_dev/faults", ""); got.status != 405 {
		t.Errorf("GET: %d", got.status)
	}
}
