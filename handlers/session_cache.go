package handlers

import (
	"maps"
	"sync"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/handlers/rpstore"
)

const (
	cacheShards = 16
	// generationSize bounds a generation of a shard: 32 768 sessions in all,
	// each for two seconds at most.
	generationSize = 1024
)

// sessionCache remembers for checkInterval that a session was there, and lets
// requests that ask at the same time wait for one answer. It is bounded by
// count and by time: there are two generations, and the older one goes.
type sessionCache struct{ shards [cacheShards]cacheShard }

type cacheShard struct {
	mu         sync.Mutex
	young, old map[oidckit.TokenHash]checkedSession
	turned     time.Time
	calls      map[oidckit.TokenHash]*sessionCall
}

type checkedSession struct {
	identity *oidckit.Identity
	// renewAt is when a person who opens a page is sent to the issuer, zero where
	// there is no reason to.
	renewAt time.Time
	until   time.Time
}

// sessionCall is a look at the store under way. Its result is read after done.
type sessionCall struct {
	done    chan struct{}
	session checkedSession
	err     error
	started time.Time
}

func newSessionCache() *sessionCache {
	c := new(sessionCache)
	for i := range c.shards {
		c.shards[i].calls = make(map[oidckit.TokenHash]*sessionCall)
	}
	return c
}

func (c *sessionCache) shard(key oidckit.TokenHash) *cacheShard {
	return &c.shards[key[0]%cacheShards]
}

// look returns the session, or the call to wait for and whether the caller has
// to make it.
func (c *sessionCache) look(key oidckit.TokenHash, now time.Time) (checkedSession, *sessionCall, bool) {
	s := c.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	if e, ok := s.find(key, now); ok {
		return e, nil, false
	}
	call, running := s.calls[key]
	if !running {
		call = &sessionCall{done: make(chan struct{}), started: now}
		s.calls[key] = call
	}
	return checkedSession{}, call, !running
}

// dropMatching forgets the sessions that a logout names. A look under way may
// have seen one of them: its answer is not kept.
func (c *sessionCache) dropMatching(sel rpstore.SessionSelector) {
	named := func(_ oidckit.TokenHash, e checkedSession) bool {
		return (sel.Subject == "" || e.identity.Subject == sel.Subject) && (sel.SessionID == "" || e.identity.SessionID == sel.SessionID)
	}
	for i := range c.shards {
		s := &c.shards[i]
		s.mu.Lock()
		maps.DeleteFunc(s.young, named)
		maps.DeleteFunc(s.old, named)
		clear(s.calls)
		s.mu.Unlock()
	}
}

// known returns a session that was checked just now, without asking anybody.
func (c *sessionCache) known(key oidckit.TokenHash, now time.Time) (checkedSession, bool) {
	s := c.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.find(key, now)
}

func (s *cacheShard) find(key oidckit.TokenHash, now time.Time) (checkedSession, bool) {
	e, ok := s.young[key]
	if !ok {
		e, ok = s.old[key]
	}
	return e, ok && now.Before(e.until) && now.Before(e.identity.ExpiresAt)
}

// finish publishes a call. Its answer is kept only if the session was not
// dropped while it was under way, and counts from when it was asked.
func (c *sessionCache) finish(key oidckit.TokenHash, call *sessionCall) {
	s := c.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	defer close(call.done)
	if call.err != nil {
		call.session = checkedSession{}
	}
	if s.calls[key] != call {
		return
	}
	delete(s.calls, key)
	if call.session.identity == nil {
		return
	}
	if now := time.Now(); s.young == nil || len(s.young) >= generationSize || now.Sub(s.turned) >= checkInterval {
		s.young, s.old, s.turned = make(map[oidckit.TokenHash]checkedSession), s.young, now
	}
	e := call.session
	e.until = call.started.Add(checkInterval)
	s.young[key] = e
}

// drop forgets a session that has ended.
func (c *sessionCache) drop(key oidckit.TokenHash) {
	s := c.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.young, key)
	delete(s.old, key)
	delete(s.calls, key)
}
