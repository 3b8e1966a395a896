package store

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	"gorm.io/gorm"
)

// OldToken is a live refresh token of the old system.
type OldToken struct {
	OldID        string
	Token        string
	AccountOldID string
	ClientOldID  string
	Scope        string
	Created      *time.Time
}

// Why a token is skipped.
const (
	skipNoClient  = "its client was not imported, or has ended here"
	skipNotSignIn = "its account cannot sign in, or its sign-ins were ended here"
	skipNoScope   = "it has no scope, or one that is none"
	skipTwice     = "the same token is here already"
)

// Tokens brings a batch of refresh tokens, at most 1,000.
func (i *Import) Tokens(ctx context.Context, old []OldToken) ([]Fate, error) {
	return i.batch(ctx, importedRefresh, func() ([]Fate, func(*gorm.DB) error, error) {
		fates, tokens, err := i.decideTokens(ctx, old)
		if err != nil {
			return nil, nil, err
		}
		rows, done := make([]ImportedToken, 0, len(old)), make([]Imported, 0, len(old))
		for n, t := range tokens {
			if t != nil {
				rows, done = append(rows, *t), append(done, i.row(importedRefresh, old[n].OldID, ""))
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

func (i *Import) decideTokens(ctx context.Context, old []OldToken) ([]Fate, []*ImportedToken, error) {
	fates, tokens := make([]Fate, len(old)), make([]*ImportedToken, len(old))
	have, err := i.aroundTokens(ctx, old)
	if err != nil {
		return nil, nil, err
	}
	now := i.now()
	for n := range old {
		o := &old[n]
		if _, ok := have.known[o.OldID]; ok {
			fates[n].Known = true
			continue
		}
		account, scope := have.accounts[o.AccountOldID], ParseWords(o.Scope)
		clientID, client := have.clients[o.ClientOldID]
		digest := sha256.Sum256([]byte(o.Token))
		switch {
		case !client && !i.pretends(importedClient, o.ClientOldID):
			fates[n] = skipped(skipNoClient, "")
		case account == nil && !i.pretendsAccount(o.AccountOldID):
			fates[n] = skipped(skipNoAccount, "")
		case account != nil && (!account.IsActive || account.AuthEpoch != 0), account == nil && i.pretends("inactive", o.AccountOldID):
			fates[n] = skipped(skipNotSignIn, "")
		case len(scope) == 0 || !allMatch(scope, scopeToken):
			fates[n] = skipped(skipNoScope, "")
		case have.digests[digest]:
			fates[n] = skipped(skipTwice, "")
		default:
			have.digests[digest] = true
			// An hour before now at the latest: it never counts as a sign-in just now.
			signedIn := now.Add(-time.Hour)
			if at := inMicroseconds(o.Created); at != nil {
				signedIn = earlier(signedIn, *at)
			}
			tokens[n] = &ImportedToken{Digest: digest[:], ClientID: clientID, AccountID: i.newID(importedAccount, o.AccountOldID),
				Scope: scope, AuthTime: signedIn, ExpiresAt: now.Add(importedTokenLife)}
		}
	}
	return fates, tokens, nil
}

// tokenContext is what is here around a batch of tokens.
type tokenContext struct {
	known    map[string]string
	accounts map[string]*Account
	clients  map[string]string // old id to client id
	digests  map[[sha256.Size]byte]bool
}

func (i *Import) aroundTokens(ctx context.Context, old []OldToken) (have tokenContext, err error) {
	ids, accounts, clients := make([]string, len(old)), make([]string, len(old)), make([]string, len(old))
	digests := make([][]byte, len(old))
	for n, o := range old {
		sum := sha256.Sum256([]byte(o.Token))
		ids[n], accounts[n], clients[n], digests[n] = o.OldID, o.AccountOldID, o.ClientOldID, sum[:]
	}
	if have.accounts, err = i.accountsHere(ctx, accounts); err != nil {
		return have, err
	}
	if have.clients, err = i.known(ctx, importedClient, clients); err != nil {
		return have, err
	}
	for oldID, id := range have.clients {
		if c, err := i.ReadClient(ctx, id); errors.Is(err, ErrNotFound) || err == nil && c.DisabledAt != nil {
			delete(have.clients, oldID)
		} else if err != nil {
			return have, err
		}
	}
	var rows []ImportedToken
	if err := i.reads.WithContext(ctx).Select("digest").Where("digest IN ?", digests).Find(&rows).Error; err != nil {
		return have, fmt.Errorf("look for the tokens: %w", err)
	}
	have.digests = make(map[[sha256.Size]byte]bool, len(old))
	for _, r := range rows {
		have.digests[[sha256.Size]byte(r.Digest)] = true
	}
	have.known, err = i.known(ctx, importedRefresh, ids)
	return have, err
}
