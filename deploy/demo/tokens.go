package demo

import (
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"strings"
	"time"
)

const (
	maxTokenRequest = 4 << 10  // bytes
	maxTokenAnswer  = 64 << 10 // bytes
)

// tokens serves POST /_dev/{provider}/tokens: it asks the stand-in at base for
// the tokens of whomever the body describes. A browser cannot ask by itself,
// since the stand-ins, like the real ones, let no page of ours read their
// answers.
func tokens(base string) http.Handler {
	address := strings.TrimRight(base, "/") + "/_dev/tokens"
	client := &http.Client{
		Transport: &http.Transport{Proxy: nil, MaxIdleConns: 2, IdleConnTimeout: time.Minute}, // loopback
		Timeout:   5 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse
		},
	}
	serve := func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		if r.Method != http.MethodPost {
			w.Header().Set("Allow", http.MethodPost)
			failTokens(w, http.StatusMethodNotAllowed, "the method is POST")
			return
		}
		if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
			failTokens(w, http.StatusUnsupportedMediaType, "the content type is application/json")
			return
		}
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxTokenRequest))
		if tooLong := (*http.MaxBytesError)(nil); errors.As(err, &tooLong) {
			failTokens(w, http.StatusRequestEntityTooLarge, "the body is longer than 4 KiB")
			return
		}
		if err != nil {
			failTokens(w, http.StatusBadRequest, "the body cannot be read")
			return
		}
		status, answer, ok := askStandIn(r, client, address, string(body))
		if !ok {
			failTokens(w, http.StatusBadGateway, "the stand-in does not answer")
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		w.Write(answer)
	}
	return http.NewCrossOriginProtection().Handler(http.HandlerFunc(serve))
}

// askStandIn sends body on and returns the answer, if it is one that a stand-in
// gives: JSON, not too long, no redirect.
func askStandIn(r *http.Request, client *http.Client, address, body string) (status int, answer []byte, ok bool) {
	req, err := http.NewRequestWithContext(r.Context(), http.MethodPost, address, strings.NewReader(body))
	if err != nil {
		return 0, nil, false
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := client.Do(req)
	if err != nil {
		return 0, nil, false
	}
	defer resp.Body.Close()
	answer, err = io.ReadAll(io.LimitReader(resp.Body, maxTokenAnswer+1))
	if err != nil || len(answer) > maxTokenAnswer || !json.Valid(answer) {
		return 0, nil, false
	}
	if resp.StatusCode < 200 || resp.StatusCode >= 300 && resp.StatusCode < 400 {
		return 0, nil, false
	}
	return resp.StatusCode, answer, true
}

func failTokens(w http.ResponseWriter, status int, message string) {
	text, _ := json.Marshal(map[string]string{"error": message})
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	w.Write(text)
}
