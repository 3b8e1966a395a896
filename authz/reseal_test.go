package authz

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"

	"gatehouse/store"
)

// TestReseal replaces the secret at once, with keys in use and mail that waits.
func TestReseal(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		former, next := bytes.Repeat([]byte("s"), 32), bytes.Repeat([]byte("n"), 32)
		kid := kidOf(t, w.sign(w.server, ES256))
		w.keysOf(RS256, "current")
		row, err := w.server.mail(hello, time.Hour)
		if err == nil {
			err = w.store.Post(ctx, *row)
		}
		if err != nil {
			t.Fatal(err)
		}
		foreign := store.Mail{ID: store.NewGrantID(), Sealed: []byte("sealed by nobody here"), ExpiresAt: w.store.Now().Add(time.Hour)}
		if err := w.store.Post(ctx, foreign); err != nil {
			t.Fatal(err)
		}
		keys, mails, err := Reseal(ctx, w.store, [][]byte{next, former})
		if err != nil || keys == 0 || mails != 1 {
			t.Fatalf("%d keys, %d mails, %v", keys, mails, err)
		}
		if keys, mails, err := Reseal(ctx, w.store, [][]byte{next, former}); err != nil || keys+mails != 0 {
			t.Errorf("once more: %d, %d, %v", keys, mails, err)
		}
		if left, err := w.store.DependOnSecret(ctx, SecretID(former), w.store.Now().Add(-time.Hour)); err != nil || len(left) != 0 {
			t.Errorf("the former secret is needed for %v, %v", left, err)
		}
		if err := w.server.SetSecrets([][]byte{next}); err != nil {
			t.Fatal(err)
		}
		if got := kidOf(t, w.sign(w.server, ES256)); got != kid {
			t.Errorf("signed with %s, want %s", got, kid)
		}
		waiting, err := w.store.MailUnder(ctx, SecretID(next))
		if err != nil || len(waiting) != 1 {
			t.Fatalf("%v, %v", waiting, err)
		}
		if m, err := w.server.openMail(waiting[0]); err != nil || m != hello {
			t.Errorf("%+v, %v", m, err)
		}
	})
}

// TestKeysThatDoNotOpen are told apart, and the server says what to do.
func TestKeysThatDoNotOpen(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		lost := kidOf(t, w.sign(w.server, ES256))
		other := [][]byte{bytes.Repeat([]byte("o"), 32)}
		states := func() (list []string) {
			keys, err := Keys(t.Context(), w.store, other)
			if err != nil {
				t.Fatal(err)
			}
			for _, k := range keys {
				if k.Algorithm == ES256 {
					list = append(list, k.State)
				}
			}
			return list
		}
		if got := states(); !slices.Equal(got, []string{KeySealed}) {
			t.Fatalf("%v", got)
		}
		if err := w.server.SetSecrets(other); err != nil {
			t.Fatal(err)
		}
		if a := w.askJWKS(w.server); a.code != 503 || strings.Contains(a.text, "gatehouse keys") {
			t.Errorf("%d %s", a.code, a.text)
		}
		if !strings.Contains(w.log.String(), "put the old secret back, or run `gatehouse keys rotate --now`") {
			t.Errorf("the log does not say what to do: %s", w.log)
		}
		now, err := RotateKey(t.Context(), w.store, other, ES256, true, "cli")
		if err != nil {
			t.Fatal(err)
		}
		w.clock.move(keysAge)
		if got := states(); !slices.Equal(got, []string{"current", "revoked"}) || kidOf(t, w.sign(w.server, ES256)) != now.KID || now.KID == lost {
			t.Errorf("%v", got)
		}
	})
}
