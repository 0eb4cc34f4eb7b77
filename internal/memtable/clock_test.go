package memtable

import (
	"testing"
	"time"
)

// TestClockForgetsNothing shows FLT-26: whatever happens to the wall clock,
// what must be remembered does not end early.
func TestClockForgetsNothing(t *testing.T) {
	c := NewClock()
	start := c.start.UnixMicro()
	for _, row := range []struct {
		name          string
		wall, elapsed time.Duration
		want          time.Duration
	}{
		{"both clocks agree", time.Minute, time.Minute, time.Minute},
		{"wall clock set forward", 11 * time.Minute, time.Minute, time.Minute},
		{"wall clock set back", -9 * time.Minute, time.Minute, -9 * time.Minute},
		{"machine was suspended", time.Hour, time.Minute, time.Minute},
	} {
		if got := c.slower(start+row.wall.Microseconds(), row.elapsed) - start; got != row.want.Microseconds() {
			t.Errorf("%s: %d µs after the start, want %v", row.name, got, row.want)
		}
	}
	if now := c.Now(); now < start || now > time.Now().UnixMicro() {
		t.Errorf("now is %d, not between %d and the wall clock", now, start)
	}
}
