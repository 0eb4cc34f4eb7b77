package opstore

import (
	"context"
	"time"
)

// SigningKey is one of the issuer's keys. Its state follows from its times:
// published before ActiveAt (next), signing until RetireAt (active),
// published until ExpiresAt (retired).
type SigningKey struct {
	// ID is the kid, and the key of the record.
	ID string
	// Algorithm is the JWS alg the key signs with.
	Algorithm string
	// Generation counts the keys of one algorithm from 1. Only one key can
	// have it, so of replicas that rotate at once one wins.
	Generation int64
	// SealedKey is the PKCS #8 private key, sealed.
	SealedKey []byte
	CreatedAt time.Time
	ActiveAt  time.Time
	RetireAt  time.Time
	ExpiresAt time.Time
}

// Keys keeps signing keys.
type Keys interface {
	// CreateKey stores a new key. It returns ErrConflict where the ID, or the
	// generation of its algorithm, is taken.
	CreateKey(ctx context.Context, k *SigningKey) error
	// Keys returns all keys that have not expired, by algorithm and
	// generation.
	Keys(ctx context.Context) ([]SigningKey, error)
	// DeleteKey removes a key. It returns ErrNotFound where there is none.
	// Its generation stays taken, as an expired key's does.
	DeleteKey(ctx context.Context, id string) error
}
