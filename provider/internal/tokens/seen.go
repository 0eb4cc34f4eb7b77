package tokens

import (
	"crypto/sha256"
	"sync"
)

const (
	seenShards = 16
	// seenRows bounds one generation of a shard: all shards together remember
	// 64 000 to 128 000 tokens, in a few megabytes.
	seenRows = 4096
)

// seenHash is half of a token's SHA-256: as much as nobody can find a second
// token for.
type seenHash [16]byte

func hashSeen(token string) seenHash {
	sum := sha256.Sum256([]byte(token))
	return seenHash(sum[:16])
}

// seen remembers tokens that this process has signed or has verified before,
// so that no signature is verified twice: byte for byte, and never what a token
// says. Two generations bound it; what is still asked for moves on into the
// next. The zero value is empty.
type seen struct{ shards [seenShards]seenShard }

type seenShard struct {
	sync.Mutex
	now, past map[seenHash]struct{}
}

func (s *seen) add(h seenHash) {
	shard := &s.shards[h[0]%seenShards]
	shard.Lock()
	defer shard.Unlock()
	shard.add(h)
}

func (s *seen) has(h seenHash) bool {
	shard := &s.shards[h[0]%seenShards]
	shard.Lock()
	defer shard.Unlock()
	if _, ok := shard.now[h]; ok {
		return true
	}
	if _, ok := shard.past[h]; !ok {
		return false
	}
	shard.add(h)
	return true
}

func (s *seenShard) add(h seenHash) {
	if s.now == nil || len(s.now) >= seenRows {
		s.past, s.now = s.now, make(map[seenHash]struct{})
	}
	s.now[h] = struct{}{}
}
