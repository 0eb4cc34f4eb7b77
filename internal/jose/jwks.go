package jose

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"errors"
	"fmt"
	"math/big"

	"github.com/oidckit/oidckit/internal/strictjson"
)

// maxKeys bounds the work of reading one set; larger ones do not occur.
const maxKeys = 256

var (
	errKey    = errors.New("jose: key is not usable")
	errNoKeys = errors.New("no keys member")
	// ErrKeySet says that a document is no JWK set at all.
	ErrKeySet = errors.New("jose: not a JWK set")
)

// ParseJWKS reads the keys of a JWK set that may verify signatures, in the
// order of the set, and says how many it skipped (RFC 7517 §5): those of an
// unknown type or curve, symmetric or private ones, those for another use,
// invalid or weak ones, those that are no strict JSON in themselves (a member
// that stands twice, a lone surrogate), and all keys that share a kid while an
// algorithm could take either (which of them was meant cannot be known), unless
// each names another issuer. A key that is listed twice is taken once, and a
// member that is null is none. A document that is no set, or no strict JSON
// beside its keys, is an error that wraps ErrKeySet.
func ParseJWKS(data []byte) (keys []JWK, skipped int, err error) {
	keys, skipped, err = readSet(data)
	if errors.Is(err, strictjson.ErrInvalid) {
		if rest, ok := withoutBrokenKeys(data); ok {
			keys, skipped, err = readSet(rest)
		}
	}
	if err != nil {
		return nil, 0, fmt.Errorf("%w: %w", ErrKeySet, err)
	}
	keys, ambiguous := unambiguous(keys)
	return keys, skipped + ambiguous, nil
}

// readSet reads a set that is strict JSON throughout, key by key.
func readSet(data []byte) (keys []JWK, skipped int, err error) {
	found := false
	err = strictjson.Object(data, func(name []byte, v strictjson.Value) error {
		if string(name) != "keys" {
			return nil
		}
		found = true
		total := 0
		return v.Array(func(v strictjson.Value) error {
			if total++; total > maxKeys {
				return fmt.Errorf("more than %d keys", maxKeys)
			}
			k, err := parseJWK(v)
			if err != nil {
				skipped++
				return nil
			}
			keys = append(keys, k)
			return nil
		})
	})
	if err == nil && !found {
		err = errNoKeys
	}
	return keys, skipped, err
}

// unambiguous drops repetitions of a key, which are no fault, and keys that
// contend for a kid, which are counted.
func unambiguous(keys []JWK) (kept []JWK, dropped int) {
	contended := make([]bool, len(keys))
	repeated := make([]bool, len(keys))
	for i := range keys {
		for j := range i {
			switch a, b := &keys[i], &keys[j]; {
			case a.KeyID != b.KeyID:
			case a.Algorithm == b.Algorithm && a.Issuer == b.Issuer && SameKey(a.Key, b.Key):
				repeated[i] = true
			case a.KeyID != "" && contend(a, b):
				contended[i], contended[j] = true, true
			}
		}
	}
	for i := range keys {
		switch {
		case contended[i]:
			dropped++
		case !repeated[i]:
			kept = append(kept, keys[i])
		}
	}
	return kept, dropped
}

func contend(a, b *JWK) bool {
	if SameKey(a.Key, b.Key) || a.Issuer != b.Issuer && a.Issuer != "" && b.Issuer != "" {
		return false
	}
	for i := range algorithms {
		if name := algorithms[i].name; a.Fits(name) && b.Fits(name) {
			return true
		}
	}
	return false
}

// SameKey reports whether two public keys are equal.
func SameKey(a, b crypto.PublicKey) bool {
	k, ok := a.(interface{ Equal(crypto.PublicKey) bool })
	return ok && k.Equal(b)
}

type members struct {
	kty, crv, n, e, x, y string
	keyOps               []string
	hasKeyOps            bool
	jwk                  JWK
}

