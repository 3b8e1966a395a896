-- +goose Up
-- Links that were mailed to somebody. email is the form that accounts are found
-- by; no foreign key: a link whose account is gone leads nowhere.
CREATE TABLE one_time_links (
    digest     bytea PRIMARY KEY,
    purpose    text NOT NULL CHECK (purpose IN ('sign_up', 'verify', 'reset')),
    account_id uuid,
    email      text NOT NULL,
    browser    bytea NOT NULL,
    sealed     bytea,
    auth_epoch bigint NOT NULL,
    created_at timestamptz NOT NULL,
    spent_at   timestamptz,
    expires_at timestamptz NOT NULL
);
CREATE INDEX one_time_links_email ON one_time_links (email, purpose);
CREATE INDEX one_time_links_expiry ON one_time_links (expires_at);

-- +goose Down
DROP TABLE one_time_links;
