package middleware

import (
	"hash/maphash"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/oidckit/oidckit"
)

const (
	answerShards = 16
	// minShardAnswers keeps small caches in one piece, where the bound is
	// exact.
	minShardAnswers = 64
	// maxAnswerBytes bounds the answers that one cache holds, by what they take
	// in memory, roughly.
	maxAnswerBytes = 128 << 20
)

// IntrospectionCache bounds what a verifier remembers of the answers it was
// given.
type IntrospectionCache struct {
	// Disabled asks the issuer once for each request, so that what the issuer
	// revokes is refused at once.
	Disabled bool
	// MaxAge is for how long an active token is served without asking again,
	// and so how long a revocation may go unnoticed. Default 60 seconds, which
	// is also the most. A token's exp ends it earlier.
	MaxAge time.Duration
	// RefusalMaxAge is for how long a token that is not active is refused
	// without asking again. Default 10 seconds, at most 60.
	RefusalMaxAge time.Duration
	// MaxTokens is for how many active tokens there is room, and, apart from
	// that, for how many refused ones; default 50000. Beyond it the oldest
	// answers are forgotten.
	MaxTokens int
}

func (c *IntrospectionCache) validate(p *problems) {
	validateDuration(p, "Cache.MaxAge", c.MaxAge, maxAnswerLife)
	validateDuration(p, "Cache.RefusalMaxAge", c.RefusalMaxAge, maxAnswerLife)
	if c.MaxTokens < 0 {
		p.add("Cache.MaxTokens", "is negative")
	}
	if c.Disabled && (c.MaxAge != 0 || c.RefusalMaxAge != 0 || c.MaxTokens != 0) {
		p.add("Cache", "is disabled and has bounds")
	}
}

// introspected is what an issuer has said of one token. All but the atomic
// field is immutable and shared between requests.
type introspected struct {
	// identity is whom an active token stands for, nil where the token was
	// refused.
	identity *oidckit.Identity
	lifetime lifetime
	// refusal is why it was refused.
	refusal *TokenError
	// transient says that the refusal may be gone a moment later.
	transient bool
	// revision is that of the deny list when the token was last looked for.
	revision atomic.Uint64
}

// weigh returns what the answer takes. What a refusal quotes is cut short.
func (a *introspected) weigh() int64 {
	if a.identity == nil {
		return tokenOverhead
	}
	return int64(len(a.identity.Claims)) + weighIdentity(a.identity) + tokenOverhead
}

// answerCache remembers answers for a while. It forgets the oldest when it is
// full: what is asked for all the time moves from the older of two generations
// to the newer one. A map's hash is seeded and it compares its keys whole, so
// that no token is ever taken for another one. It is safe for concurrent use.
type answerCache[K comparable] struct {
	seed   maphash.Seed
	shards []answerShard[K]
}

type answerShard[K comparable] struct {
	mu        sync.Mutex
	now, past map[K]cachedAnswer
	// weight is that of the answers in now.
	weight    int64
	maxWeight int64
	maxCount  int
	// Locks of neighbours in one cache line would contend.
	_ [64]byte
}

type cachedAnswer struct {
	answer *introspected
	// weight is what it counts against maxAnswerBytes.
	weight int64
	// until is on the monotonic clock: a wall clock that is set back makes no
	// answer live longer.
	until time.Duration
}

func newAnswerCache[K comparable](limit int) *answerCache[K] {
	n := answerShards
	if limit < answerShards*minShardAnswers {
		n = 1
	}
	c := &answerCache[K]{seed: maphash.MakeSeed(), shards: make([]answerShard[K], n)}
	for i := range c.shards {
		s := &c.shards[i]
		s.maxCount, s.maxWeight = max(1, limit/n/2), int64(maxAnswerBytes/n/2)
		s.now = map[K]cachedAnswer{}
	}
	return c
}

func (c *answerCache[K]) lock(k K) *answerShard[K] {
	s := &c.shards[maphash.Comparable(c.seed, k)%uint64(len(c.shards))]
	s.mu.Lock()
	return s
}

// get returns the answer of a key, or nil.
func (c *answerCache[K]) get(k K, now time.Duration) *introspected {
	s := c.lock(k)
	defer s.mu.Unlock()
	e, ok := s.now[k]
	if !ok {
		if e, ok = s.past[k]; !ok {
			return nil
		}
		delete(s.past, k)
		if now < e.until {
			s.put(k, e)
		}
	}
	if now >= e.until {
		s.remove(k)
		return nil
	}
	return e.answer
}

// put remembers an answer, of which the key takes keyed bytes.
func (c *answerCache[K]) put(k K, keyed int, a *introspected, until time.Duration) {
	s := c.lock(k)
	defer s.mu.Unlock()
	s.remove(k)
	if weight := int64(keyed) + a.weigh(); weight <= s.maxWeight {
		s.put(k, cachedAnswer{a, weight, until})
	}
}

// remove forgets a key.
func (c *answerCache[K]) remove(k K) {
	s := c.lock(k)
	defer s.mu.Unlock()
	s.remove(k)
}

func (s *answerShard[K]) put(k K, e cachedAnswer) {
	if len(s.now) >= s.maxCount || s.weight+e.weight > s.maxWeight {
		s.past, s.now, s.weight = s.now, map[K]cachedAnswer{}, 0
	}
	s.now[k] = e
	s.weight += e.weight
}

func (s *answerShard[K]) remove(k K) {
	if e, ok := s.now[k]; ok {
		s.weight -= e.weight
		delete(s.now, k)
	}
	delete(s.past, k)
}

// answerCaches remembers active tokens and refused ones apart, so that
// strangers with made-up tokens push out no good one. A nil one is empty and
// stays so.
type answerCaches struct {
	// active has the token itself as the key: a hash of the kind that refused
	// has costs a long token more than all the rest of a hit.
	active *answerCache[string]
	// refused has the SHA-256, which takes the same room for tokens of
	// strangers of whatever length.
	refused *answerCache[oidckit.TokenHash]
	bounds  IntrospectionCache
}

func newAnswerCaches(bounds IntrospectionCache) *answerCaches {
	if bounds.Disabled {
		return nil
	}
	return &answerCaches{
		active:  newAnswerCache[string](bounds.MaxTokens),
		refused: newAnswerCache[oidckit.TokenHash](bounds.MaxTokens),
		bounds:  bounds,
	}
}

// get returns what is remembered of a token, or nil.
func (c *answerCaches) get(token string, now time.Duration) *introspected {
	if c == nil {
		return nil
	}
	if answer := c.active.get(token, now); answer != nil {
		return answer
	}
	return c.refused.get(oidckit.HashToken(token), now)
}

// put remembers an answer from when it was asked for: what the issuer has
// changed since then is not in it.
func (c *answerCaches) put(token string, answer *introspected, asked time.Duration) {
	if c == nil {
		return
	}
	switch {
	case answer.identity != nil:
		// The token may be a small piece of something large.
		c.active.put(strings.Clone(token), len(token), answer, asked+c.bounds.MaxAge)
	case !answer.transient:
		c.refused.put(oidckit.HashToken(token), 0, answer, asked+c.bounds.RefusalMaxAge)
	}
}

// remove forgets a token.
func (c *answerCaches) remove(token string) {
	if c == nil {
		return
	}
	c.active.remove(token)
	c.refused.remove(oidckit.HashToken(token))
}
