package socialtest

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
)

// devTokens serves POST /_dev/tokens: tokens for whoever the body describes.
func (s *standIn) devTokens(w http.ResponseWriter, r *http.Request) {
	members, ok := devBody(w, r)
	if !ok {
		return
	}
	var o TokenOptions
	for name, value := range members {
		if err := setOption(&o, name, value); err != nil {
			devFail(w, http.StatusBadRequest, err.Error())
			return
		}
	}
	answer(w, http.StatusOK, s.mint(o))
}

// setOption sets the option that one member of the body names. An e-mail that
// is empty or null means that the person has none.
func setOption(o *TokenOptions, name string, value json.RawMessage) error {
	var to any
	switch name {
	case "sub":
		to = &o.Sub
	case "email":
		to = &o.Email
	case "email_verified":
		to = &o.EmailVerified
	case "name":
		to = &o.Name
	case "aud":
		to = &o.Aud
	case "expires_in":
		to = &o.ExpiresIn
	case "nonce":
		to = &o.Nonce
	case "hd":
		to = &o.Hd
	case "azp":
		to = &o.Azp
	default:
		return fmt.Errorf("unknown member %q; known are sub, email, email_verified, name, aud, expires_in, nonce, hd, azp", name)
	}
	if err := json.Unmarshal(value, to); err != nil {
		return fmt.Errorf("%s: wrong type", name)
	}
	if name == "email" {
		o.NoEmail = o.Email == ""
	}
	if name == "expires_in" && o.ExpiresIn != nil && (*o.ExpiresIn > maxLife || *o.ExpiresIn < -maxLife) {
		return fmt.Errorf("expires_in: more than ten years")
	}
	return nil
}

// devFaults serves POST /_dev/faults and answers with the mode in force.
func (s *standIn) devFaults(w http.ResponseWriter, r *http.Request) {
	members, ok := devBody(w, r)
	if !ok {
		return
	}
	var mode string
	if err := json.Unmarshal(members["mode"], &mode); err != nil || len(members) != 1 {
		devFail(w, http.StatusBadRequest, "the body is an object with one member, mode")
		return
	}
	if err := s.SetFault(mode); err != nil {
		devFail(w, http.StatusBadRequest, err.Error())
		return
	}
	inForce, _ := s.faultNow()
	answer(w, http.StatusOK, map[string]string{"mode": inForce})
}

// devBody reads one JSON object. False: the answer is written.
func devBody(w http.ResponseWriter, r *http.Request) (map[string]json.RawMessage, bool) {
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		devFail(w, http.StatusMethodNotAllowed, "the method is POST")
		return nil, false
	}
	// A content type that no form can send, so that no web page can mint here.
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		devFail(w, http.StatusUnsupportedMediaType, "the content type is application/json")
		return nil, false
	}
	text, err := io.ReadAll(r.Body)
	var tooLong *http.MaxBytesError
	if errors.As(err, &tooLong) {
		devFail(w, http.StatusRequestEntityTooLarge, "the body is longer than 64 KiB")
		return nil, false
	}
	var members map[string]json.RawMessage
	if err != nil || json.Unmarshal(text, &members) != nil || members == nil {
		devFail(w, http.StatusBadRequest, "the body is not a JSON object")
		return nil, false
	}
	return members, true
}

func devFail(w http.ResponseWriter, status int, message string) {
	answer(w, status, map[string]string{"error": message})
}
