package jose

import (
	"crypto/rsa"
	"math/big"
	"testing"
)

// TestFactorableKeysAreRefused has ATK-061. A modulus with the mark is made as
// the flawed generator makes its primes: k·M + 65537^a mod M.
func TestFactorableKeysAreRefused(t *testing.T) {
	m := big.NewInt(2)
	for _, p := range rocaPrimes {
		m.Mul(m, new(big.Int).SetUint64(p))
	}
	n := new(big.Int).Exp(big.NewInt(65537), big.NewInt(123456789), m)
	k := new(big.Int).Lsh(big.NewInt(1), 2048-uint(m.BitLen()))
	n.Add(n, k.Mul(k, m))
	key := &rsa.PublicKey{N: n, E: 65537}
	if err := checkRSA(key); err != nil {
		t.Fatalf("the key fails for another reason: %v", err)
	}
	if err := CheckKey("RS256", key); err == nil {
		t.Error("CheckKey took it")
	}
	keys, skipped, err := ParseJWKS(setOf(t, keyObject(t, key, object{"kid": "1"})))
	if err != nil || len(keys) != 0 || skipped != 1 {
		t.Errorf("%+v, %d skipped, %v", keys, skipped, err)
	}
	key.N = new(big.Int).Add(n, big.NewInt(2))
	if err := CheckKey("RS256", key); err != nil {
		t.Errorf("a neighbour without the mark: %v", err)
	}
}
