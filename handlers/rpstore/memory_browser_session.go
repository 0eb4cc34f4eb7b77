package rpstore

import (
	"context"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/memtable"
)

type memoryBrowserSessions struct {
	rows *memtable.Sharded[oidckit.TokenHash, string]
}

func newMemoryBrowserSessions(limit int) *memoryBrowserSessions {
	return &memoryBrowserSessions{memtable.NewSharded[oidckit.TokenHash, string](limit)}
}

func (m *memoryBrowserSessions) BrowserSession(ctx context.Context, token string) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	hash := oidckit.HashToken(token)
	shard := m.rows.Lock(hash)
	row := shard.Get(hash, memtable.Now())
	if row == nil {
		shard.Unlock()
		return nil, oidckit.ErrNotFound
	}
	value := row.Value
	shard.Unlock()
	return []byte(value), nil
}

func (m *memoryBrowserSessions) PutBrowserSession(ctx context.Context, token string, value []byte, expires time.Time) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	hash, stored, ends := oidckit.HashToken(token), string(value), memtable.Micros(expires)
	now := memtable.Now()
	shard := m.rows.Lock(hash)
	defer shard.Unlock()
	if row := shard.Get(hash, now); row != nil {
		row.Value = stored
		shard.Move(row, ends)
		return nil
	}
	_, err := shard.Insert(hash, ends, now, stored)
	return err
}

func (m *memoryBrowserSessions) DeleteBrowserSession(ctx context.Context, token string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	hash := oidckit.HashToken(token)
	shard := m.rows.Lock(hash)
	defer shard.Unlock()
	if row := shard.Get(hash, memtable.Now()); row != nil {
		shard.Delete(row)
	}
	return nil
}
