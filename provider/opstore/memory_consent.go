package opstore

import (
	"context"
	"sync"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/memtable"
)

type consentKey struct{ subject, clientID string }

type consentRow = memtable.Row[consentKey, *memoryConsent]

type memoryConsent struct {
	record    string
	ofSubject memtable.Node[*consentRow]
}

type memoryConsents struct {
	mu        sync.Mutex
	rows      *memtable.Map[consentKey, *memoryConsent]
	bySubject memtable.Index[string, *consentRow]
}

func newMemoryConsents(limit int) *memoryConsents {
	m := &memoryConsents{}
	m.rows = memtable.NewMap(limit, func(row *consentRow) { m.bySubject.Remove(row.Key.subject, &row.Value.ofSubject) })
	return m
}

func (m *memoryConsents) PutConsent(ctx context.Context, c *Consent) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	record := packConsent(c)
	stored := unpackConsent(record)
	key, ends := consentKey{stored.Subject, stored.ClientID}, memtable.Micros(c.ExpiresAt)
	now := memtable.Now()
	m.mu.Lock()
	defer m.mu.Unlock()
	if row := m.rows.Get(key, now); row != nil {
		row.Value.record = record
		m.rows.Move(row, ends)
		return nil
	}
	value := &memoryConsent{record: record}
	row, err := m.rows.Insert(key, ends, now, value)
	if err != nil {
		return err
	}
	m.bySubject.Add(key.subject, &value.ofSubject, row)
	return nil
}

func (m *memoryConsents) Consent(ctx context.Context, subject, clientID string) (*Consent, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	row := m.rows.Get(consentKey{subject, clientID}, memtable.Now())
	if row == nil {
		return nil, oidckit.ErrNotFound
	}
	return unpackConsent(row.Value.record), nil
}

func (m *memoryConsents) ListConsents(ctx context.Context, subject, after string, limit int) ([]Consent, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	var rows []*consentRow
	now := memtable.Now()
	m.bySubject.Each(subject, func(row *consentRow) {
		if row.Ends > now {
			rows = append(rows, row)
		}
	})
	var list []Consent
	for _, row := range pageOf(rows, func(row *consentRow) string { return row.Key.clientID }, after, limit) {
		list = append(list, *unpackConsent(row.Value.record))
	}
	return list, nil
}

func (m *memoryConsents) DeleteConsent(ctx context.Context, subject, clientID string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if row := m.rows.Get(consentKey{subject, clientID}, memtable.Now()); row != nil {
		m.rows.Delete(row)
	}
	return nil
}

func packConsent(c *Consent) string {
	var buf [packSize]byte
	p := memtable.NewPacker(buf[:])
	p.Text(c.ID)
	p.Text(c.Subject)
	p.Text(c.ClientID)
	p.Texts(c.Scope)
	p.Texts(c.Resource)
	p.Texts(c.Claims)
	p.Time(c.GrantedAt)
	p.Time(c.ExpiresAt)
	return p.String()
}

func unpackConsent(record string) *Consent {
	u := memtable.NewUnpacker(record)
	c := &Consent{}
	c.ID = u.Text()
	c.Subject = u.Text()
	c.ClientID = u.Text()
	c.Scope = u.Texts()
	c.Resource = u.Texts()
	c.Claims = u.Texts()
	c.GrantedAt = u.Time()
	c.ExpiresAt = u.Time()
	return c
}
