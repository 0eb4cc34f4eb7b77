package opstore

import (
	"context"
	"time"

	"github.com/oidckit/oidckit"
)

// AccessToken is an opaque access token: what a JWT would say for itself.
type AccessToken struct {
	// Hash is the key.
	Hash oidckit.TokenHash
	// ID is the jti, by which the token is revoked.
	ID            string
	ClientID      string
	Authorization Authorization
	// Subject and Audience are those of the token; Scope is what is left of
	// the authorization's for this audience.
	Subject   string
	Audience  []string
	Scope     oidckit.Scope
	IssuedAt  time.Time
	ExpiresAt time.Time
}

// AccessTokens keeps opaque access tokens until they expire.
type AccessTokens interface {
	// CreateAccessToken stores a new token. It returns ErrConflict where the
	// hash is taken.
	CreateAccessToken(ctx context.Context, t *AccessToken) error
	// AccessToken returns one that has not expired, or ErrNotFound. Whether it
	// was revoked is for Revocations to say.
	AccessToken(ctx context.Context, hash oidckit.TokenHash) (*AccessToken, error)
}
