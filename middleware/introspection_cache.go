package middleware

import (
	"crypto/sha256"
	"sync"
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

// introspected is what an issuer has said of one token. It is immutable and
// shared between requests.
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

// removeIf forgets the answers that match.
func (c *answerCache) removeIf(match func(*oidckit.Identity) bool) {
	for i := range c.shards {
		c.shards[i].removeIf(match)
	}
}

func (s *answerShard) removeIf(match func(*oidckit.Identity) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, generation := range []map[answerKey]cachedAnswer{s.now, s.past} {
		for k, e := range generation {
			if e.answer.identity != nil && match(e.answer.identity) {
				s.remove(&k)
			}
		}
	}
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
