package jwks

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"time"

	"github.com/oidckit/oidckit/internal/jose"
)

// wanted is the key that a request looks for: any but tried, where one was
// tried in vain.
type wanted struct {
	Ref
	tried crypto.PublicKey
}

func (w *wanted) in(s *snapshot) crypto.PublicKey {
	key := s.find(w.Ref)
	if w.tried != nil && jose.SameKey(key, w.tried) {
		return nil
	}
	return key
}

// lookup is Find for all but the common case: no keys yet, keys that are due
// for a refresh, or a key that is not among them.
func (c *Cache) lookup(ctx context.Context, w wanted) (crypto.PublicKey, error) {
	now := time.Now()
	c.mu.Lock()
	s := c.usable(now)
	if s == nil {
		return c.lookupCold(ctx, w, now)
	}
	key := w.in(s)
	age := now.Sub(s.fetched)
	if age < c.refreshAge() {
		if key != nil {
			c.mu.Unlock()
			return key, nil
		}
		return c.lookupUnknown(ctx, w, s, now)
	}

	f := c.running
	if f == nil {
		f = c.startUnlessFailing(now)
	}
	if key == nil {
		return c.lookupUnknown(ctx, w, s, now)
	}
	// Nobody asked in the last fifth of the soft lifetime, or the refresh takes
	// its time, and a key withdrawn meanwhile must not pass.
	failing := c.failures > 0 && now.Before(c.failureEnds())
	if age >= c.config.SoftLifetime && f != nil && !failing {
		return c.lookupStale(ctx, w, f, now)
	}
	switch {
	case age < c.config.SoftLifetime && c.failures == 0:
		c.setDue(s.fetched.Add(c.config.SoftLifetime))
	case f != nil:
		c.setDue(c.failureEnds())
	default:
		c.setDue(later(c.retryAt, now.Add(time.Second)))
	}
	c.mu.Unlock()
	return key, nil
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// lookupCold has no keys to answer from. Its caller holds mu. While the source
// fails only the request that tries it again waits.
func (c *Cache) lookupCold(ctx context.Context, w wanted, now time.Time) (crypto.PublicKey, error) {
	f := c.running
	joined := f != nil
	if f == nil {
		f = c.startUnlessFailing(now)
	}
	failing, cause := c.failures > 0, c.lastErr
	c.mu.Unlock()
	if f == nil || joined && failing {
		return nil, unavailable(cause)
	}
	if err := wait(ctx, f, coldWait); err != nil {
		return nil, unavailable(err)
	}
	if key := w.in(c.current.Load()); key != nil {
		return key, nil
	}
	return nil, ErrUnknownKey
}

// failureEnds returns until when the last failure shows that the source cannot
// be asked, so that keys serve beyond their soft lifetime without waiting for
// another attempt. No failure counts for longer than that lifetime, or for the
// time between two where that is longer: one from before a key was withdrawn
// does not keep it longer than a fetch from before would have.
func (c *Cache) failureEnds() time.Time {
	return c.failedAt.Add(max(c.config.SoftLifetime, failureCounts))
}

// lookupStale waits for the refresh of keys past their soft lifetime. That it
// takes long is no leave to use the key that is held, nor is a request that
// goes away; only that it fails is. Its caller holds mu.
func (c *Cache) lookupStale(ctx context.Context, w wanted, f *fetch, now time.Time) (crypto.PublicKey, error) {
	if now.Sub(f.started) >= lookupWait && c.stale >= maxWaiting {
		c.mu.Unlock()
		return nil, unavailable(errSlow)
	}
	c.stale++
	c.mu.Unlock()
	err := wait(ctx, f, coldWait)
	c.mu.Lock()
	c.stale--
	c.mu.Unlock()
	if !f.ended() {
		return nil, unavailable(err)
	}
	s := c.usable(time.Now())
	if s == nil {
		return nil, unavailable(err)
	}
	if key := w.in(s); key != nil {
		return key, nil
	}
	return nil, ErrUnknownKey
}

// lookupUnknown has keys, and not this one. Its caller holds mu.
//
// It waits for a fetch that is running or that it may start, never for leave
// to start one. A fetch that was running before may have been answered before
// the key was published, so after that one it tries once more.
func (c *Cache) lookupUnknown(ctx context.Context, w wanted, s *snapshot, now time.Time) (crypto.PublicKey, error) {
	// a kid that the issuer has, for another algorithm, is no reason to ask it;
	// without a kid, no key that is held says that there is no other
	if w.KeyID != "" && s.known(w.Ref) {
		c.mu.Unlock()
		return nil, ErrUnknownKey
	}
	deadline := now.Add(lookupWait)
	for {
		f, joined, err := c.fetchFor(w.KeyID, now)
		if err != nil {
			c.mu.Unlock()
			return nil, err
		}
		c.waiting++
		c.mu.Unlock()
		err = wait(ctx, f, time.Until(deadline))
		c.mu.Lock()
		c.waiting--
		if err != nil {
			c.mu.Unlock()
			return nil, unavailable(err)
		}
		if key := w.in(c.current.Load()); key != nil {
			c.mu.Unlock()
			return key, nil
		}
		now = time.Now()
		if !joined {
			c.mu.Unlock()
			return nil, ErrUnknownKey
		}
	}
}

// fetchFor returns a fetch that may bring an unknown kid, or the answer where
// there is none to wait for: that the kid is unknown, in the second for which
// a fetch has told, and else that this cannot be known. Its caller holds mu.
//
// In the quiet time only the request that has a fetch made waits for it. Who
// comes while it runs is refused, as in all of a second whose fetch another kid
// has used up: of a flood of invented kids each is then called unknown. With
// the same kid it may be a rotation, and those who come with its first request
// must not be called unknown: of them nothing is known yet.
func (c *Cache) fetchFor(kid string, now time.Time) (f *fetch, joined bool, err error) {
	failing := c.failures > 0
	f, joined = c.running, c.running != nil
	if f == nil {
		// one that fails is given more time than that
		if !failing && now.Sub(c.unknownAt) < unknownInterval {
			return nil, false, ErrUnknownKey
		}
		if f = c.startUnlessFailing(now); f == nil {
			return nil, false, unavailable(c.lastErr)
		}
		c.unknownAt, f.unknown, f.kid = now, true, kid
	}
	// nobody waits on a source that has just failed or takes its time already,
	// and few on any
	switch {
	case failing:
		return nil, false, unavailable(c.lastErr)
	case now.Sub(f.started) >= lookupWait:
		return nil, false, unavailable(errSlow)
	case joined && now.Before(c.quietUntil) && f.unknown && f.kid != kid:
		return nil, false, ErrUnknownKey
	case joined && now.Before(c.quietUntil):
		return nil, false, unavailable(errSlow)
	case c.waiting >= maxWaiting:
		return nil, false, unavailable(nil)
	}
	return f, joined, nil
}

var errSlow = errors.New("jwks: the key source is slow")

func wait(ctx context.Context, f *fetch, limit time.Duration) error {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-f.done:
		return f.err
	case <-timer.C:
		return errSlow
	case <-ctx.Done():
		return ctx.Err()
	}
}

func unavailable(cause error) error {
	if cause == nil {
		return ErrUnavailable
	}
	return fmt.Errorf("%w: %w", ErrUnavailable, cause)
}
