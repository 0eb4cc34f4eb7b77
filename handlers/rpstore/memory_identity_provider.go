package rpstore

import (
	"cmp"
	"context"
	"slices"
	"sync"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/memtable"
)

// memoryIdentityProviders never changes a record that it has stored: a change
// puts another one in its place, and in the lists.
type memoryIdentityProviders struct {
	mu           sync.RWMutex
	rows         *memtable.Map[string, *IdentityProvider]
	byIdentifier memtable.Lookup[string, *IdentityProvider]
	byDomain     map[string]providerList
	all, shown   providerList
	preferred    providerList
}

func newMemoryIdentityProviders(limit int) *memoryIdentityProviders {
	return &memoryIdentityProviders{
		rows:     memtable.NewMap[string, *IdentityProvider](limit, nil),
		byDomain: make(map[string]providerList),
	}
}

func (m *memoryIdentityProviders) IdentityProvider(ctx context.Context, uuid string) (*IdentityProvider, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	m.mu.RLock()
	defer m.mu.RUnlock()
	row := m.rows.Get(uuid, memtable.Now())
	if row == nil {
		return nil, oidckit.ErrNotFound
	}
	return cloneIdentityProvider(row.Value), nil
}

func (m *memoryIdentityProviders) ListIdentityProviders(ctx context.Context, sel IdentityProviderSelector, start, count int) ([]IdentityProvider, int, error) {
	if err := ctx.Err(); err != nil {
		return nil, 0, err
	}
	m.mu.RLock()
	defer m.mu.RUnlock()
	found := m.find(sel)
	first := min(max(start, 0), len(found))
	last := first + min(max(count, 0), len(found)-first)
	page := make([]IdentityProvider, 0, last-first)
	for _, p := range found[first:last] {
		page = append(page, *cloneIdentityProvider(p))
	}
	return page, len(found), nil
}

// find goes by the narrowest list, and looks through it where the selector has
// more to say.
func (m *memoryIdentityProviders) find(sel IdentityProviderSelector) providerList {
	var list providerList
	switch {
	case sel == IdentityProviderSelector{}:
		return m.all
	case sel == IdentityProviderSelector{Shown: true}:
		return m.shown
	case sel.Identifier != "":
		if p, ok := m.byIdentifier.Get(sel.Identifier); ok {
			list = providerList{p}
		}
	case sel.Default:
		list = m.preferred
	case sel.Domain != "":
		list = m.byDomain[sel.Domain]
	}
	var found providerList
	for _, p := range list {
		if sel.matches(p) {
			found = append(found, p)
		}
	}
	return found
}

func (s IdentityProviderSelector) matches(p *IdentityProvider) bool {
	return (s.Identifier == "" || s.Identifier == p.Identifier) &&
		(s.Domain == "" || slices.Contains(p.Domains, s.Domain)) &&
		(!s.Default || p.Default) &&
		(!s.Shown || p.isShown())
}

func (p *IdentityProvider) isShown() bool { return p.ShowIDPToUsers && !p.Disabled }

func (m *memoryIdentityProviders) PutIdentityProvider(ctx context.Context, p *IdentityProvider) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	stored := cloneIdentityProvider(p)
	stored.Version++
	m.mu.Lock()
	defer m.mu.Unlock()
	if other, taken := m.byIdentifier.Get(p.Identifier); taken && other.UUID != p.UUID {
		return oidckit.ErrConflict
	}
	if err := m.replace(stored); err != nil {
		return err
	}
	p.Version = stored.Version
	return nil
}

// replace stores a record whose version is one above that in its place.
func (m *memoryIdentityProviders) replace(p *IdentityProvider) error {
	row := m.rows.Get(p.UUID, memtable.Now())
	switch {
	case p.Version == 1:
		if _, err := m.rows.Insert(p.UUID, memtable.Never, memtable.Now(), p); err != nil {
			return err
		}
	case row == nil:
		return oidckit.ErrNotFound
	case row.Value.Version != p.Version-1:
		return oidckit.ErrConflict
	default:
		p.CreatedAt = row.Value.CreatedAt
		m.unlist(row.Value)
		row.Value = p
	}
	if p.Default && len(m.preferred) > 0 {
		before := *m.preferred[0]
		before.Default = false
		before.Version++
		m.unlist(m.preferred[0])
		m.rows.Get(before.UUID, memtable.Now()).Value = &before
		m.list(&before)
	}
	m.list(p)
	return nil
}

func (m *memoryIdentityProviders) DeleteIdentityProvider(ctx context.Context, uuid string, version int64) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	row := m.rows.Get(uuid, memtable.Now())
	if row == nil {
		return oidckit.ErrNotFound
	}
	if row.Value.Version != version {
		return oidckit.ErrConflict
	}
	m.unlist(row.Value)
	m.rows.Delete(row)
	return nil
}

func (m *memoryIdentityProviders) list(p *IdentityProvider) {
	m.byIdentifier.Put(p.Identifier, p)
	m.all.add(p)
	if p.isShown() {
		m.shown.add(p)
	}
	if p.Default {
		m.preferred.add(p)
	}
	for _, domain := range p.Domains {
		list := m.byDomain[domain]
		list.add(p)
		m.byDomain[domain] = list
	}
}

func (m *memoryIdentityProviders) unlist(p *IdentityProvider) {
	m.byIdentifier.Remove(p.Identifier)
	m.all.remove(p)
	m.shown.remove(p)
	m.preferred.remove(p)
	for _, domain := range p.Domains {
		list := m.byDomain[domain]
		if list.remove(p); len(list) == 0 {
			delete(m.byDomain, domain)
			continue
		}
		m.byDomain[domain] = list
	}
}

// providerList is in the order of ListIdentityProviders.
type providerList []*IdentityProvider

func (l *providerList) search(p *IdentityProvider) (int, bool) {
	return slices.BinarySearchFunc(*l, p, func(a, b *IdentityProvider) int {
		return cmp.Or(a.CreatedAt.Compare(b.CreatedAt), cmp.Compare(a.UUID, b.UUID))
	})
}

func (l *providerList) add(p *IdentityProvider) {
	if i, found := l.search(p); !found {
		*l = slices.Insert(*l, i, p)
	}
}

func (l *providerList) remove(p *IdentityProvider) {
	if i, found := l.search(p); found {
		*l = slices.Delete(*l, i, i+1)
	}
}

func cloneIdentityProvider(p *IdentityProvider) *IdentityProvider {
	c := *p
	c.SealedClientSecret = slices.Clone(p.SealedClientSecret)
	c.Scope = slices.Clone(p.Scope)
	c.AuthorizeParameters = slices.Clone(p.AuthorizeParameters)
	c.Domains = slices.Clone(p.Domains)
	c.AllowedClientIDs = slices.Clone(p.AllowedClientIDs)
	c.AttributeMapping = slices.Clone(p.AttributeMapping)
	return &c
}
