package jwks

import (
	"context"
	"fmt"
	"time"

	"github.com/oidckit/oidckit/internal/jose"
)

// fetch is one run of Config.Fetch that any number of requests wait for. err
// is set before done is closed.
type fetch struct {
	done chan struct{}
	err  error
	// slow is set, under Cache.mu, once somebody has waited in vain.
	slow bool
}

// start begins a fetch. Its caller holds mu and has seen that none is running
// and that the cache is open.
func (c *Cache) start(now time.Time) *fetch {
	f := &fetch{done: make(chan struct{})}
	c.running = f
	c.wg.Go(func() { c.run(f) })
	return f
}

// startUnlessFailing is start with respect for a source that has failed; nil
// where it needs time, or where the cache is closed.
func (c *Cache) startUnlessFailing(now time.Time) *fetch {
	if c.closed || now.Before(c.retryAt) {
		return nil
	}
	return c.start(now)
}

// run is on a context of its own: a request that goes away must not take the
// answer from the others.
func (c *Cache) run(f *fetch) {
	ctx, cancel := context.WithTimeout(c.ctx, fetchTimeout)
	defer cancel()
	asked := time.Now()
	set, skipped, err := c.load(ctx)

	c.mu.Lock()
	before := report{snapshot: c.current.Load(), failures: c.failures}
	if err != nil {
		f.err = err
		c.failed(err)
	} else {
		c.publish(set, asked)
	}
	after := report{snapshot: c.current.Load(), failures: c.failures}
	closed := c.closed
	c.running = nil
	close(f.done)
	c.mu.Unlock()
	if !closed {
		c.log(before, after, skipped, err)
	}
}

func (c *Cache) load(ctx context.Context) (*keySet, int, error) {
	data, err := c.config.Fetch(ctx)
	if err != nil {
		return nil, 0, fmt.Errorf("jwks: fetching keys: %w", err)
	}
	keys, bad, err := jose.ParseJWKS(data)
	if err != nil {
		return nil, 0, err
	}
	var previous *keySet
	if s := c.current.Load(); s != nil {
		previous = s.keySet
	}
	set, unfit, err := newKeySet(keys, previous)
	return set, bad + unfit, err
}

// failed keeps the keys there are and doubles the time to the next attempt.
func (c *Cache) failed(err error) {
	now := time.Now()
	c.failures++
	c.lastErr = err
	c.retryAt = now.Add(min(time.Second<<min(c.failures-1, 10), maxBackoff))
	if s := c.current.Load(); s != nil {
		c.setDue(later(c.retryAt, s.fetched.Add(c.refreshAge())))
	}
}

// publish makes a set the current one. Its age counts from when it was asked
// for: what the issuer changed after that is not in it.
func (c *Cache) publish(set *keySet, asked time.Time) {
	s := &snapshot{keySet: set, fetched: asked, generation: 1}
	if previous := c.current.Load(); previous != nil {
		s.generation = previous.generation
		if !set.equal(previous.keySet) {
			s.generation++
		}
	}
	c.failures, c.lastErr, c.retryAt = 0, nil, time.Time{}
	c.current.Store(s)
	c.setDue(asked.Add(c.refreshAge()))
}

type report struct {
	snapshot *snapshot
	failures int
}

func (c *Cache) log(before, after report, skipped int, err error) {
	log := &c.config.Logger
	if err != nil {
		event := log.Warn().Err(err).Int("failures", after.failures)
		if after.snapshot != nil {
			event = event.Dur("age", time.Since(after.snapshot.fetched))
		}
		event.Msg("key set could not be fetched")
		return
	}
	if before.failures > 0 {
		log.Info().Int("failures", before.failures).Msg("key source recovered")
	}
	if before.snapshot == nil || before.snapshot.generation != after.snapshot.generation {
		log.Info().Int("keys", len(after.snapshot.keys)).Int("skipped", skipped).Msg("key set changed")
	}
}

// refreshAge lies before the soft lifetime, so that a busy service has new
// keys in hand by then and no request has to wait for them.
func (c *Cache) refreshAge() time.Duration { return c.config.SoftLifetime / 5 * 4 }

// setDue sets until when lookups read the current keys as they are.
func (c *Cache) setDue(t time.Time) {
	s := c.current.Load()
	if s == nil {
		return
	}
	if expiry := s.fetched.Add(c.config.HardLifetime); t.After(expiry) {
		t = expiry
	}
	c.due.Store(int64(t.Sub(c.started)))
}
