package authz

import (
	"bytes"
	"context"

	"gatehouse/store"
)

// Reseal seals again, under the first of the secrets, what the database holds
// under another one of them: signing keys, and mail that waits. What opens under
// none of them stays as it is. It returns how many of each that were. Servers may
// be at work meanwhile: what they change they have sealed themselves.
func Reseal(ctx context.Context, st *store.Store, secrets [][]byte) (keys, mails int, err error) {
	ring, err := newKeyring(secrets)
	if err != nil {
		return 0, 0, err
	}
	rows, err := st.SigningKeys(ctx)
	if err != nil {
		return 0, 0, err
	}
	for _, k := range rows {
		again := ring.reseal(keyContext(k.KID, k.Algorithm), k.PrivateKey)
		if again == nil {
			continue
		}
		if err := st.ResealSigningKey(ctx, k.KID, k.PrivateKey, again); err != nil {
			return keys, mails, err
		}
		keys++
	}
	for _, d := range ring[1:] {
		waiting, err := st.MailUnder(ctx, d.id)
		if err != nil {
			return keys, mails, err
		}
		for _, m := range waiting {
			again := ring.reseal(mailContext(m.ID), m.Sealed)
			if again == nil {
				continue
			}
			if err := st.ResealMail(ctx, m.ID, m.Sealed, again); err != nil {
				return keys, mails, err
			}
			mails++
		}
	}
	return keys, mails, nil
}

// reseal seals what is at rest under the current secret; nil if it is already,
// or does not open.
func (k keyring) reseal(context string, sealed []byte) []byte {
	if bytes.HasPrefix(sealed, k[0].id) {
		return nil
	}
	text, err := k.open(atRest, context, sealed)
	if err != nil {
		return nil
	}
	return k.seal(atRest, context, text)
}
