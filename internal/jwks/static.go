package jwks

import (
	"context"
	"crypto"
	"time"

	"github.com/oidckit/oidckit/internal/jose"
)

type fixed struct{ set *keySet }

// Static returns a source with these keys for ever. Keys that fit no
// algorithm, or are marked for another use than signatures, are left out.
func Static(keys []jose.JWK) Source {
	set, _, err := newKeySet(keys, nil)
	if err != nil {
		set = &keySet{}
	}
	return fixed{set}
}

func (f fixed) Key(_ context.Context, kid, alg string) (crypto.PublicKey, error) {
	if key := f.Held(kid, alg); key != nil {
		return key, nil
	}
	return nil, ErrUnknownKey
}

// Held implements Source.
func (f fixed) Held(kid, alg string) crypto.PublicKey { return f.set.answers[ref{kid, alg}] }

// Generation implements Source: fixed keys never change.
func (f fixed) Generation(time.Time) uint64 { return 1 }
