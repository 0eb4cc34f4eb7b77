package opstore

import (
	"context"
	"time"

	"github.com/oidckit/oidckit"
)

// Code is an authorization code (RFC 6749 §1.3.1) and what it will be
// exchanged for.
type Code struct {
	// Hash is the key.
	Hash oidckit.TokenHash
	// ClientID, RedirectURI and CodeChallenge bind the code to the request it
	// answers. CodeChallenge is of method S256; it is empty for a client that
	// was exempted from PKCE.
	ClientID      string
	RedirectURI   string
	CodeChallenge string
	// Authorization is what was granted.
	Authorization Authorization
	// CreatedAt tells it from the codes of a client that had the ClientID before.
	CreatedAt time.Time
	// ExpiresAt ends the code. KeepUntil, no earlier, ends the memory that it
	// was used: until then a second use is told from an unknown code.
	ExpiresAt time.Time
	KeepUntil time.Time
}

// Spent returns what is remembered of a code that was spent: Hash, ClientID and,
// of the Authorization, GrantID, Subject and SessionID. A second use is told
// from an unknown code by them, and what the first one has brought is revoked.
func (c *Code) Spent() *Code {
	a := &c.Authorization
	return &Code{Hash: c.Hash, ClientID: c.ClientID, Authorization: Authorization{GrantID: a.GrantID, Subject: a.Subject, SessionID: a.SessionID}}
}

// Authorization is what a user, or the client for itself, has granted, and
// what the tokens will say about it.
type Authorization struct {
	// GrantID names the grant; everything issued under it is revoked together.
	GrantID string
	// Subject is empty where the client acts for itself.
	Subject   string
	SessionID string
	Scope     oidckit.Scope
	// Resource holds the resource indicators (RFC 8707) that were granted.
	Resource []string
	Nonce    string
	AuthTime time.Time
	ACR      string
	AMR      []string
	// UserinfoClaims and IDTokenClaims are the names of claims that were asked
	// for one by one (OpenID Connect Core 1.0 §5.5) and granted, for userinfo
	// and for ID tokens. ClaimsLocales are the languages they are wanted in,
	// best first (§5.2).
	UserinfoClaims []string
	IDTokenClaims  []string
	ClaimsLocales  []string
}

// Codes keeps authorization codes.
type Codes interface {
	// CreateCode stores a new code. It returns ErrConflict where the hash is
	// taken.
	CreateCode(ctx context.Context, c *Code) error
	// Code returns a code that was neither spent nor has expired. It returns
	// ErrNotFound, or ErrConsumed together with Code.Spent for a code that was
	// spent and is still remembered.
	Code(ctx context.Context, hash oidckit.TokenHash) (*Code, error)
	// ConsumeCode spends the code: exactly one call returns nil. Later calls
	// return ErrConsumed together with Code.Spent, until KeepUntil; after it, and
	// for an expired or unknown code, ErrNotFound.
	ConsumeCode(ctx context.Context, hash oidckit.TokenHash) (*Code, error)
}
