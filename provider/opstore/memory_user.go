package opstore

import (
	"context"
	"slices"
	"strings"
	"sync"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/memtable"
)

type memoryUsers struct {
	mu     sync.RWMutex
	rows   *memtable.Map[string, User]
	byName memtable.Lookup[string, *memtable.Row[string, User]]
}

func newMemoryUsers(limit int) *memoryUsers {
	return &memoryUsers{rows: memtable.NewMap[string, User](limit, nil)}
}

func (m *memoryUsers) CreateUser(ctx context.Context, u *User) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	stored := cloneUser(u)
	stored.Version = 1
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.nameTaken(stored.Username, stored.Subject) {
		return oidckit.ErrConflict
	}
	row, err := m.rows.Insert(stored.Subject, memtable.Never, memtable.Now(), *stored)
	if err != nil {
		return err
	}
	m.name(row)
	u.Version = 1
	return nil
}

func (m *memoryUsers) User(ctx context.Context, subject string) (*User, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	m.mu.RLock()
	defer m.mu.RUnlock()
	row := m.rows.Get(subject, memtable.Now())
	if row == nil {
		return nil, oidckit.ErrNotFound
	}
	return cloneUser(&row.Value), nil
}

func (m *memoryUsers) UserByUsername(ctx context.Context, username string) (*User, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	m.mu.RLock()
	defer m.mu.RUnlock()
	row, ok := m.byName.Get(username)
	if !ok {
		return nil, oidckit.ErrNotFound
	}
	return cloneUser(&row.Value), nil
}

func (m *memoryUsers) UpdateUser(ctx context.Context, u *User) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	stored := cloneUser(u)
	stored.Version = u.Version + 1
	m.mu.Lock()
	defer m.mu.Unlock()
	row := m.rows.Get(u.Subject, memtable.Now())
	if row == nil {
		return oidckit.ErrNotFound
	}
	if row.Value.Version != u.Version || m.nameTaken(stored.Username, stored.Subject) {
		return oidckit.ErrConflict
	}
	m.byName.Remove(row.Value.Username)
	row.Value = *stored
	m.name(row)
	u.Version++
	return nil
}

func (m *memoryUsers) nameTaken(username, subject string) bool {
	row, ok := m.byName.Get(username)
	return ok && row.Key != subject
}

func (m *memoryUsers) name(row *memtable.Row[string, User]) {
	if row.Value.Username != "" {
		m.byName.Put(row.Value.Username, row)
	}
}

func cloneUser(u *User) *User {
	c := *u
	// A user is kept for long; the request it came with is not.
	c.Subject, c.Username = strings.Clone(u.Subject), strings.Clone(u.Username)
	c.Claims = slices.Clone(u.Claims)
	return &c
}
