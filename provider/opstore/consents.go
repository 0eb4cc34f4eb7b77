package opstore

import (
	"context"
	"time"

	"github.com/oidckit/oidckit"
)

// Consent is what a user has allowed a client, remembered so that the same is
// not asked twice.
type Consent struct {
	Subject   string
	ClientID  string
	Scope     oidckit.Scope
	Resource  []string
	GrantedAt time.Time
	ExpiresAt time.Time
}

// Consents keeps what users have allowed. The key is subject and client.
type Consents interface {
	// PutConsent stores c in place of what was there.
	PutConsent(ctx context.Context, c *Consent) error
	// Consent returns a live one, or ErrNotFound.
	Consent(ctx context.Context, subject, clientID string) (*Consent, error)
	// DeleteConsent forgets it; what is not there is no error.
	DeleteConsent(ctx context.Context, subject, clientID string) error
}
