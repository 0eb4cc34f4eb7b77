package middleware

import (
	"crypto/sha256"
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
	// maxAnswerBytes bounds the answers that one cache holds, by their length
	// on the wire.
	maxAnswerBytes = 64 << 20
)

// answerKey stands for a token in a cache. Unlike a seeded hash with the token
// beside it, a SHA-256 has one size, so that strangers' tokens of 16 KiB take
// no more room than others, and a cache holds no token that works. Opaque
// tokens are short: it costs a tenth of a microsecond.
type answerKey [sha256.Size]byte

// stackToken is the length of a token that is hashed without an allocation.
const stackToken = 2048

func keyOf(token string) answerKey {
	var room [stackToken]byte
	return sha256.Sum256(append(room[:0], token...))
}

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
	// weight is what the answer counts against maxAnswerBytes.
	weight int
	// revision is that of the deny list when the token was last looked for.
	revision atomic.Uint64
}

// answerCache remembers answers for a while. It forgets the oldest when it is
// full: what is asked for all the time moves from the older of two generations
// to the newer one. It is safe for concurrent use.
type answerCache struct {
	shards []answerShard
}

type answerShard struct {
	mu        sync.Mutex
	now, past map[answerKey]cachedAnswer
	// weight is that of the answers in now.
	weight              int
	maxCount, maxWeight int
	// Locks of neighbours in one cache line would contend.
	_ [64]byte
}

type cachedAnswer struct {
	answer *introspected
	// until is on the monotonic clock: a wall clock that is set back makes no
	// answer live longer.
	until time.Duration
}

func newAnswerCache(limit int) *answerCache {
	n := answerShards
	if limit < answerShards*minShardAnswers {
		n = 1
	}
	c := &answerCache{shards: make([]answerShard, n)}
	for i := range c.shards {
		s := &c.shards[i]
		s.maxCount, s.maxWeight = max(1, limit/n/2), maxAnswerBytes/n/2
		s.now = map[answerKey]cachedAnswer{}
	}
	return c
}

func (c *answerCache) shard(k *answerKey) *answerShard {
	return &c.shards[int(k[0])%len(c.shards)]
}

// get returns the answer of a key, or nil.
func (c *answerCache) get(k *answerKey, now time.Duration) *introspected {
	s := c.shard(k)
	s.mu.Lock()
	defer s.mu.Unlock()
	e, ok := s.now[*k]
	if !ok {
		if e, ok = s.past[*k]; !ok {
			return nil
		}
		delete(s.past, *k)
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

// put remembers an answer.
func (c *answerCache) put(k *answerKey, a *introspected, until time.Duration) {
	s := c.shard(k)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.remove(k)
	if a.weight <= s.maxWeight {
		s.put(k, cachedAnswer{a, until})
	}
}

// remove forgets a key.
func (c *answerCache) remove(k *answerKey) {
	s := c.shard(k)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.remove(k)
}

func (s *answerShard) put(k *answerKey, e cachedAnswer) {
	if len(s.now) >= s.maxCount || s.weight+e.answer.weight > s.maxWeight {
		s.past, s.now, s.weight = s.now, map[answerKey]cachedAnswer{}, 0
	}
	s.now[*k] = e
	s.weight += e.answer.weight
}

func (s *answerShard) remove(k *answerKey) {
	if e, ok := s.now[*k]; ok {
		s.weight -= e.answer.weight
		delete(s.now, *k)
	}
	delete(s.past, *k)
}
