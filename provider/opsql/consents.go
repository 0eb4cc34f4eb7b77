package opsql

import (
	"context"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/sqldb"
	"github.com/oidckit/oidckit/provider/opstore"
)

type consents struct{ *realm }

const (
	putConsent = `INSERT INTO oidckit_op_consent (issuer, subject, client_id, ends_at, doc) VALUES (?, ?, ?, ?, ?)
		ON CONFLICT (issuer, subject, client_id) DO UPDATE SET ends_at = excluded.ends_at, doc = excluded.doc`
	findConsent   = `SELECT doc FROM oidckit_op_consent WHERE issuer = ? AND subject = ? AND client_id = ? AND ends_at > ?`
	deleteConsent = `DELETE FROM oidckit_op_consent WHERE issuer = ? AND subject = ? AND client_id = ?`
)

func (s consents) PutConsent(ctx context.Context, c *opstore.Consent) error {
	doc, err := sqldb.Pack(consentFormat, consentDoc{c.ID, c.Subject, c.ClientID, c.Scope, c.Resource, c.Claims, c.GrantedAt.UTC(), c.ExpiresAt.UTC()})
	if err != nil {
		return wrap("put consent", err)
	}
	if _, err := s.db.Exec(ctx, putConsent, s.issuer, sqldb.Key(c.Subject), sqldb.Key(c.ClientID), c.ExpiresAt.UnixMicro(), doc); err != nil {
		return wrap("put consent", err)
	}
	s.db.Wrote(ctx, tableConsent)
	return nil
}

func (s consents) Consent(ctx context.Context, subject, clientID string) (*opstore.Consent, error) {
	var doc string
	found, err := sqldb.One(ctx, s.db, findConsent, []any{&doc}, s.issuer, sqldb.Key(subject), sqldb.Key(clientID), sqldb.Now())
	if err != nil {
		return nil, wrap("find consent", err)
	}
	if !found {
		return nil, oidckit.ErrNotFound
	}
	return s.read(doc)
}

func (s consents) read(doc string) (*opstore.Consent, error) {
	var d consentDoc
	if err := s.unpack(tableConsent, doc, consentFormat, &d); err != nil {
		return nil, err
	}
	return &opstore.Consent{
		ID:        d.ID,
		Subject:   d.Subject,
		ClientID:  d.ClientID,
		Scope:     d.Scope,
		Resource:  d.Resource,
		Claims:    d.Claims,
		GrantedAt: d.GrantedAt,
		ExpiresAt: d.ExpiresAt,
	}, nil
}

func (s consents) DeleteConsent(ctx context.Context, subject, clientID string) error {
	_, err := s.db.Exec(ctx, deleteConsent, s.issuer, sqldb.Key(subject), sqldb.Key(clientID))
	return wrap("delete consent", err)
}

const consentFormat = 1

type consentDoc struct {
	ID        string    `json:"id"`
	Subject   string    `json:"sub"`
	ClientID  string    `json:"client_id"`
	Scope     []string  `json:"scope,omitempty"`
	Resource  []string  `json:"resource,omitempty"`
	Claims    []string  `json:"claims,omitempty"`
	GrantedAt time.Time `json:"granted_at"`
	ExpiresAt time.Time `json:"expires_at"`
}
