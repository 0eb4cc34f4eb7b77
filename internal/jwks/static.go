package jwks

import (
	"context"
	"crypto"
	"time"

	"github.com/oidckit/oidckit/internal/jose"
)

type fixed struct{ set *keySet }

// Static returns a source with these keys for ever. Keys that fit no
// algorithm, are marked for another use than signatures, or serve nobody by
// scope, are left out. A nil scope is none.
func Static(keys []jose.JWK, scope Scope) Source {
	set, _, err := newKeySet(keys, nil, scope)
	if err != nil {
		set = &keySet{}
	}
	return fixed{set}
}

// Find implements Source.
func (f fixed) Find(_ context.Context, r Ref) (crypto.PublicKey, error) {
	if key := f.set.find(r); key != nil {
		return key, nil
	}
	return nil, ErrUnknownKey
}

// Key implements Source.
func (f fixed) Key(ctx context.Context, kid, alg string) (crypto.PublicKey, error) {
	return f.Find(ctx, Ref{KeyID: kid, Algorithm: alg})
}

// Renew implements Source: nothing takes the place of a fixed key.
func (f fixed) Renew(context.Context, Ref, crypto.PublicKey) (crypto.PublicKey, error) {
	return nil, ErrUnknownKey
}

// Held implements Source.
func (f fixed) Held(r Ref) crypto.PublicKey { return f.set.find(r) }

// Generation implements Source: fixed keys never change.
func (f fixed) Generation(time.Time) uint64 { return 1 }
