package store

import (
	"context"
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"

	"gorm.io/gorm"
)

// OldClient is an application of the old system in our terms. At most one of
// Secret and SecretHash is set; a client may have neither.
type OldClient struct {
	OldID      string
	Client     Client
	Secret     string // in the clear; any text, as only its digest is kept
	SecretHash string // in a form of hash_forms.go; replaced by a digest at the first good use
}

// Why a client is skipped, and what may be different here.
const (
	skipClientHere   = "a client with this id is here already"
	skipClientRules  = "this server's rules refuse it"
	noteRedirectURIs = "some redirect URIs are not valid here and were left out"
	notePKCE         = "it must send a code_challenge now (PKCE, S256)"
	noteNoSecret     = "its secret cannot be used: give it one by `gatehouse clients add-secret`"
)

// Clients brings a batch of clients.
func (i *Import) Clients(ctx context.Context, old []OldClient) ([]Fate, error) {
	return i.batch(ctx, importedClient, func() ([]Fate, func(*gorm.DB) error, error) {
		fates, clients, err := i.decideClients(ctx, old)
		if err != nil {
			return nil, nil, err
		}
		rows, done := make([]Client, 0, len(old)), make([]Imported, 0, len(old))
		for n, c := range clients {
			if c != nil {
				rows, done = append(rows, *c), append(done, i.row(importedClient, old[n].OldID, c.ID))
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

func (i *Import) decideClients(ctx context.Context, old []OldClient) ([]Fate, []*Client, error) {
	fates, clients := make([]Fate, len(old)), make([]*Client, len(old))
	ids, names := make([]string, len(old)), make([]string, len(old))
	for n, o := range old {
		ids[n], names[n] = o.OldID, o.Client.ID
	}
	var here []string
	if err := i.reads.WithContext(ctx).Model(&Client{}).Where("id IN ?", findable(names)).Pluck("id", &here).Error; err != nil {
		return nil, nil, fmt.Errorf("look for the clients: %w", err)
	}
	taken := make(map[string]bool, len(old))
	for _, id := range here {
		taken[id] = true
	}
	known, err := i.known(ctx, importedClient, ids)
	if err != nil {
		return nil, nil, err
	}
	for n := range old {
		o := &old[n]
		if _, ok := known[o.OldID]; ok {
			fates[n].Known = true
			continue
		}
		c, fate := i.client(o)
		if fate.Skipped == "" && taken[c.ID] {
			fate = skipped(skipClientHere, "")
		}
		if fates[n] = fate; fate.Skipped != "" {
			continue
		}
		taken[c.ID], clients[n] = true, c
		if i.DryRun {
			i.pretend(importedClient, o.OldID)
		}
	}
	return fates, clients, nil
}

// client is what an old application becomes.
func (i *Import) client(o *OldClient) (*Client, Fate) {
	c := o.Client
	var fate Fate
	c.Name = cleanName(c.Name, "")
	kept := Words{}
	for _, uri := range c.RedirectURIs {
		if validRedirectURI(uri) && storable(uri) {
			kept = append(kept, uri)
		} else {
			fate.Note, fate.Detail = noteRedirectURIs, strings.TrimSpace(fate.Detail+" "+cleanName(uri, ""))
		}
	}
	c.RedirectURIs = kept
	c.Origins = slices.DeleteFunc(slices.Clone(c.Origins), func(o string) bool { return !ValidOrigin(o) || !storable(o) })
	if err := c.check(); err != nil {
		return nil, skipped(skipClientRules, err.Error())
	}
	if c.GrantTypes.Has(GrantAuthorizationCode) {
		fate.note(notePKCE)
	}
	c.CreatedAt = i.now()
	c.UpdatedAt = c.CreatedAt
	secret := ClientSecret{ID: i.newID("client_secret", o.OldID), ClientID: c.ID, CreatedAt: c.CreatedAt}
	switch {
	case c.Type == Public:
		return &c, fate
	case o.Secret != "":
		digest := sha256.Sum256([]byte(o.Secret))
		secret.Digest = digest[:]
	case o.SecretHash != "" && o.SecretHash[0] != '!' && ValidHashForm(o.SecretHash) == nil:
		secret.Hash = o.SecretHash
	default:
		fate.note(noteNoSecret)
		return &c, fate
	}
	c.Secrets = []ClientSecret{secret}
	return &c, fate
}
