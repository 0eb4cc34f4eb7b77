package opstore

import (
	"context"
	"sync"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/memtable"
)

type grantRow = memtable.Row[string, *memoryGrant]

// memoryGrant is a grant and the heads of its lists. Its strings share the
// record's memory.
type memoryGrant struct {
	record                       string
	clientID, subject, sessionID string
	ofSubject, ofSession         memtable.Node[*grantRow]
}

type tokenRow = memtable.Row[oidckit.TokenHash, *memoryToken]

type memoryToken struct {
	grant      *grantRow
	expiresAt  time.Time
	consumedAt time.Time
	consumed   bool
	successor  oidckit.TokenHash
	sealed     string
	ofGrant    memtable.Node[*tokenRow]
}

// memoryGrants has one lock: what it guards is a few map operations, packing
// is done outside.
type memoryGrants struct {
	clock memtable.Clock

	mu        sync.Mutex
	grants    *memtable.Map[string, *memoryGrant]
	tokens    *memtable.Map[oidckit.TokenHash, *memoryToken]
	revoked   *memtable.Map[string, struct{}]
	bySubject memtable.Index[string, *grantRow]
	bySession memtable.Index[string, *grantRow]
	byGrant   memtable.Index[*grantRow, *tokenRow]
}

func newMemoryGrants(limit int) *memoryGrants {
	m := &memoryGrants{clock: memtable.NewClock()}
	m.grants = memtable.NewMap(limit, m.dropGrant)
	m.tokens = memtable.NewMap(limit, m.dropToken)
	m.revoked = memtable.NewMap[string, struct{}](limit, nil)
	return m
}

func (m *memoryGrants) CreateGrant(ctx context.Context, g *Grant, first *RefreshToken) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	record := packGrant(g)
	stored := unpackGrant(record)
	row := &memoryGrant{record: record, clientID: stored.ClientID, subject: stored.Authorization.Subject, sessionID: stored.Authorization.SessionID}
	now := memtable.Now()
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.revoked.Get(g.ID, m.clock.Now()) != nil {
		return oidckit.ErrConsumed
	}
	grant, err := m.grants.Insert(stored.ID, memtable.Micros(g.ExpiresAt), now, row)
	if err != nil {
		return err
	}
	m.bySubject.Add(row.subject, &row.ofSubject, grant)
	m.bySession.Add(row.sessionID, &row.ofSession, grant)
	if err := m.addToken(grant, first, now); err != nil {
		m.grants.Delete(grant)
		return err
	}
	return nil
}

func (m *memoryGrants) RefreshToken(ctx context.Context, hash oidckit.TokenHash) (*RefreshToken, *Grant, error) {
	if err := ctx.Err(); err != nil {
		return nil, nil, err
	}
	t, record, ok := m.lookup(hash)
	if !ok {
		return nil, nil, oidckit.ErrNotFound
	}
	g := unpackGrant(record)
	token := &RefreshToken{Hash: hash, GrantID: g.ID, ExpiresAt: t.expiresAt, ConsumedAt: t.consumedAt, Successor: t.successor}
	if t.sealed != "" {
		token.SealedSuccessor = []byte(t.sealed)
	}
	return token, g, nil
}

func (m *memoryGrants) RotateRefreshToken(ctx context.Context, hash oidckit.TokenHash, successor *RefreshToken, sealed []byte, at time.Time) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	now := memtable.Now()
	m.mu.Lock()
	defer m.mu.Unlock()
	row := m.liveToken(hash, now)
	if row == nil {
		return oidckit.ErrNotFound
	}
	if row.Value.consumed {
		return oidckit.ErrConsumed
	}
	if err := m.addToken(row.Value.grant, successor, now); err != nil {
		return err
	}
	row.Value.consumed = true
	row.Value.consumedAt = at.Round(0).UTC()
	row.Value.successor = successor.Hash
	row.Value.sealed = string(sealed)
	return nil
}

func (m *memoryGrants) ListGrants(ctx context.Context, sel GrantSelector, after string, limit int) ([]Grant, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	var rows []*grantRow
	m.each(sel, memtable.Now(), func(row *grantRow) { rows = append(rows, row) })
	var list []Grant
	for _, row := range pageOf(rows, func(row *grantRow) string { return row.Key }, after, limit) {
		list = append(list, *unpackGrant(row.Value.record))
	}
	return list, nil
}

func (m *memoryGrants) RevokeGrants(ctx context.Context, sel GrantSelector, until time.Time) ([]string, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	var ids []string
	m.each(sel, memtable.Now(), func(row *grantRow) {
		ids = append(ids, row.Key)
		m.grants.Delete(row)
	})
	if sel.ID == "" {
		return ids, nil
	}
	return ids, m.prevent(sel.ID, memtable.Micros(until))
}

// prevent remembers that a grant must not be created. A grant that is there,
// because the selector had more fields which it did not match, stays.
func (m *memoryGrants) prevent(id string, until int64) error {
	now := m.clock.Now()
	if until <= now || m.grants.Get(id, memtable.Now()) != nil {
		return nil
	}
	if row := m.revoked.Get(id, now); row != nil {
		m.revoked.Move(row, max(row.Ends, until))
		return nil
	}
	_, err := m.revoked.Insert(id, until, now, struct{}{})
	return err
}

// each calls fn, which may delete, for every live grant that sel matches.
func (m *memoryGrants) each(sel GrantSelector, now int64, fn func(*grantRow)) {
	match := func(row *grantRow) {
		if row.Ends > now && sel.matches(row.Key, row.Value.clientID, row.Value.subject, row.Value.sessionID) {
			fn(row)
		}
	}
	switch {
	case sel.ID != "":
		if row := m.grants.Get(sel.ID, now); row != nil {
			match(row)
		}
	case sel.SessionID != "":
		m.bySession.Each(sel.SessionID, match)
	case sel.Subject != "":
		m.bySubject.Each(sel.Subject, match)
	case sel.ClientID != "":
		m.grants.Live(now, func(row *grantRow) bool { match(row); return true })
	}
}

func (s GrantSelector) matches(id, clientID, subject, sessionID string) bool {
	return s != (GrantSelector{}) &&
		(s.ID == "" || s.ID == id) &&
		(s.ClientID == "" || s.ClientID == clientID) &&
		(s.Subject == "" || s.Subject == subject) &&
		(s.SessionID == "" || s.SessionID == sessionID)
}
