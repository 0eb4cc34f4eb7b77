package rpstore

import (
	"context"
	"time"
)

// AccountLink says which account of the app's own a person has who signs in
// at an identity provider. It never ends by itself.
type AccountLink struct {
	// Issuer and Subject name the person at the provider; only the pair is
	// unique (OpenID Connect Core 1.0 §5.7), and it is the key.
	Issuer  string
	Subject string
	// IdentityProvider is the record that the person first came through.
	IdentityProvider string
	// Account is the subject of the app's own account.
	Account   string
	CreatedAt time.Time
}

// AccountLinks keeps whose account is whose.
type AccountLinks interface {
	// CreateAccountLink stores a new link. It returns ErrConflict where the
	// person has one already: of calls that race, exactly one succeeds.
	CreateAccountLink(ctx context.Context, l *AccountLink) error
	// AccountLink returns the link of a person, or ErrNotFound.
	AccountLink(ctx context.Context, issuer, subject string) (*AccountLink, error)
	// ListAccountLinks returns the links of an account, oldest first, 100 at
	// most.
	ListAccountLinks(ctx context.Context, account string) ([]AccountLink, error)
	// DeleteAccountLink removes a link, or returns ErrNotFound.
	DeleteAccountLink(ctx context.Context, issuer, subject string) error
}

// MaxAccountLinks bounds what ListAccountLinks returns.
const MaxAccountLinks = 100
