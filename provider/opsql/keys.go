package opsql

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/sqldb"
	"github.com/oidckit/oidckit/provider/opstore"
)

type keys struct{ *realm }

const (
	takeGeneration = `INSERT INTO oidckit_op_key_generation (issuer, algorithm, generation) VALUES (?, ?, ?) ON CONFLICT DO NOTHING`
	createKey      = `INSERT INTO oidckit_op_key (issuer, id, ends_at, doc) VALUES (?, ?, ?, ?)
		ON CONFLICT (issuer, id) DO UPDATE SET ends_at = excluded.ends_at, doc = excluded.doc WHERE oidckit_op_key.ends_at <= ?`
	listKeys  = `SELECT doc FROM oidckit_op_key WHERE issuer = ? AND ends_at > ?`
	deleteKey = `DELETE FROM oidckit_op_key WHERE issuer = ? AND id = ? AND ends_at > ?`
)

func (s keys) CreateKey(ctx context.Context, k *opstore.SigningKey) error {
	doc, err := sqldb.Pack(keyFormat, newKeyDoc(k))
	if err != nil {
		return wrap("create key", err)
	}
	err = s.db.Tx(ctx, func(tx *sqldb.Tx) error {
		n, err := tx.Exec(ctx, takeGeneration, s.issuer, sqldb.Key(k.Algorithm), k.Generation)
		if err == nil && n != 0 {
			n, err = tx.Exec(ctx, createKey, s.issuer, sqldb.Key(k.ID), k.ExpiresAt.UnixMicro(), doc, sqldb.Now())
		}
		if err == nil && n == 0 {
			err = oidckit.ErrConflict
		}
		return err
	})
	if err != nil {
		return wrap("create key", err)
	}
	s.db.Wrote(ctx, tableKey)
	return nil
}

func (s keys) Keys(ctx context.Context) ([]opstore.SigningKey, error) {
	docs, err := sqldb.All(ctx, s.db, listKeys, func(row sqldb.Row) (doc string, err error) {
		err = row.Scan(&doc)
		return doc, err
	}, s.issuer, sqldb.Now())
	if err != nil {
		return nil, wrap("list keys", err)
	}
	var all []opstore.SigningKey
	for _, doc := range docs {
		// A key that cannot be read does not stop the others.
		var d keyDoc
		if s.unpack(tableKey, doc, keyFormat, &d) == nil {
			all = append(all, d.record())
		}
	}
	slices.SortFunc(all, func(a, b opstore.SigningKey) int {
		return cmp.Or(cmp.Compare(a.Algorithm, b.Algorithm), cmp.Compare(a.Generation, b.Generation))
	})
	return all, nil
}

func (s keys) DeleteKey(ctx context.Context, id string) error {
	n, err := s.db.Exec(ctx, deleteKey, s.issuer, sqldb.Key(id), sqldb.Now())
	if err != nil {
		return wrap("delete key", err)
	}
	if n == 0 {
		return oidckit.ErrNotFound
	}
	return nil
}

const keyFormat = 1

type keyDoc struct {
	ID         string    `json:"kid"`
	Algorithm  string    `json:"alg"`
	Generation int64     `json:"generation"`
	SealedKey  []byte    `json:"sealed_key"`
	CreatedAt  time.Time `json:"created_at"`
	ActiveAt   time.Time `json:"active_at"`
	RetireAt   time.Time `json:"retire_at"`
	ExpiresAt  time.Time `json:"expires_at"`
}

func newKeyDoc(k *opstore.SigningKey) keyDoc {
	return keyDoc{
		ID:         k.ID,
		Algorithm:  k.Algorithm,
		Generation: k.Generation,
		SealedKey:  k.SealedKey,
		CreatedAt:  k.CreatedAt.UTC(),
		ActiveAt:   k.ActiveAt.UTC(),
		RetireAt:   k.RetireAt.UTC(),
		ExpiresAt:  k.ExpiresAt.UTC(),
	}
}

func (d keyDoc) record() opstore.SigningKey {
	return opstore.SigningKey{
		ID:         d.ID,
		Algorithm:  d.Algorithm,
		Generation: d.Generation,
		SealedKey:  d.SealedKey,
		CreatedAt:  d.CreatedAt,
		ActiveAt:   d.ActiveAt,
		RetireAt:   d.RetireAt,
		ExpiresAt:  d.ExpiresAt,
	}
}
