-- What every table has: the tenant first in its key, and in ends_at when the
-- row ends, in microseconds since 1970. Bearer values are kept as their
-- hashes, records as documents with a format number; what is selected on has a
-- column of its own.

CREATE TABLE oidckit_rp_session (
	tenant TEXT NOT NULL,
	handle TEXT NOT NULL,
	issuer TEXT NOT NULL,
	client_id TEXT NOT NULL,
	subject TEXT NOT NULL,
	session_id TEXT NOT NULL,
	version BIGINT NOT NULL,
	ends_at BIGINT NOT NULL,
	doc TEXT NOT NULL,
	PRIMARY KEY (tenant, handle)
);
CREATE INDEX oidckit_rp_session_subject ON oidckit_rp_session (tenant, subject);
CREATE INDEX oidckit_rp_session_session ON oidckit_rp_session (tenant, session_id);
CREATE INDEX oidckit_rp_session_ends ON oidckit_rp_session (ends_at);

-- value is base64.
CREATE TABLE oidckit_rp_browser_session (
	tenant TEXT NOT NULL,
	hash TEXT NOT NULL,
	ends_at BIGINT NOT NULL,
	value TEXT NOT NULL,
	PRIMARY KEY (tenant, hash)
);
CREATE INDEX oidckit_rp_browser_session_ends ON oidckit_rp_browser_session (ends_at);

-- realm is the tenant.
CREATE TABLE oidckit_rp_replay (
	realm TEXT NOT NULL,
	hash TEXT NOT NULL,
	ends_at BIGINT NOT NULL,
	PRIMARY KEY (realm, hash)
);
CREATE INDEX oidckit_rp_replay_ends ON oidckit_rp_replay (ends_at);
