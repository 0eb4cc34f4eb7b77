package opsql

import (
	"context"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/sqldb"
	"github.com/oidckit/oidckit/provider/opstore"
)

type codes struct{ *realm }

const (
	createCode = `INSERT INTO oidckit_op_code (issuer, hash, spent, keep_until, ends_at, doc) VALUES (?, ?, 0, ?, ?, ?)
		ON CONFLICT (issuer, hash) DO UPDATE SET spent = 0, keep_until = excluded.keep_until, ends_at = excluded.ends_at, doc = excluded.doc
		WHERE oidckit_op_code.ends_at <= ?`
	findCode    = `SELECT spent, doc FROM oidckit_op_code WHERE issuer = ? AND hash = ? AND ends_at > ?`
	consumeCode = `UPDATE oidckit_op_code SET spent = 1, ends_at = keep_until
		WHERE issuer = ? AND hash = ? AND spent = 0 AND ends_at > ? RETURNING doc`
)

func (s codes) CreateCode(ctx context.Context, c *opstore.Code) error {
	doc, err := sqldb.Pack(codeFormat, newCodeDoc(c))
	if err != nil {
		return wrap("create code", err)
	}
	ends := c.ExpiresAt.UnixMicro()
	n, err := s.db.Exec(ctx, createCode, s.issuer, c.Hash.String(), max(ends, c.KeepUntil.UnixMicro()), ends, doc, sqldb.Now())
	if err != nil {
		return wrap("create code", err)
	}
	if n == 0 {
		return oidckit.ErrConflict
	}
	s.db.Wrote(ctx, tableCode)
	return nil
}

func (s codes) Code(ctx context.Context, hash oidckit.TokenHash) (*opstore.Code, error) {
	c, spent, err := s.find(ctx, hash)
	if err == nil && spent {
		return c.Spent(), oidckit.ErrConsumed
	}
	return c, wrap("find code", err)
}

func (s codes) ConsumeCode(ctx context.Context, hash oidckit.TokenHash) (*opstore.Code, error) {
	var doc string
	found, err := sqldb.One(ctx, s.db, consumeCode, []any{&doc}, s.issuer, hash.String(), sqldb.Now())
	if err != nil {
		return nil, wrap("consume code", err)
	}
	if found {
		return s.read(hash, doc)
	}
	c, spent, err := s.find(ctx, hash)
	switch {
	case err != nil:
		return nil, wrap("consume code", err)
	case spent:
		return c.Spent(), oidckit.ErrConsumed
	default:
		// Created after it was not found to be spent.
		return nil, oidckit.ErrNotFound
	}
}

func (s codes) find(ctx context.Context, hash oidckit.TokenHash) (c *opstore.Code, spent bool, err error) {
	var mark int64
	var doc string
	found, err := sqldb.One(ctx, s.db, findCode, []any{&mark, &doc}, s.issuer, hash.String(), sqldb.Now())
	if err != nil {
		return nil, false, err
	}
	if !found {
		return nil, false, oidckit.ErrNotFound
	}
	c, err = s.read(hash, doc)
	return c, mark != 0, err
}

func (s codes) read(hash oidckit.TokenHash, doc string) (*opstore.Code, error) {
	var d codeDoc
	if err := s.unpack(tableCode, doc, codeFormat, &d); err != nil {
		return nil, err
	}
	return &opstore.Code{
		Hash:          hash,
		ClientID:      d.ClientID,
		RedirectURI:   d.RedirectURI,
		CodeChallenge: d.CodeChallenge,
		Authorization: d.Authorization.record(),
		CreatedAt:     d.CreatedAt,
		ExpiresAt:     d.ExpiresAt,
		KeepUntil:     d.KeepUntil,
	}, nil
}

const codeFormat = 1

type codeDoc struct {
	ClientID      string           `json:"client_id"`
	RedirectURI   string           `json:"redirect_uri"`
	CodeChallenge string           `json:"code_challenge,omitempty"`
	Authorization authorizationDoc `json:"authorization"`
	CreatedAt     time.Time        `json:"created_at"`
	ExpiresAt     time.Time        `json:"expires_at"`
	KeepUntil     time.Time        `json:"keep_until"`
}

func newCodeDoc(c *opstore.Code) codeDoc {
	return codeDoc{
		ClientID:      c.ClientID,
		RedirectURI:   c.RedirectURI,
		CodeChallenge: c.CodeChallenge,
		Authorization: newAuthorizationDoc(&c.Authorization),
		CreatedAt:     c.CreatedAt.UTC(),
		ExpiresAt:     c.ExpiresAt.UTC(),
		KeepUntil:     c.KeepUntil.UTC(),
	}
}

// authorizationDoc is part of the documents of codes and grants; when it
// changes, both formats do.
type authorizationDoc struct {
	GrantID   string    `json:"grant_id"`
	Subject   string    `json:"sub,omitempty"`
	SessionID string    `json:"sid,omitempty"`
	Scope     []string  `json:"scope,omitempty"`
	Resource  []string  `json:"resource,omitempty"`
	Nonce     string    `json:"nonce,omitempty"`
	AuthTime  time.Time `json:"auth_time,omitzero"`
	ACR       string    `json:"acr,omitempty"`
	AMR       []string  `json:"amr,omitempty"`

	UserinfoClaims []string `json:"userinfo_claims,omitempty"`
	IDTokenClaims  []string `json:"id_token_claims,omitempty"`
	ClaimsLocales  []string `json:"claims_locales,omitempty"`
}

func newAuthorizationDoc(a *opstore.Authorization) authorizationDoc {
	return authorizationDoc{
		GrantID:   a.GrantID,
		Subject:   a.Subject,
		SessionID: a.SessionID,
		Scope:     a.Scope,
		Resource:  a.Resource,
		Nonce:     a.Nonce,
		AuthTime:  a.AuthTime.UTC(),
		ACR:       a.ACR,
		AMR:       a.AMR,

		UserinfoClaims: a.UserinfoClaims,
		IDTokenClaims:  a.IDTokenClaims,
		ClaimsLocales:  a.ClaimsLocales,
	}
}

func (d authorizationDoc) record() opstore.Authorization {
	return opstore.Authorization{
		GrantID:   d.GrantID,
		Subject:   d.Subject,
		SessionID: d.SessionID,
		Scope:     d.Scope,
		Resource:  d.Resource,
		Nonce:     d.Nonce,
		AuthTime:  d.AuthTime,
		ACR:       d.ACR,
		AMR:       d.AMR,

		UserinfoClaims: d.UserinfoClaims,
		IDTokenClaims:  d.IDTokenClaims,
		ClaimsLocales:  d.ClaimsLocales,
	}
}
