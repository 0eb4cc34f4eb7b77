-- Clients that were registered while the issuer runs. They do not end.
CREATE TABLE oidckit_op_client (
	issuer TEXT NOT NULL,
	client_id TEXT NOT NULL,
	version BIGINT NOT NULL,
	doc TEXT NOT NULL,
	PRIMARY KEY (issuer, client_id)
);

CREATE TABLE oidckit_op_access_token (
	issuer TEXT NOT NULL,
	hash TEXT NOT NULL,
	ends_at BIGINT NOT NULL,
	doc TEXT NOT NULL,
	PRIMARY KEY (issuer, hash)
);
CREATE INDEX oidckit_op_access_token_ends ON oidckit_op_access_token (ends_at);

CREATE TABLE oidckit_op_delivery (
	issuer TEXT NOT NULL,
	id TEXT NOT NULL,
	attempts BIGINT NOT NULL,
	next_at BIGINT NOT NULL,
	ends_at BIGINT NOT NULL,
	doc TEXT NOT NULL,
	PRIMARY KEY (issuer, id)
);
CREATE INDEX oidckit_op_delivery_next ON oidckit_op_delivery (issuer, next_at);
CREATE INDEX oidckit_op_delivery_ends ON oidckit_op_delivery (ends_at);
