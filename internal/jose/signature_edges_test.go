package jose

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"encoding/asn1"
	"encoding/base64"
	"errors"
	"math/big"
	"slices"
	"strings"
	"testing"
)

// ATK-062: signatures at the edges of what their algorithms allow, built from
// the numbers that make them. A row that is good shows that the others fail for
// what was done to them.

// edge is a signature, and whether it is one.
type edge struct {
	name string
	sig  []byte
	good bool
}

// runEdges puts each signature behind the same signed text.
func runEdges(t *testing.T, alg, input string, key crypto.PublicKey, edges []edge) {
	t.Helper()
	for _, e := range edges {
		j, err := Parse(input + "." + b64(string(e.sig)))
		if err == nil {
			err = j.Verify(alg, key)
		}
		if e.good != (err == nil) {
			t.Errorf("ATK-062 %s, %s: %v", alg, e.name, err)
		}
		if !e.good && err != nil && !errors.Is(err, ErrSignature) && !errors.Is(err, ErrMalformed) {
			t.Errorf("ATK-062 %s, %s: %v is of no known kind", alg, e.name, err)
		}
	}
}

// signedText returns a token's first two parts and its signature.
func signedText(t *testing.T, alg string) (input string, sig []byte, key crypto.Signer) {
	t.Helper()
	token, key := sign(t, alg)
	dot := strings.LastIndexByte(token, '.')
	sig, err := base64.RawURLEncoding.DecodeString(token[dot+1:])
	if err != nil {
		t.Fatal(err)
	}
	return token[:dot], sig, key
}

func digestOf(hash crypto.Hash, text string) []byte {
	h := hash.New()
	h.Write([]byte(text))
	return h.Sum(nil)
}

// shifted returns n + d*by, for the neighbours of a number.
func shifted(n *big.Int, d int64, by *big.Int) *big.Int {
	return new(big.Int).Add(n, new(big.Int).Mul(big.NewInt(d), by))
}

func TestSignatureEdgesECDSA(t *testing.T) {
	for _, alg := range []string{"ES256", "ES384", "ES512"} {
		input, sig, signer := signedText(t, alg)
		key := signer.Public().(*ecdsa.PublicKey)
		n, size := key.Params().N, len(sig)/2
		r, s := new(big.Int).SetBytes(sig[:size]), new(big.Int).SetBytes(sig[size:])
		wrap := new(big.Int).Lsh(big.NewInt(1), uint(8*size))
		// Numbers too large for their place lose what does not fit.
		pair := func(r, s *big.Int) []byte {
			out := make([]byte, 2*size)
			new(big.Int).Mod(r, wrap).FillBytes(out[:size])
			new(big.Int).Mod(s, wrap).FillBytes(out[size:])
			return out
		}
		der, err := asn1.Marshal(struct{ R, S *big.Int }{r, s})
		if err != nil {
			t.Fatal(err)
		}
		zero, one := new(big.Int), big.NewInt(1)
		edges := []edge{
			{"as it was made", pair(r, s), true},
			// ATK-018: known, and why replays are told by jti.
			{"s replaced by n-s", pair(r, shifted(n, -1, s)), true},
			{"r = s", pair(r, r), false},
			{"r and s swapped", pair(s, r), false},
			{"r replaced by n-r", pair(shifted(n, -1, r), s), false},
			{"the inverse of s", pair(r, new(big.Int).ModInverse(s, n)), false},
			{"r+n", pair(shifted(r, 1, n), s), false},
			{"s+n", pair(r, shifted(s, 1, n)), false},
			{"r-n, as two's complement", pair(shifted(r, -1, n), s), false},
			{"-s, as two's complement", pair(r, new(big.Int).Neg(s)), false},
			{"r+1", pair(shifted(r, 1, one), s), false},
			{"s-1", pair(r, shifted(s, -1, one)), false},
			{"DER", der, false},
			{"DER, filled to length", append(bytes.Clone(der), make([]byte, max(0, 2*size-len(der)))...)[:max(2*size, len(der))], false},
			{"r without its first byte", append(bytes.Clone(sig[1:size]), sig[size:]...), false},
			{"a zero before r", append([]byte{0}, sig...), false},
			{"a zero before r and before s", slices.Concat([]byte{0}, sig[:size], []byte{0}, sig[size:]), false},
			{"a zero after", append(bytes.Clone(sig), 0), false},
			{"two signatures", append(bytes.Clone(sig), sig...), false},
			{"one number", sig[:size], false},
			{"one byte", sig[:1], false},
			{"as long as a further one", append(make([]byte, size), sig...), false},
		}
		values := map[string]*big.Int{"0": zero, "1": one, "n-1": shifted(n, -1, one), "n": n, "n+1": shifted(n, 1, one),
			"p": key.Params().P, "all ones": shifted(wrap, -1, one), "half": new(big.Int).Rsh(n, 1)}
		for a, x := range values {
			edges = append(edges, edge{"r = " + a, pair(x, s), false}, edge{"s = " + a, pair(r, x), false})
			for b, y := range values {
				edges = append(edges, edge{"r = " + a + ", s = " + b, pair(x, y), false})
			}
		}
		runEdges(t, alg, input, key, edges)
		runEdges(t, alg, input+"A", key, []edge{{"of another text", sig, false}})
	}
}

// A digest that the algorithm does not name.
func TestSignatureEdgesOfAnotherHash(t *testing.T) {
	input, _, signer := signedText(t, "ES256")
	key := signer.(*ecdsa.PrivateKey)
	for hash, good := range map[crypto.Hash]bool{crypto.SHA256: true, crypto.SHA384: false, crypto.SHA512: false, crypto.SHA1: false} {
		r, s, err := ecdsa.Sign(rand.Reader, key, digestOf(hash, input))
		if err != nil {
			t.Fatal(err)
		}
		sig := make([]byte, 64)
		r.FillBytes(sig[:32])
		s.FillBytes(sig[32:])
		runEdges(t, "ES256", input, key.Public(), []edge{{"digest of " + hash.String(), sig, good}})
	}
}

