package social

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
)

const (
	maxSignedRequest    = 8 << 10
	maxSignedRequestAge = 24 * time.Hour
)

// SignedRequest is the user id in the signed_request that Facebook posts to the
// deauthorize and data deletion callbacks: SIGNATURE.PAYLOAD, both base64url.
func (f *facebook) SignedRequest(text string) (subject string, err error) {
	subject, err = readSignedRequest(text, []byte(f.cfg.ClientSecret), f.now())
	if err == nil {
		err = f.checkSubject(subject)
	}
	if err != nil {
		return "", &Error{
			Reason: ReasonProviderRefused,
			Say:    "the " + f.cfg.Name + " signed_request could not be verified",
			Cause:  err,
		}
	}
	return subject, nil
}

func readSignedRequest(text string, secret []byte, now time.Time) (subject string, err error) {
	if len(text) > maxSignedRequest {
		return "", errors.New("longer than 8 KiB")
	}
	encoded, payload, found := strings.Cut(text, ".")
	if !found {
		return "", errors.New("no dot in it")
	}
	signature, err := decodeSegment(encoded)
	if err != nil {
		return "", fmt.Errorf("signature: %w", err)
	}
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(payload)) // as it stands, still encoded
	if !hmac.Equal(signature, mac.Sum(nil)) {
		return "", errSignature
	}
	decoded, err := decodeSegment(payload)
	if err != nil {
		return "", fmt.Errorf("payload: %w", err)
	}
	var claims struct {
		Algorithm string `json:"algorithm"`
		IssuedAt  int64  `json:"issued_at"`
		UserID    string `json:"user_id"`
	}
	if err := json.Unmarshal(decoded, &claims); err != nil {
		return "", fmt.Errorf("payload: %w", err)
	}
	age := now.Sub(time.Unix(claims.IssuedAt, 0))
	switch {
	case claims.Algorithm != "HMAC-SHA256":
		return "", fmt.Errorf("algorithm %q", shown(claims.Algorithm))
	case age > maxSignedRequestAge || age < -skew:
		return "", fmt.Errorf("issued %v ago", age)
	}
	return claims.UserID, nil
}
