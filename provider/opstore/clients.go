package opstore

import (
	"context"
	"time"

	"github.com/oidckit/oidckit"
)

// Client is a registered client.
type Client struct {
	// Metadata is what the client registered, defaults filled in, without the
	// secret.
	Metadata oidckit.ClientMetadata
	// SecretHashes are the hashes of the secrets that count, empty for a
	// public client.
	SecretHashes []oidckit.TokenHash
	// SealedSecret is the secret itself, sealed, for a client whose method
	// needs it (client_secret_jwt); empty for all others.
	SealedSecret []byte
	// SecretExpiresAt ends the secret; zero is never (RFC 7591 §3.2.1).
	SecretExpiresAt time.Time
	// CreatedAt is zero for a configured client. What was issued or allowed
	// before it does not count: a client_id may have been another client's.
	CreatedAt time.Time
}

// Follows reports whether something of this time was for this client, not for
// one that had its client_id before. Tokens know only seconds.
func (c *Client) Follows(t time.Time) bool {
	return !t.Before(c.CreatedAt.Truncate(time.Second))
}

// Public reports whether the client has no credentials (RFC 6749 §2.1).
func (c *Client) Public() bool {
	return c.Metadata.TokenEndpointAuthMethod == oidckit.AuthMethodNone
}

// Clients finds registered clients.
type Clients interface {
	// Client returns the client with this client_id, or ErrNotFound. The
	// record is shared and must not be changed.
	Client(ctx context.Context, clientID string) (*Client, error)
}
