-- +goose Up
-- One entry per sign-in that can be refreshed: spent tokens leave the index.
CREATE INDEX refresh_tokens_unspent ON refresh_tokens (grant_id) WHERE spent_at IS NULL;

-- +goose Down
DROP INDEX refresh_tokens_unspent;
