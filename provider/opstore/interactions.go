package opstore

import (
	"context"
	"time"

	"github.com/oidckit/oidckit"
)

// Interaction is an authorization request that waits for a decision of a
// person who has signed in.
type Interaction struct {
	// Hash is the key: the hash of the handle that the page's form carries.
	Hash oidckit.TokenHash
	// SessionID binds the decision to the session that was shown the page.
	SessionID string
	// Request is the validated authorization request, in the provider's form.
	Request   []byte
	ExpiresAt time.Time
}

// Interactions keeps what waits for a decision.
type Interactions interface {
	// CreateInteraction stores a new one. It returns ErrConflict where the
	// hash is taken.
	CreateInteraction(ctx context.Context, i *Interaction) error
	// Interaction returns a live one for showing it, or ErrNotFound.
	Interaction(ctx context.Context, hash oidckit.TokenHash) (*Interaction, error)
	// TakeInteraction removes and returns it, for the session it is bound to:
	// exactly one call returns nil. Another session's gets ErrNotFound and
	// removes nothing; a second call gets ErrConsumed or ErrNotFound.
	TakeInteraction(ctx context.Context, hash oidckit.TokenHash, sessionID string) (*Interaction, error)
}
