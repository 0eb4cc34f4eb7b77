package opstore

import (
	"context"
	"time"

	"github.com/oidckit/oidckit"
)

// Session is a person signed in at the issuer with one browser.
type Session struct {
	// ID is the sid of ID tokens and logout tokens, and the key.
	ID string
	// Handle is the hash of what the browser's cookie carries; it is unique,
	// and renewed at each login.
	Handle  oidckit.TokenHash
	Subject string
	// AuthTime, ACR, AMR and IdentityProvider are of the last login.
	AuthTime         time.Time
	ACR              string
	AMR              []string
	IdentityProvider string
	// Clients are the clients that got tokens of this session.
	Clients   []string
	CreatedAt time.Time
	ExpiresAt time.Time
	// Version is 1 at creation and grows by one with every update.
	Version int64
}

// SessionSelector names sessions: those that match every field that is set.
// The zero value matches none.
type SessionSelector struct {
	ID               string
	Subject          string
	IdentityProvider string
	// Version is the one that was read; it selects nothing by itself.
	Version int64
}

// Zero reports whether nothing is selected.
func (s SessionSelector) Zero() bool {
	return s.ID == "" && s.Subject == "" && s.IdentityProvider == ""
}

// Sessions keeps the issuer's own sessions.
type Sessions interface {
	// CreateSession stores a new session and sets s.Version to 1. It returns
	// ErrConflict where ID or Handle is taken.
	CreateSession(ctx context.Context, s *Session) error
	// Session returns the live session with this handle, or ErrNotFound.
	Session(ctx context.Context, handle oidckit.TokenHash) (*Session, error)
	// UpdateSession replaces the session with s.ID if its stored version is
	// s.Version, and adds one to both. It returns ErrConflict where another
	// update came first or another session has the Handle, and ErrNotFound where
	// the session has ended: an ended session never comes back.
	UpdateSession(ctx context.Context, s *Session) error
	// ListSessions returns up to limit live sessions that match, in an order
	// that does not change, from the one after this ID on; "" begins.
	ListSessions(ctx context.Context, sel SessionSelector, after string, limit int) ([]Session, error)
	// EndSessions ends the matching sessions and returns them as they were.
	// Of calls that race for one session exactly one gets it.
	EndSessions(ctx context.Context, sel SessionSelector) ([]Session, error)
}
