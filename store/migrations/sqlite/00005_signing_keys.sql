-- +goose Up
-- Keys that ID tokens are signed with. The private half is sealed by the
-- server; nobody reads public_key but operators.
CREATE TABLE signing_keys (
    kid         text PRIMARY KEY,
    algorithm   text NOT NULL CHECK (algorithm IN ('RS256', 'ES256')),
    generation  integer NOT NULL,
    public_key  text NOT NULL,
    private_key blob NOT NULL,
    created_at  datetime NOT NULL,
    active_at   datetime NOT NULL,
    revoked_at  datetime,
    UNIQUE (algorithm, generation)
);

-- +goose Down
DROP TABLE signing_keys;
