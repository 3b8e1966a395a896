-- +goose Up
-- Mail that waits to be sent; sealed is what only the authorization server reads.
CREATE TABLE outbox (
    id         uuid PRIMARY KEY,
    sealed     bytea NOT NULL,
    attempts   integer NOT NULL DEFAULT 0,
    last_error text NOT NULL DEFAULT '',
    next_at    timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    created_at timestamptz NOT NULL
);
CREATE INDEX outbox_next ON outbox (next_at);
CREATE INDEX outbox_expiry ON outbox (expires_at);

-- +goose Down
DROP TABLE outbox;
