package opstore

import (
	"context"

	"github.com/oidckit/oidckit"
)

// Registration is a client that was registered while the issuer runs: by
// itself (RFC 7591) or by an operator.
type Registration struct {
	// Client is what the endpoints see of it; Client.Metadata.ClientID is the
	// key. Client.Metadata.ClientSecret is never kept.
	Client Client
	// AccessToken is the hash of the registration access token (RFC 7592 §1.3),
	// zero for a client that cannot manage itself.
	AccessToken oidckit.TokenHash
	// Version is 1 at creation and grows by one with every update.
	Version int64
}

// Registrations keeps registered clients. They do not expire.
type Registrations interface {
	Clients
	// CreateRegistration stores a new client and sets r.Version to 1. It
	// returns ErrConflict where the client_id is taken.
	CreateRegistration(ctx context.Context, r *Registration) error
	// Registration returns a client, or ErrNotFound.
	Registration(ctx context.Context, clientID string) (*Registration, error)
	// UpdateRegistration replaces the client if its stored version is
	// r.Version, and adds one to both. It returns ErrConflict where another
	// update came first, and ErrNotFound where the client is gone.
	UpdateRegistration(ctx context.Context, r *Registration) error
	// DeleteRegistration removes the client if its stored version is the given
	// one, or whatever it is where that is 0. It returns ErrConflict where it is
	// another one. Of calls that race for one client exactly one returns nil,
	// the others ErrNotFound.
	DeleteRegistration(ctx context.Context, clientID string, version int64) error
	// ListRegistrations returns up to limit clients after the first offset
	// ones, in an order of the store's own that only changes where clients come
	// and go, and how many there are altogether.
	ListRegistrations(ctx context.Context, offset, limit int) ([]Registration, int, error)
}
