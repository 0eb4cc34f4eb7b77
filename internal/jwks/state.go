package jwks

import "time"

// State is how a Cache stands with its source.
type State struct {
	// Keys is the number of keys held, 0 where none may be served.
	Keys int
	// Fetched is when they were asked for, zero before the first ones.
	Fetched time.Time
	// Failures counts the fetches in a row that have failed, and Err is the
	// last one's error.
	Failures int
	Err      error
}

// State returns how the cache stands now. It fetches nothing.
func (c *Cache) State() State {
	c.mu.Lock()
	defer c.mu.Unlock()
	state := State{Failures: c.failures, Err: c.lastErr}
	if s := c.current.Load(); s != nil {
		state.Fetched = s.fetched
	}
	if s := c.usable(time.Now()); s != nil {
		state.Keys = len(s.keys)
	}
	return state
}
