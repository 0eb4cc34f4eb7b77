package opstore

import (
	"context"
	"sync"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/memtable"
)

type sessionRow = memtable.Row[string, *memorySession]

// memorySession is a packed session and what it is found by.
type memorySession struct {
	record           string
	handle           oidckit.TokenHash
	subject          string
	identityProvider string
	version          int64
	ofSubject        memtable.Node[*sessionRow]
}

type memorySessions struct {
	mu        sync.Mutex
	rows      *memtable.Map[string, *memorySession]
	byHandle  memtable.Lookup[oidckit.TokenHash, *sessionRow]
	bySubject memtable.Index[string, *sessionRow]
}

func newMemorySessions(limit int) *memorySessions {
	m := &memorySessions{}
	m.rows = memtable.NewMap(limit, m.unlist)
	return m
}

func (m *memorySessions) CreateSession(ctx context.Context, s *Session) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	value, id := newMemorySession(s, 1)
	now := memtable.Now()
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.handleTaken(value.handle, id, now) {
		return oidckit.ErrConflict
	}
	row, err := m.rows.Insert(id, memtable.Micros(s.ExpiresAt), now, value)
	if err != nil {
		return err
	}
	m.list(row)
	s.Version = 1
	return nil
}

func (m *memorySessions) Session(ctx context.Context, handle oidckit.TokenHash) (*Session, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	m.mu.Lock()
	row, ok := m.byHandle.Get(handle)
	if !ok || row.Ends <= memtable.Now() {
		m.mu.Unlock()
		return nil, oidckit.ErrNotFound
	}
	record, version := row.Value.record, row.Value.version
	m.mu.Unlock()
	s := unpackSession(record, version)
	return &s, nil
}

func (m *memorySessions) UpdateSession(ctx context.Context, s *Session) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	value, id := newMemorySession(s, s.Version+1)
	now := memtable.Now()
	m.mu.Lock()
	defer m.mu.Unlock()
	row := m.rows.Get(id, now)
	if row == nil {
		return oidckit.ErrNotFound
	}
	if row.Value.version != s.Version || m.handleTaken(value.handle, id, now) {
		return oidckit.ErrConflict
	}
	m.unlist(row)
	row.Value = value
	m.rows.Move(row, memtable.Micros(s.ExpiresAt))
	m.list(row)
	s.Version++
	return nil
}

func (m *memorySessions) EndSessions(ctx context.Context, sel SessionSelector) ([]Session, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	var ended []Session
	m.each(sel, memtable.Now(), func(row *sessionRow) {
		ended = append(ended, unpackSession(row.Value.record, row.Value.version))
		m.rows.Delete(row)
	})
	return ended, nil
}

func (m *memorySessions) ListSessions(ctx context.Context, sel SessionSelector, after string, limit int) ([]Session, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	var rows []*sessionRow
	m.each(sel, memtable.Now(), func(row *sessionRow) { rows = append(rows, row) })
	var list []Session
	for _, row := range pageOf(rows, func(row *sessionRow) string { return row.Key }, after, limit) {
		list = append(list, unpackSession(row.Value.record, row.Value.version))
	}
	return list, nil
}

// each calls fn, which may delete, for every live session that sel matches.
func (m *memorySessions) each(sel SessionSelector, now int64, fn func(*sessionRow)) {
	match := func(row *sessionRow) {
		if row.Ends > now && sel.matches(row) {
			fn(row)
		}
	}
	switch {
	case sel.ID != "":
		if row := m.rows.Get(sel.ID, now); row != nil {
			match(row)
		}
	case sel.Subject != "":
		m.bySubject.Each(sel.Subject, match)
	case sel.IdentityProvider != "":
		m.rows.Live(now, func(row *sessionRow) bool { match(row); return true })
	}
}

func (s SessionSelector) matches(row *sessionRow) bool {
	return !s.Zero() &&
		(s.Version == 0 || s.Version == row.Value.version) &&
		(s.ID == "" || s.ID == row.Key) &&
		(s.Subject == "" || s.Subject == row.Value.subject) &&
		(s.IdentityProvider == "" || s.IdentityProvider == row.Value.identityProvider)
}

// handleTaken reports whether another live session than id has the handle.
func (m *memorySessions) handleTaken(handle oidckit.TokenHash, id string, now int64) bool {
	row, ok := m.byHandle.Get(handle)
	return ok && row.Key != id && row.Ends > now
}

func (m *memorySessions) list(row *sessionRow) {
	m.byHandle.Put(row.Value.handle, row)
	m.bySubject.Add(row.Value.subject, &row.Value.ofSubject, row)
}

func (m *memorySessions) unlist(row *sessionRow) {
	// An ended session's handle may have been taken over.
	if at, ok := m.byHandle.Get(row.Value.handle); ok && at == row {
		m.byHandle.Remove(row.Value.handle)
	}
	m.bySubject.Remove(row.Value.subject, &row.Value.ofSubject)
}

func newMemorySession(s *Session, version int64) (value *memorySession, id string) {
	record := packSession(s)
	stored := unpackSession(record, version)
	return &memorySession{
		record:           record,
		handle:           s.Handle,
		subject:          stored.Subject,
		identityProvider: stored.IdentityProvider,
		version:          version,
	}, stored.ID
}

func packSession(s *Session) string {
	var buf [packSize]byte
	p := memtable.NewPacker(buf[:])
	p.Text(s.ID)
	p.Fixed(s.Handle[:])
	p.Text(s.Subject)
	p.Time(s.AuthTime)
	p.Text(s.ACR)
	p.Texts(s.AMR)
	p.Text(s.IdentityProvider)
	p.Texts(s.Clients)
	p.Time(s.CreatedAt)
	p.Time(s.ExpiresAt)
	return p.String()
}

func unpackSession(record string, version int64) Session {
	u := memtable.NewUnpacker(record)
	s := Session{Version: version}
	s.ID = u.Text()
	u.Fixed(s.Handle[:])
	s.Subject = u.Text()
	s.AuthTime = u.Time()
	s.ACR = u.Text()
	s.AMR = u.Texts()
	s.IdentityProvider = u.Text()
	s.Clients = u.Texts()
	s.CreatedAt = u.Time()
	s.ExpiresAt = u.Time()
	return s
}
