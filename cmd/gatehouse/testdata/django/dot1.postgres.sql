-- What django-oauth-toolkit 1.7.1 and social-auth-app-django made on PostgreSQL 15, by pg_dump: the tables that an import reads.

CREATE TABLE accounts_account (
    id bigint NOT NULL,
    password character varying(128) NOT NULL,
    last_login timestamp with time zone,
    is_superuser boolean NOT NULL,
    email character varying(254) NOT NULL,
    username character varying(150) NOT NULL,
    first_name character varying(150) NOT NULL,
    last_name character varying(150) NOT NULL,
    is_staff boolean NOT NULL,
    is_active boolean NOT NULL
);

CREATE SEQUENCE accounts_account_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;

ALTER SEQUENCE accounts_account_id_seq OWNED BY accounts_account.id;

CREATE TABLE django_migrations (
    id bigint NOT NULL,
    app character varying(255) NOT NULL,
    name character varying(255) NOT NULL,
    applied timestamp with time zone NOT NULL
);

CREATE SEQUENCE django_migrations_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;

ALTER SEQUENCE django_migrations_id_seq OWNED BY django_migrations.id;

CREATE TABLE oauth2_provider_accesstoken (
    id bigint NOT NULL,
    token character varying(255) NOT NULL,
    expires timestamp with time zone NOT NULL,
    scope text NOT NULL,
    application_id bigint,
    user_id bigint,
    created timestamp with time zone NOT NULL,
    updated timestamp with time zone NOT NULL,
    source_refresh_token_id bigint,
    id_token_id bigint
);

CREATE SEQUENCE oauth2_provider_accesstoken_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;

ALTER SEQUENCE oauth2_provider_accesstoken_id_seq OWNED BY oauth2_provider_accesstoken.id;

CREATE TABLE oauth2_provider_application (
    id bigint NOT NULL,
    client_id character varying(100) NOT NULL,
    redirect_uris text NOT NULL,
    client_type character varying(32) NOT NULL,
    authorization_grant_type character varying(32) NOT NULL,
    client_secret character varying(255) NOT NULL,
    name character varying(255) NOT NULL,
    user_id bigint,
    skip_authorization boolean NOT NULL,
    created timestamp with time zone NOT NULL,
    updated timestamp with time zone NOT NULL,
    algorithm character varying(5) NOT NULL
);

CREATE SEQUENCE oauth2_provider_application_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;

ALTER SEQUENCE oauth2_provider_application_id_seq OWNED BY oauth2_provider_application.id;

CREATE TABLE oauth2_provider_refreshtoken (
    id bigint NOT NULL,
    token character varying(255) NOT NULL,
    access_token_id bigint,
    application_id bigint NOT NULL,
    user_id bigint NOT NULL,
    created timestamp with time zone NOT NULL,
    updated timestamp with time zone NOT NULL,
    revoked timestamp with time zone
);

CREATE SEQUENCE oauth2_provider_refreshtoken_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;

ALTER SEQUENCE oauth2_provider_refreshtoken_id_seq OWNED BY oauth2_provider_refreshtoken.id;

CREATE TABLE social_auth_usersocialauth (
    id integer NOT NULL,
    provider character varying(32) NOT NULL,
    uid character varying(255) NOT NULL,
    extra_data text NOT NULL,
    user_id bigint NOT NULL,
    created timestamp with time zone NOT NULL,
    modified timestamp with time zone NOT NULL
);

CREATE SEQUENCE social_auth_usersocialauth_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;

ALTER SEQUENCE social_auth_usersocialauth_id_seq OWNED BY social_auth_usersocialauth.id;

ALTER TABLE ONLY accounts_account ALTER COLUMN id SET DEFAULT nextval('accounts_account_id_seq'::regclass);

ALTER TABLE ONLY django_migrations ALTER COLUMN id SET DEFAULT nextval('django_migrations_id_seq'::regclass);

