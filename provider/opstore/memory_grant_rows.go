package opstore

import (
	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/memtable"
)

// liveToken returns a token that has not expired, of a grant that is live.
func (m *memoryGrants) liveToken(hash oidckit.TokenHash, now int64) *tokenRow {
	row := m.tokens.Get(hash, now)
	if row == nil || row.Value.grant.Ends <= now {
		return nil
	}
	return row
}

func (m *memoryGrants) lookup(hash oidckit.TokenHash) (t memoryToken, grantRecord string, ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	row := m.liveToken(hash, memtable.Now())
	if row == nil {
		return memoryToken{}, "", false
	}
	return *row.Value, row.Value.grant.Value.record, true
}

// addToken stores a token that belongs to grant.
func (m *memoryGrants) addToken(grant *grantRow, t *RefreshToken, now int64) error {
	token := &memoryToken{
		grant:     grant,
		expiresAt: t.ExpiresAt.Round(0).UTC(),
	}
	row, err := m.tokens.Insert(t.Hash, memtable.Micros(t.ExpiresAt), now, token)
	if err != nil {
		return err
	}
	m.byGrant.Add(grant, &token.ofGrant, row)
	return nil
}

// dropGrant takes a grant's tokens with it, however it ends.
func (m *memoryGrants) dropGrant(row *grantRow) {
	m.bySubject.Remove(row.Value.subject, &row.Value.ofSubject)
	m.bySession.Remove(row.Value.sessionID, &row.Value.ofSession)
	m.byGrant.Each(row, m.tokens.Delete)
}

func (m *memoryGrants) dropToken(row *tokenRow) {
	m.byGrant.Remove(row.Value.grant, &row.Value.ofGrant)
}

func packGrant(g *Grant) string {
	var buf [packSize]byte
	p := memtable.NewPacker(buf[:])
	p.Text(g.ID)
	p.Text(g.ClientID)
	packAuthorization(&p, &g.Authorization)
	p.Time(g.CreatedAt)
	p.Time(g.ExpiresAt)
	return p.String()
}

func unpackGrant(record string) *Grant {
	u := memtable.NewUnpacker(record)
	g := &Grant{}
	g.ID = u.Text()
	g.ClientID = u.Text()
	unpackAuthorization(&u, &g.Authorization)
	g.CreatedAt = u.Time()
	g.ExpiresAt = u.Time()
	return g
}
