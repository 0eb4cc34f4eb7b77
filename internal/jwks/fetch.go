package jwks

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/oidckit/oidckit/internal/jose"
)

// fetch is one run of Config.Fetch that any number of requests wait for. err
// is set before done is closed.
type fetch struct {
	started time.Time
	done    chan struct{}
	err     error
	// unknown says, under Cache.mu, that it is for an unknown kid, and which.
	unknown bool
	kid     string
}

func (f *fetch) ended() bool {
	select {
	case <-f.done:
		return true
	default:
		return false
	}
}

var (
	errHangs = errors.New("the fetch before has not ended yet")
	errPanic = errors.New("the fetch panicked")
)

// start begins a fetch. Its caller holds mu and has seen that none is running
// and that the cache is open.
func (c *Cache) start(now time.Time) *fetch {
	f := &fetch{started: now, done: make(chan struct{})}
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
	if err != nil && c.config.Failed != nil {
		c.config.Failed()
	}

	c.mu.Lock()
	before := report{snapshot: c.current.Load(), failures: c.failures}
	if err != nil {
		f.err = err
		c.failed(err)
	} else {
		c.conclude(f, c.publish(set, asked), time.Since(asked))
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

// conclude notes whether requests are to wait for the next fetch for an
// unknown kid. Its caller holds mu.
func (c *Cache) conclude(f *fetch, changed bool, took time.Duration) {
	switch {
	case changed || took <= quickAnswer:
		c.quietUntil = time.Time{}
	case f.unknown:
		c.quietUntil = time.Now().Add(quietWait)
	}
}

// load must not end the program either, whatever the set holds and Scope does.
func (c *Cache) load(ctx context.Context) (set *keySet, skipped int, err error) {
	defer func() {
		if recover() != nil {
			set, err = nil, errPanic
		}
	}()
	data, err := c.ask(ctx)
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
	set, unfit, err := newKeySet(keys, previous, c.config.Scope)
	return set, bad + unfit, err
}

type answer struct {
	data []byte
	err  error
}

// ask calls Fetch and leaves it alone where it does not end with its context,
// as a transport of the app's may: neither requests nor Close hang with it.
// While it does, there is no other call.
func (c *Cache) ask(ctx context.Context) ([]byte, error) {
	if !c.asking.CompareAndSwap(false, true) {
		return nil, errHangs
	}
	answers := make(chan answer, 1)
	go func() {
		a := c.call(ctx)
		c.asking.Store(false)
		answers <- a
	}()
	select {
	case a := <-answers:
		return a.data, a.err
	case <-ctx.Done():
	}
	// One that ends with its context has a better error to tell.
	timer := time.NewTimer(hangGrace)
	defer timer.Stop()
	select {
	case a := <-answers:
		return a.data, a.err
	case <-timer.C:
		return nil, ctx.Err()
	}
}

func (c *Cache) call(ctx context.Context) (a answer) {
	defer func() {
		if recover() != nil {
			a = answer{err: errPanic}
		}
	}()
	a.data, a.err = c.config.Fetch(ctx)
	return a
}

// failed keeps the keys there are and doubles the time to the next attempt.
func (c *Cache) failed(err error) {
	now := time.Now()
	c.failures++
	c.lastErr, c.failedAt = err, now
	c.retryAt = now.Add(min(time.Second<<min(c.failures-1, 10), maxBackoff))
	if s := c.current.Load(); s != nil {
		c.setDue(later(c.retryAt, s.fetched.Add(c.refreshAge())))
	}
}

// publish makes a set the current one, and reports whether it is another one.
// Its age counts from when it was asked for: what the issuer changed after that
// is not in it.
func (c *Cache) publish(set *keySet, asked time.Time) (changed bool) {
	s := &snapshot{keySet: set, fetched: asked, generation: 1}
	previous := c.current.Load()
	changed = previous == nil || !set.equal(previous.keySet)
	if previous != nil {
		s.generation = previous.generation
		if changed {
			s.generation++
		}
	}
	c.failures, c.lastErr, c.retryAt = 0, nil, time.Time{}
	c.current.Store(s)
	c.setDue(asked.Add(c.refreshAge()))
	return changed
}

type report struct {
	snapshot *snapshot
	failures int
}

// log must not end the program: it is not in the goroutine of a request, and
// the writer behind the logger is the app's.
func (c *Cache) log(before, after report, skipped int, err error) {
	defer func() { _ = recover() }()
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
