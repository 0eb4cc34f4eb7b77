package tokens

import (
	"crypto/sha256"
	"encoding/binary"
	"testing"
)

func hashOf(i int) seenHash {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], uint64(i))
	sum := sha256.Sum256(b[:])
	return seenHash(sum[:16])
}

// What is remembered of tokens is bounded, whoever asks for how many of them,
// and what is in use stays.
func TestSeenIsBounded(t *testing.T) {
	var s seen
	hot := hashOf(-1)
	s.add(hot)
	const n = 4 * seenShards * seenRows
	for i := range n {
		s.add(hashOf(i))
		if i%seenRows == 0 && !s.has(hot) {
			t.Fatalf("what is in use was forgotten after %d others", i)
		}
	}
	total := 0
	for i := range s.shards {
		total += len(s.shards[i].now) + len(s.shards[i].past)
	}
	if limit := 2 * seenShards * seenRows; total > limit || total < limit/2 {
		t.Errorf("%d are remembered, want %d at most", total, limit)
	}
	if !s.has(hashOf(n-1)) || s.has(hashOf(0)) {
		t.Error("not the last ones are remembered")
	}
	if s.has(hashOf(n)) {
		t.Error("remembers what was never added")
	}
}
