package opstore

import (
	"context"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/memtable"
)

type memoryAccessTokens struct {
	tokens *memtable.Sharded[oidckit.TokenHash, string]
}

func newMemoryAccessTokens(limit int) *memoryAccessTokens {
	return &memoryAccessTokens{memtable.NewSharded[oidckit.TokenHash, string](limit)}
}

func (m *memoryAccessTokens) CreateAccessToken(ctx context.Context, t *AccessToken) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	record := packAccessToken(t)
	shard := m.tokens.Lock(t.Hash)
	defer shard.Unlock()
	_, err := shard.Insert(t.Hash, memtable.Micros(t.ExpiresAt), memtable.Now(), record)
	return err
}

func (m *memoryAccessTokens) AccessToken(ctx context.Context, hash oidckit.TokenHash) (*AccessToken, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	record, ok := m.lookup(hash)
	if !ok {
		return nil, oidckit.ErrNotFound
	}
	return unpackAccessToken(hash, record), nil
}

func (m *memoryAccessTokens) lookup(hash oidckit.TokenHash) (record string, ok bool) {
	shard := m.tokens.Lock(hash)
	defer shard.Unlock()
	row := shard.Get(hash, memtable.Now())
	if row == nil {
		return "", false
	}
	return row.Value, true
}

func packAccessToken(t *AccessToken) string {
	var buf [packSize]byte
	p := memtable.NewPacker(buf[:])
	p.Text(t.ID)
	p.Text(t.ClientID)
	packAuthorization(&p, &t.Authorization)
	p.Text(t.Subject)
	p.Texts(t.Audience)
	p.Texts(t.Scope)
	p.Time(t.IssuedAt)
	p.Time(t.ExpiresAt)
	return p.String()
}

func unpackAccessToken(hash oidckit.TokenHash, record string) *AccessToken {
	u := memtable.NewUnpacker(record)
	t := &AccessToken{Hash: hash}
	t.ID = u.Text()
	t.ClientID = u.Text()
	unpackAuthorization(&u, &t.Authorization)
	t.Subject = u.Text()
	t.Audience = u.Texts()
	t.Scope = u.Texts()
	t.IssuedAt = u.Time()
	t.ExpiresAt = u.Time()
	return t
}
