package opsql

import (
	"context"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/sqldb"
	"github.com/oidckit/oidckit/provider/opstore"
)

type grants struct{ *realm }

const (
	createGrant = `INSERT INTO oidckit_op_grant (issuer, id, client_id, subject, session_id, revoked, ends_at, doc) VALUES (?, ?, ?, ?, ?, 0, ?, ?)
		ON CONFLICT (issuer, id) DO UPDATE SET client_id = excluded.client_id, subject = excluded.subject, session_id = excluded.session_id,
			revoked = 0, ends_at = excluded.ends_at, doc = excluded.doc
		WHERE oidckit_op_grant.ends_at <= ?`
	findRevoked = `SELECT revoked FROM oidckit_op_grant WHERE issuer = ? AND id = ?`

	createToken = `INSERT INTO oidckit_op_refresh_token (issuer, hash, grant_id, spent, ends_at, doc) VALUES (?, ?, ?, 0, ?, ?)
		ON CONFLICT (issuer, hash) DO UPDATE SET grant_id = excluded.grant_id, spent = 0, ends_at = excluded.ends_at, doc = excluded.doc
		WHERE oidckit_op_refresh_token.ends_at <= ?`
	// A token is found with its grant or not at all: one of a revoked or
	// expired grant is worth nothing, removed or not.
	findToken = `SELECT t.spent, t.doc, g.ends_at, g.doc FROM oidckit_op_refresh_token t
		JOIN oidckit_op_grant g ON g.issuer = t.issuer AND g.id = t.grant_id
		WHERE t.issuer = ? AND t.hash = ? AND t.ends_at > ? AND g.revoked = 0 AND g.ends_at > ?`
	spendToken = `UPDATE oidckit_op_refresh_token SET spent = 1, doc = ? WHERE issuer = ? AND hash = ? AND spent = 0`
)

func (s grants) CreateGrant(ctx context.Context, g *opstore.Grant, first *opstore.RefreshToken) error {
	doc, err := sqldb.Pack(grantFormat, newGrantDoc(g))
	if err != nil {
		return wrap("create grant", err)
	}
	ends := g.ExpiresAt.UnixMicro()
	err = s.db.Tx(ctx, func(tx *sqldb.Tx) error {
		now := sqldb.Now()
		n, err := tx.Exec(ctx, createGrant, s.issuer, sqldb.Key(g.ID), sqldb.Key(g.ClientID),
			sqldb.Key(g.Authorization.Subject), sqldb.Key(g.Authorization.SessionID), ends, doc, now)
		if err != nil {
			return err
		}
		if n == 0 {
			return s.taken(ctx, tx, g.ID)
		}
		return s.addToken(ctx, tx, first, g.ID, ends, now)
	})
	if err != nil {
		return wrap("create grant", err)
	}
	s.db.Wrote(ctx, tableGrant)
	s.db.Wrote(ctx, tableRefreshToken)
	return nil
}

// taken says why a grant could not be created.
func (s grants) taken(ctx context.Context, tx *sqldb.Tx, id string) error {
	revoked, _, err := exists(ctx, tx, findRevoked, s.issuer, sqldb.Key(id))
	if err != nil {
		return err
	}
	if revoked != 0 {
		return oidckit.ErrConsumed
	}
	return oidckit.ErrConflict
}

// addToken stores a token that ends with its grant at the latest.
func (s grants) addToken(ctx context.Context, tx *sqldb.Tx, t *opstore.RefreshToken, grantID string, grantEnds, now int64) error {
	doc, err := sqldb.Pack(tokenFormat, tokenDoc{ExpiresAt: t.ExpiresAt.UTC()})
	if err != nil {
		return err
	}
	ends := min(t.ExpiresAt.UnixMicro(), grantEnds)
	n, err := tx.Exec(ctx, createToken, s.issuer, t.Hash.String(), sqldb.Key(grantID), ends, doc, now)
	if err != nil {
		return err
	}
	if n == 0 {
		return oidckit.ErrConflict
	}
	return nil
}

func (s grants) RefreshToken(ctx context.Context, hash oidckit.TokenHash) (*opstore.RefreshToken, *opstore.Grant, error) {
	row, err := s.find(ctx, s.db, hash, "")
	if err != nil {
		return nil, nil, wrap("find refresh token", err)
	}
	return row.record(hash), row.grant.record(), nil
}

