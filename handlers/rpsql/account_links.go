package rpsql

import (
	"context"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/handlers/rpstore"
	"github.com/oidckit/oidckit/internal/sqldb"
)

type accountLinks struct{ *realm }

const (
	createAccountLink = `INSERT INTO oidckit_rp_account_link (tenant, issuer, subject, account, created_at, doc) VALUES (?, ?, ?, ?, ?, ?)
		ON CONFLICT (tenant, issuer, subject) DO NOTHING`
	findAccountLink  = `SELECT doc FROM oidckit_rp_account_link WHERE tenant = ? AND issuer = ? AND subject = ?`
	listAccountLinks = `SELECT doc FROM oidckit_rp_account_link WHERE tenant = ? AND account = ?
		ORDER BY created_at, issuer, subject LIMIT ?`
	deleteAccountLink = `DELETE FROM oidckit_rp_account_link WHERE tenant = ? AND issuer = ? AND subject = ?`
)

const accountLinkFormat = 1

type accountLinkDoc struct {
	Issuer           string    `json:"iss"`
	Subject          string    `json:"sub"`
	IdentityProvider string    `json:"idp"`
	Account          string    `json:"account"`
	CreatedAt        time.Time `json:"created_at"`
}

func (s accountLinks) CreateAccountLink(ctx context.Context, l *rpstore.AccountLink) error {
	doc, err := sqldb.Pack(accountLinkFormat, accountLinkDoc(*l))
	if err != nil {
		return wrap("create account link", err)
	}
	n, err := s.db.Exec(ctx, createAccountLink, s.tenant, sqldb.Key(l.Issuer), sqldb.Key(l.Subject), sqldb.Key(l.Account), l.CreatedAt.UnixMicro(), doc)
	if err != nil {
		return wrap("create account link", err)
	}
	if n == 0 {
		return oidckit.ErrConflict
	}
	return nil
}

func (s accountLinks) AccountLink(ctx context.Context, issuer, subject string) (*rpstore.AccountLink, error) {
	var doc string
	found, err := sqldb.One(ctx, s.db, findAccountLink, []any{&doc}, s.tenant, sqldb.Key(issuer), sqldb.Key(subject))
	if err != nil {
		return nil, wrap("find account link", err)
	}
	if !found {
		return nil, oidckit.ErrNotFound
	}
	return s.read(doc)
}

func (s accountLinks) read(doc string) (*rpstore.AccountLink, error) {
	var d accountLinkDoc
	if err := sqldb.Unpack(doc, accountLinkFormat, &d); err != nil {
		return nil, s.unreadable(tableAccountLink, err)
	}
	l := rpstore.AccountLink(d)
	return &l, nil
}

func (s accountLinks) ListAccountLinks(ctx context.Context, account string) ([]rpstore.AccountLink, error) {
	docs, err := sqldb.All(ctx, s.db, listAccountLinks, func(row sqldb.Row) (doc string, err error) {
		err = row.Scan(&doc)
		return doc, err
	}, s.tenant, sqldb.Key(account), rpstore.MaxAccountLinks)
	if err != nil {
		return nil, wrap("list account links", err)
	}
	links := make([]rpstore.AccountLink, 0, len(docs))
	for _, doc := range docs {
		// One that cannot be read is reported, and is none.
		if l, err := s.read(doc); err == nil {
			links = append(links, *l)
		}
	}
	return links, nil
}

func (s accountLinks) DeleteAccountLink(ctx context.Context, issuer, subject string) error {
	n, err := s.db.Exec(ctx, deleteAccountLink, s.tenant, sqldb.Key(issuer), sqldb.Key(subject))
	if err != nil {
		return wrap("delete account link", err)
	}
	if n == 0 {
		return oidckit.ErrNotFound
	}
	return nil
}
