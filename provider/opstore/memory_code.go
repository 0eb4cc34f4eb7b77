package opstore

import (
	"context"
	"math"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/memtable"
)

// packSize fits the usual record, so that packing one allocates its string
// only.
const packSize = 768

// memoryCode is a packed code or, when it was spent, the little that is
// remembered of it: an issuer remembers far more codes than it has live ones.
type memoryCode struct {
	record string
	// keepUntil is spentCode once the code was spent.
	keepUntil int64
}

const spentCode = math.MinInt64

// codeKey is the first half of a code's hash: 128 bits tell codes apart, and
// most of what this store holds is keys.
type codeKey [16]byte

type memoryCodes struct {
	codes *memtable.Sharded[codeKey, memoryCode]
}

func newMemoryCodes(limit int) *memoryCodes {
	return &memoryCodes{memtable.NewSharded[codeKey, memoryCode](limit)}
}

func (m *memoryCodes) CreateCode(ctx context.Context, c *Code) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	row := memoryCode{record: packCode(c), keepUntil: memtable.Micros(c.KeepUntil)}
	key := codeKey(c.Hash[:])
	shard := m.codes.Lock(key)
	defer shard.Unlock()
	_, err := shard.Insert(key, memtable.Micros(c.ExpiresAt), memtable.Now(), row)
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
		return unpackSpent(hash, record), oidckit.ErrConsumed
	default:
		return unpackCode(hash, record), nil
	}
}

// lookup returns the record of a code and whether it had been spent before.
func (m *memoryCodes) lookup(hash oidckit.TokenHash, consume bool) (record string, spent, ok bool) {
	key := codeKey(hash[:])
	shard := m.codes.Lock(key)
	defer shard.Unlock()
	row := shard.Get(key, memtable.Now())
	if row == nil {
		return "", false, false
	}
	record, spent = row.Value.record, row.Value.keepUntil == spentCode
	if consume && !spent {
		ends := max(row.Ends, row.Value.keepUntil)
		row.Value = memoryCode{packSpent(record), spentCode}
		shard.Move(row, ends)
	}
	return record, spent, true
}

// packSpent makes of a packed code what unpackSpent reads.
func packSpent(record string) string {
	u := memtable.NewUnpacker(record)
	clientID, _, _ := u.Text(), u.Text(), u.Text()
	var buf [packSize]byte
	p := memtable.NewPacker(buf[:])
	p.Text(clientID)
	// The first three fields of the authorization.
	p.Text(u.Text())
	p.Text(u.Text())
	p.Text(u.Text())
	return p.String()
}

func unpackSpent(hash oidckit.TokenHash, record string) *Code {
	u := memtable.NewUnpacker(record)
	c := &Code{Hash: hash}
	c.ClientID = u.Text()
	c.Authorization.GrantID = u.Text()
	c.Authorization.Subject = u.Text()
	c.Authorization.SessionID = u.Text()
	return c
}

func packCode(c *Code) string {
	var buf [packSize]byte
	p := memtable.NewPacker(buf[:])
	p.Text(c.ClientID)
	p.Text(c.RedirectURI)
	p.Text(c.CodeChallenge)
	packAuthorization(&p, &c.Authorization)
	p.Time(c.CreatedAt)
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
	c.CreatedAt = u.Time()
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
