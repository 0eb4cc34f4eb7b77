package opstore

import (
	"context"
	"strings"
	"time"

	"github.com/oidckit/oidckit/internal/memtable"
)

type memoryRevocations struct {
	clock memtable.Clock
	rows  *memtable.Sharded[string, struct{}]
}

func newMemoryRevocations(limit int) *memoryRevocations {
	return &memoryRevocations{clock: memtable.NewClock(), rows: memtable.NewSharded[string, struct{}](limit)}
}

func (m *memoryRevocations) Revoke(ctx context.Context, id string, until time.Time) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	now, ends := m.clock.Now(), memtable.Micros(until)
	shard := m.rows.Lock(id)
	defer shard.Unlock()
	if row := shard.Get(id, now); row != nil {
		shard.Move(row, max(row.Ends, ends))
		return nil
	}
	_, err := shard.Insert(strings.Clone(id), ends, now, struct{}{})
	return err
}

func (m *memoryRevocations) Revoked(ctx context.Context, ids ...string) (bool, error) {
	if err := ctx.Err(); err != nil {
		return false, err
	}
	now := m.clock.Now()
	for _, id := range ids {
		shard := m.rows.Lock(id)
		denied := shard.Get(id, now) != nil
		shard.Unlock()
		if denied {
			return true, nil
		}
	}
	return false, nil
}
