package dpop

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/secret"
)

// nonceBytes is how much of a MAC stands in a nonce.
const nonceBytes = 24

// Nonces makes and knows the nonces of a server (RFC 9449 §8, §9) without
// keeping any: a nonce is a MAC of the time slice in which it is handed out,
// so that replicas that share a key ring share their nonces. It is immutable
// and safe for concurrent use.
type Nonces struct {
	keys  [][]byte
	slice int64
}

// NewNonces returns the nonces of a key ring for one purpose: those of an
// issuer are no use at an API. A nonce is accepted for at least lifetime and at
// most twice as long; a lifetime below a second is one second.
func NewNonces(ring oidckit.Secrets, purpose string, lifetime time.Duration) *Nonces {
	return &Nonces{keys: ring.Derive("dpop nonce/"+purpose, sha256.Size), slice: max(1, int64(lifetime/time.Second))}
}

// Current returns the nonce to hand out now.
func (n *Nonces) Current(now time.Time) string { return nonce(n.keys[0], now.Unix()/n.slice) }

// Check reports whether a nonce is accepted now, and whether it is the one
// that Current hands out, so that the client needs no newer one.
func (n *Nonces) Check(got string, now time.Time) (ok, current bool) {
	slice := now.Unix() / n.slice
	for i, key := range n.keys {
		// the next slice too: another replica's clock may be ahead
		for _, at := range [...]int64{slice, slice - 1, slice + 1} {
			if secret.Equal(got, nonce(key, at)) {
				return true, i == 0 && at >= slice
			}
		}
	}
	return false, false
}

func nonce(key []byte, slice int64) string {
	mac := hmac.New(sha256.New, key)
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], uint64(slice))
	mac.Write(b[:])
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil)[:nonceBytes])
}