ALTER TABLE ONLY oauth2_provider_accesstoken ALTER COLUMN id SET DEFAULT nextval('oauth2_provider_accesstoken_id_seq'::regclass);

ALTER TABLE ONLY oauth2_provider_application ALTER COLUMN id SET DEFAULT nextval('oauth2_provider_application_id_seq'::regclass);

ALTER TABLE ONLY oauth2_provider_refreshtoken ALTER COLUMN id SET DEFAULT nextval('oauth2_provider_refreshtoken_id_seq'::regclass);

ALTER TABLE ONLY social_auth_usersocialauth ALTER COLUMN id SET DEFAULT nextval('social_auth_usersocialauth_id_seq'::regclass);

INSERT INTO accounts_account VALUES (1, 'pbkdf2_sha256$260000$saltsaltsalt0123456789$naddDaei+GB1wD/PptesOEpKNEmyNN9yHVDXLk2Nwns=', '2024-02-29 12:30:15.123456+00', false, 'Bo@example.com', 'bo', 'Bo', 'Berg', false, true);
INSERT INTO accounts_account VALUES (2, 'pbkdf2_sha256$260000$saltsaltsalt0123456789$JQ0G7XTeKFZfZ5yjADxgsM7+Yk+eAC+zoi7hpkL9U20=', NULL, false, 'bo@EXAMPLE.com', 'bo2', 'Bo', '', false, true);
INSERT INTO accounts_account VALUES (3, 'pbkdf2_sha256$260000$saltsaltsalt0123456789$R9KBDMSXxlbMroPglVuExwvEkEVm9HAg0C7eGkwQIKg=', NULL, true, 'root@example.com', 'root', 'Root', '', true, true);
INSERT INTO accounts_account VALUES (4, 'pbkdf2_sha256$260000$saltsaltsalt0123456789$InSk0Y8ZSVIGzt7gBSO7WRDlA5gpq0W201kKF5KbEnk=', NULL, false, 'gone@example.com', 'gone', 'Gone', '', false, false);
INSERT INTO accounts_account VALUES (5, '!Zg7ayQzqexE7J8kZTDgHbwJYxwxByDQCuKbah51E', NULL, false, 'grace@gmail.com', 'grace', 'Grace', 'Hopper', false, true);
INSERT INTO accounts_account VALUES (6, '!rHXF1Euy0NEIfVV0CkaNQZwhjHPznpXZPTsmn9tD', NULL, false, 'carl@corp.example', 'carl', 'Carl', '', false, true);
INSERT INTO accounts_account VALUES (7, '!I89QbaOjTuoZGCagAdlpJnjvtjtDFr2RKZbLjqHs', NULL, false, 'fay@example.com', 'FayBook', 'Fay', 'Book', false, true);
INSERT INTO accounts_account VALUES (8, '!uePzYHF0WJzANN25hdD20EIFR1o8fXaXdn9r10ZY', NULL, false, 'num@gmail.com', 'num', 'Num', '', false, true);
INSERT INTO accounts_account VALUES (9, 'pbkdf2_sha256$260000$saltsaltsalt0123456789$oHGdTU98BbvMbL5nBBJgnhxxb2Z+vbIBLy8Uupr4yn4=', NULL, false, 'no at sign', 'bad', 'Bad', '', false, true);
INSERT INTO accounts_account VALUES (10, 'pbkdf2_sha1$260000$saltsaltsalt0123456789$Fk1FQVlhegIyq8G/qpaUBeFWVPk=', NULL, false, 'odd@example.com', 'o	dd', '', '', false, true);
INSERT INTO accounts_account VALUES (11, 'md5$salt$0123456789abcdef0123456789abcdef', NULL, false, 'weird@example.com', 'weird', 'Weird', '', false, true);

