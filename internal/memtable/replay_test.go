package memtable

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/storetest"
)

func TestReplayContract(t *testing.T) {
	storetest.Run(t, storetest.ReplayChecks(), func(*testing.T, string) oidckit.ReplayStore { return NewReplay(1 << 20) })
}

// TestReplayForgets keeps a key to its end and no longer than it must.
func TestReplayForgets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := NewReplay(2)
		use := func(key string) error { return r.UseOnce(t.Context(), key, time.Now().Add(time.Hour)) }
		if err := errors.Join(use("a"), use("b")); err != nil {
			t.Fatal(err)
		}
		if err := use("c"); !errors.Is(err, ErrFull) {
			t.Errorf("a full store: got error %v, want %v", err, ErrFull)
		}
		time.Sleep(time.Hour - time.Second)
		if err := use("a"); !errors.Is(err, oidckit.ErrConsumed) {
			t.Errorf("a second before its end: got error %v, want %v", err, oidckit.ErrConsumed)
		}
		time.Sleep(2 * time.Second)
		if err := errors.Join(use("c"), use("a")); err != nil {
			t.Errorf("after their end: %v", err)
		}
	})
}

// TestShardedBound fills a map of several pieces.
func TestShardedBound(t *testing.T) {
	const limit = shardCount * minShardRows
	s := NewSharded[string, int](limit)
	refused := 0
	for i := range limit + limit/4 {
		key := fmt.Sprint(i)
		shard := s.Lock(key)
		_, err := shard.Insert(key, Never, 0, i)
		shard.Unlock()
		if errors.Is(err, ErrFull) {
			refused++
		}
	}
	if n := s.Len(); n > limit || n < limit-limit/10 || n+refused != limit+limit/4 {
		t.Errorf("%d rows of at most %d, %d refused", n, limit, refused)
	}
}
