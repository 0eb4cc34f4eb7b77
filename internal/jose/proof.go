package jose

import (
	"crypto"
	"fmt"

	"github.com/oidckit/oidckit/internal/strictjson"
)

// ParseProof is Parse for the one kind of token that brings its key along: a
// proof of possession (RFC 9449 §4.2), whose header has the public key as jwk
// (RFC 7515 §4.1.3). The key fits the header's alg and is as ParseJWKS takes
// keys: public, sound, for signatures. That the proof was signed with it is
// for Verify to say, and whose key it is for the caller: anybody can make one.
// Errors wrap ErrMalformed.
func ParseProof(compact string) (*JWS, crypto.PublicKey, error) {
	j, header, err := split(compact)
	if err != nil {
		return nil, nil, err
	}
	var embedded strictjson.Value
	err = j.Header.parse(header, func(name []byte, v strictjson.Value) error {
		if string(name) == "jwk" {
			embedded = v
			return nil
		}
		return j.Header.member(name, v)
	})
	if err != nil {
		return nil, nil, fmt.Errorf("%w: header: %w", ErrMalformed, err)
	}
	k, err := parseJWK(embedded)
	if err != nil {
		return nil, nil, fmt.Errorf("%w: jwk: %w", ErrMalformed, err)
	}
	if !k.Fits(j.Header.Algorithm) {
		return nil, nil, fmt.Errorf("%w: jwk: the key does not fit alg", ErrMalformed)
	}
	return j, k.Key, nil
}
