package jwks

import (
	"context"
	"crypto"
	"slices"
	"time"

	"github.com/oidckit/oidckit/internal/jose"
)

// byHand holds the keys in the order in which they were given.
type byHand []candidate

// ByHand returns a source with keys that an operator has written down, as from
// a certificate: one without a kid is meant by tokens of every kid that no other
// key has. Of several that a token may mean Find returns the first, and Renew
// the one after that which was tried. Keys that serve nobody by scope are left
// out; a nil scope is none.
func ByHand(keys []jose.JWK, scope Scope) Source {
	var set byHand
	for _, k := range keys {
		if owner, served := ownerOf(k, scope); served {
			set = append(set, candidate{key: k, owner: owner})
		}
	}
	return set
}

// meant returns what a token may mean, in order and each once.
func (b byHand) meant(r Ref) []crypto.PublicKey {
	var named, nameless []crypto.PublicKey
	for i := range b {
		c := &b[i]
		switch {
		case c.owner != "" && c.owner != r.Issuer || !c.key.Fits(r.Algorithm):
		case r.KeyID == "" || c.key.KeyID == r.KeyID:
			named = with(named, c.key.Key)
		case c.key.KeyID == "":
			nameless = with(nameless, c.key.Key)
		}
	}
	if len(named) > 0 {
		return named
	}
	return nameless
}

func with(keys []crypto.PublicKey, key crypto.PublicKey) []crypto.PublicKey {
	if slices.ContainsFunc(keys, func(k crypto.PublicKey) bool { return jose.SameKey(k, key) }) {
		return keys
	}
	return append(keys, key)
}

// Find implements Source.
func (b byHand) Find(_ context.Context, r Ref) (crypto.PublicKey, error) {
	if keys := b.meant(r); len(keys) > 0 {
		return keys[0], nil
	}
	return nil, ErrUnknownKey
}

// Key implements Source.
func (b byHand) Key(ctx context.Context, kid, alg string) (crypto.PublicKey, error) {
	return b.Find(ctx, Ref{KeyID: kid, Algorithm: alg})
}

// Renew implements Source.
func (b byHand) Renew(_ context.Context, r Ref, tried crypto.PublicKey) (crypto.PublicKey, error) {
	keys := b.meant(r)
	for i := range keys {
		if jose.SameKey(keys[i], tried) && i+1 < len(keys) {
			return keys[i+1], nil
		}
	}
	return nil, ErrUnknownKey
}

// Held implements Source.
func (b byHand) Held(r Ref) crypto.PublicKey {
	key, _ := b.Find(context.Background(), r)
	return key
}

// Generation implements Source: fixed keys never change.
func (b byHand) Generation(time.Time) uint64 { return 1 }
