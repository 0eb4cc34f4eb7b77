package opstore

import (
	"context"
	"sync"
	"time"

	"github.com/oidckit/oidckit/internal/memtable"
)

type deliveryRow = memtable.Row[string, *memoryDelivery]

// memoryDelivery is a packed delivery and what changes of it.
type memoryDelivery struct {
	record   string
	attempts int
	next     time.Time
}

type memoryDeliveries struct {
	mu   sync.Mutex
	rows *memtable.Map[string, *memoryDelivery]
}

func newMemoryDeliveries(limit int) *memoryDeliveries {
	return &memoryDeliveries{rows: memtable.NewMap[string, *memoryDelivery](limit, nil)}
}

func (m *memoryDeliveries) CreateDeliveries(ctx context.Context, all []Delivery) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	now := memtable.Now()
	m.mu.Lock()
	defer m.mu.Unlock()
	var made []*deliveryRow
	for i := range all {
		d := &all[i]
		row, err := m.rows.Insert(d.ID, memtable.Micros(d.ExpiresAt), now,
			&memoryDelivery{record: packDelivery(d), attempts: d.Attempts, next: d.NextAt.Round(0).UTC()})
		if err != nil {
			for _, row := range made {
				m.rows.Delete(row)
			}
			return err
		}
		made = append(made, row)
	}
	return nil
}

func (m *memoryDeliveries) ClaimDeliveries(ctx context.Context, limit int, hideUntil time.Time) ([]Delivery, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	var claimed []Delivery
	m.rows.Live(memtable.Micros(now), func(row *deliveryRow) bool {
		if len(claimed) >= limit {
			return false
		}
		if !row.Value.next.After(now) {
			row.Value.next = hideUntil.Round(0).UTC()
			claimed = append(claimed, row.Value.delivery())
		}
		return true
	})
	return claimed, nil
}

func (m *memoryDeliveries) RetryDelivery(ctx context.Context, id string, next time.Time) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if row := m.rows.Get(id, memtable.Now()); row != nil {
		row.Value.attempts++
		row.Value.next = next.Round(0).UTC()
	}
	return nil
}

func (m *memoryDeliveries) DeleteDelivery(ctx context.Context, id string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if row := m.rows.Get(id, memtable.Now()); row != nil {
		m.rows.Delete(row)
	}
	return nil
}

func packDelivery(d *Delivery) string {
	var buf [packSize]byte
	p := memtable.NewPacker(buf[:])
	p.Text(d.ID)
	p.Text(d.ClientID)
	p.Text(d.URI)
	p.Text(d.Subject)
	p.Text(d.SessionID)
	p.Time(d.CreatedAt)
	p.Time(d.ExpiresAt)
	return p.String()
}

func (m *memoryDelivery) delivery() Delivery {
	u := memtable.NewUnpacker(m.record)
	d := Delivery{Attempts: m.attempts, NextAt: m.next}
	d.ID = u.Text()
	d.ClientID = u.Text()
	d.URI = u.Text()
	d.Subject = u.Text()
	d.SessionID = u.Text()
	d.CreatedAt = u.Time()
	d.ExpiresAt = u.Time()
	return d
}
