-- +goose Up
-- Whoever has signed in until now is taken to have come back: their accounts
-- cannot be claimed by somebody who has the address at a provider.
ALTER TABLE accounts ADD COLUMN returned boolean NOT NULL DEFAULT false;
UPDATE accounts SET returned = true WHERE last_login_at IS NOT NULL;

-- The grant whose token this one was exchanged from.
ALTER TABLE grants ADD COLUMN parent_id uuid;
CREATE INDEX grants_parent ON grants (parent_id) WHERE parent_id IS NOT NULL;

-- subject is null while nobody has signed in with an imported identity.
CREATE TABLE identities (
    id            uuid PRIMARY KEY,
    account_id    uuid NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    provider      text NOT NULL,
    subject       text,
    email         text NOT NULL,
    verified      boolean NOT NULL,
    pending_email text NOT NULL,
    created_at    timestamptz NOT NULL,
    UNIQUE (provider, subject)
);
CREATE INDEX identities_account ON identities (account_id);

CREATE TABLE replays (
    digest     bytea PRIMARY KEY,
    client_id  text NOT NULL,
    grant_id   uuid NOT NULL,
    used_at    timestamptz NOT NULL,
    expires_at timestamptz NOT NULL
);
CREATE INDEX replays_expiry ON replays (expires_at);

CREATE INDEX grants_identity ON grants (identity_id) WHERE identity_id IS NOT NULL;

-- +goose Down
DROP INDEX grants_identity;
DROP INDEX grants_parent;
ALTER TABLE grants DROP COLUMN parent_id;
DROP TABLE replays;
DROP TABLE identities;
ALTER TABLE accounts DROP COLUMN returned;
