package store

import (
	"context"
	"fmt"
	"time"

	"gorm.io/gorm"
)

// OldIdentity is a person at a social provider as the old system knew them: by
// the provider's subject, or by the address alone.
type OldIdentity struct {
	OldID        string
	AccountOldID string
	Provider     string // as configured here
	Subject      string // empty: known by Email alone
	Email        string
	Created      *time.Time
}

// Why an identity is skipped.
const (
	skipNoAccount = "its account was not imported, or has ended here"
	skipNoSubject = "it has neither the provider's number nor an address"
	skipLinked    = "this person signs in to an account here already"
)

// Identities brings a batch of identities, at most 1,000. One that is known by
// its address gets its subject at the first sign-in: see BindIdentity.
func (i *Import) Identities(ctx context.Context, old []OldIdentity) ([]Fate, error) {
	return i.batch(ctx, importedIdentity, func() ([]Fate, func(*gorm.DB) error, error) {
		fates, identities, err := i.decideIdentities(ctx, old)
		if err != nil {
			return nil, nil, err
		}
		rows, done := make([]Identity, 0, len(old)), make([]Imported, 0, len(old))
		for n, id := range identities {
			if id != nil {
				rows, done = append(rows, *id), append(done, i.row(importedIdentity, old[n].OldID, id.ID))
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

func (i *Import) decideIdentities(ctx context.Context, old []OldIdentity) ([]Fate, []*Identity, error) {
	fates, identities := make([]Fate, len(old)), make([]*Identity, len(old))
	ids, accountIDs := make([]string, len(old)), make([]string, len(old))
	for n, o := range old {
		ids[n], accountIDs[n] = o.OldID, o.AccountOldID
	}
	accounts, err := i.accountsHere(ctx, accountIDs)
	if err != nil {
		return nil, nil, err
	}
	linked, err := i.linkedHere(ctx, old)
	if err != nil {
		return nil, nil, err
	}
	known, err := i.known(ctx, importedIdentity, ids)
	if err != nil {
		return nil, nil, err
	}
	for n := range old {
		o := &old[n]
		if _, ok := known[o.OldID]; ok {
			fates[n].Known = true
			continue
		}
		_, here := accounts[o.AccountOldID]
		switch key := o.key(); {
		case !here && !i.pretendsAccount(o.AccountOldID):
			fates[n] = skipped(skipNoAccount, "")
		case o.Subject == "" && CheckEmail(o.Email) != nil, !storable(o.Subject):
			fates[n] = skipped(skipNoSubject, "")
		case linked[key] || i.pretends("linked", key):
			fates[n] = skipped(skipLinked, "")
		default:
			linked[key] = true
			identities[n] = i.identity(o)
			if i.DryRun {
				i.pretend("linked", key)
			}
		}
	}
	return fates, identities, nil
}

// key is unique among identities: the subject, or else the address.
func (o *OldIdentity) key() string { return identityKey(o.Provider, o.Subject, EmailKey(o.Email)) }

func identityKey(provider, subject, emailKey string) string {
	if subject != "" {
		return provider + "\x00subject\x00" + subject
	}
	return provider + "\x00email\x00" + emailKey
}

func (i *Import) identity(o *OldIdentity) *Identity {
	id := &Identity{ID: i.newID(importedIdentity, o.OldID), AccountID: i.newID(importedAccount, o.AccountOldID),
		Provider: o.Provider, Email: EmailKey(o.Email), CreatedAt: i.now()}
	if o.Subject != "" {
		id.Subject, id.Email = &o.Subject, o.Email
	}
	if created := inMicroseconds(o.Created); created != nil {
		id.CreatedAt = *created
	}
	return id
}

// accountsHere are the accounts that old ids became and that are still here.
func (i *Import) accountsHere(ctx context.Context, old []string) (map[string]*Account, error) {
	byID := make(map[string]string, len(old))
	ids := make([]string, 0, len(old))
	for _, o := range old {
		id := i.newID(importedAccount, o)
		if _, twice := byID[id]; !twice {
			ids = append(ids, id)
		}
		byID[id] = o
	}
	var rows []Account
	if err := i.reads.WithContext(ctx).Select("id", "is_active", "auth_epoch").Where("id IN ?", ids).Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("look for the accounts: %w", err)
	}
	here := make(map[string]*Account, len(rows))
	for n := range rows {
		here[byID[rows[n].ID]] = &rows[n]
	}
	return here, nil
}

// linkedHere are the keys of old that identities here have.
func (i *Import) linkedHere(ctx context.Context, old []OldIdentity) (map[string]bool, error) {
	var providers, subjects, emails Words
	for _, o := range old {
		if !providers.Has(o.Provider) {
			providers = append(providers, o.Provider)
		}
		if o.Subject != "" {
			subjects = append(subjects, o.Subject)
		} else {
			emails = append(emails, EmailKey(o.Email))
		}
	}
	linked := make(map[string]bool, len(old))
	for where, values := range map[string]Words{"subject IN ?": subjects, "subject IS NULL AND email IN ?": emails} {
		var rows []Identity
		err := i.reads.WithContext(ctx).Select("provider", "subject", "email").
			Where("provider IN ?", []string(providers)).Where(where, findable(values)).Find(&rows).Error
		if err != nil {
			return nil, fmt.Errorf("look for the identities: %w", err)
		}
		for _, r := range rows {
			subject := ""
			if r.Subject != nil {
				subject = *r.Subject
			}
			linked[identityKey(r.Provider, subject, r.Email)] = true
		}
	}
	return linked, nil
}
