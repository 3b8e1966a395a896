package store_test

import (
	"context"
	"errors"
	"testing"

	"gatehouse/store"
	"gatehouse/store/storetest"
)

// TestEmailDomains has the domains that one mailbox may be written with, and
// those that would be a second account of it.
func TestEmailDomains(t *testing.T) {
	for _, tt := range []struct{ name, email, key string }{ // an empty key: refused
		{"as always", "Ada@Example.com", "ada@example.com"},
		{"one label", "ada@localhost", "ada@localhost"},
		{"hyphens anywhere in ASCII", "ada@ab--c.example", "ada@ab--c.example"},
		{"umlaut", "ada@bücher.example", "ada@xn--bcher-kva.example"},
		{"in capitals", "ada@BÜCHER.Example", "ada@xn--bcher-kva.example"},
		{"decomposed", "ada@bu\u0308cher.example", "ada@xn--bcher-kva.example"},
		{"as mail is sent to it", "ada@XN--bcher-kva.example", "ada@xn--bcher-kva.example"},
		{"sharp s", "ada@straße.de", "ada@xn--strae-oqa.de"},
		{"Japanese", "ada@例え.テスト", "ada@xn--r8jz45g.xn--zckzah"},
		{"before the @ all stays", "Bücher@example.com", "bücher@example.com"},
		{"full width", "ada@ｅxample.com", ""},
		{"full width, all", "ada@ｅｘａｍｐｌｅ.ｃｏｍ", ""},
		{"ligature", "ada@ﬁx.de", ""},
		{"Roman numeral", "ada@Ⅷ.de", ""},
		{"capital sharp s", "ada@STRAẞE.de", ""},
		{"superscript", "ada@x².de", ""},
		{"mathematical", "ada@𝐞xample.com", ""},
		{"both forms", "ada@bücher.xn--bcher-kva", ""},
		{"hyphen at the beginning", "ada@-bücher.de", ""},
	} {
		err := store.CheckEmail(tt.email)
		if got := store.EmailKey(tt.email); tt.key != "" && (err != nil || got != tt.key || store.EmailKey(got) != got) {
			t.Errorf("%s: %q, %v", tt.name, got, err)
		}
		if field := new(store.FieldError); tt.key == "" && !errors.As(err, &field) {
			t.Errorf("%s: taken, as %q", tt.name, store.EmailKey(tt.email))
		}
	}
}

// TestOneAccountForOneMailbox: whichever way its domain is written.
func TestOneAccountForOneMailbox(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		ctx := context.Background()
		s := storetest.Open(t, store.Config{URL: url})
		a, err := s.CreateUser(ctx, person("ada@bücher.example"))
		if err != nil {
			t.Fatal(err)
		}
		for _, same := range []string{"ada@xn--bcher-kva.example", "Ada@BÜCHER.example"} {
			if _, err := s.CreateUser(ctx, person(same)); !errors.Is(err, store.ErrExists) {
				t.Errorf("%s: %v", same, err)
			}
			if found, err := s.AccountByEmail(ctx, same); err != nil || found.ID != a.ID || found.Email != "ada@bücher.example" {
				t.Errorf("%s: %+v, %v", same, found, err)
			}
		}
		if _, err := s.CreateUser(ctx, person("ada@ｂücher.example")); err == nil {
			t.Error("full width: a second account")
		}
		list, err := s.NewImport("test", false).Accounts(ctx, []store.OldAccount{
			{OldID: "1", Email: "ada@xn--bcher-kva.example", Username: "u", FirstName: "U", Active: true},
			{OldID: "2", Email: "eve@ｅxample.com", Username: "u", FirstName: "U", Active: true},
			{OldID: "3", Email: "eve@example.com", Username: "u", FirstName: "U", Active: true},
		})
		if err != nil || fates(list) != "ssi" {
			t.Errorf("import: %s, %v", fates(list), err)
		}
	})
}
