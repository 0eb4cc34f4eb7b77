-- Upstream identity providers. They have no end. The settings are in doc, but
-- for is_default and version, which also change alone and have only their
-- columns. shown is 1 where people may choose the provider.

CREATE TABLE oidckit_rp_identity_provider (
	tenant TEXT NOT NULL,
	uuid TEXT NOT NULL,
	identifier TEXT NOT NULL,
	shown BIGINT NOT NULL,
	is_default BIGINT NOT NULL,
	created_at BIGINT NOT NULL,
	version BIGINT NOT NULL,
	doc TEXT NOT NULL,
	PRIMARY KEY (tenant, uuid)
);
CREATE UNIQUE INDEX oidckit_rp_identity_provider_identifier ON oidckit_rp_identity_provider (tenant, identifier);
CREATE INDEX oidckit_rp_identity_provider_created ON oidckit_rp_identity_provider (tenant, created_at, uuid);
CREATE INDEX oidckit_rp_identity_provider_shown ON oidckit_rp_identity_provider (tenant, shown, created_at, uuid);
CREATE UNIQUE INDEX oidckit_rp_identity_provider_default ON oidckit_rp_identity_provider (tenant) WHERE is_default = 1;

-- The e-mail domains of each.
CREATE TABLE oidckit_rp_identity_provider_domain (
	tenant TEXT NOT NULL,
	domain TEXT NOT NULL,
	uuid TEXT NOT NULL,
	PRIMARY KEY (tenant, domain, uuid)
);
CREATE INDEX oidckit_rp_identity_provider_domain_uuid ON oidckit_rp_identity_provider_domain (tenant, uuid);

-- A row is locked by whoever makes a provider of its tenant the default one.
CREATE TABLE oidckit_rp_identity_provider_turn (
	tenant TEXT NOT NULL PRIMARY KEY,
	turn BIGINT NOT NULL
);
