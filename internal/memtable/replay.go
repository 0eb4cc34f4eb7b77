package memtable

import (
	"context"
	"crypto/sha256"
	"time"

	"github.com/oidckit/oidckit"
)

// replayFloor is how long a key is remembered at least: a caller that accepts
// what has just expired must not accept it twice.
const replayFloor = 2 * time.Minute

// Replay is an oidckit.ReplayStore in memory. It is safe for concurrent use.
type Replay struct {
	clock Clock
	// Keys come from outside and may be long; their hashes are not.
	used *Sharded[[sha256.Size]byte, struct{}]
}

// NewReplay returns a store of at most limit keys.
func NewReplay(limit int) *Replay {
	return &Replay{clock: NewClock(), used: NewSharded[[sha256.Size]byte, struct{}](limit)}
}

// UseOnce implements oidckit.ReplayStore.
func (r *Replay) UseOnce(ctx context.Context, key string, expires time.Time) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	hash := sha256.Sum256([]byte(key))
	now := r.clock.Now()
	ends := max(Micros(expires), now+replayFloor.Microseconds())
	shard := r.used.Lock(hash)
	defer shard.Unlock()
	_, err := shard.Insert(hash, ends, now, struct{}{})
	if err == oidckit.ErrConflict {
		return oidckit.ErrConsumed
	}
	return err
}
