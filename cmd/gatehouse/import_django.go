package main

import (
	"context"
	"database/sql"
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"

	"gatehouse/store"
)

// importBatch is how many rows are read and written at a time, and all that is
// held of the old database.
const importBatch = 1000

// oldRows are the rows of one part, in the order of their ids.
type oldRows[T any] struct {
	part  string
	count string // query of how many
	query string
	scan  func(*sql.Rows) (oldRow[T], error)
}

// oldRow is one row, as operators know it by who. A row whose fate says that it
// is skipped goes no further.
type oldRow[T any] struct {
	id, who string
	value   T
	fate    store.Fate
}

// bringRows streams a part, batch by batch.
func bringRows[T any](ctx context.Context, d *djangoSource, r *importReport, p oldRows[T], write func(context.Context, []T) ([]store.Fate, error)) error {
	var total int64
	if err := d.tx.QueryRowContext(ctx, p.count).Scan(&total); err != nil {
		return fmt.Errorf("count the old rows: %w", err)
	}
	c := r.begin(p.part, total)
	rows, err := d.tx.QueryContext(ctx, p.query)
	if err != nil {
		return fmt.Errorf("read the old rows: %w", err)
	}
	defer rows.Close()
	batch := make([]oldRow[T], 0, importBatch)
	for more := true; more; {
		if more = rows.Next(); more {
			row, err := p.scan(rows)
			if err != nil {
				return fmt.Errorf("read an old row: %w", err)
			}
			if !utf8.ValidString(row.id) || strings.ContainsRune(row.id, 0) {
				row.fate.Skipped = skipID
			}
			batch = append(batch, row)
		}
		if len(batch) == importBatch || !more && len(batch) > 0 {
			if err := writeBatch(ctx, r, c, batch, write); err != nil {
				return err
			}
			batch = batch[:0]
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("read the old rows: %w", err)
	}
	return nil
}

// writeBatch brings a batch and notes what became of each row.
func writeBatch[T any](ctx context.Context, r *importReport, c *importCount, batch []oldRow[T], write func(context.Context, []T) ([]store.Fate, error)) error {
	var values []T
	var at []int
	for n, row := range batch {
		if row.fate.Skipped == "" {
			values, at = append(values, row.value), append(at, n)
		}
	}
	fates, err := write(ctx, values)
	if err != nil {
		return err
	}
	for n, fate := range fates {
		batch[at[n]].fate = fate
	}
	for _, row := range batch {
		r.note(c, row.id, row.who, row.fate)
	}
	return nil
}

// optional is a column that not every generation has, or NULL.
func (d *djangoSource) optional(table, alias, column string) string {
	if d.has(table, column) {
		return alias + "." + column
	}
	return "NULL"
}

func identifier(table string) string { return `"` + strings.ReplaceAll(table, `"`, `""`) + `"` }

func (d *djangoSource) accountRows() oldRows[store.OldAccount] {
	table := identifier(d.accounts)
	return oldRows[store.OldAccount]{
		part: partAccounts, count: `SELECT count(*) FROM ` + table,
		query: `SELECT CAST(a.id AS text), a.email, a.username, a.first_name, a.last_name, a.password, a.is_active, a.is_staff, a.is_superuser,
			a.last_login, ` + d.optional(d.accounts, "a", "date_joined") + ` FROM ` + table + ` a ORDER BY a.id`,
		scan: func(rows *sql.Rows) (oldRow[store.OldAccount], error) {
			var a store.OldAccount
			var email, username, first, last, password sql.NullString
			var lastLogin, joined oldTime
			err := rows.Scan(&a.OldID, &email, &username, &first, &last, &password, &a.Active, &a.Staff, &a.Superuser, &lastLogin, &joined)
			a.Email, a.Username, a.FirstName, a.LastName, a.Password = email.String, username.String, first.String, last.String, password.String
			a.LastLogin, a.Joined = lastLogin.at, joined.at
			return oldRow[store.OldAccount]{id: a.OldID, who: a.Email, value: a}, err
		},
	}
}

// djangoProviders are the names of social-auth-core's backends, and ours.
var djangoProviders = map[string]string{
	"google-oauth2": "google", "google-identity": "google", "google-openidconnect": "google", "google-plus": "google",
	"facebook": "facebook", "facebook-app": "facebook",
}

var (
	digits      = regexp.MustCompile(`^[0-9]{1,255}$`)
	djangoHash  = regexp.MustCompile(`^(pbkdf2_sha256|pbkdf2_sha1|argon2|bcrypt_sha256|bcrypt|scrypt|md5|sha1)\$`)
	skipID      = "its id is not text"
	skipBackend = "this server has no such provider"
	skipUID     = "its uid is not one of that provider's"
	skipGrant   = "this server does not have its grant"
)

func (d *djangoSource) identityRows() oldRows[store.OldIdentity] {
	const table = "social_auth_usersocialauth"
	return oldRows[store.OldIdentity]{
		part: partIdentities, count: `SELECT count(*) FROM ` + table,
		query: `SELECT CAST(s.id AS text), CAST(s.user_id AS text), s.provider, s.uid, ` + d.optional(table, "s", "created") +
			` FROM ` + table + ` s ORDER BY s.id`,
		scan: func(rows *sql.Rows) (oldRow[store.OldIdentity], error) {
			var backend, uid string
			var created oldTime
			row := oldRow[store.OldIdentity]{}
			v := &row.value
			err := rows.Scan(&v.OldID, &v.AccountOldID, &backend, &uid, &created)
			row.id, row.who, v.Created = v.OldID, backend+" "+uid, created.at
			v.Provider = djangoProviders[backend]
			switch { // a Google uid is the address, unless USE_UNIQUE_USER_ID was set
			case v.Provider == "":
				row.fate.Skipped = skipBackend
			case digits.MatchString(uid):
				v.Subject = uid
			case v.Provider == "google":
				v.Email = uid
			default:
				row.fate.Skipped = skipUID
			}
			return row, err
		},
	}
}

func (d *djangoSource) applicationRows(keepPrivate bool) oldRows[store.OldClient] {
	const table = "oauth2_provider_application"
	return oldRows[store.OldClient]{
		part: partApplications, count: `SELECT count(*) FROM ` + table,
		query: `SELECT CAST(p.id AS text), p.client_id, p.client_secret, p.client_type, p.authorization_grant_type, p.redirect_uris, p.name, ` +
			d.optional(table, "p", "hash_client_secret") + `, ` + d.optional(table, "p", "allowed_origins") + ` FROM ` + table + ` p ORDER BY p.id`,
		scan: func(rows *sql.Rows) (oldRow[store.OldClient], error) {
			row := oldRow[store.OldClient]{}
			v := &row.value
			c := &v.Client
			var secret, grant, redirects string
			var hashed sql.NullBool
			var origins sql.NullString
			err := rows.Scan(&v.OldID, &c.ID, &secret, &c.Type, &grant, &redirects, &c.Name, &hashed, &origins)
			row.id, row.who = v.OldID, c.ID
			if djangoHash.MatchString(secret) && (!hashed.Valid || hashed.Bool) {
				v.SecretHash = secret
			} else {
				v.Secret = secret
			}
			c.RedirectURIs = store.ParseWords(strings.Join(strings.Fields(redirects), " "))
			c.Origins = strings.Fields(origins.String) // those that are none are left out
			if row.fate = asRegistered(c, grant); !keepPrivate {
				c.ExposedSecret = c.FirstParty && c.Type == store.Confidential
			}
			return row, err
		},
	}
}

// asRegistered fills in what the old service let an application of this grant
// do: whoever had a password grant could also refresh and convert.
func asRegistered(c *store.Client, grant string) store.Fate {
	c.Scope = store.Words{"read", "write"}
	c.DefaultScope = c.Scope
	c.AccessTokenLifetime = 36000 // seconds, the old service's
	c.RotateRefresh = true
	switch grant {
	case "password":
		c.GrantTypes = store.Words{store.GrantPassword, store.GrantRefreshToken, store.GrantTokenExchange}
		c.FirstParty = true
		c.Providers = store.Words{"google", "facebook"}
	case "client-credentials":
		c.GrantTypes = store.Words{store.GrantClientCredentials}
	case "authorization-code":
		c.GrantTypes = store.Words{store.GrantAuthorizationCode, store.GrantRefreshToken}
	default:
		return store.Fate{Skipped: skipGrant, Detail: grant}
	}
	return store.Fate{}
}

// tokenRows are the live tokens alone: neither revoked nor cut off from their
// access token, whose scope is theirs.
func (d *djangoSource) tokenRows() oldRows[store.OldToken] {
	const from = ` FROM oauth2_provider_refreshtoken r LEFT JOIN oauth2_provider_accesstoken a ON a.id = r.access_token_id
		WHERE r.revoked IS NULL AND r.access_token_id IS NOT NULL`
	return oldRows[store.OldToken]{
		part: partTokens, count: `SELECT count(*)` + from,
		query: `SELECT CAST(r.id AS text), r.token, CAST(r.user_id AS text), CAST(r.application_id AS text), coalesce(a.scope, ''), r.created` + from + ` ORDER BY r.id`,
		scan: func(rows *sql.Rows) (oldRow[store.OldToken], error) {
			var t store.OldToken
			var created oldTime
			err := rows.Scan(&t.OldID, &t.Token, &t.AccountOldID, &t.ClientOldID, &t.Scope, &created)
			t.Created = created.at
			return oldRow[store.OldToken]{id: t.OldID, who: "of account " + t.AccountOldID, value: t}, err
		},
	}
}
