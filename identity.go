package oidckit

import (
	"context"
	"net/http"
	"time"
)

// Identity is who a request was made for, as a guard has verified it: a
// person behind a session, or the subject of an access token. It is shared
// between requests and must not be modified.
type Identity struct {
	// Issuer and Subject name the user; only the pair is unique
	// (OpenID Connect Core 1.0 §5.7).
	Issuer  string
	Subject string
	// Audience is whom the token was meant for.
	Audience []string
	// ClientID is the client that the token was issued to, or that the person
	// logged in through.
	ClientID string
	// Scope is what was granted.
	Scope Scope
	// SessionID is the issuer's sid, empty where there is none.
	SessionID string
	// TokenID is the access token's jti, empty behind a session.
	TokenID string
	// IssuedAt and ExpiresAt are the token's or the session's own.
	IssuedAt  time.Time
	ExpiresAt time.Time
	// AuthTime is when the person last authenticated, zero where unknown.
	AuthTime time.Time
	// ACR and AMR tell how (OpenID Connect Core 1.0 §2).
	ACR string
	AMR []string
	// Confirmation is the key that the token is bound to, nil where it is a
	// plain bearer token. The bearer guards of package middleware refuse a
	// bound token that comes without its proof; who verifies tokens without a
	// guard must do so too.
	Confirmation *Confirmation
	// Claims holds every verified claim. Reserved claims stand in it too, with
	// the values of the fields above.
	Claims Claims
}

// Challenge says what a verified identity lacks for a route.
type Challenge struct {
	// Err is what the peer is told.
	Err *Error
	// Scope is what the route needs (RFC 6750 §3.1).
	Scope Scope
	// ACRValues and MaxAge are how, and how recently, the person must have
	// authenticated (RFC 9470 §3). A nil MaxAge asks nothing.
	ACRValues []string
	MaxAge    *time.Duration
}

// Challenger answers a request whose identity lacks something: behind a
// session by a redirect to a login that asks for more, behind a bearer token
// by a WWW-Authenticate header. The guard that verified the identity leaves
// its Challenger in the context, for the guards after it.
type Challenger interface {
	Challenge(w http.ResponseWriter, r *http.Request, c Challenge)
}

type identityKey struct{}

// identityContext carries identity and challenger in one allocation.
type identityContext struct {
	context.Context
	identity   *Identity
	challenger Challenger
}

// Value implements context.Context.
func (c *identityContext) Value(key any) any {
	if _, ok := key.(identityKey); ok {
		return c
	}
	return c.Context.Value(key)
}

// IdentityFromContext returns the identity that a guard has verified for this
// request. The second result is false on a route without a guard.
func IdentityFromContext(ctx context.Context) (*Identity, bool) {
	c, ok := ctx.Value(identityKey{}).(*identityContext)
	if !ok || c.identity == nil {
		return nil, false
	}
	return c.identity, true
}

// ContextWithIdentity returns a context that carries id, as the guards make
// it. It is for tests of handlers, and for guards of one's own.
func ContextWithIdentity(ctx context.Context, id *Identity) context.Context {
	return &identityContext{Context: ctx, identity: id}
}

// ContextWithChallenger is ContextWithIdentity for a guard that can also
// challenge.
func ContextWithChallenger(ctx context.Context, id *Identity, ch Challenger) context.Context {
	return &identityContext{Context: ctx, identity: id, challenger: ch}
}

// ChallengerFromContext returns what the guard has left for the guards after
// it, or false where no guard has.
func ChallengerFromContext(ctx context.Context) (Challenger, bool) {
	c, ok := ctx.Value(identityKey{}).(*identityContext)
	if !ok || c.challenger == nil {
		return nil, false
	}
	return c.challenger, true
}
