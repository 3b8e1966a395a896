package social

import (
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"time"
)

// claims are what ID tokens and userinfo say (OIDC Core §2, §5.1).
type claims struct {
	Issuer            string          `json:"iss"`
	Subject           string          `json:"sub"`
	Audience          audience        `json:"aud"`
	AuthorizedParty   string          `json:"azp"`
	Expiry            numericDate     `json:"exp"`
	IssuedAt          numericDate     `json:"iat"`
	NotBefore         numericDate     `json:"nbf"`
	AuthTime          numericDate     `json:"auth_time"`
	ID                string          `json:"jti"`
	Nonce             string          `json:"nonce"`
	AccessTokenHash   *string         `json:"at_hash"`
	HostedDomain      string          `json:"hd"`
	Email             string          `json:"email"`
	EmailVerified     *truth          `json:"email_verified"` // nil: the provider is silent
	Name              string          `json:"name"`
	GivenName         string          `json:"given_name"`
	FamilyName        string          `json:"family_name"`
	PreferredUsername string          `json:"preferred_username"`
	Picture           string          `json:"picture"`
	MayAct            json.RawMessage `json:"may_act"`

	Events json.RawMessage `json:"events"` // RFC 8417: then it is no ID token

	replay   []byte
	signedIn time.Time // where the token itself does not say it
}

// audience is one string or a list of them (RFC 7519 §4.1.3).
type audience []string

// UnmarshalJSON takes both forms; an empty id would equal an absent setting.
func (a *audience) UnmarshalJSON(b []byte) error {
	var one string
	if json.Unmarshal(b, &one) == nil {
		*a = audience{one}
	} else if err := json.Unmarshal(b, (*[]string)(a)); err != nil {
		return err
	}
	for _, id := range *a {
		if id == "" {
			return errors.New("aud has an empty client id in it")
		}
	}
	return nil
}

// numericDate is seconds since 1970 (RFC 7519 §2), in a string where Google's
// tokeninfo has it so; zero if absent.
type numericDate struct{ time.Time }

// UnmarshalJSON refuses what is no moment of the years 1970 to 9999.
func (d *numericDate) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		return nil
	}
	seconds, err := strconv.ParseFloat(strings.Trim(string(b), `"`), 64)
	if err != nil || !(seconds > 0 && seconds < 253402300800) {
		return errors.New("not a NumericDate")
	}
	d.Time = time.Unix(int64(seconds), 0).UTC()
	return nil
}

// truth is a boolean that Apple, LinkedIn and Google's tokeninfo write as a
// string. Whatever is not clearly true is false.
type truth bool

// UnmarshalJSON never fails.
func (t *truth) UnmarshalJSON(b []byte) error {
	*t = string(b) == "true" || string(b) == `"true"`
	return nil
}

// said is whether the provider says yes.
func (t *truth) said() bool { return t != nil && bool(*t) }
