package handlers

import (
	"encoding/binary"
	"testing"
	"testing/synctest"
	"time"

	"github.com/oidckit/oidckit"
)

func cacheKey(n int) (key oidckit.TokenHash) {
	binary.BigEndian.PutUint64(key[8:], uint64(n))
	return key
}

func (c *sessionCache) put(t *testing.T, key oidckit.TokenHash, id *oidckit.Identity) {
	t.Helper()
	_, call, leads := c.look(key, time.Now())
	if !leads {
		t.Fatal("somebody else is asking")
	}
	call.session.identity = id
	c.finish(key, call)
}

func TestSessionCache(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		id := &oidckit.Identity{Subject: "alice", ExpiresAt: time.Now().Add(time.Hour)}
		c := newSessionCache()
		key := cacheKey(1)
		here := func() bool {
			got, call, leads := c.look(key, time.Now())
			if leads {
				// Nobody came: leave the cache as it was.
				call.err = oidckit.ErrUnauthenticated
				c.finish(key, call)
			}
			return got.identity != nil
		}
		c.put(t, key, id)
		time.Sleep(checkInterval - time.Millisecond)
		if !here() {
			t.Error("forgotten within the interval")
		}
		time.Sleep(time.Millisecond)
		if here() {
			t.Error("believed in after the interval")
		}
		// A session that has ended is forgotten at once.
		c.put(t, key, id)
		c.drop(key)
		if here() {
			t.Error("believed in after its end")
		}
		// An answer that was asked for before the end does not bring it back.
		_, call, _ := c.look(key, time.Now())
		c.drop(key)
		call.session.identity = id
		c.finish(key, call)
		if here() {
			t.Error("a late answer has brought it back")
		}
		// The absolute end counts within the interval too.
		c.put(t, key, &oidckit.Identity{ExpiresAt: time.Now().Add(time.Millisecond)})
		time.Sleep(time.Millisecond)
		if here() {
			t.Error("believed in after its absolute end")
		}
		// An answer counts from when it was asked for.
		_, call, _ = c.look(key, time.Now())
		time.Sleep(2 * checkInterval)
		call.session.identity = id
		c.finish(key, call)
		if here() {
			t.Error("a slow answer is believed in for longer")
		}
	})
}

// The cache is bounded, however many sessions there are.
func TestSessionCacheBound(t *testing.T) {
	c := newSessionCache()
	id := &oidckit.Identity{ExpiresAt: time.Now().Add(time.Hour)}
	for n := range 4 * generationSize {
		c.put(t, cacheKey(n), id)
	}
	s := c.shard(cacheKey(0))
	if n := len(s.young) + len(s.old); n > 2*generationSize || n < generationSize || len(s.calls) != 0 {
		t.Errorf("%d entries, %d calls", n, len(s.calls))
	}
}
