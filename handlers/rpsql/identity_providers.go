package rpsql

import (
	"context"
	"fmt"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/handlers/rpstore"
	"github.com/oidckit/oidckit/internal/sqldb"
)

type identityProviders struct{ *realm }

const (
	findProvider = `SELECT version, is_default, doc FROM oidckit_rp_identity_provider WHERE tenant = ? AND uuid = ?`
	// listMany does not read the doc of rows that are passed over. In listFew
	// created_at + 0 keeps the planner from walking all of a tenant's in order.
	listMany = `SELECT version, is_default, doc FROM oidckit_rp_identity_provider WHERE tenant = ? AND uuid IN
		(SELECT uuid FROM oidckit_rp_identity_provider WHERE tenant = ?%s ORDER BY created_at, uuid LIMIT ? OFFSET ?)
		ORDER BY created_at + 0, uuid`
	listFew = `SELECT version, is_default, doc FROM oidckit_rp_identity_provider WHERE tenant = ?%s
		ORDER BY created_at + 0, uuid LIMIT ? OFFSET ?`
	countProviders = `SELECT count(*) FROM oidckit_rp_identity_provider WHERE tenant = ?`

	takeTurn = `INSERT INTO oidckit_rp_identity_provider_turn (tenant, turn) VALUES (?, 1)
		ON CONFLICT (tenant) DO UPDATE SET turn = oidckit_rp_identity_provider_turn.turn + 1`
	dropDefault = `UPDATE oidckit_rp_identity_provider SET is_default = 0, version = version + 1
		WHERE tenant = ? AND is_default = 1 AND uuid <> ?`
	createProvider = `INSERT INTO oidckit_rp_identity_provider (identifier, shown, is_default, doc, tenant, uuid, created_at, version)
		VALUES (?, ?, ?, ?, ?, ?, ?, 1) ON CONFLICT DO NOTHING`
	updateProvider = `UPDATE oidckit_rp_identity_provider SET identifier = ?, shown = ?, is_default = ?, doc = ?, version = version + 1
		WHERE tenant = ? AND uuid = ? AND version = ?`
	providerVersion = `SELECT version FROM oidckit_rp_identity_provider WHERE tenant = ? AND uuid = ?`
	providerCreated = `SELECT created_at FROM oidckit_rp_identity_provider WHERE tenant = ? AND uuid = ? AND version = ?`
	deleteProvider  = `DELETE FROM oidckit_rp_identity_provider WHERE tenant = ? AND uuid = ? AND version = ?`

	dropDomains = `DELETE FROM oidckit_rp_identity_provider_domain WHERE tenant = ? AND uuid = ?`
	addDomain   = `INSERT INTO oidckit_rp_identity_provider_domain (tenant, domain, uuid) VALUES (?, ?, ?) ON CONFLICT DO NOTHING`
)

func (s identityProviders) IdentityProvider(ctx context.Context, uuid string) (*rpstore.IdentityProvider, error) {
	var row providerRow
	found, err := sqldb.One(ctx, s.db, findProvider, row.dest(), s.tenant, sqldb.Key(uuid))
	if err != nil {
		return nil, wrap("find identity provider", err)
	}
	if !found {
		return nil, oidckit.ErrNotFound
	}
	return s.record(row)
}

func (s identityProviders) ListIdentityProviders(ctx context.Context, sel rpstore.IdentityProviderSelector, start, count int) ([]rpstore.IdentityProvider, int, error) {
	where, args := s.where(sel)
	var total int64
	if _, err := sqldb.One(ctx, s.db, countProviders+where, []any{&total}, args...); err != nil {
		return nil, 0, wrap("count identity providers", err)
	}
	if count <= 0 {
		return nil, int(total), nil
	}
	query := listFew
	if sel.Identifier == "" && sel.Domain == "" && !sel.Default {
		query, args = listMany, append([]any{s.tenant}, args...)
	}
	rows, err := sqldb.All(ctx, s.db, fmt.Sprintf(query, where), func(r sqldb.Row) (row providerRow, err error) {
		err = r.Scan(row.dest()...)
		return row, err
	}, append(args, count, max(start, 0))...)
	if err != nil {
		return nil, 0, wrap("list identity providers", err)
	}
	page := make([]rpstore.IdentityProvider, 0, len(rows))
	for _, row := range rows {
		// One that cannot be read is reported, and does not hide the others.
		if p, err := s.record(row); err == nil {
			page = append(page, *p)
		}
	}
	return page, int(total), nil
}

