package store

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

func TestCheckPassword(t *testing.T) {
	const email, username = "Some.Body@Example.com", "ΣίσυφοςX"
	for _, tt := range []struct{ name, password, reason string }{ // reason: a part of it; none if accepted
		{"good", "xylophone-9-tango", ""},
		{"eight characters", "xq7-pl2v", ""},
		{"eight characters of several bytes", "żółwiątk", ""},
		{"seven", "xq7-pl2", "at least 8"},
		{"seven characters in fourteen bytes", "żółćęśą", "at least 8"},
		{"empty", "", "at least 8"},
		{"128 characters", strings.Repeat("żx", 64), ""},
		{"129 characters", strings.Repeat("żx", 64) + "y", "at most 128"},
		{"spaces stay", "  xq7 pl2v  ", ""},
		{"not UTF-8", "xylophone\xff", "UTF-8"},
		{"NUL", "xylophone\x00tango", "control character"},
		{"line break", "xylophone\ntango", "control character"},
		{"C1 control", "xylophone\u0085tango", "control character"},
		{"e-mail", email, "e-mail"},
		{"e-mail in other case", "sOME.bODY@eXAMPLE.COM", "e-mail"},
		{"local part", "some.body", "e-mail"},
		{"beyond the local part", "some.body.else.7", ""},
		{"username", "ΣΊΣΥΦΟΣx", "username"},
		{"commonest", "password", "most people"},
		{"commonest, capital", "PassWord", "most people"},
		{"commonest, full-width", "ｐａｓｓｗｏｒｄ", "most people"},
		{"sequence", "87654321", "most people"},
		{"repetition", "aaaaaaaa", "most people"},
		{"first of the list", "!qaz1qaz", "most people"},
		{"last of the list", "zzzzzzzzzz", "most people"},
		{"two of the list in one", "password\u00a0football", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := CheckPassword(tt.password, email, username)
			if tt.reason == "" {
				if err != nil {
					t.Errorf("refused: %v", err)
				}
				return
			}
			var policy *PolicyError
			if !errors.As(err, &policy) || !strings.Contains(policy.Reason, tt.reason) {
				t.Errorf("got %v, want one with %q", err, tt.reason)
			}
			if len(tt.password) > 0 && err != nil && strings.Contains(err.Error(), tt.password) && tt.password != "password" {
				t.Errorf("error repeats the password: %v", err)
			}
		})
	}
}

func TestCheckPasswordWithoutEmailOrUsername(t *testing.T) {
	if err := CheckPassword("xylophone-9-tango", "", ""); err != nil {
		t.Error(err)
	}
}

func TestCommonPasswordsAreAllFound(t *testing.T) {
	lines := strings.Split(strings.TrimSuffix(commonPasswords, "\n"), "\n")
	if len(lines) < 10_000 || !slices.IsSorted(lines) {
		t.Fatalf("%d lines, sorted: %v", len(lines), slices.IsSorted(lines))
	}
	for _, line := range lines {
		if len(line) < minPassword || line != foldPassword(line) || strings.TrimSpace(line) != line {
			t.Errorf("%q is short, not folded or not trimmed: it can't be met", line)
		}
		if !isCommonPassword(line) {
			t.Errorf("%q is not found", line)
		}
		if n := len(line); isCommonPassword(line+"\n") || isCommonPassword(line[:n-1]+"\x7f") {
			t.Errorf("a neighbour of %q is found", line)
		}
	}
	for _, absent := range []string{"", "\n", "xylophone-9-tango", "\x00", "~~~~~~~~~~~~~"} {
		if isCommonPassword(absent) {
			t.Errorf("%q is found", absent)
		}
	}
}

func TestCommonPasswordLookUpAllocatesNothing(t *testing.T) {
	if n := testing.AllocsPerRun(100, func() { isCommonPassword("xylophone-9-tango") }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
