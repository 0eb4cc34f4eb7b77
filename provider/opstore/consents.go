package opstore

import (
	"context"
	"time"

	"github.com/oidckit/oidckit"
)

// Consent is what a user has allowed a client, remembered so that the same is
// not asked twice.
type Consent struct {
	// ID names the consent from the day it was first given until it is
	// withdrawn: the tokens that come of it are revoked by it.
	ID       string
	Subject  string
	ClientID string
	Scope    oidckit.Scope
	Resource []string
	// Claims are the claims beyond those of the scopes that were asked for one
	// by one (OpenID Connect Core 1.0 §5.5).
	Claims    []string
	GrantedAt time.Time
	ExpiresAt time.Time
}

// Consents keeps what users have allowed. The key is subject and client.
type Consents interface {
	// PutConsent stores c in place of what was there.
	PutConsent(ctx context.Context, c *Consent) error
	// Consent returns a live one, or ErrNotFound.
	Consent(ctx context.Context, subject, clientID string) (*Consent, error)
	// ListConsents returns up to limit live consents of a user, in an order that
	// does not change, from the one after this ClientID on; "" begins.
	ListConsents(ctx context.Context, subject, after string, limit int) ([]Consent, error)
	// DeleteConsent forgets it; what is not there is no error.
	DeleteConsent(ctx context.Context, subject, clientID string) error
}
