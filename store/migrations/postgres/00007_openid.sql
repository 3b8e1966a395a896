-- +goose Up
-- The address is the owner's by the word of a provider that is no authority for
-- it, and by nothing else. Of those that there are it is not known who said so.
ALTER TABLE accounts ADD COLUMN vouched boolean NOT NULL DEFAULT false;
UPDATE accounts SET vouched = true WHERE email_state = 'proven' AND password_hash = ''
    AND EXISTS (SELECT 1 FROM identities i WHERE i.account_id = accounts.id) AND email_key NOT LIKE '%@gmail.com';

ALTER TABLE clients ADD COLUMN post_logout_redirect_uris text NOT NULL DEFAULT '';
ALTER TABLE clients ADD COLUMN id_token_signed_response_alg text NOT NULL DEFAULT 'RS256';

-- A person signed in at one browser. Like grants, no foreign key: whatever ends
-- an account ends them, and the purge removes them.
CREATE TABLE login_sessions (
    id          uuid PRIMARY KEY,
    signature   bytea NOT NULL UNIQUE,
    account_id  uuid NOT NULL,
    sid         text NOT NULL,
    auth_time   timestamptz NOT NULL,
    amr         text NOT NULL,
    identity_id uuid,
    user_agent  text NOT NULL,
    address     text NOT NULL,
    created_at  timestamptz NOT NULL,
    seen_at     timestamptz NOT NULL,
    ended_at    timestamptz,
    expires_at  timestamptz NOT NULL,
    absolute_at timestamptz NOT NULL
);
CREATE INDEX login_sessions_account ON login_sessions (account_id);
CREATE INDEX login_sessions_expiry ON login_sessions (expires_at);
CREATE INDEX grants_login_session ON grants (login_session_id) WHERE login_session_id IS NOT NULL;

-- grant_id is the id of the grant that the code begins when it is exchanged.
CREATE TABLE codes (
    signature        bytea PRIMARY KEY,
    grant_id         uuid NOT NULL,
    client_id        text NOT NULL,
    account_id       uuid NOT NULL,
    auth_epoch       bigint NOT NULL,
    login_session_id uuid NOT NULL,
    auth_time        timestamptz NOT NULL,
    amr              text NOT NULL,
    identity_id      uuid,
    redirect_uri     text NOT NULL,
    code_challenge   text NOT NULL,
    nonce            text NOT NULL,
    scope            text NOT NULL,
    audience         text NOT NULL,
    resource         text NOT NULL,
    issued_at        timestamptz NOT NULL,
    spent_at         timestamptz,
    expires_at       timestamptz NOT NULL,
    kept_until       timestamptz NOT NULL
);
CREATE INDEX codes_kept ON codes (kept_until);

CREATE TABLE consents (
    account_id uuid NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    client_id  text NOT NULL REFERENCES clients (id) ON DELETE CASCADE,
    scope      text NOT NULL,
    granted_at timestamptz NOT NULL,
    PRIMARY KEY (account_id, client_id)
);
CREATE INDEX consents_client ON consents (client_id);

-- +goose Down
DROP TABLE consents, codes;
DROP INDEX grants_login_session;
DROP TABLE login_sessions;
ALTER TABLE clients DROP COLUMN id_token_signed_response_alg;
ALTER TABLE clients DROP COLUMN post_logout_redirect_uris;
ALTER TABLE accounts DROP COLUMN vouched;