INSERT INTO django_migrations VALUES (1, 'contenttypes', '0001_initial', '2024-01-02 03:04:05.678901+00');
INSERT INTO django_migrations VALUES (2, 'contenttypes', '0002_remove_content_type_name', '2024-01-02 03:04:05.678901+00');
INSERT INTO django_migrations VALUES (3, 'auth', '0001_initial', '2024-01-02 03:04:05.678901+00');
INSERT INTO django_migrations VALUES (4, 'auth', '0002_alter_permission_name_max_length', '2024-01-02 03:04:05.678901+00');
INSERT INTO django_migrations VALUES (5, 'auth', '0003_alter_user_email_max_length', '2024-01-02 03:04:05.678901+00');
INSERT INTO django_migrations VALUES (6, 'auth', '0004_alter_user_username_opts', '2024-01-02 03:04:05.678901+00');
INSERT INTO django_migrations VALUES (7, 'auth', '0005_alter_user_last_login_null', '2024-01-02 03:04:05.678901+00');
INSERT INTO django_migrations VALUES (8, 'auth', '0006_require_contenttypes_0002', '2024-01-02 03:04:05.678901+00');
INSERT INTO django_migrations VALUES (9, 'auth', '0007_alter_validators_add_error_messages', '2024-01-02 03:04:05.678901+00');
INSERT INTO django_migrations VALUES (10, 'auth', '0008_alter_user_username_max_length', '2024-01-02 03:04:05.678901+00');
INSERT INTO django_migrations VALUES (11, 'auth', '0009_alter_user_last_name_max_length', '2024-01-02 03:04:05.678901+00');
INSERT INTO django_migrations VALUES (12, 'auth', '0010_alter_group_name_max_length', '2024-01-02 03:04:05.678901+00');
INSERT INTO django_migrations VALUES (13, 'auth', '0011_update_proxy_permissions', '2024-01-02 03:04:05.678901+00');
INSERT INTO django_migrations VALUES (14, 'auth', '0012_alter_user_first_name_max_length', '2024-01-02 03:04:05.678901+00');
INSERT INTO django_migrations VALUES (15, 'accounts', '0001_initial', '2024-01-02 03:04:05.678901+00');
INSERT INTO django_migrations VALUES (16, 'oauth2_provider', '0001_initial', '2024-01-02 03:04:05.678901+00');
INSERT INTO django_migrations VALUES (17, 'oauth2_provider', '0002_auto_20190406_1805', '2024-01-02 03:04:05.678901+00');
INSERT INTO django_migrations VALUES (18, 'oauth2_provider', '0003_auto_20201211_1314', '2024-01-02 03:04:05.678901+00');
INSERT INTO django_migrations VALUES (19, 'oauth2_provider', '0004_auto_20200902_2022', '2024-01-02 03:04:05.678901+00');
INSERT INTO django_migrations VALUES (20, 'oauth2_provider', '0005_auto_20211222_2352', '2024-01-02 03:04:05.678901+00');
INSERT INTO django_migrations VALUES (21, 'default', '0001_initial', '2024-01-02 03:04:05.678901+00');
INSERT INTO django_migrations VALUES (22, 'social_auth', '0001_initial', '2024-01-02 03:04:05.678901+00');
INSERT INTO django_migrations VALUES (23, 'default', '0002_add_related_name', '2024-01-02 03:04:05.678901+00');
INSERT INTO django_migrations VALUES (24, 'social_auth', '0002_add_related_name', '2024-01-02 03:04:05.678901+00');
INSERT INTO django_migrations VALUES (25, 'default', '0003_alter_email_max_length', '2024-01-02 03:04:05.678901+00');
INSERT INTO django_migrations VALUES (26, 'social_auth', '0003_alter_email_max_length', '2024-01-02 03:04:05.678901+00');
INSERT INTO django_migrations VALUES (27, 'default', '0004_auto_20160423_0400', '2024-01-02 03:04:05.678901+00');
INSERT INTO django_migrations VALUES (28, 'social_auth', '0004_auto_20160423_0400', '2024-01-02 03:04:05.678901+00');
INSERT INTO django_migrations VALUES (29, 'social_auth', '0005_auto_20160727_2333', '2024-01-02 03:04:05.678901+00');
INSERT INTO django_migrations VALUES (30, 'social_django', '0006_partial', '2024-01-02 03:04:05.678901+00');
INSERT INTO django_migrations VALUES (31, 'social_django', '0007_code_timestamp', '2024-01-02 03:04:05.678901+00');
INSERT INTO django_migrations VALUES (32, 'social_django', '0008_partial_timestamp', '2024-01-02 03:04:05.678901+00');
INSERT INTO django_migrations VALUES (33, 'social_django', '0009_auto_20191118_0520', '2024-01-02 03:04:05.678901+00');
INSERT INTO django_migrations VALUES (34, 'social_django', '0010_uid_db_index', '2024-01-02 03:04:05.678901+00');
INSERT INTO django_migrations VALUES (35, 'social_django', '0005_auto_20160727_2333', '2024-01-02 03:04:05.678901+00');
INSERT INTO django_migrations VALUES (36, 'social_django', '0003_alter_email_max_length', '2024-01-02 03:04:05.678901+00');
INSERT INTO django_migrations VALUES (37, 'social_django', '0002_add_related_name', '2024-01-02 03:04:05.678901+00');
INSERT INTO django_migrations VALUES (38, 'social_django', '0001_initial', '2024-01-02 03:04:05.678901+00');
INSERT INTO django_migrations VALUES (39, 'social_django', '0004_auto_20160423_0400', '2024-01-02 03:04:05.678901+00');

