package authz

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	"gatehouse/store"
)

// django hashes cost little here: 1 iteration.
const (
	djangoHash = "pbkdf2_sha256$1$salt$kbetH8pvQW2woEDkqwW3lBiusahaNsvlbcMnQlA1Qxc="
)

// imported brings accounts of an old system, by their addresses, and what
// belongs to them. Old ids count from 1.
func (w *world) imported(addresses []string, rest func(i *store.Import) ([]store.Fate, error)) []*store.Account {
	w.t.Helper()
	ctx := context.Background()
	i := w.store.NewImport("test", false)
	i.KeepStaff = true
	var old []store.OldAccount
	for n, address := range addresses {
		old = append(old, store.OldAccount{OldID: fmt.Sprint(n + 1), Email: address, Username: "x", FirstName: "X", Password: djangoHash,
			Active: !strings.HasPrefix(address, "gone"), Staff: strings.HasPrefix(address, "staff")})
	}
	for _, bring := range []func(*store.Import) ([]store.Fate, error){
		func(i *store.Import) ([]store.Fate, error) { return i.Accounts(ctx, old) }, rest,
	} {
		fates, err := bring(i)
		if err != nil {
			w.t.Fatal(err)
		}
		for _, f := range fates {
			if f.Skipped != "" {
				w.t.Errorf("skipped: %s %s", f.Skipped, f.Detail)
			}
		}
	}
	var list []*store.Account
	for _, address := range addresses {
		a, err := w.store.AccountByEmail(ctx, address)
		if err != nil {
			w.t.Fatal(err)
		}
		list = append(list, a)
	}
	return list
}

func TestImportedGoogleIdentities(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := context.Background()
		a := w.imported([]string{"grace@gmail.com", "boss@company.example", "carl@other.example", "gone@gmail.com", "staff@gmail.com", "old@example.com"},
			func(i *store.Import) ([]store.Fate, error) {
				var old []store.OldIdentity
				for n, address := range []string{"Grace@gmail.com", "boss@company.example", "carl@other.example", "gone@gmail.com", "staff@gmail.com", "moved@gmail.com"} {
					old = append(old, store.OldIdentity{OldID: fmt.Sprint(n), AccountOldID: fmt.Sprint(n + 1), Provider: "google", Email: address})
				}
				return i.Identities(ctx, old)
			})
		w.signUp("moved@gmail.com", store.EmailProven, 0) // has the address of another account's imported identity
		for _, tt := range []struct {
			name, sub, address, hd string
			verified               bool
			code                   int
			reason, account        string
		}{
			{"not verified", "1", "grace@gmail.com", "", false, 400, "link_required", ""},
			{"Google is not the authority", "2", "carl@other.example", "", true, 400, "link_required", ""},
			{"deactivated", "3", "gone@gmail.com", "", true, 400, "account_disabled", ""},
			{"staff", "4", "staff@gmail.com", "", true, 400, "link_required", ""},
			{"two matches", "5", "moved@gmail.com", "", true, 400, "link_required", ""},
			{"gmail binds", "6", "GRACE@gmail.com", "", true, 200, "", a[0].ID},
			{"then by sub alone", "6", "elsewhere@example.com", "", false, 200, "", a[0].ID},
			{"Workspace binds", "7", "boss@company.example", "company.example", true, 200, "", a[1].ID},
			{"another person with the bound address", "8", "grace@gmail.com", "", true, 400, "link_required", ""},
		} {
			got := w.googleSignIn(tt.sub, tt.address, tt.verified, tt.hd)
			sub := w.introspect(got.str("access_token")).str("sub")
			if got.code != tt.code || got.str("reason") != tt.reason || sub != tt.account {
				t.Errorf("%s: %d %s, sub %s", tt.name, got.code, got.text, sub)
			}
		}
		if n := w.count(`SELECT count(*) FROM audit WHERE action = 'identity.bind' AND target IN ($1, $2)`, a[0].ID, a[1].ID); n != 2 {
			t.Errorf("%d rows of identity.bind", n)
		}
		if n := w.count(`SELECT count(*) FROM identities WHERE subject IS NULL`); n != 4 {
			t.Errorf("%d identities without subject", n)
		}
	})
}

// Of two people whom Google vouches for at once one gets the identity.
func TestImportedIdentityIsBoundOnce(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := context.Background()
		a := w.imported([]string{"grace@gmail.com"}, func(i *store.Import) ([]store.Fate, error) {
			return i.Identities(ctx, []store.OldIdentity{{OldID: "1", AccountOldID: "1", Provider: "google", Email: "grace@gmail.com"}})
		})
		var mu sync.Mutex
		in := 0
		var wg sync.WaitGroup
		for n := range 8 {
			wg.Go(func() {
				got := w.googleSignIn(fmt.Sprint(n), "grace@gmail.com", true, "")
				mu.Lock()
				defer mu.Unlock()
				if got.code == 200 && w.introspect(got.str("access_token")).str("sub") == a[0].ID {
					in++
				} else if got.str("reason") != "link_required" {
					t.Errorf("%d %s", got.code, got.text)
				}
			})
		}
		wg.Wait()
		if n := w.count(`SELECT count(*) FROM audit WHERE action = 'identity.bind'`); in != 1 || n != 1 {
			t.Errorf("%d signed in, %d bound", in, n)
		}
	})
}
