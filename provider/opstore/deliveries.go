package opstore

import (
	"context"
	"time"
)

// Delivery is a back-channel logout that a client has yet to be told of
// (OpenID Connect Back-Channel Logout 1.0 §2.5). The logout token itself is
// made anew for each attempt.
type Delivery struct {
	// ID is the key, and the jti of the logout token.
	ID        string
	ClientID  string
	URI       string
	Subject   string
	SessionID string
	// Attempts counts those that failed; NextAt is when the next one is due.
	Attempts  int
	CreatedAt time.Time
	NextAt    time.Time
	// ExpiresAt ends the attempts.
	ExpiresAt time.Time
}

// Deliveries is the queue of logouts that clients have yet to be told of. It
// survives a restart, and replicas share it.
type Deliveries interface {
	// CreateDeliveries stores all or none. It returns ErrConflict where an ID
	// is taken.
	CreateDeliveries(ctx context.Context, d []Delivery) error
	// ClaimDeliveries returns up to limit that are due, and hides them from
	// other calls until the given time, which becomes their NextAt: of calls that
	// race for one delivery exactly one gets it. One that has expired is not
	// returned any more.
	ClaimDeliveries(ctx context.Context, limit int, hideUntil time.Time) ([]Delivery, error)
	// RetryDelivery counts a failed attempt and says when the next one is due.
	// What is not there is no error.
	RetryDelivery(ctx context.Context, id string, next time.Time) error
	// DeleteDelivery removes one that arrived or was given up. What is not
	// there is no error.
	DeleteDelivery(ctx context.Context, id string) error
}
