package opsql

import (
	"context"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/sqldb"
	"github.com/oidckit/oidckit/provider/opstore"
)

type deliveries struct{ *realm }

const (
	createDelivery = `INSERT INTO oidckit_op_delivery (issuer, id, attempts, next_at, ends_at, doc) VALUES (?, ?, ?, ?, ?, ?)
		ON CONFLICT (issuer, id) DO UPDATE SET attempts = excluded.attempts, next_at = excluded.next_at, ends_at = excluded.ends_at, doc = excluded.doc
		WHERE oidckit_op_delivery.ends_at <= ?`
	dueDeliveries   = ` FROM oidckit_op_delivery WHERE issuer = ? AND next_at <= ? AND ends_at > ? ORDER BY next_at LIMIT ?`
	claimDeliveries = `UPDATE oidckit_op_delivery SET next_at = ? WHERE rowid IN (SELECT rowid` + dueDeliveries + `) RETURNING attempts, doc`
	// Replicas that claim at once get different rows, and none waits.
	claimDeliveriesPostgreSQL = `UPDATE oidckit_op_delivery SET next_at = ?
		WHERE ctid = ANY (ARRAY(SELECT ctid` + dueDeliveries + ` FOR UPDATE SKIP LOCKED)) RETURNING attempts, doc`
	retryDelivery  = `UPDATE oidckit_op_delivery SET attempts = attempts + 1, next_at = ? WHERE issuer = ? AND id = ?`
	deleteDelivery = `DELETE FROM oidckit_op_delivery WHERE issuer = ? AND id = ?`
)

func (s deliveries) CreateDeliveries(ctx context.Context, all []opstore.Delivery) error {
	err := s.db.Tx(ctx, func(tx *sqldb.Tx) error {
		now := sqldb.Now()
		for i := range all {
			d := &all[i]
			doc, err := sqldb.Pack(deliveryFormat, deliveryDoc{d.ID, d.ClientID, d.URI, d.Subject, d.SessionID, d.CreatedAt.UTC(), d.ExpiresAt.UTC()})
			if err != nil {
				return err
			}
			n, err := tx.Exec(ctx, createDelivery, s.issuer, sqldb.Key(d.ID), d.Attempts, d.NextAt.UnixMicro(), d.ExpiresAt.UnixMicro(), doc, now)
			if err != nil {
				return err
			}
			if n == 0 {
				return oidckit.ErrConflict
			}
		}
		return nil
	})
	if err != nil {
		return wrap("create deliveries", err)
	}
	s.db.Wrote(ctx, tableDelivery)
	return nil
}

func (s deliveries) ClaimDeliveries(ctx context.Context, limit int, hideUntil time.Time) ([]opstore.Delivery, error) {
	query := claimDeliveries
	if s.db.Dialect() == PostgreSQL {
		query = claimDeliveriesPostgreSQL
	}
	type claimed struct {
		attempts int
		doc      string
	}
	now := sqldb.Now()
	rows, err := sqldb.All(ctx, s.db, query, func(row sqldb.Row) (c claimed, err error) {
		err = row.Scan(&c.attempts, &c.doc)
		return c, err
	}, hideUntil.UnixMicro(), s.issuer, now, now, limit)
	if err != nil {
		return nil, wrap("claim deliveries", err)
	}
	var all []opstore.Delivery
	for _, row := range rows {
		var d deliveryDoc
		// One that cannot be read is hidden again and again until it expires.
		if s.unpack(tableDelivery, row.doc, deliveryFormat, &d) == nil {
			all = append(all, opstore.Delivery{
				ID: d.ID, ClientID: d.ClientID, URI: d.URI, Subject: d.Subject, SessionID: d.SessionID,
				Attempts: row.attempts, CreatedAt: d.CreatedAt, NextAt: hideUntil, ExpiresAt: d.ExpiresAt,
			})
		}
	}
	return all, nil
}

func (s deliveries) RetryDelivery(ctx context.Context, id string, next time.Time) error {
	_, err := s.db.Exec(ctx, retryDelivery, next.UnixMicro(), s.issuer, sqldb.Key(id))
	return wrap("retry delivery", err)
}

func (s deliveries) DeleteDelivery(ctx context.Context, id string) error {
	_, err := s.db.Exec(ctx, deleteDelivery, s.issuer, sqldb.Key(id))
	return wrap("delete delivery", err)
}

const deliveryFormat = 1

type deliveryDoc struct {
	ID        string    `json:"id"`
	ClientID  string    `json:"client_id"`
	URI       string    `json:"uri"`
	Subject   string    `json:"sub,omitempty"`
	SessionID string    `json:"sid,omitempty"`
	CreatedAt time.Time `json:"created_at"`
	ExpiresAt time.Time `json:"expires_at"`
}
