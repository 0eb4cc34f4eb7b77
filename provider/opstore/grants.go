package opstore

import (
	"context"
	"time"

	"github.com/oidckit/oidckit"
)

// Grant is a standing authorization with refresh tokens: a chain of which one
// token is live, and which is revoked as a whole.
type Grant struct {
	// ID is Authorization.GrantID.
	ID            string
	ClientID      string
	Authorization Authorization
	CreatedAt     time.Time
	// ExpiresAt is the absolute end, which no rotation moves.
	ExpiresAt time.Time
}

// RefreshToken is one link of a grant's chain.
type RefreshToken struct {
	// Hash is the key.
	Hash    oidckit.TokenHash
	GrantID string
	// ExpiresAt is the end of this token where it stays unused; never later
	// than the grant's own.
	ExpiresAt time.Time

	// ConsumedAt is when it was rotated, zero while it is live. Successor and
	// SealedSuccessor are the token that took its place: its hash, and the
	// token itself sealed under a key derived from this one. They are set by
	// RotateRefreshToken.
	ConsumedAt      time.Time
	Successor       oidckit.TokenHash
	SealedSuccessor []byte
}

// GrantSelector names grants: those that match every field that
// is set. The zero value matches none.
type GrantSelector struct {
	ID        string
	ClientID  string
	Subject   string
	SessionID string
}

// Grants keeps grants and their refresh tokens.
type Grants interface {
	// CreateGrant stores a grant with its first refresh token, both or none.
	// It returns ErrConflict where the grant exists or the token's hash is
	// taken, and ErrConsumed where RevokeGrants has named its ID before. The
	// token belongs to g, whatever its GrantID says.
	CreateGrant(ctx context.Context, g *Grant, first *RefreshToken) error
	// RefreshToken returns a token, live or consumed, and its grant. It
	// returns ErrNotFound where the token is unknown or has expired, or the
	// grant has expired or was revoked.
	RefreshToken(ctx context.Context, hash oidckit.TokenHash) (*RefreshToken, *Grant, error)
	// RotateRefreshToken spends the token with this hash and stores its
	// successor in one step: at, successor.Hash and sealed become the spent
	// record's ConsumedAt, Successor and SealedSuccessor. Exactly one call for
	// a token returns nil. It returns ErrConsumed where the token was spent
	// before, ErrNotFound by the rules of RefreshToken, and ErrConflict, having
	// spent nothing, where the successor's hash is taken. The successor belongs
	// to the token's grant, whatever its GrantID says.
	RotateRefreshToken(ctx context.Context, hash oidckit.TokenHash, successor *RefreshToken, sealed []byte, at time.Time) error
	// ListGrants returns up to limit live grants that match, in an order that
	// does not change, from the one after this ID on; "" begins.
	ListGrants(ctx context.Context, sel GrantSelector, after string, limit int) ([]Grant, error)
	// RevokeGrants ends the matching grants with all their tokens and returns
	// their IDs; of calls that race for one grant exactly one gets it. A
	// selector with an ID also prevents, until the given time, that a grant with
	// that ID is created later: a code's second use can overtake its first. A
	// second call never shortens the time.
	RevokeGrants(ctx context.Context, sel GrantSelector, until time.Time) ([]string, error)
}
