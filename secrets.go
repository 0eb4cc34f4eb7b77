package oidckit

import (
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
)

// minSecretBytes is the least entropy a ring's key may bring.
const minSecretBytes = 32

// Secrets is the key ring from which everything that is sealed or bound is
// derived: cookies, waiting requests, signing keys and tokens at rest. The
// first key seals, all of them open: put a new key in front to rotate, and
// drop the old one when what it sealed has expired. Replicas share the ring;
// it is never kept in the database it protects.
//
// The zero value holds no key and is refused by every constructor. Secrets
// prints as a fixed text, never as its keys.
type Secrets struct {
	// keys is a function, so that printing a struct in which Secrets is an
	// unexported field shows an address: such fields are printed without
	// their methods.
	keys func() [][]byte
}

// NewSecrets returns a ring of keys, each at least 32 bytes from a
// cryptographic random source.
func NewSecrets(keys ...[]byte) (Secrets, error) {
	if len(keys) == 0 {
		return Secrets{}, errors.New("oidckit: Secrets needs at least one key")
	}
	ring := make([][]byte, 0, len(keys))
	for i, k := range keys {
		if len(k) < minSecretBytes {
			return Secrets{}, fmt.Errorf("oidckit: Secrets key %d has %d bytes, needs %d or more", i+1, len(k), minSecretBytes)
		}
		ring = append(ring, append([]byte(nil), k...))
	}
	return Secrets{func() [][]byte { return ring }}, nil
}

// ParseSecrets reads a ring from text: keys separated by commas or white
// space, the sealing one first. It is the form of a secret file or an
// environment variable. A key is taken as the bytes it is written in, so any
// encoding of at least 32 random characters will do; GenerateSecret makes one.
func ParseSecrets(text string) (Secrets, error) {
	fields := strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune(", \t\r\n", r) })
	keys := make([][]byte, 0, len(fields))
	for _, f := range fields {
		keys = append(keys, []byte(f))
	}
	return NewSecrets(keys...)
}

// GenerateSecret returns the text of a new random key, for ParseSecrets.
func GenerateSecret() string {
	k := make([]byte, minSecretBytes)
	rand.Read(k)
	return base64.RawURLEncoding.EncodeToString(k)
}

// IsZero reports whether the ring holds no key.
func (s Secrets) IsZero() bool { return s.keys == nil }

// Derive returns one key of length bytes for each key of the ring, in the
// ring's order, bound to purpose (HKDF with SHA-256, RFC 5869). Different
// purposes never share a key. It panics when length is beyond what HKDF gives
// (8160 bytes).
func (s Secrets) Derive(purpose string, length int) [][]byte {
	if s.IsZero() {
		return nil
	}
	keys := s.keys()
	out := make([][]byte, len(keys))
	for i, k := range keys {
		d, err := hkdf.Key(sha256.New, k, nil, "oidckit/"+purpose, length)
		if err != nil {
			panic("oidckit: " + err.Error())
		}
		out[i] = d
	}
	return out
}

const redacted = "oidckit.Secrets(redacted)"

// String returns a fixed text.
func (Secrets) String() string { return redacted }

// GoString returns a fixed text.
func (Secrets) GoString() string { return redacted }

// Format writes a fixed text for every verb.
func (Secrets) Format(f fmt.State, _ rune) { fmt.Fprint(f, redacted) }

// MarshalText refuses to put a ring into a document.
func (Secrets) MarshalText() ([]byte, error) {
	return nil, errors.New("oidckit: Secrets are not written")
}
