package opsql

import (
	"context"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/sqldb"
	"github.com/oidckit/oidckit/provider/opstore"
)

type interactions struct{ *realm }

const (
	createInteraction = `INSERT INTO oidckit_op_interaction (issuer, hash, session_id, ends_at, doc) VALUES (?, ?, ?, ?, ?)
		ON CONFLICT (issuer, hash) DO UPDATE SET session_id = excluded.session_id, ends_at = excluded.ends_at, doc = excluded.doc
		WHERE oidckit_op_interaction.ends_at <= ?`
	findInteraction = `SELECT doc FROM oidckit_op_interaction WHERE issuer = ? AND hash = ? AND ends_at > ?`
	takeInteraction = `DELETE FROM oidckit_op_interaction WHERE issuer = ? AND hash = ? AND session_id = ? AND ends_at > ? RETURNING doc`
)

func (s interactions) CreateInteraction(ctx context.Context, i *opstore.Interaction) error {
	doc, err := sqldb.Pack(interactionFormat, interactionDoc{i.SessionID, i.Request, i.ExpiresAt.UTC()})
	if err != nil {
		return wrap("create interaction", err)
	}
	n, err := s.db.Exec(ctx, createInteraction, s.issuer, i.Hash.String(), sqldb.Key(i.SessionID), i.ExpiresAt.UnixMicro(), doc, sqldb.Now())
	if err != nil {
		return wrap("create interaction", err)
	}
	if n == 0 {
		return oidckit.ErrConflict
	}
	s.db.Wrote(ctx, tableInteraction)
	return nil
}

func (s interactions) Interaction(ctx context.Context, hash oidckit.TokenHash) (*opstore.Interaction, error) {
	return s.one(ctx, "find interaction", hash, findInteraction, s.issuer, hash.String(), sqldb.Now())
}

func (s interactions) TakeInteraction(ctx context.Context, hash oidckit.TokenHash, sessionID string) (*opstore.Interaction, error) {
	return s.one(ctx, "take interaction", hash, takeInteraction, s.issuer, hash.String(), sqldb.Key(sessionID), sqldb.Now())
}

func (s interactions) one(ctx context.Context, verb string, hash oidckit.TokenHash, query string, args ...any) (*opstore.Interaction, error) {
	var doc string
	found, err := sqldb.One(ctx, s.db, query, []any{&doc}, args...)
	if err != nil {
		return nil, wrap(verb, err)
	}
	if !found {
		return nil, oidckit.ErrNotFound
	}
	var d interactionDoc
	if err := s.unpack(tableInteraction, doc, interactionFormat, &d); err != nil {
		return nil, err
	}
	return &opstore.Interaction{Hash: hash, SessionID: d.SessionID, Request: d.Request, ExpiresAt: d.ExpiresAt}, nil
}

const interactionFormat = 1

type interactionDoc struct {
	SessionID string    `json:"sid"`
	Request   []byte    `json:"request"`
	ExpiresAt time.Time `json:"expires_at"`
}
