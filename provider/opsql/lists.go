package opsql

import (
	"context"

	"github.com/oidckit/oidckit/internal/sqldb"
	"github.com/oidckit/oidckit/provider/opstore"
)

const (
	listSessions = `SELECT version, doc FROM oidckit_op_session WHERE issuer = ? AND ends_at > ?`
	listGrants   = `SELECT doc FROM oidckit_op_grant WHERE issuer = ? AND revoked = 0 AND ends_at > ?`
	listConsents = `SELECT doc FROM oidckit_op_consent WHERE issuer = ? AND subject = ? AND ends_at > ?`
)

// after ends a list's query: a page in the order of a key column. The order is
// the database's own, which no collation of ours would change for the better.
func after(query, column, key string, limit int, args []any) (string, []any) {
	if key != "" {
		query += " AND " + column + " > ?"
		args = append(args, sqldb.Key(key))
	}
	return query + " ORDER BY " + column + " LIMIT ?", append(args, max(limit, 0))
}

func (s sessions) ListSessions(ctx context.Context, sel opstore.SessionSelector, from string, limit int) ([]opstore.Session, error) {
	if sel.Zero() {
		return nil, ctx.Err()
	}
	match, args := sessionConditions(sel)
	query, args := after(listSessions+match, "id", from, limit, append([]any{s.issuer, sqldb.Now()}, args...))
	rows, err := sqldb.All(ctx, s.db, query, scanSession, args...)
	if err != nil {
		return nil, wrap("list sessions", err)
	}
	return s.readAll(rows), nil
}

func (s grants) ListGrants(ctx context.Context, sel opstore.GrantSelector, from string, limit int) ([]opstore.Grant, error) {
	if sel == (opstore.GrantSelector{}) {
		return nil, ctx.Err()
	}
	match, args := grantConditions(sel, "")
	args = append([]any{s.issuer, sqldb.Now()}, args...)
	if sel.ID != "" {
		match += " AND id = ?"
		args = append(args, sqldb.Key(sel.ID))
	}
	query, args := after(listGrants+match, "id", from, limit, args)
	docs, err := sqldb.All(ctx, s.db, query, scanDoc, args...)
	if err != nil {
		return nil, wrap("list grants", err)
	}
	var all []opstore.Grant
	for _, doc := range docs {
		var d grantDoc
		if s.unpack(tableGrant, doc, grantFormat, &d) == nil {
			all = append(all, *d.record())
		}
	}
	return all, nil
}

func (s consents) ListConsents(ctx context.Context, subject, from string, limit int) ([]opstore.Consent, error) {
	query, args := after(listConsents, "client_id", from, limit, []any{s.issuer, sqldb.Key(subject), sqldb.Now()})
	docs, err := sqldb.All(ctx, s.db, query, scanDoc, args...)
	if err != nil {
		return nil, wrap("list consents", err)
	}
	var all []opstore.Consent
	for _, doc := range docs {
		if c, err := s.read(doc); err == nil {
			all = append(all, *c)
		}
	}
	return all, nil
}

func scanDoc(row sqldb.Row) (doc string, err error) {
	err = row.Scan(&doc)
	return doc, err
}
