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
	// Nobody asked in the last fifth of the soft lifetime, so nothing was
	// refreshed behind a request, and a key withdrawn meanwhile must not pass.
	if age >= c.config.SoftLifetime && f != nil && c.failures == 0 && !f.slow {
		return c.lookupStale(ctx, w, key, f)
	}
	switch {
	case age < c.config.SoftLifetime && c.failures == 0:
		c.setDue(s.fetched.Add(c.config.SoftLifetime))
	case f != nil:
		c.setDue(now.Add(fetchTimeout))
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

// lookupStale waits for the refresh and falls back on the key that is held.
// Its caller holds mu.
func (c *Cache) lookupStale(ctx context.Context, w wanted, held crypto.PublicKey, f *fetch) (crypto.PublicKey, error) {
	c.mu.Unlock()
	if err := wait(ctx, f, lookupWait); err == nil {
		if key := w.in(c.current.Load()); key != nil {
			return key, nil
		}
		return nil, ErrUnknownKey
	}
	if ctx.Err() == nil {
		c.mu.Lock()
		f.slow = true
		c.mu.Unlock()
	}
	return held, nil
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
		f, joined, err := c.fetchFor(now)
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
func (c *Cache) fetchFor(now time.Time) (f *fetch, joined bool, err error) {
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
		c.unknownAt, f.unknown = now, true
	}
	// nobody waits on a source that has just failed, takes its time already or
	// took it to tell nothing new, and few on any
	switch {
	case failing:
		return nil, false, unavailable(c.lastErr)
	case now.Before(c.quietUntil) || now.Sub(f.started) >= lookupWait:
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
