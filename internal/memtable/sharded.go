package memtable

import (
	"hash/maphash"
	"sync"
)

const (
	shardCount = 16
	// minShardRows keeps small maps in one piece, where the bound is exact.
	minShardRows = 1024
)

// Sharded is a Map in several pieces with a lock each, for keys that many
// goroutines use at once. Its bound is divided among the pieces, so that it
// may refuse a row when it is nearly full.
type Sharded[K comparable, V any] struct {
	seed   maphash.Seed
	shards []Shard[K, V]
}

// Shard is one piece.
type Shard[K comparable, V any] struct {
	sync.Mutex
	Map[K, V]
	// Locks of neighbours in one cache line would contend.
	_ [64]byte
}

// NewSharded returns a map of at most limit rows.
func NewSharded[K comparable, V any](limit int) *Sharded[K, V] {
	n := shardCount
	if limit < shardCount*minShardRows {
		n = 1
	}
	s := &Sharded[K, V]{seed: maphash.MakeSeed(), shards: make([]Shard[K, V], n)}
	for i := range s.shards {
		s.shards[i].max = limit / n
	}
	return s
}

// Lock locks the piece that key belongs to and returns it.
func (s *Sharded[K, V]) Lock(key K) *Shard[K, V] {
	shard := &s.shards[maphash.Comparable(s.seed, key)%uint64(len(s.shards))]
	shard.Lock()
	return shard
}

// Len returns the number of rows, as Map.Len does.
func (s *Sharded[K, V]) Len() int {
	total := 0
	for i := range s.shards {
		s.shards[i].Lock()
		total += s.shards[i].Map.Len()
		s.shards[i].Unlock()
	}
	return total
}
