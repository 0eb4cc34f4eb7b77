package rpstore

import (
	"context"
	"sync"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/memtable"
)

// packSize fits the usual record.
const packSize = 1536

type sessionRow = memtable.Row[oidckit.TokenHash, *memorySession]

// memorySession is a packed session and what it is found by. Its strings share
// the record's memory.
type memorySession struct {
	record                               string
	issuer, clientID, subject, sessionID string
	version                              int64
	ofSubject, ofSession                 memtable.Node[*sessionRow]
}

type memorySessions struct {
	mu        sync.Mutex
	rows      *memtable.Map[oidckit.TokenHash, *memorySession]
	bySubject memtable.Index[string, *sessionRow]
	bySession memtable.Index[string, *sessionRow]
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
	value := newMemorySession(s, 1)
	m.mu.Lock()
	defer m.mu.Unlock()
	row, err := m.rows.Insert(s.Handle, memtable.Micros(s.ExpiresAt), memtable.Now(), value)
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
	row := m.rows.Get(handle, memtable.Now())
	if row == nil {
		m.mu.Unlock()
		return nil, oidckit.ErrNotFound
	}
	record, version := row.Value.record, row.Value.version
	m.mu.Unlock()
	s := unpackSession(record)
	s.Handle, s.Version = handle, version
	return s, nil
}

func (m *memorySessions) UpdateSession(ctx context.Context, s *Session) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	value := newMemorySession(s, s.Version+1)
	m.mu.Lock()
	defer m.mu.Unlock()
	row := m.rows.Get(s.Handle, memtable.Now())
	if row == nil {
		return oidckit.ErrNotFound
	}
	if row.Value.version != s.Version {
		return oidckit.ErrConflict
	}
	m.unlist(row)
	row.Value = value
	m.rows.Move(row, memtable.Micros(s.ExpiresAt))
	m.list(row)
	s.Version++
	return nil
}

func (m *memorySessions) EndSessions(ctx context.Context, sel SessionSelector) (int, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	now, ended := memtable.Now(), 0
	end := func(row *sessionRow) {
		if row.Ends > now && sel.matches(row) {
			m.rows.Delete(row)
			ended++
		}
	}
	switch {
	case sel == SessionSelector{}:
	case !sel.Handle.IsZero():
		if row := m.rows.Get(sel.Handle, now); row != nil {
			end(row)
		}
	case sel.SessionID != "":
		m.bySession.Each(sel.SessionID, end)
	case sel.Subject != "":
		m.bySubject.Each(sel.Subject, end)
	default:
		m.rows.Live(now, func(row *sessionRow) bool { end(row); return true })
	}
	return ended, nil
}

func (s SessionSelector) matches(row *sessionRow) bool {
	return s != (SessionSelector{}) &&
		(s.Handle.IsZero() || s.Handle == row.Key) &&
		(s.Issuer == "" || s.Issuer == row.Value.issuer) &&
		(s.ClientID == "" || s.ClientID == row.Value.clientID) &&
		(s.Subject == "" || s.Subject == row.Value.subject) &&
		(s.SessionID == "" || s.SessionID == row.Value.sessionID)
}

func (m *memorySessions) list(row *sessionRow) {
	m.bySubject.Add(row.Value.subject, &row.Value.ofSubject, row)
	m.bySession.Add(row.Value.sessionID, &row.Value.ofSession, row)
}

func (m *memorySessions) unlist(row *sessionRow) {
	m.bySubject.Remove(row.Value.subject, &row.Value.ofSubject)
	m.bySession.Remove(row.Value.sessionID, &row.Value.ofSession)
}

func newMemorySession(s *Session, version int64) *memorySession {
	record := packSession(s)
	stored := unpackSession(record)
	return &memorySession{
		record:    record,
		issuer:    stored.Issuer,
		clientID:  stored.ClientID,
		subject:   stored.Subject,
		sessionID: stored.SessionID,
		version:   version,
	}
}

func packSession(s *Session) string {
	var buf [packSize]byte
	p := memtable.NewPacker(buf[:])
	p.Text(s.Issuer)
	p.Text(s.ClientID)
	p.Text(s.Subject)
	p.Text(s.SessionID)
	p.Bytes(s.Identity)
	p.Bytes(s.SealedTokens)
	p.Time(s.CreatedAt)
	p.Time(s.SeenAt)
	p.Time(s.ExpiresAt)
	p.Time(s.TokensExpireAt)
	p.Text(string(s.RefreshState))
	p.Time(s.RefreshAt)
	return p.String()
}

func unpackSession(record string) *Session {
	u := memtable.NewUnpacker(record)
	s := &Session{}
	s.Issuer = u.Text()
	s.ClientID = u.Text()
	s.Subject = u.Text()
	s.SessionID = u.Text()
	s.Identity = u.Bytes()
	s.SealedTokens = u.Bytes()
	s.CreatedAt = u.Time()
	s.SeenAt = u.Time()
	s.ExpiresAt = u.Time()
	s.TokensExpireAt = u.Time()
	s.RefreshState = RefreshState(u.Text())
	s.RefreshAt = u.Time()
	return s
}
