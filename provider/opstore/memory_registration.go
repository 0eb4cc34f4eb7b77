package opstore

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"sync"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/memtable"
)

// memoryRegistrations never changes a record that it has stored: an update
// puts another one in its place, so that Client can share what it finds.
type memoryRegistrations struct {
	mu   sync.RWMutex
	rows *memtable.Map[string, *Registration]
}

func newMemoryRegistrations(limit int) *memoryRegistrations {
	return &memoryRegistrations{rows: memtable.NewMap[string, *Registration](limit, nil)}
}

func (m *memoryRegistrations) CreateRegistration(ctx context.Context, r *Registration) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	stored := cloneRegistration(r)
	stored.Version = 1
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, err := m.rows.Insert(stored.Client.Metadata.ClientID, memtable.Never, memtable.Now(), stored); err != nil {
		return err
	}
	r.Version = 1
	return nil
}

func (m *memoryRegistrations) Client(ctx context.Context, clientID string) (*Client, error) {
	r, err := m.find(ctx, clientID)
	if err != nil {
		return nil, err
	}
	return &r.Client, nil
}

func (m *memoryRegistrations) Registration(ctx context.Context, clientID string) (*Registration, error) {
	r, err := m.find(ctx, clientID)
	if err != nil {
		return nil, err
	}
	return cloneRegistration(r), nil
}

func (m *memoryRegistrations) find(ctx context.Context, clientID string) (*Registration, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	m.mu.RLock()
	defer m.mu.RUnlock()
	row := m.rows.Get(clientID, memtable.Now())
	if row == nil {
		return nil, oidckit.ErrNotFound
	}
	return row.Value, nil
}

func (m *memoryRegistrations) UpdateRegistration(ctx context.Context, r *Registration) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	stored := cloneRegistration(r)
	stored.Version = r.Version + 1
	m.mu.Lock()
	defer m.mu.Unlock()
	row := m.rows.Get(r.Client.Metadata.ClientID, memtable.Now())
	if row == nil {
		return oidckit.ErrNotFound
	}
	if row.Value.Version != r.Version {
		return oidckit.ErrConflict
	}
	row.Value = stored
	r.Version++
	return nil
}

func (m *memoryRegistrations) DeleteRegistration(ctx context.Context, clientID string, version int64) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	row := m.rows.Get(clientID, memtable.Now())
	if row == nil {
		return oidckit.ErrNotFound
	}
	if version != 0 && row.Value.Version != version {
		return oidckit.ErrConflict
	}
	m.rows.Delete(row)
	return nil
}

func (m *memoryRegistrations) ListRegistrations(ctx context.Context, offset, limit int) ([]Registration, int, error) {
	if err := ctx.Err(); err != nil {
		return nil, 0, err
	}
	var all []*Registration
	m.mu.RLock()
	if total := m.rows.Len(); limit <= 0 {
		m.mu.RUnlock()
		return nil, total, nil
	}
	m.rows.Live(memtable.Now(), func(row *memtable.Row[string, *Registration]) bool {
		all = append(all, row.Value)
		return true
	})
	m.mu.RUnlock()
	slices.SortFunc(all, func(a, b *Registration) int {
		return cmp.Compare(a.Client.Metadata.ClientID, b.Client.Metadata.ClientID)
	})
	total := len(all)
	first := min(max(offset, 0), total)
	all = all[first:min(first+limit, total)]
	page := make([]Registration, len(all))
	for i, r := range all {
		page[i] = *cloneRegistration(r)
	}
	return page, total, nil
}

func cloneRegistration(r *Registration) *Registration {
	c := *r
	c.Client.SecretHashes = slices.Clone(r.Client.SecretHashes)
	c.Client.SealedSecret = slices.Clone(r.Client.SealedSecret)
	m := &c.Client.Metadata
	// A client is kept for long; the request it came with is not.
	m.ClientID = strings.Clone(m.ClientID)
	m.ClientSecret = ""
	m.JWKS = slices.Clone(m.JWKS)
	for _, list := range []*[]string{
		&m.Contacts, &m.RedirectURIs, &m.PostLogoutRedirectURIs, &m.ResponseTypes, &m.GrantTypes, &m.RequestURIs, &m.DefaultACRValues,
	} {
		*list = slices.Clone(*list)
	}
	if m.DefaultMaxAge != nil {
		age := *m.DefaultMaxAge
		m.DefaultMaxAge = &age
	}
	return &c
}