// where returns the conditions of a selector, and all arguments up to there.
func (s identityProviders) where(sel rpstore.IdentityProviderSelector) (text string, args []any) {
	args = []any{s.tenant}
	if sel.Identifier != "" {
		text, args = text+" AND identifier = ?", append(args, sqldb.Key(sel.Identifier))
	}
	if sel.Domain != "" {
		text += " AND uuid IN (SELECT uuid FROM oidckit_rp_identity_provider_domain WHERE tenant = ? AND domain = ?)"
		args = append(args, s.tenant, sqldb.Key(sel.Domain))
	}
	if sel.Default {
		text += " AND is_default = 1"
	}
	if sel.Shown {
		text += " AND shown = 1"
	}
	return text, args
}

func (s identityProviders) PutIdentityProvider(ctx context.Context, p *rpstore.IdentityProvider) error {
	err := s.db.Tx(ctx, func(tx *sqldb.Tx) error { return s.put(ctx, tx, p) })
	if sqldb.IsUnique(err) {
		err = oidckit.ErrConflict
	}
	if err != nil {
		return wrap("put identity provider", err)
	}
	p.Version++
	return nil
}

func (s identityProviders) put(ctx context.Context, tx *sqldb.Tx, p *rpstore.IdentityProvider) error {
	uuid := sqldb.Key(p.UUID)
	if p.Default {
		// Two that take it at once would not see each other's.
		if _, err := tx.Exec(ctx, takeTurn, s.tenant); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, dropDefault, s.tenant, uuid); err != nil {
			return err
		}
	}
	d := newProviderDoc(p)
	created := p.CreatedAt.UnixMicro()
	query, last := createProvider, any(created)
	if p.Version != 0 {
		query, last = updateProvider, p.Version
		if _, err := sqldb.One(ctx, tx, providerCreated, []any{&created}, s.tenant, uuid, p.Version); err != nil {
			return err
		}
		d.CreatedAt = time.UnixMicro(created).UTC()
	}
	doc, err := sqldb.Pack(providerFormat, d)
	if err != nil {
		return err
	}
	n, err := tx.Exec(ctx, query, sqldb.Key(p.Identifier), bit(p.ShowIDPToUsers && !p.Disabled), bit(p.Default), doc, s.tenant, uuid, last)
	switch {
	case err != nil:
		return err
	case n == 0 && p.Version == 0:
		return oidckit.ErrConflict
	case n == 0:
		return s.missed(ctx, tx, uuid)
	}
	if _, err := tx.Exec(ctx, dropDomains, s.tenant, uuid); err != nil {
		return err
	}
	for _, domain := range p.Domains {
		if _, err := tx.Exec(ctx, addDomain, s.tenant, sqldb.Key(domain), uuid); err != nil {
			return err
		}
	}
	return nil
}

func bit(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// missed says why a statement has found no provider of a version.
func (s identityProviders) missed(ctx context.Context, r sqldb.Runner, uuid string) error {
	var version int64
	found, err := sqldb.One(ctx, r, providerVersion, []any{&version}, s.tenant, uuid)
	switch {
	case err != nil:
		return err
	case found:
		return oidckit.ErrConflict
	}
	return oidckit.ErrNotFound
}

func (s identityProviders) DeleteIdentityProvider(ctx context.Context, uuid string, version int64) error {
	key := sqldb.Key(uuid)
	return wrap("delete identity provider", s.db.Tx(ctx, func(tx *sqldb.Tx) error {
		n, err := tx.Exec(ctx, deleteProvider, s.tenant, key, version)
		if err == nil && n == 0 {
			err = s.missed(ctx, tx, key)
		}
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, dropDomains, s.tenant, key)
		return err
	}))
}

type providerRow struct {
	version, isDefault int64
	doc                string
}

func (r *providerRow) dest() []any { return []any{&r.version, &r.isDefault, &r.doc} }

func (s identityProviders) record(row providerRow) (*rpstore.IdentityProvider, error) {
	var d providerDoc
	if err := sqldb.Unpack(row.doc, providerFormat, &d); err != nil {
		return nil, s.unreadable(tableIdentityProvider, err)
	}
	return d.record(row.version, row.isDefault == 1), nil
}
