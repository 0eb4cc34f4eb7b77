package middleware

import (
	"context"
	"crypto"
	"errors"
	"sync/atomic"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/jose"
	"github.com/oidckit/oidckit/internal/jwks"
)

// seenToken is a token whose signature has been verified. All but the atomic
// fields is immutable.
type seenToken struct {
	token    string
	hash     uint64
	identity *oidckit.Identity
	lifetime lifetime
	issuer   *trustedIssuer
	tenant   string

	ring *keyring
	ref  jwks.Ref
	key  crypto.PublicKey
	// generation is that of the keys when key was last known to be among them.
	generation atomic.Uint64
	// revision is that of the deny list when the token was last looked for.
	revision atomic.Uint64
	// usedAt is when the token was last seen, in seconds since the epoch.
	usedAt atomic.Int64
	// size is roughly what the entry takes, in bytes.
	size int64
}

// weigh returns what the entry takes. The claims share memory with all else
// that was decoded of the token, which its length tells.
func (e *seenToken) weigh() int64 {
	return int64(len(e.token))*7/4 + weighText(e.ref.KeyID) + weighText(e.tenant) + weighIdentity(e.identity) + tokenOverhead
}

// weighIdentity returns what an identity takes beside its claims and what is of
// one size in each: a token of a few kilobytes can hold a thousand audiences,
// with a header and an allocation for each.
func weighIdentity(id *oidckit.Identity) int64 {
	n := weighText(id.Issuer) + weighText(id.Subject) + weighText(id.ClientID) + weighText(id.TokenID) + weighText(id.SessionID) + weighText(id.ACR)
	n += int64(cap(id.Audience)+cap(id.AMR)+cap(id.Scope)) * stringHeader
	for _, list := range [...][]string{id.Audience, id.AMR, id.Scope} {
		for _, text := range list {
			n += weighText(text)
		}
	}
	return n
}

// stringHeader is the size of a string without its text, in bytes.
const stringHeader = 16

// weighText returns what a text takes that was allocated on its own.
func weighText(s string) int64 {
	if s == "" {
		return 0
	}
	return int64(len(s))*5/4 + 16
}

// touch is written once a second at most: a token may come with every request.
func (e *seenToken) touch(now int64) {
	if e.usedAt.Load() != now {
		e.usedAt.Store(now)
	}
}

// verifySeen judges a token whose signature was verified before by all that
// may have changed since. It returns neither identity nor error where the
// token has to be verified anew.
func (v *JWTVerifier) verifySeen(ctx context.Context, e *seenToken, clock time.Time) (*oidckit.Identity, error) {
	now := clock.Unix()
	if refusal := e.lifetime.check(now, e.issuer.leeway); refusal != nil {
		if refusal.cause == errExpired {
			v.seen.drop(e)
		}
		return nil, refusal
	}
	if err := e.issuer.admits(ctx, e.tenant); err != nil {
		return nil, err
	}
	same, err := e.checkKey(ctx, clock)
	if err != nil {
		if _, bad := errors.AsType[*TokenError](err); bad {
			v.seen.drop(e)
		}
		return nil, err
	}
	if !same {
		v.seen.drop(e)
		return nil, nil
	}
	if err := v.denied.check(e.identity, &e.revision); err != nil {
		return nil, err
	}
	e.touch(now)
	e.issuer.used(e.ring)
	return e.identity, nil
}

// checkKey reports whether the key that verified the token is still the one
// that its header means. The answer holds until the keys change.
func (e *seenToken) checkKey(ctx context.Context, clock time.Time) (same bool, err error) {
	if e.ring.retired.Load() {
		return false, nil
	}
	// Read before the key: a change between the two is seen the next time.
	generation := e.ring.Generation(clock)
	if generation != 0 && generation == e.generation.Load() {
		return true, nil
	}
	key, err := e.ring.key(ctx, e.ref)
	if err != nil || !jose.SameKey(key, e.key) {
		return false, err
	}
	e.generation.Store(generation)
	return true, nil
}
