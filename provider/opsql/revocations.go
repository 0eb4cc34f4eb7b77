package opsql

import (
	"context"
	"strings"
	"time"

	"github.com/oidckit/oidckit/internal/sqldb"
)

type revocations struct{ *realm }

const (
	revoke = `INSERT INTO oidckit_op_revocation (issuer, id, ends_at) VALUES (?, ?, ?)
		ON CONFLICT (issuer, id) DO UPDATE SET ends_at = excluded.ends_at WHERE excluded.ends_at > oidckit_op_revocation.ends_at`
	findRevocation = `SELECT 1 FROM oidckit_op_revocation WHERE issuer = ? AND ends_at > ? AND id IN (?`
)

func (s revocations) Revoke(ctx context.Context, id string, until time.Time) error {
	if _, err := s.db.Exec(ctx, revoke, s.issuer, sqldb.Key(id), until.UnixMicro()); err != nil {
		return wrap("revoke", err)
	}
	s.db.Wrote(ctx, tableRevocation)
	return nil
}

func (s revocations) Revoked(ctx context.Context, ids ...string) (bool, error) {
	if len(ids) == 0 {
		return false, ctx.Err()
	}
	args := make([]any, 0, 2+len(ids))
	args = append(args, s.issuer, sqldb.Now())
	for _, id := range ids {
		args = append(args, sqldb.Key(id))
	}
	_, denied, err := exists(ctx, s.db, findRevocation+strings.Repeat(", ?", len(ids)-1)+") LIMIT 1", args...)
	return denied, wrap("find revocation", err)
}
