package memtable

import (
	"errors"
	"math"

	"github.com/oidckit/oidckit"
)

// ErrFull says that a map holds as many live rows as it may.
var ErrFull = errors.New("oidckit: the memory store is full")

// Never is the end of a row that has none.
const Never = math.MaxInt64

// sweepStep bounds how many ended rows one insert removes.
const sweepStep = 2048

// Row is one entry of a Map. Its owner may change Value under the map's lock;
// Ends is changed with Map.Move.
type Row[K comparable, V any] struct {
	Key   K
	Value V
	Ends  int64

	queuedAt int64
	gone     bool
}

// Map is a bounded map of rows that end. It has no lock of its own.
type Map[K comparable, V any] struct {
	rows    shrinking[K, *Row[K, V]]
	queue   queue[K, V]
	max     int
	dropped func(*Row[K, V])
}

// NewMap returns a map of at most limit rows. The function, which may be nil,
// is called for each row that leaves, however it does.
func NewMap[K comparable, V any](limit int, dropped func(*Row[K, V])) *Map[K, V] {
	return &Map[K, V]{max: limit, dropped: dropped}
}

// Get returns the live row of a key, or nil.
func (m *Map[K, V]) Get(key K, now int64) *Row[K, V] {
	row := m.rows.m[key]
	if row == nil || row.Ends <= now {
		return nil
	}
	return row
}

// Insert adds a row. It returns oidckit.ErrConflict where a live row has the
// key, and ErrFull where there is no room.
func (m *Map[K, V]) Insert(key K, ends, now int64, value V) (*Row[K, V], error) {
	if old := m.rows.m[key]; old != nil {
		if old.Ends > now {
			return nil, oidckit.ErrConflict
		}
		m.Delete(old)
	}
	m.sweep(now, sweepStep)
	if len(m.rows.m) >= m.max {
		m.sweep(now, math.MaxInt)
	}
	if len(m.rows.m) >= m.max {
		return nil, ErrFull
	}
	row := &Row[K, V]{Key: key, Value: value, Ends: ends, queuedAt: Never}
	m.rows.put(key, row)
	m.enqueue(row)
	return row, nil
}

// Move changes when a row ends.
func (m *Map[K, V]) Move(row *Row[K, V], ends int64) {
	row.Ends = ends
	if ends < row.queuedAt {
		m.enqueue(row)
	}
}

// Delete removes a row.
func (m *Map[K, V]) Delete(row *Row[K, V]) {
	if row.gone {
		return
	}
	row.gone = true
	m.rows.remove(row.Key)
	if m.dropped != nil {
		m.dropped(row)
	}
	var zero V
	row.Value = zero
}

// Live calls fn for every live row until it returns false. Rows may be deleted
// on the way.
func (m *Map[K, V]) Live(now int64, fn func(*Row[K, V]) bool) {
	for _, row := range m.rows.m {
		if row.Ends > now && !fn(row) {
			return
		}
	}
}

// Len returns the number of rows, ended ones that still wait for their removal
// included.
func (m *Map[K, V]) Len() int { return len(m.rows.m) }

// sweep removes at most limit rows that have ended.
func (m *Map[K, V]) sweep(now int64, limit int) {
	for range limit {
		row, at, ok := m.queue.pop(now)
		if !ok {
			return
		}
		switch {
		case row.gone || row.queuedAt != at:
		case row.Ends > now:
			m.enqueue(row)
		default:
			m.Delete(row)
		}
	}
}

// enqueue makes sweep look at the row when it ends.
func (m *Map[K, V]) enqueue(row *Row[K, V]) {
	row.queuedAt = row.Ends
	if row.Ends == Never {
		return
	}
	m.queue.push(row)
	// Rows that were deleted or moved leave entries behind.
	if len(m.queue.heap) > 2*len(m.rows.m)+1024 {
		m.queue.compact()
	}
}