INSERT INTO oauth2_provider_accesstoken VALUES (1, 'old-access-bo-1', '2024-06-01 00:00:00+00', 'read write', 1, 1, '2024-05-01 00:00:00+00', '2024-05-01 00:00:00+00', NULL, NULL);
INSERT INTO oauth2_provider_accesstoken VALUES (2, 'old-access-bo-read-1', '2024-06-01 00:00:00+00', 'read', 1, 1, '2024-05-01 00:00:00+00', '2024-05-01 00:00:00+00', NULL, NULL);
INSERT INTO oauth2_provider_accesstoken VALUES (3, 'old-access-bo-other-1', '2024-06-01 00:00:00+00', 'read write', 7, 1, '2024-05-01 00:00:00+00', '2024-05-01 00:00:00+00', NULL, NULL);
INSERT INTO oauth2_provider_accesstoken VALUES (4, 'old-access-bo-revoked-1', '2024-06-01 00:00:00+00', 'read write', 1, 1, '2024-05-01 00:00:00+00', '2024-05-01 00:00:00+00', NULL, NULL);
INSERT INTO oauth2_provider_accesstoken VALUES (5, 'old-access-bo-detached-1', '2024-06-01 00:00:00+00', 'read write', 1, 1, '2024-05-01 00:00:00+00', '2024-05-01 00:00:00+00', NULL, NULL);
INSERT INTO oauth2_provider_accesstoken VALUES (6, 'old-access-gone-1', '2024-06-01 00:00:00+00', 'read write', 1, 4, '2024-05-01 00:00:00+00', '2024-05-01 00:00:00+00', NULL, NULL);
INSERT INTO oauth2_provider_accesstoken VALUES (7, 'old-access-grace-1', '2024-06-01 00:00:00+00', 'read write', 1, 5, '2024-05-01 00:00:00+00', '2024-05-01 00:00:00+00', NULL, NULL);
INSERT INTO oauth2_provider_accesstoken VALUES (8, 'old-access-code-1', '2024-06-01 00:00:00+00', 'read write', 4, 1, '2024-05-01 00:00:00+00', '2024-05-01 00:00:00+00', NULL, NULL);
INSERT INTO oauth2_provider_accesstoken VALUES (9, 'old-access-bo-spare-1', '2024-06-01 00:00:00+00', 'read write', 1, 1, '2024-05-01 00:00:00+00', '2024-05-01 00:00:00+00', NULL, NULL);

