package oidckit

import (
	"crypto/sha256"
	"encoding/base64"
)

// TokenHash is the SHA-256 of a bearer value: a code, a refresh token, a
// session handle. Stores see bearer values in this form only, so what leaks
// from a database opens nothing.
type TokenHash [sha256.Size]byte

// HashToken returns the hash of a bearer value of high entropy. It is not for
// passwords.
func HashToken(token string) TokenHash { return sha256.Sum256([]byte(token)) }

// String returns the hash in base64url, for use as a column or key.
func (h TokenHash) String() string { return base64.RawURLEncoding.EncodeToString(h[:]) }

// IsZero reports whether no hash was set.
func (h TokenHash) IsZero() bool { return h == TokenHash{} }