func (s grants) RotateRefreshToken(ctx context.Context, hash oidckit.TokenHash, successor *opstore.RefreshToken, sealed []byte, at time.Time) error {
	err := s.db.Tx(ctx, func(tx *sqldb.Tx) error {
		// The lock on the grant makes a revocation wait, and then remove the
		// successor too.
		row, err := s.find(ctx, tx, hash, s.db.Dialect().LockShared("g"))
		if err != nil {
			return err
		}
		doc, err := sqldb.Pack(tokenFormat, tokenDoc{
			ExpiresAt:       row.token.ExpiresAt,
			ConsumedAt:      at.UTC(),
			Successor:       successor.Hash[:],
			SealedSuccessor: sealed,
		})
		if err != nil {
			return err
		}
		// The row count decides who has rotated it, not what was read before.
		n, err := tx.Exec(ctx, spendToken, doc, s.issuer, hash.String())
		if err != nil {
			return err
		}
		if n == 0 {
			return oidckit.ErrConsumed
		}
		return s.addToken(ctx, tx, successor, row.grant.ID, row.grantEnds, sqldb.Now())
	})
	if err != nil {
		return wrap("rotate refresh token", err)
	}
	s.db.Wrote(ctx, tableRefreshToken)
	return nil
}

// tokenRow is a token and its grant as they were read.
type tokenRow struct {
	spent     bool
	token     tokenDoc
	grant     grantDoc
	grantEnds int64
}

func (s grants) find(ctx context.Context, r sqldb.Runner, hash oidckit.TokenHash, lock string) (*tokenRow, error) {
	var spent int64
	var tokenText, grantText string
	row, now := &tokenRow{}, sqldb.Now()
	found, err := sqldb.One(ctx, r, findToken+lock, []any{&spent, &tokenText, &row.grantEnds, &grantText}, s.issuer, hash.String(), now, now)
	if err != nil {
		return nil, err
	}
	if !found {
		return nil, oidckit.ErrNotFound
	}
	if err := s.unpack(tableRefreshToken, tokenText, tokenFormat, &row.token); err != nil {
		return nil, err
	}
	if err := s.unpack(tableGrant, grantText, grantFormat, &row.grant); err != nil {
		return nil, err
	}
	row.spent = spent != 0
	if row.spent && len(row.token.Successor) != len(oidckit.TokenHash{}) {
		s.log.Error().Str("table", tableRefreshToken).Msg("a spent token names no successor and is taken as absent")
		return nil, oidckit.ErrNotFound
	}
	return row, nil
}

func (r *tokenRow) record(hash oidckit.TokenHash) *opstore.RefreshToken {
	t := &opstore.RefreshToken{Hash: hash, GrantID: r.grant.ID, ExpiresAt: r.token.ExpiresAt}
	if r.spent {
		t.ConsumedAt = r.token.ConsumedAt
		t.Successor = oidckit.TokenHash(r.token.Successor)
		t.SealedSuccessor = r.token.SealedSuccessor
	}
	return t
}

const tokenFormat = 1

type tokenDoc struct {
	ExpiresAt       time.Time `json:"expires_at"`
	ConsumedAt      time.Time `json:"consumed_at,omitzero"`
	Successor       []byte    `json:"successor,omitempty"`
	SealedSuccessor []byte    `json:"sealed_successor,omitempty"`
}

const grantFormat = 1

type grantDoc struct {
	ID            string           `json:"id"`
	ClientID      string           `json:"client_id"`
	Authorization authorizationDoc `json:"authorization"`
	CreatedAt     time.Time        `json:"created_at"`
	ExpiresAt     time.Time        `json:"expires_at"`
}

func newGrantDoc(g *opstore.Grant) grantDoc {
	return grantDoc{
		ID:            g.ID,
		ClientID:      g.ClientID,
		Authorization: newAuthorizationDoc(&g.Authorization),
		CreatedAt:     g.CreatedAt.UTC(),
		ExpiresAt:     g.ExpiresAt.UTC(),
	}
}

func (d grantDoc) record() *opstore.Grant {
	return &opstore.Grant{
		ID:            d.ID,
		ClientID:      d.ClientID,
		Authorization: d.Authorization.record(),
		CreatedAt:     d.CreatedAt,
		ExpiresAt:     d.ExpiresAt,
	}
}
