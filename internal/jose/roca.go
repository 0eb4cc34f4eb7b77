package jose

import "math/big"

// The primes whose residues give away a modulus from the flawed generator of
// CVE-2017-15361.
var rocaPrimes = [...]uint64{
	3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97,
	101, 103, 107, 109, 113, 127, 131, 137, 139, 149, 151, 157, 163, 167,
}

// factorable reports whether an RSA modulus has the mark of that generator:
// modulo each small prime it is a power of 65537. A sound modulus has it by
// chance about once in 2^154.
func factorable(n *big.Int) bool {
	var r, m big.Int
	for _, p := range rocaPrimes {
		residue := r.Mod(n, m.SetUint64(p)).Uint64()
		power, found := uint64(1), false
		for range p {
			found = found || power == residue
			power = power * 65537 % p
		}
		if !found {
			return false
		}
	}
	return true
}
