package rpstore

import (
	"cmp"
	"context"
	"slices"
	"sync"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/memtable"
)

type accountLinkKey struct{ issuer, subject string }

type accountLinkRow = memtable.Row[accountLinkKey, *memoryAccountLink]

type memoryAccountLink struct {
	link      AccountLink
	ofAccount memtable.Node[*accountLinkRow]
}

type memoryAccountLinks struct {
	mu        sync.Mutex
	rows      *memtable.Map[accountLinkKey, *memoryAccountLink]
	byAccount memtable.Index[string, *accountLinkRow]
}

func newMemoryAccountLinks(limit int) *memoryAccountLinks {
	m := &memoryAccountLinks{}
	m.rows = memtable.NewMap(limit, func(row *accountLinkRow) {
		m.byAccount.Remove(row.Value.link.Account, &row.Value.ofAccount)
	})
	return m
}

func (m *memoryAccountLinks) CreateAccountLink(ctx context.Context, l *AccountLink) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	value := &memoryAccountLink{link: *l}
	row, err := m.rows.Insert(accountLinkKey{l.Issuer, l.Subject}, memtable.Never, memtable.Now(), value)
	if err != nil {
		return err
	}
	m.byAccount.Add(l.Account, &value.ofAccount, row)
	return nil
}

func (m *memoryAccountLinks) AccountLink(ctx context.Context, issuer, subject string) (*AccountLink, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	row := m.rows.Get(accountLinkKey{issuer, subject}, memtable.Now())
	if row == nil {
		return nil, oidckit.ErrNotFound
	}
	link := row.Value.link
	return &link, nil
}

func (m *memoryAccountLinks) ListAccountLinks(ctx context.Context, account string) ([]AccountLink, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	var links []AccountLink
	m.byAccount.Each(account, func(row *accountLinkRow) { links = append(links, row.Value.link) })
	slices.SortFunc(links, func(a, b AccountLink) int {
		return cmp.Or(a.CreatedAt.Compare(b.CreatedAt), cmp.Compare(a.Issuer, b.Issuer), cmp.Compare(a.Subject, b.Subject))
	})
	return links[:min(len(links), MaxAccountLinks)], nil
}

func (m *memoryAccountLinks) DeleteAccountLink(ctx context.Context, issuer, subject string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	row := m.rows.Get(accountLinkKey{issuer, subject}, memtable.Now())
	if row == nil {
		return oidckit.ErrNotFound
	}
	m.rows.Delete(row)
	return nil
}
