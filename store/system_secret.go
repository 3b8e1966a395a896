package store

import (
	"context"
	"encoding/hex"
	"fmt"
	"strings"
	"time"
)

// Steps of a system secret, each noted once it is taken.
const (
	SecretAdded    = "added"
	SecretPromoted = "promoted" // it makes new tokens
	SecretReplaced = "replaced" // another does
	SecretRetired  = "retired"
)

const markSecret = "secret" // installation rows: secret/<id in hex>/<step>, with the time

// NoteSecret notes that the system secret with this id has taken a step just
// now, and records it. The secret itself never comes here.
func (s *Store) NoteSecret(ctx context.Context, id []byte, step, actor string) error {
	name := strings.Join([]string{markSecret, hex.EncodeToString(id), step}, "/")
	_, err := s.exec(ctx, `INSERT INTO installation (name, value) VALUES ($1, $2)
		ON CONFLICT (name) DO UPDATE SET value = excluded.value`, name, s.now().Format(time.RFC3339Nano))
	if err != nil {
		return fmt.Errorf("note a system secret: %w", err)
	}
	return s.Audit(ctx, actor, "secret."+step, hex.EncodeToString(id), Succeeded, nil)
}

// SecretSteps tells when the system secret with this id took which step; a step
// that nobody noted is not there.
func (s *Store) SecretSteps(ctx context.Context, id []byte) (map[string]time.Time, error) {
	prefix := markSecret + "/" + hex.EncodeToString(id) + "/"
	var rows []struct{ Name, Value string }
	if err := s.reads.WithContext(ctx).Table("installation").Where("name LIKE ?", prefix+"%").Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("read the steps of a system secret: %w", err)
	}
	steps := make(map[string]time.Time, len(rows))
	for _, r := range rows {
		at, err := time.Parse(time.RFC3339Nano, r.Value)
		if err != nil {
			return nil, fmt.Errorf("read the steps of a system secret: %w", err)
		}
		steps[strings.TrimPrefix(r.Name, prefix)] = at
	}
	return steps, nil
}

// Dependants are what would be lost with a system secret: how many of what.
type Dependants struct {
	What  string // in the plural
	Count int
}

// madeUnder count what was given out before $1 and is good after $2.
var madeUnder = []struct{ what, query string }{
	{"sign-ins", `SELECT count(DISTINCT t.grant_id) FROM refresh_tokens t JOIN grants g ON g.id = t.grant_id
		 WHERE t.issued_at < $1 AND t.expires_at > $2 AND t.spent_at IS NULL AND g.revoked_at IS NULL AND g.expires_at > $2`},
	{"browser sessions", `SELECT count(*) FROM login_sessions WHERE auth_time < $1 AND expires_at > $2 AND ended_at IS NULL`},
	{"codes", `SELECT count(*) FROM codes WHERE issued_at < $1 AND expires_at > $2 AND spent_at IS NULL`},
	{"links in mails", `SELECT count(*) FROM one_time_links WHERE created_at < $1 AND expires_at > $2 AND spent_at IS NULL`},
	{"access tokens", `SELECT count(*) FROM access_tokens t JOIN grants g ON g.id = t.grant_id
		 WHERE t.issued_at < $1 AND t.expires_at > $2 AND t.revoked_at IS NULL AND g.revoked_at IS NULL AND g.expires_at > $2`},
}

// sealed are the columns that hold what the server has sealed: each begins with
// the id of its secret.
var sealed = []struct{ what, table, column string }{
	{"signing keys", "signing_keys", "private_key"},
	{"mails that wait", "outbox", "sealed"},
}

// DependOnSecret lists what needs the system secret with this id, which new
// tokens were made under until then. What needs nothing is left out.
func (s *Store) DependOnSecret(ctx context.Context, id []byte, then time.Time) ([]Dependants, error) {
	var list []Dependants
	count := func(what, query string, args ...any) error {
		n, err := s.Count(ctx, query, args...)
		if err != nil {
			return fmt.Errorf("count %s of a system secret: %w", what, err)
		}
		if n > 0 {
			list = append(list, Dependants{what, n})
		}
		return nil
	}
	for _, m := range madeUnder {
		if err := count(m.what, m.query, then, s.now()); err != nil {
			return nil, err
		}
	}
	// The purge takes the salt when the grace is over.
	retries := `SELECT count(*) FROM refresh_tokens WHERE secret_id = $1 AND salt IS NOT NULL AND expires_at > $2`
	if err := count("refreshes that may be retried", retries, id, s.now()); err != nil {
		return nil, err
	}
	for _, c := range sealed {
		if err := count(c.what, fmt.Sprintf(`SELECT count(*) FROM %s WHERE substr(%s, 1, 8) = $1`, c.table, c.column), id); err != nil {
			return nil, err
		}
	}
	return list, nil
}
