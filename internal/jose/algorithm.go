package jose

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	_ "crypto/sha256"
	_ "crypto/sha512"
	"errors"
	"fmt"

	"github.com/golang-jwt/jwt/v5"
)

// Bounds of RSA keys: RFC 7518 §3.3 demands 2048 bits; what is larger than
// 8192 costs more to verify than a request is worth.
const (
	minRSABits = 2048
	maxRSABits = 8192
)

// maxRSAExponent bounds the work of one verification. The largest value that
// crypto/rsa takes, 2^31-1, is refused too: nothing uses it but to cost time.
const maxRSAExponent = 1<<31 - 2

const generatedRSABits = 2048

type family uint8

const (
	familyRSA family = iota
	familyPSS
	familyECDSA
	familyEd25519
)

type algorithm struct {
	name   string
	family family
	hash   crypto.Hash
	curve  elliptic.Curve
	method jwt.SigningMethod
}

// The stock PS methods take any salt length when they verify; without
// VerifyOptions the length is pinned to that of the hash (RFC 7518 §3.5).
func pss(m *jwt.SigningMethodRSAPSS) jwt.SigningMethod {
	return &jwt.SigningMethodRSAPSS{
		SigningMethodRSA: m.SigningMethodRSA,
		Options:          &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: m.Hash},
	}
}

// EdDSA hashes inside; SHA-512 is what Ed25519 uses and what at_hash and
// c_hash take under it.
var algorithms = [...]algorithm{
	{"RS256", familyRSA, crypto.SHA256, nil, jwt.SigningMethodRS256},
	{"RS384", familyRSA, crypto.SHA384, nil, jwt.SigningMethodRS384},
	{"RS512", familyRSA, crypto.SHA512, nil, jwt.SigningMethodRS512},
	{"PS256", familyPSS, crypto.SHA256, nil, pss(jwt.SigningMethodPS256)},
	{"PS384", familyPSS, crypto.SHA384, nil, pss(jwt.SigningMethodPS384)},
	{"PS512", familyPSS, crypto.SHA512, nil, pss(jwt.SigningMethodPS512)},
	{"ES256", familyECDSA, crypto.SHA256, elliptic.P256(), jwt.SigningMethodES256},
	{"ES384", familyECDSA, crypto.SHA384, elliptic.P384(), jwt.SigningMethodES384},
	{"ES512", familyECDSA, crypto.SHA512, elliptic.P521(), jwt.SigningMethodES512},
	{"EdDSA", familyEd25519, crypto.SHA512, nil, jwt.SigningMethodEdDSA},
}

// Algorithms returns the names of the supported algorithms, all asymmetric.
func Algorithms() []string {
	names := make([]string, len(algorithms))
	for i := range algorithms {
		names[i] = algorithms[i].name
	}
	return names
}

func lookup(name string) *algorithm {
	for i := range algorithms {
		if algorithms[i].name == name {
			return &algorithms[i]
		}
	}
	return nil
}

// CheckKey reports whether a public key may verify signatures under alg: its
// type and curve must be the algorithm's (RFC 7518 §3.4, RFC 8037 §3.1), RSA
// keys have 2048 to 8192 bits, an odd exponent of at least 3 and no mark of
// CVE-2017-15361, and an EC point is on its curve. The error says what is wrong.
func CheckKey(alg string, key crypto.PublicKey) error {
	a := lookup(alg)
	if a == nil {
		return fmt.Errorf("jose: algorithm %q is not supported", alg)
	}
	if err := a.fits(key); err != nil {
		return err
	}
	switch k := key.(type) {
	case *ecdsa.PublicKey:
		if _, err := k.Bytes(); err != nil {
			return fmt.Errorf("jose: point is not on curve %s", k.Curve.Params().Name)
		}
	case *rsa.PublicKey:
		if factorable(k.N) {
			return errors.New("jose: RSA key of a generator known to be broken")
		}
	}
	return nil
}

// fits is the part of CheckKey that is cheap enough for each verification.
// crypto/ecdsa checks the point again by itself.
func (a *algorithm) fits(key crypto.PublicKey) error {
	switch a.family {
	case familyRSA, familyPSS:
		k, ok := key.(*rsa.PublicKey)
		if !ok || k == nil {
			return fmt.Errorf("jose: %s needs an RSA key, not %T", a.name, key)
		}
		return checkRSA(k)
	case familyECDSA:
		k, ok := key.(*ecdsa.PublicKey)
		if !ok || k == nil {
			return fmt.Errorf("jose: %s needs an EC key, not %T", a.name, key)
		}
		// RFC 7518 §3.4: each ES algorithm has one curve
		if k.Curve != a.curve {
			return fmt.Errorf("jose: %s needs curve %s", a.name, a.curve.Params().Name)
		}
		return nil
	default:
		k, ok := key.(ed25519.PublicKey)
		if !ok || len(k) != ed25519.PublicKeySize {
			return fmt.Errorf("jose: %s needs an Ed25519 key", a.name)
		}
		if isSmallOrder(k) {
			return fmt.Errorf("jose: %s needs a key that only its owner can sign with", a.name)
		}
		return nil
	}
}

func checkRSA(k *rsa.PublicKey) error {
	if k.N == nil || k.N.Sign() <= 0 || k.N.Bit(0) == 0 {
		return errors.New("jose: RSA modulus is not odd and positive")
	}
	// RFC 7518 §3.3
	if bits := k.N.BitLen(); bits < minRSABits || bits > maxRSABits {
		return fmt.Errorf("jose: RSA key of %d bits, outside %d to %d", bits, minRSABits, maxRSABits)
	}
	if k.E < 3 || k.E%2 == 0 || k.E > maxRSAExponent {
		return errors.New("jose: RSA exponent is even or out of range")
	}
	return nil
}

// GenerateKey makes a private key for an algorithm: RSA with 2048 bits, the
// algorithm's curve, or Ed25519.
func GenerateKey(alg string) (crypto.Signer, error) {
	a := lookup(alg)
	if a == nil {
		return nil, fmt.Errorf("jose: algorithm %q is not supported", alg)
	}
	switch a.family {
	case familyRSA, familyPSS:
		return rsa.GenerateKey(rand.Reader, generatedRSABits)
	case familyECDSA:
		return ecdsa.GenerateKey(a.curve, rand.Reader)
	default:
		_, key, err := ed25519.GenerateKey(rand.Reader)
		return key, err
	}
}
