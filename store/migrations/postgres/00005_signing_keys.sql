-- +goose Up
-- Keys that ID tokens are signed with. The private half is sealed by the
-- server; nobody reads public_key but operators.
CREATE TABLE signing_keys (
    kid         text PRIMARY KEY,
    algorithm   text NOT NULL CHECK (algorithm IN ('RS256', 'ES256')),
    generation  bigint NOT NULL,
    public_key  text NOT NULL,
    private_key bytea NOT NULL,
    created_at  timestamptz NOT NULL,
    active_at   timestamptz NOT NULL,
    revoked_at  timestamptz,
    UNIQUE (algorithm, generation)
);

-- +goose Down
DROP TABLE signing_keys;
