package opstore

import (
	"context"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/memtable"
)

// packSize fits the usual record, so that packing one allocates its string
// only.
const packSize = 768

type memoryCode struct {
	record    string
	keepUntil int64
	spent     bool
}

type memoryCodes struct {
	codes *memtable.Sharded[oidckit.TokenHash, memoryCode]
}

func newMemoryCodes(limit int) *memoryCodes {
	return &memoryCodes{memtable.NewSharded[oidckit.TokenHash, memoryCode](limit)}
}

func (m *memoryCodes) CreateCode(ctx context.Context, c *Code) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	row := memoryCode{record: packCode(c), keepUntil: memtable.Micros(c.KeepUntil)}
	shard := m.codes.Lock(c.Hash)
	defer shard.Unlock()
	_, err := shard.Insert(c.Hash, memtable.Micros(c.ExpiresAt), memtable.Now(), row)
	return err
}

func (m *memoryCodes) Code(ctx context.Context, hash oidckit.TokenHash) (*Code, error) {
	return m.find(ctx, hash, false)
}

func (m *memoryCodes) ConsumeCode(ctx context.Context, hash oidckit.TokenHash) (*Code, error) {
	return m.find(ctx, hash, true)
}

func (m *memoryCodes) find(ctx context.Context, hash oidckit.TokenHash, consume bool) (*Code, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	record, spent, ok := m.lookup(hash, consume)
	switch {
	case !ok:
		return nil, oidckit.ErrNotFound
	case spent:
		return unpackCode(hash, record), oidckit.ErrConsumed
	default:
		return unpackCode(hash, record), nil
	}
}

// lookup returns the record of a code and whether it had been spent before.
func (m *memoryCodes) lookup(hash oidckit.TokenHash, consume bool) (record string, spent, ok bool) {
	shard := m.codes.Lock(hash)
	defer shard.Unlock()
	row := shard.Get(hash, memtable.Now())
	if row == nil {
		return "", false, false
	}
	spent = row.Value.spent
	if consume && !spent {
		row.Value.spent = true
		shard.Move(row, max(row.Ends, row.Value.keepUntil))
	}
	return row.Value.record, spent, true
}

func packCode(c *Code) string {
	var buf [packSize]byte
	p := memtable.NewPacker(buf[:])
	p.Text(c.ClientID)
	p.Text(c.RedirectURI)
	p.Text(c.CodeChallenge)
	packAuthorization(&p, &c.Authorization)
	p.Time(c.ExpiresAt)
	p.Time(c.KeepUntil)
	return p.String()
}

func unpackCode(hash oidckit.TokenHash, record string) *Code {
	u := memtable.NewUnpacker(record)
	c := &Code{Hash: hash}
	c.ClientID = u.Text()
	c.RedirectURI = u.Text()
	c.CodeChallenge = u.Text()
	unpackAuthorization(&u, &c.Authorization)
	c.ExpiresAt = u.Time()
	c.KeepUntil = u.Time()
	return c
}

func packAuthorization(p *memtable.Packer, a *Authorization) {
	p.Text(a.GrantID)
	p.Text(a.Subject)
	p.Text(a.SessionID)
	p.Texts(a.Scope)
	p.Texts(a.Resource)
	p.Text(a.Nonce)
	p.Time(a.AuthTime)
	p.Text(a.ACR)
	p.Texts(a.AMR)
	p.Texts(a.UserinfoClaims)
	p.Texts(a.IDTokenClaims)
	p.Texts(a.ClaimsLocales)
}

func unpackAuthorization(u *memtable.Unpacker, a *Authorization) {
	a.GrantID = u.Text()
	a.Subject = u.Text()
	a.SessionID = u.Text()
	a.Scope = u.Texts()
	a.Resource = u.Texts()
	a.Nonce = u.Text()
	a.AuthTime = u.Time()
	a.ACR = u.Text()
	a.AMR = u.Texts()
	a.UserinfoClaims = u.Texts()
	a.IDTokenClaims = u.Texts()
	a.ClaimsLocales = u.Texts()
}
