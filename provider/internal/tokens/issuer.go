package tokens

import (
	"context"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/secret"
	"github.com/oidckit/oidckit/provider/internal/keys"
	"github.com/oidckit/oidckit/provider/internal/subject"
	"github.com/oidckit/oidckit/provider/internal/userclaims"
	"github.com/oidckit/oidckit/provider/opstore"
)

// JOSE header types.
const (
	typeIDToken     = "JWT"
	typeAccessToken = "at+jwt" // RFC 9068 §2.1
)

// Issuer issues tokens. Its fields are set once; it is safe for concurrent
// use.
type Issuer struct {
	URL         string
	Keys        *keys.Manager
	Revocations opstore.Revocations
	// AccessTokens keeps opaque access tokens; nil where no resource takes them.
	AccessTokens opstore.AccessTokens
	// UserClaims are the claims there are; Claims returns those of a subject, or
	// oidckit.ErrNotFound where the user is gone or may not sign in any more.
	UserClaims *userclaims.Catalogue
	Claims     func(ctx context.Context, subject string) (oidckit.Claims, error)
	// ScopeClaimsInIDTokens puts the claims of the scope into every ID token, not
	// only into those that come without an access token.
	ScopeClaimsInIDTokens bool
	// Clients tells to whom tokens were issued.
	Clients opstore.Clients
	// Subjects names people to clients; LocalSubjects seals who they are into
	// access tokens that name them otherwise.
	Subjects      *subject.Mapper
	LocalSubjects *secret.Box
	// DefaultAlg signs access tokens whose resource names no algorithm.
	DefaultAlg          string
	AccessTokenLifetime time.Duration
	IDTokenLifetime     time.Duration

	seen seen
}

// Ready reports whether tokens can be signed now.
func (i *Issuer) Ready(ctx context.Context) error {
	_, err := i.Keys.Signer(ctx, i.DefaultAlg)
	return err
}

// Grantee is whom tokens are issued to, and on what grounds.
type Grantee struct {
	Client        *opstore.Client
	Authorization *opstore.Authorization
}

func unix(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.Unix()
}
