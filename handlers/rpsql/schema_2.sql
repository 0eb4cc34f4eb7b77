-- Whose account at the app belongs to whom at an identity provider. A link has
-- no end.

CREATE TABLE oidckit_rp_account_link (
	tenant TEXT NOT NULL,
	issuer TEXT NOT NULL,
	subject TEXT NOT NULL,
	account TEXT NOT NULL,
	created_at BIGINT NOT NULL,
	doc TEXT NOT NULL,
	PRIMARY KEY (tenant, issuer, subject)
);
CREATE INDEX oidckit_rp_account_link_account ON oidckit_rp_account_link (tenant, account, created_at);
