package oidckit

import (
	"context"
	"time"
)

// ReplayStore remembers what may be used once: the jti of assertions, proofs
// and logout tokens, the id of a login under way. An implementation is safe
// for concurrent use and shared by all replicas.
type ReplayStore interface {
	// UseOnce records key until expires. Exactly one call for a key gets nil,
	// every other one ErrConsumed; any further error means that the store
	// could not answer and the key must be taken as used. A key may be
	// remembered for longer, and one whose expires has just passed is: what is
	// accepted with a leeway must not be accepted twice.
	UseOnce(ctx context.Context, key string, expires time.Time) error
}
