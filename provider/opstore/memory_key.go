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

type generationKey struct {
	algorithm  string
	generation int64
}

type memoryKeys struct {
	mu   sync.Mutex
	rows *memtable.Map[string, SigningKey]
	// generations outlives the keys: one entry for each rotation.
	generations *memtable.Map[generationKey, struct{}]
}

func newMemoryKeys(limit int) *memoryKeys {
	return &memoryKeys{
		rows:        memtable.NewMap[string, SigningKey](limit, nil),
		generations: memtable.NewMap[generationKey, struct{}](limit, nil),
	}
}

func (m *memoryKeys) CreateKey(ctx context.Context, k *SigningKey) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	now := memtable.Now()
	m.mu.Lock()
	defer m.mu.Unlock()
	generation, err := m.generations.Insert(generationKey{strings.Clone(k.Algorithm), k.Generation}, memtable.Never, now, struct{}{})
	if err != nil {
		return err
	}
	if _, err := m.rows.Insert(strings.Clone(k.ID), memtable.Micros(k.ExpiresAt), now, cloneKey(k)); err != nil {
		m.generations.Delete(generation)
		return err
	}
	return nil
}

func (m *memoryKeys) Keys(ctx context.Context) ([]SigningKey, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	var keys []SigningKey
	m.rows.Live(memtable.Now(), func(row *memtable.Row[string, SigningKey]) bool {
		keys = append(keys, cloneKey(&row.Value))
		return true
	})
	slices.SortFunc(keys, func(a, b SigningKey) int {
		return cmp.Or(cmp.Compare(a.Algorithm, b.Algorithm), cmp.Compare(a.Generation, b.Generation))
	})
	return keys, nil
}

func (m *memoryKeys) DeleteKey(ctx context.Context, id string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	row := m.rows.Get(id, memtable.Now())
	if row == nil {
		return oidckit.ErrNotFound
	}
	m.rows.Delete(row)
	return nil
}

func cloneKey(k *SigningKey) SigningKey {
	c := *k
	c.SealedKey = slices.Clone(k.SealedKey)
	return c
}
