-- +goose Up
ALTER TABLE accounts ADD COLUMN returned boolean NOT NULL DEFAULT false;

-- subject is null while nobody has signed in with an imported identity.
CREATE TABLE identities (
    id            text PRIMARY KEY,
    account_id    text NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    provider      text NOT NULL,
    subject       text,
    email         text NOT NULL,
    verified      boolean NOT NULL,
    pending_email text NOT NULL,
    created_at    datetime NOT NULL,
    UNIQUE (provider, subject)
);
CREATE INDEX identities_account ON identities (account_id);

CREATE TABLE replays (
    digest     blob PRIMARY KEY,
    client_id  text NOT NULL,
    grant_id   text NOT NULL,
    used_at    datetime NOT NULL,
    expires_at datetime NOT NULL
);
CREATE INDEX replays_expiry ON replays (expires_at);

CREATE INDEX grants_identity ON grants (identity_id) WHERE identity_id IS NOT NULL;

-- +goose Down
DROP INDEX grants_identity;
DROP TABLE replays;
DROP TABLE identities;
ALTER TABLE accounts DROP COLUMN returned;