func parseJWK(v strictjson.Value) (JWK, error) {
	var m members
	if err := strictjson.Object(v, m.member); err != nil {
		return JWK{}, err
	}
	// RFC 7517 §4.2, §4.3
	if m.jwk.Use != "" && m.jwk.Use != "sig" || m.hasKeyOps && !verifies(m.keyOps) {
		return JWK{}, errKey
	}
	// RFC 9864 §2.2
	if m.jwk.Algorithm == "Ed25519" {
		m.jwk.Algorithm = "EdDSA"
	}
	key, err := m.key()
	if err != nil {
		return JWK{}, err
	}
	m.jwk.Key = key
	if m.jwk.Algorithm != "" && !m.jwk.Fits(m.jwk.Algorithm) || !usable(key) {
		return JWK{}, errKey
	}
	return m.jwk, nil
}

func verifies(ops []string) bool {
	found := false
	for i, op := range ops {
		for _, other := range ops[:i] {
			// RFC 7517 §4.3: no value twice
			if op == other {
				return false
			}
		}
		found = found || op == "verify"
	}
	return found
}

func (m *members) member(name []byte, v strictjson.Value) (err error) {
	// some issuers write null for what a key has not got
	if v.Kind() == strictjson.KindNull {
		return nil
	}
	switch string(name) {
	case "kty":
		m.kty, err = v.Text()
	case "crv":
		m.crv, err = v.Text()
	case "n":
		m.n, err = v.Text()
	case "e":
		m.e, err = v.Text()
	case "x":
		m.x, err = v.Text()
	case "y":
		m.y, err = v.Text()
	case "kid":
		m.jwk.KeyID, err = v.Text()
	case "alg":
		m.jwk.Algorithm, err = v.Text()
	case "use":
		if m.jwk.Use, err = v.Text(); err == nil && m.jwk.Use == "" {
			err = errKey
		}
	case "issuer":
		if m.jwk.Issuer, err = v.Text(); err == nil && m.jwk.Issuer == "" {
			err = errKey
		}
	case "key_ops":
		m.hasKeyOps = true
		m.keyOps, err = v.Texts()
	// RFC 7518 §6.2.2, §6.3.2, §6.4: a published secret is no key
	case "d", "p", "q", "dp", "dq", "qi", "oth", "k":
		err = errKey
	}
	return err
}

func (m *members) key() (crypto.PublicKey, error) {
	switch m.kty {
	case "RSA":
		return rsaKey(m.n, m.e)
	case "EC":
		return ecKey(m.crv, m.x, m.y)
	case "OKP":
		x, ok := decodeString(m.x)
		if m.crv != "Ed25519" || !ok || len(x) != ed25519.PublicKeySize {
			return nil, errKey
		}
		return ed25519.PublicKey(x), nil
	default:
		return nil, errKey
	}
}

func rsaKey(n, e string) (crypto.PublicKey, error) {
	modulus, nOK := decodeString(n)
	exponent, eOK := decodeString(e)
	// some issuers write the modulus with a sign octet in front
	modulus = bytes.TrimLeft(modulus, "\x00")
	exponent = bytes.TrimLeft(exponent, "\x00")
	if !nOK || !eOK || len(modulus) > maxRSABits/8 || len(exponent) > 4 {
		return nil, errKey
	}
	key := &rsa.PublicKey{N: new(big.Int).SetBytes(modulus), E: int(new(big.Int).SetBytes(exponent).Int64())}
	return key, checkRSA(key)
}

func ecKey(crv, x, y string) (crypto.PublicKey, error) {
	for i := range algorithms {
		curve := algorithms[i].curve
		if curve == nil || curve.Params().Name != crv {
			continue
		}
		// RFC 7518 §6.2.1.2: the full size, leading zeros and all
		xs, xOK := decodeString(x)
		ys, yOK := decodeString(y)
		if size := coordinateLen(curve); !xOK || !yOK || len(xs) != size || len(ys) != size {
			return nil, errKey
		}
		key, err := ecdsa.ParseUncompressedPublicKey(curve, append(append([]byte{4}, xs...), ys...))
		if err != nil {
			return nil, errKey
		}
		return key, nil
	}
	return nil, errKey
}
