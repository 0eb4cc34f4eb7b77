package jose

import (
	"crypto/ed25519"
	"encoding/hex"
)

// smallOrder holds the encodings of the y coordinates of edwards25519's points
// whose order divides 8, without the sign of x: 1, -1, 0, those of order 8, and
// the first and the third once more as numbers that are not reduced.
var smallOrder = func() (encodings [7][ed25519.PublicKeySize]byte) {
	for i, text := range [...]string{
		"0100000000000000000000000000000000000000000000000000000000000000",
		"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"0000000000000000000000000000000000000000000000000000000000000000",
		"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
		"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
		"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	} {
		if _, err := hex.Decode(encodings[i][:], []byte(text)); err != nil {
			panic("jose: " + err.Error())
		}
	}
	return encodings
}()

// isSmallOrder reports whether an Ed25519 key is a point under which anyone can
// sign (RFC 8032 §5.1.7 leaves it to who takes keys from others): a signature of
// zeros verifies for one message in eight, or for every one.
func isSmallOrder(key ed25519.PublicKey) bool {
	y := [ed25519.PublicKeySize]byte(key)
	y[len(y)-1] &= 0x7f
	for i := range smallOrder {
		if y == smallOrder[i] {
			return true
		}
	}
	return false
}
