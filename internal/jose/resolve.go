package jose

import (
	"crypto"
	"fmt"

	"github.com/golang-jwt/jwt/v5"
)

// Resolve asks a key function as golang-jwt defines it for the key of a token
// with this alg and kid. An empty kid is asked for as such: a key function
// that sees no kid at all may answer with every key it has.
func Resolve(f jwt.Keyfunc, h Header) (crypto.PublicKey, error) {
	key, err := f(&jwt.Token{Header: map[string]any{"alg": h.Algorithm, "kid": h.KeyID}})
	if err != nil {
		return nil, fmt.Errorf("jose: resolving a key: %w", err)
	}
	if err := CheckKey(h.Algorithm, key); err != nil {
		return nil, err
	}
	return key, nil
}
