package store

import (
	"context"
	"fmt"
	"strings"
	"time"

	"gorm.io/gorm"
)

// OldAccount is an account as Django's table has it.
type OldAccount struct {
	OldID     string
	Email     string
	Username  string
	FirstName string
	LastName  string
	Password  string // Django's encoded hash
	Active    bool
	Staff     bool
	Superuser bool
	LastLogin *time.Time
	Joined    *time.Time
}

// Why an account is skipped, and what may be different here.
const (
	skipEmail     = "its e-mail is not an address"
	skipTaken     = "an account here has this address already, in whatever letter case"
	noteHash      = "its password hash is of a form or cost that cannot be verified: it has no password here"
	noteNames     = "a name was empty, too long or had characters that nobody sees: cleaned"
	noteNoAddress = "it has no e-mail: a social identity is its only way in"
)

// Accounts brings a batch of accounts, at most 1,000. Hashes stay in Django's
// form until their first good login. Names are cleaned; an address that is
// none, or is another account's but for letter case, is skipped and never
// merged.
func (i *Import) Accounts(ctx context.Context, old []OldAccount) ([]Fate, error) {
	return i.batch(ctx, importedAccount, func() ([]Fate, func(*gorm.DB) error, error) {
		fates, accounts, err := i.decideAccounts(ctx, old)
		if err != nil {
			return nil, nil, err
		}
		rows, done := make([]Account, 0, len(old)), make([]Imported, 0, len(old))
		for n, a := range accounts {
			if a != nil {
				rows, done = append(rows, *a), append(done, i.row(importedAccount, old[n].OldID, a.ID))
			}
		}
		return fates, func(tx *gorm.DB) error {
			if err := create(tx, done); err != nil {
				return err
			}
			return create(tx, rows)
		}, nil
	})
}

// decideAccounts returns beside the fates the accounts to write; nil for the
// rest.
func (i *Import) decideAccounts(ctx context.Context, old []OldAccount) ([]Fate, []*Account, error) {
	fates, accounts := make([]Fate, len(old)), make([]*Account, len(old))
	ids, keys := make([]string, len(old)), make([]string, len(old))
	for n, o := range old {
		ids[n], keys[n] = o.OldID, EmailKey(o.Email)
	}
	taken, err := i.takenKeys(ctx, keys)
	if err != nil {
		return nil, nil, err
	}
	known, err := i.known(ctx, importedAccount, ids)
	if err != nil {
		return nil, nil, err
	}
	for n := range old {
		o := &old[n]
		if _, fates[n].Known = known[o.OldID]; fates[n].Known {
			continue
		}
		a, fate := i.account(o)
		if fate.Skipped == "" && a.EmailKey != nil {
			if holder, ok := taken[*a.EmailKey]; ok || i.pretends("key", *a.EmailKey) {
				fate = skipped(skipTaken, holder)
			} else {
				taken[*a.EmailKey] = a.Email
			}
		}
		if fates[n] = fate; fate.Skipped == "" {
			accounts[n] = a
		}
	}
	for n := range old {
		if i.DryRun {
			i.pretendAccount(old[n].OldID, accounts[n])
		}
	}
	return fates, accounts, nil
}

// pretendAccount notes what the parts after the accounts ask of them in a dry
// run: who is not brought, rather than the many who are.
func (i *Import) pretendAccount(oldID string, a *Account) {
	if i.sawAccounts = true; a == nil {
		i.pretend("left out", oldID)
		return
	}
	if !a.IsActive {
		i.pretend("inactive", oldID)
	}
	if a.EmailKey != nil {
		i.pretend("key", *a.EmailKey)
	}
}

func (i *Import) pretendsAccount(oldID string) bool {
	return i.sawAccounts && !i.pretends("left out", oldID)
}

// takenKeys are the accounts here that have one of these addresses: key to
// address as typed.
func (i *Import) takenKeys(ctx context.Context, keys []string) (map[string]string, error) {
	var rows []Account
	if err := i.reads.WithContext(ctx).Select("email", "email_key").Where("email_key IN ?", findable(keys)).Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("look for the addresses: %w", err)
	}
	taken := make(map[string]string, len(rows))
	for _, a := range rows {
		taken[*a.EmailKey] = a.Email
	}
	return taken, nil
}

// account is what an old account becomes.
func (i *Import) account(o *OldAccount) (*Account, Fate) {
	a := &Account{
		ID: i.newID(importedAccount, o.OldID), Email: strings.TrimSpace(o.Email), EmailState: EmailImported,
		IsStaff: o.Staff && i.KeepStaff, IsSuperuser: o.Superuser && i.KeepStaff, IsActive: o.Active,
		LastLoginAt: inMicroseconds(o.LastLogin), CreatedAt: i.now(),
	}
	if joined := inMicroseconds(o.Joined); joined != nil {
		a.CreatedAt = *joined
	}
	if i.AssumeVerified {
		a.EmailState = EmailProven
	}
	var fate Fate
	if fate.Note = i.names(a, o); a.Email == "" {
		a.EmailState, fate.Note = EmailImported, noteNoAddress
	} else if err := CheckEmail(a.Email); err != nil {
		return nil, skipped(skipEmail, "")
	} else {
		key := EmailKey(a.Email)
		a.EmailKey = &key
	}
	if ValidHashForm(o.Password) != nil {
		fate.Note = noteHash
	} else if o.Password != "" && o.Password[0] != '!' {
		a.PasswordHash = o.Password
	}
	return a, fate
}

// names fills in the names, and says so if they are not the old ones.
func (i *Import) names(a *Account, o *OldAccount) string {
	local, _, _ := strings.Cut(a.Email, "@")
	a.Username = cleanName(o.Username, cleanName(local, "user"))
	a.FirstName = cleanName(o.FirstName, a.Username)
	a.LastName = cleanName(o.LastName, "")
	if a.Username != o.Username || a.FirstName != o.FirstName || a.LastName != o.LastName {
		return noteNames
	}
	return ""
}

// cleanName drops what checkNames refuses.
func cleanName(text, otherwise string) string {
	return name(strings.Map(func(r rune) rune {
		if hasControl(string(r)) {
			return -1
		}
		return r
	}, text), otherwise)
}

func inMicroseconds(at *time.Time) *time.Time {
	if at == nil || at.IsZero() {
		return nil
	}
	t := at.UTC().Truncate(time.Microsecond)
	return &t
}
