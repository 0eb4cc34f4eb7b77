package opsql

import (
	"context"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/sqldb"
	"github.com/oidckit/oidckit/provider/opstore"
)

type registrations struct{ *realm }

const (
	createClient  = `INSERT INTO oidckit_op_client (issuer, client_id, version, doc) VALUES (?, ?, 1, ?) ON CONFLICT DO NOTHING`
	findClient    = `SELECT version, doc FROM oidckit_op_client WHERE issuer = ? AND client_id = ?`
	updateClient  = `UPDATE oidckit_op_client SET version = version + 1, doc = ? WHERE issuer = ? AND client_id = ? AND version = ?`
	clientVersion = `SELECT version FROM oidckit_op_client WHERE issuer = ? AND client_id = ?`
	deleteClient  = `DELETE FROM oidckit_op_client WHERE issuer = ? AND client_id = ?`
	countClients  = `SELECT count(*) FROM oidckit_op_client WHERE issuer = ?`
	listClients   = `SELECT version, doc FROM oidckit_op_client WHERE issuer = ? ORDER BY client_id LIMIT ? OFFSET ?`
)

func (s registrations) CreateRegistration(ctx context.Context, r *opstore.Registration) error {
	doc, err := sqldb.Pack(clientFormat, newClientDoc(r))
	if err != nil {
		return wrap("create registration", err)
	}
	n, err := s.db.Exec(ctx, createClient, s.issuer, sqldb.Key(r.Client.Metadata.ClientID), doc)
	if err != nil {
		return wrap("create registration", err)
	}
	if n == 0 {
		return oidckit.ErrConflict
	}
	r.Version = 1
	return nil
}

func (s registrations) Client(ctx context.Context, clientID string) (*opstore.Client, error) {
	r, err := s.Registration(ctx, clientID)
	if err != nil {
		return nil, err
	}
	return &r.Client, nil
}

func (s registrations) Registration(ctx context.Context, clientID string) (*opstore.Registration, error) {
	var row clientRow
	found, err := sqldb.One(ctx, s.db, findClient, []any{&row.version, &row.doc}, s.issuer, sqldb.Key(clientID))
	if err != nil {
		return nil, wrap("find registration", err)
	}
	if !found {
		return nil, oidckit.ErrNotFound
	}
	return s.record(row)
}

func (s registrations) UpdateRegistration(ctx context.Context, r *opstore.Registration) error {
	doc, err := sqldb.Pack(clientFormat, newClientDoc(r))
	if err != nil {
		return wrap("update registration", err)
	}
	id := sqldb.Key(r.Client.Metadata.ClientID)
	n, err := s.db.Exec(ctx, updateClient, doc, s.issuer, id, r.Version)
	if err == nil && n == 0 {
		err = s.missed(ctx, id)
	}
	if err != nil {
		return wrap("update registration", err)
	}
	r.Version++
	return nil
}

func (s registrations) DeleteRegistration(ctx context.Context, clientID string, version int64) error {
	query, args := deleteClient, []any{s.issuer, sqldb.Key(clientID)}
	if version != 0 {
		query, args = query+" AND version = ?", append(args, version)
	}
	n, err := s.db.Exec(ctx, query, args...)
	if err == nil && n == 0 {
		err = s.missed(ctx, sqldb.Key(clientID))
	}
	return wrap("delete registration", err)
}

// missed says why a statement has found no client.
func (s registrations) missed(ctx context.Context, id string) error {
	_, found, err := exists(ctx, s.db, clientVersion, s.issuer, id)
	switch {
	case err != nil:
		return err
	case found:
		return oidckit.ErrConflict
	}
	return oidckit.ErrNotFound
}

func (s registrations) ListRegistrations(ctx context.Context, offset, limit int) ([]opstore.Registration, int, error) {
	total, _, err := exists(ctx, s.db, countClients, s.issuer)
	if err != nil {
		return nil, 0, wrap("count registrations", err)
	}
	if limit <= 0 {
		return nil, int(total), nil
	}
	rows, err := sqldb.All(ctx, s.db, listClients, func(r sqldb.Row) (row clientRow, err error) {
		err = r.Scan(&row.version, &row.doc)
		return row, err
	}, s.issuer, limit, max(offset, 0))
	if err != nil {
		return nil, 0, wrap("list registrations", err)
	}
	var page []opstore.Registration
	for _, row := range rows {
		// A client that cannot be read does not hide the others.
		if r, err := s.record(row); err == nil {
			page = append(page, *r)
		}
	}
	return page, int(total), nil
}

type clientRow struct {
	version int64
	doc     string
}

func (s registrations) record(row clientRow) (*opstore.Registration, error) {
	var d clientDoc
	if err := s.unpack(tableClient, row.doc, clientFormat, &d); err != nil {
		return nil, err
	}
	r := &opstore.Registration{
		Client: opstore.Client{
			Metadata: d.Metadata, SealedSecret: d.SealedSecret, SecretExpiresAt: d.SecretExpiresAt, CreatedAt: d.CreatedAt,
		},
		Version: row.version,
	}
	copy(r.AccessToken[:], d.AccessToken)
	for _, hash := range d.SecretHashes {
		if len(hash) == len(oidckit.TokenHash{}) {
			r.Client.SecretHashes = append(r.Client.SecretHashes, oidckit.TokenHash(hash))
		}
	}
	return r, nil
}

const clientFormat = 1

type clientDoc struct {
	Metadata        oidckit.ClientMetadata `json:"metadata"`
	SecretHashes    [][]byte               `json:"secret_hashes,omitempty"`
	SealedSecret    []byte                 `json:"sealed_secret,omitempty"`
	SecretExpiresAt time.Time              `json:"secret_expires_at,omitzero"`
	AccessToken     []byte                 `json:"access_token,omitempty"`
	CreatedAt       time.Time              `json:"created_at,omitzero"`
}

func newClientDoc(r *opstore.Registration) clientDoc {
	d := clientDoc{
		Metadata:        r.Client.Metadata,
		SealedSecret:    r.Client.SealedSecret,
		SecretExpiresAt: r.Client.SecretExpiresAt.UTC(),
		AccessToken:     r.AccessToken[:],
		CreatedAt:       r.Client.CreatedAt.UTC(),
	}
	d.Metadata.ClientSecret = ""
	for _, hash := range r.Client.SecretHashes {
		d.SecretHashes = append(d.SecretHashes, hash[:])
	}
	return d
}
