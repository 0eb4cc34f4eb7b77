package opstore

import (
	"context"
	"sync"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/memtable"
)

type memoryInteractions struct {
	mu   sync.Mutex
	rows *memtable.Map[oidckit.TokenHash, string]
}

func newMemoryInteractions(limit int) *memoryInteractions {
	return &memoryInteractions{rows: memtable.NewMap[oidckit.TokenHash, string](limit, nil)}
}

func (m *memoryInteractions) CreateInteraction(ctx context.Context, i *Interaction) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	record := packInteraction(i)
	m.mu.Lock()
	defer m.mu.Unlock()
	_, err := m.rows.Insert(i.Hash, memtable.Micros(i.ExpiresAt), memtable.Now(), record)
	return err
}

func (m *memoryInteractions) Interaction(ctx context.Context, hash oidckit.TokenHash) (*Interaction, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	row := m.rows.Get(hash, memtable.Now())
	if row == nil {
		return nil, oidckit.ErrNotFound
	}
	return unpackInteraction(hash, row.Value), nil
}

func (m *memoryInteractions) TakeInteraction(ctx context.Context, hash oidckit.TokenHash, sessionID string) (*Interaction, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	row := m.rows.Get(hash, memtable.Now())
	if row == nil {
		return nil, oidckit.ErrNotFound
	}
	i := unpackInteraction(hash, row.Value)
	if i.SessionID != sessionID {
		return nil, oidckit.ErrNotFound
	}
	m.rows.Delete(row)
	return i, nil
}

func packInteraction(i *Interaction) string {
	var buf [packSize]byte
	p := memtable.NewPacker(buf[:])
	p.Text(i.SessionID)
	p.Bytes(i.Request)
	p.Time(i.ExpiresAt)
	return p.String()
}

func unpackInteraction(hash oidckit.TokenHash, record string) *Interaction {
	u := memtable.NewUnpacker(record)
	i := &Interaction{Hash: hash}
	i.SessionID = u.Text()
	i.Request = u.Bytes()
	i.ExpiresAt = u.Time()
	return i
}
