-- +goose Up
-- Links that were mailed to somebody. email is the form that accounts are found
-- by; no foreign key: a link whose account is gone leads nowhere.
CREATE TABLE one_time_links (
    digest     blob PRIMARY KEY,
    purpose    text NOT NULL CHECK (purpose IN ('sign_up', 'verify', 'reset')),
    account_id text,
    email      text NOT NULL,
    browser    blob NOT NULL,
    sealed     blob,
    auth_epoch integer NOT NULL,
    created_at datetime NOT NULL,
    spent_at   datetime,
    expires_at datetime NOT NULL
);
CREATE INDEX one_time_links_email ON one_time_links (email, purpose);
CREATE INDEX one_time_links_expiry ON one_time_links (expires_at);

-- +goose Down
DROP TABLE one_time_links;
