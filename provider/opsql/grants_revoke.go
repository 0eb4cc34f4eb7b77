package opsql

import (
	"context"
	"time"

	"github.com/oidckit/oidckit/internal/sqldb"
	"github.com/oidckit/oidckit/provider/opstore"
)

const (
	// One row stands for a grant and, later, for the memory that its ID was
	// revoked: whoever comes second, creation or revocation, meets the first on
	// the key. What the row says afterwards is what the revocation has found.
	revokeByID = `INSERT INTO oidckit_op_grant (issuer, id, client_id, subject, session_id, revoked, ends_at, doc) VALUES (?, ?, '', '', '', 1, ?, '')
		ON CONFLICT (issuer, id) DO UPDATE SET
			revoked = CASE WHEN oidckit_op_grant.revoked = 0 AND oidckit_op_grant.ends_at > ? THEN 2 ELSE 1 END,
			ends_at = CASE WHEN oidckit_op_grant.revoked <> 0 AND oidckit_op_grant.ends_at > excluded.ends_at
				THEN oidckit_op_grant.ends_at ELSE excluded.ends_at END,
			client_id = '', subject = '', session_id = '', doc = ''
		WHERE oidckit_op_grant.revoked <> 0 OR oidckit_op_grant.ends_at <= ? OR (1 = 1`
	revokeMatching = `DELETE FROM oidckit_op_grant WHERE issuer = ? AND revoked = 0 AND ends_at > ?`
	deleteTokens   = `DELETE FROM oidckit_op_refresh_token WHERE issuer = ? AND grant_id = ?`

	foundLive = 2
)

func (s grants) RevokeGrants(ctx context.Context, sel opstore.GrantSelector, until time.Time) ([]string, error) {
	if sel == (opstore.GrantSelector{}) {
		return nil, ctx.Err()
	}
	var ids []string
	err := s.db.Tx(ctx, func(tx *sqldb.Tx) (err error) {
		if sel.ID != "" {
			ids, err = s.revokeOne(ctx, tx, sel, until.UnixMicro())
		} else {
			ids, err = s.revokeAll(ctx, tx, sel)
		}
		return err
	})
	if err != nil {
		return nil, wrap("revoke grants", err)
	}
	if sel.ID != "" {
		s.db.Wrote(ctx, tableGrant)
	}
	return ids, nil
}

func (s grants) revokeOne(ctx context.Context, tx *sqldb.Tx, sel opstore.GrantSelector, until int64) ([]string, error) {
	now := sqldb.Now()
	match, args := grantConditions(sel, "oidckit_op_grant.")
	args = append([]any{s.issuer, sqldb.Key(sel.ID), until, now, now}, args...)
	revoked, _, err := exists(ctx, tx, revokeByID+match+`) RETURNING revoked`, args...)
	if err != nil || revoked != foundLive {
		return nil, err
	}
	_, err = tx.Exec(ctx, deleteTokens, s.issuer, sqldb.Key(sel.ID))
	return []string{sel.ID}, err
}

func (s grants) revokeAll(ctx context.Context, tx *sqldb.Tx, sel opstore.GrantSelector) ([]string, error) {
	match, args := grantConditions(sel, "")
	args = append([]any{s.issuer, sqldb.Now()}, args...)
	type revoked struct{ key, doc string }
	rows, err := sqldb.All(ctx, tx, revokeMatching+match+` RETURNING id, doc`, func(row sqldb.Row) (r revoked, err error) {
		err = row.Scan(&r.key, &r.doc)
		return r, err
	}, args...)
	if err != nil {
		return nil, err
	}
	var ids []string
	for _, r := range rows {
		if _, err := tx.Exec(ctx, deleteTokens, s.issuer, r.key); err != nil {
			return nil, err
		}
		var d grantDoc
		if s.unpack(tableGrant, r.doc, grantFormat, &d) == nil {
			ids = append(ids, d.ID)
		}
	}
	return ids, nil
}

// grantConditions returns what a selector demands beside the ID.
func grantConditions(sel opstore.GrantSelector, prefix string) (text string, args []any) {
	for _, c := range []struct{ column, value string }{
		{"client_id", sel.ClientID},
		{"subject", sel.Subject},
		{"session_id", sel.SessionID},
	} {
		if c.value != "" {
			text += " AND " + prefix + c.column + " = ?"
			args = append(args, sqldb.Key(c.value))
		}
	}
	return text, args
}
