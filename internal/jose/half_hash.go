package jose

import (
	"encoding/base64"
	"fmt"
)

// HalfHash returns the value of at_hash or c_hash: the left half of the hash
// that goes with the ID token's algorithm, over an access token or a code
// (OpenID Connect Core 1.0 §3.1.3.6, §3.3.2.11).
func HalfHash(alg, value string) (string, error) {
	a := lookup(alg)
	if a == nil {
		return "", fmt.Errorf("jose: algorithm %q is not supported", alg)
	}
	h := a.hash.New()
	h.Write([]byte(value))
	sum := h.Sum(nil)
	return base64.RawURLEncoding.EncodeToString(sum[:len(sum)/2]), nil
}
