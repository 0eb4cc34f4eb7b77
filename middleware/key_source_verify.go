package middleware

import (
	"context"
	"crypto"
	"errors"
	"fmt"

	"github.com/oidckit/oidckit/internal/jose"
	"github.com/oidckit/oidckit/internal/jwks"
)

// verify returns the key that the token's signature verifies with.
func (k *keyring) verify(ctx context.Context, jws *jose.JWS, ref jwks.Ref) (crypto.PublicKey, error) {
	key, err := k.key(ctx, ref)
	if err != nil {
		return nil, err
	}
	bad := jws.Verify(ref.Algorithm, key)
	if bad == nil {
		return key, nil
	}
	// Without a kid the token cannot say that its issuer has another key now
	// (OpenID Connect Core 1.0 §10.1).
	if key, err = k.Renew(ctx, ref, key); err == nil {
		bad = jws.Verify(ref.Algorithm, key)
	} else if !errors.Is(err, jwks.ErrUnknownKey) {
		return nil, k.unavailable(err)
	}
	if bad != nil {
		return nil, errSignature(bad)
	}
	return key, nil
}

// key is Find in the words of a verifier.
func (k *keyring) key(ctx context.Context, ref jwks.Ref) (crypto.PublicKey, error) {
	key, err := k.Find(ctx, ref)
	if errors.Is(err, jwks.ErrUnknownKey) {
		return nil, &TokenError{Claim: "kid", Reason: "no key of the issuer's fits " + quote(ref.KeyID), cause: err}
	}
	if err != nil {
		return nil, k.unavailable(err)
	}
	return key, nil
}

func (k *keyring) unavailable(cause error) error {
	return fmt.Errorf("keys of %s: %w", k.issuer, cause)
}

// untimely is the error for a token outside its lifetime. No key is fetched
// for it. That it has expired is told of a token whose signature verifies,
// and of no other.
func (k *keyring) untimely(jws *jose.JWS, ref jwks.Ref, refusal *TokenError) error {
	key := k.Held(ref)
	if key == nil {
		refusal.cause = nil
		refusal.Reason += "; its signature was not checked"
		return refusal
	}
	if err := jws.Verify(ref.Algorithm, key); err != nil {
		return errSignature(err)
	}
	return refusal
}

func errSignature(cause error) *TokenError {
	return &TokenError{Claim: "signature", Reason: "does not verify", cause: cause}
}
