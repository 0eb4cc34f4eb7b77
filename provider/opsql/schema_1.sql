-- What every table has: the issuer first in its key, and in ends_at when the
-- row ends, in microseconds since 1970. Bearer values are kept as their
-- hashes, records as documents with a format number; what is selected on has a
-- column of its own.

CREATE TABLE oidckit_op_code (
	issuer TEXT NOT NULL,
	hash TEXT NOT NULL,
	spent BIGINT NOT NULL,
	keep_until BIGINT NOT NULL,
	ends_at BIGINT NOT NULL,
	doc TEXT NOT NULL,
	PRIMARY KEY (issuer, hash)
);
CREATE INDEX oidckit_op_code_ends ON oidckit_op_code (ends_at);

-- revoked: 0 is a grant; 1 and 2 are the memory that its ID was revoked, when
-- there was none (1) or a live one (2).
CREATE TABLE oidckit_op_grant (
	issuer TEXT NOT NULL,
	id TEXT NOT NULL,
	client_id TEXT NOT NULL,
	subject TEXT NOT NULL,
	session_id TEXT NOT NULL,
	revoked BIGINT NOT NULL,
	ends_at BIGINT NOT NULL,
	doc TEXT NOT NULL,
	PRIMARY KEY (issuer, id)
);
CREATE INDEX oidckit_op_grant_subject ON oidckit_op_grant (issuer, subject);
CREATE INDEX oidckit_op_grant_session ON oidckit_op_grant (issuer, session_id);
CREATE INDEX oidckit_op_grant_ends ON oidckit_op_grant (ends_at);

-- ends_at is never later than the grant's, so that no token outlives it.
CREATE TABLE oidckit_op_refresh_token (
	issuer TEXT NOT NULL,
	hash TEXT NOT NULL,
	grant_id TEXT NOT NULL,
	spent BIGINT NOT NULL,
	ends_at BIGINT NOT NULL,
	doc TEXT NOT NULL,
	PRIMARY KEY (issuer, hash)
);
CREATE INDEX oidckit_op_refresh_token_grant ON oidckit_op_refresh_token (issuer, grant_id);
CREATE INDEX oidckit_op_refresh_token_ends ON oidckit_op_refresh_token (ends_at);

CREATE TABLE oidckit_op_session (
	issuer TEXT NOT NULL,
	id TEXT NOT NULL,
	handle TEXT NOT NULL,
	subject TEXT NOT NULL,
	identity_provider TEXT NOT NULL,
	version BIGINT NOT NULL,
	ends_at BIGINT NOT NULL,
	doc TEXT NOT NULL,
	PRIMARY KEY (issuer, id)
);
CREATE UNIQUE INDEX oidckit_op_session_handle ON oidckit_op_session (issuer, handle);
CREATE INDEX oidckit_op_session_subject ON oidckit_op_session (issuer, subject);
CREATE INDEX oidckit_op_session_ends ON oidckit_op_session (ends_at);

CREATE TABLE oidckit_op_interaction (
	issuer TEXT NOT NULL,
	hash TEXT NOT NULL,
	session_id TEXT NOT NULL,
	ends_at BIGINT NOT NULL,
	doc TEXT NOT NULL,
	PRIMARY KEY (issuer, hash)
);
CREATE INDEX oidckit_op_interaction_ends ON oidckit_op_interaction (ends_at);

CREATE TABLE oidckit_op_consent (
	issuer TEXT NOT NULL,
	subject TEXT NOT NULL,
	client_id TEXT NOT NULL,
	ends_at BIGINT NOT NULL,
	doc TEXT NOT NULL,
	PRIMARY KEY (issuer, subject, client_id)
);
CREATE INDEX oidckit_op_consent_ends ON oidckit_op_consent (ends_at);

CREATE TABLE oidckit_op_key (
	issuer TEXT NOT NULL,
	id TEXT NOT NULL,
	ends_at BIGINT NOT NULL,
	doc TEXT NOT NULL,
	PRIMARY KEY (issuer, id)
);
CREATE INDEX oidckit_op_key_ends ON oidckit_op_key (ends_at);

-- A generation stays taken when its key is gone: one row for each rotation.
CREATE TABLE oidckit_op_key_generation (
	issuer TEXT NOT NULL,
	algorithm TEXT NOT NULL,
	generation BIGINT NOT NULL,
	PRIMARY KEY (issuer, algorithm, generation)
);

CREATE TABLE oidckit_op_user (
	issuer TEXT NOT NULL,
	subject TEXT NOT NULL,
	username TEXT NOT NULL,
	version BIGINT NOT NULL,
	doc TEXT NOT NULL,
	PRIMARY KEY (issuer, subject)
);
CREATE UNIQUE INDEX oidckit_op_user_username ON oidckit_op_user (issuer, username) WHERE username <> '';

CREATE TABLE oidckit_op_revocation (
	issuer TEXT NOT NULL,
	id TEXT NOT NULL,
	ends_at BIGINT NOT NULL,
	PRIMARY KEY (issuer, id)
);
CREATE INDEX oidckit_op_revocation_ends ON oidckit_op_revocation (ends_at);

-- realm is the issuer.
CREATE TABLE oidckit_op_replay (
	realm TEXT NOT NULL,
	hash TEXT NOT NULL,
	ends_at BIGINT NOT NULL,
	PRIMARY KEY (realm, hash)
);
CREATE INDEX oidckit_op_replay_ends ON oidckit_op_replay (ends_at);
