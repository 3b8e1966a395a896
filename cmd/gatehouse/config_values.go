package main

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"

	"gatehouse/authz"
)

// field is the place in a Config that a key is bound to. A value is a string
// from the environment or a flag, and whatever YAML has from a file. Those of
// secret keys neither show the value nor have it in an error.
type field struct {
	set  func(value any) error
	show func() string
}

func text(to *string) field {
	return field{func(v any) error {
		s, ok := v.(string)
		if !ok {
			return errors.New("is not text; put it in quotes")
		}
		*to = s
		return nil
	}, func() string { return *to }}
}

// hiddenText is text of which only the length is shown.
func hiddenText(to *string) field {
	f := text(to)
	f.show = func() string { return hidden(*to) }
	return f
}

func address(to *string) field {
	return field{func(v any) error {
		s, _ := v.(string)
		_, port, err := net.SplitHostPort(s)
		if _, bad := strconv.ParseUint(port, 10, 16); err != nil || bad != nil {
			return fmt.Errorf("%v is not host:port", v)
		}
		*to = s
		return nil
	}, func() string { return *to }}
}

// databaseURL never quotes the URL: it may hold a password.
func databaseURL(to *string) field {
	return field{func(v any) error {
		s, _ := v.(string)
		scheme, rest, _ := strings.Cut(s, "://")
		switch scheme {
		case "sqlite":
			if len(rest) < 2 || rest[0] != '/' || strings.ContainsAny(rest, "?#") {
				return errors.New("want sqlite:///path: three slashes, and no ? or #")
			}
		case "postgres", "postgresql":
			if _, err := url.Parse(s); err != nil {
				return errors.New("is not a URL; a password must be percent-encoded")
			}
		default:
			return errors.New("want sqlite:///path or postgres://host/database")
		}
		*to = s
		return nil
	}, func() string { return withoutPassword(*to) }}
}

// secrets takes a list, or a text of one secret per line.
func secrets(to *[][]byte) field {
	return field{func(v any) error {
		var list []string
		switch v := v.(type) {
		case string:
			for line := range strings.Lines(v) {
				list = append(list, strings.TrimRight(line, "\r\n"))
			}
		case []any:
			for i, item := range v {
				s, ok := item.(string)
				if !ok {
					return fmt.Errorf("item %d is not text; put it in quotes", i+1)
				}
				list = append(list, s)
			}
		default:
			return errors.New("is not a list of texts")
		}
		*to = nil
		for _, s := range list {
			if s != "" {
				*to = append(*to, []byte(s))
			}
		}
		return nil
	}, func() string { return lengths(*to) }}
}

// words takes a list, or a text with its items between commas or blanks.
func words(v any) ([]string, error) {
	switch v := v.(type) {
	case string:
		return strings.FieldsFunc(v, func(r rune) bool { return r == ',' || r == ' ' || r == '\n' }), nil
	case []any:
		var list []string
		for _, item := range v {
			s, ok := item.(string)
			if !ok {
				return nil, fmt.Errorf("%v is not text; put it in quotes", item)
			}
			list = append(list, s)
		}
		return list, nil
	}
	return nil, errors.New("is not a list")
}

func texts(to *[]string) field {
	return field{func(v any) error {
		list, err := words(v)
		*to = list
		return err
	}, func() string { return strings.Join(*to, ", ") }}
}

// webOrigins are written as a browser writes its Origin header (RFC 6454 §6.2).
func webOrigins(to *[]string) field {
	return field{func(v any) error {
		list, err := words(v)
		for _, s := range list {
			u, bad := url.Parse(s)
			if bad != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http") || s != u.Scheme+"://"+strings.ToLower(u.Host) {
				return fmt.Errorf("%q is not an origin like https://app.example.com", s)
			}
		}
		*to = list
		return err
	}, func() string { return strings.Join(*to, ", ") }}
}

func prefixes(to *[]netip.Prefix) field {
	return field{func(v any) error {
		list, err := words(v)
		*to = nil
		for _, s := range list {
			p, bad := netip.ParsePrefix(s)
			if a, badAddr := netip.ParseAddr(s); badAddr == nil {
				p, bad = netip.PrefixFrom(a, a.BitLen()), nil
			}
			if bad != nil {
				return fmt.Errorf("%q is not a network like 10.0.0.0/8", s)
			}
			*to = append(*to, p.Masked())
		}
		return err
	}, func() string { return strings.Trim(fmt.Sprint(*to), "[]") }}
}

func truth(to *bool) field {
	return field{func(v any) error {
		s := fmt.Sprint(v)
		if s != "true" && s != "false" {
			return fmt.Errorf("%v is neither true nor false", v)
		}
		*to = s == "true"
		return nil
	}, func() string { return fmt.Sprint(*to) }}
}

func count(to *int) field {
	return field{func(v any) error {
		n, err := strconv.Atoi(fmt.Sprint(v))
		if err != nil || n < 0 {
			return fmt.Errorf("%v is not a whole number of at least 0", v)
		}
		*to = n
		return nil
	}, func() string { return fmt.Sprint(*to) }}
}

func duration(to *time.Duration) field {
	return field{func(v any) error {
		d, err := time.ParseDuration(fmt.Sprint(v))
		if err != nil || d < 0 {
			return fmt.Errorf("%v is not a duration like 30s or 15m", v)
		}
		*to = d
		return nil
	}, func() string { return to.String() }}
}

// lifetime is a duration of which zero would mean the default.
func lifetime(to *time.Duration) field {
	f := duration(to)
	return field{func(v any) error {
		if err := f.set(v); err != nil {
			return err
		}
		if *to == 0 {
			return errors.New("must be above zero")
		}
		return nil
	}, f.show}
}

// rotation is how long a signing key signs, 0 for ever.
func rotation(to *time.Duration) field {
	f := duration(to)
	return field{func(v any) error {
		if err := f.set(v); err != nil {
			return err
		}
		if *to != 0 && *to < authz.MinKeyRotation {
			return fmt.Errorf("must be 0 or at least %v", authz.MinKeyRotation)
		}
		return nil
	}, f.show}
}

func oneOf(to *string, allowed ...string) field {
	return field{func(v any) error {
		for _, s := range allowed {
			if v == s {
				*to = s
				return nil
			}
		}
		return fmt.Errorf("%v is not one of %s", v, strings.Join(allowed, ", "))
	}, func() string { return *to }}
}

func level(to *slog.Level) field {
	return field{func(v any) error {
		var s string
		if err := oneOf(&s, "debug", "info", "warn", "error").set(v); err != nil {
			return err
		}
		return to.UnmarshalText([]byte(s))
	}, func() string { return strings.ToLower(to.String()) }}
}
