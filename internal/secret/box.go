package secret

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"

	"github.com/oidckit/oidckit"
)

// ErrOpen says that a sealed value was not made by this ring for this purpose
// and place. It says nothing more, on purpose.
var ErrOpen = errors.New("secret: cannot open")

const (
	formatVersion = 1
	keyIDBytes    = 4
	nonceBytes    = 12
	tagBytes      = 16
	headerBytes   = 1 + keyIDBytes
	overhead      = headerBytes + nonceBytes + tagBytes
)

// Box seals and opens values of one purpose. It is safe for concurrent use.
type Box struct{ keys []boxKey }

type boxKey struct {
	id   [keyIDBytes]byte
	aead cipher.AEAD
}

// NewBox returns a box whose keys are derived from the ring for a purpose. It
// panics on an empty ring: constructors refuse one before they come here.
func NewBox(ring oidckit.Secrets, purpose string) *Box {
	if ring.IsZero() {
		panic("secret: empty key ring")
	}
	b := &Box{}
	for _, k := range ring.Derive("seal/"+purpose, 32) {
		b.keys = append(b.keys, newBoxKey(k))
	}
	return b
}

func newBoxKey(key []byte) boxKey {
	block, err := aes.NewCipher(key)
	if err != nil {
		panic("secret: " + err.Error())
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		panic("secret: " + err.Error())
	}
	sum := sha256.Sum256(append([]byte("oidckit key id "), key...))
	return boxKey{id: [keyIDBytes]byte(sum[:keyIDBytes]), aead: aead}
}

// Seal encrypts plain and binds it to aad, which is not kept.
func (b *Box) Seal(plain, aad []byte) []byte { return b.keys[0].seal(plain, aad) }

func (k *boxKey) seal(plain, aad []byte) []byte {
	out := make([]byte, headerBytes+nonceBytes, overhead+len(plain))
	out[0] = formatVersion
	copy(out[1:], k.id[:])
	rand.Read(out[headerBytes:])
	return k.aead.Seal(out, out[headerBytes:], plain, aad)
}

// Open returns what was sealed with the same purpose and aad by any key of
// the ring, or ErrOpen.
func (b *Box) Open(sealed, aad []byte) ([]byte, error) {
	if len(sealed) < overhead || sealed[0] != formatVersion {
		return nil, ErrOpen
	}
	for i := range b.keys {
		if [keyIDBytes]byte(sealed[1:headerBytes]) != b.keys[i].id {
			continue
		}
		plain, err := b.keys[i].aead.Open(nil, sealed[headerBytes:headerBytes+nonceBytes], sealed[headerBytes+nonceBytes:], aad)
		if err == nil {
			return plain, nil
		}
	}
	return nil, ErrOpen
}

// SealText is Seal in base64url, for cookies and URLs.
func (b *Box) SealText(plain []byte, aad string) string {
	return base64.RawURLEncoding.EncodeToString(b.Seal(plain, []byte(aad)))
}

// OpenText is Open for what SealText returned; no other spelling of the same
// bytes is taken.
func (b *Box) OpenText(sealed, aad string) ([]byte, error) {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(sealed)
	// The decoder skips line breaks even when strict.
	if err != nil || base64.RawURLEncoding.EncodedLen(len(raw)) != len(sealed) {
		return nil, ErrOpen
	}
	return b.Open(raw, []byte(aad))
}

// SealUnder seals plain under a key derived from a bearer value, so that only
// who presents that value again can open it.
func SealUnder(token, purpose string, plain []byte) []byte {
	k := tokenKey(token, purpose)
	return k.seal(plain, []byte(purpose))
}

// OpenUnder returns what SealUnder sealed under the same token and purpose,
// or ErrOpen.
func OpenUnder(token, purpose string, sealed []byte) ([]byte, error) {
	b := Box{keys: []boxKey{tokenKey(token, purpose)}}
	return b.Open(sealed, []byte(purpose))
}

func tokenKey(token, purpose string) boxKey {
	key, err := hkdf.Key(sha256.New, []byte(token), nil, "oidckit/token/"+purpose, 32)
	if err != nil {
		panic("secret: " + err.Error())
	}
	return newBoxKey(key)
}
