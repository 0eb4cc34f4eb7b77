package sqldb

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// sweepBatch bounds how many rows one statement removes, and so how long
	// it holds their locks.
	sweepBatch = 500
	// sweepEvery is how many writes to a table bring one batch. It is below
	// the batch's size, so that what has ended goes faster than it comes.
	sweepEvery = 200
	// sweepPause brings a batch where writes are rare.
	sweepPause = time.Minute
)

// sweep is the state of one table whose rows end.
type sweep struct {
	query   string
	running sync.Mutex
	writes  atomic.Int64
	last    atomic.Int64
}

// sweepQuery removes one batch. On PostgreSQL it leaves out rows that another
// replica is removing.
func sweepQuery(d Dialect, table string) string {
	if d == PostgreSQL {
		return "DELETE FROM " + table + " WHERE ctid = ANY (ARRAY(SELECT ctid FROM " + table +
			" WHERE ends_at <= ? ORDER BY ends_at LIMIT ? FOR UPDATE SKIP LOCKED))"
	}
	return "DELETE FROM " + table + " WHERE rowid IN (SELECT rowid FROM " + table + " WHERE ends_at <= ? ORDER BY ends_at LIMIT ?)"
}

// Wrote tells that a row was added to a table of Schema.Ending. Now and then
// it removes a batch of rows that have ended: nothing grows for ever, and
// nothing has to run beside. It fails silently, the next one goes on.
func (d *DB) Wrote(ctx context.Context, table string) {
	s := d.sweeps[table]
	now := Now()
	if s.writes.Add(1) < sweepEvery && now-s.last.Load() < sweepPause.Microseconds() {
		return
	}
	if !s.running.TryLock() {
		return
	}
	defer s.running.Unlock()
	s.writes.Store(0)
	s.last.Store(now)
	if _, err := d.Exec(ctx, s.query, now, sweepBatch); err != nil {
		d.log.Debug().Err(err).Str("table", table).Msg("rows that have ended were not removed")
	}
}

// Sweep removes all rows that have ended, in batches, and returns how many.
func (d *DB) Sweep(ctx context.Context) (int64, error) {
	var total int64
	for _, table := range d.schema.Ending {
		for {
			n, err := d.Exec(ctx, d.sweeps[table].query, Now(), sweepBatch)
			total += n
			if err != nil {
				return total, err
			}
			if n < sweepBatch {
				break
			}
		}
	}
	return total, nil
}
