-- +goose Up
CREATE TABLE installation (
    name  text PRIMARY KEY,
    value text NOT NULL
);

CREATE TABLE accounts (
    id            text PRIMARY KEY,
    email         text NOT NULL,
    email_key     text UNIQUE,
    email_state   text NOT NULL CHECK (email_state IN ('proven', 'unproven', 'imported')),
    username      text NOT NULL,
    first_name    text NOT NULL,
    last_name     text NOT NULL,
    password_hash text NOT NULL,
    is_staff      boolean NOT NULL,
    is_superuser  boolean NOT NULL,
    is_active     boolean NOT NULL,
    auth_epoch    integer NOT NULL,
    last_login_at datetime,
    created_at    datetime NOT NULL
);

CREATE TABLE clients (
    id                         text PRIMARY KEY,
    name                       text NOT NULL,
    type                       text NOT NULL CHECK (type IN ('confidential', 'public')),
    token_endpoint_auth_method text NOT NULL,
    redirect_uris              text NOT NULL,
    grant_types                text NOT NULL,
    scope                      text NOT NULL,
    default_scope              text NOT NULL,
    audience                   text NOT NULL,
    origins                    text NOT NULL,
    access_token_lifetime      integer NOT NULL,
    refresh_token_lifetime     integer NOT NULL,
    grant_lifetime             integer NOT NULL,
    providers                  text NOT NULL,
    provider_audiences         text NOT NULL,
    exchange_audiences         text NOT NULL,
    first_party                boolean NOT NULL,
    operator                   boolean NOT NULL,
    introspect_all             boolean NOT NULL,
    exposed_secret             boolean NOT NULL,
    native                     boolean NOT NULL,
    trusted_forwarder          boolean NOT NULL,
    rotate_refresh             boolean NOT NULL,
    impersonate                boolean NOT NULL,
    disabled_at                datetime,
    created_at                 datetime NOT NULL,
    updated_at                 datetime NOT NULL
);

CREATE TABLE client_secrets (
    id         text PRIMARY KEY,
    client_id  text NOT NULL REFERENCES clients (id) ON DELETE CASCADE,
    digest     blob,
    hash       text NOT NULL,
    created_at datetime NOT NULL
);
CREATE INDEX client_secrets_client ON client_secrets (client_id);

-- No foreign key leads to or from the three tables that every sign-in writes:
-- a check per row would cost more than the row. An orphan cannot be used, as
-- every read joins the token with its grant, and the purge removes it.
CREATE TABLE grants (
    id               text PRIMARY KEY,
    root_id          text NOT NULL,
    account_id       text,
    client_id        text NOT NULL,
    subject          text NOT NULL,
    username         text NOT NULL,
    scope            text NOT NULL,
    audience         text NOT NULL,
    resource         text NOT NULL,
    auth_time        datetime NOT NULL,
    amr              text NOT NULL,
    acr              text NOT NULL,
    claims           text NOT NULL,
    actor            text NOT NULL,
    cnf              text NOT NULL,
    sid              text NOT NULL,
    identity_id      text,
    login_session_id text,
    created_at       datetime NOT NULL,
    revoked_at       datetime,
    expires_at       datetime NOT NULL
);
CREATE INDEX grants_children ON grants (root_id) WHERE root_id <> id;
CREATE INDEX grants_account ON grants (account_id) WHERE account_id IS NOT NULL;
CREATE INDEX grants_client ON grants (client_id);
CREATE INDEX grants_expiry ON grants (expires_at);

CREATE TABLE access_tokens (
    signature  blob PRIMARY KEY,
    grant_id   text NOT NULL,
    scope      text NOT NULL,
    audience   text NOT NULL,
    cnf        text NOT NULL,
    issued_at  datetime NOT NULL,
    expires_at datetime NOT NULL,
    revoked_at datetime
);
CREATE INDEX access_tokens_expiry ON access_tokens (expires_at);

CREATE TABLE refresh_tokens (
    signature        blob PRIMARY KEY,
    grant_id         text NOT NULL,
    predecessor      blob UNIQUE,
    access_signature blob NOT NULL,
    salt             blob,
    secret_id        blob,
    issued_at        datetime NOT NULL,
    spent_at         datetime,
    expires_at       datetime NOT NULL
);
CREATE INDEX refresh_tokens_expiry ON refresh_tokens (expires_at);
CREATE INDEX refresh_tokens_salted ON refresh_tokens (spent_at) WHERE spent_at IS NOT NULL AND salt IS NOT NULL;

CREATE TABLE limits (
    key        blob NOT NULL,
    slot       integer NOT NULL,
    count      integer NOT NULL,
    expires_at datetime NOT NULL,
    PRIMARY KEY (key, slot)
);
CREATE INDEX limits_expiry ON limits (expires_at);

CREATE TABLE audit (
    id        text PRIMARY KEY,
    time      datetime NOT NULL,
    actor     text NOT NULL,
    action    text NOT NULL,
    target    text NOT NULL,
    outcome   text NOT NULL,
    detail    text NOT NULL,
    prev_hash blob
);

-- +goose Down
DROP TABLE audit;
DROP TABLE limits;
DROP TABLE refresh_tokens;
DROP TABLE access_tokens;
DROP TABLE grants;
DROP TABLE client_secrets;
DROP TABLE clients;
DROP TABLE accounts;
DROP TABLE installation;
