package opsql

import (
	"context"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/sqldb"
	"github.com/oidckit/oidckit/provider/opstore"
)

type accessTokens struct{ *realm }

const (
	createAccessToken = `INSERT INTO oidckit_op_access_token (issuer, hash, ends_at, doc) VALUES (?, ?, ?, ?)
		ON CONFLICT (issuer, hash) DO UPDATE SET ends_at = excluded.ends_at, doc = excluded.doc
		WHERE oidckit_op_access_token.ends_at <= ?`
	findAccessToken = `SELECT doc FROM oidckit_op_access_token WHERE issuer = ? AND hash = ? AND ends_at > ?`
)

func (s accessTokens) CreateAccessToken(ctx context.Context, t *opstore.AccessToken) error {
	doc, err := sqldb.Pack(accessTokenFormat, newAccessTokenDoc(t))
	if err != nil {
		return wrap("create access token", err)
	}
	n, err := s.db.Exec(ctx, createAccessToken, s.issuer, t.Hash.String(), t.ExpiresAt.UnixMicro(), doc, sqldb.Now())
	if err != nil {
		return wrap("create access token", err)
	}
	if n == 0 {
		return oidckit.ErrConflict
	}
	s.db.Wrote(ctx, tableAccessToken)
	return nil
}

func (s accessTokens) AccessToken(ctx context.Context, hash oidckit.TokenHash) (*opstore.AccessToken, error) {
	var doc string
	found, err := sqldb.One(ctx, s.db, findAccessToken, []any{&doc}, s.issuer, hash.String(), sqldb.Now())
	if err != nil {
		return nil, wrap("find access token", err)
	}
	if !found {
		return nil, oidckit.ErrNotFound
	}
	var d accessTokenDoc
	if err := s.unpack(tableAccessToken, doc, accessTokenFormat, &d); err != nil {
		return nil, err
	}
	return d.record(hash), nil
}

const accessTokenFormat = 1

type accessTokenDoc struct {
	ID            string           `json:"jti"`
	ClientID      string           `json:"client_id"`
	Authorization authorizationDoc `json:"authorization"`
	Subject       string           `json:"sub"`
	Audience      []string         `json:"aud,omitempty"`
	Scope         []string         `json:"scope,omitempty"`
	IssuedAt      time.Time        `json:"issued_at"`
	ExpiresAt     time.Time        `json:"expires_at"`
}

func newAccessTokenDoc(t *opstore.AccessToken) accessTokenDoc {
	return accessTokenDoc{
		ID:            t.ID,
		ClientID:      t.ClientID,
		Authorization: newAuthorizationDoc(&t.Authorization),
		Subject:       t.Subject,
		Audience:      t.Audience,
		Scope:         t.Scope,
		IssuedAt:      t.IssuedAt.UTC(),
		ExpiresAt:     t.ExpiresAt.UTC(),
	}
}

func (d accessTokenDoc) record(hash oidckit.TokenHash) *opstore.AccessToken {
	return &opstore.AccessToken{
		Hash:          hash,
		ID:            d.ID,
		ClientID:      d.ClientID,
		Authorization: d.Authorization.record(),
		Subject:       d.Subject,
		Audience:      d.Audience,
		Scope:         d.Scope,
		IssuedAt:      d.IssuedAt,
		ExpiresAt:     d.ExpiresAt,
	}
}
