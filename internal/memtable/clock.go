package memtable

import "time"

// Micros is a time as rows have it: microseconds since 1970.
func Micros(t time.Time) int64 { return t.UnixMicro() }

// Now returns the time by which a row is valid.
func Now() int64 { return time.Now().UnixMicro() }

// Clock tells until when something must be remembered. A wall clock that jumps
// forward makes it forget nothing: it goes by the slower one of wall clock and
// monotonic clock. It is immutable.
type Clock struct{ start time.Time }

// NewClock returns a clock that starts now.
func NewClock() Clock { return Clock{start: time.Now()} }

// Now returns the time by which what must be remembered has not ended.
func (c Clock) Now() int64 {
	now := time.Now()
	return c.slower(now.UnixMicro(), now.Sub(c.start))
}

func (c Clock) slower(wall int64, elapsed time.Duration) int64 {
	return min(wall, c.start.UnixMicro()+elapsed.Microseconds())
}
