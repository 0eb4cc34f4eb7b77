package middleware

import (
	"hash/maphash"
	"strings"
	"sync"

	"github.com/oidckit/oidckit/internal/jose"
)

const (
	// tokenShards bounds how often requests meet at a lock. A cache with less
	// room than that many parts can make use of has fewer.
	tokenShards    = 64
	minShardTokens = 64
	minShardBytes  = 512 << 10
	// minTokenBytes is room for any one token.
	minTokenBytes = 256 << 10
	// defaultMaxTokens and defaultMaxTokenBytes bound a cache where nothing
	// else is said.
	defaultMaxTokens     = 64 << 10
	defaultMaxTokenBytes = 128 << 20
	// tokenOverhead is what every entry takes, whatever stands in its token, in
	// bytes.
	tokenOverhead = 1 << 10
	// samples is among how many entries one is chosen to make room.
	samples = 5
)

// TokenCache bounds what a verifier remembers of tokens that it has verified.
// A token seen before costs neither parsing nor a signature check; its
// lifetime, its key, the deny list and its sender are checked with every
// request all the same. Only tokens that verified are kept, so that strangers
// cannot fill it.
type TokenCache struct {
	// Disabled keeps nothing: every request costs a signature check.
	Disabled bool
	// MaxTokens is for how many tokens there is room; default 65536.
	MaxTokens int
	// MaxBytes is how much memory they take at most, roughly; default 128 MiB,
	// at least 256 KiB.
	MaxBytes int64
}

func (c *TokenCache) validate(p *problems) {
	if c.MaxTokens < 0 {
		p.add("TokenCache.MaxTokens", "is negative")
	}
	if c.MaxBytes < 0 || c.MaxBytes > 0 && c.MaxBytes < minTokenBytes {
		p.add("TokenCache.MaxBytes", "is %d, less than %d: too little for a token", c.MaxBytes, minTokenBytes)
	}
	if c.Disabled && (c.MaxTokens != 0 || c.MaxBytes != 0) {
		p.add("TokenCache", "is disabled and has a size")
	}
}

// tokenCache finds verified tokens. It belongs to one verifier. A nil cache is
// empty and stays so.
type tokenCache struct {
	seed   maphash.Seed
	shards []tokenShard
}

type tokenShard struct {
	mu        sync.RWMutex
	entries   map[uint64]*seenToken
	bytes     int64
	maxTokens int
	maxBytes  int64
	// keeps the locks of neighbours from sharing a cache line.
	_ [64]byte
}

func newTokenCache(cfg TokenCache) *tokenCache {
	if cfg.Disabled {
		return nil
	}
	if cfg.MaxTokens == 0 {
		cfg.MaxTokens = defaultMaxTokens
	}
	if cfg.MaxBytes == 0 {
		cfg.MaxBytes = defaultMaxTokenBytes
	}
	n := tokenShards
	for n > 1 && (cfg.MaxTokens/n < minShardTokens || cfg.MaxBytes/int64(n) < minShardBytes) {
		n /= 2
	}
	c := &tokenCache{seed: maphash.MakeSeed(), shards: make([]tokenShard, n)}
	for i := range c.shards {
		s := &c.shards[i]
		s.entries = map[uint64]*seenToken{}
		s.maxTokens, s.maxBytes = cfg.MaxTokens/n, cfg.MaxBytes/int64(n)
	}
	return c
}

func (c *tokenCache) shard(hash uint64) *tokenShard { return &c.shards[hash%uint64(len(c.shards))] }

// get returns the entry of exactly this token, and the token's hash.
func (c *tokenCache) get(token string) (e *seenToken, hash uint64) {
	if c == nil || len(token) > jose.MaxToken {
		return nil, 0
	}
	hash = maphash.String(c.seed, token)
	s := c.shard(hash)
	s.mu.RLock()
	e = s.entries[hash]
	s.mu.RUnlock()
	// The whole token decides, not its hash.
	if e == nil || e.token != token {
		return nil, hash
	}
	return e, hash
}

// add keeps a token that was verified. It makes room by what is over or was
// not used for long.
func (c *tokenCache) add(e *seenToken, now int64) {
	if c == nil {
		return
	}
	// The caller's string may be a small part of a large one.
	e.token = strings.Clone(e.token)
	e.usedAt.Store(now)
	s := c.shard(e.hash)
	e.size = e.weigh()
	if e.size > s.maxBytes {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.remove(e.hash)
	s.sweep(now)
	for len(s.entries) >= s.maxTokens || s.bytes+e.size > s.maxBytes {
		s.evict()
	}
	s.entries[e.hash] = e
	s.bytes += e.size
}

// drop forgets an entry, unless another one has taken its place.
func (c *tokenCache) drop(e *seenToken) {
	s := c.shard(e.hash)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.entries[e.hash] == e {
		s.remove(e.hash)
	}
}

// remove's caller holds the lock, as do those of sweep and evict.
func (s *tokenShard) remove(hash uint64) {
	if e := s.entries[hash]; e != nil {
		s.bytes -= e.size
		delete(s.entries, hash)
	}
}

// sweep drops some of the tokens that are over. With each new token it looks
// at a few, so that as many go as come.
func (s *tokenShard) sweep(now int64) {
	looked := 0
	for hash, e := range s.entries {
		if e.lifetime.over(now, e.issuer.leeway) {
			s.remove(hash)
		}
		if looked++; looked == samples {
			return
		}
	}
}

// evict drops the one that was not used for longest, among a few.
func (s *tokenShard) evict() {
	var victim uint64
	oldest, looked := int64(0), 0
	for hash, e := range s.entries {
		if used := e.usedAt.Load(); looked == 0 || used < oldest {
			victim, oldest = hash, used
		}
		if looked++; looked == samples {
			break
		}
	}
	s.remove(victim)
}