INSERT INTO oauth2_provider_application VALUES (1, 'tutorial-frontend', 'https://app.example.com/cb http://evil.example.com/cb
https://two.example.com/', 'confidential', 'password', 'the-old-secret-of-the-tutorial-1-0123456789', 'Tutorial', 3, false, '2024-03-01 00:00:00+00', '2024-03-01 00:00:00+00', '');
INSERT INTO oauth2_provider_application VALUES (2, 'mobile', '', 'public', 'password', 'ignored', 'mobile', 3, false, '2024-03-01 00:00:00+00', '2024-03-01 00:00:00+00', '');
INSERT INTO oauth2_provider_application VALUES (3, 'robot', '', 'confidential', 'client-credentials', 'robot secret: with blanks, % and more', 'robot', 3, false, '2024-03-01 00:00:00+00', '2024-03-01 00:00:00+00', '');
INSERT INTO oauth2_provider_application VALUES (4, 'web-code', 'https://web.example.com/cb', 'confidential', 'authorization-code', 'another-secret-another-secret', 'web-code', 3, false, '2024-03-01 00:00:00+00', '2024-03-01 00:00:00+00', '');
INSERT INTO oauth2_provider_application VALUES (5, 'with:colon', '', 'confidential', 'password', 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx', 'with:colon', 3, false, '2024-03-01 00:00:00+00', '2024-03-01 00:00:00+00', '');
INSERT INTO oauth2_provider_application VALUES (6, '0b7ff2b6-4b5e-4f0a-9a59-6c3f0a2f7c11', '', 'confidential', 'password', 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx', '0b7ff2b6-4b5e-4f0a-9a59-6c3f0a2f7c11', 3, false, '2024-03-01 00:00:00+00', '2024-03-01 00:00:00+00', '');
INSERT INTO oauth2_provider_application VALUES (7, 'other-frontend', '', 'confidential', 'password', 'other-secret-0123456789-other-1', 'other-frontend', 3, false, '2024-03-01 00:00:00+00', '2024-03-01 00:00:00+00', '');

INSERT INTO oauth2_provider_refreshtoken VALUES (1, 'old-refresh-bo-1', 1, 1, 1, '2024-05-02 00:00:00+00', '2024-05-02 00:00:00+00', NULL);
INSERT INTO oauth2_provider_refreshtoken VALUES (2, 'old-refresh-bo-read-1', 2, 1, 1, '2024-05-02 00:00:00+00', '2024-05-02 00:00:00+00', NULL);
INSERT INTO oauth2_provider_refreshtoken VALUES (3, 'old-refresh-bo-other-1', 3, 7, 1, '2024-05-02 00:00:00+00', '2024-05-02 00:00:00+00', NULL);
INSERT INTO oauth2_provider_refreshtoken VALUES (4, 'old-refresh-bo-revoked-1', 4, 1, 1, '2024-05-02 00:00:00+00', '2024-05-02 00:00:00+00', '2024-05-01 00:00:00+00');
INSERT INTO oauth2_provider_refreshtoken VALUES (5, 'old-refresh-bo-detached-1', NULL, 1, 1, '2024-05-02 00:00:00+00', '2024-05-02 00:00:00+00', NULL);
INSERT INTO oauth2_provider_refreshtoken VALUES (6, 'old-refresh-gone-1', 6, 1, 4, '2024-05-02 00:00:00+00', '2024-05-02 00:00:00+00', NULL);
INSERT INTO oauth2_provider_refreshtoken VALUES (7, 'old-refresh-grace-1', 7, 1, 5, '2024-05-02 00:00:00+00', '2024-05-02 00:00:00+00', NULL);
INSERT INTO oauth2_provider_refreshtoken VALUES (8, 'old-refresh-code-1', 8, 4, 1, '2024-05-02 00:00:00+00', '2024-05-02 00:00:00+00', NULL);
INSERT INTO oauth2_provider_refreshtoken VALUES (9, 'old-refresh-bo-spare-1', 9, 1, 1, '2024-05-02 00:00:00+00', '2024-05-02 00:00:00+00', NULL);

INSERT INTO social_auth_usersocialauth VALUES (1, 'google-oauth2', 'grace@gmail.com', '{"access_token": "provider-token-of-grace@gmail.com"}', 5, '2024-04-01 00:00:00+00', '2024-04-01 00:00:00+00');
INSERT INTO social_auth_usersocialauth VALUES (2, 'google-oauth2', 'carl@corp.example', '{"access_token": "provider-token-of-carl@corp.example"}', 6, '2024-04-01 00:00:00+00', '2024-04-01 00:00:00+00');
INSERT INTO social_auth_usersocialauth VALUES (3, 'google-oauth2', '117000000000000000001', '{"access_token": "provider-token-of-117000000000000000001"}', 8, '2024-04-01 00:00:00+00', '2024-04-01 00:00:00+00');
INSERT INTO social_auth_usersocialauth VALUES (4, 'facebook', '1509', '{"access_token": "provider-token-of-1509"}', 7, '2024-04-01 00:00:00+00', '2024-04-01 00:00:00+00');
INSERT INTO social_auth_usersocialauth VALUES (5, 'github', '583231', '{"access_token": "provider-token-of-583231"}', 1, '2024-04-01 00:00:00+00', '2024-04-01 00:00:00+00');
INSERT INTO social_auth_usersocialauth VALUES (6, 'google-oauth2', 'not an address', '{"access_token": "provider-token-of-not an address"}', 1, '2024-04-01 00:00:00+00', '2024-04-01 00:00:00+00');

ALTER TABLE ONLY accounts_account
    ADD CONSTRAINT accounts_account_email_key UNIQUE (email);

ALTER TABLE ONLY accounts_account
    ADD CONSTRAINT accounts_account_pkey PRIMARY KEY (id);

ALTER TABLE ONLY django_migrations
    ADD CONSTRAINT django_migrations_pkey PRIMARY KEY (id);

ALTER TABLE ONLY oauth2_provider_accesstoken
    ADD CONSTRAINT oauth2_provider_accesstoken_id_token_id_key UNIQUE (id_token_id);

ALTER TABLE ONLY oauth2_provider_accesstoken
    ADD CONSTRAINT oauth2_provider_accesstoken_pkey PRIMARY KEY (id);

ALTER TABLE ONLY oauth2_provider_accesstoken
    ADD CONSTRAINT oauth2_provider_accesstoken_source_refresh_token_id_key UNIQUE (source_refresh_token_id);

ALTER TABLE ONLY oauth2_provider_accesstoken
    ADD CONSTRAINT oauth2_provider_accesstoken_token_key UNIQUE (token);

ALTER TABLE ONLY oauth2_provider_application
    ADD CONSTRAINT oauth2_provider_application_client_id_key UNIQUE (client_id);

ALTER TABLE ONLY oauth2_provider_application
    ADD CONSTRAINT oauth2_provider_application_pkey PRIMARY KEY (id);

ALTER TABLE ONLY oauth2_provider_refreshtoken
    ADD CONSTRAINT oauth2_provider_refreshtoken_access_token_id_key UNIQUE (access_token_id);

ALTER TABLE ONLY oauth2_provider_refreshtoken
    ADD CONSTRAINT oauth2_provider_refreshtoken_pkey PRIMARY KEY (id);

ALTER TABLE ONLY oauth2_provider_refreshtoken
    ADD CONSTRAINT oauth2_provider_refreshtoken_token_revoked_af8a5134_uniq UNIQUE (token, revoked);

ALTER TABLE ONLY social_auth_usersocialauth
    ADD CONSTRAINT social_auth_usersocialauth_pkey PRIMARY KEY (id);

ALTER TABLE ONLY social_auth_usersocialauth
    ADD CONSTRAINT social_auth_usersocialauth_provider_uid_e6b5e668_uniq UNIQUE (provider, uid);

CREATE INDEX accounts_account_email_348850e2_like ON accounts_account USING btree (email varchar_pattern_ops);
CREATE INDEX oauth2_provider_accesstoken_application_id_b22886e1 ON oauth2_provider_accesstoken USING btree (application_id);
CREATE INDEX oauth2_provider_accesstoken_token_8af090f8_like ON oauth2_provider_accesstoken USING btree (token varchar_pattern_ops);
CREATE INDEX oauth2_provider_accesstoken_user_id_6e4c9a65 ON oauth2_provider_accesstoken USING btree (user_id);
CREATE INDEX oauth2_provider_application_client_id_03f0cc84_like ON oauth2_provider_application USING btree (client_id varchar_pattern_ops);
CREATE INDEX oauth2_provider_application_client_secret_53133678 ON oauth2_provider_application USING btree (client_secret);
CREATE INDEX oauth2_provider_application_client_secret_53133678_like ON oauth2_provider_application USING btree (client_secret varchar_pattern_ops);
CREATE INDEX oauth2_provider_application_user_id_79829054 ON oauth2_provider_application USING btree (user_id);
CREATE INDEX oauth2_provider_refreshtoken_application_id_2d1c311b ON oauth2_provider_refreshtoken USING btree (application_id);
CREATE INDEX oauth2_provider_refreshtoken_user_id_da837fce ON oauth2_provider_refreshtoken USING btree (user_id);
CREATE INDEX social_auth_usersocialauth_uid_796e51dc ON social_auth_usersocialauth USING btree (uid);
CREATE INDEX social_auth_usersocialauth_uid_796e51dc_like ON social_auth_usersocialauth USING btree (uid varchar_pattern_ops);
CREATE INDEX social_auth_usersocialauth_user_id_17d28448 ON social_auth_usersocialauth USING btree (user_id);

ALTER TABLE ONLY oauth2_provider_accesstoken
    ADD CONSTRAINT oauth2_provider_acce_application_id_b22886e1_fk_oauth2_pr FOREIGN KEY (application_id) REFERENCES oauth2_provider_application(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY oauth2_provider_accesstoken
    ADD CONSTRAINT oauth2_provider_acce_source_refresh_token_e66fbc72_fk_oauth2_pr FOREIGN KEY (source_refresh_token_id) REFERENCES oauth2_provider_refreshtoken(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY oauth2_provider_accesstoken
    ADD CONSTRAINT oauth2_provider_acce_user_id_6e4c9a65_fk_accounts_ FOREIGN KEY (user_id) REFERENCES accounts_account(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY oauth2_provider_application
    ADD CONSTRAINT oauth2_provider_appl_user_id_79829054_fk_accounts_ FOREIGN KEY (user_id) REFERENCES accounts_account(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY oauth2_provider_refreshtoken
    ADD CONSTRAINT oauth2_provider_refr_access_token_id_775e84e8_fk_oauth2_pr FOREIGN KEY (access_token_id) REFERENCES oauth2_provider_accesstoken(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY oauth2_provider_refreshtoken
    ADD CONSTRAINT oauth2_provider_refr_application_id_2d1c311b_fk_oauth2_pr FOREIGN KEY (application_id) REFERENCES oauth2_provider_application(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY oauth2_provider_refreshtoken
    ADD CONSTRAINT oauth2_provider_refr_user_id_da837fce_fk_accounts_ FOREIGN KEY (user_id) REFERENCES accounts_account(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY social_auth_usersocialauth
    ADD CONSTRAINT social_auth_usersoci_user_id_17d28448_fk_accounts_ FOREIGN KEY (user_id) REFERENCES accounts_account(id) DEFERRABLE INITIALLY DEFERRED;
