package secret

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
)

// tokenBytes gives 256 bits, over the 128 that RFC 6749 §10.10 demands.
const tokenBytes = 32

// Token returns a new bearer value: 43 characters of base64url.
func Token() string {
	var b [tokenBytes]byte
	rand.Read(b[:])
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// ID returns a new identifier that is unique and unguessable but not itself a
// credential: 22 characters of base64url.
func ID() string {
	var b [16]byte
	rand.Read(b[:])
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// Equal compares two secrets in a time that depends on neither of them nor on
// where they differ.
func Equal(a, b string) bool {
	ha, hb := sha256.Sum256([]byte(a)), sha256.Sum256([]byte(b))
	return subtle.ConstantTimeCompare(ha[:], hb[:]) == 1
}
