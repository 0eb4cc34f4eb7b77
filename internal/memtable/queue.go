package memtable

import "slices"

// queue is a binary heap of rows by the time they are to be looked at.
type queue[K comparable, V any] struct{ heap []queued[K, V] }

type queued[K comparable, V any] struct {
	at  int64
	row *Row[K, V]
}

func (q *queue[K, V]) push(row *Row[K, V]) {
	q.heap = append(q.heap, queued[K, V]{row.queuedAt, row})
	i := len(q.heap) - 1
	for i > 0 {
		parent := (i - 1) / 2
		if q.heap[parent].at <= q.heap[i].at {
			return
		}
		q.heap[parent], q.heap[i] = q.heap[i], q.heap[parent]
		i = parent
	}
}

// pop returns the first row that is due, and the time it was queued for.
func (q *queue[K, V]) pop(now int64) (row *Row[K, V], at int64, ok bool) {
	if len(q.heap) == 0 || q.heap[0].at > now {
		return nil, 0, false
	}
	first, last := q.heap[0], len(q.heap)-1
	q.heap[0] = q.heap[last]
	q.heap[last] = queued[K, V]{}
	q.heap = q.heap[:last]
	q.down(0)
	q.trim()
	return first.row, first.at, true
}

func (q *queue[K, V]) down(i int) {
	for {
		child := 2*i + 1
		if child >= len(q.heap) {
			return
		}
		if right := child + 1; right < len(q.heap) && q.heap[right].at < q.heap[child].at {
			child = right
		}
		if q.heap[i].at <= q.heap[child].at {
			return
		}
		q.heap[i], q.heap[child] = q.heap[child], q.heap[i]
		i = child
	}
}

// compact drops the entries of rows that are gone or queued elsewhere.
func (q *queue[K, V]) compact() {
	q.heap = slices.DeleteFunc(q.heap, func(e queued[K, V]) bool { return e.row.gone || e.row.queuedAt != e.at })
	for i := len(q.heap)/2 - 1; i >= 0; i-- {
		q.down(i)
	}
	q.trim()
}

// trim gives memory back after a peak.
func (q *queue[K, V]) trim() {
	if c := cap(q.heap); c > minPeak && len(q.heap) < c/4 {
		q.heap = append(make([]queued[K, V], 0, len(q.heap)+len(q.heap)/2), q.heap...)
	}
}
