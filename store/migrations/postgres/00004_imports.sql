-- +goose Up
-- What came from another system, row by row, so that a second import neither
-- repeats it nor brings back what has ended here since.
CREATE TABLE imports (
    source  text NOT NULL,
    kind    text NOT NULL,
    old_id  text NOT NULL,
    new_id  text NOT NULL,
    done_at timestamptz NOT NULL,
    PRIMARY KEY (source, kind, old_id)
);

-- Refresh tokens of another system, each good once.
CREATE TABLE imported_tokens (
    digest     bytea PRIMARY KEY,
    client_id  text NOT NULL,
    account_id uuid NOT NULL,
    scope      text NOT NULL,
    auth_time  timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    spent_at   timestamptz,
    grant_id   uuid
);
CREATE INDEX imported_tokens_expiry ON imported_tokens (expires_at);
CREATE INDEX imported_tokens_account ON imported_tokens (account_id);

-- An identity without subject has its address in the form of email_key.
CREATE UNIQUE INDEX identities_unbound ON identities (provider, email) WHERE subject IS NULL;

-- +goose Down
DROP INDEX identities_unbound;
DROP TABLE imported_tokens;
DROP TABLE imports;