// edwardsL is the order of the base point of edwards25519 (RFC 8032 §5.1).
func edwardsL() *big.Int {
	l, _ := new(big.Int).SetString("27742317777372353535851937790883648493", 10)
	return l.Add(l, new(big.Int).Lsh(big.NewInt(1), 252))
}

func littleEndian(n *big.Int) []byte {
	out := make([]byte, 32)
	n.FillBytes(out)
	slices.Reverse(out)
	return out
}

func TestSignatureEdgesEdDSA(t *testing.T) {
	input, sig, signer := signedText(t, "EdDSA")
	point, scalar := sig[:32], bytes.Clone(sig[32:])
	slices.Reverse(scalar)
	s, l := new(big.Int).SetBytes(scalar), edwardsL()
	with := func(r []byte, s *big.Int) []byte { return append(bytes.Clone(r), littleEndian(s)...) }
	flipped := bytes.Clone(sig)
	flipped[31] ^= 0x80
	high := bytes.Clone(sig)
	high[63] |= 0xe0
	edges := []edge{
		{"as it was made", sig, true},
		{"RFC 8032 §5.1.7 S+L", with(point, shifted(s, 1, l)), false},
		{"S+2L", with(point, shifted(s, 2, l)), false},
		{"S = L", with(point, l), false},
		{"S = 0", with(point, new(big.Int)), false},
		{"S = L-S", with(point, shifted(l, -1, s)), false},
		{"high bits of S", high, false},
		{"the sign of R", flipped, false},
		{"R and S swapped", append(bytes.Clone(sig[32:]), sig[:32]...), false},
		{"R of the base point", append([]byte{0x58}, append(bytes.Repeat([]byte{0x66}, 31), sig[32:]...)...), false},
		{"zeros", make([]byte, 64), false},
		{"short", sig[:63], false},
		{"long", append(bytes.Clone(sig), 0), false},
		{"a zero before", append([]byte{0}, sig...), false},
		{"R alone", sig[:32], false},
	}
	for i := range smallOrder {
		edges = append(edges, edge{"R of small order", append(bytes.Clone(smallOrder[i][:]), sig[32:]...), false},
			edge{"R of small order, S = 0", append(bytes.Clone(smallOrder[i][:]), make([]byte, 32)...), false})
	}
	runEdges(t, "EdDSA", input, signer.Public(), edges)
	runEdges(t, "EdDSA", input+"A", signer.Public(), []edge{{"of another text", sig, false}})
}

// Under a key of small order a signature without a secret verifies, sooner or
// later: crypto/ed25519 takes it, and so no such key is taken.
func TestKeysOfSmallOrder(t *testing.T) {
	taken := 0
	for i := range smallOrder {
		for _, sign := range []byte{0, 0x80} {
			key := ed25519.PublicKey(bytes.Clone(smallOrder[i][:]))
			key[31] |= sign
			if err := CheckKey("EdDSA", key); err == nil {
				t.Errorf("ATK-062 %x is taken", key)
			}
			if set, skipped, err := ParseJWKS(setOf(t, object{"kty": "OKP", "crv": "Ed25519", "x": b64(string(key))}, keyObject(t, testKey(t, "EdDSA", "").Public(), nil))); err != nil || len(set) != 1 || skipped != 1 {
				t.Errorf("ATK-062 %x in a set: %d keys, %d skipped, %v", key, len(set), skipped, err)
			}
			if forgedUnder(key) {
				taken++
			}
			for n := range 16 {
				input := b64(`{"alg":"EdDSA"}`) + "." + b64(strings.Repeat("x", n+1))
				for r := range smallOrder {
					runEdges(t, "EdDSA", input, key, []edge{{"forged", append(bytes.Clone(smallOrder[r][:]), make([]byte, 32)...), false}})
				}
			}
		}
	}
	if taken < 8 {
		t.Errorf("crypto/ed25519 takes forgeries under %d of the keys: they are not what they are meant to be", taken)
	}
}

// forgedUnder tries R of small order with S = 0 on texts until one verifies.
func forgedUnder(key ed25519.PublicKey) bool {
	for n := range 64 {
		for r := range smallOrder {
			for _, sign := range []byte{0, 0x80} {
				sig := append(bytes.Clone(smallOrder[r][:]), make([]byte, 32)...)
				sig[31] |= sign
				if ed25519.Verify(key, bytes.Repeat([]byte{'x'}, n), sig) {
					return true
				}
			}
		}
	}
	return false
}

// No y that has no point, and no length but one, is a key.
func TestKeysOffEdwardsCurve(t *testing.T) {
	input, sig, _ := signedText(t, "EdDSA")
	for y := byte(2); y < 60; y++ {
		key := make(ed25519.PublicKey, 32)
		key[0] = y
		runEdges(t, "EdDSA", input, key, []edge{{"under a made-up key", sig, false}})
	}
	for _, size := range []int{0, 1, 31, 33, 64} {
		runEdges(t, "EdDSA", input, make(ed25519.PublicKey, size), []edge{{"under a key of another length", sig, false}})
	}
	runEdges(t, "EdDSA", input, ed25519.PublicKey(nil), []edge{{"under no key", sig, false}})
	runEdges(t, "RS256", input, (*rsa.PublicKey)(nil), []edge{{"under no key", sig, false}})
}
