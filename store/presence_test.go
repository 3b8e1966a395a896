package store_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"gatehouse/store"
	"gatehouse/store/storetest"
)

const nextPassword = "another good passphrase"

// TestChangePasswordKeepsWhatItIsAskedBy is by a session, and by a token's grant.
func TestChangePasswordKeepsWhatItIsAskedBy(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		ctx := context.Background()
		s := storetest.Open(t, store.Config{URL: url})
		clientsOf(t, s, "web")
		for name, presence := range map[string]func(in *store.SignedIn, grant string) store.Presence{
			"session": func(in *store.SignedIn, _ string) store.Presence { return in.Presence() },
			"grant": func(in *store.SignedIn, grant string) store.Presence {
				return store.Presence{AccountID: in.AccountID, RootID: grant}
			},
		} {
			bo := user(t, s, name+"@example.com")
			here, there := atBrowser(t, s, bo, nil), atBrowser(t, s, bo, nil)
			mine, sibling, theirs := bornOf(t, s, here, "web", nil), bornOf(t, s, here, "web", nil), bornOf(t, s, there, "web", store.Words{store.ScopeOffline})
			told := &store.Mail{ID: store.NewGrantID(), Sealed: []byte("sealed"), ExpiresAt: s.Now().Add(time.Hour)}
			if err := s.ChangePassword(ctx, presence(here, mine), goodPassword, nextPassword, told); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if _, err := s.SignedIn(ctx, here.Signature, shortLife); err != nil {
				t.Errorf("%s: here: %v", name, err)
			}
			if _, err := s.SignedIn(ctx, there.Signature, shortLife); !errors.Is(err, store.ErrNotFound) {
				t.Errorf("%s: there: %v", name, err)
			}
			if !lives(t, s, mine) || lives(t, s, theirs) || lives(t, s, sibling) != (name == "session") {
				t.Errorf("%s: mine lives %t, theirs %t, its sibling %t", name, lives(t, s, mine), lives(t, s, theirs), lives(t, s, sibling))
			}
			if n, err := s.Count(ctx, `SELECT count(*) FROM outbox WHERE id = $1`, told.ID); n != 1 || err != nil {
				t.Errorf("%s: %d mails, %v", name, n, err)
			}
			if n, err := s.Count(ctx, `SELECT count(*) FROM audit WHERE action = 'account.set_password' AND target = $1`, bo.ID); n != 1 || err != nil {
				t.Errorf("%s: %d on record, %v", name, n, err)
			}
		}
	})
}

// TestNobodyChangesAPasswordWhoIsGone knows the password, and no more.
func TestNobodyChangesAPasswordWhoIsGone(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		ctx, clock := context.Background(), newMovable()
		s := storetest.Open(t, store.Config{URL: url, Now: clock.now})
		clientsOf(t, s, "web")
		bo, al := user(t, s, "bo@example.com"), user(t, s, "al@example.com")
		over, idle, theirs := atBrowser(t, s, bo, nil), atBrowser(t, s, bo, nil), atBrowser(t, s, al, nil)
		revoked := bornOf(t, s, idle, "web", nil)
		err := errors.Join(s.EndLoginSession(ctx, bo.ID, over.ID), s.RevokeGrant(ctx, revoked))
		if err != nil {
			t.Fatal(err)
		}
		clock.move(2 * time.Hour)
		live := bornOf(t, s, atBrowser(t, s, al, nil), "web", nil)
		told := &store.Mail{ID: store.NewGrantID(), Sealed: []byte("sealed"), ExpiresAt: s.Now().Add(time.Hour)}
		for name, who := range map[string]store.Presence{
			"a session that has ended":   over.Presence(),
			"a session that has expired": idle.Presence(),
			"somebody else's session":    {AccountID: bo.ID, SessionID: theirs.ID},
			"a revoked grant":            {AccountID: bo.ID, RootID: revoked},
			"somebody else's grant":      {AccountID: bo.ID, RootID: live},
			"no such token":              {AccountID: bo.ID, Token: randomSignature()},
			"nothing":                    {AccountID: bo.ID},
			"no ids":                     {AccountID: bo.ID, SessionID: "x", RootID: "y"},
			"no account":                 {},
		} {
			if err := s.ChangePassword(ctx, who, goodPassword, nextPassword, told); !errors.Is(err, store.ErrNotFound) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if _, err := s.Login(s.Begin(ctx), store.Limits{}, bo.Email, goodPassword, ""); err != nil {
			t.Errorf("the password: %v", err)
		}
		if n, err := s.MailWaiting(ctx); n != 0 || err != nil {
			t.Errorf("%d mails, %v", n, err)
		}
	})
}
